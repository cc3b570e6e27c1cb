//! Compares a stored record with what an entry wrote.

use crate::mvcc::{KeyValue, Version};
use crate::recover::Change;

/// Returns whether the stored records of a revision are exactly those that an entry made.
pub(crate) fn records_match(made: &[Change<'_>], stored: &[Version<'_>]) -> bool {
    made.len() == stored.len()
        && made
            .iter()
            .zip(stored)
            .all(|(change, version)| record_matches(change, version))
}

/// Returns whether a stored record is exactly what an entry made.
pub(super) fn record_matches(change: &Change<'_>, version: &Version<'_>) -> bool {
    change.revision == version.revision
        && change.put.is_none() == version.tombstone
        && version
            .key_value()
            .is_ok_and(|stored| equal(&change.key_value(), &stored))
}

fn equal(a: &KeyValue<'_>, b: &KeyValue<'_>) -> bool {
    (
        a.key,
        a.create_revision,
        a.mod_revision,
        a.version,
        a.lease,
        a.value,
    ) == (
        b.key,
        b.create_revision,
        b.mod_revision,
        b.version,
        b.lease,
        b.value,
    )
}

/// Returns whether key or value of a stored record is that of the entry: the rest may be flipped bits.
pub(super) fn key_or_value_matches(change: &Change<'_>, version: &Version<'_>) -> bool {
    if change.put.is_none() != version.tombstone {
        return version.key == &*change.key;
    }
    let value = version.key_value().map(|kv| kv.value);
    let same_value = change
        .put
        .as_ref()
        .is_some_and(|put| value.is_ok_and(|value| value == &*put.value));
    version.key == &*change.key || same_value
}

/// Returns which part of a record differs, what is stored and what was written.
pub(super) fn difference(
    change: &Change<'_>,
    version: &Version<'_>,
) -> (&'static str, String, String) {
    let text = |bytes: &[u8]| crate::raft::key_in_message(bytes);
    let written = change.key_value();
    let Ok(stored) = version.key_value() else {
        return (
            "the record",
            "bytes that are no KeyValue".to_owned(),
            text(&change.key),
        );
    };
    if version.tombstone != change.put.is_none() {
        let name = |tombstone| {
            if tombstone {
                "a deletion".to_owned()
            } else {
                "a value".to_owned()
            }
        };
        return (
            "the record",
            name(version.tombstone),
            name(change.put.is_none()),
        );
    }
    if stored.key != written.key {
        return ("the key", text(stored.key), text(written.key));
    }
    if stored.value != written.value {
        let at = stored
            .value
            .iter()
            .zip(written.value)
            .position(|(a, b)| a != b);
        let at = at.unwrap_or(stored.value.len().min(written.value.len()));
        let show = |value: &[u8]| {
            let byte = value
                .get(at)
                .map_or("end".to_owned(), |byte| format!("{byte:#04x}"));
            format!("{byte} at byte {at} of {}", value.len())
        };
        return ("the value", show(stored.value), show(written.value));
    }
    let numbers = |kv: &KeyValue<'_>| {
        format!(
            "create {} mod {} version {} lease {:x}",
            kv.create_revision, kv.mod_revision, kv.version, kv.lease
        )
    };
    ("the record", numbers(&stored), numbers(&written))
}
