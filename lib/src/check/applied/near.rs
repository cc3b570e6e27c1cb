//! Writes that differ from the store in one bit, where no revision is known.

use std::collections::HashMap;

use rayon::prelude::*;

use super::{Entry, Told};
use crate::codes::cross;
use crate::mvcc::{Keyspace, Revision, Version};
use located::Finding;

/// Shorter values than these differ in one bit by their nature: counters, numbers.
const LONG_VALUE_BYTES: usize = 32;

/// Most bytes of a stored record beside its key and value: tags, lengths, four numbers.
const FRAME_BYTES: usize = 64;

/// Entries in front of the anchor have no known revision. But a stored value that no write of its key in the WAL has, and
/// that differs from one of them in a single bit, is that write with a flipped bit.
pub(super) fn near_misses(
    keyspace: &Keyspace<'_>,
    entries: &[Entry<'_>],
    consistent_index: u64,
    told: &mut Told,
) {
    let end = entries.partition_point(|entry| entry.entry.index <= consistent_index);
    let entries = entries.get(..end).unwrap_or_default();
    // Of each revision the first entry whose value is nearly it; there are hardly ever any.
    let nearly: Vec<(Revision, u64)> = entries
        .par_iter()
        .flat_map_iter(|entry| {
            let mut found = Vec::new();
            each_stored(keyspace, entry, |version, stored, written| {
                if differs_in_one_bit(stored, written) {
                    found.push((version.revision, entry.entry.index));
                }
            });
            found
        })
        .collect();
    let mut near: HashMap<Revision, u64> = HashMap::new();
    for (revision, index) in nearly {
        near.entry(revision).or_insert(index);
    }
    if near.is_empty() {
        return;
    }
    let mut places = HashMap::new();
    for entry in entries {
        each_stored(keyspace, entry, |version, stored, written| {
            if stored == written {
                near.remove(&version.revision);
            } else if near.contains_key(&version.revision) {
                places.insert(version.revision, (told.place_of(&version), version.key));
            }
        });
    }
    let mut near: Vec<_> = near.into_iter().collect();
    near.sort_unstable();
    for (revision, index) in near {
        let Some((place, key)) = places.remove(&revision) else {
            continue;
        };
        let message = format!(
            "the value at revision {revision} differs in one bit from the write of raft entry {index}"
        );
        told.add(Finding::new(&cross::OLD_VALUE, place, message).key(key));
    }
}

/// Gives every version that the store has of a key that an entry puts, with a value as long as the one that is put, and both
/// values.
fn each_stored<'a>(
    keyspace: &Keyspace<'a>,
    entry: &Entry<'_>,
    mut found: impl FnMut(Version<'a>, &[u8], &[u8]),
) {
    entry.each_put(|key, value, _, keeps_value| {
        if keeps_value || value.len() < LONG_VALUE_BYTES {
            return;
        }
        let least = key.len().saturating_add(value.len());
        let about = least..least.saturating_add(FRAME_BYTES);
        for version in keyspace.records_of(key).iter() {
            if version.tombstone || !about.contains(&version.message.len()) {
                continue;
            }
            if let Ok(kv) = version.key_value()
                && kv.value.len() == value.len()
            {
                found(version, kv.value, value);
            }
        }
    });
}

fn differs_in_one_bit(a: &[u8], b: &[u8]) -> bool {
    if a == b {
        return false;
    }
    let mut different = a
        .iter()
        .zip(b)
        .map(|(a, b)| (a ^ b).count_ones())
        .filter(|bits| *bits > 0);
    different.next() == Some(1) && different.next().is_none()
}
