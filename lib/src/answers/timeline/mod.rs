//! `timeline`: everything that happened, in one stream: writes, deletes, elections, membership, alarms, compactions, snapshots,
//! Kubernetes Events, findings, and lines of etcd's log.

mod buckets;
mod cluster;
mod events;
mod formats;
mod log;
mod log_times;
mod row;
mod writes;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use self::buckets::{TimeBuckets, sparkline};
pub use self::formats::{bodyfile, timesketch};
pub use self::log::ClockOffset;
pub use self::log_times::etcd_measurements;
pub use self::row::{EventKind, EventTime, TimelineRow};
use super::Table;
use super::audit::Audited;
use crate::check::{Logged, Report, versions};
use crate::clock::{Clock, WriteTime};
use crate::kubernetes::mask::Mask;
use crate::logs::etcd::EtcdLog;
use crate::member::{Member, Objects, Origin};
use crate::mvcc::{KeyRange, Version};
use located::progress::Progress;

/// What a timeline is made of.
#[derive(Clone, Copy, Debug)]
pub struct TimelineSources<'s, 'a> {
    /// The member.
    pub member: &'a Member,
    /// Its objects.
    pub objects: &'s Objects<'a>,
    /// What only the WAL has.
    pub logged: Option<&'a Logged>,
    /// When revisions were written.
    pub clock: &'s Clock,
    /// The audit log.
    pub audited: Option<&'s Audited>,
    /// etcd's log.
    pub etcd_log: Option<&'s EtcdLog>,
    /// Findings.
    pub report: Option<&'s Report>,
    /// Hides secrets.
    pub mask: Option<&'s Mask>,
}

/// Which part of the timeline is asked for.
#[derive(Clone, Debug, Default)]
pub struct TimelineFilter {
    /// Nothing before this.
    pub since: Option<Timestamp>,
    /// Nothing after this.
    pub until: Option<Timestamp>,
    /// Only these kinds; all if there are none.
    pub kinds: Vec<EventKind>,
    /// Only what is about this namespace.
    pub namespace: Option<String>,
    /// Also renewals, heartbeats and the writes of Events.
    pub all: bool,
}

impl TimelineFilter {
    pub(super) fn has_kind(&self, kind: EventKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// Whether something at that time is asked for. What has no time is, if no time is asked for.
    pub(crate) fn has_time(&self, time: Option<EventTime>) -> bool {
        self.has_write(time.map(EventTime::as_write))
    }

    /// The same of a write.
    pub(super) fn has_write(&self, write: Option<WriteTime>) -> bool {
        match write {
            Some(write) => write.may_be_within(self.since, self.until),
            None => self.since.is_none() && self.until.is_none(),
        }
    }
}

/// The columns of a timeline.
pub fn columns() -> &'static [super::Column] {
    &row::COLUMNS
}

/// The timeline, and what was left out of it.
#[derive(Clone, Debug)]
pub struct EventStream {
    /// What happened, oldest first; what has no time is at the end.
    pub rows: Vec<TimelineRow>,
    /// What was left out as noise, and how often.
    pub folded: BTreeMap<&'static str, u64>,
    /// How far the clock of etcd's log is from the clock of revisions.
    pub offset: Option<ClockOffset>,
    /// Lines of etcd's log.
    pub etcd_lines: usize,
}

impl EventStream {
    /// As a table.
    pub fn into_table(self) -> Table<TimelineRow> {
        let folded = self.folded.iter();
        let folded = folded.map(|(what, count)| ((*what).to_owned(), (*count).into()));
        let folded: serde_json::Map<String, serde_json::Value> = folded.collect();
        let offset = self.offset.map(|offset| offset.json());
        let table = Table::new(&row::COLUMNS, self.rows).tail("folded", folded);
        match offset {
            Some(offset) => table.head("etcd_log_clock", offset),
            None => table,
        }
    }
}

/// Every version of every key that db and log have, of each key oldest first.
pub fn all_versions<'a>(
    objects: &Objects<'a>,
    logged: Option<&'a Logged>,
) -> BTreeMap<Vec<u8>, Vec<(Origin, Version<'a>)>> {
    let keyspace = objects.keyspace();
    let everywhere = logged
        .into_iter()
        .flat_map(|logged| [logged.keyspace(), logged.unplaced()]);
    let mut all = BTreeMap::new();
    for source in std::iter::once(keyspace).chain(everywhere) {
        for version in source.all(&KeyRange::all()).iter() {
            if !all.contains_key(version.key) {
                all.insert(
                    version.key.to_vec(),
                    versions(version.key, &keyspace, logged),
                );
            }
        }
    }
    all
}

/// Merges all sources into one stream.
pub fn timeline(
    sources: &TimelineSources<'_, '_>,
    all: &BTreeMap<Vec<u8>, Vec<(Origin, Version<'_>)>>,
    filter: &TimelineFilter,
    progress: &dyn Progress,
) -> EventStream {
    let mut found = EventStream {
        rows: Vec::new(),
        folded: BTreeMap::new(),
        offset: None,
        etcd_lines: sources.etcd_log.map_or(0, |log| log.lines.len()),
    };
    let wal = sources.member.wal_with(progress);
    let index = cluster::RaftTimes::new(sources, all);
    writes::add(sources, all, (wal.as_ref(), &index), filter, &mut found);
    events::add(sources, all, filter, &mut found);
    let reported = log::ReportedTimes::new(sources.etcd_log);
    if let Some(wal) = &wal {
        cluster::add(wal, &index, &reported, &mut found);
    }
    cluster::add_snapshots(sources, &index, &reported, &mut found);
    log::add(sources, &index, wal.as_ref(), &mut found);
    add_findings(sources, &index, &mut found);
    found.rows.retain(|row| {
        let namespaced = filter.namespace.is_none() || row.key.is_some();
        namespaced && filter.has_kind(row.kind) && filter.has_time(row.time)
    });
    for row in &mut found.rows {
        row.position = row.position.or_else(|| index.position(row));
    }
    found.rows.sort_by_key(TimelineRow::order);
    let newest = found
        .rows
        .iter()
        .filter_map(|row| row.time)
        .map(|time| time.time)
        .max();
    found.rows.iter_mut().for_each(|row| row.newest = newest);
    found
}

/// Findings: those that name an entry of the log are as old as that.
fn add_findings(
    sources: &TimelineSources<'_, '_>,
    index: &cluster::RaftTimes,
    found: &mut EventStream,
) {
    let findings = sources
        .report
        .map(|report| report.findings.as_slice())
        .unwrap_or_default();
    for finding in findings {
        let what = format!("{} {}: {}", finding.code.id, finding.place, finding.message);
        let mut row = TimelineRow::new(EventKind::Finding, "check", what);
        row.raft_index = finding.place.index;
        row.time = row.raft_index.and_then(|at| index.time(at));
        row.key = finding.keys.first().cloned();
        found.rows.push(row);
    }
}

/// The time of a write as a row has it.
fn event_time(write: WriteTime) -> EventTime {
    EventTime {
        time: write.time,
        position: write.position,
        uncertainty: write.uncertainty,
        bound: write.bound(),
        source: write.source.as_str(),
    }
}
