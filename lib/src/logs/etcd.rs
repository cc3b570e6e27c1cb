//! etcd's own log: elections, slow requests, repairs. As zap writes it (JSON), alone or within what journald exports, and the text
//! form of etcd 3.4.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::{LineCounts, LogError, read_lines};
use located::{RaftIndex, Term};

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EtcdTopic {
    /// An election, a vote, a new or a lost leader.
    Election,
    /// A request, a write to disk or a heartbeat that took too long.
    Slow,
    /// A file that was repaired, cut or renamed.
    Repair,
    /// A member that came, went or changed.
    Membership,
    /// An alarm.
    Alarm,
    /// A compaction.
    Compaction,
    /// A snapshot.
    Snapshot,
    /// A start or a stop.
    Life,
    /// Another warning or error.
    Warning,
}

impl EtcdTopic {
    /// As a timeline names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Election => "election",
            Self::Slow => "slow",
            Self::Repair => "repair",
            Self::Membership => "membership",
            Self::Alarm => "alarm",
            Self::Compaction => "compaction",
            Self::Snapshot => "snapshot",
            Self::Life => "server",
            Self::Warning => "warning",
        }
    }
}

/// Parts of messages, and what they are about; the first that fits. Source: etcd 3.4.23 to 3.6, `server/` and `raft/`.
const TOPICS: &[(&str, EtcdTopic)] = &[
    ("became candidate", EtcdTopic::Election),
    ("became leader", EtcdTopic::Election),
    ("became pre-candidate", EtcdTopic::Election),
    ("elected leader", EtcdTopic::Election),
    ("lost leader", EtcdTopic::Election),
    ("changed leader", EtcdTopic::Election),
    ("starting a new election", EtcdTopic::Election),
    ("stepped down to follower", EtcdTopic::Election),
    ("cast MsgVote", EtcdTopic::Election),
    ("cast MsgPreVote", EtcdTopic::Election),
    ("transfer leadership", EtcdTopic::Election),
    ("took too long", EtcdTopic::Slow),
    ("slow fdatasync", EtcdTopic::Slow),
    ("failed to send out heartbeat on time", EtcdTopic::Slow),
    ("overloaded", EtcdTopic::Slow),
    ("repair", EtcdTopic::Repair),
    ("found invalid file", EtcdTopic::Repair),
    ("renamed corrupted", EtcdTopic::Repair),
    ("corrupt", EtcdTopic::Repair),
    ("force-new-cluster", EtcdTopic::Repair),
    ("discarding uncommitted", EtcdTopic::Repair),
    ("added member", EtcdTopic::Membership),
    ("removed member", EtcdTopic::Membership),
    ("updated member", EtcdTopic::Membership),
    ("promote", EtcdTopic::Membership),
    ("alarm", EtcdTopic::Alarm),
    ("finished scheduled compaction", EtcdTopic::Compaction),
    ("starting auto revision compaction", EtcdTopic::Compaction),
    ("saved snapshot", EtcdTopic::Snapshot),
    ("triggering snapshot", EtcdTopic::Snapshot),
    ("applied snapshot", EtcdTopic::Snapshot),
    ("applying snapshot", EtcdTopic::Snapshot),
    ("starting an etcd server", EtcdTopic::Life),
    ("restarting local member", EtcdTopic::Life),
    ("starting local member", EtcdTopic::Life),
    ("ready to serve client requests", EtcdTopic::Life),
    ("received signal", EtcdTopic::Life),
    ("closed etcd server", EtcdTopic::Life),
    ("closing etcd server", EtcdTopic::Life),
];

/// One line that matters.
#[derive(Clone, Debug, PartialEq)]
pub struct EtcdLine {
    /// When, by the clock of the machine that etcd ran on.
    pub time: Timestamp,
    /// What it is about.
    pub topic: EtcdTopic,
    /// The message with its fields.
    pub message: String,
    /// The raft index that it names.
    pub raft_index: Option<RaftIndex>,
    /// The compaction revision that it names.
    pub compacted: Option<i64>,
    /// The term that it names as begun.
    pub term: Option<Term>,
}

/// What etcd's logs say.
#[derive(Clone, Debug, Default)]
pub struct EtcdLog {
    /// Lines that matter, by time.
    pub lines: Vec<EtcdLine>,
    /// Lines that were read.
    pub counts: LineCounts,
}

