//! Kubernetes Events: also those that are deleted or expired, if a version of them is still anywhere.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rayon::prelude::*;
use serde_json::Value;

use super::{EventKind, EventStream, EventTime, TimelineFilter, TimelineRow, TimelineSources};
use crate::member::{Origin, Reading, VersionWriter};
use crate::mvcc::Version;

/// Adds the newest version of every Event.
pub(super) fn add(
    sources: &TimelineSources<'_, '_>,
    all: &BTreeMap<Vec<u8>, Vec<(Origin, Version<'_>)>>,
    filter: &TimelineFilter,
    found: &mut EventStream,
) {
    if !filter.has_kind(EventKind::Event) {
        return;
    }
    let is_event = |key: &[u8]| {
        sources.objects.parse(key).is_some_and(|key| {
            key.plural == "events"
                && filter
                    .namespace
                    .as_deref()
                    .is_none_or(|namespace| key.namespace == Some(namespace))
        })
    };
    let keys: Vec<_> = all.iter().filter(|(key, _)| is_event(key)).collect();
    let rows: Vec<TimelineRow> = keys
        .par_iter()
        .filter_map(|(key, versions)| of_key(sources, key, versions))
        .collect();
    found.rows.extend(rows);
}

fn of_key(
    sources: &TimelineSources<'_, '_>,
    key: &[u8],
    versions: &[(Origin, Version<'_>)],
) -> Option<TimelineRow> {
    let (origin, version) = versions.iter().rfind(|(_, version)| !version.tombstone)?;
    let mut event = sources.objects.json(version, Reading::default()).ok()?;
    if let Some(mask) = sources.mask {
        mask.object(&mut event);
    }
    let is_gone = versions
        .last()
        .is_some_and(|(_, version)| version.tombstone);
    let source = match origin {
        Origin::Db => "db",
        Origin::Carved(origin) => origin,
        Origin::Wal(_) | Origin::Unplaced { .. } => "wal",
    };
    let mut row = TimelineRow::new(EventKind::Event, source, words(&event, is_gone));
    let is_placed = !matches!(origin, Origin::Unplaced { .. });
    row.revision = is_placed.then_some(version.revision.main);
    row.key = Some(key.to_vec());
    row.who = VersionWriter::signed(&event);
    row.time = own_time(&event).or_else(|| {
        let write = sources.clock.time_of(row.revision?)?;
        Some(super::event_time(write))
    });
    Some(row)
}

fn text<'v>(event: &'v Value, path: &str) -> Option<&'v str> {
    event
        .pointer(path)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

/// When the Event happened last, by the clock of who reported it, in whole seconds.
fn own_time(event: &Value) -> Option<EventTime> {
    let paths = [
        "/series/lastObservedTime",
        "/lastTimestamp",
        "/eventTime",
        "/firstTimestamp",
        "/deprecatedLastTimestamp",
    ];
    let time = paths
        .iter()
        .find_map(|path| text(event, path)?.parse::<Timestamp>().ok())?;
    Some(EventTime {
        time,
        position: time,
        uncertainty: Some(SignedDuration::from_secs(1)),
        bound: None,
        source: "event",
    })
}

/// `Warning FailedScheduling pods/db-0: 0/4 nodes are available (5 times)`.
fn words(event: &Value, is_gone: bool) -> String {
    let field = |path: &str| text(event, path).unwrap_or_default();
    let object = ["/involvedObject", "/regarding"].iter().find_map(|path| {
        let kind = text(event, &format!("{path}/kind"))?;
        let name = text(event, &format!("{path}/name")).unwrap_or_default();
        Some(format!("{kind}/{name}"))
    });
    let message = text(event, "/message")
        .or(text(event, "/note"))
        .unwrap_or_default();
    let mut words = format!(
        "{} {} {}: {message}",
        field("/type"),
        field("/reason"),
        object.unwrap_or_default()
    );
    let counts = ["/series/count", "/count", "/deprecatedCount"];
    let count = counts.iter().find_map(|path| event.pointer(path)?.as_u64());
    if let Some(count) = count.filter(|count| *count > 1) {
        words.push_str(&format!(" ({count} times)"));
    }
    if is_gone {
        words.push_str(" (expired or deleted since)");
    }
    words
}
