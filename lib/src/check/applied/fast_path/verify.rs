//! A range of entries compared with the store, each on top of the store as it is before it.

use super::super::RunEntry;
use super::group::{self, RevisionRecords};
use super::leases::{Revoked, Timeline};
use crate::mvcc::Keyspace;
use crate::raft::{Operation, Payload, Plain, PlainKind, PlainTxn, PlainWrite, Request};

/// Entries that follow each other.
#[derive(Clone, Copy)]
pub(super) struct EntryRange {
    /// The first of them.
    pub(super) from: usize,
    /// The position after the last.
    pub(super) to: usize,
    /// The revision of the store before the first.
    pub(super) revision: i64,
}

/// How many entries of a range match the store.
pub(super) struct Verified {
    /// The position of the first entry that does not match.
    pub(super) to: usize,
    /// The revision of the store before that.
    pub(super) revision: i64,
    /// Entries that made records.
    pub(super) writes: usize,
    /// Records that they made.
    pub(super) records: u64,
    /// Leases that were revoked; whether all their keys were deleted is known only when all keys are looked at.
    pub(super) revoked: Vec<Revoked>,
}

impl Verified {
    /// Nothing yet.
    pub(super) fn nothing(to: usize, revision: i64) -> Self {
        Self {
            to,
            revision,
            writes: 0,
            records: 0,
            revoked: Vec::new(),
        }
    }

    /// Joins the range that follows.
    pub(super) fn then(mut self, next: Self) -> Self {
        self.revoked.extend(next.revoked);
        Self {
            to: next.to,
            revision: next.revision,
            writes: self.writes.saturating_add(next.writes),
            records: self.records.saturating_add(next.records),
            revoked: self.revoked,
        }
    }
}

/// Compares a range of entries with the store up to the first difference.
pub(super) fn range(
    keyspace: &Keyspace<'_>,
    entries: &[RunEntry<'_>],
    range: EntryRange,
    timeline: &Timeline,
) -> Verified {
    let mut path = Verified::nothing(range.from, range.revision);
    let mut next = keyspace.index().first_at(range.revision.saturating_add(1));
    let mut warmed = next;
    for position in range.from..range.to.min(timeline.until) {
        if next >= warmed {
            warmed = group::warm(keyspace, next);
        }
        let group = RevisionRecords::from(keyspace, path.revision.saturating_add(1), next);
        let Some(made) = entries
            .get(position)
            .and_then(|entry| made(entry, position, &group, timeline, &mut path.revoked))
        else {
            break;
        };
        path.to = position.saturating_add(1);
        if made > 0 {
            path.revision = path.revision.saturating_add(1);
            path.writes = path.writes.saturating_add(1);
            path.records = path.records.saturating_add(made as u64);
            next = group.end();
        }
    }
    path
}

/// How many records of the group an entry made: all or none. `None` if it should have made others.
fn made(
    entry: &RunEntry<'_>,
    position: usize,
    group: &RevisionRecords<'_, '_>,
    timeline: &Timeline,
    revoked: &mut Vec<Revoked>,
) -> Option<usize> {
    if entry.entry.is_plain {
        return match Plain::parse(entry.data)?.kind {
            PlainKind::Write(PlainWrite::Put(put)) if !timeline.may_attach(put.lease, position) => {
                Some(0)
            }
            PlainKind::Write(write) => group.made_by(std::iter::once(write)),
            PlainKind::Txn(txn) => by_txn(txn, position, group, timeline),
        };
    }
    let Payload::Request(Request::Internal(request)) = entry.payload() else {
        // Counting back ends at an entry at which etcd stops.
        return Some(0);
    };
    match request.operation() {
        Some(Operation::LeaseRevoke(revoke)) => {
            if !timeline.may_attach(revoke.id, position) {
                return Some(0);
            }
            let keys = if group.revokes(revoke.id) {
                group.len()
            } else {
                0
            };
            revoked.push(Revoked {
                position,
                lease: revoke.id,
                main: group.main(),
                keys,
            });
            Some(keys)
        }
        Some(Operation::Put(_) | Operation::DeleteRange(_) | Operation::Txn(_)) => None,
        _ => Some(0),
    }
}

fn by_txn(
    txn: PlainTxn<'_>,
    position: usize,
    group: &RevisionRecords<'_, '_>,
    timeline: &Timeline,
) -> Option<usize> {
    let mut holds = true;
    for condition in txn.conditions() {
        holds &= group.holds(&condition)?;
    }
    let refused = txn.branch(holds).any(|write| match write {
        PlainWrite::Put(put) => !timeline.may_attach(put.lease, position),
        PlainWrite::Delete(_) => false,
    });
    if refused {
        return Some(0);
    }
    group.made_by(txn.branch(holds))
}