impl EtcdLog {
    /// Reads logs, plain or packed with gzip.
    ///
    /// # Errors
    /// The first file that cannot be opened or read, or has lines and not one of etcd.
    pub fn read<P: AsRef<Path>>(paths: &[P]) -> Result<Self, (PathBuf, LogError)> {
        let mut log = Self::default();
        for path in paths {
            let path = path.as_ref();
            let mut journal = Journal::default();
            let counts = read_lines(path, &mut |line| log.add(line, &mut journal));
            let counts = counts.and_then(|counts| counts.of_its_kind(path, "not of etcd"));
            let counts = counts.map_err(|error| (path.to_owned(), error))?;
            log.counts.lines = log.counts.lines.saturating_add(counts.lines);
            log.counts.unreadable = log.counts.unreadable.saturating_add(counts.unreadable);
        }
        log.lines.sort_by_key(|line| line.time);
        Ok(log)
    }

    fn add(&mut self, line: &[u8], journal: &mut Journal) -> bool {
        let Ok(text) = std::str::from_utf8(line) else {
            return false;
        };
        if let Some(is_field) = journal.field(text) {
            if let Some(message) = journal.message.take() {
                return is_field | self.add_message(&message, journal.time);
            }
            return is_field;
        }
        self.add_message(text, None)
    }

    /// A message, alone or after the head of a line of syslog.
    fn add_message(&mut self, text: &str, at: Option<Timestamp>) -> bool {
        let json = text.find('{').and_then(|start| text.get(start..));
        if let Some(Ok(Value::Object(fields))) = json.map(serde_json::from_str) {
            // `journalctl -o json`.
            if let Some(Value::String(message)) = fields.get("MESSAGE") {
                let micros = fields.get("__REALTIME_TIMESTAMP").and_then(Value::as_str);
                return self.add_message(message, micros.and_then(microseconds));
            }
            return self.add_zap(&fields, at);
        }
        let parsed = capnslog(text).or_else(|| Some((at?, 'I', text.to_owned())));
        let is_line = parsed.is_some();
        if let Some((time, level, message)) = parsed
            && let Some(topic) = topic(&message, matches!(level, 'W' | 'E' | 'C'))
        {
            let term = term(&message);
            self.lines.push(EtcdLine {
                time,
                topic,
                message,
                raft_index: None,
                compacted: None,
                term,
            });
        }
        is_line
    }

    fn add_zap(&mut self, fields: &serde_json::Map<String, Value>, at: Option<Timestamp>) -> bool {
        let Some(message) = fields.get("msg").and_then(Value::as_str) else {
            return false;
        };
        let Some(time) = fields.get("ts").and_then(zap_time).or(at) else {
            return false;
        };
        let level = fields
            .get("level")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let is_warning = !matches!(level, "info" | "debug");
        let Some(topic) = topic(message, is_warning) else {
            return true;
        };
        let number = |names: &[&str]| {
            let field = |name: &&str| fields.get(*name).and_then(Value::as_u64);
            names.iter().find_map(field)
        };
        let compacted = number(&["compact-revision"]).and_then(|number| i64::try_from(number).ok());
        self.lines.push(EtcdLine {
            time,
            topic,
            message: with_fields(message, fields),
            raft_index: number(&["snapshot-index", "local-member-applied-index"]).map(RaftIndex),
            compacted,
            term: term(message),
        });
        true
    }
}

/// A record of `journalctl -o export`: lines `NAME=value`.
#[derive(Default)]
struct Journal {
    time: Option<Timestamp>,
    message: Option<String>,
}

impl Journal {
    /// Takes a field; `None` if the line is none.
    fn field(&mut self, line: &str) -> Option<bool> {
        let (name, value) = line.split_once('=')?;
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            return None;
        }
        match name {
            "__REALTIME_TIMESTAMP" => self.time = microseconds(value),
            "MESSAGE" => self.message = Some(value.to_owned()),
            _ => {}
        }
        Some(true)
    }
}

/// Maximum number of characters of a message with its fields.
const MAX_MESSAGE: usize = 300;

/// Fields that say where, not what.
const PLACES: &[&str] = &["level", "ts", "caller", "msg", "logger", "stacktrace"];

