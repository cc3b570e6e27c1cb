//! Leases of which an entry of the log asks for something, and the log alone does not say whether etcd did it.
//!
//! etcd decides when it applies an entry. A user who may not write every key of a lease may not revoke it, and which keys were
//! attached to it is in the store: `checkLeasePuts` in `server/etcdserver/apply_auth.go`, v3.5.30. With the alarm NOSPACE on it grants
//! none, with CORRUPT on it neither grants nor revokes: `applierV3Capped` and `applierV3Corrupt` in `server/etcdserver/apply.go`,
//! v3.5.30. What was on before the log begins is known only from the request that takes it off.

use std::collections::BTreeSet;

use super::buckets::for_each_entry;
use crate::member::Wal;
use crate::raft::{Operation, Payload, Request, RequestHeader};
use crate::recover::{Nothing, Replay, State};
use located::RaftIndex;

/// `AlarmRequest.AlarmAction`: an alarm is raised, and taken back.
const ACTIVATE: i32 = 1;
const DEACTIVATE: i32 = 2;

/// What may have been on before the log begins: the first entry after which it is known to be off.
#[derive(Default)]
struct OnBefore {
    authentication: RaftIndex,
    alarm: RaftIndex,
}

impl OnBefore {
    /// Looks for what is taken off without having been put on.
    fn read(wal: &Wal<'_>) -> Self {
        let mut found = Self::default();
        let mut raised = BTreeSet::new();
        let mut is_enabled = false;
        for_each_entry(wal, RaftIndex::MAX, |index, payload| {
            match operation(payload) {
                Some((Operation::AuthEnable(_), _)) => is_enabled = true,
                Some((Operation::AuthDisable(_), _))
                    if !is_enabled && found.authentication == 0 =>
                {
                    found.authentication = index;
                }
                Some((Operation::Alarm(alarm), _)) if alarm.action == ACTIVATE => {
                    raised.insert(alarm.alarm);
                }
                Some((Operation::Alarm(alarm), _))
                    if alarm.action == DEACTIVATE && !raised.contains(&alarm.alarm) =>
                {
                    found.alarm = index;
                }
                _ => {}
            }
        });
        found
    }
}

/// The leases that a request of the log may or may not have granted or revoked. `before`: what the buckets had before the log.
pub(super) fn undecided_leases(
    before: &State,
    wal: &Wal<'_>,
    is_from_the_beginning: bool,
) -> BTreeSet<i64> {
    let on_before = match is_from_the_beginning {
        true => OnBefore::default(),
        false => OnBefore::read(wal),
    };
    let mut undecided = BTreeSet::new();
    let mut replay = Replay::new(&Nothing, before.clone(), 1, -1);
    for_each_entry(wal, RaftIndex::MAX, |index, payload| {
        match operation(payload) {
            Some((Operation::LeaseGrant(grant), _)) if index < on_before.alarm => {
                undecided.insert(grant.id);
            }
            Some((Operation::LeaseRevoke(revoke), header))
                if index < on_before.alarm.max(on_before.authentication)
                    || replay.state().users.may_refuse_to_revoke(header) =>
            {
                undecided.insert(revoke.id);
            }
            _ => {}
        }
        let _ = replay.apply(index, &[], payload);
    });
    undecided
}

/// The operation that an entry asks for, and whose request it is.
fn operation(payload: &Payload) -> Option<(Operation<'_>, Option<&RequestHeader>)> {
    let Payload::Request(Request::Internal(request)) = payload else {
        return None;
    };
    Some((request.operation()?, request.header.as_ref()))
}
