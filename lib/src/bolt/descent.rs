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
use crate::bytes::Bytes;

/// Branch pages that one task takes.
const BRANCHES_PER_TASK: usize = 64;

/// The pages of a sound tree.
#[derive(Debug)]
pub(crate) struct Descent {
    /// What its branch pages take for leaves, in key order; the headers have yet to be looked at.
    pub(crate) leaves: Vec<Pgid>,
    pub(crate) branches: Vec<Run>,
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
pub(crate) fn descend(db: &Db<'_>, root: Pgid) -> Option<Descent> {
    let mut reached = PageSet::new(db.file_pages());
    let mut branches: Vec<Run> = Vec::new();
    let mut level = vec![root];
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
            });
        }
        let branches_of = level.par_iter().with_min_len(BRANCHES_PER_TASK);
        let read: Option<Vec<(Run, Vec<Pgid>)>> = branches_of
            .map_init(Vec::new, |buffer, pgid| branch(db, *pgid, buffer))
            .collect();
        level = Vec::new();
        for (run, children) in read? {
            branches.push(run);
            level.extend(children);
        }
    }
    None
}

/// A branch page and its children.
fn branch(db: &Db<'_>, pgid: Pgid, buffer: &mut Vec<u8>) -> Option<(Run, Vec<Pgid>)> {
    let offset = pgid.0.checked_mul(db.page_size())?;
    let read = db.read_into(buffer, offset, db.page_size());
    let read = read.map(|bytes| Bytes::new(db.file().file(), offset, bytes));
    let read = read.and_then(|bytes| Page::of(pgid, bytes, db.page_size()).ok());
    let page = match read.filter(|page| page.missing_bytes == 0) {
        Some(page) => page,
        None => db.page(pgid).ok()?,
    };
    let sound = page.header.id == pgid && page.header.page_type() == Some(PageType::Branch);
    let children = page.children().map(|child| Some(child.ok()?.pgid));
    let children: Vec<Pgid> = children.collect::<Option<_>>()?;
    (sound && usize::from(page.header.count) == children.len()).then(|| (Run::of(&page), children))
}
