//! The chain of appliers of each release: which of them looks at alarms, and which at permissions.

use super::lease::{Alarms, CORRUPT, NOSPACE};
use crate::raft::cluster::AlarmRequest;
use crate::wal::boot::Release;

/// What differs between releases when an entry is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApplyRules {
    /// The permissions of a transaction within a transaction are checked. Source: `checkTxnReqsPermission` in
    /// `server/etcdserver/apply_auth.go`, v3.5.28; `etcdserver/apply_auth.go`, v3.4.42; in 3.6 `CheckTxnAuth` in
    /// `server/etcdserver/txn/txn.go`, v3.6.9.
    pub(super) nested_txn: bool,
    /// A put in a transaction is checked like one alone: also for the other keys of its lease, and for `prev_kv`. Source:
    /// `checkPutAuth` in `server/etcdserver/apply_auth.go`, v3.5.30; v3.4.44; v3.6.11.
    pub(super) put_in_txn: bool,
    /// Root may revoke and attach to every lease, also with an old `authRevision`. Source: `checkLeasePutsKeys` in
    /// `server/etcdserver/apply_auth.go`, v3.5.10; v3.4.27.
    pub(super) root_has_every_lease: bool,
    /// An alarm that is raised replaces the whole chain, the applier that checks permissions too, until it is disarmed or etcd
    /// starts again. Source: `Alarm` in `server/etcdserver/apply.go`, v3.5.30 (etcd#22386); not so in `uber_applier.go`, v3.6.14.
    pub(super) alarm_replaces_chain: bool,
}

impl ApplyRules {
    /// Those of a release.
    pub fn of_release(release: Release) -> Self {
        let from = |minors: [(u32, u32); 3]| {
            let patch = minors.iter().find(|(minor, _)| *minor == release.minor);
            patch.map_or(release.minor > 6, |(_, patch)| release.patch >= *patch)
        };
        Self {
            nested_txn: from([(4, 42), (5, 28), (6, 9)]),
            put_in_txn: from([(4, 44), (5, 30), (6, 11)]),
            root_has_every_lease: from([(4, 27), (5, 10), (6, 0)]),
            alarm_replaces_chain: release.minor < 6,
        }
    }
}

/// Those that most releases have that wrote the logs which are met: 3.5.10 to 3.5.27.
impl Default for ApplyRules {
    fn default() -> Self {
        Self::of_release(Release::new(5, 27))
    }
}

/// The appliers that an entry passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Appliers {
    pub(super) permissions: bool,
    pub(super) no_space: bool,
    pub(super) corrupt: bool,
}

impl Appliers {
    /// Those of an etcd that starts with these alarms. Source: `restoreAlarms` in `server/etcdserver/server.go`, v3.5.30.
    pub(super) fn restored(alarms: &Alarms) -> Self {
        Self {
            permissions: true,
            no_space: alarms.any(NOSPACE),
            corrupt: alarms.any(CORRUPT),
        }
    }

    /// Applies a request about alarms, and makes a new chain when etcd does.
    pub(super) fn alarm(&mut self, alarms: &mut Alarms, request: &AlarmRequest, rules: ApplyRules) {
        let before = alarms.count(request.alarm);
        alarms.apply(request);
        if !rules.alarm_replaces_chain {
            *self = Self::restored(alarms);
            return;
        }
        match (before, alarms.count(request.alarm)) {
            (0, 1..) => {
                *self = Self {
                    permissions: false,
                    no_space: request.alarm == NOSPACE,
                    corrupt: request.alarm == CORRUPT,
                };
            }
            // The chain of an etcd without alarms, also if one of the other kind is on.
            (1.., 0) => *self = Self::restored(&Alarms::default()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(action: i32, alarm: i32) -> AlarmRequest {
        AlarmRequest {
            action,
            member_id: 7,
            alarm,
        }
    }

    #[test]
    fn releases_begin_to_check_what_is_within_transactions() {
        let rules = |minor, patch| ApplyRules::of_release(Release::new(minor, patch));
        for (minor, patch, nested, put) in [
            (4, 23, false, false),
            (4, 42, true, false),
            (5, 16, false, false),
            (5, 28, true, false),
            (5, 30, true, true),
            (6, 8, false, false),
            (6, 14, true, true),
            (7, 1, true, true),
        ] {
            let rules = rules(minor, patch);
            assert_eq!(
                (rules.nested_txn, rules.put_in_txn),
                (nested, put),
                "3.{minor}.{patch}"
            );
        }
    }

    #[test]
    fn up_to_3_5_a_raised_alarm_takes_the_check_of_permissions_away() {
        for (minor, permissions) in [(5, false), (6, true)] {
            let rules = ApplyRules::of_release(Release::new(minor, 30));
            let mut alarms = Alarms::default();
            let mut appliers = Appliers::restored(&alarms);
            appliers.alarm(&mut alarms, &request(1, NOSPACE), rules);
            assert_eq!(
                (appliers.permissions, appliers.no_space),
                (permissions, true)
            );
            // One that is on already changes nothing.
            appliers.alarm(&mut alarms, &request(1, NOSPACE), rules);
            assert_eq!(appliers.permissions, permissions);
            assert!(Appliers::restored(&alarms).permissions);
            appliers.alarm(&mut alarms, &request(2, NOSPACE), rules);
            assert_eq!((appliers.permissions, appliers.no_space), (true, false));
        }
    }
}
