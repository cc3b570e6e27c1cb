//! Queries that are answered once for all keys of a folder, from one of them.
//!
//! A folder is the part of a key up to its last slash, the slash included: `/registry/pods/shop/`. A db of a million keys
//! has some thousands of them; the index keeps for each key the number of its folder, so that of most keys nothing is read.

use super::index::NONE;
use super::keyspace::Keyspace;
use super::range::KeyRange;

/// Returns the folder of a key; empty if it has no slash.
pub(crate) fn folder_of(user_key: &[u8]) -> &[u8] {
    let end = memchr::memrchr(b'/', user_key).map_or(0, |at| at + 1);
    user_key.get(..end).unwrap_or_default()
}

impl<'a> Keyspace<'a> {
    /// Calls a function with every folder; the results are at the folders' numbers. Reads one key of each.
    pub(super) fn of_folders<T>(&self, ask: impl Fn(&'a [u8]) -> T) -> Vec<T> {
        let mut member = vec![NONE; self.index.folders as usize];
        for key in self.index.parts.iter().flat_map(|part| &part.keys) {
            if let Some(place) = member
                .get_mut(key.folder as usize)
                .filter(|_| key.newest != NONE)
            {
                *place = key.newest;
            }
        }
        let asked = member
            .into_iter()
            .map(|record| ask(folder_of(self.user_key(record))));
        asked.collect()
    }

    /// Returns the folders of all keys, in no order; `None` if not every key has a known folder.
    pub(crate) fn folders(&self) -> Option<Vec<&'a [u8]>> {
        let mut keys = self.index.parts.iter().flat_map(|part| &part.keys);
        let all = keys.all(|key| key.folder != NONE);
        all.then(|| self.of_folders(|folder| folder))
    }

    /// Returns the newest records of keys that may be in a range, in order of revision: all except those whose folder is outside.
    pub(super) fn newest_near(&self, range: &KeyRange) -> Vec<u32> {
        if *range == KeyRange::all() {
            return self.index.newest_in_order();
        }
        let apart = self.of_folders(|folder| range.is_apart_from(folder));
        let mut near = vec![false; self.index.len()];
        for key in self.index.parts.iter().flat_map(|part| &part.keys) {
            if let Some(place) = near.get_mut(key.newest as usize) {
                *place = !apart.get(key.folder as usize).is_some_and(|apart| *apart);
            }
        }
        let ids = (0u32..).zip(near);
        ids.filter_map(|(id, near)| near.then_some(id)).collect()
    }
}
