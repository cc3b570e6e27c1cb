//! The real root of bucket `key`, if the bucket names a page below it.
//!
//! bbolt never makes a page that a branch names the root: a root that has one child takes over its elements, and is written to a page
//! of its own (`rebalance` in `node.go`, v1.3.11). So a branch page that no tree reaches and that names the root is either older than
//! it, and has nothing that the tree lacks, or is the real root.

use rayon::prelude::*;

use super::StoredKey;
use crate::bolt::{Bucket, Db, Page, PageType, Pgid};

/// Maximum number of branch pages that are looked below.
const MAX_PARENTS: usize = 64;

/// A branch page that has the root of the bucket as a child, and more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RealRoot {
    /// The branch page.
    pub(crate) page: Pgid,
    /// Main revisions below it that are not below the root.
    pub(crate) revisions: u64,
    /// The first of them.
    pub(crate) first: i64,
    /// The last of them.
    pub(crate) last: i64,
    /// Whether every page below it is as it was written.
    pub(crate) is_sound: bool,
}

/// Looks for it among all pages of the file. `is_known`: whether the tree has a revision, or need not have it.
pub(crate) fn real_root(
    bucket: &Bucket<'_>,
    is_known: &(dyn Fn(i64) -> bool + Sync),
) -> Option<RealRoot> {
    if bucket.inline().is_some() {
        return None;
    }
    let (db, root) = (bucket.db(), bucket.root());
    let first = first_key(&db.page(root).ok()?)?;
    let names_root = |pgid: &u64| {
        let Ok(page) = db.page(Pgid(*pgid)) else {
            return false;
        };
        let is_branch = page.header.page_type() == Some(PageType::Branch);
        let mut children = page.children().flatten();
        is_branch
            && page.header.id.0 == *pgid
            && children.any(|child| child.pgid == root && child.key == first)
    };
    let parents: Vec<u64> = (2..db.pages()).into_par_iter().filter(names_root).collect();
    let known = parents
        .into_iter()
        .rev()
        .take(MAX_PARENTS)
        .filter_map(|page| below(&db, Pgid(page), is_known));
    // The commits before left theirs: the real one has the newest record.
    known.max_by_key(|one| (one.last, one.revisions))
}

fn first_key<'a>(page: &Page<'a>) -> Option<&'a [u8]> {
    match page.header.page_type()? {
        PageType::Branch => Some(page.child(0).ok()?.key),
        PageType::Leaf => Some(page.item(0).ok()?.key),
        _ => None,
    }
}

/// What is below a branch page and not known.
fn below(db: &Db<'_>, page: Pgid, is_known: &(dyn Fn(i64) -> bool + Sync)) -> Option<RealRoot> {
    let begins = first_key(&db.page(page).ok()?)?;
    let mut mains: Vec<i64> = Vec::new();
    let mut is_kept = true;
    let tree = Bucket::with_root(*db, page, 0);
    let mut findings = 0usize;
    tree.walk(&mut |_| findings += 1, &mut |visit| {
        let page = &visit.page;
        // A page that was used again since begins with another key.
        if page.header.id != page.pgid || first_key(page) != visit.lower.or(Some(begins)) {
            is_kept = false;
            return;
        }
        if page.header.page_type() == Some(PageType::Leaf) {
            let keys = page.items().flatten();
            let keys = keys.filter_map(|item| StoredKey::parse(item.key).ok());
            mains.extend(keys.map(|key| key.revision.main));
        }
    });
    mains.sort_unstable();
    mains.dedup();
    mains.retain(|main| !is_known(*main));
    Some(RealRoot {
        page,
        revisions: mains.len() as u64,
        first: *mains.first()?,
        last: *mains.last()?,
        is_sound: is_kept && findings == 0,
    })
}
