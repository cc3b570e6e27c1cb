//! How many revisions lost entries made, counted by what the db has after them.
//!
//! An entry makes one revision or none: a lease, a membership change, a failed transaction make none. The records that follow are in the
//! db, so where they are says how many there were.

use std::collections::{BTreeMap, BTreeSet};

use super::super::demands::Demands;
use super::super::record::KeyRecord;
use super::super::settled::KnownRecords;
use super::super::timeline::{LogReplay, LostEntries};
use super::stored_side::StoredSide;
use crate::mvcc::Revision;
use crate::recover::Change;
use located::RaftIndex;

/// Changes after lost entries that are looked at.
const LOOKED_AT: usize = 64;
/// Of a hundred of them, so many must be where they are expected.
const MUST_FIT: usize = 80;
/// Runs of lost entries that are counted one after the other; each needs the log to be applied once more.
const MAX_HOLES: usize = 16;
/// Revisions that lost entries can be fewer than entries, at most.
const MAX_FEWER: i64 = 4096;

/// The number of revisions that runs of lost entries made, by their first index. Of others one revision for each entry is assumed.
#[derive(Clone, Debug, Default)]
pub(in crate::salvage) struct HoleSizes {
    runs: BTreeMap<RaftIndex, i64>,
    /// Revisions that entries made which are there, and whose keys are not known.
    unseen: BTreeMap<RaftIndex, i64>,
    /// Entries that are there, and of which is not known what they did.
    undecided: BTreeSet<RaftIndex>,
    /// Whether later transactions are asked: nothing else says what lost entries did.
    asks_later_entries: bool,
    /// Runs that later transactions have counted, by their first index.
    shown: BTreeSet<RaftIndex>,
    /// Entries that created keys which lost entries had deleted.
    recreated: BTreeSet<RaftIndex>,
    /// Entries whose transaction failed, for a lost entry had written the key at that revision.
    refuted: BTreeMap<RaftIndex, i64>,
    /// Keys that lost entries wrote, each with its revision, by the first index of their run.
    writes: BTreeMap<RaftIndex, BTreeMap<Vec<u8>, i64>>,
}

impl HoleSizes {
    /// Nothing is known of lost entries; entries that are there made revisions of keys that are not known, or are undecided.
    pub(super) fn with_unseen(
        unseen: BTreeMap<RaftIndex, i64>,
        undecided: BTreeSet<RaftIndex>,
    ) -> Self {
        Self {
            unseen,
            undecided,
            ..Self::default()
        }
    }

    /// Nothing is known of lost entries but what later transactions show of them.
    pub(super) fn ask_later_entries(&mut self) {
        self.asks_later_entries = true;
    }

    /// Whether later transactions are asked.
    pub(in crate::salvage) fn asks_later_entries(&self) -> bool {
        self.asks_later_entries
    }

    /// Whether an entry created a key that a lost one had deleted.
    pub(in crate::salvage) fn is_recreated(&self, index: RaftIndex) -> bool {
        self.recreated.contains(&index)
    }

    /// The revision at which a lost entry had written the key of an entry's transaction, which failed therefore.
    pub(in crate::salvage) fn refuted(&self, index: RaftIndex) -> Option<i64> {
        self.refuted.get(&index).copied()
    }

    /// The keys that a run of lost entries wrote, each with its revision.
    pub(in crate::salvage) fn writes(
        &self,
        first: RaftIndex,
    ) -> impl Iterator<Item = (&[u8], i64)> {
        let writes = self.writes.get(&first).into_iter().flatten();
        writes.map(|(key, revision)| (key.as_slice(), *revision))
    }

    /// Notes what the runs that are counted wrote. `false` if nothing is new.
    fn learn_writes(&mut self, demands: &Demands) -> bool {
        let mut is_new = false;
        for hole in &demands.holes {
            if !self.shown.contains(&hole.first) {
                break;
            }
            let known = self.writes.entry(hole.first).or_default();
            for (key, revision) in &hole.writes {
                is_new |= known.insert(key.clone(), *revision) != Some(*revision);
            }
        }
        is_new
    }

    /// Counts the first run that is not counted yet by what later transactions demand. `false` if there is none.
    pub(super) fn correct_by_demands(&mut self, line: &LogReplay<'_>) -> bool {
        let demands = &line.demands;
        let known = self.recreated.len();
        self.recreated.extend(&demands.recreated);
        if self.recreated.len() > known {
            return true;
        }
        let mut holes = demands.holes.iter().zip(&line.lost);
        let open = holes.find(|(hole, _)| !self.shown.contains(&hole.first));
        // What follows the first run that is not counted is not judged yet.
        let until = open.map_or(RaftIndex::MAX, |(hole, _)| hole.first);
        let mut refuted = demands.refuted.range(..until);
        if let Some((index, revision)) =
            refuted.find(|(index, _)| !self.refuted.contains_key(index))
        {
            self.refuted.insert(*index, *revision);
            return true;
        }
        if self.learn_writes(demands) {
            return true;
        }
        let Some((hole, lost)) = open.filter(|_| self.shown.len() < MAX_HOLES) else {
            return false;
        };
        self.shown.insert(hole.first);
        let entries = lost.last.since(lost.first).saturating_add(1);
        let entries = i64::try_from(entries).unwrap_or(i64::MAX);
        let (first, last) = lost.revisions;
        let made = last.saturating_sub(first).saturating_add(1);
        let corrected = made.saturating_add(hole.correction().unwrap_or(0));
        self.runs.insert(hole.first, corrected.clamp(0, entries));
        true
    }

