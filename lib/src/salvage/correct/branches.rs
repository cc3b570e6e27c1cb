//! Elements of branch pages that name a wrong page: the right one begins with the key of the element, and nothing else uses it.

use std::collections::{HashMap, HashSet};

use super::Correction;
use crate::bolt::{Db, Page, PageType, Pgid, freelist};
use crate::evidence::File;
use located::reported_by;

/// Bytes from the start of a branch element to its page id.
const PGID_AT: u64 = 8;
/// Bytes of the header of a page.
const HEADER_BYTES: usize = 16;
/// Maximum depth of a tree that is followed.
const MAX_DEPTH: usize = 32;

/// A branch element that names a page which cannot be its child.
struct WrongPointer<'a> {
    branch: Pgid,
    index: usize,
    offset: u64,
    named: Pgid,
    key: &'a [u8],
    /// The key that the child must stay below, if there is one.
    upper: Option<&'a [u8]>,
    /// The type of the children beside it.
    kind: Option<PageType>,
}

/// The trees of a db, followed only through elements that name a page which fits.
struct Trees<'d, 'a> {
    db: &'d Db<'a>,
    used: HashSet<Pgid>,
    wrong: Vec<WrongPointer<'a>>,
}

/// Page ids in branch pages.
pub(super) fn of_branches(db: &Db<'_>, file: &File) -> Vec<Correction> {
    let mut trees = Trees {
        db,
        used: HashSet::new(),
        wrong: Vec::new(),
    };
    trees.follow(db.meta().root, None, 0);
    for (_, bucket) in db.buckets(&mut reported_by("bbolt::check")) {
        if bucket.inline().is_none() {
            trees.follow(bucket.root(), None, 0);
        }
    }
    if trees.wrong.is_empty() {
        return Vec::new();
    }
    trees.used.insert(db.meta().freelist);
    let free = freelist::stored(db).ok().flatten().unwrap_or_default();
    trees.used.extend(free);
    let unused = trees.unused();
    let certain = trees
        .wrong
        .iter()
        .filter(|wrong| trees.cannot_be_child(wrong));
    let corrections = certain.filter_map(|wrong| {
        let same_key = unused.get(wrong.key)?;
        let right = right_page(db, wrong, same_key)?;
        Some(Correction {
            file: file.relative().to_owned(),
            offset: wrong.offset.saturating_add(PGID_AT),
            old: wrong.named.0.to_le_bytes().to_vec(),
            new: right.0.to_le_bytes().to_vec(),
            proof: format!(
                "page {}, element {}: page {right} begins with the key of this element and ends before the next one, and no other element needs it; page {} does not fit",
                wrong.branch, wrong.index, wrong.named
            ),
        })
    });
    corrections.collect()
}

impl<'a> Trees<'_, 'a> {
    fn follow(&mut self, pgid: Pgid, upper: Option<&'a [u8]>, depth: usize) {
        let Ok(page) = self.db.page(pgid) else { return };
        if depth > MAX_DEPTH || !self.used.insert(pgid) {
            return;
        }
        let overflow = u64::from(page.header.overflow).min(self.db.pages());
        let more = (1..=overflow).map(|next| Pgid(pgid.0.saturating_add(next)));
        self.used.extend(more);
        if page.header.page_type() != Some(PageType::Branch) {
            return;
        }
        let children: Vec<_> = page.children().map(Result::ok).collect();
        let mut wrong = Vec::new();
        let mut kind = None;
        for (index, child) in children.iter().enumerate() {
            let Some(child) = child else { continue };
            let next = children.get(index + 1).copied().flatten();
            let upper = next.map(|next| next.key).or(upper);
            match fitting(self.db, child.pgid, child.key, upper) {
                Some(own) => {
                    kind = Some(own);
                    self.follow(child.pgid, upper, depth + 1);
                }
                None => wrong.push(WrongPointer {
                    branch: pgid,
                    index,
                    offset: child.offset,
                    named: child.pgid,
                    key: child.key,
                    upper,
                    kind: None,
                }),
            }
        }
        self.wrong.extend(
            wrong
                .into_iter()
                .map(|wrong| WrongPointer { kind, ..wrong }),
        );
    }

    /// Whether the page that an element names is another one for certain. A page that cannot be read, is zeros, or is a copy of another
    /// page, may be the right one and damaged.
    fn cannot_be_child(&self, wrong: &WrongPointer<'_>) -> bool {
        let pgid = wrong.named;
        if pgid.0 < 2 || pgid >= self.db.meta().high_water_mark || self.used.contains(&pgid) {
            return true;
        }
        let page = self.db.page(pgid).ok();
        let page = page.filter(|page| page.header.id == pgid);
        let Some((first, last)) = page.as_ref().and_then(ends) else {
            return false;
        };
        last < wrong.key || wrong.upper.is_some_and(|upper| first >= upper)
    }

    /// Pages of trees that are part of none, by their first key.
    fn unused(&self) -> HashMap<&'a [u8], Vec<Pgid>> {
        let wanted: HashSet<&[u8]> = self.wrong.iter().map(|wrong| wrong.key).collect();
        let mut found: HashMap<&[u8], Vec<Pgid>> = HashMap::new();
        for pgid in (2..self.db.pages()).map(Pgid) {
            let page = self.db.page(pgid).ok();
            let page = page.filter(|page| page.header.id == pgid && !self.used.contains(&pgid));
            let key = page.and_then(|page| Some(ends(&page)?.0));
            if let Some(key) = key.filter(|key| wanted.contains(key)) {
                found.entry(key).or_default().push(pgid);
            }
        }
        found
    }
}

