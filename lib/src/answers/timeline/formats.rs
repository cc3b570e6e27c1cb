//! The timeline in the formats of other tools.
//!
//! Timesketch (`docs/guides/user/import-from-json-csv.md`): JSON lines with `message`, `datetime` (ISO 8601) and `timestamp_desc`;
//! `timestamp` is in microseconds, any other field is kept. Body file of The Sleuth Kit 3 (`wiki.sleuthkit.org/Body-file`): eleven
//! fields with `|` between them, times in seconds since 1970; `mactime` needs one time that is not zero.

use jiff::Timestamp;
use located::text::escape;
use serde_json::{Map, Value, json};

use super::row::{EventKind, TimelineRow};
use crate::clock::TimeBound;

/// A row as a line of JSON for Timesketch; `None` if its time is not known.
pub fn timesketch(row: &TimelineRow) -> Option<Value> {
    let time = row.time?;
    let description = match row.kind {
        EventKind::Put => "Write Time",
        EventKind::Delete => "Deletion Time",
        EventKind::Event => "Event Time",
        EventKind::Log => "Log Time",
        _ => "Event Logged",
    };
    let mut fields = Map::new();
    let mut add = |name: &str, value: Value| {
        if !value.is_null() {
            fields.insert(name.to_owned(), value);
        }
    };
    add("message", row.message().into());
    add("datetime", iso8601(time.time).into());
    add("timestamp", time.time.as_microsecond().into());
    add("timestamp_desc", description.into());
    add("uncertainty_s", json!(row.uncertainty_s()));
    add("time_source", time.source.into());
    add("time_bound", json!(time.bound.map(|bound| bound.as_str())));
    add("source", row.source.into());
    add("op", row.kind.as_str().into());
    add("revision", json!(row.revision));
    add("raft_index", json!(row.raft_index));
    if row.key.is_some() {
        add("key", row.key_text().into());
    }
    add("who", json!(row.who.as_ref().map(|who| &who.name)));
    add(
        "who_source",
        json!(row.who.as_ref().map(|who| who.source.as_str())),
    );
    add("what", row.what.clone().into());
    add("audit", row.audit.clone().unwrap_or_default());
    Some(Value::Object(fields))
}

/// With microseconds and the offset in figures, as Timesketch's own examples have it.
fn iso8601(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string()
}

/// How far the time of a row is known: a body file has no field for it.
fn doubt(row: &TimelineRow) -> String {
    let bound = row.time.and_then(|time| time.bound);
    match (bound, row.uncertainty_s()) {
        (Some(TimeBound::NotBefore), _) => " (then or later)".to_owned(),
        (Some(TimeBound::NotAfter), _) => " (then or earlier)".to_owned(),
        (None, Some(seconds)) => format!(" (±{seconds}s)"),
        (None, None) if row.time.is_some() => " (±?)".to_owned(),
        (None, None) => String::new(),
    }
}

/// A row as a line of a body file; `None` if its time is not known.
pub fn bodyfile(row: &TimelineRow) -> Option<String> {
    let seconds = row.time?.time.as_second();
    // A `|` would end the field.
    let message = format!("{}{}", row.message(), doubt(row));
    let message = escape::text(&message, escape::Charset::default());
    let name = message.replace('|', "\\x7c");
    let inode = row.revision.unwrap_or_default();
    let (mut modified, mut changed, mut born) = (0, 0, 0);
    match row.kind {
        EventKind::Put => modified = seconds,
        EventKind::Delete => changed = seconds,
        _ => born = seconds,
    }
    Some(format!(
        "0|{name}|{inode}||0|0|0|0|{modified}|{changed}|{born}"
    ))
}
