//! HashKV, and the hashes over a whole db: bit for bit those of etcd.
//!
//! All are CRC-32C over stored bytes in key order. The sum is computed in parallel: each task sums a range of records, and
//! the sums are combined in order. If the index was built with a sum of each record ([`Index::summed`]) nothing is read again.
//! Otherwise bytes are summed page by page, because bbolt writes the elements of a page one after the other without a gap.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::prelude::*;

use super::index::{Index, NONE};
use super::keyspace::Keyspace;
use super::plan::{ELEMENT_BYTES, bounded_items, plan};
use super::revision::StoredKey;
use super::sum::Sum;
use crate::bolt::Db;
use located::{Error, MainRevision, Sink};

/// Number of tasks for each thread: enough for an even load, few enough that combining costs nothing.
const TASKS_PER_THREAD: usize = 8;
/// Minimum number of records or leaves of a task.
const MIN_PER_TASK: usize = 256;

/// The answer of `Maintenance.HashKV`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct HashKv {
    /// CRC-32C.
    pub hash: u32,
    /// The revision that was hashed.
    pub revision: MainRevision,
    /// The compaction revision in force; -1 if nothing was ever compacted, as in etcd. Hashes can be compared only if both
    /// revisions are equal.
    pub compact_revision: MainRevision,
}

/// Pieces of one buffer; adjacent ones are summed together.
struct AdjacentBytes<'a> {
    sum: Sum,
    source: &'a [u8],
    start: usize,
    end: usize,
}

impl<'a> AdjacentBytes<'a> {
    fn new(source: &'a [u8]) -> Self {
        Self {
            sum: Sum::default(),
            source,
            start: 0,
            end: 0,
        }
    }

    fn push(&mut self, at: usize, len: usize) {
        if at != self.end {
            self.flush();
            self.start = at;
        }
        self.end = at.saturating_add(len);
    }

    fn flush(&mut self) {
        self.sum
            .push(self.source.get(self.start..self.end).unwrap_or_default());
        self.start = self.end;
    }

    fn finish(mut self) -> Sum {
        self.flush();
        self.sum
    }
}

fn task_size(items: usize) -> usize {
    items
        .div_ceil(rayon::current_num_threads() * TASKS_PER_THREAD)
        .max(MIN_PER_TASK)
}

impl Keyspace<'_> {
    /// Computes `Maintenance.HashKV`, what `etcdctl endpoint hashkv --rev` prints.
    ///
    /// Of the records up to the compaction revision C only those count that are the current version of their key at `revision`;
    /// tombstones written at C itself do not since 3.4.34, 3.5.16 and 3.6 ([`Rules::keeps_tombstones`]). So the hash does not
    /// depend on how much an interrupted compaction has removed. A server that has just compacted may answer with a stored
    /// hash, and then reports the *earlier* compaction revision. Source: `server/mvcc/hash.go`, v3.5.30.
    ///
    /// [`Rules::keeps_tombstones`]: super::Rules::keeps_tombstones
    ///
    /// # Errors
    /// [`Error::Compacted`] and [`Error::Future`] as in etcd; releases before 3.4.27 and 3.5.10 refuse the compaction revision
    /// itself, too ([`Rules::hashes_at_compaction`](super::Rules::hashes_at_compaction)).
    pub fn hash_kv(&self, revision: Option<i64>) -> Result<HashKv, Error> {
        let at = self.at(revision)?;
        let compacted = self.compact_revision().unwrap_or(-1);
        if revision == Some(compacted) && !self.rules().hashes_at_compaction {
            return Err(Error::Compacted {
                revision: at.into(),
                compacted: compacted.into(),
            });
        }
        let index = self.index;
        let old = index.first_at(compacted.saturating_add(1));
        let kept = Kept::at(self, at, old);
        let skips = |id: usize| {
            // A compaction before 3.4.34 and 3.5.16 removes the tombstone at C, a newer one keeps it. Leaving it out makes the
            // hashes of old and new members equal during an upgrade: WriteKeyValue in server/mvcc/hash.go, v3.5.30 (etcd#18274).
            id < old
                && (!kept.contains(id)
                    || self.rules().keeps_tombstones
                        && index
                            .records
                            .get(id)
                            .is_some_and(|r| r.is_tombstone() && r.main == compacted))
        };
        let end = index.first_at(at.saturating_add(1));
        let ids: Vec<(usize, usize)> = {
            let step = task_size(end);
            (0..end)
                .step_by(step)
                .map(|start| (start, end.min(start + step)))
                .collect()
        };
        let sums: Vec<Sum> = ids
            .into_par_iter()
            .map(|(start, end)| self.sum(start, end, skips))
            .collect();
        let sum = sums.into_iter().fold(Sum::of_bytes(b"key"), Sum::then);
        Ok(HashKv {
            hash: sum.crc,
            revision: at.into(),
            compact_revision: compacted.into(),
        })
    }

    /// Returns CRC-32C sums over the stored keys and messages of the records `first..end` of the index, in blocks of `size`.
    pub(crate) fn block_sums(&self, first: usize, end: usize, size: usize) -> Vec<u32> {
        let starts: Vec<usize> = (first..end).step_by(size.max(1)).collect();
        let block = |&start: &usize| {
            let sum = self.sum(start, end.min(start.saturating_add(size)), |_| false);
            sum.crc
        };
        starts.par_iter().map(block).collect()
    }

    fn sum(&self, start: usize, end: usize, skips: impl Fn(usize) -> bool) -> Sum {
        if let Some(sums) = self.index.sums.get(start..end) {
            let records = self.index.records.get(start..end).unwrap_or_default();
            let kept = (start..)
                .zip(records.iter().zip(sums))
                .filter(|(id, _)| !skips(*id));
            let kept = kept.map(|(_, (record, sum))| Sum::known(*sum, record.stored_bytes()));
            return kept.fold(Sum::default(), Sum::then);
        }
        let (mut db, mut arena) = (AdjacentBytes::new(self.bytes.db), None);
        let records = self.index.records.get(start..end).unwrap_or_default();
        for (_, record) in (start..).zip(records).filter(|(id, _)| !skips(*id)) {
            let pieces = match (&mut arena, record.in_arena()) {
                (Some(arena), _) => arena,
                (None, false) => &mut db,
                (None, true) => arena.insert(AdjacentBytes::new(self.bytes.arena)),
            };
            let at = usize::try_from(record.offset()).unwrap_or(usize::MAX);
            pieces.push(at, record.key_bytes() + record.message_bytes());
        }
        arena
            .into_iter()
            .fold(db.finish(), |sum, arena| sum.then(arena.finish()))
    }
}

