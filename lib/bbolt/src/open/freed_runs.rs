//! What the first commits do if a page that they rewrite claims more pages than there are: those become free, and later pages are written there.
//!
//! bbolt frees what a rewritten page's header says, whether or not the high-water mark is before its end (`free` in `freelist.go`,
//! v1.3.11), takes a run of exactly the wanted length first, and among several runs Go's random order of a map decides
//! (`hashmapAllocate` in `freelist_hmap.go`). If none is long enough the file grows, and with it the high-water mark. So the commits
//! are carried out many times with different choices, and what most of them lead to is what to expect.

use std::collections::BTreeMap;

use super::allocate::{Hazard, Runs};
use super::page::RawPage;
use super::{Death, Found, Generation, Opened};

/// Number of times the commits are carried out, each with other choices.
const TRIALS: u64 = 64;

/// The pages that one commit rewrites, in the order in which they are written: leaf first, the root bucket's last.
type Commit = Vec<(RawPage, u64)>;

/// How one trial ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trial {
    Served,
    /// A commit is given this page, at or above this high-water mark.
    Above(u64, u64),
    /// A commit writes over a page in use.
    Overwritten,
}

impl Opened<'_> {
    /// As [`hazard`](Self::hazard), of a free list that was rebuilt.
    pub(super) fn of_freed_runs(
        &self,
        rewritten: &[(&str, &[u8])],
    ) -> Result<Option<Hazard>, Death> {
        if self.generation == Generation::V1_3_6 {
            return Ok(None);
        }
        let hwm = self.meta.high_water_mark;
        let mut commits: Vec<Commit> = Vec::new();
        for (name, key) in rewritten {
            commits.push(self.pages_of_commit(name, key)?);
        }
        let last = |page: &RawPage| page.id.saturating_add(u64::from(page.overflow));
        let beyond = commits.iter().flatten();
        let beyond = beyond
            .map(|(page, _)| page)
            .find(|page| page.overflow > 0 && last(page) >= hwm);
        let Some(beyond) = beyond else {
            return Ok(None);
        };
        let free = self.runs_below(hwm);
        let ends: Vec<Trial> = (0..TRIALS)
            .map(|seed| trial(&commits, free.clone(), hwm, seed))
            .collect();
        let most = |wanted: fn(&Trial) -> bool| {
            let mut fitting = ends.iter().filter(|end| wanted(end));
            let first = fitting.next().copied();
            first.filter(|_| fitting.count().saturating_add(1).saturating_mul(2) > ends.len())
        };
        if let Some(Trial::Above(page, mark)) = most(|end| matches!(end, Trial::Above(..))) {
            return Err(Death::Panic(format!(
                "pgid ({page}) above high water mark ({mark})"
            )));
        }
        Ok(Some(Hazard::Chance(format!(
            "pages up to {} become free, the high-water mark is {hwm}",
            last(beyond)
        ))))
    }

    /// The pages that a commit of one key of a bucket rewrites, each with the number of pages that its content needs.
    fn pages_of_commit(&self, name: &str, key: &[u8]) -> Result<Commit, Death> {
        let mut pages = Vec::new();
        if let Found::Bucket(bucket) = self.bucket(name.as_bytes())? {
            let path = self.position(&bucket, key)?.stack;
            pages.extend(path.into_iter().rev().filter(|_| bucket.root != 0));
        }
        let root = self.seek(self.meta.root, None, name.as_bytes())?.stack;
        pages.extend(root.into_iter().rev());
        let needed = |(page, _): (RawPage, u64)| Ok((page, self.pages_needed(&page)?));
        pages.into_iter().map(needed).collect()
    }

    /// The number of pages that the elements of a page fill.
    fn pages_needed(&self, page: &RawPage) -> Result<u64, Death> {
        let mut end = page.element(u64::from(page.count)).at;
        for index in 0..u64::from(page.count) {
            let span = match page.is_leaf(self.generation) {
                true => self.leaf_element(page, index)?.value,
                false => self.branch_key(page, index)?,
            };
            end = end.max(span.from.at.saturating_add(span.len));
        }
        let bytes = end.saturating_sub(page.from.at);
        Ok(bytes.div_ceil(self.page_size.max(1)).max(1))
    }

    /// The runs of pages that no tree reaches.
    fn runs_below(&self, hwm: u64) -> Runs {
        let mut runs = Runs::default();
        let mut next = 2;
        for (&first, &last) in self.free.used.range(..hwm) {
            if first > next {
                runs.add(next, first.saturating_sub(next));
            }
            next = next.max(last.saturating_add(1));
        }
        if next < hwm {
            runs.add(next, hwm.saturating_sub(next));
        }
        runs
    }
}

/// Does the commits, with the choices that follow from a number.
fn trial(commits: &[Commit], mut runs: Runs, mut hwm: u64, seed: u64) -> Trial {
    // Where each page is after the commits so far, and how many pages it frees when it is rewritten again.
    let mut places: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    let mut choice = seed;
    for commit in commits {
        let mut pending = Vec::new();
        for (page, needed) in commit {
            let stored = (page.id, u64::from(page.overflow).saturating_add(1));
            let taken = match runs.take_any(*needed, &mut choice) {
                Some(taken) if taken >= hwm => return Trial::Above(taken, hwm),
                Some(taken) => taken,
                None => {
                    hwm = hwm.saturating_add(*needed);
                    hwm.saturating_sub(*needed)
                }
            };
            let before = places.insert(page.id, (taken, *needed));
            let others = places.iter().filter(|(id, _)| **id != page.id);
            let mut others = others.map(|(_, (first, pages))| *first..first.saturating_add(*pages));
            if others.any(|place| place.contains(&taken)) {
                return Trial::Overwritten;
            }
            pending.push(before.unwrap_or(stored));
        }
        // What a commit freed is there for the next one: etcd has no reader open then.
        for (first, pages) in pending {
            runs.add(first, pages);
        }
    }
    Trial::Served
}
