//! The clock of all sources that were given: values of db and log, leases in the log, an audit log, etcd's log.

use std::collections::BTreeMap;

use super::audit::Audited;
use super::timeline::etcd_measurements;
use crate::check::{Logged, logged_beside};
use crate::clock::{Clock, Measurement};
use crate::logs::audit::AuditLog;
use crate::logs::etcd::EtcdLog;
use crate::member::{Member, Objects, Origin};
use crate::mvcc::Version;
use located::progress::Progress;

/// The clock of the writes near some revisions, of the db and, if they were read, of the log and of an audit log.
pub fn clock_near(
    objects: &Objects<'_>,
    logged: Option<&Logged>,
    revisions: impl IntoIterator<Item = i64>,
    audited: Option<&Audited>,
) -> Clock {
    let revisions: Vec<i64> = revisions.into_iter().collect();
    let mut measurements = objects.measurements_near(revisions.iter().copied());
    if let Some(logged) = logged {
        let of_log = objects.over(logged.keyspace());
        measurements.extend(of_log.measurements_near(revisions));
    }
    measurements.extend(audited.into_iter().flat_map(Audited::measurements));
    clock_of(objects, logged, measurements)
}

/// The clock of all writes, of the db and, if they were read, of the log and of other measurements.
pub fn whole_clock(
    objects: &Objects<'_>,
    logged: Option<&Logged>,
    others: &[Measurement],
    progress: &dyn Progress,
) -> Clock {
    let mut measurements = measurements(objects, logged, progress);
    measurements.extend(others);
    clock_of(objects, logged, measurements)
}

/// The clock by which a time means a revision: that of all writes of the db and of the log beside it, which is read if it was not yet.
pub fn clock_of_evidence(
    member: &Member,
    objects: &Objects<'_>,
    logged: Option<&Logged>,
    progress: &dyn Progress,
) -> Clock {
    let read = match (logged, member.readable_keyspace()) {
        (None, Ok(keyspace)) => logged_beside(&keyspace, member, progress),
        _ => None,
    };
    whole_clock(objects, logged.or(read.as_ref()), &[], progress)
}

/// The times in all values of db and log.
fn measurements(
    objects: &Objects<'_>,
    logged: Option<&Logged>,
    progress: &dyn Progress,
) -> Vec<Measurement> {
    let everything = std::slice::from_ref(&(0..=i64::MAX));
    let mut measurements = objects.measurements(everything, progress);
    if let Some(logged) = logged {
        let of_log = objects.over(logged.keyspace());
        measurements.extend(of_log.measurements(everything, progress));
    }
    measurements
}

/// A clock of measurements, and of what the leases in the log say of the time between.
fn clock_of(
    objects: &Objects<'_>,
    logged: Option<&Logged>,
    measurements: Vec<Measurement>,
) -> Clock {
    let is_kubernetes = |key: &[u8]| objects.layout().resource(key).is_some();
    let elapsed = logged.map(|logged| logged.elapsed(is_kubernetes));
    Clock::new(measurements).with_elapsed(elapsed.unwrap_or_default())
}

/// The clock of all writes, and the requests of an audit log that were matched by it: the requests say when, too.
pub fn clock_and_requests(
    member: &Member,
    (objects, logged): (&Objects<'_>, Option<&Logged>),
    all: &BTreeMap<Vec<u8>, Vec<(Origin, Version<'_>)>>,
    (audit, etcd): (Option<AuditLog>, Option<&EtcdLog>),
    progress: &dyn Progress,
) -> (Clock, Option<Audited>) {
    let mut measured = measurements(objects, logged, progress);
    let mut clock = clock_of(objects, logged, measured.clone());
    let audited = audit.map(|log| Audited::new(log, objects, all, &clock));
    let mut others: Vec<Measurement> = audited.iter().flat_map(Audited::measurements).collect();
    if let (Some(log), Some(logged)) = (etcd, logged) {
        let wal = member.wal_with(progress);
        others.extend(etcd_measurements(log, wal.as_ref(), logged, &clock));
    }
    if !others.is_empty() {
        measured.extend(others);
        clock = clock_of(objects, logged, measured);
    }
    (clock, audited)
}
