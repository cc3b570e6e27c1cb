//! A stretch of entries held against the store, each on top of the store as it is before it.

use super::super::Entry;
use super::group::{self, Group};
use super::leases::{Revoked, Timeline};
use crate::mvcc::Keyspace;
use crate::raft::{Operation, Payload, Plain, PlainKind, PlainTxn, PlainWrite, Request};

/// Entries that follow each other.
#[derive(Clone, Copy)]
pub(super) struct Stretch {
    /// The first of them.
    pub(super) from: usize,
    /// The one behind the last.
    pub(super) to: usize,
    /// The revision of the store before the first.
    pub(super) revision: i64,
}

/// How far a stretch lies on the road.
pub(super) struct Verified {
    /// The first entry that does not.
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

    /// With the stretch that follows.
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

/// Follows the road through a stretch, as far as it leads.
pub(super) fn stretch(
    keyspace: &Keyspace<'_>,
    entries: &[Entry<'_>],
    stretch: Stretch,
    timeline: &Timeline,
) -> Verified {
    let mut road = Verified::nothing(stretch.from, stretch.revision);
    let mut next = keyspace
        .index()
        .first_at(stretch.revision.saturating_add(1));
    let mut warmed = next;
    for position in stretch.from..stretch.to.min(timeline.until) {
        if next >= warmed {
            warmed = group::warm(keyspace, next);
        }
        let group = Group::from(keyspace, road.revision.saturating_add(1), next);
        let Some(made) = entries
            .get(position)
            .and_then(|entry| made(entry, position, &group, timeline, &mut road.revoked))
        else {
            break;
        };
        road.to = position.saturating_add(1);
        if made > 0 {
            road.revision = road.revision.saturating_add(1);
            road.writes = road.writes.saturating_add(1);
            road.records = road.records.saturating_add(made as u64);
            next = group.end();
        }
    }
    road
}

/// How many records of the group an entry made: all or none. `None` where it should have made others.
fn made(
    entry: &Entry<'_>,
    position: usize,
    group: &Group<'_, '_>,
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
        // Where etcd stops, the way back has not come by.
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
    group: &Group<'_, '_>,
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
