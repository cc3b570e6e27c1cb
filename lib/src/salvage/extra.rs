//! Entries that a log lacks and that are known all the same: repaired by their checksum, or intact in another member's log.
//!
//! Raft's log matching: two logs of one cluster that have an entry with the same index and term are equal up to it (raft paper,
//! 5.3). An entry that is committed is the same in every log that has it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::single_bit;
use crate::member::Wal;
use crate::raft::EntryType;
use crate::wal::{Log, LogEntry};
use located::{RaftIndex, Term};

/// An entry that the log itself does not give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExtraEntry<'a> {
    pub(super) index: RaftIndex,
    pub(super) term: Term,
    pub(super) kind: EntryType,
    pub(super) data: Cow<'a, [u8]>,
}

/// What is added to one log.
#[derive(Clone, Debug, Default)]
pub(super) struct Extra<'a> {
    /// By ascending index.
    pub(super) entries: Vec<ExtraEntry<'a>>,
    /// The log's own entries from this index on are not used: another member proves that they were overwritten.
    pub(super) stale_from: Option<RaftIndex>,
    /// What was added and why, one sentence each.
    pub(super) notes: Vec<String>,
}

/// A log and what it is called.
#[derive(Clone, Debug)]
pub(super) struct NamedLog<'a> {
    pub(super) name: String,
    pub(super) wal: Wal<'a>,
    /// The last entry that this member knows to be committed.
    pub(super) commit: RaftIndex,
    /// Whether the member has a db, of the same history, which its log continues.
    pub(super) has_base: bool,
}

impl NamedLog<'_> {
    /// Whether both committed different entries at one index: they are of two histories.
    pub(super) fn contradicts(&self, other: &Self) -> bool {
        Compared::new(self, other).contradiction.is_some()
    }
}

impl<'a> Extra<'a> {
    /// Entries that one flipped bit damaged.
    pub(super) fn repaired(wal: &Wal<'_>) -> Self {
        let mut extra = Self::default();
        for entry in single_bit::repaired(wal) {
            extra.notes.push(format!(
                "entry {}: bit {} of byte {} of its record is flipped; its checksum proves which, and the entry is used",
                entry.index, entry.bit, entry.byte
            ));
            extra.entries.push(ExtraEntry {
                index: entry.index,
                term: entry.term,
                kind: entry.kind,
                data: Cow::Owned(entry.data),
            });
        }
        extra
    }

