//! Questions that a part of the log answers: about a few keys, or the newest writes. The whole log need not be applied again.

use std::collections::HashMap;

use memchr::memmem::Finder;
use rayon::prelude::*;

use super::logged::{Logged, LoggedWrite, of_entries, writes_of};
use super::runs;
use crate::member::{Member, Wal};
use crate::mvcc::Keyspace;
use crate::raft::kv::{DeleteRangeRequest, Op, TxnRequest};
use crate::raft::{Operation, Payload, Request};
use crate::recover::commit;
use crate::wal::LogEntry;
use located::{RaftIndex, progress::Progress};

/// Maximum number of keys that are looked for one by one.
const MAX_KEYS: usize = 16;

/// Returns whether the db has every committed write of some keys that the log has, so that the log adds nothing to their history. Only
/// entries that name a key are decoded. `false` if it has not, or if that takes more than a look.
pub fn log_adds_nothing(
    keyspace: &Keyspace<'_>,
    member: &Member,
    keys: &[Vec<u8>],
    progress: &dyn Progress,
) -> bool {
    let Some(wal) = member.wal_with(progress).filter(|_| keys.len() <= MAX_KEYS) else {
        return keys.len() <= MAX_KEYS;
    };
    let naming: Vec<Naming> = naming(&wal, until(member, &wal), keys);
    naming.iter().all(|naming| *naming != Naming::Unclear)
        && keys.iter().all(|key| has_all(keyspace, key, &naming))
}

/// Returns whether the newest write of a key that the log asks for is another one than the newest in the db: it may be lost, not applied
/// yet, or a transaction that failed.
pub fn log_ends_otherwise(
    keyspace: &Keyspace<'_>,
    member: &Member,
    key: &[u8],
    progress: &dyn Progress,
) -> bool {
    let Some(wal) = member.wal_with(progress) else {
        return false;
    };
    let until = until(member, &wal);
    let key = key.to_vec();
    let keys = std::slice::from_ref(&key);
    let finders = finders(keys);
    let entries: Vec<&LogEntry> = wal.log().surviving().collect();
    let newest = entries
        .into_iter()
        .rev()
        .filter(|entry| entry.index <= until)
        .find_map(|entry| of_entry(&wal, entry, keys, &finders));
    let stored = keyspace.records_of(&key).iter().next_back();
    let Some(Naming::Writes(writes)) = newest else {
        return newest.is_some();
    };
    match (writes.last(), stored) {
        (Some((_, Some((value, _)))), Some(stored)) => {
            stored.tombstone || stored.key_value().is_ok_and(|kv| kv.value != value)
        }
        (Some((_, Some(_))), None) => true,
        (Some((_, None)), Some(stored)) => !stored.tombstone,
        _ => false,
    }
}

/// The newest entries of the log beside the db, as [`logged_beside`](super::logged_beside) has them: `None` if they do not suffice to
/// know their revisions.
pub fn logged_tail(
    keyspace: &Keyspace<'_>,
    member: &Member,
    entries: usize,
    progress: &dyn Progress,
) -> Option<Logged> {
    let wal = member.wal_with(progress)?;
    let applied = member.meta().ok()?.consistent_index?;
    let is_whole = wal.log().gaps.is_empty() && wal.log().damages.is_empty();
    let mut runs = runs(&wal);
    let run = runs.pop().filter(|_| runs.is_empty() && is_whole)?;
    let end = run.partition_point(|entry| entry.entry.index <= applied);
    let tail = run.get(end.saturating_sub(entries)..)?;
    let logged = of_entries(keyspace, &wal, tail, applied, progress);
    let is_placed = logged.stopped().is_none() && logged.unplaced().newest_revision().is_none();
    (is_placed && logged.revisions().is_some()).then_some(logged)
}

fn until(member: &Member, wal: &Wal<'_>) -> RaftIndex {
    let applied = member.meta().ok().and_then(|meta| meta.consistent_index);
    commit(wal, applied.unwrap_or_default())
}

/// A key, and value and lease of a put; `None` for a deletion.
type KeyWrite = (Vec<u8>, Option<(Vec<u8>, i64)>);

/// What an entry does to keys.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Naming {
    /// Writes of single keys.
    Writes(Vec<KeyWrite>),
    /// A lease is revoked.
    Revokes(i64),
    /// A range is deleted, or a value kept.
    Unclear,
}

