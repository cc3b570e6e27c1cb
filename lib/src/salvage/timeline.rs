//! What the log wrote: entries applied once more, with the entries that are lost counted and not guessed.

use super::Lost;
use super::demands::{Demands, NextEntry};
use super::extra::{Extra, ExtraEntry};
use super::member_records::HoleSizes;
use super::record::KeyRecord;
use super::settled::{ConfirmedRecords, KnownRecords, Settled};
use crate::member::Wal;
use crate::raft::{EntryType, Operation, Payload, Request};
use crate::recover::{Applied, Base, Change, Replay, ReplayedLease, State};
use crate::wal::LogEntry;
use located::{RaftIndex, Term};

/// Minimum number of changes between two times that those which the db confirms are let go.
const MIN_HELD_CHANGES: usize = 1 << 15;

/// Where applying begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReplayFrom {
    /// The entry before the first that is applied.
    pub(super) index: RaftIndex,
    /// The revision of the store then.
    pub(super) revision: i64,
    /// The compaction in force then; -1 for none.
    pub(super) compacted: i64,
}

impl ReplayFrom {
    /// Before the first entry of a cluster: etcd's first revision is 1.
    pub(super) const EMPTY_STORE: Self = Self {
        index: RaftIndex(0),
        revision: 1,
        compacted: -1,
    };
}

/// Where applying ends, whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReplayUntil {
    /// The last entry.
    pub(super) index: RaftIndex,
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
    pub(super) written: Vec<(i64, RaftIndex)>,
    /// The revision before the first entry and after the last.
    pub(super) from: i64,
    pub(super) to: i64,
    /// The last entry that was applied, with its term.
    pub(super) last: Option<(RaftIndex, Term)>,
    pub(super) entries: u64,
    /// Everything beside keys, after the last entry.
    pub(super) state: State,
    /// The compaction in force, and every one that was applied: its revision, and that of the store then.
    pub(super) compacted: i64,
    pub(super) compactions: Vec<(i64, i64)>,
    /// Entries that are lost, each run with the revisions that are taken to be theirs.
    pub(super) lost: Vec<LostEntries>,
    /// What later transactions show of entries that are lost; empty if only the db is asked.
    pub(super) demands: Demands,
    /// Main revisions of which the db says what they wrote, not the log: it depends on entries that are lost.
    pub(super) of_db: Vec<i64>,
    /// Entries that etcd itself would stop at, and why.
    pub(super) undecodable: Vec<(RaftIndex, String)>,
}

/// Entries of which nothing can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LostEntries {
    pub(super) first: RaftIndex,
    pub(super) last: RaftIndex,
    /// The first and last revision they are taken to have made: one each, unless the db says how many there were. The last is before the
    /// first if there was none.
    pub(super) revisions: (i64, i64),
    /// Whether later transactions show that it were so many.
    pub(super) shown: bool,
}

impl LogReplay<'_> {
    /// The effect of no entry, at a revision.
    pub(super) fn nothing_at(revision: i64) -> Self {
        Self {
            from: revision,
            to: revision,
            ..Self::default()
        }
    }

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
    fn entries(&self) -> String {
        if self.first == self.last {
            return format!("entry {}", self.first);
        }
        format!("entries {}–{}", self.first, self.last)
    }

    /// For the list of what could not be recovered.
    pub(super) fn lost(&self) -> Lost {
        let (first, last) = self.revisions;
        if last < first {
            return Lost {
                what: format!(
                    "{} of the log {} lost; {} that {} wrote no key",
                    self.entries(),
                    if self.first == self.last { "is" } else { "are" },
                    if self.shown {
                        "later transactions show"
                    } else {
                        "the db shows"
                    },
                    if self.first == self.last {
                        "it"
                    } else {
                        "they"
                    },
                ),
                indexes: Some((self.first, self.last)),
                possibly: true,
                ..Lost::default()
            };
        }
        let revisions = if first == last {
            format!("revision {first}")
        } else {
            format!("revisions {first}–{last}")
        };
        let what = match (self.first == self.last, self.shown) {
            (true, true) => format!(
                "{} of the log is lost; later transactions show that it was the write of {revisions}",
                self.entries()
            ),
            (true, false) => format!(
                "{} of the log is lost; it is taken to be the write of {revisions}",
                self.entries()
            ),
            (false, true) => format!(
                "{} of the log are lost; later transactions show that they were the writes of {revisions}",
                self.entries()
            ),
            (false, false) => format!(
                "{} of the log are lost; they are taken to be the writes of {revisions}",
                self.entries()
            ),
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
    holes: &HoleSizes,
) -> LogReplay<'a> {
    let steps = steps(wal, extra, start.index, end.index);
    let mut making = ReplayInProgress::new(base, state, (start, end), (known, holes));
    for step in &steps {
        if !making.take(step, step.data(wal)) {
            break;
        }
    }
    making.finish()
}

