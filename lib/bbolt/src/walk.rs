//! A walk down a tree in key order, whatever the pages contain.
//!
//! **Invariants.** Every page is entered at most once, so a cycle ends. The path from the root has at most
//! [`Limits::tree_depth`] pages. The walk allocates one bit for each page of the file, and the stack. bbolt itself follows a
//! cycle until its stack overflows (bbolt#701).
//!
//! [`Limits::tree_depth`]: located::Limits::tree_depth

use super::bucket::Run;
use super::check;
use super::db::Db;
use super::page::{Page, PageType, Pgid};
use located::Sink;

/// A page that a walk reached.
#[derive(Debug)]
pub struct Visit<'a, 's> {
    /// The page: a branch or a leaf.
    pub page: Page<'a>,
    /// The pages above it, root first; empty for a root and for an inline bucket.
    pub stack: &'s [Pgid],
    /// Lower bound of its keys, inclusive.
    pub lower: Option<&'a [u8]>,
    /// Upper bound of its keys, exclusive.
    pub upper: Option<&'a [u8]>,
}

/// A set of pages, one bit for each.
#[derive(Clone, Debug)]
pub(crate) struct PageSet {
    bits: Vec<u64>,
}

impl PageSet {
    /// Creates an empty set for pages `0..pages`.
    pub(crate) fn new(pages: u64) -> Self {
        Self {
            bits: vec![0; usize::try_from(pages.div_ceil(64)).unwrap_or(0)],
        }
    }

    /// Returns whether the page is in the set; pages beyond its size never are.
    pub(crate) fn contains(&self, pgid: Pgid) -> bool {
        let word = usize::try_from(pgid.0 / 64)
            .ok()
            .and_then(|at| self.bits.get(at));
        word.is_some_and(|word| word >> (pgid.0 % 64) & 1 == 1)
    }

    /// Adds a page; returns `false` if it is in the set already, or is beyond its size.
    pub(crate) fn insert(&mut self, pgid: Pgid) -> bool {
        let Some(word) = usize::try_from(pgid.0 / 64)
            .ok()
            .and_then(|at| self.bits.get_mut(at))
        else {
            return false;
        };
        let bit = 1u64 << (pgid.0 % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Counts its pages.
    pub(crate) fn len(&self) -> u64 {
        self.bits
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum()
    }
}

/// A branch page on the path from the root, with its next child.
struct Step<'a> {
    page: Page<'a>,
    next: usize,
    lower: Option<&'a [u8]>,
    upper: Option<&'a [u8]>,
}

/// Returns about `count` of the last leaves below `root`, in key order.
///
/// Goes down level by level and takes only the last pages of each. A page is taken once.
pub(crate) fn last_leaves(db: &Db<'_>, root: Pgid, count: usize) -> Vec<Run> {
    let mut taken = PageSet::new(db.file_pages());
    let mut leaves = Vec::new();
    let mut level = vec![root];
    for _ in 0..db.tree_depth() {
        let mut below = Vec::new();
        // From the last page to the first page.
        for pgid in level {
            if leaves.len().max(below.len()) >= count || !taken.insert(pgid) {
                continue;
            }
            let Ok(page) = db.page(pgid) else { continue };
            match page.header.page_type() {
                Some(PageType::Leaf) => leaves.push(Run::from_page(&page)),
                Some(PageType::Branch) => {
                    let wanted = count.saturating_sub(below.len());
                    let children = (0..page.count()).rev().take(wanted);
                    below.extend(
                        children.filter_map(|index| page.child(index).ok().map(|child| child.pgid)),
                    );
                }
                _ => {}
            }
        }
        level = below;
    }
    leaves.reverse();
    leaves
}

/// Visits every branch and leaf below `root` in key order.
pub(crate) fn walk<'a>(
    db: &Db<'a>,
    root: Pgid,
    sink: &mut Sink<'_>,
    visit: &mut dyn FnMut(&Visit<'a, '_>),
) {
    let mut walk = Walk {
        db,
        entered: PageSet::new(db.file_pages()),
        stack: Vec::new(),
        steps: Vec::new(),
        sink,
        visit,
    };
    walk.enter(root, (None, None));
    // A page has one parent: further children were reported as reached twice or as out of range.
    let mut left = db.file_pages().saturating_mul(2);
    while left > 0
        && let Some(child) = walk.next_child()
    {
        left -= 1;
        if let Some((pgid, bounds)) = child {
            walk.enter(pgid, bounds);
        }
    }
}

/// Lower bound, inclusive, and upper bound, exclusive, of the keys of a page.
type Bounds<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// A walk down a tree.
struct Walk<'w, 'a, 's> {
    db: &'w Db<'a>,
    entered: PageSet,
    stack: Vec<Pgid>,
    steps: Vec<Step<'a>>,
    sink: &'w mut Sink<'s>,
    visit: &'w mut dyn FnMut(&Visit<'a, '_>),
}

impl<'a> Walk<'_, 'a, '_> {
    /// Returns the next child with its bounds; `Some(None)` if its element cannot be read, `None` after the last.
    fn next_child(&mut self) -> Option<Option<(Pgid, Bounds<'a>)>> {
        loop {
            let step = self.steps.last_mut()?;
            if step.next >= step.page.count() {
                self.steps.pop();
                self.stack.pop();
                continue;
            }
            let index = step.next;
            step.next += 1;
            let child = match step.page.child(index) {
                Ok(child) => child,
                Err(error) => {
                    let finding = check::element_unreadable(&step.page, &error);
                    (self.sink)(finding.stack(self.stack.iter().map(|pgid| pgid.0)));
                    return Some(None);
                }
            };
            let lower = match index {
                0 => step.lower,
                _ => Some(child.key),
            };
            let next = step.page.child(step.next).ok();
            let next = next.filter(|_| step.next < step.page.count());
            let upper = next.map(|next| next.key).or(step.upper);
            return Some(Some((child.pgid, (lower, upper))));
        }
    }

    /// Visits a page, and goes down if it is a branch.
    /// `forEachPageInternal` in `tx.go`, v1.3.11, follows every id without such a test.
    fn enter(&mut self, pgid: Pgid, (lower, upper): Bounds<'a>) {
        let page = match check::page_to_follow(self.db, pgid, (lower, upper), &self.stack) {
            Ok((page, None)) => page,
            Ok((page, Some(finding))) => {
                (self.sink)(finding);
                page
            }
            Err(finding) => return (self.sink)(*finding),
        };
        if !self.entered.insert(pgid) {
            return (self.sink)(check::page_entered_twice(self.db, pgid, &self.stack));
        }
        (self.visit)(&Visit {
            page,
            stack: &self.stack,
            lower,
            upper,
        });
        if page.header.page_type() != Some(PageType::Branch) {
            return;
        }
        if self.stack.len() >= self.db.tree_depth() {
            return (self.sink)(check::tree_too_deep(self.db, pgid, &self.stack));
        }
        self.stack.push(pgid);
        self.steps.push(Step {
            page,
            next: 0,
            lower,
            upper,
        });
    }
}
