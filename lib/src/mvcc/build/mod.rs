//! Building the index: one pass over the leaf pages, one over the hashes of the keys, both over all threads without a lock.
//!
//! 1. [`swept`], the fast path: reads the leaves of a sound tree in the order of the file, in pieces that fit into the cache.
//!    Stores each record's file offset and the hash of its user key, then sorts the records by key. If anything is not as it
//!    should be, [`careful`] starts again, page by page, and reports what is wrong. Both return the same index.
//! 2. [`link`]: fills the parts by hash in parallel, each in order of revision, so that a key's record knows the one before it.
//!    Here keys are compared by 96 bits of hash, with seeds of this process, so that no evidence can be made to collide: of a
//!    million keys two are taken for one with a probability of 10⁻¹⁷. Everything else compares bytes.
//!
//! What is needed of every record's bytes, such as its checksum, is *noted* at the same time: nothing is read twice.

mod careful;
mod link;
mod swept;

use link::{Hashes, KeyHasher, link};

use super::facts::RecordFacts;
use super::index::{Index, Record, RecordBytes};
use super::key_value::user_key;
use super::revision::StoredKey;
use crate::bolt::{Bucket, Item, Leaves};
use crate::codes;
use located::progress::{Progress, Silent};
use located::{Sink, reported_by};

pub(super) use careful::WARMED;

/// What is kept of each record in addition to its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Noted {
    /// A checksum, for [`hash_kv`](super::Keyspace::hash_kv): 4 bytes.
    pub(crate) sums: bool,
    /// Whether it is sound, for [`check`](super::check): 8 bytes.
    pub(crate) facts: bool,
}

impl Noted {
    pub(crate) const SUMS: Self = Self {
        sums: true,
        facts: false,
    };
    pub(crate) const FACTS: Self = Self {
        sums: false,
        facts: true,
    };
    pub(crate) const ALL: Self = Self {
        sums: true,
        facts: true,
    };
}

/// Records and the hashes of their keys, in order of revision.
struct Filled<N> {
    records: Vec<Record>,
    hashes: Vec<Hashes>,
    notes: Vec<N>,
    skipped: u64,
    /// Whether the tree was sound and every record could be read, in ascending order.
    is_sound: bool,
}

impl Index {
    /// Indexes the `key` bucket.
    ///
    /// A record that etcd could not load is reported to `sink` and is part of no answer; damage of the tree likewise.
    /// [`check`](super::check) describes each.
    pub fn build(bucket: &Bucket<'_>, sink: &mut Sink<'_>) -> Self {
        Self::with_leaves(bucket, Noted::default(), sink, &Silent).0
    }

    /// As [`Index::build`], with a checksum of each record, so that [`hash_kv`](super::Keyspace::hash_kv) at any revision
    /// reads nothing again: 4 bytes a record.
    pub fn summed(bucket: &Bucket<'_>, sink: &mut Sink<'_>) -> Self {
        Self::with_leaves(bucket, Noted::SUMS, sink, &Silent).0
    }

