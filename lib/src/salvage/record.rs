//! The record set: which record of which source is at which revision.

use std::borrow::Cow;
use std::hash::{BuildHasher, Hasher};

use rayon::prelude::*;

use super::label::Provenance;
use crate::mvcc::{KeyValue, Revision, StoredKey};
use crate::recover::Change;
use crate::{FileName, Place};
use located::RaftIndex;

/// Where the message of a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// In the db of its source.
    Stored { at: u64, len: u32 },
    /// Made by an entry of the log: position among the changes of its source.
    Made(u32),
}

/// One record of the `key` bucket, without its bytes: 40 bytes of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyRecord {
    pub(super) revision: Revision,
    pub(super) body: Body,
    pub(super) source: u16,
    pub(super) tombstone: bool,
    pub(super) label: Provenance,
}

/// One db and the changes that one log made.
#[derive(Debug)]
pub(super) struct RecordSource<'a> {
    pub(super) image: &'a [u8],
    pub(super) file: FileName,
    pub(super) changes: Vec<Change<'a>>,
    /// Each main revision that an entry made, with the index of the entry; ascending.
    pub(super) written: Vec<(i64, RaftIndex)>,
}

/// Records of several sources by ascending revision.
#[derive(Debug, Default)]
pub(super) struct RecordSet<'a> {
    pub(super) sources: Vec<RecordSource<'a>>,
    pub(super) records: Vec<KeyRecord>,
}

/// Positions of records, grouped by user key: half of the hash of the key, and the position. 8 bytes of memory.
#[derive(Debug)]
pub(super) struct KeyOrder {
    hashed: Vec<(u32, u32)>,
    /// Halves of hashes that two keys share, ascending.
    collided: Vec<u32>,
}

impl KeyRecord {
    /// The key under which it is stored.
    pub(super) fn stored_key(&self) -> StoredKey {
        StoredKey {
            revision: self.revision,
            tombstone: self.tombstone,
        }
    }
}

impl<'a> RecordSource<'a> {
    /// A file without changes.
    pub(super) fn new(image: &'a [u8], file: FileName) -> Self {
        Self {
            image,
            file,
            changes: Vec::new(),
            written: Vec::new(),
        }
    }
}

