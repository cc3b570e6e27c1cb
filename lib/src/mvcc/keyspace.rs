//! Queries of an indexed keyspace: live keys, keys at a revision, what is left of deleted keys.

use std::ops::RangeInclusive;

use rayon::prelude::*;

use super::build::WARMED;
use super::compaction::{Compaction, Rules};
use super::index::{Index, NONE, Record, RecordBytes};
use super::key_value::{Flaw, KeyValue};
use super::range::KeyRange;
use super::revision::Revision;
use crate::bolt::FileSource;
use located::Error;

/// An index with the bytes it describes: etcd's keyspace, read-only. Copying it costs nothing.
///
/// ```
/// use etcd_inspect::bolt::{Db, MetaChoice};
/// use etcd_inspect::Limits;
/// use etcd_inspect::evidence::{Evidence, OpenOptions};
/// use etcd_inspect::mvcc::{Compaction, Index, KeyRange, Keyspace, Rules};
///
/// let evidence = Evidence::open("../fixtures/etcd-3.5.30.tar.zst", &OpenOptions::default())?;
/// let source = evidence.db().ok_or("no db")?;
/// let file = source.bytes()?;
/// let db = Db::open(file, MetaChoice::Newest, &Limits::default())?;
/// let sink = &mut |damage: etcd_inspect::Finding| eprintln!("{}", damage.message);
/// let index = Index::build(&db.bucket(b"key", sink)?, sink);
/// let keyspace = Keyspace::new(&index, file.as_slice(), Compaction::default(), Rules::NEWEST);
/// for version in keyspace.live(&KeyRange::prefix(b"/registry/pods/"), None)?.iter() {
///     println!("{} {}", version.revision, String::from_utf8_lossy(version.key));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Keyspace<'a> {
    pub(crate) index: &'a Index,
    pub(crate) bytes: RecordBytes<'a>,
    compaction: Compaction,
    rules: Rules,
    pub(super) source: Option<FileSource<'a>>,
}

/// One record: a version of a key, or its deletion.
#[derive(Clone, Copy)]
pub struct Version<'a> {
    /// The user's key.
    pub key: &'a [u8],
    /// The revision of the write.
    pub revision: Revision,
    /// Whether the key was deleted here.
    pub tombstone: bool,
    /// Where the stored key starts in the db file; the message follows it directly. `None` for a replayed write, which is
    /// in no file in this form.
    pub offset: Option<u64>,
    /// Bytes of stored key and message.
    pub stored_bytes: u64,
    /// The `KeyValue` message.
    pub message: &'a [u8],
}

/// Without the message: it is evidence, with secrets in it.
impl std::fmt::Debug for Version<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = if self.tombstone { " deleted" } else { "" };
        write!(f, "{} @ {}{mark}", self.key.escape_ascii(), self.revision)
    }
}

impl<'a> Version<'a> {
    /// Parses the message: creation, version, value, lease.
    ///
    /// # Errors
    /// The message cannot be parsed after its key.
    pub fn key_value(&self) -> Result<KeyValue<'a>, Flaw> {
        KeyValue::parse(self.message)
    }

    /// Offset in the db file at which the value of `kv`, the message of this version, begins; `None` for a replayed write
    /// and for an empty value.
    pub fn value_offset(&self, kv: &KeyValue<'_>) -> Option<u64> {
        let message = u64::try_from(self.message.len()).ok()?;
        let stored_key = self.stored_bytes.checked_sub(message)?;
        let (value, start) = (kv.value.as_ptr().addr(), self.message.as_ptr().addr());
        let within = u64::try_from(value.checked_sub(start)?).ok()?;
        (within <= message).then_some(())?;
        self.offset?.checked_add(stored_key)?.checked_add(within)
    }
}

/// Records by id: the result of a query, in the order that it documents.
#[derive(Clone, Debug)]
pub struct Versions<'a> {
    keyspace: Keyspace<'a>,
    pub(super) records: Vec<u32>,
}