/// First and last key of a branch or leaf.
fn ends<'a>(page: &Page<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let last = page.count().checked_sub(1)?;
    match page.header.page_type()? {
        PageType::Leaf => Some((page.item(0).ok()?.key, page.item(last).ok()?.key)),
        PageType::Branch => Some((page.child(0).ok()?.key, page.child(last).ok()?.key)),
        _ => None,
    }
}

/// The type of a page, if it can be the child of an element with that key. The id in its header does not count: if nothing but
/// that is wrong, the element is right.
fn fitting(db: &Db<'_>, pgid: Pgid, key: &[u8], upper: Option<&[u8]>) -> Option<PageType> {
    let page = db.page(pgid).ok()?;
    // bbolt writes the first key of the child into the element: `spill` in `node.go`, v1.3.11. A page whose first element is
    // damaged begins otherwise, and is still the right one.
    let (first, _) = ends(&page)?;
    let is_within = first >= key && upper.is_none_or(|upper| first < upper);
    is_within.then_some(page.header.page_type()).flatten()
}

/// The only page that can be the child; of several versions of it the only one that ends right before the next child.
fn right_page(db: &Db<'_>, wrong: &WrongPointer<'_>, same_key: &[Pgid]) -> Option<Pgid> {
    let is_child = |pgid: &&Pgid| {
        let Ok(page) = db.page(**pgid) else {
            return false;
        };
        let kind = page.header.page_type();
        let last = ends(&page).map(|(_, last)| last);
        let is_below = wrong.upper.is_none_or(|upper| last < Some(upper));
        is_below && (wrong.kind.is_none() || wrong.kind == kind) && is_whole(db, &page)
    };
    let fits: Vec<Pgid> = same_key.iter().filter(is_child).copied().collect();
    match fits.as_slice() {
        [one] => Some(*one),
        several => {
            let mut adjacent = several.iter().filter(|pgid| is_adjacent(db, **pgid, wrong));
            let first = *adjacent.next()?;
            // Two pages with the same content are one answer.
            adjacent
                .all(|other| content(db, *other) == content(db, first))
                .then_some(first)
        }
    }
}

/// What a page contains besides its header.
fn content<'a>(db: &Db<'a>, pgid: Pgid) -> Option<&'a [u8]> {
    let page = db.page(pgid).ok()?;
    page.bytes.as_slice().get(HEADER_BYTES..)
}

/// Whether keys ascend, and the children of a branch fit.
fn is_whole(db: &Db<'_>, page: &Page<'_>) -> bool {
    if page.header.page_type() == Some(PageType::Leaf) {
        let extent = page.leaf_by_elements();
        return extent.is_some_and(|extent| extent.elements == page.header.count);
    }
    let children: Vec<_> = page.children().collect();
    let mut children = children.iter().peekable();
    while let Some(child) = children.next() {
        let Ok(child) = child else { return false };
        let upper = children.peek().and_then(|next| next.as_ref().ok());
        if fitting(db, child.pgid, child.key, upper.map(|next| next.key)).is_none() {
            return false;
        }
    }
    true
}

/// Whether the last record of a leaf is the one right before the next child's first: no revision is between them.
fn is_adjacent(db: &Db<'_>, pgid: Pgid, wrong: &WrongPointer<'_>) -> bool {
    let main = |key: &[u8]| {
        let bytes = key.get(..8)?.try_into().ok()?;
        (key.len() >= 17).then(|| i64::from_be_bytes(bytes))
    };
    let last = db.page(pgid).ok().and_then(|page| main(ends(&page)?.1));
    let next = wrong.upper.and_then(main);
    match (last, next) {
        (Some(last), Some(next)) => next == last || last.checked_add(1) == Some(next),
        _ => false,
    }
}