/// Entries that are being applied.
struct ReplayInProgress<'a, 'b, 's> {
    line: LogReplay<'a>,
    replay: Replay<'a, 'b>,
    settled: Settled<'a, 's>,
    /// How many revisions lost entries made.
    holes: &'s HoleSizes,
    /// Number of changes at which those that the db confirms are let go.
    held: usize,
    /// The lease that the entry after the end revoked.
    undone: Option<(i64, ReplayedLease)>,
    /// The entry that follows.
    next: RaftIndex,
    end: ReplayUntil,
}

impl<'a, 'b, 's> ReplayInProgress<'a, 'b, 's> {
    fn new(
        base: &'b dyn Base,
        state: State,
        (start, end): (ReplayFrom, ReplayUntil),
        (known, holes): (KnownRecords<'s>, &'s HoleSizes),
    ) -> Self {
        Self {
            line: LogReplay {
                from: start.revision,
                to: start.revision,
                ..LogReplay::default()
            },
            replay: Replay::new(base, state, start.revision, start.compacted),
            settled: Settled::new(known),
            holes,
            held: MIN_HELD_CHANGES,
            undone: None,
            next: start.index.saturating_add(1),
            end,
        }
    }

    /// Applies an entry. `false`: the end is reached.
    fn take(&mut self, step: &ReadableEntry<'_, 'a>, data: &'a [u8]) -> bool {
        let index = step.index();
        if index < self.next {
            return true;
        }
        if index > self.next && !self.skip_lost(index) {
            return false;
        }
        // A plain entry revokes no lease.
        let decoded = (!step.is_plain()).then(|| Payload::decode(step.kind(), data));
        let state = self.replay.state();
        let revoked = decoded.as_ref().and_then(|payload| revoked(payload, state));
        let before = self.replay.revision();
        self.believe(step, data, decoded.as_ref());
        if self.holes.is_undecided(index) {
            self.lose(index);
        } else if let Applied::Stops(why) = self.applied(step, data, decoded.as_ref()) {
            self.line.undecodable.push((index, why));
            // Not a request, yet once it was one: like an entry that is lost, most likely a write.
            if matches!(decoded, Some(Payload::Request(Request::Undecodable(_)))) {
                self.lose(index);
            }
        } else if self.replay.revision() > before {
            self.line.written.push((self.replay.revision(), index));
        }
        let unseen = self.holes.unseen(index);
        if unseen > 0 {
            self.replay
                .skip_to(self.replay.revision().saturating_add(unseen));
        }
        self.let_go();
        if self.replay.revision() > self.end.revision {
            // A write after the end: of all operations only a revoked lease changes more than keys.
            self.undone = revoked;
            return false;
        }
        self.line.to = self.replay.revision();
        self.line.last = Some((index, step.term()));
        self.line.entries = self.line.entries.saturating_add(1);
        self.next = index.saturating_add(1);
        true
    }

    /// After lost entries the store is what later ones have seen of it.
    fn believe(&mut self, step: &ReadableEntry<'_, 'a>, data: &[u8], decoded: Option<&Payload>) {
        if self.line.demands.holes.is_empty() {
            return;
        }
        let plain = decoded
            .is_none()
            .then(|| Payload::decode(step.kind(), data));
        if let Some(payload) = decoded.or(plain.as_ref()) {
            let index = step.index();
            let entry = NextEntry { index, payload };
            let (demands, replay) = (&mut self.line.demands, &mut self.replay);
            demands.believe(&entry, replay, self.holes);
        }
    }