impl<'a> RecordSet<'a> {
    /// The message of a record, as it is stored or would be.
    pub(super) fn message(&self, record: &KeyRecord) -> Cow<'_, [u8]> {
        let Some(source) = self.sources.get(usize::from(record.source)) else {
            return Cow::Borrowed(&[]);
        };
        match record.body {
            Body::Stored { at, len } => Cow::Borrowed(slice(source.image, at, len)),
            Body::Made(change) => Cow::Owned(
                source
                    .changes
                    .get(change as usize)
                    .map(|change| change.key_value().to_bytes())
                    .unwrap_or_default(),
            ),
        }
    }

    /// The message taken apart; `None` if it does not decode.
    pub(super) fn key_value(&self, record: &KeyRecord) -> Option<KeyValue<'_>> {
        let source = self.sources.get(usize::from(record.source))?;
        match record.body {
            Body::Stored { at, len } => KeyValue::parse(slice(source.image, at, len)).ok(),
            Body::Made(change) => source.changes.get(change as usize).map(Change::key_value),
        }
    }

    /// The user key; empty for the marker of a bumped restore.
    pub(super) fn user_key(&self, record: &KeyRecord) -> &[u8] {
        let Some(source) = self.sources.get(usize::from(record.source)) else {
            return &[];
        };
        match record.body {
            Body::Stored { at, len } => {
                crate::mvcc::user_key(slice(source.image, at, len)).unwrap_or_default()
            }
            Body::Made(change) => source
                .changes
                .get(change as usize)
                .map_or(&[], |change| &change.key),
        }
    }

    /// Where the record is: an offset of the db, or the entry of the log.
    pub(super) fn place(&self, record: &KeyRecord) -> Option<Place> {
        let source = self.sources.get(usize::from(record.source))?;
        match record.body {
            Body::Stored { at, .. } => Some(Place::at(&source.file, at)),
            Body::Made(change) => source
                .changes
                .get(change as usize)
                .map(|change| Place::file(&source.file).with_index(change.index)),
        }
    }

    /// The records of each user key, every key's oldest first.
    ///
    /// Keys are read once, in the order of the file: half of a hash puts records into groups, and the other half finds the
    /// groups of two keys. Comparing the keys themselves would read the db again in random order.
    pub(super) fn by_key(&self) -> KeyOrder {
        // Each run has its own seed: no evidence can be made to hold two keys of one whole hash. The order of the groups says
        // nothing, and no answer depends on it.
        let hasher = foldhash::quality::RandomState::default();
        let hash = |record: &KeyRecord| {
            let mut hasher = hasher.build_hasher();
            hasher.write(self.user_key(record));
            let hash = hasher.finish();
            let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default();
            (half(hash >> 32), half(hash))
        };
        let (mut hashed, mut others) = (Vec::new(), Vec::new());
        self.records
            .par_iter()
            .enumerate()
            .map(|(at, record)| {
                let (half, other) = hash(record);
                ((half, u32::try_from(at).unwrap_or(u32::MAX)), other)
            })
            .unzip_into_vecs(&mut hashed, &mut others);
        hashed.par_sort_unstable();
        let other = |at: u32| others.get(at as usize);
        let has_two_keys = |run: &[(u32, u32)]| {
            let first = run.first().and_then(|(_, at)| other(*at));
            run.iter().any(|(_, at)| other(*at) != first)
        };
        let mut collided: Vec<u32> = hashed
            .par_chunk_by(|a, b| a.0 == b.0)
            .filter(|run| has_two_keys(run))
            .filter_map(|run| run.first().map(|(hash, _)| *hash))
            .collect();
        collided.sort_unstable();
        drop(others);
        let key = |at: u32| self.key_at(at);
        for hash in &collided {
            let from = hashed.partition_point(|(other, _)| other < hash);
            let to = hashed.partition_point(|(other, _)| other <= hash);
            if let Some(run) = hashed.get_mut(from..to) {
                run.sort_unstable_by(|a, b| key(a.1).cmp(&key(b.1)).then(a.1.cmp(&b.1)));
            }
        }
        KeyOrder { hashed, collided }
    }

    /// Whether it is the marker of a bumped restore: a record without a key.
    pub(super) fn is_marker(&self, record: &KeyRecord) -> bool {
        match record.body {
            // Of an empty message nothing need be read.
            Body::Stored { len, .. } => len == 0,
            Body::Made(_) => self.user_key(record).is_empty(),
        }
    }

    fn key_at(&self, at: u32) -> Option<&[u8]> {
        let record = self.records.get(at as usize)?;
        Some(self.user_key(record))
    }

    /// Calls `each` with the positions of every key's records, oldest first. `order` is that of the same records.
    pub(super) fn for_each_key(&self, order: &KeyOrder, mut each: impl FnMut(&[u32])) {
        // Keys are far from each other in the db: they are not read again if their hashes tell them apart.
        let same = |a: &(u32, u32), b: &(u32, u32)| {
            a.0 == b.0
                && (order.collided.binary_search(&a.0).is_err()
                    || self.key_at(a.1) == self.key_at(b.1))
        };
        let mut positions = Vec::new();
        for run in order.hashed.chunk_by(same) {
            positions.clear();
            positions.extend(run.iter().map(|(_, at)| *at));
            each(&positions);
        }
    }

    /// Keeps the records at positions for which `keep` answers `true`.
    pub(super) fn retain_positions(&mut self, mut keep: impl FnMut(usize) -> bool) {
        let mut at = 0;
        self.records.retain(|_| {
            let kept = keep(at);
            at += 1;
            kept
        });
    }

    /// The newest revision that an entry up to an index wrote; `None` if no log wrote any.
    pub(super) fn revision_at(&self, index: RaftIndex) -> Option<i64> {
        let written = self.sources.iter().flat_map(|source| &source.written);
        let until = written.filter(|(_, by)| *by <= index);
        until.map(|(main, _)| *main).max()
    }

    /// The record at a revision, if the records are sorted.
    pub(super) fn find(&self, revision: Revision) -> Option<&KeyRecord> {
        let by_revision = |record: &KeyRecord| record.revision;
        let at = self.records.binary_search_by_key(&revision, by_revision);
        self.records.get(at.ok()?)
    }

    /// The first position whose main revision is `main` or above.
    pub(super) fn first_at(&self, main: i64) -> usize {
        self.records
            .partition_point(|record| record.revision.main < main)
    }
}

/// Sorts records by revision, tombstones after values. Most are sorted already: a stable sort would need half as much memory
/// again.
pub(super) fn sort(records: &mut [KeyRecord]) {
    let order = |record: &KeyRecord| (record.revision, record.tombstone);
    if !records.is_sorted_by_key(order) {
        records.sort_by_key(order);
    }
}

/// Whether one of the ranges holds a number; they ascend and do not overlap.
pub(super) fn within(ranges: &[(i64, i64)], number: i64) -> bool {
    let at = ranges.partition_point(|(_, last)| *last < number);
    ranges.get(at).is_some_and(|(first, _)| *first <= number)
}

pub(super) fn slice(image: &[u8], at: u64, len: u32) -> &[u8] {
    usize::try_from(at)
        .ok()
        .and_then(|at| image.get(at..at.checked_add(len as usize)?))
        .unwrap_or_default()
}
