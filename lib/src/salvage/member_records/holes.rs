//! Entries that the log does not have and the db does: their revisions are those of the db, and so is what depends on them.
//!
//! What an entry makes depends on the store: the create revision and version of its key, the branch of its transaction, whether there
//! was something to delete. Applied without the entries before it, it may make something else. So after such a hole the log says only
//! what an entry itself contains, the value and lease of a put; the rest is in the db.

use super::super::record::KeyRecord;
use super::super::settled::KnownRecords;
use super::super::timeline::LogReplay;
use super::join::Agreement;
use super::stored_side::StoredSide;
use crate::member::Wal;
use crate::raft::{EntryType, Operation, Payload, Request};
use crate::recover::Change;
use crate::wal::LogEntry;

/// Of a hundred records after lost entries, so many must be as the log wrote them for their revisions to be counted right.
const COUNTED_RIGHT: u64 = 80;

/// Whether the db has the effect of entries that the log does not have, so that the log alone does not say what later ones made.
pub(super) fn are_in_db(line: &LogReplay<'_>, side: &StoredSide<'_>) -> bool {
    let applied = side.applied().0;
    let mut lost = line.lost.iter();
    !side.stored.records.is_empty() && lost.any(|lost| lost.first <= applied)
}

/// Whether a start with `--force-new-cluster` put a ConfChange in the place of a write that the db had applied: the db has a write
/// that the log has not. It discards the entries after the commit of the HardState, and the db may be ahead of that:
/// `restartAsStandaloneNode` in `server/etcdserver/raft.go`, v3.5.30.
pub(super) fn a_forced_start_dropped_writes(wal: &Wal<'_>) -> bool {
    let entries = &wal.log().entries;
    let is_forced = |entry: &LogEntry| {
        entry.kind == EntryType::ConfChange
            && matches!(
                wal.payload(entry),
                Payload::ConfChange(change) if change.is_of_forced_start()
            )
    };
    let mut dropped = entries
        .iter()
        .filter(|entry| entry.kind == EntryType::Normal);
    dropped.any(|entry| {
        let later = entry.superseded_by.and_then(|by| entries.get(by as usize));
        later.is_some_and(|later| later.term == entry.term && is_forced(later))
    })
}

/// Lets the db decide what the log cannot say after lost entries. If the revisions after them are counted wrong, the log is not used
/// from there on.
pub(super) fn settle(
    line: &mut LogReplay<'_>,
    wal: &Wal<'_>,
    side: &StoredSide<'_>,
    agreement: Agreement,
) -> Agreement {
    if agreement.contradicted == 0 || line.lost.is_empty() {
        return agreement;
    }
    if is_counted_right(line, side) {
        leave_to_db(line, wal, side);
    } else {
        line.end_before_lost(&side.stored.records);
    }
    Agreement::new(line, side)
}

/// Whether the newest records of the db are as the log wrote them, if entries are lost before them: only then the log says which entry made
/// them. One that made nothing without the lost entries shifts those after it.
pub(super) fn is_newest_confirmed(line: &LogReplay<'_>, side: &StoredSide<'_>) -> bool {
    if line.lost.is_empty() {
        return true;
    }
    let records = &side.stored.records;
    let newest = records.last().map_or(0, |record| record.revision.main);
    let from = records.partition_point(|record| record.revision.main < newest);
    is_counted_right(line, side) && (from..records.len()).all(|at| line.confirmed.contains(at))
}

/// Whether most records after the last lost entry are as the log wrote them: then their revisions are right.
fn is_counted_right(line: &LogReplay<'_>, side: &StoredSide<'_>) -> bool {
    let Some(lost) = line.lost.last() else {
        return true;
    };
    let (_, last) = lost.revisions;
    let records = &side.stored.records;
    let from = records.partition_point(|record| record.revision.main <= last);
    let confirmed = (from..records.len()).filter(|at| line.confirmed.contains(*at));
    let confirmed = confirmed.count() as u64;
    let contradicted = line.changes.iter().filter(|change| {
        change.revision.main > last
            && records
                .binary_search_by_key(&change.revision, |record| record.revision)
                .is_ok()
    });
    let both = confirmed.saturating_add(contradicted.count() as u64);
    confirmed > 0 && confirmed.saturating_mul(100) >= both.saturating_mul(COUNTED_RIGHT)
}

/// Corrects the changes after the first lost entry by what the db has at their revisions.
fn leave_to_db(line: &mut LogReplay<'_>, wal: &Wal<'_>, side: &StoredSide<'_>) {
    let Some((first, _)) = line.lost.first().map(|lost| lost.revisions) else {
        return;
    };
    let known = side.known();
    let mut of_db = Vec::new();
    line.changes.retain_mut(|change| {
        let main = change.revision.main;
        let after = known
            .records
            .partition_point(|record| record.revision.main < main);
        let stored = known.records.get(after..).unwrap_or_default();
        let stored = stored
            .iter()
            .take_while(|record| record.revision.main == main);
        let stored: Vec<&KeyRecord> = stored.collect();
        // The compaction may have taken others of the same revision.
        let is_taken = main <= side.compacted()
            && !stored
                .iter()
                .any(|record| record.revision == change.revision);
        if is_taken
            || main < first
            || stored.is_empty()
            || is_corrected(change, &stored, &known, wal)
        {
            return true;
        }
        of_db.push(main);
        false
    });
    line.of_db.extend(of_db);
}

/// Whether a change says something that the db has otherwise and that does not depend on the store: the value or lease of a put. The
/// rest is taken from the record.
fn is_corrected(
    change: &mut Change<'_>,
    stored: &[&KeyRecord],
    known: &KnownRecords<'_>,
    wal: &Wal<'_>,
) -> bool {
    let [record] = stored else { return false };
    let Some(stored) = known.key_value(record).filter(|_| !record.tombstone) else {
        return false;
    };
    let is_put = |entry: &LogEntry| match wal.payload(entry) {
        Payload::Request(Request::Internal(request)) => match request.operation() {
            Some(Operation::Put(put)) => !put.ignore_value && !put.ignore_lease,
            _ => false,
        },
        _ => false,
    };
    let entry = wal.log().entry(change.index);
    let same_key = stored.key == change.key.as_ref();
    let Some(put) = change
        .put
        .as_mut()
        .filter(|_| same_key && entry.is_some_and(is_put))
    else {
        return false;
    };
    put.create_revision = stored.create_revision;
    put.version = stored.version;
    put.value != stored.value || put.lease != stored.lease
}
