//! Findings about single records that a walk compares.

use super::RunEntry;
use super::finding_set::FindingSet;
use super::record_match::{difference, record_matches};
use super::walk::CarefulPath;
use crate::codes::cross;
use crate::mvcc::Version;
use crate::recover::Change;
use located::Finding;
use located::Place;

impl CarefulPath<'_, '_> {
    /// The place in the db of the newest record at or before a revision.
    pub(super) fn place_near(&self, main: i64, findings: &FindingSet) -> Place {
        let before = self.keyspace.between(0..=main).next_back();
        before.map_or_else(
            || findings.db_place(),
            |version| findings.place_of(&version),
        )
    }

    /// What the WAL has, and its place.
    pub(super) fn written(&self, entry: &RunEntry<'_>) -> String {
        let index = entry.entry.index;
        match self.wal.place(entry.entry) {
            Some(place) => format!("what raft entry {index} wrote: {place}"),
            None => format!("what raft entry {index} wrote"),
        }
    }

    /// Below the compaction only part of the records is left; each must be what was written.
    pub(super) fn compare_left(
        &self,
        entry: &RunEntry<'_>,
        made: &[Change<'_>],
        stored: &[Version<'_>],
        findings: &mut FindingSet,
    ) {
        for version in stored {
            // Both are in order of revision; a revoked lease may have deleted very many keys at once.
            let written = made
                .binary_search_by_key(&version.revision, |change| change.revision)
                .ok()
                .and_then(|at| made.get(at));
            match written {
                Some(change) if record_matches(change, version) => {}
                Some(change) => self.one_differs(entry, change, version, findings),
                None => self.not_made(entry, version, findings),
            }
        }
    }

    /// A record under the revision of an entry that the entry did not make: its number is what was damaged.
    pub(super) fn not_made(
        &self,
        entry: &RunEntry<'_>,
        version: &Version<'_>,
        findings: &mut FindingSet,
    ) {
        let message = format!(
            "the store has a record {} of {}, which raft entry {} did not write",
            version.revision,
            crate::raft::key_in_message(version.key),
            entry.entry.index
        );
        let finding = Finding::new(&cross::DIFFERS, findings.place_of(version), message);
        let seen = crate::raft::key_in_message(version.key);
        let main = version.revision.main;
        let finding = finding.key(version.key).seen(seen, self.written(entry));
        findings.add(finding, (main, main));
    }

    pub(super) fn one_differs(
        &self,
        entry: &RunEntry<'_>,
        change: &Change<'_>,
        version: &Version<'_>,
        findings: &mut FindingSet,
    ) {
        let index = entry.entry.index;
        let place = findings.place_of(version);
        let (what, seen, wanted) = difference(change, version);
        let message = format!(
            "{what} of {} at revision {} is not what raft entry {index} wrote",
            crate::raft::key_in_message(&change.key),
            change.revision
        );
        let finding = Finding::new(&cross::DIFFERS, place, message)
            .seen(seen, wanted)
            .key(&*change.key);
        let main = change.revision.main;
        findings.add(finding, (main, main));
    }

    pub(super) fn one_missing(
        &self,
        entry: &RunEntry<'_>,
        change: &Change<'_>,
        findings: &mut FindingSet,
    ) {
        let what = if change.put.is_some() {
            "write"
        } else {
            "deletion"
        };
        let message = format!(
            "the {what} of {} by raft entry {} is missing in the store at revision {}",
            crate::raft::key_in_message(&change.key),
            entry.entry.index,
            change.revision
        );
        let place = self.place_near(change.revision.main, findings);
        let finding = Finding::new(&cross::MISSING, place, message).key(&*change.key);
        let main = change.revision.main;
        let finding = finding.seen("no record", self.written(entry));
        findings.add(finding, (main, main));
    }
}
