//! Where the comparison begins: an entry and the revision the store had before it.

use std::collections::HashMap;

use super::{Entry, Told};
use crate::codes::cross;
use crate::finding::Finding;
use crate::mvcc::{Keyspace, Revision};
use crate::raft::kv::{Op, PutRequest, RequestOp, TxnRequest};
use crate::raft::{Operation, Payload, Request};
use crate::recover::{Nothing, Replay, State};

/// Where the comparison begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// Before the first entry of all: the store was empty.
    Beginning,
    /// Before the entry at this position the store was at this revision.
    At { position: usize, revision: i64 },
}

impl Anchor {
    /// The position of the first entry that is compared.
    pub(super) fn at(self) -> usize {
        match self {
            Self::Beginning => 0,
            Self::At { position, .. } => position,
        }
    }

    /// The earliest anchor of a run of entries.
    pub(super) fn find(keyspace: &Keyspace<'_>, entries: &[Entry<'_>], consistent_index: u64) -> Option<Self> {
        let written = by_write(keyspace, entries, consistent_index);
        if entries.first().is_some_and(|first| first.entry.index == 1) {
            let mut replay = Replay::new(&Nothing, beginning(), 1, -1);
            let limit = written.map(|(position, _)| position);
            for (position, entry) in entries.iter().enumerate() {
                if limit == Some(position) || entry.entry.index > consistent_index {
                    break;
                }
                replay.apply(entry.entry.index, entry.data, &entry.payload);
            }
            let newest = keyspace.between(0..=i64::MAX).next_back().map_or(1, |version| version.revision.main);
            let fits = match written {
                Some((_, revision)) => replay.revision() == revision,
                None => replay.revision() == newest,
            };
            if fits {
                return Some(Self::Beginning);
            }
        }
        written.map(|(position, revision)| Self::At { position, revision })
    }
}

/// What a new member holds.
pub(super) fn beginning() -> State {
    let mut state = State::default();
    state.users.revision = 1;
    state
}

/// The first put whose key, value and lease stand in the store exactly once, above the compaction; and the revision
/// before it. Two such puts must agree with each other in order, or the first may be a coincidence.
fn by_write(keyspace: &Keyspace<'_>, entries: &[Entry<'_>], consistent_index: u64) -> Option<(usize, i64)> {
    let mut first: Option<(usize, i64)> = None;
    for (position, entry) in entries.iter().enumerate() {
        if entry.entry.index > consistent_index {
            break;
        }
        let Some(main) = puts(&entry.payload).into_iter().find_map(|put| revision_of(keyspace, put)) else { continue };
        match first {
            Some((earlier, revision)) => {
                let entries_between = i64::try_from(position.saturating_sub(earlier)).unwrap_or(i64::MAX);
                let grown = main.saturating_sub(1).saturating_sub(revision);
                if (1..=entries_between).contains(&grown) {
                    return first;
                }
                first = Some((position, main.saturating_sub(1)));
            }
            None => first = Some((position, main.saturating_sub(1))),
        }
    }
    first
}

fn revision_of(keyspace: &Keyspace<'_>, put: &PutRequest) -> Option<i64> {
    let records = keyspace.records_of(&put.key);
    let mut same = records.iter().filter(|version| {
        !version.tombstone && version.key_value().is_ok_and(|kv| kv.value == put.value && kv.lease == put.lease)
    });
    let only = same.next()?;
    let main = only.revision.main;
    let above = keyspace.compact_revision().is_none_or(|compacted| main > compacted);
    (above && same.next().is_none()).then_some(main)
}

/// Every put of an entry, in all branches.
pub(super) fn puts(payload: &Payload) -> Vec<&PutRequest> {
    fn of_txn<'t>(txn: &'t TxnRequest, puts: &mut Vec<&'t PutRequest>) {
        for RequestOp { request } in txn.success.iter().chain(&txn.failure) {
            match request {
                Some(Op::Put(put)) => puts.push(put),
                Some(Op::Txn(nested)) => of_txn(nested, puts),
                _ => {}
            }
        }
    }
    let mut puts = Vec::new();
    if let Payload::Request(Request::Internal(request)) = payload {
        match request.operation() {
            Some(Operation::Put(put)) => puts.push(put),
            Some(Operation::Txn(txn)) => of_txn(txn, &mut puts),
            _ => {}
        }
    }
    puts
}

/// Entries in front of the anchor have no known revision. But a stored value that no write of its key in the WAL has, and
/// that differs from one of them in a single byte, is that write with flipped bits.
pub(super) fn near_misses(
    keyspace: &Keyspace<'_>,
    entries: &[Entry<'_>],
    consistent_index: u64,
    told: &mut Told,
) {
    let mut near: HashMap<Revision, Option<(Finding, Vec<u8>)>> = HashMap::new();
    for entry in entries.iter().filter(|entry| entry.entry.index <= consistent_index) {
        for put in puts(&entry.payload).into_iter().filter(|put| !put.ignore_value) {
            for version in keyspace.records_of(&put.key).iter().filter(|version| !version.tombstone) {
                let Ok(kv) = version.key_value() else { continue };
                if kv.value == put.value {
                    near.insert(version.revision, None);
                } else if !near.contains_key(&version.revision) && differs_in_one_byte(kv.value, &put.value) {
                    let index = entry.entry.index;
                    let message = format!("the value at revision {} differs in one byte from the write of raft entry {index}", version.revision);
                    let place = told.place_of(&version);
                    let finding = Finding::new(&cross::OLD_VALUE, place, message).key(&*put.key);
                    near.insert(version.revision, Some((finding, put.value.clone())));
                }
            }
        }
    }
    let mut near: Vec<_> = near.into_iter().filter_map(|(revision, found)| Some((revision, found?.0))).collect();
    near.sort_by_key(|(revision, _)| *revision);
    near.into_iter().for_each(|(_, finding)| told.add(finding));
}

fn differs_in_one_byte(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).filter(|(a, b)| a != b).take(2).count() == 1
}
