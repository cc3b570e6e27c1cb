//! The revisions of a log that begins in the middle, found from the revisions that its transactions demand.
//!
//! A transaction that demands "this key was written last at revision N" names the revision of an earlier entry. Between two such
//! entries the writes are counted. Where the count is too high, a creation failed, for its key was there before the log; where it is too
//! low, a lease from before the log ended and took keys with it that the log does not name.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::before_log::{compared_revisions, demanded_revision, is_absence, key_writes, operation};
use crate::raft::kv::{Compare, Op, TxnRequest};
use crate::raft::{Operation, Payload};
use located::RaftIndex;

/// Maximum number of revisions by which a count may be wrong at once: more is no miscount.
const MAX_MISCOUNT: i64 = 64;

/// What is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TailNumbers<'p> {
    /// The revision before the first entry.
    pub(crate) base: i64,
    /// Keys that existed before the log: their creation by the log failed.
    pub(crate) existing: Vec<&'p [u8]>,
    /// Revisions that entries made which revoke leases from before the log, by index: which keys were deleted is not known.
    pub(crate) unseen: BTreeMap<RaftIndex, i64>,
    /// Transactions whose conditions are on keys that the log has not written, with the keys of both branches: which one was taken is
    /// not known.
    pub(crate) undecided: BTreeMap<RaftIndex, Vec<&'p [u8]>>,
    /// Demands that name a revision of the log, and of them those that did not fit and were no conflict.
    pub(crate) demands: usize,
    pub(crate) misfits: usize,
}

/// The newest write of a key.
struct Newest {
    revision: i64,
    index: RaftIndex,
    lives: bool,
    /// The revision before it, if the log has it.
    before: i64,
}

/// An entry whose effect a count may have wrong.
enum Uncertain<'p> {
    /// It created a key that the log had not named before.
    Creation(&'p [u8]),
    /// It revoked a lease that the log did not grant.
    OldLease,
}

/// Entries that are counted.
struct Numbered<'p> {
    found: TailNumbers<'p>,
    revision: i64,
    newest: HashMap<&'p [u8], Newest>,
    /// Entries after the last that a demand confirmed, by index.
    uncertain: BTreeMap<RaftIndex, Uncertain<'p>>,
    /// Whether a demand has named a revision of the log.
    is_anchored: bool,
    leases: HashSet<i64>,
    mentions: HashMap<&'p [u8], Mentions>,
}

/// What the log as a whole says of a key.
#[derive(Default)]
struct Mentions {
    /// How often it is created: a client that creates it again has not found it, or does not look.
    creations: usize,
    /// The first revision that is demanded of it.
    demanded: Option<i64>,
}

impl<'p> Numbered<'p> {
    fn new(payloads: &'p [(RaftIndex, Payload)], base: i64) -> Self {
        let mut mentions: HashMap<&'p [u8], Mentions> = HashMap::new();
        for (_, payload) in payloads {
            let Some(Operation::Txn(txn)) = operation(payload) else {
                continue;
            };
            for compare in txn.compare.iter().filter(|compare| is_absence(compare)) {
                mentions.entry(&compare.key).or_default().creations += 1;
            }
            for (key, revision) in compared_revisions(txn) {
                let mentions = mentions.entry(key).or_default();
                mentions.demanded = mentions.demanded.or(Some(revision));
            }
        }
        Self {
            found: TailNumbers {
                base,
                ..TailNumbers::default()
            },
            revision: base,
            newest: HashMap::new(),
            uncertain: BTreeMap::new(),
            is_anchored: false,
            leases: HashSet::new(),
            mentions,
        }
    }

    /// How likely the first creation of a key failed; `None`: it did not, for a later transaction demands a revision of the log.
    fn may_have_failed(&self, key: &[u8]) -> Option<usize> {
        let mentions = self.mentions.get(key)?;
        match mentions.demanded {
            Some(demanded) if demanded > self.found.base => None,
            Some(_) => Some(usize::MAX),
            None => Some(mentions.creations),
        }
    }
}

/// Of a hundred demands that name a write of the log, how many may not fit a numbering that is that of the store.
const MAX_MISFITS: usize = 5;

impl TailNumbers<'_> {
    /// Whether demands prove the numbering.
    pub(crate) fn is_proven(&self) -> bool {
        let misfits = self.misfits.saturating_mul(100);
        let most = self.demands.saturating_mul(MAX_MISFITS);
        self.demands > 0 && misfits <= most && self.base > 0
    }
}