    /// Whether it is not known what an entry did, though it is there.
    pub(in crate::salvage) fn is_undecided(&self, index: RaftIndex) -> bool {
        self.undecided.contains(&index)
    }

    /// Revisions that an entry made beside those of keys that are known.
    pub(in crate::salvage) fn unseen(&self, index: RaftIndex) -> i64 {
        self.unseen.get(&index).copied().unwrap_or(0)
    }

    /// The revisions that entries which are lost made.
    pub(in crate::salvage) fn revisions(&self, first: RaftIndex, entries: i64) -> i64 {
        self.runs.get(&first).copied().unwrap_or(entries)
    }

    /// Counts the first run of lost entries that does not fit the db. `false` if there is none, or nothing fits.
    pub(super) fn correct(&mut self, line: &LogReplay<'_>, side: &StoredSide<'_>) -> bool {
        if self.runs.len() >= MAX_HOLES {
            return false;
        }
        let known = side.known();
        for (at, hole) in line.lost.iter().enumerate() {
            let next = line.lost.get(at.saturating_add(1));
            let until = next.map_or(i64::MAX, |next| next.revisions.0);
            if self.runs.contains_key(&hole.first) || is_right(line, &known, hole, until) {
                continue;
            }
            let Some(fewer) = fewer(line, &known, hole, until) else {
                return false;
            };
            let (first, last) = hole.revisions;
            let made = last.saturating_sub(first).saturating_add(1);
            self.runs.insert(hole.first, made.saturating_sub(fewer));
            return true;
        }
        false
    }
}

/// The changes after lost entries and before the next ones, from the first record on that the db has after them.
fn after<'l, 'a>(
    line: &'l LogReplay<'a>,
    known: &KnownRecords<'_>,
    hole: &LostEntries,
    until: i64,
) -> impl Iterator<Item = &'l Change<'a>> {
    let (first, last) = hole.revisions;
    let stored = known
        .records
        .partition_point(|record| record.revision.main < first);
    let stored = known
        .records
        .get(stored)
        .map_or(first, |record| record.revision.main);
    let from = stored.max(last.saturating_add(1));
    let is_between = move |change: &&Change<'_>| (from..until).contains(&change.revision.main);
    line.changes.iter().filter(is_between).take(LOOKED_AT)
}

/// Whether most of what follows is in the db as the log wrote it.
fn is_right(
    line: &LogReplay<'_>,
    known: &KnownRecords<'_>,
    hole: &LostEntries,
    until: i64,
) -> bool {
    let (_, last) = hole.revisions;
    let from = known
        .records
        .partition_point(|record| record.revision.main <= last);
    let to = known
        .records
        .partition_point(|record| record.revision.main < until);
    let looked_at = from..to.min(from.saturating_add(LOOKED_AT));
    let count = looked_at.len();
    let confirmed = looked_at.filter(|at| line.confirmed.contains(*at)).count();
    count == 0 || confirmed.saturating_mul(100) >= count.saturating_mul(MUST_FIT)
}

/// By how many revisions what follows is earlier in the db than it was counted.
fn fewer(
    line: &LogReplay<'_>,
    known: &KnownRecords<'_>,
    hole: &LostEntries,
    until: i64,
) -> Option<i64> {
    let (first, last) = hole.revisions;
    let puts: Vec<&Change<'_>> = after(line, known, hole, until)
        .filter(|change| change.put.is_some())
        .collect();
    let most = last.saturating_sub(first).saturating_add(1).min(MAX_FEWER);
    let fitting = |fewer: i64| {
        let found = puts.iter().map(|change| is_stored(change, known, fewer));
        let (fit, there) = found
            .flatten()
            .fold((0usize, 0usize), |(fit, there), fits| {
                (
                    fit.saturating_add(usize::from(fits)),
                    there.saturating_add(1),
                )
            });
        // A compaction may have taken what is not there.
        (fit.saturating_mul(100) >= there.saturating_mul(MUST_FIT)).then_some(fit)
    };
    let counted = (1..=most).filter_map(|fewer| Some((fitting(fewer)?, fewer)));
    let best = counted.max_by_key(|(fit, fewer)| (*fit, std::cmp::Reverse(*fewer)))?;
    (best.0 > 0).then_some(best.1)
}

/// Whether the db has the key and the value of a put so many revisions earlier; `None` if it has nothing there.
fn is_stored(change: &Change<'_>, known: &KnownRecords<'_>, fewer: i64) -> Option<bool> {
    let revision = Revision::new(
        change.revision.main.saturating_sub(fewer),
        change.revision.sub,
    );
    let by_revision = |record: &KeyRecord| record.revision;
    let at = known.records.binary_search_by_key(&revision, by_revision);
    let stored = known.key_value(known.records.get(at.ok()?)?);
    let put = change.put.as_ref();
    Some(stored.zip(put).is_some_and(|(stored, put)| {
        stored.key == change.key.as_ref() && stored.value == put.value.as_ref()
    }))
}
