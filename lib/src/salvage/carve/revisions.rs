//! The revisions that entries outside of the log got: computed as etcd would, entry by entry from a known anchor, or not at all.
//!
//! An anchor is a moment of which both the raft index and the revision are known: entry 0 of a log that begins with the empty
//! store, the consistent_index of the db, or an entry whose write is found in the db. An entry that was never committed was
//! never applied: it has no revision.

use std::collections::HashMap;

use super::CarveOrigin;
use super::log::CarvedEntry;
use crate::bolt::Db;
use crate::check::applied::{Anchor, beginning, presumed, records_match, runs};
use crate::member::{Member, Wal};
use crate::mvcc::Keyspace;
use crate::progress::Progress;
use crate::recover::{self, Applied, Base, Change, Nothing, Replay, State, Stored};
use crate::wal::LogEntry;
use located::RaftIndex;

/// Maximum number of branches that are applied: each costs what applying the log before it costs.
const MAX_BRANCHES: usize = 8;

/// What the entries changed, by their position in the list.
#[derive(Debug, Default)]
pub(super) struct Revisions<'a> {
    changes: HashMap<usize, Vec<Change<'a>>>,
}

/// What revisions are computed from.
struct KnownHistory<'m, 'a> {
    db: Option<Db<'a>>,
    keyspace: Option<Keyspace<'a>>,
    wal: &'m Wal<'a>,
    /// The last entry whose effect the db has.
    applied: RaftIndex,
    /// The last entry that is known to be committed.
    committed: RaftIndex,
    progress: &'m dyn Progress,
}

impl<'a> Revisions<'a> {
    /// What the entry at a position changed; `None` if its revision is not known.
    pub(super) fn changes(&self, number: usize) -> Option<&[Change<'a>]> {
        self.changes.get(&number).map(Vec::as_slice)
    }

