//! Positions of writes by what they write, so that one that fits is looked up instead of searched for.
//!
//! A key may have 10⁵ versions in the store and as many writes in the log; comparing each with each is the square.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use super::RunEntry;
use crate::mvcc::{Keyspace, Version};

/// Which records of a key are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeptRecords {
    /// Those above the compaction: every one is there.
    AboveCompaction,
    /// Also the one that the compaction left.
    WithLeft,
}

/// Revisions of the keys that some entries put, by key and value.
pub(super) struct StoredPuts<'k, 'a> {
    keyspace: &'k Keyspace<'a>,
    hasher: RandomState,
    /// Hash of key and value, revision; ascending.
    places: Vec<(u64, i64)>,
}

impl<'k, 'a> StoredPuts<'k, 'a> {
    /// Collects the stored puts of all keys that `entries` put.
    pub(super) fn of_keys_in(
        keyspace: &'k Keyspace<'a>,
        entries: &[RunEntry<'_>],
        kept: KeptRecords,
    ) -> Self {
        let hasher = RandomState::new();
        let mut keys = HashSet::new();
        for entry in entries {
            entry.each_put(|write| {
                keys.extend(keyspace.index().find(write.key, keyspace.bytes));
            });
        }
        let compacted = keyspace.compact_revision().unwrap_or(-1);
        let mut places = Vec::new();
        for newest in keys {
            let versions = keyspace.index().chain(newest);
            let mut left = usize::from(kept == KeptRecords::WithLeft);
            let versions = versions
                .take_while(|(_, record)| record.main > compacted || std::mem::take(&mut left) > 0);
            for (id, _) in versions {
                let Some(version) = keyspace.version(id).filter(|version| !version.tombstone)
                else {
                    continue;
                };
                if let Ok(kv) = version.key_value() {
                    places.push((
                        hasher.hash_one((version.key, kv.value)),
                        version.revision.main,
                    ));
                }
            }
        }
        places.sort_unstable();
        Self {
            keyspace,
            hasher,
            places,
        }
    }

    /// Revisions greater than `after` at which the store has that value of the key, ascending.
    pub(super) fn revisions(
        &self,
        key: &[u8],
        value: &[u8],
        after: i64,
    ) -> impl Iterator<Item = i64> {
        let hash = self.hasher.hash_one((key, value));
        let from = self.places.partition_point(|place| *place <= (hash, after));
        let rest = self.places.get(from..).unwrap_or_default();
        rest.iter()
            .take_while(move |(other, _)| *other == hash)
            .map(|(_, main)| *main)
    }

    /// The stored record of a key at a revision.
    pub(super) fn record(&self, key: &[u8], main: i64) -> Option<Version<'a>> {
        let mut records = self.keyspace.between(main..=main);
        records.find(|version| version.key == key)
    }
}

/// Positions of the entries that put a key, by key and value.
pub(super) struct LoggedPuts {
    hasher: RandomState,
    /// Positions of the entries, ascending.
    places: HashMap<u64, Vec<usize>>,
}

impl LoggedPuts {
    /// Collects all puts of `entries`; one that keeps the value of its key fits every value.
    pub(super) fn new(entries: &[RunEntry<'_>]) -> Self {
        let hasher = RandomState::new();
        let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
        for (position, entry) in entries.iter().enumerate() {
            entry.each_put(|write| {
                let value = (!write.keeps_value).then_some(write.value);
                let hash = hasher.hash_one((write.key, value));
                places.entry(hash).or_default().push(position);
            });
        }
        Self { hasher, places }
    }

    /// The first entry after `position` that puts that value of the key.
    pub(super) fn next_after(&self, position: usize, key: &[u8], value: &[u8]) -> Option<usize> {
        let next = |value: Option<&[u8]>| {
            let places = self.places.get(&self.hasher.hash_one((key, value)))?;
            let first = places.partition_point(|place| *place <= position);
            places.get(first).copied()
        };
        let (fitting, keeping) = (next(Some(value)), next(None));
        match (fitting, keeping) {
            (Some(fitting), Some(keeping)) => Some(fitting.min(keeping)),
            _ => fitting.or(keeping),
        }
    }
}
