//! The shape of the trees: which pages are followed, and the findings about those that are not.

use crate::codes;
use crate::db::Db;
use crate::page::{Page, PageType, Pgid};
use located::Error;
use located::Place;
use located::codes::Code;
use located::{Finding, Sink, reported_by};

fn place_of(db: &Db<'_>, pgid: Pgid) -> Place {
    Place::at(db.file().file(), pgid.0.saturating_mul(db.page_size())).on_page(pgid.0)
}

fn ids(stack: &[Pgid]) -> impl Iterator<Item = u64> + '_ {
    stack.iter().map(|pgid| pgid.0)
}

/// Returns the page that a pointer references, and what is wrong with it; an error if it must not be followed.
///
/// A page whose header has another id is followed only if its keys are within the range of its parent: then the id is
/// damaged, and not the content. bbolt panics at both: FastCheck in internal/common/page.go, v1.4.3.
pub(crate) fn page_to_follow<'a>(
    db: &Db<'a>,
    pgid: Pgid,
    bounds: (Option<&[u8]>, Option<&[u8]>),
    stack: &[Pgid],
) -> Result<(Page<'a>, Option<Finding>), Box<Finding>> {
    let place = place_of(db, pgid);
    let hwm = db.meta().high_water_mark;
    let refuse = |code: &'static Code, message: String| {
        Finding::new(code, place.clone(), message).stack(ids(stack))
    };
    if pgid.0 < 2 {
        return Err(Box::new(refuse(
            &codes::PAGE_OUT_OF_RANGE,
            format!("a pointer references page {pgid}, a meta page"),
        )));
    }
    let Ok(page) = db.page(pgid) else {
        let message = format!("page {pgid} is beyond the end of the file");
        return Err(Box::new(if pgid < hwm {
            refuse(&codes::FILE_SHORT, message)
        } else {
            let message = format!("{message} and the high-water mark {hwm}");
            refuse(&codes::PAGE_OUT_OF_RANGE, message)
        }));
    };
    let kind = page.header.page_type();
    let is_node = matches!(kind, Some(PageType::Branch | PageType::Leaf));
    if pgid >= hwm {
        let finding = refuse(
            &codes::PAGE_OUT_OF_RANGE,
            format!("page {pgid} is at or above the high-water mark {hwm}"),
        )
        .seen(pgid.to_string(), format!("less than {hwm}"));
        // A branch or leaf with its own id at this position: the high-water mark is damaged, and not the pointer.
        return if is_node && page.header.id == pgid {
            Ok((page, Some(finding)))
        } else {
            Err(Box::new(finding))
        };
    }
    if !is_node {
        return Err(Box::new(not_a_node(&page, refuse)));
    }
    // Id 0 with zeros after it is a lost extent: ext4 with fast commits lost them in Linux 5.10 to 5.16 (bbolt#562).
    if page.header.id != pgid {
        let finding = refuse(
            &codes::PAGE_ID,
            format!("page {pgid} identifies itself as page {}", page.header.id),
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

/// Reports a page of a tree that is neither a branch nor a leaf.
fn not_a_node(page: &Page<'_>, refuse: impl Fn(&'static Code, String) -> Finding) -> Finding {
    let (pgid, header) = (page.pgid, page.header);
    let message = match header.page_type() {
        Some(kind) => format!("page {pgid} of a tree is a {} page", kind.as_str()),
        None => format!("page {pgid} of a tree has flags {:#x}", header.flags),
    };
    let code = if header.id == pgid {
        &codes::PAGE_TYPE
    } else {
        &codes::PAGE_ID
    };
    refuse(code, message).seen(
        format!("id {} flags {:#x}", header.id, header.flags),
        "0x1 (branch) or 0x2 (leaf)",
    )
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

/// Reports a page that a tree reaches a second time: a cycle, or two parents.
pub(crate) fn page_entered_twice(db: &Db<'_>, pgid: Pgid, stack: &[Pgid]) -> Finding {
    let message = if stack.contains(&pgid) {
        format!("page {pgid} is its own ancestor: the tree has a cycle")
    } else {
        format!("page {pgid} is referenced twice in one tree")
    };
    Finding::new(&codes::PAGE_SHARED, place_of(db, pgid), message).stack(ids(stack))
}

/// Reports that the depth limit was reached.
pub(crate) fn tree_too_deep(db: &Db<'_>, pgid: Pgid, stack: &[Pgid]) -> Finding {
    let message = format!(
        "more than {} branch pages are above page {pgid}",
        db.tree_depth()
    );
    Finding::new(&codes::TREE_DEPTH, place_of(db, pgid), message).stack(ids(stack))
}

/// Reports an element that cannot be read; the other elements of its page are read.
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

/// Reports a page that two trees, or two pages of one tree, contain: `multiple references` in checkBucket, tx_check.go, v1.3.11
/// (etcd#13547, etcd#18642).
pub(super) fn page_shared(db: &Db<'_>, bucket: &str, page: &Page<'_>, shared: Pgid) -> Finding {
    let message = if shared == page.pgid {
        format!(
            "page {shared} of bucket {bucket} also belongs to another tree, or to the overflow of another page"
        )
    } else {
        format!(
            "page {shared} belongs to the overflow of page {} and to another page",
            page.pgid
        )
    };
    Finding::new(&codes::PAGE_SHARED, place_of(db, shared), message)
}

/// Reports an overflow that ends beyond the high-water mark or the file. A wrong overflow count frees pages of others at the
/// next commit: `page already freed` (etcd#17084).
pub(super) fn overflow_beyond(db: &Db<'_>, page: &Page<'_>) -> Option<Finding> {
    let last = page.pgid.0.saturating_add(u64::from(page.header.overflow));
    let beyond = page.pgid < db.meta().high_water_mark && last >= db.meta().high_water_mark.0;
    (beyond || page.missing_bytes > 0).then(|| {
        let message = format!("the overflow of page {} ends at page {last}", page.pgid);
        Finding::new(&codes::OVERFLOW, place_of(db, page.pgid), message).seen(
            page.header.overflow.to_string(),
            format!("pages below {}", db.pages()),
        )
    })
}

/// Reports a leaf without elements that is not a root: bbolt removes such pages.
/// `rebalance` in `node.go`, v1.3.11, removes a leaf that is empty, unless it is the root.
pub(super) fn empty_leaf(db: &Db<'_>, page: &Page<'_>) -> Finding {
    let message = format!(
        "leaf page {} has no elements although it is not a root",
        page.pgid
    );
    Finding::new(&codes::ELEMENT, place_of(db, page.pgid), message)
}

/// Reports a bucket with a sequence other than 0, which etcd never sets.
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

/// Reports elements of the root bucket that are not buckets: BOLT-019.
pub(super) fn root_values(db: &Db<'_>, sink: &mut Sink<'_>) {
    let mut values = Vec::new();
    db.root()
        .for_each(&mut reported_by("tree_of, for the root"), &mut |item| {
            if !item.is_bucket() {
                values.push((item.page, item.key));
            }
        });
    for (page, key) in values {
        let message = format!(
            "the root bucket contains a value with key {:?}",
            String::from_utf8_lossy(key)
        );
        sink(Finding::new(
            &codes::FOREIGN_BUCKET,
            place_of(db, page),
            message,
        ));
    }
}
