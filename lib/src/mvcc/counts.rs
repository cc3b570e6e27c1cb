//! Sums over groups of keys, in one pass over the index.

use std::collections::HashMap;
use std::hash::Hash;

use rayon::prelude::*;

use super::index::NONE;
use super::keyspace::Keyspace;

/// What a group of keys amounts to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Keys that are live.
    pub keys: u64,
    /// Retained records, tombstones included.
    pub revisions: u64,
    /// Retained tombstones.
    pub tombstones: u64,
    /// Keys whose newest retained record is a tombstone.
    pub deleted_keys: u64,
    /// Bytes of the current version of each live key: stored key and message.
    pub live_bytes: u64,
    /// Bytes of all other records.
    pub history_bytes: u64,
    /// Main revision of the newest write.
    pub last_revision: i64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.keys += other.keys;
        self.revisions += other.revisions;
        self.tombstones += other.tombstones;
        self.deleted_keys += other.deleted_keys;
        self.live_bytes += other.live_bytes;
        self.history_bytes += other.history_bytes;
        self.last_revision = self.last_revision.max(other.last_revision);
    }
}

/// Keys that one task takes.
const KEYS_PER_TASK: usize = 4096;

impl<'a> Keyspace<'a> {
    /// Everything.
    pub fn counts(&self) -> Counts {
        let mut total = Counts::default();
        self.counts_by(|_| ())
            .values()
            .for_each(|counts| total.add(counts));
        total
    }

    /// One sum for each value that `group` gives a user key.
    ///
    /// ```
    /// use etcd_inspect::mvcc::{KeyValue, Overlay, Revision, Rules};
    /// let mut overlay = Overlay::empty(Rules::NEWEST);
    /// let write = |key, main| KeyValue { key, create_revision: main, mod_revision: main, version: 1, ..KeyValue::default() };
    /// overlay.put(Revision::new(2, 0), &write(b"/pods/a", 2));
    /// overlay.put(Revision::new(3, 0), &write(b"/pods/b", 3));
    /// overlay.delete(Revision::new(4, 0), b"/pods/a");
    /// let counts = overlay.keyspace().counts_by(|key| key.split(|byte| *byte == b'/').nth(1).unwrap_or_default());
    /// assert_eq!((counts[&b"pods"[..]].keys, counts[&b"pods"[..]].revisions), (1, 3));
    /// ```
    pub fn counts_by<G: Eq + Hash + Send>(
        &self,
        group: impl Fn(&'a [u8]) -> G + Sync,
    ) -> HashMap<G, Counts> {
        let chunks = self
            .index
            .parts
            .par_iter()
            .flat_map(|part| part.keys.par_chunks(KEYS_PER_TASK));
        let count = |mut sums: HashMap<G, Counts>, keys: &[super::index::Key]| {
            for key in keys.iter().filter(|key| key.newest != NONE) {
                let user_key = self.user_key(key.newest);
                sums.entry(group(user_key))
                    .or_default()
                    .add(&self.count_key(key.newest, user_key.is_empty()));
            }
            sums
        };
        let merge = |mut left: HashMap<G, Counts>, right: HashMap<G, Counts>| {
            right
                .into_iter()
                .for_each(|(name, counts)| left.entry(name).or_default().add(&counts));
            left
        };
        chunks.fold(HashMap::new, count).reduce(HashMap::new, merge)
    }

    /// The empty key belongs to the marker of a bumped restore: bytes of it there are, but no key.
    fn count_key(&self, newest: u32, marker: bool) -> Counts {
        let mut counts = Counts::default();
        for (id, record) in self.index.chain(newest) {
            let (tombstone, bytes) = (record.is_tombstone(), record.stored_bytes());
            counts.revisions += 1;
            counts.tombstones += u64::from(tombstone);
            if id != newest {
                counts.history_bytes += bytes;
                continue;
            }
            counts.last_revision = record.main;
            counts.keys = u64::from(!tombstone && !marker);
            counts.deleted_keys = u64::from(tombstone && !marker);
            if tombstone || marker {
                counts.history_bytes += bytes;
            } else {
                counts.live_bytes += bytes;
            }
        }
        counts
    }
}
