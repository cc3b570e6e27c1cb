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
        let uncounted = self.uncounted_from;
        if any.is_none() && named.is_empty() && uncounted.is_none() {
            return;
        }
        let mut uncertain = Vec::new();
        self.set.for_each_key(order, |positions| {
            let mut records = positions
                .iter()
                .filter_map(|at| self.set.records.get(*at as usize))
                .peekable();
            let key = records
                .peek()
                .map_or(&[][..], |record| self.set.user_key(record));
            let Some(newest) = self.newest(positions, gone) else {
                return;
            };
            // A write without a trace may be of any key, one with a trace is of the key that it names.
            let first = any.into_iter().chain(named.get(key).copied()).min();
            let of_log = newest.label == Provenance::Log;
            let is_uncounted = |from: &i64| of_log && newest.revision.main > *from;
            if let Some(from) = uncounted.filter(is_uncounted) {
                uncertain.push(Doubtful {
                    key: key.to_vec(),
                    revision: newest.revision.main,
                    lost_revision: first.map_or(from, |first| first.min(from)),
                    place: self.set.place(newest),
                });
                return;
            }
            let Some(first) = first else { return };
            let counted = records
                .filter(|record| record.revision.main > first)
                .take_while(|record| !record.tombstone && record.label == Provenance::Log);
            let Some(last) = counted.last() else { return };
            let ends = positions
                .last()
                .and_then(|at| self.set.records.get(*at as usize));
            if ends.is_some_and(|ends| !is_counted_on(ends, last)) {
                return;
            }
            uncertain.push(Doubtful {
                key: key.to_vec(),
                revision: last.revision.main,
                lost_revision: first,
                place: self.set.place(last),
            });
        });
        self.uncertain_numbers = sorted(uncertain);
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

/// Whether the newest record of a key is the one whose numbers are counted on: neither deleted nor confirmed since.
fn is_counted_on(newest: &KeyRecord, last: &KeyRecord) -> bool {
    newest.revision == last.revision
}
