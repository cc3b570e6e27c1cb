//! Down the tree in key order, whatever the pages say.
//!
//! **Invariants.** Every page is entered at most once, so a cycle ends; the way down is at most [`Limits::tree_depth`] long;
//! nothing is allocated but one bit for each page of the file and the stack.
//!
//! [`Limits::tree_depth`]: located::Limits::tree_depth

use super::bucket::Run;
use super::check;
use super::db::Db;
use super::page::{Page, PageType, Pgid};
use located::Sink;

/// A page met on the way.
#[derive(Debug)]
pub struct Visit<'a, 's> {
    /// The page: a branch or a leaf.
    pub page: Page<'a>,
    /// The pages above it, root first; empty for a root and for an inline bucket.
    pub stack: &'s [Pgid],
    /// Its keys must not be smaller than this.
    pub lower: Option<&'a [u8]>,
    /// Its keys must be smaller than this.
    pub upper: Option<&'a [u8]>,
}

/// One bit a page.
#[derive(Clone, Debug)]
pub(crate) struct PageSet {
    bits: Vec<u64>,
}

impl PageSet {
    /// An empty set for pages `0..pages`.
    pub(crate) fn new(pages: u64) -> Self {
        Self {
            bits: vec![0; usize::try_from(pages.div_ceil(64)).unwrap_or(0)],
        }
    }

    /// Whether the page is in the set; pages beyond it never are.
    pub(crate) fn contains(&self, pgid: Pgid) -> bool {
        let word = usize::try_from(pgid.0 / 64)
            .ok()
            .and_then(|at| self.bits.get(at));
        word.is_some_and(|word| word >> (pgid.0 % 64) & 1 == 1)
    }

    /// Adds a page; `false` where it was there already, or lies beyond the set.
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

    /// How many pages are in it.
    pub(crate) fn len(&self) -> u64 {
        self.bits
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum()
    }
}

/// One branch page on the way down: the page, the next child, and the bound of its last child.
struct Step<'a> {
    page: Page<'a>,
    next: usize,
    lower: Option<&'a [u8]>,
    upper: Option<&'a [u8]>,
}

/// The last leaves below `root` in key order, some `count` of them: level by level, of each the last pages only.
///
/// A page is taken once, and of a branch no more children than are wanted are looked at.
pub(crate) fn last_leaves(db: &Db<'_>, root: Pgid, count: usize) -> Vec<Run> {
    let mut taken = PageSet::new(db.file_pages());
    let mut leaves = Vec::new();
    let mut level = vec![root];
    for _ in 0..db.tree_depth() {
        let mut below = Vec::new();
        // From the last page to the first one.
        for pgid in level {
            if leaves.len().max(below.len()) >= count || !taken.insert(pgid) {
                continue;
            }
            let Ok(page) = db.page(pgid) else { continue };
            match page.header.page_type() {
                Some(PageType::Leaf) => leaves.push(Run::of(&page)),
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
    let mut entered = PageSet::new(db.file_pages());
    let mut stack: Vec<Pgid> = Vec::new();
    let mut steps: Vec<Step<'a>> = Vec::new();
    enter(
        db,
        root,
        (None, None),
        &mut entered,
        &mut stack,
        &mut steps,
        sink,
        visit,
    );
    // A page has one parent: children beyond this number have been told of as met before, or as lying outside.
    let mut left = db.file_pages().saturating_mul(2);
    while let Some(step) = steps.last_mut().filter(|_| left > 0) {
        if step.next >= step.page.count() {
            steps.pop();
            stack.pop();
            continue;
        }
        let index = step.next;
        step.next += 1;
        left -= 1;
        let child = match step.page.child(index) {
            Ok(child) => child,
            Err(error) => {
                sink(
                    check::element_unreadable(&step.page, &error).stack(stack.iter().map(|p| p.0)),
                );
                continue;
            }
        };
        let lower = if index == 0 {
            step.lower
        } else {
            Some(child.key)
        };
        let upper = step
            .page
            .child(index + 1)
            .ok()
            .filter(|_| step.next < step.page.count());
        let upper = upper.map(|next| next.key).or(step.upper);
        enter(
            db,
            child.pgid,
            (lower, upper),
            &mut entered,
            &mut stack,
            &mut steps,
            sink,
            visit,
        );
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "the state of one loop, used nowhere else"
)]
fn enter<'a>(
    db: &Db<'a>,
    pgid: Pgid,
    (lower, upper): (Option<&'a [u8]>, Option<&'a [u8]>),
    entered: &mut PageSet,
    stack: &mut Vec<Pgid>,
    steps: &mut Vec<Step<'a>>,
    sink: &mut Sink<'_>,
    visit: &mut dyn FnMut(&Visit<'a, '_>),
) {
    let page = match check::page_to_follow(db, pgid, (lower, upper), stack) {
        Ok((page, None)) => page,
        Ok((page, Some(finding))) => {
            sink(finding);
            page
        }
        Err(finding) => return sink(*finding),
    };
    if !entered.insert(pgid) {
        return sink(check::page_entered_twice(db, pgid, stack));
    }
    visit(&Visit {
        page,
        stack,
        lower,
        upper,
    });
    if page.header.page_type() != Some(PageType::Branch) {
        return;
    }
    if stack.len() >= db.tree_depth() {
        return sink(check::tree_too_deep(db, pgid, stack));
    }
    stack.push(pgid);
    steps.push(Step {
        page,
        next: 0,
        lower,
        upper,
    });
}
