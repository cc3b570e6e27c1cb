//! A keyspace that grows: records appended in memory to an index over a file, as a replay of the WAL needs.

use super::compaction::{Compaction, Rules};
use super::index::{Index, NONE, Record, RecordBytes};
use super::key_value::KeyValue;
use super::keyspace::{Keyspace, Version};
use super::revision::{Revision, StoredKey};

/// An index that owns the records appended to it, encoded as etcd would store them. It answers every query of a
/// [`Keyspace`], and hashes like one.
///
/// ```
/// use etcd_inspect::mvcc::{Compaction, KeyRange, KeyValue, Overlay, Revision, Rules};
/// let mut overlay = Overlay::empty(Rules::NEWEST);
/// let write = KeyValue { key: b"a", create_revision: 2, mod_revision: 2, version: 1, value: b"1", ..KeyValue::default() };
/// assert!(overlay.put(Revision::new(2, 0), &write));
/// assert!(overlay.delete(Revision::new(3, 0), b"a"));
/// assert_eq!(overlay.keyspace().revision(), 3);
/// assert!(overlay.keyspace().live(&KeyRange::all(), None)?.is_empty());
/// # Ok::<(), etcd_inspect::Error>(())
/// ```
#[derive(Clone)]
pub struct Overlay<'a> {
    index: Index,
    db: &'a [u8],
    arena: Vec<u8>,
    compaction: Compaction,
    rules: Rules,
}

/// An overlay without the bytes of the db.
#[derive(Clone)]
pub(crate) struct Detached {
    index: Index,
    arena: Vec<u8>,
    compaction: Compaction,
    rules: Rules,
}

impl Detached {
    /// The keyspace, over the one that the overlay was made of.
    pub(crate) fn keyspace<'a>(&'a self, below: &Keyspace<'a>) -> Keyspace<'a> {
        let bytes = RecordBytes {
            db: below.bytes.db,
            arena: &self.arena,
        };
        Keyspace::over(&self.index, bytes, self.compaction, self.rules)
    }
}

/// Sizes only: the bytes are evidence.
impl std::fmt::Debug for Detached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Detached of {} over {:?}", self.arena.len(), self.index)
    }
}

/// Sizes only: the bytes are evidence.
impl std::fmt::Debug for Overlay<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Overlay of {} over {:?}", self.arena.len(), self.index)
    }
}

impl<'a> Overlay<'a> {
    /// Starts with a copy of the index of `keyspace`; its bytes are shared.
    pub fn new(keyspace: &Keyspace<'a>) -> Self {
        Self {
            index: keyspace.index.clone(),
            db: keyspace.bytes.db,
            arena: keyspace.bytes.arena.to_vec(),
            compaction: keyspace.compaction(),
            rules: keyspace.rules(),
        }
    }

    /// Starts without records.
    pub fn empty(rules: Rules) -> Self {
        let compaction = Compaction::default();
        Self {
            index: Index::empty(),
            db: &[],
            arena: Vec::new(),
            compaction,
            rules,
        }
    }

    /// Starts without records, over the bytes of a keyspace: those of its versions need not be copied. Nothing is compacted.
    pub(crate) fn empty_over(keyspace: &Keyspace<'a>) -> Self {
        Self {
            db: keyspace.bytes.db,
            ..Self::empty(keyspace.rules())
        }
    }

    /// Goes on with what was detached, over the keyspace that it was made of.
    pub(crate) fn attach(detached: Detached, below: &Keyspace<'a>) -> Self {
        Self {
            index: detached.index,
            db: below.bytes.db,
            arena: detached.arena,
            compaction: detached.compaction,
            rules: detached.rules,
        }
    }

