//! The elements of etcd's buckets: their names are known, and the log proves which tree is that of bucket `key`.

use super::super::{Point, Sources};
use super::Correction;
use crate::backend::BUCKETS;
use crate::bolt::{Bucket, Db, Item, PageType, Pgid};
use crate::evidence::File;
use crate::member::Member;
use crate::mvcc::StoredKey;
use crate::progress::Progress;
use located::{RaftIndex, reported_by};

/// `flags` of an element that is a bucket.
const BUCKET: u32 = 1;

/// Names and flags of the elements of the root.
pub(super) fn of_names(db: &Db<'_>, file: &File) -> Vec<Correction> {
    let mut found = Vec::new();
    let mut items = Vec::new();
    db.root()
        .for_each(&mut reported_by("bbolt::check"), &mut |item| {
            items.push(item)
        });
    for (at, item) in items.iter().enumerate() {
        let name = right_name(&items, at);
        if let Some(name) = name.filter(|name| *name != item.key) {
            found.push(Correction {
                file: file.relative().to_owned(),
                offset: item.offset,
                old: item.key.to_vec(),
                new: name.to_vec(),
                proof: format!(
                    "one byte differs from {}, which every db of etcd has and this one lacks, and it fits between its neighbours",
                    String::from_utf8_lossy(name)
                ),
            });
        }
        if name.is_some() && item.flags != BUCKET && item.value.len() >= 16 {
            let page = db.page(item.page).ok();
            let element = page.map_or(0, |page| {
                page.bytes
                    .offset()
                    .saturating_add(16 + 16 * item.index as u64)
            });
            found.push(Correction {
                file: file.relative().to_owned(),
                offset: element,
                old: item.flags.to_le_bytes().to_vec(),
                new: BUCKET.to_le_bytes().to_vec(),
                proof: format!(
                    "{} is a bucket of every db of etcd: its element has this flag alone",
                    String::from_utf8_lossy(item.key)
                ),
            });
        }
    }
    found
}

