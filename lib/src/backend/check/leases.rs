//! Leases and alarms.

use std::collections::{BTreeMap, HashSet};

use crate::backend::value::excerpt;
use crate::backend::{Alarm, AlarmType, Cluster, Lease, LeaseId, MemberId};
use crate::codes::backend as codes;
use crate::mvcc::Keyspace;
use located::{Finding, Place, Severity, Sink};

/// Minimum number of leases without keys that is reported.
const MIN_IDLE_LEASES: usize = 1000;

/// Checks leases, and with a keyspace the keys that are attached to them.
pub fn leases(
    leases: &[Lease],
    keyspace: Option<&Keyspace<'_>>,
    here: &Place,
    sink: &mut Sink<'_>,
) {
    for lease in leases {
        let at = lease.place.as_ref().unwrap_or(here).clone();
        if lease.key != lease.id.0.to_be_bytes() {
            let finding = Finding::new(
                &codes::LEASE_SHAPE,
                at.clone(),
                format!(
                    "lease {} is stored under a key that is not its id: etcd takes the id from the value",
                    lease.id
                ),
            );
            let finding = finding.severity(Severity::Warning);
            sink(finding.seen(excerpt(&lease.key), format!("8 bytes, {}", lease.id)));
        }
        if lease.ttl_seconds <= 0 {
            let message = format!(
                "lease {} was granted for {} seconds",
                lease.id, lease.ttl_seconds
            );
            sink(Finding::new(&codes::LEASE_IDLE, at, message));
        }
    }
    let Some(keyspace) = keyspace else { return };
    let known: HashSet<i64> = leases.iter().map(|lease| lease.id.0).collect();
    let (mut unknown, mut used) = (BTreeMap::<i64, Vec<_>>::new(), HashSet::new());
    for (lease, version) in keyspace.leased() {
        if known.contains(&lease) {
            used.insert(lease);
        } else {
            unknown.entry(lease).or_default().push(version);
        }
    }
    unknown_leases(&unknown, here, sink);
    let idle = known.len() - used.len();
    if idle >= MIN_IDLE_LEASES && idle > known.len() / 2 {
        let message = format!("{idle} of {} leases have no key", known.len());
        sink(Finding::new(&codes::LEASE_IDLE, here.clone(), message).count(idle as u64));
    }
}

/// Reports keys whose leases do not exist, all in one finding: they have one cause.
/// etcd logs "failed to attach a lease" for them and keeps the keys: `restore` in `server/mvcc/kvstore.go`, v3.5.30.
fn unknown_leases(
    unknown: &BTreeMap<i64, Vec<crate::mvcc::Version<'_>>>,
    here: &Place,
    sink: &mut Sink<'_>,
) {
    let Some((first, versions)) = unknown.first_key_value() else {
        return;
    };
    let keys = unknown.values().flatten();
    let keys: Vec<Vec<u8>> = keys.map(|version| version.key.to_vec()).collect();
    let at = versions.first().and_then(|version| version.offset);
    let at = at.map_or_else(|| here.clone(), |offset| Place::at(&here.file, offset));
    let (key, hangs, never) = match keys.len() {
        1 => ("key", "hangs", "it never expires"),
        _ => ("keys", "hang", "they never expire"),
    };
    let leases = match unknown.len() {
        1 => format!("lease {}, which does not exist", LeaseId(*first)),
        count => format!(
            "{count} leases that do not exist, the first of them {}",
            LeaseId(*first)
        ),
    };
    let message = format!("{} {key} {hangs} on {leases}: {never}", keys.len());
    let mut finding = Finding::new(&codes::LEASE_UNKNOWN, at, message).count(keys.len() as u64);
    finding.keys = keys;
    sink(finding);
}

/// Reports every alarm: one in the bucket stops writes, or all requests, of the whole cluster.
pub fn alarms(alarms: &[Alarm], cluster: &Cluster, here: &Place, sink: &mut Sink<'_>) {
    for alarm in alarms {
        let at = alarm.place.as_ref().unwrap_or(here).clone();
        let id = alarm.member_id;
        let finding = match alarm.alarm {
            AlarmType::NoSpace => Finding::new(
                &codes::ALARM_NOSPACE,
                at.clone(),
                format!("NOSPACE, raised for member {id}"),
            ),
            AlarmType::Corrupt if id == MemberId(0) => Finding::new(
                &codes::ALARM_CORRUPT,
                at.clone(),
                "CORRUPT, for no member: there was no majority",
            ),
            AlarmType::Corrupt => Finding::new(
                &codes::ALARM_CORRUPT,
                at.clone(),
                format!("CORRUPT, raised for member {id}"),
            ),
            AlarmType::Other(number) => {
                let message = format!("an alarm of the unknown kind {number}, for member {id}");
                Finding::new(&codes::ALARM_UNREADABLE, at.clone(), message)
            }
        };
        sink(finding);
        if id != MemberId(0) && cluster.member(id).is_none() && !cluster.members.is_empty() {
            let message = format!("the alarm names member {id}, which is not in the cluster");
            sink(Finding::new(&codes::ALARM_FOREIGN, at, message));
        }
    }
}