    pub(super) fn compute(
        member: &'a Member,
        wal: &Wal<'a>,
        entries: &[CarvedEntry<'a>],
        progress: &dyn Progress,
    ) -> Self {
        let applied = member.meta().ok().and_then(|meta| meta.consistent_index);
        let committed = recover::commit(wal, applied.unwrap_or_default());
        let alone = recover::voters(member, wal, committed).voters.len() <= 1;
        let known = KnownHistory {
            db: member.db().ok(),
            keyspace: member.readable_keyspace().ok(),
            wal,
            applied: applied.unwrap_or_default(),
            committed: if alone { RaftIndex::MAX } else { committed },
            progress,
        };
        let mut revisions = Self::default();
        let old = |entry: &CarvedEntry<'_>| entry.origin == CarveOrigin::OldSegment;
        if entries.iter().any(old) {
            revisions.of_old_segments(&known, entries);
        }
        for branch in branches(entries).into_iter().take(MAX_BRANCHES) {
            revisions.of_branch(&known, entries, &branch);
        }
        revisions
    }

    /// Entries of the log itself.
    fn of_old_segments(&mut self, known: &KnownHistory<'_, 'a>, entries: &[CarvedEntry<'a>]) {
        let at: HashMap<RaftIndex, usize> = entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.origin == CarveOrigin::OldSegment)
            .map(|(number, entry)| (entry.index, number))
            .collect();
        let Some(last) = at.keys().max().copied() else {
            return;
        };
        for run in runs(known.wal) {
            let Some(anchor) = known.anchor(&run) else {
                continue;
            };
            let rest = run.get(anchor.at()..).unwrap_or_default();
            let until = last.min(known.committed);
            let wanted = rest.iter().take_while(|entry| entry.entry.index <= until);
            let steps = wanted.map(|entry| (entry.entry.index, entry.entry, entry.data));
            let mut applied = Vec::new();
            let changes = known.replay(anchor, rest, steps, &mut applied);
            for index in applied {
                if let Some(number) = at.get(&index) {
                    self.changes.entry(*number).or_default();
                }
            }
            for change in changes {
                if let Some(number) = at.get(&change.index) {
                    self.changes.entry(*number).or_default().push(change);
                }
            }
        }
    }

    /// Entries that once followed the log, in place of those that follow it now.
    fn of_branch(
        &mut self,
        known: &KnownHistory<'_, 'a>,
        entries: &[CarvedEntry<'a>],
        branch: &[usize],
    ) {
        let list: Vec<(usize, &CarvedEntry<'a>)> = branch
            .iter()
            .filter_map(|number| Some((*number, entries.get(*number)?)))
            .collect();
        let Some((_, first)) = list.first() else {
            return;
        };
        if first.index > known.committed {
            return;
        }
        let fits = match known.wal.log().entry(first.index.saturating_sub(1)) {
            Some(before) => before.term <= first.term,
            None => first.index == 1 || known.applied == first.index.saturating_sub(1),
        };
        if !fits {
            return;
        }
        let Some(mut replay) = known.before(first.index) else {
            return;
        };
        known.finish(&mut replay, &list, &mut self.changes);
    }
}

/// A store as it was before an entry, and the entries that lead there.
struct Before<'a> {
    base: Option<Keyspace<'a>>,
    state: State,
    revision: i64,
    compacted: i64,
    /// The entries up to the branch.
    entries: Vec<LogEntry>,
}

impl<'a> KnownHistory<'_, 'a> {
    fn anchor(&self, run: &[crate::check::applied::RunEntry<'a>]) -> Option<Anchor> {
        let log = self.wal.log();
        match &self.keyspace {
            Some(keyspace) => {
                let whole = log.gaps.is_empty() && log.damages.is_empty();
                Anchor::find(keyspace, run, self.applied, whole, self.progress)
            }
            None => {
                let first = run.first().is_some_and(|first| first.entry.index == 1);
                (first && self.wal.log().begins_with_empty_store()).then_some(Anchor::Beginning)
            }
        }
    }

    /// Applies entries from an anchor; notes which ones it applied. Ends where the db has other records than the entries wrote.
    fn replay<'e>(
        &self,
        anchor: Anchor,
        rest: &[crate::check::applied::RunEntry<'a>],
        steps: impl Iterator<Item = (RaftIndex, &'e LogEntry, &'a [u8])>,
        applied: &mut Vec<RaftIndex>,
    ) -> Vec<Change<'a>> {
        let from = anchor.revision();
        let stored = self.keyspace.map(|keyspace| Stored::new(keyspace, from));
        let (base, state): (&dyn Base, State) = match (anchor, &stored) {
            (Anchor::At { .. }, Some(stored)) => (stored, presumed(rest)),
            _ => (&Nothing, beginning()),
        };
        let mut replay = Replay::new(base, state, from, -1);
        let mut made = 0usize;
        let mut last = i64::MAX;
        for (index, entry, data) in steps {
            let result = replay.apply_data(index, entry.kind, data);
            let new = replay.changes().get(made..).unwrap_or_default();
            made = replay.changes().len();
            let main = new.first().map(|change| change.revision.main);
            if matches!(result, Applied::Stops(_))
                || main.is_some_and(|main| self.differs(main, new))
            {
                last = main.map_or(last, |main| main.saturating_sub(1));
                break;
            }
            applied.push(index);
        }
        let (mut changes, _) = replay.into_parts();
        changes.retain(|change| change.revision.main <= last);
        changes
    }

    /// Whether the db has other records at a revision that it must have.
    fn differs(&self, main: i64, new: &[Change<'_>]) -> bool {
        let Some(keyspace) = &self.keyspace else {
            return false;
        };
        let compacted = keyspace.compact_revision().unwrap_or(-1);
        let newest = keyspace.newest_revision().map_or(1, |newest| newest.main);
        if main <= compacted || main > newest {
            return false;
        }
        let records: Vec<_> = keyspace.between(main..=main).collect();
        !records_match(new, &records)
    }

    /// The store before an entry, from the db or from the beginning of the log.
    fn before(&self, index: RaftIndex) -> Option<Before<'a>> {
        let log = self.wal.log();
        let between = |after: RaftIndex| -> Option<Vec<LogEntry>> {
            let entries: Vec<LogEntry> = log
                .surviving()
                .filter(|entry| entry.index > after && entry.index < index)
                .copied()
                .collect();
            let wanted = index.since(after).checked_sub(1)?;
            (entries.len() as u64 == wanted).then_some(entries)
        };
        if let (Some(db), Some(keyspace)) = (&self.db, self.keyspace)
            && self.applied > 0
            && let Some(entries) = between(self.applied)
        {
            return Some(Before {
                base: Some(keyspace),
                state: State::read(db),
                revision: keyspace.revision(),
                compacted: keyspace.compact_revision().unwrap_or(-1),
                entries,
            });
        }
        let run = runs(self.wal).into_iter().find(|run| {
            let first = run
                .first()
                .map_or(RaftIndex::MAX, |first| first.entry.index);
            let last = run.last().map_or(RaftIndex(0), |last| last.entry.index);
            first < index && index <= last.next()
        })?;
        let anchor = self.anchor(&run)?;
        let rest = run.get(anchor.at()..).unwrap_or_default();
        let first = rest.first()?.entry.index;
        let entries = between(first.checked_sub(1)?)?;
        let (base, state) = match anchor {
            Anchor::Beginning => (None, beginning()),
            Anchor::At { .. } => (self.keyspace, presumed(rest)),
        };
        Some(Before {
            base,
            state,
            revision: anchor.revision(),
            compacted: -1,
            entries,
        })
    }

    /// Applies the entries up to the branch, then those of the branch that were committed.
    fn finish(
        &self,
        before: &mut Before<'a>,
        branch: &[(usize, &CarvedEntry<'a>)],
        changes: &mut HashMap<usize, Vec<Change<'a>>>,
    ) {
        let stored = before.base.map(|base| Stored::new(base, before.revision));
        let base: &dyn Base = match &stored {
            Some(stored) => stored,
            None => &Nothing,
        };
        let state = std::mem::take(&mut before.state);
        let mut replay = Replay::new(base, state, before.revision, before.compacted);
        for entry in &before.entries {
            let data = self.wal.data(entry);
            if let Applied::Stops(_) = replay.apply_data(entry.index, entry.kind, data) {
                return;
            }
        }
        for (number, entry) in branch {
            if entry.index > self.committed {
                return;
            }
            let made = replay.changes().len();
            if let Applied::Stops(_) = replay.apply(entry.index, entry.data, &entry.payload()) {
                return;
            }
            let new = replay.changes().get(made..).unwrap_or_default();
            changes.insert(*number, new.to_vec());
        }
    }
}

/// Runs of consecutive entries, each of one file, with terms that do not go back: what one leader wrote after the other.
fn branches(entries: &[CarvedEntry<'_>]) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = Vec::new();
    let mut last: Option<&CarvedEntry<'_>> = None;
    for (number, entry) in entries.iter().enumerate() {
        // What a newer leader overwrote was not committed.
        if matches!(
            entry.origin,
            CarveOrigin::OldSegment | CarveOrigin::Overwritten
        ) {
            last = None;
            continue;
        }
        let continues = last.is_some_and(|last| {
            last.file == entry.file
                && last.index.checked_add(1) == Some(entry.index)
                && last.term <= entry.term
        });
        match all.last_mut().filter(|_| continues) {
            Some(branch) => branch.push(number),
            None => all.push(vec![number]),
        }
        last = Some(entry);
    }
    all
}
