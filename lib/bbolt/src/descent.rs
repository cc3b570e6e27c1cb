//! Down a sound tree, a level at a time and on all cores.
//!
//! bbolt's trees are balanced: all leaves lie on one level. Where that and everything else that
//! [`walk`](super::walk) looks at holds, their ids stand in the branch pages above them in key order, and no leaf is touched.
//! Where anything does not hold there is no answer here, and the walk finds the words for it.

use rayon::prelude::*;

use super::bucket::Run;
use super::db::Db;
use super::page::{Page, PageType, Pgid};
use super::walk::PageSet;
use located::Bytes;

/// Branch pages that one task takes.
const BRANCHES_PER_TASK: usize = 64;

/// The pages of a sound tree.
#[derive(Debug)]
pub(crate) struct Descent {
    /// What its branch pages take for leaves, in key order; the headers have yet to be looked at.
    pub(crate) leaves: Vec<Pgid>,
    pub(crate) branches: Vec<Run>,
    /// Of each leaf the key that the branch page above it has.
    pub(crate) separators: Separators,
}

/// What keys of a page must not be smaller than, and what they must be smaller than.
type Bounds<'k> = (Option<&'k [u8]>, Option<&'k [u8]>);

/// Keys one behind the other: those of a level's pages, as the level above has them.
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

    /// What keys of the page at a position must not be smaller than, and what they must be smaller than: as bbolt's own check
    /// has it, for the first page of a branch too.
    pub(crate) fn bounds(&self, at: usize) -> Bounds<'_> {
        (self.get(at), self.get(at.saturating_add(1)))
    }
}

/// A leaf by its page, with its position in key order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Placed {
    page: u32,
    pub(crate) position: u32,
}

impl Placed {
    pub(crate) fn pgid(self) -> Pgid {
        Pgid(self.page.into())
    }
}

impl Descent {
    /// The leaves in the order of the file; `None` where a number is beyond what any db has.
    pub(crate) fn in_page_order(&self) -> Option<Vec<Placed>> {
        let placed = |(position, pgid): (usize, &Pgid)| {
            Some(Placed {
                page: u32::try_from(pgid.0).ok()?,
                position: u32::try_from(position).ok()?,
            })
        };
        let placed: Option<Vec<Placed>> = self.leaves.iter().enumerate().map(placed).collect();
        let mut placed = placed?;
        placed.par_sort_unstable();
        Some(placed)
    }
}

/// Whether a leaf's header says what the branch page above it says, and leaves room for its elements.
pub(crate) fn is_sound_leaf(page: &Page<'_>) -> bool {
    page.header.id == page.pgid
        && page.header.page_type() == Some(PageType::Leaf)
        && usize::from(page.header.count) == page.count()
}

/// The pages below `root`; `None` where a page is reached twice, lies outside, or a branch page is not what it should be.
/// Where `judged`, that is all that [`page`](super::check::page) says of branch pages, and keys are kept.
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
            .map_init(Vec::new, |buffer, (at, pgid)| {
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
    /// Empty where they were not asked for.
    keys: Separators,
}

/// A branch page and its children; with `bounds`, it is judged and its keys are kept.
fn branch(
    db: &Db<'_>,
    pgid: Pgid,
    buffer: &mut Vec<u8>,
    bounds: Option<Bounds<'_>>,
) -> Option<Branch> {
    let offset = pgid.0.checked_mul(db.page_size())?;
    let read = db.read_into(buffer, offset, db.page_size());
    let read = read.map(|bytes| Bytes::new(db.file().file(), offset, bytes));
    let read = read.and_then(|bytes| Page::of(pgid, bytes, db.page_size()).ok());
    let page = match read.filter(|page| page.missing_bytes == 0) {
        Some(page) => page,
        None => db.page(pgid).ok()?,
    };
    let sound = page.header.id == pgid && page.header.page_type() == Some(PageType::Branch);
    let mut branch = Branch {
        run: Run::of(&page),
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