    fn applied(
        &mut self,
        step: &ReadableEntry<'_, 'a>,
        data: &'a [u8],
        decoded: Option<&Payload>,
    ) -> Applied {
        match decoded {
            Some(payload) => self.replay.apply(step.index(), data, payload),
            None => self.replay.apply_data(step.index(), step.kind(), data),
        }
    }

    /// Counts an entry as a write of which is not known what it wrote.
    fn lose(&mut self, index: RaftIndex) {
        let revision = self.replay.revision().saturating_add(1);
        self.lost(LostEntries {
            first: index,
            last: index,
            revisions: (revision, revision),
            shown: false,
        });
        self.replay.skip_to(revision);
    }

    fn lost(&mut self, lost: LostEntries) {
        self.line.lost.push(lost);
        let taken_over = self.settled.take_over(&lost);
        self.replay.write_all(taken_over);
        if !self.holes.asks_later_entries() {
            return;
        }
        let writes = self.holes.writes(lost.first);
        let writes: Vec<(Vec<u8>, i64)> = writes.map(|(key, main)| (key.to_vec(), main)).collect();
        for (key, main) in &writes {
            self.replay.presume(key, Some(*main));
        }
        self.line.demands.lose(lost, writes);
    }

    /// Counts the entries before `index` as lost. `false`: the end is among them.
    fn skip_lost(&mut self, index: RaftIndex) -> bool {
        let missing = i64::try_from(index.since(self.next)).unwrap_or(i64::MAX);
        let from = self.replay.revision();
        let to = from.saturating_add(self.holes.revisions(self.next, missing));
        self.lost(LostEntries {
            first: self.next,
            last: index.previous(),
            revisions: (from.saturating_add(1), to),
            shown: false,
        });
        if to > self.end.revision {
            return false;
        }
        self.replay.skip_to(to);
        true
    }

    /// Lets go of changes that are replaced, if the db may confirm them and they are many.
    fn let_go(&mut self) {
        if !self.settled.can_confirm() || self.replay.changes().len() < self.held {
            return;
        }
        let settled = &mut self.settled;
        self.replay
            .take_replaced(&mut |change| settled.take(change));
        self.held = self.replay.changes().len().saturating_mul(5) / 4;
        self.held = self.held.max(MIN_HELD_CHANGES);
    }

    fn finish(self) -> LogReplay<'a> {
        let mut line = self.line;
        line.compacted = self.replay.compacted();
        line.compactions = self.replay.compactions().to_vec();
        let (changes, mut state) = self.replay.into_parts();
        if let Some((id, lease)) = self.undone {
            state.leases.0.insert(id, lease);
        }
        let mut settled = self.settled.finish(changes);
        settled.cut(self.end.revision);
        line.changes = settled.changes;
        line.confirmed = settled.confirmed;
        line.written.retain(|(main, _)| *main <= self.end.revision);
        line.state = state;
        line
    }
}

/// An entry that can be applied.
enum ReadableEntry<'e, 'a> {
    Whole(&'e LogEntry),
    Extra(&'a ExtraEntry<'a>),
}

impl<'a> ReadableEntry<'_, 'a> {
    fn index(&self) -> RaftIndex {
        match self {
            Self::Whole(entry) => entry.index,
            Self::Extra(extra) => extra.index,
        }
    }

    fn term(&self) -> Term {
        match self {
            Self::Whole(entry) => entry.term,
            Self::Extra(extra) => extra.term,
        }
    }

    fn data(&self, wal: &Wal<'a>) -> &'a [u8] {
        match self {
            Self::Whole(entry) => wal.data(entry),
            Self::Extra(extra) => &extra.data,
        }
    }

    fn kind(&self) -> EntryType {
        match self {
            Self::Whole(entry) => entry.kind,
            Self::Extra(extra) => extra.kind,
        }
    }

    fn is_plain(&self) -> bool {
        matches!(self, Self::Whole(entry) if entry.is_plain)
    }
}

/// Returns the entries after one index up to another: those that survive, and between them those that were added.
fn steps<'e, 'a: 'e>(
    wal: &Wal<'a>,
    extra: &'a Extra<'a>,
    after: RaftIndex,
    through: RaftIndex,
) -> Vec<ReadableEntry<'e, 'a>> {
    let wanted = |index: RaftIndex| index > after && index <= through;
    let stale_from = extra.stale_from.unwrap_or(RaftIndex::MAX);
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
