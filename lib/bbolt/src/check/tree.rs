//! The shape of the trees: which pages may be followed, and the words for those that may not.

use crate::codes;
use crate::db::Db;
use crate::page::{Page, PageType, Pgid};
use located::Error;
use located::Place;
use located::{Finding, Sink};

fn place_of(db: &Db<'_>, pgid: Pgid) -> Place {
    Place::at(db.file().file(), pgid.0.saturating_mul(db.page_size())).on_page(pgid.0)
}

fn ids(stack: &[Pgid]) -> impl Iterator<Item = u64> + '_ {
    stack.iter().map(|pgid| pgid.0)
}

/// The page below a pointer, and what is wrong with it; an error where it must not be followed.
///
/// A page whose header has another id is followed only if its keys lie in its parent's range: then the id is what was
/// damaged, not the content.
pub(crate) fn page_to_follow<'a>(
    db: &Db<'a>,
    pgid: Pgid,
    bounds: (Option<&[u8]>, Option<&[u8]>),
    stack: &[Pgid],
) -> Result<(Page<'a>, Option<Finding>), Box<Finding>> {
    let place = place_of(db, pgid);
    let hwm = db.meta().high_water_mark;
    let refuse =
        |code, message: String| Finding::new(code, place.clone(), message).stack(ids(stack));
    if pgid.0 < 2 {
        return Err(Box::new(refuse(
            &codes::PAGE_OUT_OF_RANGE,
            format!("a pointer leads to page {pgid}, a meta page"),
        )));
    }
    let Ok(page) = db.page(pgid) else {
        let (code, what) = if pgid < hwm {
            (&codes::FILE_SHORT, "beyond the end of the file")
        } else {
            (
                &codes::PAGE_OUT_OF_RANGE,
                "beyond the high-water mark and the end of the file",
            )
        };
        return Err(Box::new(refuse(code, format!("page {pgid} lies {what}"))));
    };
    let kind = page.header.page_type();
    let is_node = matches!(kind, Some(PageType::Branch | PageType::Leaf));
    if pgid >= hwm {
        let finding = refuse(
            &codes::PAGE_OUT_OF_RANGE,
            format!("page {pgid} lies at or above the high-water mark {hwm}"),
        )
        .seen(pgid.to_string(), format!("less than {hwm}"));
        // A node in its right place: then the mark is what was damaged, not the pointer.
        return if is_node && page.header.id == pgid {
            Ok((page, Some(finding)))
        } else {
            Err(Box::new(finding))
        };
    }
    if !is_node {
        let message = match kind {
            Some(kind) => format!("page {pgid} in a tree is a {} page", kind.as_str()),
            None => format!("page {pgid} has flags {:#x}", page.header.flags),
        };
        let expected = "0x1 (branch) or 0x2 (leaf)";
        let code = if page.header.id == pgid {
            &codes::PAGE_TYPE
        } else {
            &codes::PAGE_ID
        };
        return Err(Box::new(refuse(code, message).seen(
            format!("id {} flags {:#x}", page.header.id, page.header.flags),
            expected,
        )));
    }
    if page.header.id != pgid {
        let finding = refuse(
            &codes::PAGE_ID,
            format!("page {pgid} says it is page {}", page.header.id),
        )
        .seen(page.header.id.to_string(), pgid.to_string());
        return if keys_fit(&page, bounds) {
            Ok((page, Some(finding)))
        } else {
            Err(Box::new(finding))
        };
    }
    Ok((page, None))
}

fn keys_fit(page: &Page<'_>, (lower, upper): (Option<&[u8]>, Option<&[u8]>)) -> bool {
    let key = |index: usize| match page.header.page_type() {
        Some(PageType::Branch) => page.child(index).ok().map(|child| child.key),
        _ => page.item(index).ok().map(|item| item.key),
    };
    let (Some(first), Some(last)) = (key(0), page.count().checked_sub(1).and_then(key)) else {
        return false;
    };
    first <= last
        && lower.is_none_or(|lower| first >= lower)
        && upper.is_none_or(|upper| last < upper)
}