fn with_fields(message: &str, fields: &serde_json::Map<String, Value>) -> String {
    let mut text = message.to_owned();
    for (name, value) in fields
        .iter()
        .filter(|(name, _)| !PLACES.contains(&name.as_str()))
    {
        let value = match value {
            Value::String(value) => value.clone(),
            other => other.to_string(),
        };
        text.push_str(&format!(" {name}={value}"));
        if text.chars().count() > MAX_MESSAGE {
            return text.chars().take(MAX_MESSAGE).chain(['…']).collect();
        }
    }
    text
}

fn topic(message: &str, is_warning: bool) -> Option<EtcdTopic> {
    let known = TOPICS.iter().find(|(part, _)| message.contains(part));
    known
        .map(|(_, topic)| *topic)
        .or(is_warning.then_some(EtcdTopic::Warning))
}

/// `… elected leader 8e9e05c52164694d at term 7`.
fn term(message: &str) -> Option<Term> {
    let begins = ["elected leader", "became leader"];
    begins.iter().find(|part| message.contains(**part))?;
    let (_, term) = message.rsplit_once("at term ")?;
    term.trim().parse().ok()
}

fn microseconds(text: &str) -> Option<Timestamp> {
    Timestamp::from_microsecond(text.parse().ok()?).ok()
}

/// `2026-11-21T01:17:35.000Z`, or seconds since 1970 with a fraction.
fn zap_time(value: &Value) -> Option<Timestamp> {
    match value {
        // zap writes offsets without a colon.
        Value::String(text) => text.parse().ok().or_else(|| {
            let zoned = jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text).ok()?;
            zoned.to_timestamp().ok()
        }),
        Value::Number(_) => {
            let text = value.to_string();
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
            let seconds: i64 = whole.parse().ok()?;
            let micros: i64 = micros.parse().ok()?;
            Timestamp::from_microsecond(seconds.checked_mul(1_000_000)?.checked_add(micros)?).ok()
        }
        _ => None,
    }
}

/// `2026-11-21 01:17:35.123456 I | raft: 8e9e05c52164694d became leader at term 2`.
fn capnslog(text: &str) -> Option<(Timestamp, char, String)> {
    let (head, message) = text.split_once(" | ")?;
    let (time, level) = head.rsplit_once(' ')?;
    let start = time.len().checked_sub(26)?;
    let civil: jiff::civil::DateTime = time.get(start..)?.parse().ok()?;
    let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
    Some((zoned.timestamp(), level.chars().next()?, message.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> EtcdLog {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        EtcdLog::read(&[file.path()]).unwrap()
    }

    const ZAP: &str = r#"{"level":"info","ts":"2026-11-21T01:17:35.5Z","logger":"raft","caller":"etcdserver/zap_raft.go:77","msg":"raft.node: 8e9e05c52164694d elected leader 8e9e05c52164694d at term 7"}"#;

    #[test]
    fn zap_journald_and_text_are_the_same_line() {
        let escaped = serde_json::Value::from(ZAP).to_string();
        let forms = [
            ZAP.to_owned(),
            format!("Nov 21 01:17:35 m1 etcd[7]: {ZAP}"),
            format!(r#"{{"__REALTIME_TIMESTAMP":"1","MESSAGE":{escaped}}}"#),
            format!("__REALTIME_TIMESTAMP=1\n_PID=7\nMESSAGE={ZAP}\n"),
            "2026-11-21 01:17:35.500000 I | raft: raft.node: 8e9e05c52164694d elected leader 8e9e05c52164694d at term 7".to_owned(),
        ];
        for form in forms {
            let log = read(&form);
            assert_eq!(log.counts.unreadable, 0, "{form}");
            let [line] = log.lines.as_slice() else {
                panic!("{form}: {:?}", log.lines);
            };
            assert_eq!(line.time.to_string(), "2026-11-21T01:17:35.5Z", "{form}");
            assert_eq!(
                (line.topic, line.term),
                (EtcdTopic::Election, Some(Term(7))),
                "{form}"
            );
        }
    }

    #[test]
    fn other_lines_are_counted_and_seconds_are_times_too() {
        let log = read(
            "nonsense\n{\"a\":1}\n{\"level\":\"warn\",\"ts\":1763687855.25,\"msg\":\"apply request took too long\",\"took\":\"1s\"}\n",
        );
        assert_eq!((log.counts.lines, log.counts.unreadable), (3, 2));
        assert_eq!(log.lines[0].message, "apply request took too long took=1s");
        assert_eq!(log.lines[0].time.as_millisecond(), 1_763_687_855_250);
    }
}