fn finders(keys: &[Vec<u8>]) -> Vec<Finder<'_>> {
    keys.iter().map(|key| Finder::new(key.as_slice())).collect()
}

/// What the committed entries that name a key do.
fn naming(wal: &Wal<'_>, until: RaftIndex, keys: &[Vec<u8>]) -> Vec<Naming> {
    let finders = finders(keys);
    let entries: Vec<&LogEntry> = wal.log().surviving().collect();
    let committed = entries.into_par_iter().filter(|entry| entry.index <= until);
    committed
        .filter_map(|entry| of_entry(wal, entry, keys, &finders))
        .collect()
}

/// What an entry does to the keys; `None` if nothing.
fn of_entry(
    wal: &Wal<'_>,
    entry: &LogEntry,
    keys: &[Vec<u8>],
    finders: &[Finder<'_>],
) -> Option<Naming> {
    let data = wal.data(entry);
    let is_named = || finders.iter().any(|finder| finder.find(data).is_some());
    // An entry that is plain names each key that it writes.
    if entry.is_plain && !is_named() {
        return None;
    }
    let payload = Payload::decode(entry.kind, data);
    let Payload::Request(Request::Internal(request)) = &payload else {
        return None;
    };
    let range = match request.operation() {
        Some(Operation::LeaseRevoke(revoke)) => return Some(Naming::Revokes(revoke.id)),
        Some(Operation::DeleteRange(delete)) => has_range(delete, keys),
        Some(Operation::Txn(txn)) => txn_has_range(txn, keys),
        _ => false,
    };
    if range {
        return Some(Naming::Unclear);
    }
    let mut writes = Vec::new();
    writes_of(&payload, &mut writes);
    let mut found = Vec::new();
    for write in writes {
        match write {
            LoggedWrite::Put(put) if keys.contains(&put.key) => {
                if put.ignore_value || put.ignore_lease {
                    return Some(Naming::Unclear);
                }
                found.push((put.key.clone(), Some((put.value.clone(), put.lease))));
            }
            LoggedWrite::Delete(key) if keys.iter().any(|known| known == key) => {
                found.push((key.to_vec(), None));
            }
            _ => {}
        }
    }
    (!found.is_empty()).then_some(Naming::Writes(found))
}

fn has_range(delete: &DeleteRangeRequest, keys: &[Vec<u8>]) -> bool {
    let (start, end) = (&delete.key, &delete.range_end);
    let is_within = |key: &Vec<u8>| key >= start && (key < end || end.as_slice() == [0]);
    !end.is_empty() && keys.iter().any(is_within)
}

fn txn_has_range(txn: &TxnRequest, keys: &[Vec<u8>]) -> bool {
    let mut operations = txn.success.iter().chain(&txn.failure);
    operations.any(|operation| match &operation.request {
        Some(Op::DeleteRange(delete)) => has_range(delete, keys),
        Some(Op::Txn(nested)) => txn_has_range(nested, keys),
        _ => false,
    })
}

/// Whether the db has as many records of a key as the log has writes, each with its value.
fn has_all(keyspace: &Keyspace<'_>, key: &[u8], naming: &[Naming]) -> bool {
    let records = keyspace.records_of(key);
    let mut stored: HashMap<(&[u8], i64), u64> = HashMap::new();
    let mut tombstones = 0u64;
    for version in records.iter() {
        match version.key_value() {
            Ok(_) if version.tombstone => tombstones = tombstones.saturating_add(1),
            Ok(kv) => {
                let count = stored.entry((kv.value, kv.lease)).or_default();
                *count = count.saturating_add(1);
            }
            Err(_) => return false,
        }
    }
    for naming in naming {
        let writes = match naming {
            Naming::Writes(writes) => writes.as_slice(),
            Naming::Revokes(lease) if stored.keys().any(|(_, of)| of == lease) => return false,
            _ => continue,
        };
        for (_, put) in writes.iter().filter(|(written, _)| written == key) {
            let count = match put {
                Some((value, lease)) => stored.get_mut(&(value.as_slice(), *lease)),
                None => Some(&mut tombstones),
            };
            let Some(left) = count.and_then(|count| count.checked_sub(1).map(|left| (count, left)))
            else {
                return false;
            };
            *left.0 = left.1;
        }
    }
    true
}