/// The name that belongs at an element of the root.
fn right_name(items: &[Item<'_>], at: usize) -> Option<&'static [u8]> {
    let own = items.get(at)?.key;
    if let Some(name) = BUCKETS.iter().find(|name| **name == own) {
        return Some(name);
    }
    let neighbour = |at: Option<usize>| at.and_then(|at| items.get(at)).map(|item| item.key);
    let (before, after) = (neighbour(at.checked_sub(1)), neighbour(at.checked_add(1)));
    let fits = |name: &&&[u8]| {
        differing_bytes(name, own) == Some(1)
            && before.is_none_or(|before| before < **name)
            && after.is_none_or(|after| **name < after)
            && !items.iter().any(|item| item.key == **name)
    };
    let mut fitting = BUCKETS.iter().filter(fits);
    fitting.next().filter(|_| fitting.next().is_none()).copied()
}

/// The number of bytes in which two texts differ; `None` if they have two lengths.
fn differing_bytes(one: &[u8], other: &[u8]) -> Option<usize> {
    let differing = one.iter().zip(other).filter(|(one, other)| one != other);
    (one.len() == other.len()).then(|| differing.count())
}

/// The root page of bucket `key`, if the log proves which tree it is: the only one that has all revisions after the compaction, up
/// to the write of the entry that consistent_index names. A leaf of a tree whose root is damaged has only the last of them.
pub(super) fn of_key_root(
    member: &Member,
    db: &Db<'_>,
    file: &File,
    progress: &dyn Progress,
) -> Option<Correction> {
    let mut element = None;
    db.root()
        .for_each(&mut reported_by("bbolt::check"), &mut |item| {
            if item.key == b"key" && item.value.len() >= 16 {
                element = Some(item);
            }
        });
    let element = element?;
    let old = Pgid(u64::from_le_bytes(element.value.get(..8)?.try_into().ok()?));
    if last_revision(db, old).is_some() {
        return None;
    }
    let meta = member.meta().ok()?;
    let applied = meta.consistent_index?;
    let compacted = meta.compaction.revision().unwrap_or(1);
    let newest = revision_at(member, applied, progress)?;
    let used = used(db);
    let pages = (2..db.pages())
        .map(Pgid)
        .filter(|pgid| !used.contains(pgid));
    let mut fitting = pages.filter(|pgid| {
        last_revision(db, *pgid).is_some_and(|last| last == newest) && is_tree(db, *pgid)
    });
    let roots: Vec<Pgid> = fitting.by_ref().take(64).collect();
    // Every page of the tree down to the last leaf fits: the root is the one that no other of them contains.
    let inner: Vec<Pgid> = roots.iter().flat_map(|root| children(db, *root)).collect();
    let tops: Vec<Pgid> = roots
        .iter()
        .copied()
        .filter(|root| !inner.contains(root))
        .collect();
    let [root] = tops.as_slice() else {
        return None;
    };
    if !has_all_revisions(db, *root, (compacted, newest)) {
        return None;
    }
    let offset = element.offset.checked_add(element.key.len() as u64)?;
    Some(Correction {
        file: file.relative().to_owned(),
        offset,
        old: old.0.to_le_bytes().to_vec(),
        new: root.0.to_le_bytes().to_vec(),
        proof: format!(
            "page {root} is the only root of a tree with all revisions up to {newest}, which entry {applied} of the log wrote and consistent_index names"
        ),
    })
}

/// The revision of the store after an entry, if the log begins with an empty store.
fn revision_at(member: &Member, index: RaftIndex, progress: &dyn Progress) -> Option<i64> {
    let sources = Sources::read([member], progress);
    let salvage = sources.joined(Point::Acknowledged, progress).ok()?;
    salvage.set.revision_at(index)
}

/// Pages that another bucket reaches.
fn used(db: &Db<'_>) -> std::collections::HashSet<Pgid> {
    let mut used = std::collections::HashSet::new();
    for (name, bucket) in db.buckets(&mut reported_by("bbolt::check")) {
        if name != b"key" && bucket.inline().is_none() {
            used.insert(bucket.root());
            bucket.walk(&mut reported_by("bbolt::check"), &mut |visit| {
                used.insert(visit.page.pgid);
            });
        }
    }
    used
}

fn children(db: &Db<'_>, pgid: Pgid) -> Vec<Pgid> {
    let page = db.page(pgid).ok();
    let branch = page.filter(|page| page.header.page_type() == Some(PageType::Branch));
    branch.map_or_else(Vec::new, |page| {
        page.children().flatten().map(|child| child.pgid).collect()
    })
}

/// The main revision of the last record of a tree, down its right edge.
fn last_revision(db: &Db<'_>, root: Pgid) -> Option<i64> {
    let mut pgid = root;
    for _ in 0..64 {
        let page = db.page(pgid).ok()?;
        if page.header.id != pgid {
            return None;
        }
        match page.header.page_type()? {
            PageType::Branch => pgid = page.child(page.count().checked_sub(1)?).ok()?.pgid,
            PageType::Leaf => {
                let last = page.item(page.count().checked_sub(1)?).ok()?;
                let key = StoredKey::parse(last.key).ok()?;
                return (!last.is_bucket()).then_some(key.revision.main);
            }
            _ => return None,
        }
    }
    None
}

/// Whether a tree has records of every revision after one, up to another.
fn has_all_revisions(db: &Db<'_>, root: Pgid, (after, last): (i64, i64)) -> bool {
    let mut next = after.max(1).saturating_add(1);
    let bucket = Bucket::with_root(*db, root, 0);
    bucket.for_each(&mut reported_by("bbolt::check"), &mut |item| {
        let main = StoredKey::parse(item.key).map_or(0, |key| key.revision.main);
        if main == next {
            next = next.saturating_add(1);
        }
    });
    next > last
}

/// Whether a tree can be walked without a finding.
fn is_tree(db: &Db<'_>, root: Pgid) -> bool {
    let mut sound = true;
    Bucket::with_root(*db, root, 0).walk(&mut |_| sound = false, &mut |_visit| {});
    sound
}
