//! The records of one main revision.

use crate::mvcc::index::{NONE, Record};
use crate::mvcc::{KeyValue, Keyspace};
use crate::raft::{Condition, PlainPut, PlainTarget, PlainWrite};

/// Maximum number of versions of a key that are searched for the one that was live: more are left to the careful path.
const MAX_VERSIONS: usize = 4096;
/// Maximum number of records of a revision in which a key is searched.
const MAX_RECORDS: usize = 64;

/// Number of records that are loaded together.
const WARMED: usize = 64;

/// Loads the next records, and those before them of their keys, which may be anywhere in the file; returns the position after
/// the last.
pub(super) fn warm(keyspace: &Keyspace<'_>, first: usize) -> usize {
    let index = keyspace.index();
    let end = first.saturating_add(WARMED);
    let records = index.records.get(first..end.min(index.len()));
    let befores = index.prevs.get(first..end.min(index.len()));
    let befores = befores.unwrap_or_default().iter();
    let befores = befores.filter_map(|&before| index.record(before));
    keyspace
        .bytes
        .warm(records.unwrap_or_default().iter().chain(befores));
    end
}

/// The records of one main revision: positions in the index. There may be none.
#[derive(Clone, Copy)]
pub(super) struct RevisionRecords<'k, 'a> {
    keyspace: &'k Keyspace<'a>,
    main: i64,
    first: usize,
    end: usize,
}

impl<'k, 'a> RevisionRecords<'k, 'a> {
    /// Those of `main`, which begin at `first`.
    pub(super) fn from(keyspace: &'k Keyspace<'a>, main: i64, first: usize) -> Self {
        let rest = keyspace.index().records.get(first..).unwrap_or_default();
        let count = rest.iter().take_while(|record| record.main == main).count();
        Self {
            keyspace,
            main,
            first,
            end: first.saturating_add(count),
        }
    }

    /// Those of `main`, which end before `end` or are not there.
    pub(super) fn to(keyspace: &'k Keyspace<'a>, main: i64, end: usize) -> Self {
        let before = keyspace.index().records.get(..end).unwrap_or_default();
        let newer = before.iter().rev().take_while(|record| record.main > main);
        let end = end.saturating_sub(newer.count());
        let before = before.get(..end).unwrap_or_default();
        let own = before.iter().rev().take_while(|record| record.main == main);
        Self {
            keyspace,
            main,
            first: end.saturating_sub(own.count()),
            end,
        }
    }

    pub(super) fn main(&self) -> i64 {
        self.main
    }

    pub(super) fn first(&self) -> usize {
        self.first
    }

    pub(super) fn end(&self) -> usize {
        self.end
    }

    pub(super) fn len(&self) -> usize {
        self.end.saturating_sub(self.first)
    }

