//! Requests on keys as etcd applies them: put, delete, transaction, compaction, and the keys of a revoked lease.
//!
//! Source: `server/etcdserver/apply.go`, v3.5.30, and `server/mvcc/kvstore_txn.go`, v3.5.30; in 3.6 `server/etcdserver/txn/txn.go`.

use std::borrow::Cow;

use super::compare::{branch, branches};
use super::layer::{Change, KeySpan, Layer, Put};
use crate::mvcc::{KeyValue, Revision};
use crate::raft::kv::{DeleteRangeRequest, Op, PutRequest, RangeRequest, TxnRequest};
use located::RaftIndex;

/// Why etcd answers a request with an error and changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The lease of a put does not exist, or the lease to revoke.
    #[error("requested lease not found")]
    LeaseNotFound,
    /// A lease that exists is granted again.
    #[error("lease already exists")]
    LeaseExists,
    /// A lease of more than 9,000,000,000 seconds.
    #[error("too large lease TTL")]
    LeaseTtlTooLarge,
    /// `ignore_value` or `ignore_lease` on a key that does not exist.
    #[error("key not found")]
    KeyNotFound,
    /// A revision that was compacted, or is compacted already.
    #[error("mvcc: required revision has been compacted")]
    Compacted,
    /// A revision that was not written yet.
    #[error("mvcc: required revision is a future revision")]
    FutureRevision,
    /// The NOSPACE alarm is on.
    #[error("mvcc: database space exceeded")]
    NoSpace,
    /// The CORRUPT alarm is on.
    #[error("corrupt cluster")]
    Corrupt,
    /// Users and roles do not allow it, or do not fit it.
    #[error("auth: {0}")]
    Auth(&'static str),
    /// The change of membership does not fit the members.
    #[error("membership: {0}")]
    Membership(&'static str),
}

/// The keyspace while entries are applied to it.
pub struct Store<'a, 'b> {
    /// What was changed.
    pub layer: Layer<'a, 'b>,
    /// The current revision.
    pub revision: i64,
    /// The compaction revision in force; -1 for none.
    pub compacted: i64,
    /// Compactions that were applied, each with the revision the store was at.
    pub compactions: Vec<(i64, i64)>,
    /// The first operation of a transaction that etcd would have panicked on.
    pub panicked: bool,
}

/// The changes of one entry: they share a main revision, which is used up only if there is one.
pub(super) struct Transaction<'s, 'a, 'b> {
    store: &'s mut Store<'a, 'b>,
    index: RaftIndex,
    data: &'a [u8],
    /// Where in the data the last key or value that was looked for ends: the next one follows it closely.
    read: usize,
    main: i64,
    sub: i64,
}

impl<'a, 'b> Store<'a, 'b> {
    /// A store at a revision.
    pub fn new(layer: Layer<'a, 'b>, revision: i64, compacted: i64) -> Self {
        Self {
            layer,
            revision,
            compacted,
            compactions: Vec::new(),
            panicked: false,
        }
    }

