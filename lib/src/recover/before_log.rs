//! What a log that begins in the middle shows of the store before it: keys that its transactions compare or delete.

use std::collections::{HashMap, HashSet};

use super::layer::{Base, KeySpan};
use crate::mvcc::KeyValue;
use crate::raft::kv::{Compare, Op, RequestOp, Target, TxnRequest};
use crate::raft::{InternalRaftRequest, Operation, Payload, Request};

/// `EQUAL` of a condition, and `MOD` of its target: `api/etcdserverpb/rpc.proto`, v3.5.30.
const EQUAL: i32 = 0;
const MOD_REVISION: i32 = 2;

/// Keys of which the log shows that they existed before its first entry. Only the newest revision of a key is known, and of a key
/// that is deleted without a condition not even that; values are not.
#[derive(Clone, Debug, Default)]
pub struct BeforeLog {
    keys: HashMap<Vec<u8>, i64>,
}

impl BeforeLog {
    /// Notes the keys that entries need: those that are deleted before the log writes them, and those that a transaction demands at a
    /// revision up to `base`, the last before the first entry. If such a demand follows a write of the key, the write failed: it was the
    /// creation of a key that was there.
    pub fn of_entries<'p>(payloads: impl IntoIterator<Item = &'p Payload>, base: i64) -> Self {
        let mut before = Self::default();
        let mut settled: HashSet<&'p [u8]> = HashSet::new();
        for payload in payloads {
            match operation(payload) {
                Some(Operation::Put(put)) => {
                    settled.insert(&put.key);
                }
                Some(Operation::DeleteRange(delete))
                    if delete.range_end.is_empty() && settled.insert(&delete.key) =>
                {
                    before.keys.entry(delete.key.clone()).or_insert(0);
                }
                Some(Operation::Txn(txn)) => {
                    for (key, revision) in compared_revisions(txn) {
                        if settled.insert(key) && revision <= base {
                            before.keys.insert(key.to_vec(), revision);
                        }
                    }
                    for (key, lives) in key_writes(&txn.success) {
                        if !lives && !settled.contains(key) {
                            before.keys.entry(key.to_vec()).or_insert(0);
                        }
                        if txn.compare.is_empty() {
                            settled.insert(key);
                        }
                    }
                }
                _ => {}
            }
        }
        before
    }

    /// Adds keys that were written last at that revision or before it.
    pub(crate) fn add<'k>(&mut self, keys: impl IntoIterator<Item = &'k [u8]>, revision: i64) {
        for key in keys {
            self.keys.entry(key.to_vec()).or_insert(revision);
        }
    }
}

impl Base for BeforeLog {
    fn live(&self, key: &[u8]) -> Option<KeyValue<'_>> {
        let (key, revision) = self.keys.get_key_value(key)?;
        Some(KeyValue {
            key,
            create_revision: *revision,
            mod_revision: *revision,
            version: 1,
            canonical: true,
            ..KeyValue::default()
        })
    }

    fn live_in(&self, span: KeySpan<'_>) -> Vec<Vec<u8>> {
        if let KeySpan::Key(key) = span {
            return self.live(key).map(|_| key.to_vec()).into_iter().collect();
        }
        let mut keys: Vec<Vec<u8>> = self.keys.keys().cloned().collect();
        keys.retain(|key| span.contains(key));
        keys.sort();
        keys
    }

    fn attached(&self, _lease: i64) -> Vec<Vec<u8>> {
        Vec::new()
    }
}

/// The operation of an entry on keys, leases, users or members.
pub(crate) fn operation(payload: &Payload) -> Option<Operation<'_>> {
    match payload {
        Payload::Request(Request::Internal(request)) => InternalRaftRequest::operation(request),
        _ => None,
    }
}

/// Keys of which a transaction demands that they were written last at a revision, with that revision.
pub(crate) fn compared_revisions(txn: &TxnRequest) -> impl Iterator<Item = (&[u8], i64)> {
    let compares = txn.compare.iter();
    compares.filter_map(|compare| Some((compare.key.as_slice(), demanded_revision(compare)?)))
}

/// The revision that a condition demands of one key: "written last then". Kubernetes demands it in every update and deletion:
/// `OptimisticPut` in `kubernetes/client.go` of etcd's client, v3.6.0.
pub(crate) fn demanded_revision(compare: &Compare) -> Option<i64> {
    let is_demanded = compare.result == EQUAL && compare.target == MOD_REVISION;
    match compare.target_union {
        Some(Target::ModRevision(revision))
            if revision > 0 && is_demanded && compare.range_end.is_empty() =>
        {
            Some(revision)
        }
        _ => None,
    }
}

/// The keys that operations of a transaction put (`true`) or delete each for itself (`false`).
pub(crate) fn key_writes(operations: &[RequestOp]) -> impl Iterator<Item = (&[u8], bool)> {
    operations
        .iter()
        .filter_map(|operation| match &operation.request {
            Some(Op::Put(put)) => Some((put.key.as_slice(), true)),
            Some(Op::DeleteRange(delete)) if delete.range_end.is_empty() => {
                Some((delete.key.as_slice(), false))
            }
            _ => None,
        })
}

/// Whether it demands that a key does not exist.
pub(crate) fn is_absence(compare: &Compare) -> bool {
    let is_zero = match compare.target_union {
        Some(
            Target::ModRevision(number) | Target::CreateRevision(number) | Target::Version(number),
        ) => number == 0,
        None => compare.target < 3,
        _ => false,
    };
    compare.result == EQUAL && compare.range_end.is_empty() && is_zero
}