/// Which of the records up to the compaction revision are the current version of their key at some revision.
struct Kept {
    bits: Vec<AtomicU64>,
    /// If no key has a current version at all, etcd's set is empty, and an empty set leaves nothing out: `len(h.keep) > 0` in
    /// server/mvcc/hash.go, v3.5.30.
    any: AtomicBool,
}

impl Kept {
    fn at(keyspace: &Keyspace<'_>, revision: i64, old: usize) -> Self {
        let bits = (0..old.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        let kept = Self {
            bits,
            any: AtomicBool::new(false),
        };
        if old > 0 {
            let index: &Index = keyspace.index;
            index.parts.par_iter().for_each(|part| {
                let newest = part
                    .keys
                    .iter()
                    .map(|key| key.newest)
                    .filter(|newest| *newest != NONE);
                newest
                    .filter_map(|newest| keyspace.live_of(newest, revision))
                    .for_each(|id| kept.insert(id as usize));
            });
        }
        kept
    }

    fn insert(&self, id: usize) {
        self.any.store(true, Ordering::Relaxed);
        if let Some(word) = self.bits.get(id / 64) {
            word.fetch_or(1 << (id % 64), Ordering::Relaxed);
        }
    }

    fn contains(&self, id: usize) -> bool {
        let set = self
            .bits
            .get(id / 64)
            .is_some_and(|word| word.load(Ordering::Relaxed) >> (id % 64) & 1 == 1);
        set || !self.any.load(Ordering::Relaxed)
    }
}

/// What `etcdctl snapshot status` prints for a db, computed from all its buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct DbHash {
    /// CRC-32C over the name of every bucket, in order, each followed by its keys and values.
    pub hash: u32,
    /// Elements in all buckets: the `totalKey` of etcd up to 3.5. Since 3.6 it is the number of live keys.
    pub elements: u64,
    /// Main revision of the last record; 0 if there is none.
    pub revision: MainRevision,
    /// High-water mark times page size: the `totalSize`.
    pub total_bytes: u64,
}

/// Keys of the `meta` bucket that `Maintenance.Hash` leaves out, as releases have added to them.
pub const HASH_IGNORES_3_4: &[&[u8]] = &[b"consistent_index"];
/// As [`HASH_IGNORES_3_4`], for 3.5.
pub const HASH_IGNORES_3_5: &[&[u8]] = &[b"consistent_index", b"term"];
/// As [`HASH_IGNORES_3_4`], for 3.6 and 3.7.
pub const HASH_IGNORES_3_6: &[&[u8]] = &[b"consistent_index", b"term", b"storageVersion"];

/// Computes the hash that `etcdctl snapshot status` prints, or, with keys of `meta` left out, that of `Maintenance.Hash`.
///
/// Source: `Status` in `etcdutl/snapshot/v3_snapshot.go`, v3.5.30, `Hash` in
/// `server/mvcc/backend/backend.go`, v3.5.30.
///
/// Elements that cannot be read are reported to `sink`; the hash is that of the rest.
pub fn db_hash(db: &Db<'_>, ignored: &[&[u8]], sink: &mut Sink<'_>) -> DbHash {
    let mut total = DbHash {
        hash: 0,
        elements: 0,
        revision: MainRevision(0),
        total_bytes: db.meta().size_bytes(),
    };
    let mut sum = Sum::default();
    let file = db.file();
    for (name, bucket) in db.buckets(sink) {
        let ignored = if name == b"meta" { ignored } else { &[] };
        let leaves = bucket.leaves(sink);
        let (planned, _) = plan(&leaves, file.len(), ELEMENT_BYTES);
        let sums: Vec<(Sum, u64, Option<MainRevision>)> = planned
            .par_chunks(task_size(planned.len()))
            .map(|chunk| {
                let (mut pieces, mut elements, mut last) =
                    (AdjacentBytes::new(file.as_slice()), 0, None);
                for leaf in chunk {
                    let Some(page) = leaves.get(leaf.index) else {
                        continue;
                    };
                    for item in bounded_items(&page, leaf.count)
                        .flatten()
                        .filter(|item| !ignored.contains(&item.key))
                    {
                        let at = usize::try_from(item.offset).unwrap_or(usize::MAX);
                        pieces.push(at, item.key.len() + item.value.len());
                        elements += 1;
                        last = Some(item.key);
                    }
                }
                let last = last.and_then(|key| StoredKey::parse(key).ok());
                (
                    pieces.finish(),
                    elements,
                    last.map(|key| MainRevision(key.revision.main)),
                )
            })
            .collect();
        sum = sum.then(Sum::of_bytes(name));
        for (part, elements, last) in sums {
            sum = sum.then(part);
            total.elements += elements;
            total.revision = last.filter(|_| name == b"key").unwrap_or(total.revision);
        }
    }
    total.hash = sum.crc;
    total
}
