//! Writes and deletes of keys.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde_json::Value;

use super::super::changes::SAME_VALUE;
use super::cluster::RaftTimes;
use super::{EventKind, EventStream, TimelineFilter, TimelineRow, TimelineSources, event_time};
use crate::check::Logged;
use crate::kubernetes::changed::{Change, changes};
use crate::kubernetes::noise::noise;
use crate::member::{Origin, Reading, VersionWriter, Wal};
use crate::mvcc::Version;
use located::RaftIndex;

/// Changed fields that a row names.
const SHOWN: usize = 4;

/// What a write became.
enum Made {
    Row(Box<TimelineRow>),
    Noise(&'static str),
}

/// Adds the writes of every key.
pub(super) fn add(
    sources: &TimelineSources<'_, '_>,
    all: &BTreeMap<Vec<u8>, Vec<(Origin, Version<'_>)>>,
    (wal, index): (Option<&Wal<'_>>, &RaftTimes),
    filter: &TimelineFilter,
    found: &mut EventStream,
) {
    if !filter.has_kind(EventKind::Put) && !filter.has_kind(EventKind::Delete) {
        return;
    }
    let within = |key: &[u8]| {
        filter.namespace.as_deref().is_none_or(|namespace| {
            sources.objects.parse(key).is_some_and(|key| {
                key.namespace == Some(namespace)
                    || key.path == "namespaces" && key.name == namespace
            })
        })
    };
    let keys: Vec<_> = all.iter().filter(|(key, _)| within(key)).collect();
    let made: Vec<Made> = keys
        .par_iter()
        .flat_map_iter(|(key, versions)| {
            let mut made = of_key(sources, key, versions, wal, filter);
            made.extend(unplaced(sources, versions, index));
            made
        })
        .collect();
    for made in made {
        match made {
            Made::Row(row) => found.rows.push(*row),
            Made::Noise(what) => {
                let count = found.folded.entry(what).or_default();
                *count = count.saturating_add(1);
            }
        }
    }
}

fn of_key(
    sources: &TimelineSources<'_, '_>,
    key: &[u8],
    versions: &[(Origin, Version<'_>)],
    wal: Option<&Wal<'_>>,
    filter: &TimelineFilter,
) -> Vec<Made> {
    let is_object = sources.objects.layout().resource(key).is_some();
    let mut made = Vec::new();
    let mut before: Option<Value> = None;
    let mut last: Option<&Version<'_>> = None;
    for (origin, version) in versions {
        if matches!(origin, Origin::Unplaced { .. }) {
            continue;
        }
        let time = sources.clock.time_of(version.revision.main);
        let object = match is_object && !version.tombstone {
            true => sources.objects.json(version, Reading::default()).ok(),
            false => None,
        };
        let old = std::mem::replace(&mut before, object);
        let is_same = last
            .replace(version)
            .is_some_and(|last| is_same_value(last, version));
        if !filter.has_write(time) {
            continue;
        }
        let object = before.as_ref();
        let what = match version.tombstone {
            true => folded_delete((*origin, version), key, wal, sources),
            // No API server writes that.
            false if is_same => None,
            false => folded((old.as_ref(), object), key, version, sources),
        };
        if let Some(what) = what.filter(|_| !filter.all) {
            made.push(Made::Noise(what));
            continue;
        }
        let mut row = row(sources, *origin, version, wal, old.as_ref(), object);
        row.time = time.map(event_time);
        if is_same {
            SAME_VALUE.clone_into(&mut row.what);
        }
        made.push(Made::Row(Box::new(row)));
    }
    made
}

/// Whether a put wrote the bytes that its key had.
fn is_same_value(before: &Version<'_>, version: &Version<'_>) -> bool {
    let (Ok(old), Ok(new)) = (before.key_value(), version.key_value()) else {
        return false;
    };
    !before.tombstone && !version.tombstone && old.value == new.value
}

/// Writes of unknown revision that are newer than all others: of the others the db has what became of them.
fn unplaced(
    sources: &TimelineSources<'_, '_>,
    versions: &[(Origin, Version<'_>)],
    times: &RaftTimes,
) -> Vec<Made> {
    let mut made = Vec::new();
    for (origin, version) in versions {
        let Origin::Unplaced {
            index, conditional, ..
        } = *origin
        else {
            continue;
        };
        let is_newer = |logged: &Logged| logged.is_after_the_placed(index);
        if !sources.logged.is_some_and(is_newer) {
            continue;
        }
        let (kind, what) = match (version.tombstone, conditional) {
            (true, _) => (EventKind::Delete, "may not have happened"),
            (false, true) => (EventKind::Put, "may not have happened"),
            (false, false) => (EventKind::Put, ""),
        };
        let mut row = TimelineRow::new(kind, "wal", what);
        row.raft_index = Some(index);
        row.key = Some(version.key.to_vec());
        row.time = times.time(index);
        made.push(Made::Row(Box::new(row)));
    }
    made
}

/// What a delete is left out as: an Event that expired is a row of its own already.
fn folded_delete(
    delete: (Origin, &Version<'_>),
    key: &[u8],
    wal: Option<&Wal<'_>>,
    sources: &TimelineSources<'_, '_>,
) -> Option<&'static str> {
    let is_event = sources.objects.parse(key)?.plural == "events";
    let is_expired = is_event && is_revoked(index_of(delete, sources), wal);
    is_expired.then_some("expiries of Events")
}

/// What a put is left out as.
fn folded(
    (old, new): (Option<&Value>, Option<&Value>),
    key: &[u8],
    version: &Version<'_>,
    sources: &TimelineSources<'_, '_>,
) -> Option<&'static str> {
    let parsed = sources.objects.parse(key);
    let is_renewal = || version.key_value().is_ok_and(|kv| kv.version > 1);
    match parsed.as_ref().map(|key| (key.plural, key.path)) {
        Some(("events", _)) => return Some("writes of Events"),
        // Written every ten seconds by each API server.
        Some((_, "masterleases")) if is_renewal() => return Some("renewals of API servers"),
        _ => {}
    }
    let (old, new) = (old?, new?);
    noise(old, new, &changes(old, new))
}

/// The entry of the log that wrote a version.
fn index_of(
    (origin, version): (Origin, &Version<'_>),
    sources: &TimelineSources<'_, '_>,
) -> Option<RaftIndex> {
    match origin {
        Origin::Wal(Some(index)) => Some(index),
        _ => sources
            .logged
            .and_then(|logged| logged.index_of(version.revision.main)),
    }
}

/// Whether an entry of the log ended a lease.
fn is_revoked(index: Option<RaftIndex>, wal: Option<&Wal<'_>>) -> bool {
    let payload = index.and_then(|index| Some(wal?.payload(wal?.log().entry(index)?)));
    payload.is_some_and(|payload| payload.name() == "lease_revoke")
}

fn row(
    sources: &TimelineSources<'_, '_>,
    origin: Origin,
    version: &Version<'_>,
    wal: Option<&Wal<'_>>,
    old: Option<&Value>,
    object: Option<&Value>,
) -> TimelineRow {
    let kind = if version.tombstone {
        EventKind::Delete
    } else {
        EventKind::Put
    };
    let source = match origin {
        Origin::Wal(_) | Origin::Unplaced { .. } => "wal",
        Origin::Carved(origin) => origin,
        Origin::Db => "db",
    };
    let index = index_of((origin, version), sources);
    let kv = version.key_value().ok();
    let what = match (old, object) {
        _ if version.tombstone && is_revoked(index, wal) => {
            "its lease expired or was revoked".to_owned()
        }
        _ if version.tombstone => String::new(),
        (Some(old), Some(new)) => changed(sources, old, new),
        _ if kv.as_ref().is_some_and(|kv| kv.version == 1) => "created".to_owned(),
        _ => kv.map_or_else(String::new, |kv| format!("version {}", kv.version)),
    };
    let mut row = TimelineRow::new(kind, source, what);
    row.revision = Some(version.revision.main);
    row.raft_index = index;
    row.key = Some(version.key.to_vec());
    let audited = sources.audited;
    row.who = audited
        .and_then(|audited| audited.writer(version.revision))
        .or_else(|| {
            let object = object?;
            let changed = old.map(|old| changes(old, object)).unwrap_or_default();
            let is_first = version.key_value().is_ok_and(|kv| kv.version == 1);
            VersionWriter::find((old, is_first), object, &changed)
        });
    row.audit = audited.and_then(|audited| audited.json(version.revision));
    row
}

/// The first fields that changed, masked.
fn changed(sources: &TimelineSources<'_, '_>, old: &Value, new: &Value) -> String {
    let (mut old, mut new) = (old.clone(), new.clone());
    if let Some(mask) = sources.mask {
        mask.object(&mut old);
        mask.object(&mut new);
    }
    let changes = changes(&old, &new);
    let mut text: Vec<String> = changes.iter().take(SHOWN).map(Change::summary).collect();
    if changes.len() > SHOWN {
        text.push(format!("… {} more", changes.len() - SHOWN));
    }
    text.join(", ")
}
