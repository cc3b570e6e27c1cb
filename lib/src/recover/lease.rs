//! Leases and alarms while entries are applied.

use std::collections::{BTreeMap, BTreeSet};

use super::store::Refused;
use crate::raft::cluster::{AlarmRequest, LeaseCheckpointRequest, LeaseGrantRequest};

/// Longest time to live that etcd grants, in seconds: `MaxLeaseTTL` in `server/lease/lessor.go`, v3.5.30.
const MAX_TTL: i64 = 9_000_000_000;
/// Shortest one with the default election timeout: 3 × 10 ticks / 2 of 100 ms, rounded up. Shorter ones are raised
/// to it: `minTTL` of `NewServer` in `server/etcdserver/server.go`, v3.5.30.
const MIN_TTL: i64 = 2;

/// `AlarmType` NOSPACE.
pub const NOSPACE: i32 = 1;
/// `AlarmType` CORRUPT.
pub const CORRUPT: i32 = 2;

/// A lease as the `lease` bucket holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayedLease {
    /// Granted seconds.
    pub ttl: i64,
    /// Seconds left at the last checkpoint that was kept; 0: none was.
    pub remaining_ttl: i64,
}

/// Leases by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leases(pub BTreeMap<i64, ReplayedLease>);

impl Leases {
    /// Whether it exists.
    pub fn contains(&self, id: i64) -> bool {
        self.0.contains_key(&id)
    }

    pub(super) fn grant(&mut self, request: &LeaseGrantRequest) -> Result<(), Refused> {
        // The leader replaces 0 by a new id before it proposes: `LeaseGrant` in `server/etcdserver/v3_server.go`, v3.5.30.
        if request.id == 0 {
            return Err(Refused::LeaseNotFound);
        }
        if request.ttl > MAX_TTL {
            return Err(Refused::LeaseTtlTooLarge);
        }
        if self.contains(request.id) {
            return Err(Refused::LeaseExists);
        }
        self.0.insert(
            request.id,
            ReplayedLease {
                ttl: request.ttl.max(MIN_TTL),
                remaining_ttl: 0,
            },
        );
        Ok(())
    }

    pub(super) fn revoke(&mut self, id: i64) -> Result<(), Refused> {
        self.0.remove(&id).map(|_| ()).ok_or(Refused::LeaseNotFound)
    }

    /// Kept on disk by default only from cluster version 3.6 on: `shouldPersistCheckpoints` in `server/lease/lessor.go`, v3.5.30
    /// (etcd#13508).
    pub(super) fn checkpoint(&mut self, request: &LeaseCheckpointRequest) {
        for checkpoint in &request.checkpoints {
            if let Some(lease) = self.0.get_mut(&checkpoint.id) {
                lease.remaining_ttl = checkpoint.remaining_ttl;
            }
        }
    }
}

/// Alarms that are on: member and kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alarms(pub BTreeSet<(u64, i32)>);

impl Alarms {
    /// How many members have an alarm of that kind on.
    pub(super) fn count(&self, kind: i32) -> usize {
        self.0.iter().filter(|&&(_, raised)| raised == kind).count()
    }

    /// Whether an alarm of that kind is on, whoever raised it.
    pub fn any(&self, kind: i32) -> bool {
        self.0.iter().any(|&(_, raised)| raised == kind)
    }

    pub(super) fn apply(&mut self, request: &AlarmRequest) {
        // NONE is no alarm: it only asks for the list. `Alarm` in `server/etcdserver/apply.go`, v3.5.30.
        let alarm = (request.member_id, request.alarm);
        match request.action {
            1 if request.alarm != 0 => {
                self.0.insert(alarm);
            }
            2 => {
                self.0.remove(&alarm);
            }
            _ => {}
        }
    }
}
