//! What to believe of a bbolt file.
//!
//! [`check`] applies every rule to every page; the constructors beside it are shared with the walk, so that the same damage
//! has the same words whoever meets it.

mod freelist;
mod metas;
mod page;
mod tree;

pub use metas::metas;
pub use page::page;
pub(crate) use tree::{element_unreadable, page_entered_twice, page_to_follow, tree_too_deep};

use super::bucket::Run;
use super::db::Db;
use super::page::{Page, PageType, Pgid};
use super::walk::PageSet;
use located::progress::Progress;
use located::{Finding, Sink};
use std::sync::Arc;

/// Pages judged together: enough for all cores, little enough to hold.
const BATCH_PAGES: usize = 4096;

/// Checks metas, every page of every tree, page ownership and the stored free list.
///
/// Leaf pages are judged in parallel; findings come in page-tree order. Reads every byte of every used page.
pub fn check(db: &Db<'_>, progress: &dyn Progress, sink: &mut Sink<'_>) {
    metas(db.file(), db, sink);
    progress.begin("pages", db.pages().saturating_mul(db.page_size()));
    let mut owners = Owners::new(db);
    tree_of(db, "root", &db.root(), &mut owners, progress, sink);
    for (name, bucket) in db.buckets(&mut |_| {}) {
        if bucket.sequence() != 0 {
            sink(tree::foreign_sequence(db, name, bucket.sequence()));
        }
        tree_of(
            db,
            &String::from_utf8_lossy(name),
            &bucket,
            &mut owners,
            progress,
            sink,
        );
    }
    tree::root_values(db, sink);
    freelist::freelist(db, &owners.used, sink);
}

/// Which pages some tree has claimed.
struct Owners {
    used: PageSet,
    /// Pages of overflow runs that may still be claimed: twice the file, so that runs which all claim the whole of it do not
    /// cost its square. In a healthy file no two share a page.
    budget: u64,
}

impl Owners {
    fn new(db: &Db<'_>) -> Self {
        let mut used = PageSet::new(db.file_pages());
        used.insert(Pgid(0));
        used.insert(Pgid(1));
        let budget = db.file_pages().saturating_mul(2);
        Self { used, budget }
    }

    /// Claims the pages of a sound tree; claims none where one of them belongs to another already, or lies outside.
    fn claim_all(&mut self, db: &Db<'_>, runs: Option<Vec<Run>>) -> bool {
        let Some(runs) = runs else { return false };
        let mut used = self.used.clone();
        let end = db.pages();
        for run in runs {
            let last = run.pgid.0.saturating_add(run.overflow.into());
            if last >= end || !(run.pgid.0..=last).all(|pgid| used.insert(Pgid(pgid))) {
                return false;
            }
        }
        self.used = used;
        true
    }

    /// Claims a page and its overflow run; returns the first page of it that was claimed before.
    fn claim(&mut self, db: &Db<'_>, pgid: Pgid, overflow: u32) -> Option<Pgid> {
        let last = pgid
            .0
            .saturating_add(u64::from(overflow).min(self.budget))
            .min(db.file_pages().saturating_sub(1));
        self.budget -= last.saturating_sub(pgid.0).min(self.budget);
        let mut shared = None;
        for id in (pgid.0..=last).map(Pgid) {
            if !self.used.insert(id) && shared.is_none() {
                shared = Some(id);
            }
        }
        shared
    }
}

/// Whether nothing is to be told of a leaf page of a named bucket.
pub(crate) fn is_sound(page: &Page<'_>, bounds: (Option<&[u8]>, Option<&[u8]>)) -> bool {
    page.missing_bytes == 0
        && page::page(page, bounds, &[], false).is_empty()
        && page::nested(page, "", &[]).is_none()
}

struct Judged<'a> {
    page: super::page::Page<'a>,
    bounds: (Option<&'a [u8]>, Option<&'a [u8]>),
    stack: Arc<[u64]>,
}

fn tree_of(
    db: &Db<'_>,
    name: &str,
    bucket: &super::bucket::Bucket<'_>,
    owners: &mut Owners,
    progress: &dyn Progress,
    sink: &mut Sink<'_>,
) {
    use rayon::prelude::*;

    let is_root = bucket.root() == db.meta().root;
    if let Some(inline) = bucket.inline() {
        page::nested(&inline, name, &[])
            .into_iter()
            .for_each(&mut *sink);
        return page::page(&inline, (None, None), &[], true)
            .into_iter()
            .for_each(&mut *sink);
    }
    // Nearly always there is nothing to tell of a tree, and that is found out in the order of the file.
    if !is_root && owners.claim_all(db, bucket.sound_pages(progress)) {
        return;
    }
    let mut batch: Vec<Judged<'_>> = Vec::with_capacity(BATCH_PAGES);
    let mut stack: Arc<[u64]> = Arc::from([]);
    let mut walked: Vec<Finding> = Vec::new();
    let mut found: Vec<Finding> = Vec::new();
    let flush = |batch: &mut Vec<Judged<'_>>, found: &mut Vec<Finding>| {
        let bytes: usize = batch.iter().map(|judged| judged.page.bytes.len()).sum();
        found.par_extend(batch.par_iter().flat_map_iter(|j| {
            let nested = page::nested(&j.page, name, &j.stack).filter(|_| !is_root);
            page::page(&j.page, j.bounds, &j.stack, false)
                .into_iter()
                .chain(nested)
        }));
        batch.clear();
        progress.advance(bytes as u64);
    };
    bucket.walk(&mut |finding| walked.push(finding), &mut |visit| {
        if progress.cancelled() {
            return;
        }
        if !stack
            .iter()
            .copied()
            .eq(visit.stack.iter().map(|pgid| pgid.0))
        {
            stack = visit.stack.iter().map(|pgid| pgid.0).collect();
        }
        if let Some(shared) = owners.claim(db, visit.page.pgid, visit.page.header.overflow) {
            found.push(
                tree::page_shared(db, name, &visit.page, shared).stack(stack.iter().copied()),
            );
        }
        if let Some(finding) = tree::overflow_beyond(db, &visit.page) {
            found.push(finding.stack(stack.iter().copied()));
        }
        let empty_leaf = visit.page.header.page_type() == Some(PageType::Leaf)
            && visit.page.header.count == 0
            && !visit.stack.is_empty();
        if empty_leaf {
            found.push(tree::empty_leaf(db, &visit.page).stack(stack.iter().copied()));
        }
        let bounds = (visit.lower, visit.upper);
        batch.push(Judged {
            page: visit.page,
            bounds,
            stack: Arc::clone(&stack),
        });
        if batch.len() == BATCH_PAGES {
            flush(&mut batch, &mut found);
        }
    });
    flush(&mut batch, &mut found);
    walked.into_iter().chain(found).for_each(sink);
}
