//! What the log of raft and the snapshots say of the cluster: terms and votes, members, alarms, compactions, snapshots.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::log::ReportedTimes;
use super::{EventKind, EventStream, EventTime, TimelineRow, TimelineSources, event_time};
use crate::clock::{TimeBound, TimeSource};
use crate::member::{Origin, Wal};
use crate::mvcc::Version;
use crate::raft::{Operation, Payload, Request};
use located::RaftIndex;

/// Revisions by raft index, with their times: an entry that writes nothing is between two that do.
pub(super) struct RaftTimes {
    times: BTreeMap<RaftIndex, (i64, Option<EventTime>)>,
    indexes: BTreeMap<i64, RaftIndex>,
    has_own_clock: bool,
}

impl RaftTimes {
    pub(super) fn new(
        sources: &TimelineSources<'_, '_>,
        all: &BTreeMap<Vec<u8>, Vec<(Origin, Version<'_>)>>,
    ) -> Self {
        let mut times = BTreeMap::new();
        if let Some(logged) = sources.logged {
            for (_, version) in all.values().flatten() {
                let main = version.revision.main;
                if let Some(index) = logged.index_of(main) {
                    times
                        .entry(index)
                        .or_insert_with(|| (main, sources.clock.time_of(main).map(event_time)));
                }
            }
        }
        let indexes = times.iter().map(|(index, (main, _))| (*main, *index));
        Self {
            indexes: indexes.collect(),
            times,
            has_own_clock: sources.clock.has_other_than(TimeSource::EtcdLog),
        }
    }

    /// Whether the times are of another clock than that of etcd's log.
    pub(super) fn has_own_clock(&self) -> bool {
        self.has_own_clock
    }

    /// Where something is in the log: its entry, else that of the newest write up to its revision.
    pub(super) fn position(&self, row: &TimelineRow) -> Option<RaftIndex> {
        let of_revision = |revision: i64| {
            let before = self.indexes.range(..=revision).next_back();
            before.map(|(_, index)| *index)
        };
        row.raft_index.or_else(|| of_revision(row.revision?))
    }

    /// When an entry was applied.
    pub(super) fn time(&self, index: RaftIndex) -> Option<EventTime> {
        let before = self.times.range(..=index).next_back();
        let after = self.times.range(index..).next();
        let time = |found: Option<(&RaftIndex, &(i64, Option<EventTime>))>| {
            found.and_then(|(_, (_, time))| *time)
        };
        match (time(before), time(after)) {
            (Some(from), Some(to)) => {
                let half = to.time.duration_since(from.time).as_millis() / 2;
                let half = SignedDuration::from_millis(i64::try_from(half).unwrap_or(0));
                let own = from
                    .uncertainty
                    .zip(to.uncertainty)
                    .map(|(from, to)| from.max(to));
                let middle = from.time.checked_add(half).unwrap_or(from.time);
                let (time, position, bound) = match (own, from.bound) {
                    (Some(_), _) => (middle, middle, None),
                    (None, Some(TimeBound::NotAfter)) => {
                        (to.latest(), to.position, Some(TimeBound::NotAfter))
                    }
                    (None, _) => (from.earliest(), from.position, Some(TimeBound::NotBefore)),
                };
                Some(EventTime {
                    time,
                    position,
                    uncertainty: own.map(|own| own.saturating_add(half)),
                    bound,
                    source: "between",
                })
            }
            // Nothing was written after it, or before.
            (Some(one), None) => Some(EventTime {
                time: one.earliest(),
                uncertainty: None,
                bound: Some(TimeBound::NotBefore),
                source: "between",
                ..one
            }),
            (None, Some(one)) => Some(EventTime {
                time: one.latest(),
                uncertainty: None,
                bound: Some(TimeBound::NotAfter),
                source: "between",
                ..one
            }),
            (None, None) => None,
        }
    }

    /// The revision of the store after an entry.
    pub(super) fn revision(&self, index: RaftIndex) -> Option<i64> {
        self.times
            .range(..=index)
            .next_back()
            .map(|(_, (main, _))| *main)
    }
}

/// Adds what the entries of the log say.
pub(super) fn add(
    wal: &Wal<'_>,
    index: &RaftTimes,
    reported: &ReportedTimes,
    found: &mut EventStream,
) {
    let log = wal.log();
    let local = log.metadata.first().map(|metadata| metadata.node_id);
    for term in log.terms() {
        let first = term.first_index;
        let vote = match term.vote.0 {
            0 => String::new(),
            _ if Some(term.vote) == local => ", this member voted for itself".to_owned(),
            id => format!(", this member voted for {id:016x}"),
        };
        let begins = match first {
            Some(first) => format!("term {} begins at entry {first}", term.term),
            None => format!("term {} has no entry in this log", term.term),
        };
        let what = format!("{begins}{vote}; {}", term.end);
        let mut row = TimelineRow::new(EventKind::Election, "wal", what);
        let at = first.or((term.commit > 0).then_some(term.commit));
        row.raft_index = first;
        row.time = at.and_then(|at| index.time(at));
        row.reported = reported.term(term.term);
        row.position = first.or(at);
        found.rows.push(row);
    }
    for entry in log.surviving().filter(|entry| !entry.is_plain) {
        let payload = wal.payload(entry);
        if let Some((kind, what)) = of_payload(&payload) {
            let mut row = TimelineRow::new(kind, "wal", what);
            row.reported = compacted(&payload).and_then(|revision| reported.compaction(revision));
            row.raft_index = Some(entry.index);
            row.time = index.time(entry.index);
            found.rows.push(row);
        }
    }
}

/// Adds the snapshots.
pub(super) fn add_snapshots(
    sources: &TimelineSources<'_, '_>,
    index: &RaftTimes,
    reported: &ReportedTimes,
    found: &mut EventStream,
) {
    let snaps = sources.member.snaps(&mut located::reported_by("check"));
    for snap in &snaps.files {
        let name = snap.file.as_str().rsplit('/').next().unwrap_or_default();
        let what = format!(
            "{name}: state after entry {}, term {}",
            snap.index, snap.term
        );
        let mut row = TimelineRow::new(EventKind::Snapshot, "snap", what);
        row.raft_index = Some(snap.index);
        row.revision = index.revision(snap.index);
        row.reported = reported.snapshot(snap.index);
        row.time = index.time(snap.index);
        found.rows.push(row);
    }
}

/// The revision of a compaction.
fn compacted(payload: &Payload) -> Option<i64> {
    match payload {
        Payload::Request(Request::Internal(request)) => match request.operation()? {
            Operation::Compaction(compaction) => Some(compaction.revision),
            _ => None,
        },
        _ => None,
    }
}

/// What an entry means for the cluster; `None` if it is a write, or says nothing.
fn of_payload(payload: &Payload) -> Option<(EventKind, String)> {
    match payload {
        Payload::ConfChange(change) => {
            let member = change.member().and_then(Result::ok);
            let name = member
                .map(|member| member.name)
                .filter(|name| !name.is_empty());
            let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
            let what = format!(
                "{} {:016x}{name}",
                payload.name().replace('_', " "),
                change.node_id
            );
            Some((EventKind::Membership, what))
        }
        Payload::ConfChangeV2(_) => Some((EventKind::Membership, payload.summary())),
        Payload::Request(Request::Internal(request)) => match request.operation()? {
            Operation::Alarm(alarm) if alarm.action != 0 => {
                let name = match alarm.alarm {
                    1 => "NOSPACE",
                    2 => "CORRUPT",
                    _ => "all alarms",
                };
                let action = if alarm.action == 1 {
                    "raised"
                } else {
                    "cleared"
                };
                let of = match alarm.member_id {
                    0 => String::new(),
                    id => format!(" for member {id:016x}"),
                };
                Some((EventKind::Alarm, format!("{name} {action}{of}")))
            }
            Operation::Compaction(compaction) => Some((
                EventKind::Compaction,
                format!("up to rev {}", compaction.revision),
            )),
            Operation::ClusterMemberAttrSet(_)
            | Operation::ClusterVersionSet(_)
            | Operation::DowngradeInfoSet(_) => Some((EventKind::Membership, payload.summary())),
            _ => None,
        },
        _ => None,
    }
}
