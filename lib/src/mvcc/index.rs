//! The index over a keyspace: the place of every record, and the records of each key.
//!
//! ```text
//! records (24 B each, by revision)     prevs (4 B)       keys, in 16 parts by hash
//! ┌ main ┬ offset ┬ len ┬ sub,t ┐      ┌────────┐        ┌ newest ┬ hash ┬ folder ┐ ← table of 4 B places
//! │      │ of the stored key    │  ·n  │ record │  ·n    │ record │      │ number │    (hashbrown)
//! └──────┴───┬────┴─────┴───────┘      └────────┘        └────────┴──────┴────────┘
//!            └→ stored key ‖ KeyValue, in the mapped file or in the arena of a replay
//! ```
//!
//! **Invariants.** Nothing of a key or value is copied: a user key is read from the newest record of its key. 28 bytes a
//! revision and 18 to 24 a key; the file's bytes are a parameter of every query, so that the index can be stored together
//! with the mapping it describes. Records are in ascending order of revision; its `prev` is the one before it of its key.

use hashbrown::HashTable;

use super::facts::RecordFacts;
use super::revision::{KEY_BYTES, Revision, TOMBSTONE_KEY_BYTES};
use located::warm;

/// No record.
pub(crate) const NONE: u32 = u32::MAX;
/// Parts by which keys are divided, so that threads need no lock: by the top bits of the hash.
pub(crate) const PARTS: u32 = 16;
const PART_SHIFT: u32 = 28;

/// Bit of `Record::offset`: the record is in the arena of an overlay, not in the file.
const ARENA: u64 = 1 << 63;
/// Bit of `Record::sub`: the record is a tombstone.
const TOMBSTONE: u32 = 1 << 31;

/// One record of the `key` bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) main: i64,
    offset: u64,
    len: u32,
    sub: u32,
}

impl Record {
    /// A place that holds no record yet.
    pub(crate) const EMPTY: Self = Self {
        main: -1,
        offset: 0,
        len: 0,
        sub: 0,
    };

    /// A record whose stored key starts at `offset`, with a message of `len` bytes. `None` if a number is greater than any that
    /// etcd can have written: two thousand million changes in one transaction.
    pub(crate) fn new(
        revision: Revision,
        tombstone: bool,
        offset: u64,
        len: usize,
        arena: bool,
    ) -> Option<Self> {
        let sub = u32::try_from(revision.sub)
            .ok()
            .filter(|sub| *sub < TOMBSTONE)?;
        Some(Self {
            main: revision.main,
            offset: offset | if arena { ARENA } else { 0 },
            len: u32::try_from(len).ok()?,
            sub: sub | if tombstone { TOMBSTONE } else { 0 },
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.main < 0
    }

    pub(crate) fn revision(&self) -> Revision {
        Revision::new(self.main, i64::from(self.sub & !TOMBSTONE))
    }

    pub(crate) fn is_tombstone(&self) -> bool {
        self.sub & TOMBSTONE != 0
    }

    pub(crate) fn in_arena(&self) -> bool {
        self.offset & ARENA != 0
    }

    /// Where the stored key starts, in the file or in the arena.
    pub(crate) fn offset(&self) -> u64 {
        self.offset & !ARENA
    }

    pub(crate) fn key_bytes(&self) -> usize {
        if self.is_tombstone() {
            TOMBSTONE_KEY_BYTES
        } else {
            KEY_BYTES
        }
    }

    /// Bytes of the message.
    pub(crate) fn message_bytes(&self) -> usize {
        self.len as usize
    }

    /// Bytes of stored key and message.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.key_bytes() as u64 + u64::from(self.len)
    }

    /// Stored key and message, which follow each other.
    pub(crate) fn stored<'a>(&self, bytes: RecordBytes<'a>) -> &'a [u8] {
        let source = if self.in_arena() {
            bytes.arena
        } else {
            bytes.db
        };
        usize::try_from(self.offset())
            .ok()
            .and_then(|at| {
                source.get(
                    at..at
                        .checked_add(self.key_bytes())?
                        .checked_add(self.message_bytes())?,
                )
            })
            .unwrap_or_default()
    }

    pub(crate) fn message<'a>(&self, bytes: RecordBytes<'a>) -> &'a [u8] {
        self.stored(bytes)
            .get(self.key_bytes()..)
            .unwrap_or_default()
    }

    pub(crate) fn user_key<'a>(&self, bytes: RecordBytes<'a>) -> &'a [u8] {
        super::key_value::user_key(self.message(bytes)).unwrap_or_default()
    }
}

/// The bytes that records point into.
#[derive(Clone, Copy)]
pub(crate) struct RecordBytes<'a> {
    pub(crate) db: &'a [u8],
    pub(crate) arena: &'a [u8],
}

