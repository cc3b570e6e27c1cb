//! Changes that the db confirms: its record has all that they say, so they need not be held.

use std::borrow::Cow;

use super::record::{Body, KeyRecord, slice};
use super::timeline::LostEntries;
use crate::mvcc::{KeyValue, Revision};
use crate::recover::{Change, Put};

/// The records of a db that entries may confirm.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KnownRecords<'s> {
    /// By ascending revision.
    pub(super) records: &'s [KeyRecord],
    /// The db.
    pub(super) image: &'s [u8],
}

/// Which records of a db the log confirms: one bit for each.
#[derive(Clone, Debug, Default)]
pub(super) struct ConfirmedRecords(Vec<u64>);

/// What became of changes that are not needed to answer requests any more.
#[derive(Debug, Default)]
pub(super) struct Settled<'a, 's> {
    known: KnownRecords<'s>,
    /// The record after the one that was found last: changes mostly follow each other as records do.
    next: usize,
    /// The records that the log confirms.
    pub(super) confirmed: ConfirmedRecords,
    /// Changes of which the db has no equal record.
    pub(super) changes: Vec<Change<'a>>,
    /// Main revisions of changes that were taken over from the db itself: they say nothing of their own. Ascending.
    taken_over: Vec<i64>,
}

impl ConfirmedRecords {
    fn insert(&mut self, at: usize) {
        let (word, bit) = (at / 64, at % 64);
        if self.0.len() <= word {
            self.0.resize(word.saturating_add(1), 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << bit;
        }
    }

    /// Whether the record at a position is confirmed.
    pub(super) fn contains(&self, at: usize) -> bool {
        let word = self.0.get(at / 64);
        word.is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// How many are confirmed.
    pub(super) fn len(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Forgets those of records that are newer than a main revision.
    pub(super) fn cut(&mut self, records: &[KeyRecord], main: i64) {
        let left = records.partition_point(|record| record.revision.main <= main);
        self.0.truncate(left.div_ceil(64));
        if let Some(last) = self.0.get_mut(left / 64) {
            *last &= (1 << (left % 64)) - 1;
        }
    }
}

impl<'s> KnownRecords<'s> {
    /// A record of the db, taken apart; `None` if it is not one, or does not decode.
    pub(super) fn key_value(&self, record: &KeyRecord) -> Option<KeyValue<'s>> {
        let Body::Stored { at, len } = record.body else {
            return None;
        };
        KeyValue::parse(slice(self.image, at, len)).ok()
    }

    /// The position of the record of a revision. It is looked for from `next` on in steps that double: changes mostly follow
    /// each other as records do.
    fn find(&self, revision: Revision, next: usize) -> Option<usize> {
        let is_older = |record: &KeyRecord| record.revision < revision;
        let (before, rest) = self.records.split_at_checked(next)?;
        let (from, some) = if before.last().is_none_or(is_older) {
            let mut step = 1;
            while rest.get(step).is_some_and(is_older) {
                step *= 2;
            }
            let some = rest.get(step / 2..)?;
            (
                next.saturating_add(step / 2),
                some.get(..=step).unwrap_or(some),
            )
        } else {
            (0, before)
        };
        let by_revision = |record: &KeyRecord| record.revision;
        let at = some.binary_search_by_key(&revision, by_revision).ok()?;
        from.checked_add(at)
    }

    /// Whether a record says what a change does.
    fn is_stored_as(&self, change: &Change<'_>, record: &KeyRecord) -> bool {
        let stored = self.key_value(record);
        let made = change.key_value();
        record.tombstone == change.put.is_none()
            && stored.is_some_and(|stored| {
                stored
                    == KeyValue {
                        canonical: stored.canonical,
                        ..made
                    }
            })
    }
}

impl<'a, 's> Settled<'a, 's> {
    pub(super) fn new(known: KnownRecords<'s>) -> Self {
        Self {
            known,
            ..Self::default()
        }
    }

    /// Whether there is a record that could be confirmed.
    pub(super) fn can_confirm(&self) -> bool {
        !self.known.records.is_empty()
    }

    /// What the db has at the revisions of lost entries, each as if it were a change: later entries are applied to it.
    pub(super) fn take_over(&mut self, lost: &LostEntries) -> Vec<Change<'a>> {
        let (first, last) = lost.revisions;
        let records = self.known.records;
        let from = records.partition_point(|record| record.revision.main < first);
        let rest = records.get(from..).unwrap_or_default();
        let within = rest
            .iter()
            .take_while(|record| record.revision.main <= last);
        let changes = within.filter_map(|record| {
            let stored = self.known.key_value(record)?;
            let put = Put {
                create_revision: stored.create_revision,
                version: stored.version,
                value: Cow::Owned(stored.value.to_vec()),
                lease: stored.lease,
            };
            Some(Change {
                revision: record.revision,
                index: lost.first,
                key: Cow::Owned(stored.key.to_vec()),
                put: (!record.tombstone).then_some(put),
            })
        });
        let changes: Vec<Change<'a>> = changes.collect();
        let mains = changes.iter().map(|change| change.revision.main);
        self.taken_over.extend(mains);
        self.taken_over.dedup();
        changes
    }

    /// Keeps the position of the record that says the same, or else the change.
    pub(super) fn take(&mut self, change: Change<'a>) {
        if self.taken_over.binary_search(&change.revision.main).is_ok() {
            return;
        }
        let found = self.known.find(change.revision, self.next);
        let record = found.and_then(|at| self.known.records.get(at));
        let equal = record.is_some_and(|record| self.known.is_stored_as(&change, record));
        if let Some(at) = found {
            self.next = at.saturating_add(1);
        }
        match found.filter(|_| equal) {
            Some(at) => self.confirmed.insert(at),
            None => self.changes.push(change),
        }
    }

    /// Takes the last changes, and puts all into the order of revisions.
    pub(super) fn finish(mut self, changes: Vec<Change<'a>>) -> Self {
        if self.can_confirm() {
            changes.into_iter().for_each(|change| self.take(change));
        } else if self.changes.is_empty() {
            self.changes = changes;
        } else {
            self.changes.extend(changes);
        }
        if !self.changes.is_sorted_by_key(|change| change.revision) {
            self.changes.sort_unstable_by_key(|change| change.revision);
        }
        self
    }

    /// Forgets what is newer than a revision.
    pub(super) fn cut(&mut self, main: i64) {
        self.changes.retain(|change| change.revision.main <= main);
        self.confirmed.cut(self.known.records, main);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salvage::label::Provenance;

    #[test]
    fn a_revision_is_found_from_wherever_the_search_begins() {
        let records: Vec<KeyRecord> = (0..100).map(|number| record(2 * number)).collect();
        let known = KnownRecords {
            records: &records,
            image: &[],
        };
        for next in 0..=100 {
            for main in -1..=200 {
                let there = (0..200).contains(&main) && main % 2 == 0;
                let wanted = there.then(|| usize::try_from(main / 2).unwrap());
                assert_eq!(known.find(Revision::new(main, 0), next), wanted);
            }
        }
    }

    fn record(main: i64) -> KeyRecord {
        KeyRecord {
            revision: Revision::new(main, 0),
            body: Body::Made(0),
            source: 0,
            tombstone: false,
            label: Provenance::Db,
        }
    }

    #[test]
    fn records_after_a_revision_are_confirmed_no_more() {
        let records: Vec<KeyRecord> = (0..200).map(record).collect();
        for newest in [-1, 0, 62, 63, 64, 127, 128, 199, 300] {
            let mut confirmed = ConfirmedRecords::default();
            (0..200).for_each(|at| confirmed.insert(at));
            assert_eq!(confirmed.len(), 200);
            confirmed.cut(&records, newest);
            let left = usize::try_from(newest + 1).unwrap().min(200);
            assert_eq!(confirmed.len(), left as u64, "{newest}");
            assert!((0..200).all(|at| confirmed.contains(at) == (at < left)));
        }
    }
}
