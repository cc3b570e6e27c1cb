//! Values that differ in one bit from the write that made them, where the revision of the write is not known.
//!
//! Entries before the anchor have no known revision: their records are mostly compacted. But the newest version that a key
//! has at or before the anchor was made by the last write of the key before it. So each key has one version that is
//! suspected and one write that it must equal. Comparing every write with every version instead accuses counters, whose
//! values differ in one bit by nature, and costs the square of the versions of a key.

use std::collections::HashMap;

use super::{FindingSet, LoggedPut, RunEntry};
use crate::codes::cross;
use crate::mvcc::{Keyspace, Version};
use located::progress::Progress;
use located::{Finding, RaftIndex};

/// Minimum length of a value that is suspected, in bytes: shorter ones are numbers, which differ in one bit by nature.
const MIN_VALUE_BYTES: usize = 32;
/// Entries between two looks at whether the comparison was cancelled.
const ENTRIES_PER_LOOK: usize = 1024;

/// What the last writes before the anchor say about the versions that they must have made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LastWrites {
    /// Keys whose stored value a write of the log has.
    pub(super) equal: usize,
    /// Keys whose stored value differs in one bit from the last write.
    pub(super) one_bit: usize,
    /// Keys whose stored value is something else than the last write.
    pub(super) other: usize,
}

impl LastWrites {
    /// Whether the log wrote another store: of many keys, nearly none has the value that was written last.
    pub(super) fn are_of_another_store(self) -> bool {
        /// Minimum number of keys on which that is decided.
        const MIN_KEYS: usize = 8;
        self.other >= MIN_KEYS && self.equal.saturating_mul(10) <= self.other
    }

    /// Whether the values that differ in one bit are the exception.
    fn proves_bit_rot(self) -> bool {
        self.other <= self.equal.saturating_add(self.one_bit)
    }
}

/// The newest version that a key has at or before the anchor, and what the log's writes say about it.
struct Suspect<'a> {
    version: Version<'a>,
    value: &'a [u8],
    /// Whether a write of the log has the stored value.
    is_written: bool,
    /// Whether the last write that is certain to have happened was met.
    is_decided: bool,
    /// The raft index of the write from which the value differs in one bit.
    one_bit: Option<RaftIndex>,
}

/// Reports values at or before `anchor_revision` that differ in one bit from the last write of their key in `entries`.
///
/// `entries` end at the anchor; `is_anchored` says whether the log was found to fit the store there. If it was not, values
/// are accused only if more keys have exactly the value that was written last.
pub(super) fn single_bit_mismatches(
    keyspace: &Keyspace<'_>,
    entries: &[RunEntry<'_>],
    anchor_revision: i64,
    is_anchored: bool,
    progress: &dyn Progress,
    findings: &mut FindingSet,
) -> LastWrites {
    let suspects = suspects(keyspace, entries, anchor_revision, progress);
    let mut last = LastWrites::default();
    let mut mismatches = Vec::new();
    for suspect in suspects.into_values().flatten() {
        match suspect.one_bit {
            _ if suspect.is_written => last.equal += 1,
            Some(index) => {
                last.one_bit += 1;
                mismatches.push((suspect.version, index));
            }
            None if suspect.is_decided => last.other += 1,
            None => {}
        }
    }
    if !last.proves_bit_rot() || !is_anchored && last.one_bit > last.equal {
        return last;
    }
    mismatches.sort_unstable_by_key(|(version, _)| version.revision);
    for (version, index) in mismatches {
        let message = format!(
            "the value of {} at revision {} differs in one bit from what raft entry {index} wrote",
            crate::raft::key_in_message(version.key),
            version.revision
        );
        let finding = Finding::new(&cross::OLD_VALUE, findings.place_of(&version), message);
        let main = version.revision.main;
        findings.add(finding.key(version.key), (main, main));
    }
    last
}

/// Of each key that the entries write, by the id of its newest record: the version under suspicion, if it has one.
fn suspects<'a>(
    keyspace: &Keyspace<'a>,
    entries: &[RunEntry<'_>],
    anchor_revision: i64,
    progress: &dyn Progress,
) -> HashMap<u32, Option<Suspect<'a>>> {
    let index = keyspace.index();
    let mut suspects = HashMap::new();
    for (at, entry) in entries.iter().rev().enumerate() {
        if at.checked_rem(ENTRIES_PER_LOOK) == Some(0) && progress.cancelled() {
            break;
        }
        entry.each_put(|write| {
            let Some(newest) = index.find(write.key, keyspace.bytes) else {
                return;
            };
            let suspect = suspects
                .entry(newest)
                .or_insert_with(|| Suspect::find(keyspace, newest, anchor_revision));
            if let Some(suspect) = suspect.as_mut().filter(|suspect| !suspect.is_written) {
                suspect.compare(entry.entry.index, &write);
            }
        });
    }
    suspects
}

impl<'a> Suspect<'a> {
    fn find(keyspace: &Keyspace<'a>, newest: u32, anchor_revision: i64) -> Option<Self> {
        let versions = keyspace.index().chain(newest);
        let mut before = versions.skip_while(|(_, record)| record.main > anchor_revision);
        let version = keyspace.version(before.next()?.0)?;
        let value = version.key_value().ok()?.value;
        (!version.tombstone).then_some(Self {
            version,
            value,
            is_written: false,
            is_decided: false,
            one_bit: None,
        })
    }

    /// Holds the value against an older write of its key than those before.
    fn compare(&mut self, index: RaftIndex, write: &LoggedPut<'_>) {
        if write.keeps_value {
            return;
        }
        if write.value == self.value {
            self.is_written = true;
        } else if !self.is_decided
            && self.one_bit.is_none()
            && self.value.len() >= MIN_VALUE_BYTES
            && differs_in_one_bit(self.value, write.value)
        {
            self.one_bit = Some(index);
        }
        self.is_decided |= !write.is_conditional;
    }
}

fn differs_in_one_bit(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut different = a
        .iter()
        .zip(b)
        .map(|(a, b)| (a ^ b).count_ones())
        .filter(|bits| *bits > 0);
    different.next() == Some(1) && different.next().is_none()
}
