//! Copies of the keys alone: a list of names needs a few bytes of records all over the file.
//!
//! Touching a mapped page also maps its fifteen neighbours, and each must be unmapped at the end: thousands of keys map most of
//! a db. If there is a file to read from, keys are read instead.

use rayon::prelude::*;

use super::index::Record;
use super::key_value::user_key;
use super::keyspace::Keyspace;
use super::range::KeyRange;
use located::Error;

/// Number of keys of one task.
const KEYS_PER_TASK: usize = 1024;
/// Bytes that are read of a record: stored key, tag and length of the user key, and most user keys.
const HEAD_BYTES: usize = 256;

/// User keys in byte order.
#[derive(Clone, Default)]
pub struct Names {
    bytes: Vec<u8>,
    /// Start and end of each.
    places: Vec<(usize, usize)>,
}

/// Only their number: they are evidence.
impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} names", self.places.len())
    }
}

impl Names {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.places
            .iter()
            .filter_map(|(start, end)| self.bytes.get(*start..*end))
    }

    fn push(&mut self, key: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.places.push((start, self.bytes.len()));
    }

    fn append(&mut self, other: &Self) {
        other.iter().for_each(|key| self.push(key));
    }

    fn sort(&mut self) {
        let bytes = self.bytes.as_slice();
        let key = |place: &(usize, usize)| bytes.get(place.0..place.1);
        self.places.par_sort_unstable_by(|a, b| key(a).cmp(&key(b)));
    }
}

impl Keyspace<'_> {
    /// The keys of [`Keyspace::live`], without their versions.
    ///
    /// # Errors
    /// As [`Keyspace::at`].
    pub fn live_names(&self, range: &KeyRange, revision: Option<i64>) -> Result<Names, Error> {
        let at = self.at(revision)?;
        let near = self.newest_near(range);
        let of = |newest: &[u32]| {
            let (mut names, mut buffer) = (Names::default(), [0; HEAD_BYTES]);
            for newest in newest {
                let live = self.live_of(*newest, at);
                let Some(record) = live.and_then(|_| self.index.record(*newest)) else {
                    continue;
                };
                let key = match self.read_key(record, &mut buffer) {
                    Some(key) => key,
                    None => self.user_key(*newest),
                };
                if range.contains(key) && !key.is_empty() {
                    names.push(key);
                }
            }
            names
        };
        let parts: Vec<Names> = near.par_chunks(KEYS_PER_TASK).map(of).collect();
        let mut names = Names::default();
        parts.iter().for_each(|part| names.append(part));
        names.sort();
        Ok(names)
    }

    /// Returns the user key as the file has it; `None` if it must be looked up in memory.
    fn read_key<'b>(&self, record: &Record, buffer: &'b mut [u8; HEAD_BYTES]) -> Option<&'b [u8]> {
        let source = self.source.filter(|_| !record.in_arena())?;
        let stored = usize::try_from(record.stored_bytes()).ok()?;
        let head = buffer.get_mut(..stored.min(HEAD_BYTES))?;
        source.fill(head, record.offset())?;
        // A key that is longer than what was read cannot be parsed here.
        user_key(head.get(record.key_bytes()..)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use crate::mvcc::{KeyRange, KeyValue, Overlay, Revision, Rules};

    #[test]
    fn names_are_the_keys_of_what_is_live() {
        let mut overlay = Overlay::empty(Rules::NEWEST);
        let long = [b'x'; 400];
        let keys = [&b"/b/2"[..], b"/a/1", &long, b"/b/1", b"/c/1"];
        for (main, key) in (2i64..).zip(keys) {
            let write = KeyValue {
                key,
                create_revision: main,
                mod_revision: main,
                version: 1,
                ..KeyValue::default()
            };
            assert!(overlay.put(Revision::new(main, 0), &write));
        }
        assert!(overlay.delete(Revision::new(9, 0), b"/b/2"));
        for (range, revision) in [
            (KeyRange::all(), None),
            (KeyRange::all(), Some(4)),
            (KeyRange::prefix(b"/b/"), None),
            (KeyRange::prefix(b"/b/"), Some(5)),
        ] {
            let keyspace = overlay.keyspace();
            let names = keyspace.live_names(&range, revision).unwrap();
            let live = keyspace.live(&range, revision).unwrap();
            assert_eq!(
                names.iter().collect::<Vec<_>>(),
                live.iter().map(|version| version.key).collect::<Vec<_>>()
            );
        }
    }
}