impl<'a> Versions<'a> {
    /// How many.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The one at `at`; `None` beyond the last.
    pub fn get(&self, at: usize) -> Option<Version<'a>> {
        self.records
            .get(at)
            .and_then(|record| self.keyspace.version(*record))
    }

    /// Numbers of the records, in order: small, and good for [`Keyspace::record`] as long as the index lives.
    pub fn numbers(&self) -> &[u32] {
        &self.records
    }

    /// All, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Version<'a>> + '_ {
        self.records
            .iter()
            .filter_map(|record| self.keyspace.version(*record))
    }
}

impl<'a> Keyspace<'a> {
    /// Joins an index with the bytes of its db file and the compaction revisions of its `meta` bucket.
    pub fn new(index: &'a Index, db: &'a [u8], compaction: Compaction, rules: Rules) -> Self {
        Self::over(index, RecordBytes { db, arena: &[] }, compaction, rules)
    }

    pub(crate) fn over(
        index: &'a Index,
        bytes: RecordBytes<'a>,
        compaction: Compaction,
        rules: Rules,
    ) -> Self {
        Self {
            index,
            bytes,
            compaction,
            rules,
            source: None,
        }
    }

    /// The same keyspace, with a reader of the db besides the mapping.
    pub(crate) fn with_source(self, source: Option<FileSource<'a>>) -> Self {
        Self { source, ..self }
    }