    fn record(&self, at: usize) -> Option<&'k Record> {
        let records = self.keyspace.index().records.get(..self.end)?;
        records.get(at)
    }

    fn user_key(&self, at: usize) -> Option<&'a [u8]> {
        Some(self.record(at)?.user_key(self.keyspace.bytes))
    }

    /// The user key of its first record.
    pub(super) fn first_key(&self) -> Option<&'a [u8]> {
        self.user_key(self.first)
    }

    /// The record before that of its key, if it is a put.
    fn live_before(&self, at: usize) -> Option<&'k Record> {
        let index = self.keyspace.index();
        let before = index
            .prevs
            .get(at)
            .copied()
            .filter(|before| *before != NONE)?;
        index.record(before).filter(|record| !record.is_tombstone())
    }

    /// What was live of a key before the group; `None` if that takes too long to find out.
    fn live(&self, key: &[u8]) -> Option<Option<&'k Record>> {
        let places = self.first..self.end.min(self.first.saturating_add(MAX_RECORDS));
        if let Some(at) = places
            .into_iter()
            .find(|&at| self.user_key(at) == Some(key))
        {
            return Some(self.live_before(at));
        }
        let index = self.keyspace.index();
        let Some(newest) = index.find(key, self.keyspace.bytes) else {
            return Some(None);
        };
        let mut versions = index.chain(newest).map(|(_, record)| record);
        let found = versions
            .by_ref()
            .take(MAX_VERSIONS)
            .find(|record| record.main < self.main);
        match found {
            Some(record) => Some((!record.is_tombstone()).then_some(record)),
            None if versions.next().is_some() => None,
            None => Some(None),
        }
    }

    /// Whether a condition of a transaction holds before the group.
    pub(super) fn holds(&self, condition: &Condition<'_>) -> Option<bool> {
        let live = match self.live(condition.key)? {
            Some(record) => {
                let message = record.message(self.keyspace.bytes);
                let in_front = !matches!(
                    condition.target,
                    PlainTarget::Value(_) | PlainTarget::Lease(_)
                );
                let parsed = if in_front {
                    KeyValue::parse_head(message)
                } else {
                    KeyValue::parse(message)
                };
                Some(parsed.ok()?)
            }
            None => None,
        };
        let kv = live.unwrap_or_default();
        let order = match condition.target {
            PlainTarget::Version(wanted) => kv.version.cmp(&wanted),
            PlainTarget::Create(wanted) => kv.create_revision.cmp(&wanted),
            PlainTarget::Mod(wanted) => kv.mod_revision.cmp(&wanted),
            PlainTarget::Lease(wanted) => kv.lease.cmp(&wanted),
            // A key that is not there has no value, not even an empty one.
            PlainTarget::Value(_) if live.is_none() => return Some(false),
            PlainTarget::Value(wanted) => kv.value.cmp(wanted),
        };
        Some(match condition.result {
            0 => order.is_eq(),
            1 => order.is_gt(),
            2 => order.is_lt(),
            _ => order.is_ne(),
        })
    }

    /// Whether these writes, in one revision, make exactly this group, or nothing at all; how many records they make.
    pub(super) fn made_by<'p>(
        &self,
        writes: impl Iterator<Item = PlainWrite<'p>>,
    ) -> Option<usize> {
        let mut at = self.first;
        for write in writes {
            let is_here = match write {
                PlainWrite::Put(put) => self.put_at(at, &put)?,
                PlainWrite::Delete(key) => self.deletion_at(at, key)?,
            };
            at = at.saturating_add(usize::from(is_here));
        }
        let made = at.saturating_sub(self.first);
        (made == 0 || at == self.end).then_some(made)
    }

    /// The record at a place, if it has the number that it must have there.
    fn numbered(&self, at: usize) -> Option<&'k Record> {
        let sub = i64::try_from(at.checked_sub(self.first)?).ok()?;
        self.record(at)
            .filter(|record| record.revision().sub == sub)
    }

    fn put_at(&self, at: usize, put: &PlainPut<'_>) -> Option<bool> {
        let record = self.numbered(at).filter(|record| !record.is_tombstone())?;
        let stored = KeyValue::parse(record.message(self.keyspace.bytes)).ok()?;
        let (create_revision, version) = match self.live_before(at) {
            Some(before) => {
                let before = KeyValue::parse_head(before.message(self.keyspace.bytes)).ok()?;
                (before.create_revision, before.version.saturating_add(1))
            }
            None => (self.main, 1),
        };
        let is_it = stored.key == put.key
            && stored.lease == put.lease
            && stored.mod_revision == self.main
            && (stored.create_revision, stored.version) == (create_revision, version)
            && stored.value == put.value;
        is_it.then_some(true)
    }

    /// `Some(false)`: there was nothing to delete.
    fn deletion_at(&self, at: usize, key: &[u8]) -> Option<bool> {
        if self.user_key(at) == Some(key) {
            return self.tombstone_at(at).map(|_| true);
        }
        let mut written = self.first..at;
        if written.any(|at| self.user_key(at) == Some(key)) {
            return None;
        }
        self.live(key)?.is_none().then_some(false)
    }

    /// What the deletion at a place deleted; `None` if there is none as etcd writes it.
    fn tombstone_at(&self, at: usize) -> Option<&'k Record> {
        let record = self.numbered(at).filter(|record| record.is_tombstone())?;
        let stored = KeyValue::parse(record.message(self.keyspace.bytes)).ok()?;
        let alone = KeyValue {
            key: stored.key,
            canonical: stored.canonical,
            ..KeyValue::default()
        };
        self.live_before(at).filter(|_| stored == alone)
    }

    /// Whether the group deletes keys that hang on a lease, in their order, and nothing else.
    pub(super) fn revokes(&self, lease: i64) -> bool {
        let hangs = |before: &Record| {
            KeyValue::parse(before.message(self.keyspace.bytes)).is_ok_and(|kv| kv.lease == lease)
        };
        let mut last = None;
        self.len() > 0
            && (self.first..self.end).all(|at| {
                let key = self.user_key(at);
                let ascends = last.is_none_or(|last| key > last);
                last = Some(key);
                ascends && self.tombstone_at(at).is_some_and(hangs)
            })
    }
}
