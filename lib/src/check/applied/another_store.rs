//! Whether a log that fits no revision of the store wrote another store.

use super::single_bit::LastWrites;
use super::{FindingSet, RunEntry};
use crate::codes::cross;
use crate::member::Wal;
use crate::mvcc::Keyspace;
use located::Finding;

/// Minimum number of applied writes of a log from its first entry that must have left a record.
const MIN_WRITES: usize = 4;

/// Reports that WAL and store have different histories, if that is certain; returns whether it is.
///
/// A log from entry 1 over a store that was never compacted made every record of it: entries that fit nowhere are a
/// contradiction, not a comparison that cannot be made. Any other log contradicts the store if its keys hardly ever have
/// the value that it wrote last.
pub(super) fn another_store(
    keyspace: &Keyspace<'_>,
    wal: &Wal<'_>,
    applied: &[RunEntry<'_>],
    last: LastWrites,
    findings: &mut FindingSet,
) -> bool {
    let is_from_the_beginning =
        wal.log().begins_with_empty_store() && keyspace.compact_revision().is_none();
    let made_the_store = is_from_the_beginning && writes(applied) >= MIN_WRITES;
    if !made_the_store && !last.are_of_another_store() {
        return false;
    }
    let (Some(first), Some(end)) = (applied.first(), applied.last()) else {
        return false;
    };
    let revision = keyspace.revision();
    let message = if made_the_store {
        format!(
            "the WAL is complete from entry 1 and nothing was compacted, but its entries up to {} do not make the records of the store (revision {revision})",
            end.entry.index
        )
    } else {
        format!(
            "raft entries {}–{} wrote other values than the store has: {} of {} keys differ",
            first.entry.index,
            end.entry.index,
            last.other.saturating_add(last.one_bit),
            last.other
                .saturating_add(last.one_bit)
                .saturating_add(last.equal)
        )
    };
    let newest = keyspace.newest_revision().map_or(1, |newest| newest.main);
    let finding = Finding::new(&cross::DISAGREE, findings.db_place(), message);
    let finding = finding.seen(
        format!("{} records up to revision {newest}", keyspace.index().len()),
        "the records that the WAL makes",
    );
    findings.add(finding, (newest, newest));
    true
}

/// Puts outside of transactions, as far as their number matters.
fn writes(applied: &[RunEntry<'_>]) -> usize {
    let mut writes = 0usize;
    for entry in applied {
        entry.each_put(|write| writes = writes.saturating_add(usize::from(!write.is_conditional)));
        if writes >= MIN_WRITES {
            break;
        }
    }
    writes
}
