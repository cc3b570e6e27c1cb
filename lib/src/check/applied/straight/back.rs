//! Counting back: at consistent_index the store is at its newest revision, and each write before it used up one.
//!
//! A put always writes. What a transaction wrote is asked of the store: it wrote if the record that stands there has one of
//! its keys. That may be wrong, so that all of it is verified afterwards.

use super::super::Entry;
use super::STRETCH;
use super::group::Group;
use crate::mvcc::Keyspace;
use crate::raft::{Access, Operation, Payload, Plain, PlainKind, PlainTxn, PlainWrite, Request};

/// Where the road begins.
pub(super) struct Course {
    /// The first entry on it.
    pub(super) position: usize,
    /// The revision before it.
    pub(super) revision: i64,
    /// Stretches: first entry and the one behind the last, counted from `position`, and the revision before the first.
    pub(super) marks: Vec<(usize, usize, i64)>,
}

/// Counts back from the last entry, at which the store is at `newest`, to the first behind revision `floor`.
pub(super) fn back(
    keyspace: &Keyspace<'_>,
    applied: &[Entry<'_>],
    newest: i64,
    floor: i64,
) -> Option<Course> {
    let (mut revision, mut position) = (newest, applied.len());
    let mut group = Group::to(keyspace, revision, keyspace.index().len());
    let mut starts = Vec::new();
    for (at, entry) in applied.iter().enumerate().rev() {
        if revision <= floor {
            break;
        }
        if writes(entry, &group)? {
            revision = revision.saturating_sub(1);
            group = Group::to(keyspace, revision, group.first());
        }
        position = at;
        if applied.len().saturating_sub(at) % STRETCH == 0 {
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
fn writes(entry: &Entry<'_>, group: &Group<'_, '_>) -> Option<bool> {
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

fn has_key(txn: PlainTxn<'_>, group: &Group<'_, '_>) -> bool {
    let Some(first) = group.first_key() else {
        return false;
    };
    let mut writes = txn.branch(true).chain(txn.branch(false));
    writes.any(|write| match write {
        PlainWrite::Put(put) => put.key == first,
        PlainWrite::Delete(key) => key == first,
    })
}