    /// Begins the writes of an entry.
    pub(super) fn transaction(
        &mut self,
        index: RaftIndex,
        data: &'a [u8],
    ) -> Transaction<'_, 'a, 'b> {
        let main = self.revision.saturating_add(1);
        Transaction {
            store: self,
            index,
            data,
            read: 0,
            main,
            sub: 0,
        }
    }

    /// Applies a put.
    pub fn put(
        &mut self,
        index: RaftIndex,
        data: &'a [u8],
        request: &PutRequest,
        lease_exists: impl Fn(i64) -> bool,
    ) -> Result<(), Refused> {
        self.check_put(request, true, &lease_exists)?;
        let mut transaction = self.transaction(index, data);
        transaction.put(request);
        transaction.end();
        Ok(())
    }

    /// Applies a deletion.
    pub fn delete_range(&mut self, index: RaftIndex, data: &'a [u8], request: &DeleteRangeRequest) {
        let mut transaction = self.transaction(index, data);
        transaction.delete(KeySpan::new(&request.key, &request.range_end));
        transaction.end();
    }

    /// Deletes the keys of a revoked lease, in ascending order and in one revision.
    pub fn delete_attached(&mut self, index: RaftIndex, lease: i64) {
        // etcd sorts the keys of a lease, so that each member gives them the same sub-revisions: `Revoke` in
        // `server/lease/lessor.go`, v3.5.30.
        let keys = self.layer.attached(lease);
        let mut transaction = self.transaction(index, &[]);
        keys.iter()
            .for_each(|key| transaction.delete(KeySpan::Key(key)));
        transaction.end();
    }

    /// Applies a transaction: the conditions of all its branches are those before its first operation.
    pub fn txn(
        &mut self,
        index: RaftIndex,
        data: &'a [u8],
        request: &TxnRequest,
        lease_exists: impl Fn(i64) -> bool,
    ) -> Result<(), Refused> {
        // The checks and the path come first, from one view: `Txn` in `server/etcdserver/apply.go`, v3.5.30.
        let path = branches(&self.layer, request);
        let chosen = operations(request, &path);
        let writes = chosen_writes(request);
        for operation in &chosen {
            match operation {
                Op::Put(put) if writes => self.check_put(put, false, &lease_exists)?,
                Op::Range(range) => self.check_range(range)?,
                _ => {}
            }
        }
        let mut transaction = self.transaction(index, data);
        for operation in &chosen {
            match operation {
                Op::Put(put) => transaction.put(put),
                Op::DeleteRange(delete) => {
                    transaction.delete(KeySpan::new(&delete.key, &delete.range_end))
                }
                Op::Range(_) | Op::Txn(_) => {}
            }
        }
        transaction.end();
        Ok(())
    }

    /// Applies a compaction: only the revision is noted; what it removes follows from it.
    pub fn compact(&mut self, revision: i64) -> Result<(), Refused> {
        // `updateCompactRev` in `server/mvcc/kvstore.go`, v3.5.30.
        if revision <= self.compacted {
            return Err(Refused::Compacted);
        }
        if revision > self.revision {
            return Err(Refused::FutureRevision);
        }
        self.compacted = revision;
        self.compactions.push((revision, self.revision));
        Ok(())
    }

    fn check_put(
        &self,
        put: &PutRequest,
        lease_first: bool,
        lease_exists: &impl Fn(i64) -> bool,
    ) -> Result<(), Refused> {
        let lease = || {
            if put.lease == 0 || lease_exists(put.lease) {
                Ok(())
            } else {
                Err(Refused::LeaseNotFound)
            }
        };
        // A put outside of a transaction looks for the lease first, one inside of it for the key: `Put` and `checkRequestPut`
        // in `server/etcdserver/apply.go`, v3.5.30.
        if lease_first {
            lease()?;
        }
        if (put.ignore_value || put.ignore_lease) && self.layer.live(&put.key).is_none() {
            return Err(Refused::KeyNotFound);
        }
        lease()
    }

    fn check_range(&self, range: &RangeRequest) -> Result<(), Refused> {
        match range.revision {
            0 => Ok(()),
            // `checkRequestRange` in `server/etcdserver/apply.go`, v3.5.30.
            asked if asked > self.revision => Err(Refused::FutureRevision),
            asked if asked < self.compacted => Err(Refused::Compacted),
            _ => Ok(()),
        }
    }
}

/// A transaction that only reads checks nothing of its puts: it has none. `isTxnReadonly` in `server/etcdserver/v3_server.go`,
/// v3.5.30.
fn chosen_writes(txn: &TxnRequest) -> bool {
    txn.success
        .iter()
        .chain(&txn.failure)
        .any(|operation| !matches!(operation.request, Some(Op::Range(_))))
}

/// The operations that are done, nested ones in their place, in order.
fn operations<'t>(txn: &'t TxnRequest, path: &[bool]) -> Vec<&'t Op> {
    fn collect<'t>(
        txn: &'t TxnRequest,
        path: &mut std::slice::Iter<'_, bool>,
        chosen: &mut Vec<&'t Op>,
    ) {
        let holds = path.next().copied().unwrap_or(false);
        for operation in branch(txn, holds) {
            match &operation.request {
                Some(Op::Txn(nested)) => collect(nested, path, chosen),
                Some(operation) => chosen.push(operation),
                None => {}
            }
        }
    }
    let mut chosen = Vec::new();
    collect(txn, &mut path.iter(), &mut chosen);
    chosen
}