/// A page that a tree reaches a second time: a cycle, or two parents.
pub(crate) fn page_entered_twice(db: &Db<'_>, pgid: Pgid, stack: &[Pgid]) -> Finding {
    let message = if stack.contains(&pgid) {
        format!("page {pgid} is its own ancestor: the tree has a cycle")
    } else {
        format!("page {pgid} is referenced twice in one tree")
    };
    Finding::new(&codes::PAGE_SHARED, place_of(db, pgid), message).stack(ids(stack))
}

/// The depth bound was reached.
pub(crate) fn tree_too_deep(db: &Db<'_>, pgid: Pgid, stack: &[Pgid]) -> Finding {
    let message = format!(
        "more than {} branch pages lead to page {pgid}",
        db.tree_depth()
    );
    Finding::new(&codes::TREE_DEPTH, place_of(db, pgid), message).stack(ids(stack))
}

/// An element that cannot be read; the others of its page are.
pub(crate) fn element_unreadable(page: &Page<'_>, error: &Error) -> Finding {
    let place = error
        .place()
        .cloned()
        .unwrap_or_else(|| page.bytes.place(0))
        .on_page(page.pgid.0);
    Finding::new(
        &codes::ELEMENT,
        place,
        format!("page {}: {error}", page.pgid),
    )
}

/// A page that two trees, or two pages of one tree, claim.
pub(super) fn page_shared(db: &Db<'_>, bucket: &str, page: &Page<'_>, shared: Pgid) -> Finding {
    let message = if shared == page.pgid {
        format!(
            "page {shared} of bucket {bucket} belongs to another page's overflow run or to another tree"
        )
    } else {
        format!(
            "page {shared} belongs to the overflow run of page {} and to another page",
            page.pgid
        )
    };
    Finding::new(&codes::PAGE_SHARED, place_of(db, shared), message)
}

/// An overflow run that ends where no page is.
pub(super) fn overflow_beyond(db: &Db<'_>, page: &Page<'_>) -> Option<Finding> {
    let last = page.pgid.0.saturating_add(u64::from(page.header.overflow));
    let beyond = page.pgid < db.meta().high_water_mark && last >= db.meta().high_water_mark.0;
    (beyond || page.missing_bytes > 0).then(|| {
        let message = format!("page {} claims the pages up to {last}", page.pgid);
        Finding::new(&codes::OVERFLOW, place_of(db, page.pgid), message).seen(
            page.header.overflow.to_string(),
            format!("pages below {}", db.pages()),
        )
    })
}

/// A leaf without elements that is no root: bbolt removes such pages.
pub(super) fn empty_leaf(db: &Db<'_>, page: &Page<'_>) -> Finding {
    let message = format!(
        "leaf page {} has no elements although it is not a root",
        page.pgid
    );
    Finding::new(&codes::ELEMENT, place_of(db, page.pgid), message)
}

/// A bucket whose sequence was used; etcd never does.
pub(super) fn foreign_sequence(db: &Db<'_>, name: &[u8], sequence: u64) -> Finding {
    let message = format!(
        "bucket {} has sequence {sequence}; etcd leaves it 0",
        String::from_utf8_lossy(name)
    );
    Finding::new(
        &codes::FOREIGN_BUCKET,
        place_of(db, db.meta().root),
        message,
    )
}

/// BOLT-019: elements of the root that are not buckets.
pub(super) fn root_values(db: &Db<'_>, sink: &mut Sink<'_>) {
    let mut values = Vec::new();
    db.root().for_each(&mut |_| {}, &mut |item| {
        if !item.is_bucket() {
            values.push((item.page, item.key));
        }
    });
    for (page, key) in values {
        let message = format!(
            "the root bucket holds a value, {:?}",
            String::from_utf8_lossy(key)
        );
        sink(Finding::new(
            &codes::FOREIGN_BUCKET,
            place_of(db, page),
            message,
        ));
    }
}