    /// Returns the index with the requested notes, and the leaves it was built from. If the progress was cancelled the result is
    /// incomplete and must not be used.
    pub(crate) fn with_leaves<'a>(
        bucket: &Bucket<'a>,
        wanted: Noted,
        sink: &mut Sink<'_>,
        progress: &dyn Progress,
    ) -> (Self, Leaves<'a>) {
        let sum =
            |stored: &[u8], message: &[u8]| crc32c::crc32c_append(crc32c::crc32c(stored), message);
        let facts = |stored: &[u8], message: &[u8]| {
            let key = StoredKey::parse(stored);
            key.map_or(RecordFacts::default(), |key| {
                RecordFacts::from_message(message, key.revision.main, key.tombstone)
            })
        };
        match wanted {
            Noted {
                sums: false,
                facts: false,
            } => {
                let (index, leaves, _) = Self::noting(bucket, |_, _| (), sink, progress);
                (index, leaves)
            }
            Noted {
                sums: true,
                facts: false,
            } => {
                let (mut index, leaves, sums) = Self::noting(bucket, sum, sink, progress);
                index.sums = sums;
                (index, leaves)
            }
            Noted {
                sums: false,
                facts: true,
            } => {
                let (mut index, leaves, noted) = Self::noting(bucket, facts, sink, progress);
                index.facts = noted;
                (index, leaves)
            }
            Noted {
                sums: true,
                facts: true,
            } => {
                let both =
                    |stored: &[u8], message: &[u8]| (sum(stored, message), facts(stored, message));
                let (mut index, leaves, noted) = Self::noting(bucket, both, sink, progress);
                (index.sums, index.facts) = noted.into_iter().unzip();
                (index, leaves)
            }
        }
    }

    /// Indexes some leaves alone; missing records are not reported.
    pub(crate) fn of_leaves(bucket: &Bucket<'_>, leaves: &Leaves<'_>) -> Self {
        let hasher = KeyHasher::default();
        let filled: Filled<()> = careful::fill(
            bucket,
            leaves,
            &hasher,
            &mut reported_by("Index::build, when all leaves are read"),
        );
        Self::linked(filled, hasher).0
    }

    /// Returns the index, its leaves, and the result of `note` for stored key and message of each record, in order of revision.
    fn noting<'a, N: Copy + Default + Send + Sync>(
        bucket: &Bucket<'a>,
        note: impl Fn(&[u8], &[u8]) -> N + Sync,
        sink: &mut Sink<'_>,
        progress: &dyn Progress,
    ) -> (Self, Leaves<'a>, Vec<N>) {
        let hasher = KeyHasher::default();
        let (leaves, filled) = match swept::fill(bucket, &hasher, &note, progress) {
            Some(sound) => sound,
            None if progress.cancelled() => {
                return (Self::empty(), bucket.last_leaves(0), Vec::new());
            }
            None => {
                let leaves = bucket.leaves(sink);
                bucket.report_hidden(sink);
                let mut filled = careful::fill(bucket, &leaves, &hasher, sink);
                let bytes = RecordBytes {
                    db: bucket.db().file().as_slice(),
                    arena: &[],
                };
                let noted = |record: &Record| {
                    let stored = record.stored(bytes).split_at_checked(record.key_bytes());
                    stored.map_or(N::default(), |(key, message)| note(key, message))
                };
                filled.notes = filled.records.iter().map(noted).collect();
                (leaves, filled)
            }
        };
        let (index, notes) = Self::linked(filled, hasher);
        (index, leaves, notes)
    }

    fn linked<N>(filled: Filled<N>, hasher: KeyHasher) -> (Self, Vec<N>) {
        let (prevs, parts, folders) = link(&filled.hashes);
        let Filled {
            records,
            notes,
            skipped,
            is_sound,
            ..
        } = filled;
        let index = Self {
            records,
            prevs,
            parts,
            sums: Vec::new(),
            facts: Vec::new(),
            folders,
            hasher: hasher.first,
            skipped,
            is_sound,
        };
        (index, notes)
    }
}

type Unread = (&'static codes::Code, String);

/// A record and its user key.
#[inline]
fn read<'a>(item: &Item<'a>) -> Result<(Record, &'a [u8]), Unread> {
    let stored = StoredKey::parse(item.key).map_err(|shape| {
        (
            &codes::mvcc::KEY_SHAPE,
            format!("a stored key is no revision: {shape}"),
        )
    })?;
    let user_key = user_key(item.value).map_err(|flaw| {
        (
            &codes::mvcc::VALUE_UNPARSABLE,
            format!(
                "the KeyValue of revision {} cannot be parsed: {flaw}",
                stored.revision
            ),
        )
    })?;
    let record = Record::new(
        stored.revision,
        stored.tombstone,
        item.offset,
        item.value.len(),
        false,
    )
    .ok_or_else(|| {
        (
            &codes::mvcc::KEY_SHAPE,
            format!(
                "revision {} has an impossible sub-revision",
                stored.revision
            ),
        )
    })?;
    Ok((record, user_key))
}