impl<'a> Transaction<'_, 'a, '_> {
    fn put(&mut self, request: &PutRequest) {
        // The key before the value, as in the entry: each is looked for after the one before it.
        let key = self.within(&request.key);
        let before = self.store.layer.live(&request.key);
        // An earlier operation of the same transaction deleted the key: etcd panics with "unexpected error during txn with
        // writes" (`Txn` in `server/etcdserver/apply.go`, v3.5.30).
        if before.is_none() && (request.ignore_value || request.ignore_lease) {
            self.store.panicked = true;
            return;
        }
        let numbers = next_numbers(before.as_ref(), self.main);
        let lease = before
            .filter(|_| request.ignore_lease)
            .map_or(request.lease, |before| before.lease);
        let value = match before.filter(|_| request.ignore_value) {
            Some(before) => Cow::Owned(before.value.to_vec()),
            None => self.within(&request.value),
        };
        self.stored(key, numbers, value, lease);
    }

    /// The revision that created a key and its version, if it is put now.
    pub(super) fn numbers(&self, key: &[u8]) -> (i64, i64) {
        next_numbers(self.store.layer.live(key).as_ref(), self.main)
    }

    /// Puts a value.
    pub(super) fn stored(
        &mut self,
        key: Cow<'a, [u8]>,
        (create_revision, version): (i64, i64),
        value: Cow<'a, [u8]>,
        lease: i64,
    ) {
        self.write(
            key,
            Some(Put {
                create_revision,
                version,
                value,
                lease,
            }),
        );
    }

    /// Deletes a key, if it is live.
    pub(super) fn delete_one(&mut self, key: &'a [u8]) {
        if self.store.layer.live(key).is_some() {
            self.write(Cow::Borrowed(key), None);
        }
    }

    fn delete(&mut self, span: KeySpan<'_>) {
        for key in self.store.layer.live_in(span) {
            let key = self.within(&key);
            self.write(key, None);
        }
        self.store.layer.deleted(span);
    }

    /// The slice of the entry that holds `bytes`, so that they need not be kept twice. Keys and values follow each other with a
    /// few bytes of tags and lengths between them.
    fn within(&mut self, bytes: &[u8]) -> Cow<'a, [u8]> {
        let close = self.read..=self.read.saturating_add(CLOSE_BYTES);
        for at in close {
            let end = at.saturating_add(bytes.len());
            if let Some(found) = self.data.get(at..end).filter(|found| *found == bytes) {
                self.read = end;
                return Cow::Borrowed(found);
            }
        }
        within(self.data, bytes)
    }

    fn write(&mut self, key: Cow<'a, [u8]>, put: Option<Put<'a>>) {
        let revision = Revision::new(self.main, self.sub);
        self.sub = self.sub.saturating_add(1);
        self.store.layer.write(Change {
            revision,
            index: self.index,
            key,
            put,
        });
    }

    /// Ends the writes of an entry.
    pub(super) fn end(self) {
        // A transaction without changes uses up no revision: `storeTxnWrite.End` in `server/mvcc/kvstore_txn.go`, v3.5.30.
        if self.sub > 0 {
            self.store.revision = self.main;
        }
    }
}

/// The revision that created a key and its version, after a put. `storeTxnWrite.put` in `server/mvcc/kvstore_txn.go`, v3.5.30.
fn next_numbers(before: Option<&KeyValue<'_>>, main: i64) -> (i64, i64) {
    before.map_or((main, 1), |before| {
        (before.create_revision, before.version.saturating_add(1))
    })
}

/// Bytes after the last key or value in which the next one is looked for first.
const CLOSE_BYTES: usize = 48;
/// Bytes by which a slice is looked for: a search for a whole value costs more to prepare than to do.
const HEAD_BYTES: usize = 16;
/// Maximum number of places with those bytes that are tried: data made to repeat them must not cost quadratic time.
const PLACES_TRIED: usize = 64;

/// The slice of the entry that holds `bytes`, so that they need not be kept twice.
fn within<'a>(data: &'a [u8], bytes: &[u8]) -> Cow<'a, [u8]> {
    let head = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
    memchr::memmem::find_iter(data, head)
        .take(PLACES_TRIED)
        .find_map(|at| {
            data.get(at..at.checked_add(bytes.len())?)
                .filter(|found| *found == bytes)
        })
        .map_or_else(|| Cow::Owned(bytes.to_vec()), Cow::Borrowed)
}