/// Counts from a guess of the base, which the first demand corrects.
pub(crate) fn tail_numbers<'p>(payloads: &'p [(RaftIndex, Payload)], base: i64) -> TailNumbers<'p> {
    let mut count = Numbered::new(payloads, base);
    for (index, payload) in payloads {
        if let Some(operation) = operation(payload) {
            count.take(*index, &operation);
        }
    }
    count.found
}

impl<'p> Numbered<'p> {
    fn take(&mut self, index: RaftIndex, operation: &Operation<'p>) {
        match *operation {
            Operation::Put(put) => self.write_all([(put.key.as_slice(), true)], index),
            Operation::DeleteRange(delete) if delete.range_end.is_empty() => {
                self.write_all([(delete.key.as_slice(), false)], index);
            }
            Operation::Txn(txn) => self.txn(index, txn),
            Operation::LeaseGrant(grant) => {
                self.leases.insert(grant.id);
            }
            Operation::LeaseRevoke(revoke) if !self.leases.contains(&revoke.id) => {
                self.uncertain.insert(index, Uncertain::OldLease);
            }
            _ => {}
        }
    }

    /// Writes keys, or deletes those that may be there. All of an entry is one revision.
    fn write_all(&mut self, keys: impl IntoIterator<Item = (&'p [u8], bool)>, index: RaftIndex) {
        let revision = self.revision.saturating_add(1);
        for (key, lives) in keys {
            let newest = self.newest.get(key);
            if !lives && newest.is_some_and(|newest| !newest.lives) {
                continue;
            }
            let before = newest.filter(|_| lives);
            let before = before.map_or(0, |newest| newest.revision);
            self.revision = revision;
            let newest = Newest {
                revision,
                index,
                lives,
                before,
            };
            self.newest.insert(key, newest);
        }
    }

    fn txn(&mut self, index: RaftIndex, txn: &'p TxnRequest) {
        if txn.compare.iter().any(|compare| self.is_open(compare)) {
            return self.undecided(index, txn);
        }
        let mut holds = true;
        for (key, revision) in compared_revisions(txn) {
            holds &= self.demanded(key, revision);
        }
        for compare in txn.compare.iter().filter(|compare| is_absence(compare)) {
            match self.newest.get(compare.key.as_slice()) {
                Some(newest) => holds &= !newest.lives,
                None => {
                    let creation = Uncertain::Creation(&compare.key);
                    self.uncertain.insert(index, creation);
                }
            }
        }
        let operations = if holds { &txn.success } else { &txn.failure };
        self.write_all(key_writes(operations), index);
    }

    /// Whether a condition is on keys of which nothing is known. A revision that is demanded, and a key that must not exist, are taken
    /// to be as demanded.
    fn is_open(&self, compare: &Compare) -> bool {
        let is_expected = is_absence(compare) || demanded_revision(compare).is_some();
        !is_expected
            && (!compare.range_end.is_empty() || !self.newest.contains_key(compare.key.as_slice()))
    }

    /// It may have made a revision, and its keys are not known any more.
    fn undecided(&mut self, index: RaftIndex, txn: &'p TxnRequest) {
        let mut keys = Vec::new();
        for operation in txn.success.iter().chain(&txn.failure) {
            match &operation.request {
                Some(Op::Put(put)) => keys.push(put.key.as_slice()),
                Some(Op::DeleteRange(delete)) => keys.push(delete.key.as_slice()),
                _ => {}
            }
        }
        if keys.is_empty() {
            return;
        }
        self.revision = self.revision.saturating_add(1);
        for key in &keys {
            self.newest.remove(key);
        }
        self.found.undecided.insert(index, keys);
    }

    /// Whether a key was written last at the revision that is demanded; corrects the count if that is the revision of another write
    /// than was counted.
    fn demanded(&mut self, key: &[u8], revision: i64) -> bool {
        let Some(newest) = self.newest.get(key) else {
            // The log has not written it yet.
            return true;
        };
        let (counted, at, before) = (newest.revision, newest.index, newest.before);
        if revision == before || revision <= self.found.base && self.is_anchored {
            // A conflict: the client had not seen the newest write.
            return false;
        }
        self.found.demands = self.found.demands.saturating_add(1);
        if !self.is_anchored {
            self.is_anchored = true;
            self.shift(RaftIndex(0), revision.saturating_sub(counted));
            self.found.base = self
                .found
                .base
                .saturating_add(revision.saturating_sub(counted));
        } else if revision != counted && !self.correct(at, revision.saturating_sub(counted)) {
            self.found.misfits = self.found.misfits.saturating_add(1);
            return true;
        }
        self.uncertain = self.uncertain.split_off(&at.saturating_add(1));
        true
    }

    /// Corrects the count of the entries up to `at` by so many revisions. `false`: nothing explains them.
    fn correct(&mut self, at: RaftIndex, by: i64) -> bool {
        if by.saturating_abs() > MAX_MISCOUNT {
            return false;
        }
        let rank = |uncertain: &Uncertain<'_>| match uncertain {
            Uncertain::OldLease => (by > 0).then_some(0),
            Uncertain::Creation(key) if by < 0 => self.may_have_failed(key),
            Uncertain::Creation(_) => None,
        };
        let wanted = self.uncertain.range(..=at);
        let wanted = wanted.filter_map(|(index, uncertain)| Some((rank(uncertain)?, *index)));
        let mut wanted: Vec<(usize, RaftIndex)> = wanted.collect();
        wanted.sort_unstable_by(|one, other| other.cmp(one));
        let many = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
        if wanted.len() < many {
            return false;
        }
        for (_, index) in wanted.into_iter().take(many) {
            match self.uncertain.remove(&index) {
                Some(Uncertain::Creation(key)) => {
                    self.found.existing.push(key);
                    self.shift(index, -1);
                }
                Some(Uncertain::OldLease) => {
                    self.found.unseen.insert(index, 1);
                    self.shift(index, 1);
                }
                None => {}
            }
        }
        true
    }

