//! Counting back: at consistent_index the store is at its newest revision, and each write before it used up one.
//!
//! A put always writes. The store shows what a transaction wrote: it wrote if the record at that revision has one of its
//! keys. That may be wrong, so all of it is verified afterwards.

use super::super::RunEntry;
use super::ENTRIES_PER_TASK;
use super::group::RevisionRecords;
use crate::mvcc::Keyspace;
use crate::raft::{Access, Operation, Payload, Plain, PlainKind, PlainTxn, PlainWrite, Request};

/// The beginning of the fast path.
pub(super) struct Course {
    /// The position of its first entry.
    pub(super) position: usize,
    /// The revision before it.
    pub(super) revision: i64,
    /// Ranges of entries: the first one and the one after the last, counted from `position`, and the revision before the first.
    pub(super) marks: Vec<(usize, usize, i64)>,
}

/// Counts back from the last entry, at which the store is at `newest`, to the first one after revision `floor`.
pub(super) fn back(
    keyspace: &Keyspace<'_>,
    applied: &[RunEntry<'_>],
    newest: i64,
    floor: i64,
) -> Option<Course> {
    let (mut revision, mut position) = (newest, applied.len());
    let mut group = RevisionRecords::to(keyspace, revision, keyspace.index().len());
    let mut starts = Vec::new();
    for (at, entry) in applied.iter().enumerate().rev() {
        if revision <= floor {
            break;
        }
        if writes(entry, &group)? {
            revision = revision.saturating_sub(1);
            group = RevisionRecords::to(keyspace, revision, group.first());
        }
        position = at;
        if applied.len().saturating_sub(at) % ENTRIES_PER_TASK == 0 {
            starts.push((at, revision));
        }
    }
    // Before the first write of all nothing is left to count.
    let is_first = applied.first().is_some_and(|first| first.entry.index == 1);
    if is_first && revision == 1 && floor == 1 {
        position = 0;
    }
    starts.push((position, revision));
    starts.dedup();
    starts.reverse();
    let ends = starts.iter().skip(1).map(|&(at, _)| at);
    let ends = ends.chain(std::iter::once(applied.len()));
    let marks = starts
        .iter()
        .zip(ends)
        .map(|(&(from, revision), to)| {
            let from_course = |at: usize| at.saturating_sub(position);
            (from_course(from), from_course(to), revision)
        })
        .collect();
    Some(Course {
        position,
        revision,
        marks,
    })
}

/// Whether an entry wrote, if the group in front is of the newest revision it may have made; `None`: etcd stops at it.
fn writes(entry: &RunEntry<'_>, group: &RevisionRecords<'_, '_>) -> Option<bool> {
    if entry.entry.is_plain
        && let Some(plain) = Plain::parse(entry.data)
    {
        return Some(match plain.kind {
            PlainKind::Write(PlainWrite::Put(_)) => true,
            PlainKind::Write(PlainWrite::Delete(key)) => group.first_key() == Some(key),
            PlainKind::Txn(txn) => has_key(txn, group),
        });
    }
    let request = match entry.payload() {
        Payload::Undecodable(_)
        | Payload::ConfChangeV2(_)
        | Payload::Request(Request::Undecodable(_)) => return None,
        Payload::ConfChange(_) | Payload::Request(Request::Empty | Request::V2(_)) => {
            return Some(false);
        }
        payload @ Payload::Request(Request::Internal(_)) => payload,
    };
    let Payload::Request(Request::Internal(internal)) = &request else {
        return None;
    };
    Some(match internal.operation() {
        Some(Operation::Put(_)) => true,
        Some(Operation::LeaseRevoke(revoke)) => group.revokes(revoke.id),
        Some(Operation::DeleteRange(_) | Operation::Txn(_)) => {
            group.first_key().is_some_and(|key| {
                request.key_spans().iter().any(|span| {
                    matches!(span.access, Access::Write | Access::Delete) && span.contains(key)
                })
            })
        }
        _ => false,
    })
}

fn has_key(txn: PlainTxn<'_>, group: &RevisionRecords<'_, '_>) -> bool {
    let Some(first) = group.first_key() else {
        return false;
    };
    let mut writes = txn.branch(true).chain(txn.branch(false));
    writes.any(|write| match write {
        PlainWrite::Put(put) => put.key == first,
        PlainWrite::Delete(key) => key == first,
    })
}
