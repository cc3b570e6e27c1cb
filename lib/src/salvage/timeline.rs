//! What the log wrote: entries applied once more, with the entries that are lost counted and not guessed.

use super::Lost;
use super::extra::{Extra, ExtraEntry};
use super::record::KeyRecord;
use super::settled::{ConfirmedRecords, KnownRecords, Settled};
use crate::member::Wal;
use crate::raft::{Operation, Payload, Request};
use crate::recover::{Applied, Base, Change, Replay, ReplayedLease, State};
use crate::wal::LogEntry;

/// Minimum number of changes between two times that those which the db confirms are let go.
const MIN_HELD_CHANGES: usize = 1 << 15;

/// Where applying begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReplayFrom {
    /// The entry before the first that is applied.
    pub(super) index: u64,
    /// The revision of the store then.
    pub(super) revision: i64,
    /// The compaction in force then; -1 for none.
    pub(super) compacted: i64,
}

/// Where applying ends, whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReplayUntil {
    /// The last entry.
    pub(super) index: u64,
    /// The last revision.
    pub(super) revision: i64,
}

/// The effect of a part of the log.
#[derive(Debug, Default)]
pub(super) struct LogReplay<'a> {
    /// Records by ascending revision, without those that the db confirms.
    pub(super) changes: Vec<Change<'a>>,
    /// The records of the db that say the same as a change.
    pub(super) confirmed: ConfirmedRecords,
    /// Each main revision that was made, with the index of its entry; ascending.
    pub(super) written: Vec<(i64, u64)>,
    /// The revision before the first entry and after the last.
    pub(super) from: i64,
    pub(super) to: i64,
    /// The last entry that was applied, with its term.
    pub(super) last: Option<(u64, u64)>,
    pub(super) entries: u64,
    /// Everything beside keys, after the last entry.
    pub(super) state: State,
    /// The compaction in force, and every one that was applied: its revision, and that of the store then.
    pub(super) compacted: i64,
    pub(super) compactions: Vec<(i64, i64)>,
    /// Entries that are lost, each run with the revisions that are taken to be theirs.
    pub(super) lost: Vec<LostEntries>,
    /// Entries that etcd itself would stop at, and why.
    pub(super) undecodable: Vec<(u64, String)>,
}

/// Entries of which nothing can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LostEntries {
    pub(super) first: u64,
    pub(super) last: u64,
    /// The first and last revision they are taken to have made: one each.
    pub(super) revisions: (i64, i64),
}

impl LogReplay<'_> {
    /// Ends before the first entries that are lost: how many revisions those made is a guess. `false` if none are lost.
    pub(super) fn end_before_lost(&mut self, records: &[KeyRecord]) -> bool {
        let Some(lost) = self.lost.first() else {
            return false;
        };
        let (first, _) = lost.revisions;
        self.changes.retain(|change| change.revision.main < first);
        self.written.retain(|(main, _)| *main < first);
        self.confirmed.cut(records, first.saturating_sub(1));
        self.compactions.retain(|(_, at)| *at < first);
        self.to = first.saturating_sub(1);
        self.lost.clear();
        true
    }
}

impl LostEntries {
    /// For the list of what could not be recovered.
    pub(super) fn lost(&self) -> Lost {
        let (first, last) = self.revisions;
        let what = if self.first == self.last {
            format!(
                "entry {} of the log is lost; it is taken to be the write of revision {first}",
                self.first
            )
        } else {
            format!(
                "entries {}–{} of the log are lost; they are taken to be the writes of revisions {first}–{last}",
                self.first, self.last
            )
        };
        Lost {
            what,
            revisions: Some(self.revisions),
            indexes: Some((self.first, self.last)),
            ..Lost::default()
        }
    }
}

