//! The life of one key: generations, each from a creation to a deletion.

use super::keyspace::{Keyspace, Version};

/// A life of a key: versions from its creation on, the deletion included where it has come.
#[derive(Clone, Debug)]
pub struct Generation<'a> {
    /// Retained versions, oldest first; the last one is the tombstone if the generation is closed. Where compaction removed
    /// the puts, a tombstone may stand alone.
    pub versions: Vec<Version<'a>>,
}

impl<'a> Generation<'a> {
    /// The deletion that ended it.
    pub fn tombstone(&self) -> Option<&Version<'a>> {
        self.versions.last().filter(|version| version.tombstone)
    }

    /// Whether the first version of the life is still there: if not, compaction has removed the beginning.
    pub fn is_complete(&self) -> bool {
        let first = self.versions.first().filter(|version| !version.tombstone);
        first
            .and_then(|first| first.key_value().ok())
            .is_some_and(|kv| kv.version == 1)
    }
}

impl<'a> Keyspace<'a> {
    /// The lives of a key, oldest first; empty where nothing of it is retained.
    ///
    /// A new life begins after every tombstone, and where a put has version 1: there the tombstone was lost.
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