    /// Adds what other logs of the cluster have and this one lacks.
    pub(super) fn complete_from(&mut self, own: &NamedLog<'a>, others: &[&NamedLog<'a>]) {
        let mut others = others.to_vec();
        others.sort_by_key(|other| other.wal.log().first().map(|first| first.index));
        for other in others {
            self.take_from(own, other);
        }
        self.entries.sort_by_key(|entry| entry.index);
    }

    /// The last entry up to which every one after the end of the own log is known.
    fn reach(&self, own: &NamedLog<'_>) -> RaftIndex {
        let known: BTreeSet<RaftIndex> = self.entries.iter().map(|entry| entry.index).collect();
        let mut reach = own.wal.log().last_index();
        while known.contains(&reach.saturating_add(1)) {
            reach = reach.saturating_add(1);
        }
        reach
    }

    fn take_from(&mut self, own: &NamedLog<'a>, other: &NamedLog<'a>) {
        let logs = Compared::new(own, other);
        if let Some(index) = logs.contradiction {
            self.notes.push(format!(
                "{} and {} have different entries at index {index}, and both were committed: the logs are of two histories, and neither is completed from the other",
                own.name, other.name
            ));
            return;
        }
        if let Some(index) = logs.overwritten_from
            && self.stale_from.is_none_or(|known| index < known)
        {
            self.stale_from = Some(index);
            self.notes.push(format!(
                "{}: its entries from index {index} on were overwritten by a later term, as the log of {} proves: they are not used",
                own.name, other.name
            ));
        }
        let log = own.wal.log();
        let stale = self.stale_from.unwrap_or(RaftIndex::MAX);
        let has = |index: RaftIndex| index < stale && log.entry(index).is_some();
        let known: BTreeSet<RaftIndex> = self.entries.iter().map(|entry| entry.index).collect();
        // After a gap at the end of the own log nothing says how many revisions were made, but a db that the other log continues: then
        // that copy has them.
        let mut reach = self.reach(own);
        let mut is_near = |index: RaftIndex| {
            let follows = index <= reach.saturating_add(1);
            if follows {
                reach = reach.max(index);
            }
            follows || !other.has_base
        };
        let first = log.first().map_or(RaftIndex::MAX, |first| first.index);
        let taken: Vec<&LogEntry> = other
            .wal
            .log()
            .surviving()
            .filter(|entry| entry.index >= first && entry.index <= logs.sure)
            .filter(|entry| is_near(entry.index))
            .filter(|entry| !has(entry.index) && !known.contains(&entry.index))
            .collect();
        if let (Some(first), Some(last)) = (taken.first(), taken.last()) {
            self.notes.push(format!(
                "{}: {} of the log, between index {} and {}, taken from the log of {}",
                own.name,
                crate::start::counted(taken.len() as u64, "entry", "entries"),
                first.index,
                last.index,
                other.name
            ));
        }
        self.entries
            .extend(taken.into_iter().map(|entry| ExtraEntry {
                index: entry.index,
                term: entry.term,
                kind: entry.kind,
                data: Cow::Borrowed(other.wal.data(entry)),
            }));
    }
}

/// Two logs of one cluster, entry by entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Compared {
    /// The last entry of the other log that is known to be that of the cluster.
    sure: RaftIndex,
    /// The first entry of the own log that the other proves to be overwritten.
    overwritten_from: Option<RaftIndex>,
    /// An index at which both committed something else.
    contradiction: Option<RaftIndex>,
}

impl Compared {
    fn new(own: &NamedLog<'_>, other: &NamedLog<'_>) -> Self {
        let (ours, theirs) = (own.wal.log(), other.wal.log());
        let mut compared = Self {
            sure: other.commit,
            ..Self::default()
        };
        for entry in ours.surviving() {
            let Some(there) = theirs.entry(entry.index) else {
                continue;
            };
            if entry.term == there.term {
                if own.wal.data(entry) != other.wal.data(there) {
                    compared.contradiction = Some(entry.index);
                    return compared;
                }
                compared.sure = compared.sure.max(entry.index);
            } else if entry.index <= own.commit && entry.index <= other.commit {
                compared.contradiction = Some(entry.index);
                return compared;
            } else if entry.index <= other.commit {
                compared.overwritten_from.get_or_insert(entry.index);
            }
        }
        if let Some(from) = compared.overwritten_from {
            // Entries of the own log after it are of the same leader, or a later one that continued it.
            compared.sure = other.commit.max(from.saturating_sub(1));
        }
        compared
    }
}

/// The last entry that a majority of the voters has in the newest term: a leader acknowledged it, whatever HardState says.
///
/// An entry of an older term is committed only with one of the leader's own (raft paper, 5.4.2).
pub(crate) fn held_by_majority(logs: &[&Log], voters: usize) -> RaftIndex {
    let majority = voters / 2 + 1;
    let term = |log: &&Log| log.last().map_or(0, |last| last.term.get());
    let newest = logs.iter().map(term).max().unwrap_or(0);
    let of_term = |log: &&&Log| term(log) == newest;
    let mut ends: Vec<RaftIndex> = logs
        .iter()
        .filter(of_term)
        .map(|log| log.last().map_or(RaftIndex(0), |last| last.index))
        .collect();
    ends.sort_unstable_by(|a, b| b.cmp(a));
    ends.get(majority.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}