    /// Everything after an entry has other revisions than were counted.
    fn shift(&mut self, after: RaftIndex, by: i64) {
        self.revision = self.revision.saturating_add(by);
        for newest in self.newest.values_mut() {
            if newest.index > after {
                newest.revision = newest.revision.saturating_add(by);
            }
            // The one before may be older than the entry: then a conflict is taken for one that does not fit.
            if newest.before > 0 && newest.index > after {
                newest.before = newest.before.saturating_add(by);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::kv::{DeleteRangeRequest, PutRequest, RequestOp, Target};
    use crate::raft::{InternalRaftRequest, Request};

    fn put(key: &str) -> Op {
        Op::Put(PutRequest {
            key: key.into(),
            ..PutRequest::default()
        })
    }

    fn delete(key: &str) -> Op {
        Op::DeleteRange(DeleteRangeRequest {
            key: key.into(),
            ..DeleteRangeRequest::default()
        })
    }

    fn entry(demanded: Option<(&str, i64)>, operations: Vec<Op>) -> Payload {
        let compare = demanded.map(|(key, revision)| Compare {
            target: 2,
            key: key.into(),
            target_union: Some(Target::ModRevision(revision)),
            ..Compare::default()
        });
        let request = |op: Op| RequestOp { request: Some(op) };
        let txn = TxnRequest {
            compare: compare.into_iter().collect(),
            success: operations.into_iter().map(request).collect(),
            ..TxnRequest::default()
        };
        Payload::Request(Request::Internal(Box::new(InternalRaftRequest {
            txn: Some(Box::new(txn)),
            ..InternalRaftRequest::default()
        })))
    }

    #[test]
    fn all_that_a_transaction_writes_and_deletes_is_one_revision() {
        let log = [
            (
                RaftIndex(90),
                entry(None, vec![put("a"), delete("b"), delete("c"), put("d")]),
            ),
            (RaftIndex(91), entry(None, vec![put("e")])),
            // Deletes nothing, and makes no revision.
            (RaftIndex(92), entry(None, vec![delete("b")])),
            (RaftIndex(93), entry(None, vec![put("f")])),
            (RaftIndex(94), entry(Some(("e", 72)), vec![put("e")])),
            (RaftIndex(95), entry(Some(("f", 73)), vec![delete("f")])),
        ];
        let found = tail_numbers(&log, 90);
        assert_eq!((found.base, found.demands, found.misfits), (70, 2, 0));
    }

    #[test]
    fn a_creation_that_failed_makes_no_revision() {
        let create = |key| entry(Some((key, 0)), vec![put(key)]);
        let log = [
            (RaftIndex(5), create("a")),
            (RaftIndex(6), create("there")),
            (RaftIndex(7), create("there")),
            (RaftIndex(8), create("b")),
            (RaftIndex(9), entry(Some(("a", 31)), vec![put("a")])),
            (RaftIndex(10), entry(Some(("b", 32)), vec![put("b")])),
        ];
        let found = tail_numbers(&log, 5);
        assert_eq!((found.base, found.misfits), (30, 0));
        assert_eq!(found.existing, [b"there"]);
    }
}
