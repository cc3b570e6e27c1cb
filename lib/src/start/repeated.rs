//! Writes that are in the db already and that a start applies once more: consistent_index is too low (etcd 3.5.0 to 3.5.2), or the
//! db was restored and put beside its old log.

use crate::member::Member;
use crate::progress::Progress;
use crate::raft::{Entry, EntryType, Operation, Payload, Request};
use crate::recover::{Nothing, Replay, State};
use located::RaftIndex;

/// Maximum number of entries among which one is searched that shows whether the comparison is worth its time.
const MAX_ENTRIES_SEARCHED: usize = 200;

/// What is applied again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Repeated {
    /// Writes, as revisions of the db.
    pub writes: u64,
    /// Whether consistent_index is that of a restored db, and the log goes on after what the db holds.
    pub undone: bool,
}

/// Compares the db with what the log makes from nothing; `None` if the log does not begin with entry 1, or if the db does not hold
/// more than the entries up to `index` made.
pub(super) fn repeated(
    member: &Member,
    index: RaftIndex,
    pending: &[Entry<'_>],
    progress: &dyn Progress,
) -> Option<Repeated> {
    let base = member.readable_keyspace().ok()?;
    let payloads = pending.iter();
    let payloads = payloads.map(|entry| Payload::decode(entry.kind, entry.data));
    if !shows_a_known_value(member, payloads) {
        return None;
    }
    let wal = member.wal_with(progress)?;
    let mut replay = Replay::new(&Nothing, State::of_new_member(), 1, -1);
    let (mut at, mut applied) = (RaftIndex(0), 1i64);
    for entry in wal.log().surviving() {
        if entry.index != at.next() {
            return None;
        }
        let _ = replay.apply_data(entry.index, entry.kind, wal.data(entry));
        at = entry.index;
        if at <= index {
            applied = replay.revision();
        }
    }
    let revision = base.revision();
    if revision <= applied || revision > replay.revision() {
        return None;
    }
    // Every record that no compaction removed must be the one that the log makes at this revision.
    let from = base.compact_revision().unwrap_or(0).saturating_add(1);
    let made = replay.changes().iter();
    let mut made = made.filter(|change| (from..=revision).contains(&change.revision.main));
    for version in base.between(from..=revision) {
        let change = made.next()?;
        let is_same = change.revision == version.revision
            && change.key.as_ref() == version.key
            && match &change.put {
                Some(put) => version.key_value().is_ok_and(|kv| *kv.value == *put.value),
                None => version.tombstone,
            };
        if !is_same {
            return None;
        }
    }
    let conf = wal.log().surviving();
    let conf = conf.take_while(|entry| entry.kind == EntryType::ConfChange);
    let is_restored = conf.last().is_some_and(|last| last.index == index);
    Some(Repeated {
        writes: revision.saturating_sub(applied).unsigned_abs(),
        undone: is_restored && replay.revision() > revision,
    })
}

/// Whether the first put that is to be applied has a value that the db holds already.
pub(crate) fn shows_a_known_value(member: &Member, pending: impl Iterator<Item = Payload>) -> bool {
    let Ok(base) = member.readable_keyspace() else {
        return false;
    };
    let pending = pending.take(MAX_ENTRIES_SEARCHED);
    let put = pending
        .filter_map(|payload| match payload {
            Payload::Request(Request::Internal(request)) => match request.operation() {
                Some(Operation::Put(put)) => Some((put.key.clone(), put.value.clone())),
                _ => None,
            },
            _ => None,
        })
        .next();
    let Some((key, value)) = put else {
        return false;
    };
    let records = base.records_of(&key);
    records
        .iter()
        .any(|version| version.key_value().is_ok_and(|kv| *kv.value == value))
}
