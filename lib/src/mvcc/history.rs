//! The history of one key: generations, each from a creation to a deletion.

use super::keyspace::{Keyspace, Version};

/// The versions of a key between a create and its delete, the delete included if there is one.
#[derive(Clone, Debug)]
pub struct Generation<'a> {
    /// Retained versions, oldest first; the last one is the tombstone if the generation is closed. If compaction removed
    /// the puts, there may be only a tombstone.
    pub versions: Vec<Version<'a>>,
}

impl<'a> Generation<'a> {
    /// The deletion that ended it.
    pub fn tombstone(&self) -> Option<&Version<'a>> {
        self.versions.last().filter(|version| version.tombstone)
    }

    /// Returns whether the first version is still there; if not, a compaction has removed it.
    pub fn is_complete(&self) -> bool {
        let first = self.versions.first().filter(|version| !version.tombstone);
        first
            .and_then(|first| first.key_value().ok())
            .is_some_and(|kv| kv.version == 1)
    }
}

impl<'a> Keyspace<'a> {
    /// Returns the generations of a key, oldest first; empty if nothing of it is retained.
    ///
    /// A generation starts after every tombstone, and with every put of version 1: before such a put the tombstone was lost.
    /// A generation ends with a tombstone: `keyIndex` in `server/mvcc/key_index.go`, v3.5.30.
    pub fn history(&self, key: &[u8]) -> Vec<Generation<'a>> {
        let mut generations: Vec<Generation<'a>> = Vec::new();
        for version in self.records_of(key).iter() {
            let created = !version.tombstone && version.key_value().is_ok_and(|kv| kv.version == 1);
            match generations.last_mut() {
                Some(open) if open.tombstone().is_none() && !created => open.versions.push(version),
                _ => generations.push(Generation {
                    versions: vec![version],
                }),
            }
        }
        generations
    }
}
