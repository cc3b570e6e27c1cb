//! Fast path down a tree without damage, one level at a time and on all cores.
//!
//! All leaves of a bbolt tree are on one level, so the branch pages above contain their ids in key order, and no leaf is
//! read. If anything is unusual, the fast path returns nothing, and [`walk`](super::walk) reports what it is. Both return the
//! same pages, which a test checks.

use rayon::prelude::*;

use super::bucket::Run;
use super::db::Db;
use super::page::{Page, PageType, Pgid};
use super::walk::PageSet;
use located::{AlignedBuffer, Bytes};

/// Number of branch pages that one task reads.
const BRANCHES_PER_TASK: usize = 64;

/// The pages of a tree without damage.
#[derive(Debug)]
pub(crate) struct Descent {
    /// The pages below the lowest branch pages, in key order; their headers are not checked yet.
    pub(crate) leaves: Vec<Pgid>,
    pub(crate) branches: Vec<Run>,
    /// The key of each leaf in the branch page above it.
    pub(crate) separators: Separators,
}

/// Lower bound, inclusive, and upper bound, exclusive, of the keys of a page.
type Bounds<'k> = (Option<&'k [u8]>, Option<&'k [u8]>);

/// The keys of the pages of one level, as the level above contains them, in one allocation.
#[derive(Debug, Default)]
pub(crate) struct Separators {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Separators {
    fn push(&mut self, key: &[u8]) -> Option<()> {
        self.bytes.extend_from_slice(key);
        self.ends.push(u32::try_from(self.bytes.len()).ok()?);
        Some(())
    }

    fn get(&self, at: usize) -> Option<&[u8]> {
        let start = at
            .checked_sub(1)
            .map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.bytes.get(start as usize..*self.ends.get(at)? as usize)
    }

    /// Returns the bounds of the keys of the page at a position, as bbolt checks them, also for the first page of a branch:
    /// recursivelyCheckPagesInternal in `tx_check.go`, v1.3.11.
    pub(crate) fn bounds(&self, at: usize) -> Bounds<'_> {
        (self.get(at), self.get(at.saturating_add(1)))
    }
}

/// A leaf page with its position in key order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PlacedLeaf {
    page: u32,
    pub(crate) position: u32,
}

impl PlacedLeaf {
    pub(crate) fn pgid(self) -> Pgid {
        Pgid(self.page.into())
    }
}

impl Descent {
    /// Returns the leaves in the order of the file; `None` if a page id does not fit into 32 bits.
    pub(crate) fn in_page_order(&self) -> Option<Vec<PlacedLeaf>> {
        let placed = |(position, pgid): (usize, &Pgid)| {
            Some(PlacedLeaf {
                page: u32::try_from(pgid.0).ok()?,
                position: u32::try_from(position).ok()?,
            })
        };
        let placed: Option<Vec<PlacedLeaf>> = self.leaves.iter().enumerate().map(placed).collect();
        let mut placed = placed?;
        placed.par_sort_unstable();
        Some(placed)
    }
}

/// Returns whether the header of a leaf has the expected id, type and count.
/// What `fastCheck` in `page.go`, v1.3.11, tests, and more.
pub(crate) fn is_sound_leaf(page: &Page<'_>) -> bool {
    page.header.id == page.pgid
        && page.header.page_type() == Some(PageType::Leaf)
        && usize::from(page.header.count) == page.count()
        && page.hidden_elements() == 0
}

/// Returns the pages below `root`; `None` if a page is reached twice or is out of range, or if a branch page has damage.
///
/// With `judged`, branch pages must pass every rule of [`page`](super::check::page), and their keys are kept.
pub(crate) fn descend(db: &Db<'_>, root: Pgid, judged: bool) -> Option<Descent> {
    let mut reached = PageSet::new(db.file_pages());
    let mut branches: Vec<Run> = Vec::new();
    let mut level = vec![root];
    let mut separators = Separators::default();
    for _ in 0..=db.tree_depth() {
        for pgid in &level {
            if !(2..db.pages()).contains(&pgid.0) || !reached.insert(*pgid) {
                return None;
            }
        }
        let first = db.page(*level.first()?).ok()?;
        if first.header.page_type() == Some(PageType::Leaf) {
            return Some(Descent {
                leaves: level,
                branches,
                separators,
            });
        }
        let pages = level.par_iter().enumerate().with_min_len(BRANCHES_PER_TASK);
        let read: Option<Vec<Branch>> = pages
            .map_init(AlignedBuffer::default, |buffer, (at, pgid)| {
                let bounds = judged.then(|| separators.bounds(at));
                branch(db, *pgid, buffer, bounds)
            })
            .collect();
        (level, separators) = (Vec::new(), Separators::default());
        for branch in read? {
            branches.push(branch.run);
            level.extend(branch.children);
            for at in 0..branch.keys.ends.len() {
                separators.push(branch.keys.get(at)?)?;
            }
        }
    }
    None
}

/// A branch page.
struct Branch {
    run: Run,
    children: Vec<Pgid>,
    /// The keys of the children; empty if they are not kept.
    keys: Separators,
}

/// Reads a branch page and its children; with `bounds`, it is checked and its keys are kept.
fn branch(
    db: &Db<'_>,
    pgid: Pgid,
    buffer: &mut AlignedBuffer,
    bounds: Option<Bounds<'_>>,
) -> Option<Branch> {
    let offset = pgid.0.checked_mul(db.page_size())?;
    let read = db.read_into(buffer, offset, db.page_size());
    let read = read.map(|bytes| Bytes::new(db.file().file(), offset, bytes));
    let read = read.and_then(|bytes| Page::parse(pgid, bytes, db.page_size()).ok());
    let page = match read.filter(|page| page.missing_bytes == 0) {
        Some(page) => page,
        None => db.page(pgid).ok()?,
    };
    let sound = page.header.id == pgid
        && page.header.page_type() == Some(PageType::Branch)
        && page.hidden_elements() == 0;
    let mut branch = Branch {
        run: Run::from_page(&page),
        children: Vec::with_capacity(page.count()),
        keys: Separators::default(),
    };
    for child in page.children() {
        let child = child.ok()?;
        branch.children.push(child.pgid);
        if bounds.is_some() {
            branch.keys.push(child.key)?;
        }
    }
    let fits = bounds.is_none_or(|bounds| super::check::page(&page, bounds, &[], false).is_empty());
    let all = usize::from(page.header.count) == branch.children.len();
    (sound && fits && all).then_some(branch)
}