impl RecordBytes<'_> {
    /// Prefetches the user keys of records that are about to be read: see [`warm`].
    pub(crate) fn warm<'r>(self, records: impl Iterator<Item = &'r Record>) {
        // Stored key, tag and length take 19 bytes or 20; most user keys end in the line after that.
        let places = records
            .filter(|record| !record.in_arena())
            .filter_map(|record| usize::try_from(record.offset()).ok());
        warm(self.db, places.flat_map(|at| [at, at.saturating_add(64)]));
    }
}

/// The part that the hash of a key belongs to.
pub(crate) fn part_of(hash: u32) -> u32 {
    hash >> PART_SHIFT
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct IndexedKey {
    /// The newest record; [`NONE`] if a replayed compaction removed the last one.
    pub(crate) newest: u32,
    hash: u32,
    /// The number of its folder; [`NONE`] if that was not kept.
    pub(crate) folder: u32,
}

/// Lengths only: the bytes are evidence, with secrets in it.
impl std::fmt::Debug for RecordBytes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} bytes of db, {} of arena",
            self.db.len(),
            self.arena.len()
        )
    }
}

/// The keys whose hashes share their top four bits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shard {
    pub(crate) keys: Vec<IndexedKey>,
    table: HashTable<u32>,
}

impl Shard {
    /// The key with that hash for which `same` holds, asked for the newest record of each candidate.
    fn find(&self, hash: u32, same: impl Fn(u32) -> bool) -> Option<u32> {
        let is_it = |local: &u32| {
            self.keys
                .get(*local as usize)
                .is_some_and(|key| key.hash == hash && same(key.newest))
        };
        self.table.find(spread(hash), is_it).copied()
    }

    /// Makes `record` the newest of its key, and returns the one that was: [`NONE`] for a new key, whose folder `folder` returns.
    pub(crate) fn enter(
        &mut self,
        hash: u32,
        record: u32,
        same: impl Fn(u32) -> bool,
        folder: impl FnOnce() -> u32,
    ) -> u32 {
        let found = self
            .find(hash, same)
            .and_then(|local| self.keys.get_mut(local as usize));
        if let Some(key) = found {
            return std::mem::replace(&mut key.newest, record);
        }
        let Ok(local) = u32::try_from(self.keys.len()) else {
            return NONE;
        };
        self.keys.push(IndexedKey {
            newest: record,
            hash,
            folder: folder(),
        });
        let keys = &self.keys;
        let rehash = |local: &u32| spread(keys.get(*local as usize).map_or(0, |key| key.hash));
        self.table.insert_unique(spread(hash), local, rehash);
        NONE
    }

    /// Removes a key without records.
    fn forget(&mut self, local: usize) {
        let Some(key) = self.keys.get_mut(local) else {
            return;
        };
        key.newest = NONE;
        if let Ok(entry) = self
            .table
            .find_entry(spread(key.hash), |found| *found as usize == local)
        {
            entry.remove();
        }
    }

    pub(crate) fn shrink(&mut self) {
        self.keys.shrink_to_fit();
    }
}

/// The table needs 64 bits and uses the highest and the lowest ones.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The place of every record of a keyspace: see the [module](super) for the queries that it answers through a
/// [`Keyspace`](super::Keyspace).
#[derive(Clone)]
pub struct Index {
    pub(crate) records: Vec<Record>,
    pub(crate) prevs: Vec<u32>,
    pub(crate) parts: Vec<Shard>,
    /// CRC-32C of stored key and message of each record; empty if not requested.
    pub(crate) sums: Vec<u32>,
    /// What a check needs to know of each record; empty if not requested.
    pub(crate) facts: Vec<RecordFacts>,
    /// Folders have the numbers below this.
    pub(crate) folders: u32,
    pub(crate) hasher: foldhash::fast::RandomState,
    pub(crate) skipped: u64,
    /// Whether the tree was sound and every record could be read, in ascending order.
    pub(crate) is_sound: bool,
}

/// Sizes only.
impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Index of {} records", self.records.len())
    }
}

impl Index {
    /// An index without records.
    pub(crate) fn empty() -> Self {
        Self {
            records: Vec::new(),
            prevs: Vec::new(),
            parts: (0..PARTS).map(|_| Shard::default()).collect(),
            sums: Vec::new(),
            facts: Vec::new(),
            folders: 0,
            hasher: foldhash::fast::RandomState::default(),
            skipped: 0,
            is_sound: true,
        }
    }

    /// Returns the number of records, tombstones included.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns the number of records that could not be read and are part of no answer; building the index reported each.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Returns the bytes of memory that the index occupies.
    pub fn memory_bytes(&self) -> usize {
        let parts = self.parts.iter();
        let keys = parts.map(|part| {
            part.keys.capacity() * size_of::<IndexedKey>() + part.table.allocation_size()
        });
        self.records.capacity() * size_of::<Record>()
            + self.sums.capacity() * size_of::<u32>()
            + self.facts.capacity() * size_of::<RecordFacts>()
            + self.prevs.capacity() * size_of::<u32>()
            + keys.sum::<usize>()
    }

    /// Drops the sums and facts: they are those of the records in the file.
    fn forget_notes(&mut self) {
        self.sums.clear();
        self.facts.clear();
    }

