//! The walk over every tree with which bbolt rebuilds the free list: `checkBucket`, `recursivelyCheckPages`.

use std::cmp::Ordering;

use super::freelist::Free;
use super::memory::Span;
use super::page::{BRANCH, LEAF, RawPage};
use super::{Death, Generation, Opened};

/// Depth at which a tree is taken for a trap.
const MAX_DEPTH: usize = 2000;
/// A run of more pages than this keeps bbolt busy until memory ends: each is an entry in several hash tables.
const MAX_RUN_PAGES: u64 = 1 << 24;

fn unreachable(text: String) -> Death {
    Death::Panic(format!(
        "freepages: failed to get all reachable pages ({text})"
    ))
}

fn signed(id: u64) -> i64 {
    i64::from_ne_bytes(id.to_ne_bytes())
}

impl Opened<'_> {
    /// `checkBucket`: this bucket's pages, then those of the buckets in it.
    pub(super) fn check_bucket(&self, root: u64, free: &mut Free) -> Result<(), Death> {
        let mut open = vec![root];
        while let Some(root) = open.pop() {
            if root == 0 {
                continue;
            }
            self.each_page(root, free)?;
            if self.generation >= Generation::V1_3_11 {
                self.key_order(root, None, None, 0)?;
            }
            let mut inner = self.inner_roots(root)?;
            inner.reverse();
            open.extend(inner);
        }
        Ok(())
    }

    /// `forEachPage`, parents first.
    /// `forEachPage` in `tx.go`, v1.3.11.
    fn each_page(&self, root: u64, free: &mut Free) -> Result<(), Death> {
        let mut open = vec![root];
        while let Some(id) = open.pop() {
            let page = self.page(id)?;
            self.visit(&page, free)?;
            if page.flags & BRANCH != 0 {
                for index in (0..u64::from(page.count)).rev() {
                    open.push(self.child(&page, index)?);
                }
            }
        }
        Ok(())
    }

    fn visit(&self, page: &RawPage, free: &mut Free) -> Result<(), Death> {
        // `>`, not `>=`: a page at the high-water mark passes.
        if page.id > self.meta.high_water_mark {
            return Err(unreachable(format!(
                "page {}: out of bounds: {}",
                signed(page.id),
                signed(self.meta.high_water_mark)
            )));
        }
        let last = page.id.saturating_add(u64::from(page.overflow));
        if let Some(twice) = free.reach(page.id, last) {
            return Err(unreachable(format!("page {twice}: multiple references")));
        }
        let run = u64::from(page.overflow);
        if run > MAX_RUN_PAGES {
            return Err(Death::Exhausted(run));
        }
        let typed = match self.generation {
            Generation::V1_4 => matches!(page.flags, BRANCH | LEAF),
            _ => page.flags & (BRANCH | LEAF) != 0,
        };
        if !typed {
            return Err(unreachable(format!(
                "page {}: invalid type: {}",
                page.id,
                page.kind(self.generation)
            )));
        }
        Ok(())
    }

    /// `recursivelyCheckPages`: keys ascend, and stay between those of their parent. Returns the greatest key.
    /// `verifyKeyOrder` in `tx_check.go`, v1.3.11.
    fn key_order(
        &self,
        id: u64,
        least: Option<Span>,
        below: Option<Span>,
        depth: usize,
    ) -> Result<Option<Span>, Death> {
        if depth > MAX_DEPTH {
            return Err(Death::Chance(
                "the tree is deeper than 2,000 pages".to_owned(),
            ));
        }
        let page = self.page(id)?;
        let count = u64::from(page.count);
        let mut running = least;
        if page.flags & BRANCH != 0 {
            let mut greatest = None;
            for index in 0..count {
                let key = self.branch_key(&page, index)?;
                let child = self.child(&page, index)?;
                self.ordered(child, "branch", index, key, running, below)?;
                let next = index.saturating_add(1);
                let bound = match next < count {
                    true => Some(self.branch_key(&page, next)?),
                    false => below,
                };
                greatest = self.key_order(child, Some(key), bound, depth.saturating_add(1))?;
                running = greatest;
            }
            return Ok(greatest);
        }
        if page.flags & LEAF == 0 {
            return Err(unreachable(format!("unexpected page type for pgId:{id}")));
        }
        let mut greatest = None;
        for index in 0..count {
            let (_, key) = self.leaf_key(&page, index)?;
            self.ordered(id, "leaf", index, key, running, below)?;
            running = Some(key);
            greatest = running;
        }
        Ok(greatest)
    }

    fn ordered(
        &self,
        page: u64,
        kind: &str,
        index: u64,
        key: Span,
        previous: Option<Span>,
        below: Option<Span>,
    ) -> Result<(), Death> {
        let against = match previous {
            Some(previous) => self.memory.compare_spans(previous, key)?,
            None if key.len == 0 => Ordering::Equal,
            None => Ordering::Less,
        };
        // The message spells both keys, and so reads them to their ends.
        let spelled = || {
            self.memory.touch(key)?;
            previous.map_or(Ok(()), |previous| self.memory.touch(previous))
        };
        if index == 0 && previous.is_some() && against == Ordering::Greater {
            spelled()?;
            return Err(unreachable(format!(
                "the first key[0] on {kind} page({page}) needs to be >= the key in the ancestor"
            )));
        }
        if index > 0 && against != Ordering::Less {
            spelled()?;
            let found = if against == Ordering::Equal { '=' } else { '<' };
            return Err(unreachable(format!(
                "key[{index}] on {kind} page({page}) needs to be > (found {found}) than previous element"
            )));
        }
        if let Some(below) = below
            && self.memory.compare_spans(key, below)? != Ordering::Less
        {
            spelled()?;
            return Err(unreachable(format!(
                "key[{index}] on {kind} page({page}) needs to be < than key of the next element in ancestor"
            )));
        }
        Ok(())
    }

    /// The roots of the buckets in a bucket, as `ForEach` and a lookup of each find them.
    fn inner_roots(&self, root: u64) -> Result<Vec<u64>, Death> {
        let mut roots = Vec::new();
        let mut cursor = self.first(root, None)?;
        while let Some(element) = self.current(&cursor)? {
            // Up to 1.3.6 every key is looked up, and so read.
            if self.generation == Generation::V1_3_6 {
                self.memory.touch(element.key)?;
            }
            if element.flags & 1 != 0 {
                let name = self.memory.bytes(element.key)?;
                if let Some(bucket) = self.lookup(root, &name)? {
                    roots.push(bucket.root);
                }
            }
            if !self.advance(&mut cursor)? {
                break;
            }
        }
        Ok(roots)
    }
}
