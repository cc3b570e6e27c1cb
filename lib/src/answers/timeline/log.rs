//! Lines of etcd's log, and how far their clock is from the clock of revisions.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::cluster::RaftTimes;
use super::log_times::entry_of;
use super::{EventKind, EventStream, EventTime, TimelineRow, TimelineSources};
use crate::logs::etcd::{EtcdLine, EtcdLog, EtcdTopic};
use crate::member::Wal;
use located::{RaftIndex, Term};

/// How far the clock of etcd's log is from the clock of revisions: positive if etcd's is ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockOffset {
    /// By so much.
    pub offset: SignedDuration,
    /// How far the true offset may be from it.
    pub uncertainty: SignedDuration,
    /// Lines whose entry of the log has a known time.
    pub measured: usize,
}

impl ClockOffset {
    /// As JSON has it.
    pub(super) fn json(self) -> Value {
        json!({
            "offset_s": self.offset.as_secs_f64(),
            "uncertainty_s": self.uncertainty.as_secs_f64(),
            "measured_lines": self.measured,
        })
    }

    /// One sentence.
    pub fn sentence(self) -> String {
        let seconds = |duration: SignedDuration| format!("{:.1} s", duration.as_secs_f64().abs());
        if self.offset.abs() <= self.uncertainty {
            return format!(
                "etcd's log: its clock agrees with that of the writes within ±{} ({} lines compared with entries of known time); its lines have their own time",
                seconds(self.uncertainty),
                self.measured
            );
        }
        let direction = if self.offset.is_negative() {
            "late"
        } else {
            "ahead"
        };
        format!(
            "etcd's log: its clock is {} {direction} (±{}, {} lines compared with entries of known time); its lines have their own time",
            seconds(self.offset),
            seconds(self.uncertainty),
            self.measured
        )
    }

    /// From offsets with how far each may be wrong: what all of them allow. If they contradict each other, the clock was set in
    /// between, and what they allow together is the answer.
    pub(super) fn new(measured: &[(SignedDuration, SignedDuration)]) -> Option<Self> {
        let least = |(offset, far): &(SignedDuration, SignedDuration)| offset.saturating_sub(*far);
        let most = |(offset, far): &(SignedDuration, SignedDuration)| offset.saturating_add(*far);
        let narrow = (
            measured.iter().map(least).max()?,
            measured.iter().map(most).min()?,
        );
        let wide = (
            measured.iter().map(least).min()?,
            measured.iter().map(most).max()?,
        );
        let (from, to) = if narrow.0 <= narrow.1 { narrow } else { wide };
        let half = SignedDuration::from_millis(
            i64::try_from(to.saturating_sub(from).as_millis() / 2).unwrap_or(i64::MAX),
        );
        Some(Self {
            offset: from.saturating_add(half),
            uncertainty: half,
            measured: measured.len(),
        })
    }
}

/// Adds the lines, with their own time.
pub(super) fn add(
    sources: &TimelineSources<'_, '_>,
    index: &RaftTimes,
    wal: Option<&Wal<'_>>,
    found: &mut EventStream,
) {
    let Some(log) = sources.etcd_log else {
        return;
    };
    let mut measured = Vec::new();
    for line in &log.lines {
        if let Some(known) = known_time(line, index, wal)
            && let Some(uncertainty) = known.uncertainty
        {
            measured.push((line.time.duration_since(known.time), uncertainty));
        }
    }
    found.offset = ClockOffset::new(&measured);
    let uncertainty = found
        .offset
        .map(|offset| offset.offset.abs().saturating_add(offset.uncertainty));
    for line in &log.lines {
        let kind = match line.topic {
            EtcdTopic::Election => EventKind::Election,
            EtcdTopic::Membership => EventKind::Membership,
            EtcdTopic::Alarm => EventKind::Alarm,
            EtcdTopic::Compaction => EventKind::Compaction,
            EtcdTopic::Snapshot => EventKind::Snapshot,
            EtcdTopic::Slow | EtcdTopic::Repair | EtcdTopic::Life | EtcdTopic::Warning => {
                EventKind::Log
            }
        };
        let mut row = TimelineRow::new(kind, "etcd-log", line.message.clone());
        if kind == EventKind::Log {
            row.what = format!("{}: {}", line.topic.as_str(), line.message);
        }
        row.raft_index = line.raft_index;
        row.time = Some(EventTime {
            time: line.time,
            position: line.time,
            uncertainty,
            bound: None,
            source: "etcd-log",
        });
        found.rows.push(row);
    }
    date(found, uncertainty);
}

/// Gives what etcd's log reported too the time of that line, unless its own is better known: one event has one time.
fn date(found: &mut EventStream, uncertainty: Option<SignedDuration>) {
    for row in &mut found.rows {
        let Some(time) = row.reported else { continue };
        let own = row.time.and_then(|time| time.uncertainty);
        if own.is_none_or(|own| uncertainty.is_some_and(|of_line| of_line < own)) {
            row.time = Some(EventTime {
                time,
                position: time,
                uncertainty,
                bound: None,
                source: "etcd-log",
            });
        }
    }
}

/// When etcd's log reported what entries and snapshots say too.
#[derive(Default)]
pub(super) struct ReportedTimes {
    terms: BTreeMap<Term, Timestamp>,
    compactions: BTreeMap<i64, Timestamp>,
    snapshots: BTreeMap<RaftIndex, Timestamp>,
}

impl ReportedTimes {
    pub(super) fn new(log: Option<&EtcdLog>) -> Self {
        let mut times = Self::default();
        for line in log.into_iter().flat_map(|log| &log.lines) {
            if let Some(term) = line.term {
                times.terms.entry(term).or_insert(line.time);
            }
            if let Some(revision) = line.compacted {
                times.compactions.entry(revision).or_insert(line.time);
            }
            if let Some(index) = line.raft_index
                && line.topic == EtcdTopic::Snapshot
            {
                times.snapshots.entry(index).or_insert(line.time);
            }
        }
        times
    }

    /// When a leader of a term was elected.
    pub(super) fn term(&self, term: Term) -> Option<Timestamp> {
        self.terms.get(&term).copied()
    }

    /// When a compaction ended.
    pub(super) fn compaction(&self, revision: i64) -> Option<Timestamp> {
        self.compactions.get(&revision).copied()
    }

    /// When a snapshot was saved.
    pub(super) fn snapshot(&self, index: RaftIndex) -> Option<Timestamp> {
        self.snapshots.get(&index).copied()
    }
}

/// The time of what a line is about, by the clock of revisions.
fn known_time(line: &EtcdLine, index: &RaftTimes, wal: Option<&Wal<'_>>) -> Option<EventTime> {
    let time = index.time(entry_of(line, wal)?);
    // A clock that is made of this log alone agrees with it.
    time.filter(|_| index.has_own_clock())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_what_all_measurements_allow() {
        let at = |offset, far| {
            (
                SignedDuration::from_millis(offset),
                SignedDuration::from_millis(far),
            )
        };
        let of = |measured: &[(SignedDuration, SignedDuration)]| {
            let found = ClockOffset::new(measured)?;
            Some((found.offset.as_millis(), found.uncertainty.as_millis()))
        };
        assert_eq!(of(&[at(1000, 500), at(2000, 700)]), Some((1400, 100)));
        assert_eq!(of(&[at(0, 100), at(1000, 100)]), Some((500, 600)));
        assert_eq!(of(&[]), None);
    }
}
