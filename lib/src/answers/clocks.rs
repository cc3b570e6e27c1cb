//! The clock of all sources that were given: values of db and log, leases in the log, an audit log, etcd's log.

use std::collections::BTreeMap;

use super::audit::Audited;
use super::timeline::etcd_measurements;
use crate::check::{Logged, logged_beside, logged_tail};
use crate::clock::{Clock, ElapsedTime, Measurement, WriteTime};
use crate::logs::audit::AuditLog;
use crate::logs::etcd::EtcdLog;
use crate::member::{Member, Objects, Origin};
use crate::mvcc::Version;
use located::progress::{Progress, Silent};

/// The clock of the writes near some revisions, of the db and, if they were read, of the log and of an audit log. It gives those revisions
/// the same times as [`whole_clock`].
pub fn clock_near(
    objects: &Objects<'_>,
    logged: Option<&Logged>,
    revisions: impl IntoIterator<Item = i64>,
    audited: Option<&Audited>,
) -> Clock {
    let revisions: Vec<i64> = revisions.into_iter().collect();
    let of_audit = || audited.into_iter().flat_map(Audited::measurements);
    let mut measurements = measurements_near(objects, logged, &revisions);
    measurements.extend(of_audit());
    // Of times that contradict each other, those that count are chosen by all times.
    let (near, left_out) = Clock::with_left_out(measurements);
    // What leases say of a revision depends on times that may be far from it.
    let elapsed = logged.map(|logged| elapsed(objects, logged));
    let may_gain = |revision: &i64| {
        let elapsed = elapsed.as_deref();
        elapsed.is_some_and(|elapsed| near.may_gain(*revision, Some(elapsed)))
    };
    match left_out.is_empty() && !revisions.iter().any(may_gain) {
        true => near,
        false => {
            let mut all = measurements_of_all(objects, logged, &Silent);
            all.extend(of_audit());
            Clock::new(all).with_elapsed(elapsed.unwrap_or_default())
        }
    }
}

/// Newest entries of the log that are read before all of it is.
const TAIL_ENTRIES: usize = 5_000;

/// What dates the rows of an answer over the db: the log beside it counts too, and is read if it makes a difference.
#[derive(Clone, Copy, Debug)]
pub struct Dating<'d> {
    member: &'d Member,
    logged: Option<&'d Logged>,
}

impl<'d> Dating<'d> {
    /// Of a member, and of its log if that was read.
    pub fn new(member: &'d Member, logged: Option<&'d Logged>) -> Self {
        Self { member, logged }
    }

    /// The clock of the writes near some revisions: their times are those of every other verb.
    pub fn clock(&self, objects: &Objects<'_>, revisions: &[i64]) -> Clock {
        let near = |logged| clock_near(objects, logged, revisions.iter().copied(), None);
        if self.logged.is_some() || !needs_log(objects, None, revisions.iter().copied()) {
            return near(self.logged);
        }
        let Ok(stored) = self.member.readable_keyspace() else {
            return near(None);
        };
        // The newest entries are read fast, and mostly suffice.
        let tail = logged_tail(&stored, self.member, TAIL_ENTRIES, &Silent);
        let suffices = |tail: &Logged| !needs_log(objects, Some(tail), revisions.iter().copied());
        match tail.filter(suffices) {
            Some(tail) => near(Some(&tail)),
            None => near(logged_beside(&stored, self.member, &Silent).as_ref()),
        }
    }

    /// When a revision was written.
    pub fn time_of(&self, objects: &Objects<'_>, revision: i64) -> Option<WriteTime> {
        self.clock(objects, &[revision]).time_of(revision)
    }
}

/// Whether more of the log has to be read to know when some revisions were written. `tail`: its newest entries, if those were read.
pub fn needs_log(
    objects: &Objects<'_>,
    tail: Option<&Logged>,
    revisions: impl IntoIterator<Item = i64>,
) -> bool {
    let revisions: Vec<i64> = revisions.into_iter().collect();
    let (near, left_out) = Clock::with_left_out(measurements_near(objects, tail, &revisions));
    let elapsed = tail.map(|tail| elapsed(objects, tail));
    let mut asked = revisions.iter();
    !left_out.is_empty() || asked.any(|revision| near.may_gain(*revision, elapsed.as_deref()))
}

/// The clock of the writes near some revisions of the db, if neither the log beside it nor times farther away say more of them: it gives
/// those revisions the same times as [`clock_of_evidence`]. `None` if they may.
pub fn clock_without_log(
    objects: &Objects<'_>,
    revisions: impl IntoIterator<Item = i64>,
) -> Option<Clock> {
    let revisions: Vec<i64> = revisions.into_iter().collect();
    let (near, left_out) = Clock::with_left_out(measurements_near(objects, None, &revisions));
    let mut asked = revisions.iter();
    let may_change = !left_out.is_empty() || asked.any(|revision| near.may_gain(*revision, None));
    (!may_change).then_some(near)
}

/// The times in the values near some revisions.
fn measurements_near(
    objects: &Objects<'_>,
    logged: Option<&Logged>,
    revisions: &[i64],
) -> Vec<Measurement> {
    let mut measurements = objects.measurements_near(revisions.iter().copied());
    if let Some(logged) = logged {
        let of_log = objects.over(logged.keyspace());
        measurements.extend(of_log.measurements_near(revisions.iter().copied()));
    }
    measurements
}

/// The clock of all writes, of the db and, if they were read, of the log and of other measurements.
pub fn whole_clock(
    objects: &Objects<'_>,
    logged: Option<&Logged>,
    others: &[Measurement],
    progress: &dyn Progress,
) -> Clock {
    let mut measurements = measurements_of_all(objects, logged, progress);
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
fn measurements_of_all(
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

/// What the leases in the log say of the time between revisions.
fn elapsed(objects: &Objects<'_>, logged: &Logged) -> Vec<ElapsedTime> {
    logged.elapsed(|key| objects.layout().resource(key).is_some())
}

/// A clock of measurements, and of what the leases in the log say of the time between.
fn clock_of(
    objects: &Objects<'_>,
    logged: Option<&Logged>,
    measurements: Vec<Measurement>,
) -> Clock {
    let elapsed = logged.map(|logged| elapsed(objects, logged));
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
    let mut measured = measurements_of_all(objects, logged, progress);
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
