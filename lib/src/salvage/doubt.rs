//! Keys in doubt because a write is lost and nothing says which key it wrote.

use std::collections::HashMap;

use super::finish::sorted;
use super::label::Provenance;
use super::record::{KeyOrder, KeyRecord};
use super::{Doubtful, Lost, Salvage};

impl Salvage<'_> {
    /// Lists the live keys whose newest version is older than a write that left no trace: it may have changed or deleted them.
    pub(super) fn doubt_older(&mut self, order: &KeyOrder, gone: &[bool]) {
        let lost = self.untraced();
        let Some((_, newest_lost)) = lost.last().copied() else {
            return;
        };
        let mut doubtful = Vec::new();
        self.set.for_each_key(order, |positions| {
            let Some(newest) = self.newest(positions, gone) else {
                return;
            };
            let (main, key) = (newest.revision.main, self.set.user_key(newest));
            if newest.tombstone || key.is_empty() || main >= newest_lost {
                return;
            }
            let next = lost.partition_point(|(_, last)| *last <= main);
            let first = lost.get(next).map_or(newest_lost, |(first, _)| *first);
            doubtful.push(Doubtful {
                key: key.to_vec(),
                revision: main,
                lost_revision: first.max(main.saturating_add(1)),
                place: None,
            });
        });
        self.maybe_deleted.append(&mut doubtful);
        self.maybe_deleted = sorted(std::mem::take(&mut self.maybe_deleted));
    }

    /// Ranges of lost revisions of which nothing says which keys they wrote, ascending.
    fn untraced(&self) -> Vec<(i64, i64)> {
        let traced: Vec<i64> = self.traced.iter().copied().collect();
        let mut ranges = Vec::new();
        for (first, last) in self.missing() {
            if self.is_bump(last) {
                continue;
            }
            let from = traced.partition_point(|main| *main < first);
            let mut next = first;
            for main in traced.iter().skip(from).take_while(|main| **main <= last) {
                if *main > next {
                    ranges.push((next, main.saturating_sub(1)));
                }
                next = main.saturating_add(1);
            }
            if next <= last {
                ranges.push((next, last));
            }
        }
        ranges.extend(
            self.lost_ranges
                .iter()
                .filter(|range| !self.is_traced(range)),
        );
        ranges.extend(self.partial().iter().map(|(main, _)| (*main, *main)));
        ranges.sort_unstable();
        ranges
    }

    /// Whether each revision of a range left a trace.
    fn is_traced(&self, (first, last): &(i64, i64)) -> bool {
        let traced = self.traced.range(first..=last).count();
        i64::try_from(traced) == Ok(last.saturating_sub(*first).saturating_add(1))
    }

    /// Revisions after the compaction of which some changes have no record, and how many at least: etcd numbers the changes of a
    /// transaction from 0. `storeTxnWrite.put` in `server/mvcc/kvstore_txn.go`, v3.5.30.
    fn partial(&self) -> Vec<(i64, u64)> {
        let from = self.compact_revision.unwrap_or(1).saturating_add(1);
        let from = self.set.first_at(from);
        let records = self.set.records.get(from..).unwrap_or_default();
        let mut partial = Vec::new();
        for changes in records.chunk_by(|a, b| a.revision.main == b.revision.main) {
            let last = changes.last().map_or(0, |change| change.revision.sub);
            let wanted = u64::try_from(last).unwrap_or(0).saturating_add(1);
            let missing = wanted.saturating_sub(changes.len() as u64);
            if missing > 0 {
                let main = changes.first().map_or(0, |change| change.revision.main);
                partial.push((main, missing));
            }
        }
        partial
    }

    /// Lists the revisions of which some changes have no record.
    pub(super) fn list_partial(&mut self) {
        let lost = self.partial().into_iter().map(|(main, missing)| Lost {
            what: format!(
                "revision {main}: {} of its transaction no record; the keys may be older in the backup than they were, or deleted",
                match missing {
                    1 => "1 change has".to_owned(),
                    count => format!("{count} changes have"),
                }
            ),
            revisions: Some((main, main)),
            ..Lost::default()
        });
        let lost: Vec<Lost> = lost.collect();
        self.unrecoverable.extend(lost);
    }

    /// Lists the keys that the log wrote after lost entries and whose create revision and version the lost ones may have changed:
    /// until the key is deleted, or the db confirms the numbers. Also those whose revision depends on how many the lost ones made.
    pub(super) fn doubt_numbers(&mut self, order: &KeyOrder, gone: &[bool]) {
        let any = self.first_lost_of_log();
        let mut named: HashMap<&[u8], i64> = HashMap::new();
        for (key, revision, _) in &self.damaged_writes {
            let first = named.entry(key.as_slice()).or_insert(*revision);
            *first = (*first).min(*revision);
        }
        let is_nothing_lost = any.is_none() && named.is_empty();
        if is_nothing_lost && self.uncounted_from.is_none() && self.unlogged_pages.is_empty() {
            return;
        }
        let mut uncertain = Vec::new();
        self.set.for_each_key(order, |positions| {
            let Some(newest) = self.newest(positions, gone) else {
                return;
            };
            // A write without a trace may be of any key, one with a trace is of the key that it names.
            let key = self.set.user_key(newest);
            let first = any.into_iter().chain(named.get(key).copied()).min();
            let doubtful = self
                .after_uncounted(newest, first)
                .or_else(|| self.after_lost_page(positions, newest))
                .or_else(|| self.after_lost_entry(positions, first?));
            uncertain.extend(doubtful);
        });
        self.uncertain_numbers = sorted(uncertain);
    }

    /// A key that the log wrote after lost entries of which nothing says how many revisions they made.
    fn after_uncounted(&self, newest: &KeyRecord, first: Option<i64>) -> Option<Doubtful> {
        let is_after = |from: &i64| newest.label == Provenance::Log && newest.revision.main > *from;
        let from = self.uncounted_from.filter(is_after)?;
        let lost = first.map_or(from, |first| first.min(from));
        Some(self.doubtful(newest, lost))
    }

    /// A key that the log wrote after lost entries, the first at that revision, and that is neither deleted nor confirmed since.
    fn after_lost_entry(&self, positions: &[u32], first: i64) -> Option<Doubtful> {
        let mut records = positions
            .iter()
            .filter_map(|at| self.set.records.get(*at as usize));
        let counted = records
            .clone()
            .filter(|record| record.revision.main > first)
            .take_while(|record| !record.tombstone && record.label == Provenance::Log);
        let last = counted.last()?;
        let is_newest = records
            .next_back()
            .is_none_or(|newest| newest.revision == last.revision);
        is_newest.then(|| self.doubtful(last, first))
    }

    fn doubtful(&self, record: &KeyRecord, lost_revision: i64) -> Doubtful {
        Doubtful {
            key: self.set.user_key(record).to_vec(),
            revision: record.revision.main,
            lost_revision,
            place: self.set.place(record),
        }
    }

    /// A key that the log wrote after a page of the db that is lost: its version before may have been there, and etcd counted on from it.
    fn after_lost_page(&self, positions: &[u32], newest: &KeyRecord) -> Option<Doubtful> {
        let records = positions
            .iter()
            .filter_map(|at| self.set.records.get(*at as usize));
        let records: Vec<&KeyRecord> = records
            .take_while(|record| record.revision <= newest.revision)
            .collect();
        let counted = |record: &&&KeyRecord| record.label == Provenance::Log && !record.tombstone;
        let run = records.iter().rev().take_while(counted).count();
        let (before, run) = records.split_at_checked(records.len().checked_sub(run)?)?;
        let first = run.first()?.revision.main;
        let before = before.last().map_or(0, |record| record.revision.main);
        let mut pages = self.unlogged_pages.iter();
        let (from, _) = pages.find(|(from, to)| *to > before && *from < first)?;
        Some(self.doubtful(newest, (*from).max(before.saturating_add(1))))
    }

    /// The first revision of lost entries that left no trace.
    fn first_lost_of_log(&self) -> Option<i64> {
        let of_log = self.unrecoverable.iter();
        let of_log = of_log.filter(|lost| lost.indexes.is_some());
        let of_log: Vec<(i64, i64)> = of_log.filter_map(|lost| lost.revisions).collect();
        let is_of_log = |(from, to): &(i64, i64)| {
            of_log
                .iter()
                .any(|(first, last)| first <= to && from <= last)
        };
        let first = self.untraced().into_iter().find(is_of_log);
        first.map(|(first, _)| first)
    }
}