    /// The index.
    pub fn index(&self) -> &'a Index {
        self.index
    }

    /// Both compaction revisions.
    pub fn compaction(&self) -> Compaction {
        self.compaction
    }

    /// The rules of etcd that the answers follow.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// The same keyspace by the rules of another release.
    #[must_use]
    pub fn with_rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// Returns the current revision, as etcd would have it after a start.
    pub fn revision(&self) -> i64 {
        self.compaction.current(self.newest_revision(), self.rules)
    }

    /// The revision of the newest record; `None` without records.
    pub fn newest_revision(&self) -> Option<Revision> {
        self.index.records.last().map(Record::revision)
    }

    /// Returns the compaction revision in force; `None` if nothing was ever compacted.
    pub fn compact_revision(&self) -> Option<i64> {
        self.compaction.revision()
    }

    /// Returns the revision of a query: the current one for `None`.
    ///
    /// # Errors
    /// [`Error::Compacted`] for less than the compaction revision, [`Error::Future`] for more than the current one.
    /// `rangeKeys` in `server/mvcc/kvstore_txn.go`, v3.5.30.
    pub fn at(&self, revision: Option<i64>) -> Result<i64, Error> {
        let current = self.revision();
        match (revision, self.compact_revision()) {
            (None, _) => Ok(current),
            (Some(revision), Some(compacted)) if revision < compacted => Err(Error::Compacted {
                revision: revision.into(),
                compacted: compacted.into(),
            }),
            (Some(revision), _) if revision > current => Err(Error::Future {
                revision: revision.into(),
                current: current.into(),
            }),
            (Some(revision), _) => Ok(revision),
        }
    }

    /// Keys that exist at a revision, in byte order of the keys, each with the version that was current.
    ///
    /// # Errors
    /// As [`Keyspace::at`].
    pub fn live(&self, range: &KeyRange, revision: Option<i64>) -> Result<Versions<'a>, Error> {
        let at = self.at(revision)?;
        Ok(self.select(range, |newest| self.live_of(newest, at)))
    }

    /// How many keys exist at the current revision.
    pub fn live_count(&self) -> usize {
        let at = self.revision();
        let parts = self.index.parts.par_iter();
        let live = |part: &super::index::Shard| {
            part.keys
                .iter()
                .filter(|key| self.live_of(key.newest, at).is_some())
                .count()
        };
        let marker = self
            .index
            .find(b"", self.bytes)
            .and_then(|newest| self.live_of(newest, at));
        parts.map(live).sum::<usize>() - usize::from(marker.is_some())
    }

    /// The version of a key that is current at a revision.
    ///
    /// # Errors
    /// As [`Keyspace::at`].
    pub fn get(&self, key: &[u8], revision: Option<i64>) -> Result<Option<Version<'a>>, Error> {
        let at = self.at(revision)?;
        let newest = self.index.find(key, self.bytes).unwrap_or(NONE);
        Ok(self
            .live_of(newest, at)
            .and_then(|record| self.version(record)))
    }

    /// Keys whose last retained record is a tombstone, in byte order, each with that tombstone. What survives of them is
    /// their [`history`](Self::history).
    pub fn deleted(&self, range: &KeyRange) -> Versions<'a> {
        self.select(range, |newest| {
            self.index
                .record(newest)
                .filter(|r| r.is_tombstone())
                .map(|_| newest)
        })
    }

    /// Returns the keys with a lease at the current revision, each with the lease, by lease and key. Reads the ends of all live
    /// records; the only query of this file that touches values.
    /// A lease does not store its keys: `restore` in `server/mvcc/kvstore.go`, v3.5.30, attaches them again.
    pub fn leased(&self) -> Vec<(i64, Version<'a>)> {
        let at = self.revision();
        let lease = |newest: u32| {
            let live = self.live_of(newest, at)?;
            let facts = self.index.facts.get(live as usize);
            if facts.is_some_and(|facts| facts.is_without_lease()) {
                return None;
            }
            let version = self.version(live)?;
            let lease = version.key_value().ok()?.lease;
            (lease != 0).then_some((lease, version))
        };
        let mut leased: Vec<_> = self
            .index
            .newest_in_order()
            .into_par_iter()
            .filter_map(lease)
            .collect();
        leased.par_sort_unstable_by_key(|(lease, version)| (*lease, version.key));
        leased
    }

    /// Returns every key with a retained record, in byte order, each with its newest record.
    pub fn all(&self, range: &KeyRange) -> Versions<'a> {
        self.select(range, Some)
    }

    /// Every retained record of a key, oldest first.
    pub fn records_of(&self, key: &[u8]) -> Versions<'a> {
        let newest = self.index.find(key, self.bytes).unwrap_or(NONE);
        let mut records: Vec<u32> = self.index.chain(newest).map(|(id, _)| id).collect();
        records.reverse();
        Versions {
            keyspace: *self,
            records,
        }
    }

    /// The record of a number and the older ones of its key, newest first.
    pub(crate) fn versions_back_from(&self, number: u32) -> impl Iterator<Item = Version<'a>> + 'a {
        let keyspace = *self;
        let chain = self.index.chain(number);
        chain.filter_map(move |(id, _)| keyspace.version(id))
    }

    /// Returns every retained record of the given main revisions, in order of revision.
    pub fn between(
        &self,
        mains: RangeInclusive<i64>,
    ) -> impl DoubleEndedIterator<Item = Version<'a>> + use<'a> {
        let first = self.index.first_at(*mains.start());
        let end = mains
            .end()
            .checked_add(1)
            .map_or(self.index.len(), |end| self.index.first_at(end));
        let keyspace = *self;
        (first..end.max(first))
            .filter_map(move |record| keyspace.version(u32::try_from(record).ok()?))
    }

    /// Numbers of the records of the given main revisions, for [`Keyspace::record`].
    pub fn numbers_between(&self, mains: RangeInclusive<i64>) -> std::ops::Range<u32> {
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let first = number(self.index.first_at(*mains.start()));
        let end = mains.end().checked_add(1);
        let end = end.map_or(self.index.len(), |end| self.index.first_at(end));
        first..number(end).max(first)
    }

    /// The record of a number that [`Versions::numbers`] or [`Keyspace::numbers_between`] gave; `None` if there is none.
    pub fn record(&self, number: u32) -> Option<Version<'a>> {
        self.version(number)
    }

    /// Returns the records that the compaction in force removes and that are still there because it was interrupted.
    /// `scheduleCompaction` in `server/mvcc/kvstore_compaction.go`, v3.5.30, deletes what `Compact` in `server/mvcc/index.go`,
    /// v3.5.30, does not keep.
    pub fn removable(&self) -> Versions<'a> {
        let Some(compacted) = self.compact_revision() else {
            return Versions {
                keyspace: *self,
                records: Vec::new(),
            };
        };
        let mut records: Vec<u32> = self
            .index
            .parts
            .par_iter()
            .flat_map_iter(|part| &part.keys)
            .flat_map_iter(|key| self.removed_by(key.newest, compacted))
            .collect();
        records.par_sort_unstable();
        Versions {
            keyspace: *self,
            records,
        }
    }

    /// Returns the records of a key that a compaction at `compacted` removes: all that are not newer, except the newest of them
    /// if it is a put, or by the newer rule a tombstone written at `compacted` itself (`keyIndex.compact` in
    /// `server/mvcc/key_index.go, v3.5.30`; etcd#18274).
    pub(crate) fn removed_by(&self, newest: u32, compacted: i64) -> impl Iterator<Item = u32> + 'a {
        let (index, rules) = (self.index, self.rules);
        let mut older = index
            .chain(newest)
            .skip_while(move |(_, record)| record.main > compacted)
            .peekable();
        let first_stays = older.peek().is_some_and(|(_, record)| {
            !record.is_tombstone() || rules.keeps_tombstones && record.main == compacted
        });
        older.skip(usize::from(first_stays)).map(|(id, _)| id)
    }

    /// The record of a key that is current at a revision, unless it is a tombstone.
    /// `keyIndex.get` in `server/mvcc/key_index.go`, v3.5.30.
    pub(crate) fn live_of(&self, newest: u32, at: i64) -> Option<u32> {
        let (id, record) = self
            .index
            .chain(newest)
            .find(|(_, record)| record.main <= at)?;
        (!record.is_tombstone()).then_some(id)
    }

    pub(crate) fn version(&self, record: u32) -> Option<Version<'a>> {
        let record = self.index.record(record)?;
        let message = record.message(self.bytes);
        Some(Version {
            key: super::key_value::user_key(message).unwrap_or_default(),
            revision: record.revision(),
            tombstone: record.is_tombstone(),
            offset: (!record.in_arena()).then_some(record.offset()),
            stored_bytes: record.stored_bytes(),
            message,
        })
    }

    pub(crate) fn user_key(&self, record: u32) -> &'a [u8] {
        self.index
            .record(record)
            .map(|record| record.user_key(self.bytes))
            .unwrap_or_default()
    }

    /// Returns the record that `choose` selects of every key in a range, in byte order of the keys. The empty user key is left
    /// out: it belongs to the marker of `snapshot restore --bump-revision`.
    fn select(&self, range: &KeyRange, choose: impl Fn(u32) -> Option<u32> + Sync) -> Versions<'a> {
        let newest = self.newest_near(range);
        let of = |newest: &[u32]| {
            self.bytes
                .warm(newest.iter().filter_map(|id| self.index.record(*id)));
            let chosen = newest.iter().filter_map(|newest| {
                let record = choose(*newest)?;
                let user_key = self.user_key(*newest);
                (range.contains(user_key) && !user_key.is_empty()).then_some((user_key, record))
            });
            chosen.collect::<Vec<_>>()
        };
        let chunks = newest.par_chunks(WARMED).with_min_len(32);
        let mut chosen: Vec<(&[u8], u32)> = chunks.flat_map_iter(of).collect();
        chosen.par_sort_unstable();
        Versions {
            keyspace: *self,
            records: chosen.into_iter().map(|(_, record)| record).collect(),
        }
    }
}
