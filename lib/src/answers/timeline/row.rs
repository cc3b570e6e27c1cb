//! One thing that happened.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::answers::history::{audit, bound, writer};
use crate::answers::{Cell, Column, Label, Row};
use crate::clock::{TimeBound, TimeSource, WriteTime, uncertainty_s};
use crate::member::VersionWriter;
use located::RaftIndex;

pub(super) static COLUMNS: [Column; 14] = [
    Column::left("WHEN~", "time"),
    Column::right("±", "uncertainty_s").wide(),
    Column::left("TIME SOURCE", "time_source").wide(),
    Column::left("BOUND", "time_bound").wide(),
    Column::right("REV", "revision"),
    Column::right("INDEX", "raft_index").wide(),
    Column::left("SRC", "source"),
    Column::left("OP", "op"),
    Column::left("KEY", "key"),
    Column::left("WHO", "who"),
    Column::left("WHO SOURCE", "who_source").wide(),
    Column::left("WHAT", "what"),
    Column::json("audit"),
    Column::json("count"),
];

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// A key was written.
    Put,
    /// A key was deleted.
    Delete,
    /// An election, a vote, a new or a lost leader.
    Election,
    /// A member was added, promoted, changed or removed.
    Membership,
    /// An alarm was raised or cleared.
    Alarm,
    /// A compaction.
    Compaction,
    /// A snapshot of raft.
    Snapshot,
    /// A Kubernetes Event.
    Event,
    /// A line of etcd's log on something else: slow, repaired, started, stopped.
    Log,
    /// A finding of `check`.
    Finding,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Put,
        Self::Delete,
        Self::Election,
        Self::Membership,
        Self::Alarm,
        Self::Compaction,
        Self::Snapshot,
        Self::Event,
        Self::Log,
        Self::Finding,
    ];

    /// As the table has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Delete => "delete",
            Self::Election => "election",
            Self::Membership => "membership",
            Self::Alarm => "alarm",
            Self::Compaction => "compaction",
            Self::Snapshot => "snapshot",
            Self::Event => "event",
            Self::Log => "log",
            Self::Finding => "finding",
        }
    }
}

/// When something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTime {
    /// The moment.
    pub time: Timestamp,
    /// By which rows are in order: never earlier than that of an older row, which a bound may be.
    pub position: Timestamp,
    /// How far the true one may be from it; `None` if that is not known.
    pub uncertainty: Option<SignedDuration>,
    /// Which bound it is, if only one is known.
    pub bound: Option<TimeBound>,
    /// Where it is from: `lease`, `event`, `object`, `between`, `etcd-log`.
    pub source: &'static str,
}

impl EventTime {
    /// It did not happen before this.
    pub(super) fn earliest(self) -> Timestamp {
        let within = self.uncertainty.unwrap_or_default();
        self.time.checked_sub(within).unwrap_or(self.time)
    }

    /// It did not happen after this.
    pub(super) fn latest(self) -> Timestamp {
        let within = self.uncertainty.unwrap_or_default();
        self.time.checked_add(within).unwrap_or(self.time)
    }

    /// As the time of a write that is as far known.
    pub(super) fn as_write(self) -> WriteTime {
        let is_bound = |bound| (self.bound == Some(bound)).then_some(self.time);
        WriteTime {
            time: self.time,
            position: self.position,
            uncertainty: self
                .uncertainty
                .or(self.bound.is_none().then_some(SignedDuration::ZERO)),
            source: TimeSource::Between,
            not_before: is_bound(TimeBound::NotBefore),
            not_after: is_bound(TimeBound::NotAfter),
        }
    }
}

/// One row of the timeline.
#[derive(Clone, Debug)]
pub struct TimelineRow {
    /// When.
    pub time: Option<EventTime>,
    /// The revision.
    pub revision: Option<i64>,
    /// The entry of the log.
    pub raft_index: Option<RaftIndex>,
    /// `db`, `wal`, `snap`, `etcd-log`, `check`.
    pub source: &'static str,
    /// What kind of thing.
    pub kind: EventKind,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// Who.
    pub who: Option<VersionWriter>,
    /// What, in words.
    pub what: String,
    /// The request in the audit log.
    pub audit: Option<Value>,
    /// How many of these this row stands for.
    pub count: u64,
    /// The newest time of all rows.
    pub(super) newest: Option<Timestamp>,
    /// When etcd's own log reported the same.
    pub(super) reported: Option<Timestamp>,
    /// Where it is in the log: its entry, or the one of its revision.
    pub(super) position: Option<RaftIndex>,
}

impl TimelineRow {
    /// A row of which only kind and words are known.
    pub(super) fn new(kind: EventKind, source: &'static str, what: impl Into<String>) -> Self {
        Self {
            time: None,
            revision: None,
            raft_index: None,
            source,
            kind,
            key: None,
            who: None,
            what: what.into(),
            audit: None,
            count: 1,
            newest: None,
            reported: None,
            position: None,
        }
    }

    /// The order of the stream: by time, then as in the log. What has no time is at the end, as in the log.
    pub(super) fn order(
        &self,
    ) -> (
        bool,
        Option<Timestamp>,
        bool,
        Option<RaftIndex>,
        Option<i64>,
    ) {
        let time = self.time.map(|time| time.position);
        let position = self.position;
        (
            time.is_none(),
            time,
            position.is_none() && self.revision.is_none(),
            position,
            self.revision,
        )
    }

    /// The key as text.
    pub fn key_text(&self) -> String {
        let key = self.key.as_deref().unwrap_or_default();
        located::text::escape::bytes(key, located::text::escape::Charset::default()).into_owned()
    }

    /// One sentence: what happened to what, by whom.
    pub fn message(&self) -> String {
        let mut text = self.kind.as_str().to_owned();
        let parts = [self.key_text(), self.what.clone()];
        for part in parts.iter().filter(|part| !part.is_empty()) {
            text.push(' ');
            text.push_str(part);
        }
        if let Some(who) = &self.who {
            text.push_str(&format!(" by {}", who.shown()));
        }
        text
    }

    /// The uncertainty in seconds, rounded up to a tenth.
    pub fn uncertainty_s(&self) -> Option<f64> {
        self.time?.uncertainty.map(uncertainty_s)
    }
}

impl Row for TimelineRow {
    fn cells(&self) -> Vec<Cell> {
        let label = match self.kind {
            EventKind::Delete | EventKind::Alarm => Label::Warning,
            EventKind::Election | EventKind::Membership => Label::Note,
            _ => Label::Plain,
        };
        let number = |value: f64| Cell::shown(format!("±{value}s"), value);
        let [who, who_source] = writer(self.who.as_ref());
        vec![
            self.time
                .map(|time| Cell::approximate(time.time, time.uncertainty, time.bound, self.newest))
                .unwrap_or_default(),
            self.uncertainty_s().map(number).unwrap_or_default(),
            self.time
                .map(|time| Cell::text(time.source))
                .unwrap_or_default(),
            bound(self.time.and_then(|time| time.bound)),
            self.revision.map(Cell::number).unwrap_or_default(),
            self.raft_index.map(Cell::plain).unwrap_or_default(),
            Cell::text(self.source).label(Label::Dim),
            Cell::text(self.kind.as_str()).label(label),
            self.key.as_deref().map(Cell::key).unwrap_or_default(),
            who,
            who_source,
            Cell::text(self.what.as_str()),
            audit(self.audit.as_ref()),
            Cell::plain(self.count),
        ]
    }
}
