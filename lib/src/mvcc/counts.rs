//! Sums over groups of keys, in one pass over the index.

use std::collections::HashMap;
use std::hash::Hash;

use rayon::prelude::*;

use super::build::WARMED;
use super::index::NONE;
use super::keyspace::Keyspace;

/// Number and size of the keys and records of a group.
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

/// Number of keys of one task.
const KEYS_PER_TASK: usize = 4096;

impl<'a> Keyspace<'a> {
    /// Returns the sum of everything. Reads no byte of the file.
    pub fn counts(&self) -> Counts {
        let all_one = vec![0; self.index.len()];
        let sums = self.sums(&self.index.newest_in_order(), all_one, 1);
        sums.into_iter().next().unwrap_or_default()
    }

    /// Returns one sum for each value that `group` returns for a user key.
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
        let newest = self.index.newest_in_order();
        let mut of_record = vec![NONE; self.index.len()];
        let groups = self.label(&newest, HashMap::new(), &mut of_record, group);
        self.summed(&newest, of_record, groups)
    }

    /// As [`Keyspace::counts_by`], if the folder of a key, with its last slash, determines the group: then one key of a folder
    /// is read instead of all. `group` is called for the keys of folders for which `of_folder` returns `None`.
    pub fn counts_by_folder<G: Eq + Hash + Send>(
        &self,
        of_folder: impl Fn(&'a [u8]) -> Option<G>,
        group: impl Fn(&'a [u8]) -> G + Sync,
    ) -> HashMap<G, Counts> {
        let mut groups = HashMap::new();
        let number = |of: Option<G>| of.map_or(NONE, |of| numbered(&mut groups, of));
        let labels: Vec<u32> = self.of_folders(of_folder).into_iter().map(number).collect();
        let mut of_record = vec![NONE; self.index.len()];
        for key in self.index.parts.iter().flat_map(|part| &part.keys) {
            if let Some(place) = of_record.get_mut(key.newest as usize) {
                *place = labels.get(key.folder as usize).copied().unwrap_or(NONE);
            }
        }
        let newest = self.index.newest_in_order();
        let unknown = |id: &u32| of_record.get(*id as usize) == Some(&NONE);
        let asked: Vec<u32> = newest.iter().copied().filter(unknown).collect();
        let groups = self.label(&asked, groups, &mut of_record, group);
        self.summed(&newest, of_record, groups)
    }

    fn summed<G: Eq + Hash>(
        &self,
        newest: &[u32],
        of_record: Vec<u32>,
        groups: HashMap<G, u32>,
    ) -> HashMap<G, Counts> {
        let sums = self.sums(newest, of_record, groups.len());
        let sum = |label: u32| sums.get(label as usize).copied().unwrap_or_default();
        let groups = groups.into_iter().map(|(group, label)| (group, sum(label)));
        groups.collect()
    }

    /// Returns one sum for each of `groups` groups, whose numbers are stored at the newest records of their keys.
    fn sums(&self, newest: &[u32], mut of_record: Vec<u32>, groups: usize) -> Vec<Counts> {
        let mut sums = vec![Counts::default(); groups];
        // From the newest record down, each one passes its group to the one before it of its key: records are read one after
        // the other, and no chain is followed through memory.
        let records = self.index.records.iter().zip(&self.index.prevs);
        for (id, (record, prev)) in records.enumerate().rev() {
            let label = of_record.get(id).copied().unwrap_or(NONE);
            if let Some(before) = of_record.get_mut(*prev as usize) {
                *before = label;
            }
            if let Some(counts) = sums.get_mut(label as usize) {
                counts.revisions += 1;
                counts.tombstones += u64::from(record.is_tombstone());
                counts.history_bytes += record.stored_bytes();
                counts.last_revision = counts.last_revision.max(record.main);
            }
        }
        // The empty key belongs to the marker of `snapshot restore --bump-revision`: it has bytes, but is no key.
        let marker = self.index.find(b"", self.bytes);
        for id in newest.iter().filter(|id| Some(**id) != marker) {
            let label = of_record.get(*id as usize).copied().unwrap_or(NONE);
            let Some((counts, record)) = sums.get_mut(label as usize).zip(self.index.record(*id))
            else {
                continue;
            };
            if record.is_tombstone() {
                counts.deleted_keys += 1;
            } else {
                counts.keys += 1;
                counts.live_bytes += record.stored_bytes();
                counts.history_bytes = counts.history_bytes.saturating_sub(record.stored_bytes());
            }
        }
        sums
    }

    /// Numbers the groups of some newest records, continuing those that are known, and stores the numbers at the records.
    fn label<G: Eq + Hash + Send>(
        &self,
        newest: &[u32],
        mut groups: HashMap<G, u32>,
        of_record: &mut [u32],
        group: impl Fn(&'a [u8]) -> G + Sync,
    ) -> HashMap<G, u32> {
        let label = |keys: &[u32]| {
            let mut known = HashMap::new();
            let mut labels: Vec<u32> = Vec::with_capacity(keys.len());
            for keys in keys.chunks(WARMED) {
                self.bytes
                    .warm(keys.iter().filter_map(|id| self.index.record(*id)));
                let group = |id: &u32| numbered(&mut known, group(self.user_key(*id)));
                labels.extend(keys.iter().map(group));
            }
            (known, labels)
        };
        let chunks: Vec<(HashMap<G, u32>, Vec<u32>)> =
            newest.par_chunks(KEYS_PER_TASK).map(label).collect();
        for (keys, (known, labels)) in newest.chunks(KEYS_PER_TASK).zip(chunks) {
            let mut global = vec![NONE; known.len()];
            for (group, local) in known {
                let label = numbered(&mut groups, group);
                if let Some(place) = global.get_mut(local as usize) {
                    *place = label;
                }
            }
            for (id, local) in keys.iter().zip(labels) {
                if let Some(place) = of_record.get_mut(*id as usize) {
                    *place = global.get(local as usize).copied().unwrap_or(NONE);
                }
            }
        }
        groups
    }
}

/// Returns the number of a group: the next one if it is new.
fn numbered<G: Eq + Hash>(known: &mut HashMap<G, u32>, group: G) -> u32 {
    let next = u32::try_from(known.len()).unwrap_or(NONE);
    *known.entry(group).or_insert(next)
}
