//! Checks a bbolt file.
//!
//! [`check`] applies every rule to every page. The walk down a tree uses the same constructors of findings, so that the same
//! damage has the same message everywhere.

mod freelist;
mod metas;
mod page;
mod tree;

pub use metas::metas;
pub(crate) use page::elements_hidden;
pub use page::page;
pub(crate) use tree::{element_unreadable, page_entered_twice, page_to_follow, tree_too_deep};

use super::bucket::Run;
use super::db::Db;
use super::page::{Page, PageType, Pgid};
use super::walk::{PageSet, Visit};
use located::progress::Progress;
use located::{Finding, Sink, reported_by};
use std::sync::Arc;

/// Number of pages that are checked together: enough for all cores, few enough to hold in memory.
const BATCH_PAGES: usize = 4096;

/// Checks both metas, every page of every tree, page ownership and the stored freelist.
///
/// Reads every byte of every used page. Leaf pages are checked in parallel; findings are reported in the order of the trees.
///
/// ```
/// use etcd_inspect_bbolt::{Db, MetaChoice, check};
/// use etcd_inspect_bbolt::located::{Bytes, FileName, Limits, progress::Silent};
///
/// # let mut written = std::io::Cursor::new(Vec::new());
/// # let mut writer = etcd_inspect_bbolt::write::Writer::new(&mut written, Default::default())?;
/// # writer.begin_bucket(b"key")?;
/// # writer.put(b"a", b"1")?;
/// # writer.end_bucket()?;
/// # writer.finish()?;
/// # let read = |_path| Ok::<_, std::io::Error>(written.get_ref().clone());
/// let file = read("member/snap/db")?;
/// let name = FileName::new("member/snap/db");
/// let db = Db::open(Bytes::new(&name, 0, &file), MetaChoice::Newest, &Limits::default())?;
/// check::check(&db, &Silent, &mut |finding| println!("{}: {}", finding.place, finding.message));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn check(db: &Db<'_>, progress: &dyn Progress, sink: &mut Sink<'_>) {
    metas(db.file(), db, sink);
    progress.begin("pages", db.pages().saturating_mul(db.page_size()));
    let mut owners = Owners::new(db);
    tree_of(db, "root", &db.root(), &mut owners, progress, sink);
    for (name, bucket) in db.buckets(&mut reported_by("the walk of the root before it")) {
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
    freelist::freelist(db, &owners.used, owners.is_torn, sink);
}

/// The pages that belong to a tree.
struct Owners {
    used: PageSet,
    /// Number of overflow pages that may still be claimed: twice the file. In a healthy file no two pages share an overflow
    /// page; without the bound, pages that all claim the whole file would cost its square.
    budget: u64,
    /// Whether a tree has pages that were not reached.
    is_torn: bool,
}

impl Owners {
    fn new(db: &Db<'_>) -> Self {
        let mut used = PageSet::new(db.file_pages());
        used.insert(Pgid(0));
        used.insert(Pgid(1));
        let budget = db.file_pages().saturating_mul(2);
        Self {
            used,
            budget,
            is_torn: false,
        }
    }

    /// Claims the pages of a sound tree. Claims none and returns `false` if one of them is claimed already or is beyond the file.
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

    /// Claims a page and its overflow; returns the first of these pages that was claimed before.
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

/// Returns whether a leaf page of a named bucket has no finding.
pub(crate) fn is_sound(page: &Page<'_>, bounds: (Option<&[u8]>, Option<&[u8]>)) -> bool {
    page.missing_bytes == 0
        && page::page(page, bounds, &[], false).is_empty()
        && page::nested(page, "", &[]).is_none()
}

/// A page that waits for its check.
struct Queued<'a> {
    page: super::page::Page<'a>,
    bounds: (Option<&'a [u8]>, Option<&'a [u8]>),
    stack: Arc<[u64]>,
}

/// Checks the tree of one bucket.
fn tree_of(
    db: &Db<'_>,
    name: &str,
    bucket: &super::bucket::Bucket<'_>,
    owners: &mut Owners,
    progress: &dyn Progress,
    sink: &mut Sink<'_>,
) {
    let is_root = bucket.root() == db.meta().root;
    if let Some(inline) = bucket.inline() {
        page::nested(&inline, name, &[])
            .into_iter()
            .for_each(&mut *sink);
        return page::page(&inline, (None, None), &[], true)
            .into_iter()
            .for_each(&mut *sink);
    }
    // Most trees have no finding, which a sweep in the order of the file proves fastest.
    if !is_root && owners.claim_all(db, bucket.sound_pages(progress)) {
        return;
    }
    let mut batch = Batch {
        name,
        is_root,
        pages: Vec::with_capacity(BATCH_PAGES),
        found: Vec::new(),
        progress,
    };
    let mut stack: Arc<[u64]> = Arc::from([]);
    let mut walked: Vec<Finding> = Vec::new();
    bucket.walk(&mut |finding| walked.push(finding), &mut |visit| {
        if progress.cancelled() {
            return;
        }
        let ids = visit.stack.iter().map(|pgid| pgid.0);
        if !stack.iter().copied().eq(ids.clone()) {
            stack = ids.collect();
        }
        let shared = owners.claim(db, visit.page.pgid, visit.page.header.overflow);
        let shared = shared.map(|shared| tree::page_shared(db, name, &visit.page, shared));
        let empty = is_empty_leaf(visit).then(|| tree::empty_leaf(db, &visit.page));
        let own = shared
            .into_iter()
            .chain(tree::overflow_beyond(db, &visit.page))
            .chain(empty);
        batch
            .found
            .extend(own.map(|finding| finding.stack(stack.iter().copied())));
        batch.push(Queued {
            page: visit.page,
            bounds: (visit.lower, visit.upper),
            stack: Arc::clone(&stack),
        });
    });
    batch.check();
    owners.is_torn |= !walked.is_empty();
    walked.into_iter().chain(batch.found).for_each(sink);
}

/// Returns whether a page is a leaf without elements below a branch: bbolt removes such pages when it commits.
/// Only the root of a bucket may be one: `rebalance` in `node.go`, v1.3.11.
fn is_empty_leaf(visit: &Visit<'_, '_>) -> bool {
    visit.page.header.page_type() == Some(PageType::Leaf)
        && visit.page.header.count == 0
        && !visit.stack.is_empty()
}

/// Pages of one tree that are checked together, on all cores.
struct Batch<'a, 'n> {
    name: &'n str,
    is_root: bool,
    pages: Vec<Queued<'a>>,
    found: Vec<Finding>,
    progress: &'n dyn Progress,
}

impl<'a> Batch<'a, '_> {
    fn push(&mut self, page: Queued<'a>) {
        self.pages.push(page);
        if self.pages.len() == BATCH_PAGES {
            self.check();
        }
    }

    /// Checks the pages of the batch and empties it.
    fn check(&mut self) {
        use rayon::prelude::*;

        let (name, is_root) = (self.name, self.is_root);
        let bytes: usize = self
            .pages
            .iter()
            .map(|queued| queued.page.bytes.len())
            .sum();
        self.found
            .par_extend(self.pages.par_iter().flat_map_iter(|queued| {
                let nested = page::nested(&queued.page, name, &queued.stack).filter(|_| !is_root);
                page::page(&queued.page, queued.bounds, &queued.stack, false)
                    .into_iter()
                    .chain(nested)
            }));
        self.pages.clear();
        self.progress.advance(bytes as u64);
    }
}
