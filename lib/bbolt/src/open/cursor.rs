//! bbolt's cursor: search and iteration as they go through damaged pages.

use std::cmp::Ordering;

use super::page::{BRANCH, LEAF, LeafElement, RawPage};
use super::{Death, Generation, Opened};

/// Depth at which a search is taken for a circle.
const MAX_DEPTH: usize = 10_000;

/// A position: the pages from the root down, each with an index.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    root: u64,
    inline: Option<RawPage>,
    pub stack: Vec<(RawPage, u64)>,
}

fn nil_pointer() -> Death {
    Death::Panic("runtime error: invalid memory address or nil pointer dereference".to_owned())
}

impl Opened<'_> {
    /// `pageNode`: an inline bucket has the page in its own value.
    fn bucket_page(&self, cursor: &Cursor, id: u64) -> Result<RawPage, Death> {
        if cursor.root != 0 {
            return self.page(id);
        }
        if id != 0 {
            return Err(Death::Panic(format!(
                "inline bucket non-zero page access(2): {id} != 0"
            )));
        }
        cursor.inline.ok_or_else(nil_pointer)
    }

    fn push(&self, cursor: &mut Cursor, id: u64) -> Result<RawPage, Death> {
        if cursor.stack.len() > MAX_DEPTH {
            return Err(Death::Chance("a search goes in a circle".to_owned()));
        }
        let page = self.bucket_page(cursor, id)?;
        cursor.stack.push((page, 0));
        Ok(page)
    }

    /// `Cursor.First`.
    pub(super) fn first(&self, root: u64, inline: Option<RawPage>) -> Result<Cursor, Death> {
        let mut cursor = Cursor {
            root,
            inline,
            stack: Vec::new(),
        };
        self.push(&mut cursor, root)?;
        self.descend(&mut cursor)?;
        if cursor.stack.last().is_some_and(|(page, _)| page.count == 0) {
            self.advance(&mut cursor)?;
        }
        Ok(cursor)
    }

    fn descend(&self, cursor: &mut Cursor) -> Result<(), Death> {
        while let Some(&(page, index)) = cursor.stack.last() {
            if page.is_leaf(self.generation) {
                break;
            }
            // In an inline bucket every number but 0 panics; 0 is the same page once more, until memory ends. What the heap holds
            // after the bucket's value decides.
            let child = self.child(&page, index)?;
            self.push(cursor, child)?;
        }
        Ok(())
    }

    /// `Cursor.next`; `false` at the end, where the cursor stays.
    /// `next` in `cursor.go`, v1.3.11, goes on over empty leaves.
    pub(super) fn advance(&self, cursor: &mut Cursor) -> Result<bool, Death> {
        loop {
            let more =
                |(page, index): &(RawPage, u64)| index.saturating_add(1) < u64::from(page.count);
            let Some(level) = cursor.stack.iter().rposition(more) else {
                return Ok(false);
            };
            cursor.stack.truncate(level.saturating_add(1));
            if let Some((_, index)) = cursor.stack.last_mut() {
                *index = index.saturating_add(1);
            }
            self.descend(cursor)?;
            if cursor.stack.last().is_some_and(|(page, _)| page.count > 0) {
                return Ok(true);
            }
        }
    }

    /// `Cursor.keyValue`.
    pub(super) fn current(&self, cursor: &Cursor) -> Result<Option<LeafElement>, Death> {
        let Some(&(page, index)) = cursor.stack.last() else {
            return Ok(None);
        };
        if index >= u64::from(page.count) {
            return Ok(None);
        }
        self.leaf_element(&page, index).map(Some)
    }

    /// `Cursor.seek`.
    pub(super) fn seek(
        &self,
        root: u64,
        inline: Option<RawPage>,
        key: &[u8],
    ) -> Result<Cursor, Death> {
        let mut cursor = Cursor {
            root,
            inline,
            stack: Vec::new(),
        };
        let mut id = root;
        loop {
            let page = self.push(&mut cursor, id)?;
            let typed = match self.generation {
                Generation::V1_4 => matches!(page.flags, BRANCH | LEAF),
                _ => page.flags & (BRANCH | LEAF) != 0,
            };
            if !typed {
                return Err(Death::Panic(format!(
                    "invalid page type: {}: {:x}",
                    page.id, page.flags
                )));
            }
            let count = u64::from(page.count);
            let mut exact = false;
            let index = self.search(count, |index| {
                let at = match page.is_leaf(self.generation) {
                    true => self.leaf_key(&page, index)?.1,
                    false => self.branch_key(&page, index)?,
                };
                let order = match self.memory.compare(at, key) {
                    Err(Death::Heap { .. }) => self.heap.ask(),
                    order => order?,
                };
                exact |= order == Ordering::Equal;
                Ok(order != Ordering::Less)
            })?;
            let index = match page.is_leaf(self.generation) || exact {
                true => index,
                false => index.saturating_sub(1),
            };
            if let Some((_, at)) = cursor.stack.last_mut() {
                *at = index;
            }
            if page.is_leaf(self.generation) {
                return Ok(cursor);
            }
            if index >= count {
                return Err(Death::Panic(format!(
                    "runtime error: index out of range [{index}] with length {count}"
                )));
            }
            id = self.child(&page, index)?;
        }
    }

    /// Go's `sort.Search`: the same probes in the same order.
    /// `search` in `cursor.go`, v1.3.11: no bound for the depth.
    pub(super) fn search(
        &self,
        count: u64,
        mut is_at_least: impl FnMut(u64) -> Result<bool, Death>,
    ) -> Result<u64, Death> {
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low.midpoint(high);
            if is_at_least(middle)? {
                high = middle;
            } else {
                low = middle.saturating_add(1);
            }
        }
        Ok(low)
    }
}