/// Applies entries from `start` to `end` on a base. Changes that a record of `known` says too are not held.
pub(super) fn timeline<'a>(
    wal: &Wal<'a>,
    extra: &'a Extra<'a>,
    base: &dyn Base,
    state: State,
    (start, end): (ReplayFrom, ReplayUntil),
    known: KnownRecords<'_>,
) -> LogReplay<'a> {
    let mut line = LogReplay {
        from: start.revision,
        to: start.revision,
        ..LogReplay::default()
    };
    let mut replay = Replay::new(base, state, start.revision, start.compacted);
    let mut settled = Settled::new(known);
    let mut held = MIN_HELD_CHANGES;
    let mut undone: Option<(i64, ReplayedLease)> = None;
    let mut next = start.index.saturating_add(1);
    for step in steps(wal, extra, start.index, end.index) {
        if step.index() < next {
            continue;
        }
        if step.index() > next {
            let missing = i64::try_from(step.index().saturating_sub(next)).unwrap_or(i64::MAX);
            let from = replay.revision();
            let to = from.saturating_add(missing);
            line.lost.push(LostEntries {
                first: next,
                last: step.index().saturating_sub(1),
                revisions: (from.saturating_add(1), to),
            });
            if to > end.revision {
                break;
            }
            replay.skip_to(to);
        }
        let payload = step.payload(wal);
        let revoked = revoked(&payload, replay.state());
        let before = replay.revision();
        if let Applied::Stops(why) = replay.apply(step.index(), step.data(wal), &payload) {
            line.undecodable.push((step.index(), why));
            // Not a request, yet once it was one: like an entry that is lost, most likely a write.
            if matches!(payload, Payload::Request(Request::Undecodable(_))) {
                let revision = replay.revision().saturating_add(1);
                line.lost.push(LostEntries {
                    first: step.index(),
                    last: step.index(),
                    revisions: (revision, revision),
                });
                replay.skip_to(revision);
            }
        } else if replay.revision() > before {
            line.written.push((replay.revision(), step.index()));
        }
        if settled.can_confirm() && replay.changes().len() >= held {
            replay.take_replaced(&mut |change| settled.take(change));
            held = replay.changes().len().saturating_mul(5) / 4;
            held = held.max(MIN_HELD_CHANGES);
        }
        if replay.revision() > end.revision {
            // A write after the end: of all operations only a revoked lease changes more than keys.
            undone = revoked;
            break;
        }
        line.to = replay.revision();
        line.last = Some((step.index(), step.term()));
        line.entries = line.entries.saturating_add(1);
        next = step.index().saturating_add(1);
    }
    line.compacted = replay.compacted();
    line.compactions = replay.compactions().to_vec();
    let (changes, mut state) = replay.into_parts();
    if let Some((id, lease)) = undone {
        state.leases.0.insert(id, lease);
    }
    let mut settled = settled.finish(changes);
    settled.cut(end.revision);
    line.changes = settled.changes;
    line.confirmed = settled.confirmed;
    line.written.retain(|(main, _)| *main <= end.revision);
    line.state = state;
    line
}

/// An entry that can be applied.
enum ReadableEntry<'e, 'a> {
    Whole(&'e LogEntry),
    Extra(&'a ExtraEntry<'a>),
}

impl<'a> ReadableEntry<'_, 'a> {
    fn index(&self) -> u64 {
        match self {
            Self::Whole(entry) => entry.index,
            Self::Extra(extra) => extra.index,
        }
    }

    fn term(&self) -> u64 {
        match self {
            Self::Whole(entry) => entry.term.get(),
            Self::Extra(extra) => extra.term,
        }
    }

    fn data(&self, wal: &Wal<'a>) -> &'a [u8] {
        match self {
            Self::Whole(entry) => wal.data(entry),
            Self::Extra(extra) => &extra.data,
        }
    }

    fn payload(&self, wal: &Wal<'a>) -> Payload {
        match self {
            Self::Whole(entry) => wal.payload(entry),
            Self::Extra(extra) => Payload::decode(extra.kind, &extra.data),
        }
    }
}

/// Returns the entries after one index up to another: those that survive, and between them those that were added.
fn steps<'e, 'a: 'e>(
    wal: &Wal<'a>,
    extra: &'a Extra<'a>,
    after: u64,
    through: u64,
) -> Vec<ReadableEntry<'e, 'a>> {
    let wanted = |index: u64| index > after && index <= through;
    let stale_from = extra.stale_from.unwrap_or(u64::MAX);
    let mut steps: Vec<ReadableEntry<'e, 'a>> = wal
        .log()
        .surviving()
        .filter(|entry| wanted(entry.index) && entry.index < stale_from)
        .map(ReadableEntry::Whole)
        .collect();
    let added = extra.entries.iter().filter(|entry| wanted(entry.index));
    steps.extend(added.map(ReadableEntry::Extra));
    // The sort is stable: if an entry survives, the added one of its index comes after it and is skipped.
    steps.sort_by_key(ReadableEntry::index);
    steps
}

fn revoked(payload: &Payload, state: &State) -> Option<(i64, ReplayedLease)> {
    let Payload::Request(Request::Internal(request)) = payload else {
        return None;
    };
    match request.operation() {
        Some(Operation::LeaseRevoke(revoke)) => state
            .leases
            .0
            .get(&revoke.id)
            .map(|lease| (revoke.id, *lease)),
        _ => None,
    }
}
