//! Which pages the first commits are given: those of a free list that names pages in use, or pages that are none.
//!
//! bbolt `freelist_hmap.go` (`hashmapAllocate`), v1.3.11: a run of exactly the pages that are wanted, if there is one, else a part
//! of any longer run; among several, Go's random order of a map decides. etcd 3.4 takes the lowest of a sorted array.

use std::collections::BTreeMap;

use super::{Death, Generation, Opened};

/// Pages that the first two commits take at least: what etcd writes itself, then the first write of a client.
const FIRST_PAGES: usize = 4;

/// What is wrong with the free pages of a file that is served all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hazard {
    /// The first commits write over a page in use. Holds why.
    Overwritten(String),
    /// A commit may write over a page in use, by chance. Holds why.
    Chance(String),
}

/// Runs of free pages: first page, number of pages.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs(BTreeMap<u64, u64>);

impl Runs {
    pub(super) fn add(&mut self, first: u64, pages: u64) {
        let (mut first, mut end) = (first, first.saturating_add(pages));
        if let Some((&start, &len)) = self.0.range(..first).next_back()
            && start.saturating_add(len) >= first
        {
            self.0.remove(&start);
            (first, end) = (start, end.max(start.saturating_add(len)));
        }
        if let Some(len) = self.0.remove(&end) {
            end = end.saturating_add(len);
        }
        self.0.insert(first, end.saturating_sub(first));
    }

    /// The first of so many pages; `None` if no run is long enough, so that the file grows. `choice` decides among several, and moves
    /// on.
    pub(super) fn take_any(&mut self, pages: u64, choice: &mut u64) -> Option<u64> {
        let fitting = |exact: bool| {
            let fits = move |len: u64| if exact { len == pages } else { len > pages };
            self.0.iter().filter(move |(_, len)| fits(**len))
        };
        let (exact, longer) = (fitting(true).count(), fitting(false).count());
        // Knuth's multiplier (MMIX): only the order of the choices is asked of it, not chance.
        *choice = choice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let drawn = usize::try_from(*choice >> 33).unwrap_or(0);
        let nth = drawn.checked_rem(if exact > 0 { exact } else { longer })?;
        let (&first, &len) = fitting(exact > 0).nth(nth)?;
        self.0.remove(&first);
        if len > pages {
            self.0
                .insert(first.saturating_add(pages), len.saturating_sub(pages));
        }
        Some(first)
    }
}

impl Opened<'_> {
    /// What the first commits do with a free list that is wrong: `Err` if they certainly or probably end the process, else why a
    /// later one may.
    ///
    /// `rewritten`: keys that these commits write, with their buckets.
    ///
    /// # Errors
    /// How the process ends.
    pub fn hazard(&self, rewritten: &[(&str, &[u8])]) -> Result<Option<Hazard>, Death> {
        match &self.free.stored {
            Some(_) => self.of_stored_list(),
            None => self.of_freed_runs(rewritten),
        }
    }

    fn of_stored_list(&self) -> Result<Option<Hazard>, Death> {
        let Some(list) = &self.free.stored else {
            return Ok(None);
        };
        let old = self.generation == Generation::V1_3_6;
        let hwm = self.meta.high_water_mark;
        if let Some(id) = list.iter().find(|id| **id < 2).filter(|_| old) {
            return Err(Death::Panic(format!("invalid page allocation: {id}")));
        }
        let mut walked = super::Free::default();
        let sound = self.check_bucket(self.meta.root, &mut walked).is_ok();
        let mut runs = Runs::default();
        list.iter().for_each(|id| runs.add(*id, 1));
        // Of a map, a run of one page is taken as soon as one is wanted. Page 0 means that there is none.
        let single = runs.0.iter().filter(|(_, len)| **len == 1);
        let single: Vec<u64> = single.map(|(id, _)| *id).filter(|id| *id != 0).collect();
        // The array of 3.4 makes the file as long as it takes.
        let beyond = |id: u64| !old && id >= hwm;
        let bad = |id: &u64| *id == 1 || beyond(*id) || walked.is_used(*id);
        let taken: Vec<u64> = match old {
            true => list.iter().take(FIRST_PAGES).copied().collect(),
            false => single,
        };
        let wrong: Vec<u64> = taken.iter().copied().filter(bad).collect();
        // Go's order is random: what more than half of them do is what to expect.
        let middle = wrong.len() / 2;
        if let Some(id) = wrong.get(middle)
            && (old || wrong.len().saturating_mul(2) >= taken.len())
        {
            return match *id {
                1 => Err(Death::Panic("invalid page type: 1: 4".to_owned())),
                id if beyond(id) => Err(Death::Panic(format!(
                    "pgid ({id}) above high water mark ({hwm})"
                ))),
                id => Ok(Some(Hazard::Overwritten(in_use(id)))),
            };
        }
        let why = match list.iter().find(|id| bad(id)) {
            Some(id) if beyond(*id) => Some(format!(
                "the free list names page {id}, at or above the high-water mark"
            )),
            Some(id) => Some(in_use(*id)),
            None if self.free.twice => Some("the free list names a page twice".to_owned()),
            None if !sound => {
                Some("the trees are damaged, and the stored free list hides it".to_owned())
            }
            None => None,
        };
        Ok(why.map(Hazard::Chance))
    }
}

fn in_use(page: u64) -> String {
    format!("the free list names page {page}, which is in use")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_the_wanted_length_comes_before_a_part_of_a_longer_one() {
        let mut runs = Runs::default();
        runs.add(2, 2);
        runs.add(7, 1);
        let mut choice = 1;
        assert_eq!(runs.take_any(1, &mut choice), Some(7));
        assert_eq!(runs.take_any(1, &mut choice), Some(2));
        assert_eq!(runs.take_any(1, &mut choice), Some(3));
        assert_eq!(runs.take_any(1, &mut choice), None);
    }

    #[test]
    fn adjacent_runs_become_one() {
        let mut runs = Runs::default();
        runs.add(2, 1);
        runs.add(4, 3);
        runs.add(3, 1);
        assert_eq!(runs.0.into_iter().collect::<Vec<_>>(), [(2, 5)]);
    }
}
