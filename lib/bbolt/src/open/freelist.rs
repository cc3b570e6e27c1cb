//! The free list: read from its page, or rebuilt from what the trees do not reach.

use std::collections::{BTreeMap, BTreeSet};

use super::page::FREELIST;
use super::{Death, Generation, Opened};

/// More ids than this do not fit a machine's memory.
const MAX_FREE_IDS: u64 = 1 << 28;

/// Which pages bbolt takes for free.
#[derive(Clone, Debug, Default)]
pub(super) struct Free {
    /// Ids of a stored list; `None` if it was rebuilt.
    pub stored: Option<BTreeSet<u64>>,
    /// The page of the stored list.
    pub list_page: Option<u64>,
    /// A stored list names a page twice.
    pub twice: bool,
    /// Page runs that the trees reach: first to last.
    pub used: BTreeMap<u64, u64>,
}

impl Free {
    /// Adds a run of pages; the first page of it that was reached before, if any.
    pub fn reach(&mut self, first: u64, last: u64) -> Option<u64> {
        let before = self.used.range(..=first).next_back();
        if let Some((_, _)) = before.filter(|(_, end)| **end >= first) {
            return Some(first);
        }
        if let Some((&start, _)) = self.used.range(first..=last).next() {
            return Some(start);
        }
        self.used.insert(first, last);
        None
    }

    /// Whether some tree reaches the page.
    pub fn is_used(&self, page: u64) -> bool {
        let before = self.used.range(..=page).next_back();
        before.is_some_and(|(_, last)| *last >= page)
    }
}

impl Opened<'_> {
    /// `freelist.read`: from its page.
    /// `read` in `freelist.go`, v1.3.11: a count of 0xFFFF means that the first id is the count.
    pub(super) fn stored(&self, id: u64) -> Result<Free, Death> {
        let page = self.unchecked(id)?;
        let is_list = match self.generation {
            Generation::V1_4 => page.flags == FREELIST,
            _ => page.flags & FREELIST != 0,
        };
        if !is_list {
            return Err(Death::Panic(format!(
                "invalid freelist page: {}, page type is {}",
                page.id,
                page.kind(self.generation)
            )));
        }
        let (mut count, mut skip) = (u64::from(page.count), 0);
        if page.count == 0xFFFF {
            let long = self.memory.u64(page.from.plus(16))?;
            if i64::try_from(long).is_err() {
                return Err(Death::Panic(format!(
                    "leading element count {long} overflows int"
                )));
            }
            (count, skip) = (long, 8);
        }
        if count >= 1 << 45 {
            return Err(Death::Panic(
                "runtime error: makeslice: len out of range".to_owned(),
            ));
        }
        if count > MAX_FREE_IDS {
            return Err(Death::OutOfMemory);
        }
        let mut ids = BTreeSet::new();
        let mut twice = false;
        for number in 0..count {
            let at = page
                .from
                .plus(16u64.saturating_add(skip))
                .plus(number.saturating_mul(8));
            twice |= !ids.insert(self.memory.u64(at)?);
        }
        Ok(Free {
            stored: Some(ids),
            list_page: Some(id),
            twice,
            ..Free::default()
        })
    }

    /// `freepages`: what no bucket reaches below the high-water mark.
    /// `freepages` in `db.go`, v1.3.11, and `noSyncReload` in `freelist.go`, v1.3.11.
    pub(super) fn rebuilt(&self) -> Result<Free, Death> {
        let mut free = Free::default();
        self.check_bucket(self.meta.root, &mut free)?;
        if self.meta.high_water_mark > MAX_FREE_IDS {
            return Err(Death::Exhausted(self.meta.high_water_mark));
        }
        Ok(free)
    }
}
