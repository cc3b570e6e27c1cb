//! What a walk says of single records, and where.

use super::Entry;
use super::same::{difference, same};
use super::told::Told;
use super::walk::Walk;
use crate::codes::cross;
use crate::mvcc::Version;
use crate::recover::Change;
use located::Finding;
use located::Place;

impl Walk<'_, '_> {
    pub(super) fn entry_place(&self, entry: &Entry<'_>) -> Place {
        let place = self.wal.place(entry.entry);
        place.unwrap_or_else(|| {
            Place::file(&located::FileName::new("wal")).with_index(entry.entry.index)
        })
    }

    /// Where in the db a revision stands, or would stand: at the record before it.
    pub(super) fn place_near(&self, main: i64, told: &Told) -> Place {
        let before = self.keyspace.between(0..=main).next_back();
        before.map_or_else(|| told.db_place(), |version| told.place_of(&version))
    }

    /// What the WAL has, and where.
    pub(super) fn written(&self, entry: &Entry<'_>) -> String {
        let place = self.entry_place(entry);
        format!("what raft entry {} wrote: {place}", entry.entry.index)
    }

    /// Below the compaction only part of the records is left; each must be what was written.
    pub(super) fn compare_left(
        &self,
        entry: &Entry<'_>,
        made: &[Change<'_>],
        stored: &[Version<'_>],
        told: &mut Told,
    ) {
        for version in stored {
            let written = made
                .iter()
                .find(|change| change.revision == version.revision);
            match written {
                Some(change) if same(change, version) => {}
                Some(change) => self.one_differs(entry, change, version, told),
                None => self.not_made(entry, version, told),
            }
        }
    }

    /// A record under the revision of an entry that the entry did not make: its number is what was damaged.
    pub(super) fn not_made(&self, entry: &Entry<'_>, version: &Version<'_>, told: &mut Told) {
        let message = format!(
            "raft entry {} made no record {}",
            entry.entry.index, version.revision
        );
        let finding = Finding::new(&cross::DIFFERS, told.place_of(version), message);
        let seen = crate::raft::key_text(version.key);
        told.add(finding.key(version.key).seen(seen, self.written(entry)));
    }

    pub(super) fn one_differs(
        &self,
        entry: &Entry<'_>,
        change: &Change<'_>,
        version: &Version<'_>,
        told: &mut Told,
    ) {
        let index = entry.entry.index;
        let place = told.place_of(version);
        let (what, seen, wanted) = difference(change, version);
        let message = format!(
            "{what} at revision {} is not what raft entry {index} wrote",
            change.revision
        );
        let finding = Finding::new(&cross::DIFFERS, place, message)
            .seen(seen, wanted)
            .key(&*change.key);
        told.add(finding);
    }

    pub(super) fn one_missing(&self, entry: &Entry<'_>, change: &Change<'_>, told: &mut Told) {
        let what = if change.put.is_some() {
            "write"
        } else {
            "deletion"
        };
        let message = format!(
            "the {what} of raft entry {} (revision {}) is not in the store",
            entry.entry.index, change.revision
        );
        let place = self.place_near(change.revision.main, told);
        let finding = Finding::new(&cross::MISSING, place, message).key(&*change.key);
        told.add(finding.seen("no record", self.written(entry)));
    }
}