    pub(crate) fn record(&self, record: u32) -> Option<&Record> {
        self.records.get(record as usize)
    }

    /// Ids of the newest records of all keys, in no order.
    pub(crate) fn newest(&self) -> impl Iterator<Item = u32> + '_ {
        let keys = self.parts.iter().flat_map(|part| &part.keys);
        keys.map(|key| key.newest).filter(|newest| *newest != NONE)
    }

    /// Ids of the newest records of all keys, in order of revision: in which their bytes are read fastest.
    pub(crate) fn newest_in_order(&self) -> Vec<u32> {
        let mut is_newest = vec![true; self.records.len()];
        for prev in &self.prevs {
            if let Some(place) = is_newest.get_mut(*prev as usize) {
                *place = false;
            }
        }
        let ids = (0u32..).zip(is_newest);
        ids.filter_map(|(id, newest)| newest.then_some(id))
            .collect()
    }

    /// The records of a key from its newest one back.
    pub(crate) fn chain(&self, newest: u32) -> impl Iterator<Item = (u32, &Record)> + '_ {
        let mut at = newest;
        std::iter::from_fn(move || {
            let (id, record) = (at, self.record(at)?);
            at = self.prevs.get(at as usize).copied().unwrap_or(NONE);
            Some((id, record))
        })
    }

    /// The first record whose main revision is at least `main`.
    pub(crate) fn first_at(&self, main: i64) -> usize {
        self.records.partition_point(|record| record.main < main)
    }

    pub(crate) fn hash(&self, user_key: &[u8]) -> u32 {
        fold(hash_of(&self.hasher, user_key))
    }

    /// The newest record of a user key.
    pub(crate) fn find(&self, user_key: &[u8], bytes: RecordBytes<'_>) -> Option<u32> {
        let hash = self.hash(user_key);
        let part = self.parts.get(part_of(hash) as usize)?;
        let same = |newest| {
            self.record(newest)
                .is_some_and(|record| record.user_key(bytes) == user_key)
        };
        let local = part.find(hash, same)?;
        part.keys.get(local as usize).map(|key| key.newest)
    }

    /// Appends a record, newer than all others. `false` if the index is full.
    pub(crate) fn push(&mut self, record: Record, user_key: &[u8], bytes: RecordBytes<'_>) -> bool {
        self.forget_notes();
        let hash = self.hash(user_key);
        let Some(id) = u32::try_from(self.records.len())
            .ok()
            .filter(|id| *id != NONE)
        else {
            return false;
        };
        let records = &self.records;
        let same = |newest: u32| {
            records
                .get(newest as usize)
                .is_some_and(|r| r.user_key(bytes) == user_key)
        };
        let Some(part) = self.parts.get_mut(part_of(hash) as usize) else {
            return false;
        };
        self.prevs.push(part.enter(hash, id, same, || NONE));
        self.records.push(record);
        true
    }

    /// Removes the records for which `remove` returns true, and keys without records.
    pub(crate) fn remove(&mut self, remove: impl Fn(u32) -> bool) {
        let mut kept = 0;
        let moved: Vec<u32> = (0u32..)
            .zip(&self.records)
            .map(|(id, _)| {
                if remove(id) {
                    NONE
                } else {
                    {
                        kept += 1;
                        kept - 1
                    }
                }
            })
            .collect();
        let place = |id: u32| moved.get(id as usize).copied().unwrap_or(NONE);
        let newest_kept = |index: &Self, from: u32| {
            index
                .chain(from)
                .map(|(id, _)| place(id))
                .find(|id| *id != NONE)
        };
        let stays = |id: usize| moved.get(id).is_some_and(|to| *to != NONE);
        let prevs = self.prevs.iter().enumerate().filter(|(id, _)| stays(*id));
        let prevs = prevs
            .map(|(_, prev)| newest_kept(self, *prev).unwrap_or(NONE))
            .collect();
        let newest = |part: &Shard| {
            part.keys
                .iter()
                .map(|key| newest_kept(self, key.newest))
                .collect()
        };
        let newest: Vec<Vec<Option<u32>>> = self.parts.iter().map(newest).collect();
        for (part, newest) in self.parts.iter_mut().zip(newest) {
            for (local, newest) in newest.into_iter().enumerate() {
                match (newest, part.keys.get_mut(local)) {
                    (Some(newest), Some(key)) => key.newest = newest,
                    _ => part.forget(local),
                }
            }
        }
        self.prevs = prevs;
        self.forget_notes();
        let mut id = 0..self.records.len();
        self.records.retain(|_| id.next().is_some_and(stays));
    }
}

pub(crate) fn hash_of(hasher: &foldhash::fast::RandomState, user_key: &[u8]) -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = hasher.build_hasher();
    hasher.write(user_key);
    hasher.finish()
}

/// The half of a hash that an [`IndexedKey`] keeps.
pub(crate) fn fold(hash: u64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the upper half is folded in; a hash has no value to lose"
    )]
    let folded = (hash ^ hash >> 32) as u32;
    folded
}
