//! All keys in byte order: what a browser shows, at any revision.

use std::ops::Range;
use std::sync::Arc;

use super::index::NONE;
use super::keyspace::{Keyspace, Version, Versions};
use super::range::KeyRange;

/// Every key with a retained record, in byte order. Four bytes a key; a query about a part of it takes time for that part only.
#[derive(Clone, Debug)]
pub struct Directory<'a> {
    keyspace: Keyspace<'a>,
    newest: Arc<[u32]>,
}

impl<'a> Keyspace<'a> {
    /// Sorts the keys, once for many questions.
    pub fn directory(&self) -> Directory<'a> {
        self.directory_of(self.key_order())
    }

    /// The newest record of every key, in byte order of the keys: what [`Keyspace::directory_of`] needs, to be kept.
    pub(crate) fn key_order(&self) -> Arc<[u32]> {
        self.all(&KeyRange::all()).into_records().into()
    }

    /// The directory over an order that [`Keyspace::key_order`] of the same keyspace found.
    pub(crate) fn directory_of(&self, newest: Arc<[u32]>) -> Directory<'a> {
        Directory {
            keyspace: *self,
            newest,
        }
    }
}

impl<'a> Directory<'a> {
    /// The keyspace that the keys are of.
    pub fn keyspace(&self) -> Keyspace<'a> {
        self.keyspace
    }

    /// How many keys.
    pub fn len(&self) -> usize {
        self.newest.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.newest.is_empty()
    }

    /// The key at a position; empty beyond the last.
    pub fn key(&self, at: usize) -> &'a [u8] {
        self.keyspace
            .user_key(self.newest.get(at).copied().unwrap_or(NONE))
    }

    /// The newest record of the key at a position.
    pub fn newest(&self, at: usize) -> Option<Version<'a>> {
        self.keyspace.version(*self.newest.get(at)?)
    }

    /// The positions of the keys that begin with `prefix`.
    pub fn below(&self, prefix: &[u8]) -> Range<usize> {
        let before = |newest: &u32| self.keyspace.user_key(*newest) < prefix;
        let start = self.newest.partition_point(before);
        let within = |newest: &u32| self.keyspace.user_key(*newest).starts_with(prefix);
        let rest = self.newest.get(start..).unwrap_or_default();
        start..start.saturating_add(rest.partition_point(within))
    }

    /// The position of a key.
    pub fn position(&self, key: &[u8]) -> Option<usize> {
        let order = |newest: &u32| self.keyspace.user_key(*newest).cmp(key);
        self.newest.binary_search_by(order).ok()
    }

    /// The version of the key at a position that was current at a revision; `None`: it did not exist then.
    ///
    /// Unlike [`Keyspace::get`] it also answers below the compaction revision, with what is still stored.
    pub fn at(&self, position: usize, revision: i64) -> Option<Version<'a>> {
        let newest = *self.newest.get(position)?;
        self.keyspace
            .version(self.keyspace.live_of(newest, revision)?)
    }

    /// Whether the key at a position existed at a revision.
    pub fn is_live(&self, position: usize, revision: i64) -> bool {
        let newest = self.newest.get(position);
        newest.is_some_and(|newest| self.keyspace.live_of(*newest, revision).is_some())
    }

    /// The positions of a part whose keys existed at a revision.
    pub fn live(&self, part: Range<usize>, revision: i64) -> Vec<u32> {
        part.filter(|at| self.is_live(*at, revision))
            .filter_map(|at| u32::try_from(at).ok())
            .collect()
    }

    /// How many keys of a part existed at a revision, and the bytes of their current versions: stored key and message.
    pub fn sum(&self, part: Range<usize>, revision: i64) -> (u64, u64) {
        let newest = self.newest.get(part).unwrap_or_default();
        let live = newest.iter().filter_map(|newest| {
            self.keyspace
                .index()
                .record(self.keyspace.live_of(*newest, revision)?)
        });
        live.fold((0, 0), |(keys, bytes), record| {
            (keys + 1, bytes + record.stored_bytes())
        })
    }
}

impl Versions<'_> {
    pub(crate) fn into_records(self) -> Vec<u32> {
        self.records
    }
}

#[cfg(test)]
mod tests {
    use crate::mvcc::{KeyValue, Overlay, Revision, Rules};

    #[test]
    fn a_part_of_the_keys_is_found_by_prefix_and_counted_at_any_revision() {
        let mut overlay = Overlay::empty(Rules::NEWEST);
        let write = |key, main| KeyValue {
            key,
            create_revision: main,
            mod_revision: main,
            version: 1,
            ..KeyValue::default()
        };
        for (main, key) in [(2, &b"/b/2"[..]), (3, b"/a/1"), (4, b"/b/1"), (5, b"/c")] {
            overlay.put(Revision::new(main, 0), &write(key, main));
        }
        overlay.delete(Revision::new(6, 0), b"/b/2");
        let keyspace = overlay.keyspace();
        let directory = keyspace.directory();
        assert_eq!(
            (directory.len(), directory.key(0), directory.key(9)),
            (4, &b"/a/1"[..], &b""[..])
        );
        assert_eq!(
            (
                directory.below(b"/b/"),
                directory.below(b"/x"),
                directory.below(b"")
            ),
            (1..3, 4..4, 0..4)
        );
        assert_eq!(
            (directory.position(b"/c"), directory.position(b"/")),
            (Some(3), None)
        );
        assert_eq!(
            (directory.live(0..4, 4), directory.live(0..4, 6)),
            (vec![0, 1, 2], vec![0, 1, 3])
        );
        assert_eq!((directory.sum(1..3, 3).0, directory.sum(1..3, 6).0), (1, 1));
        assert!(
            directory.at(2, 5).is_some()
                && directory.at(2, 6).is_none()
                && directory.newest(2).is_some_and(|newest| newest.tombstone)
        );
    }
}