    /// Appends a version: in place if it is in the db, else as a copy; `false` as for [`put`](Self::put).
    pub(crate) fn push_version(&mut self, version: &Version<'_>) -> bool {
        let Some(at) = version.offset else {
            return match (version.tombstone, KeyValue::parse(version.message)) {
                (true, _) => self.delete(version.revision, version.key),
                (false, Ok(kv)) => self.put(version.revision, &kv),
                (false, Err(_)) => false,
            };
        };
        let last = self.index.records.last();
        let is_newer = last.is_none_or(|last| last.revision() < version.revision);
        if !is_newer || self.index.len() >= NONE as usize {
            return false;
        }
        let len = version.message.len();
        let record = Record::new(version.revision, version.tombstone, at, len, false);
        let bytes = RecordBytes {
            db: self.db,
            arena: &self.arena,
        };
        record.is_some_and(|record| self.index.push(record, version.key, bytes))
    }

    /// Returns what was appended, without the bytes of the db: to be stored together with the evidence.
    pub(crate) fn detach(self) -> Detached {
        Detached {
            index: self.index,
            arena: self.arena,
            compaction: self.compaction,
            rules: self.rules,
        }
    }

    /// The keyspace as it is now.
    pub fn keyspace(&self) -> Keyspace<'_> {
        Keyspace::over(&self.index, self.bytes(), self.compaction, self.rules)
    }

    /// The version of a key that is current now.
    pub fn get(&self, key: &[u8]) -> Option<Version<'_>> {
        let keyspace = self.keyspace();
        let newest = self.index.find(key, self.bytes())?;
        keyspace
            .live_of(newest, i64::MAX)
            .and_then(|record| keyspace.version(record))
    }

    /// Appends a put. Does nothing and returns `false` if the revision is not newer than all others or the index is full.
    /// `storeTxnWrite.put` in `server/mvcc/kvstore_txn.go`, v3.5.30.
    pub fn put(&mut self, revision: Revision, write: &KeyValue<'_>) -> bool {
        self.append(
            StoredKey {
                revision,
                tombstone: false,
            },
            write,
        )
    }

    /// Appends a tombstone; `false` as for [`put`](Self::put).
    /// The message of a tombstone has only its key: `storeTxnWrite.delete` in `server/mvcc/kvstore_txn.go`, v3.5.30.
    pub fn delete(&mut self, revision: Revision, key: &[u8]) -> bool {
        let tombstone = KeyValue {
            key,
            ..KeyValue::default()
        };
        self.append(
            StoredKey {
                revision,
                tombstone: true,
            },
            &tombstone,
        )
    }

    /// Compacts at `revision`: removes the records that a finished compaction removes, and stores the revision.
    pub fn compact(&mut self, revision: i64) {
        self.compaction.scheduled = self.compaction.scheduled.max(Some(revision));
        self.finish_compaction();
    }

    /// Finishes an interrupted compaction, as etcd does when it starts (`store.restore` in `server/mvcc/kvstore.go, v3.5.30`).
    pub fn finish_compaction(&mut self) {
        let keyspace = self.keyspace();
        let Some(compacted) = keyspace.compact_revision() else {
            return;
        };
        let mut gone: Vec<u32> = Vec::new();
        for newest in self.index.newest() {
            gone.extend(keyspace.removed_by(newest, compacted));
        }
        gone.sort_unstable();
        self.index
            .remove(|record| gone.binary_search(&record).is_ok());
        self.compaction.finished = Some(compacted);
        self.compaction.scheduled = Some(compacted);
    }

    fn bytes(&self) -> RecordBytes<'_> {
        RecordBytes {
            db: self.db,
            arena: &self.arena,
        }
    }

    fn append(&mut self, key: StoredKey, write: &KeyValue<'_>) -> bool {
        let behind = self
            .index
            .records
            .last()
            .is_none_or(|last| last.revision() < key.revision);
        if !behind || self.index.len() >= NONE as usize {
            return false;
        }
        let (at, message) = (self.arena.len(), write.to_bytes());
        let Some(record) = Record::new(key.revision, key.tombstone, at as u64, message.len(), true)
        else {
            return false;
        };
        self.arena.extend(key.to_bytes());
        self.arena.extend(message);
        let bytes = RecordBytes {
            db: self.db,
            arena: &self.arena,
        };
        self.index.push(record, write.key, bytes)
    }
}
