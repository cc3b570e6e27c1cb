//! The anchor of a comparison: an entry, and the revision of the store before it.

use super::RunEntry;
use super::end::from_end;
use super::positions::{KeptRecords, StoredPuts};
use super::record_match::{key_or_value_matches, records_match};
use crate::mvcc::{Keyspace, Version};
use crate::raft::{Operation, Payload, Request};
use crate::recover::{Applied, Base, Change, Nothing, Replay, ReplayedLease, State, Stored};
use located::{RaftIndex, progress::Progress};

/// Number of entries with records on which a candidate is tried.
const TRIED_ENTRIES: u64 = 64;
/// Maximum number of entries that are applied to try a candidate in the middle of a log.
const MAX_APPLIED_ENTRIES: usize = 2048;
/// Maximum number of candidates that are tried.
const MAX_CANDIDATES: usize = 200;
/// Maximum number of records with one and the same value that are tried for one put.
const MAX_SAME_VALUES: usize = 8;
/// Percentage of fitting entries above which a candidate is certain.
const CERTAIN_PERCENT: u64 = 90;
/// Percentage of fitting entries of a log from entry 1: the rest may be damage.
const LIKELY_PERCENT: u64 = 50;
/// The same in the middle of a log, where fitting entries may be a coincidence.
const LIKELY_PERCENT_IN_THE_MIDDLE: u64 = 80;
/// Minimum number of entries with records that decide about a candidate in the middle of a log.
const MIN_TRIED_ENTRIES: u64 = 4;

/// An entry at which the comparison can begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// Before the first entry of all: the store was empty.
    Beginning,
    /// Before the entry at this position the store was at this revision.
    At { position: usize, revision: i64 },
}

impl Anchor {
    /// The position of the first entry that is compared.
    pub(crate) fn at(self) -> usize {
        match self {
            Self::Beginning => 0,
            Self::At { position, .. } => position,
        }
    }

    /// The revision of the store before that entry.
    pub(crate) fn revision(self) -> i64 {
        match self {
            Self::Beginning => 1,
            Self::At { revision, .. } => revision,
        }
    }

    /// Returns the earliest anchor of a run of entries from which on the store holds what they write.
    ///
    /// A value may be in the store by coincidence. So each candidate is tried: of the first entries after it whose records
    /// must be there, nearly all must be.
    pub(crate) fn find(
        keyspace: &Keyspace<'_>,
        entries: &[RunEntry<'_>],
        consistent_index: RaftIndex,
        whole: bool,
        progress: &dyn Progress,
    ) -> Option<Self> {
        let mut best: Option<(Self, u64)> = None;
        let beginning = entries
            .first()
            .filter(|first| first.entry.index == 1)
            .map(|_| Self::Beginning);
        // Asked for one after the other: counting from the end applies the whole run.
        let counted =
            std::iter::once_with(|| from_end(keyspace, entries, consistent_index, progress))
                .flatten();
        // Where entries are missing a write that fits may be one of the same key and value in another round of a workload.
        let guessed = std::iter::once_with(|| {
            by_write(
                keyspace,
                entries,
                consistent_index,
                KeptRecords::AboveCompaction,
            )
        })
        .take(usize::from(whole))
        .flatten();
        let certain = beginning.into_iter().chain(counted);
        let certain = certain.map(|candidate| (candidate, true));
        let candidates = certain.chain(guessed.map(|candidate| (candidate, false)));
        for (candidate, is_counted) in candidates.take(MAX_CANDIDATES) {
            if progress.cancelled() {
                return None;
            }
            let tried = candidate.try_on(
                keyspace,
                entries,
                consistent_index,
                KeptRecords::AboveCompaction,
            );
            let share = tried.share(candidate, is_counted);
            if share >= CERTAIN_PERCENT {
                return Some(candidate);
            }
            if best.is_none_or(|(_, known)| share > known) {
                best = Some((candidate, share));
            }
        }
        let likely = |candidate: Self| match candidate {
            Self::Beginning => LIKELY_PERCENT,
            Self::At { .. } => LIKELY_PERCENT_IN_THE_MIDDLE,
        };
        best.filter(|(candidate, share)| *share >= likely(*candidate))
            .map(|(candidate, _)| candidate)
    }

    /// As [`Anchor::find`], but by records below the compaction, where the store has only some: each that is there must be what an entry
    /// wrote. The anchor is the first entry above the compaction, for only from there on the store is whole.
    pub(crate) fn find_below_compaction(
        keyspace: &Keyspace<'_>,
        entries: &[RunEntry<'_>],
        consistent_index: RaftIndex,
        progress: &dyn Progress,
    ) -> Option<Self> {
        let candidates = by_write(keyspace, entries, consistent_index, KeptRecords::WithLeft);
        let mut candidates = candidates.take(MAX_CANDIDATES);
        candidates.find_map(|candidate| {
            if progress.cancelled() {
                return None;
            }
            let tried =
                candidate.try_on(keyspace, entries, consistent_index, KeptRecords::WithLeft);
            let is_right = tried.tried >= MIN_TRIED_ENTRIES && tried.alike == tried.tried;
            tried.first_above.filter(|_| is_right)
        })
    }

    /// As [`Anchor::find`]; but the beginning, where each write is known, also if damage or the compaction of the db hides it.
    pub(crate) fn find_or_beginning(
        keyspace: &Keyspace<'_>,
        entries: &[RunEntry<'_>],
        consistent_index: RaftIndex,
        whole: bool,
        progress: &dyn Progress,
    ) -> Option<Self> {
        match Self::find(keyspace, entries, consistent_index, whole, progress) {
            Some(Self::Beginning) => Some(Self::Beginning),
            later => Self::beginning_by_left(keyspace, entries, consistent_index).or(later),
        }
    }

    /// The beginning of a log from entry 1 of which the compaction took every record that must be there: most of the records that it left
    /// are what the entries wrote.
    fn beginning_by_left(
        keyspace: &Keyspace<'_>,
        entries: &[RunEntry<'_>],
        consistent_index: RaftIndex,
    ) -> Option<Self> {
        entries.first().filter(|first| first.entry.index == 1)?;
        let kept = KeptRecords::WithLeft;
        let tried = Self::Beginning.try_on(keyspace, entries, consistent_index, kept);
        let fits = tried.fit.saturating_mul(100) >= tried.tried.saturating_mul(LIKELY_PERCENT);
        (tried.fit > 0 && fits).then_some(Self::Beginning)
    }

    /// Compares the first entries whose records must be there.
    fn try_on(
        self,
        keyspace: &Keyspace<'_>,
        entries: &[RunEntry<'_>],
        consistent_index: RaftIndex,
        kept: KeptRecords,
    ) -> Tried {
        let from = self.revision();
        let stored = Stored::new(*keyspace, from);
        let rest = entries.get(self.at()..).unwrap_or_default();
        // Up to the compaction no record need be there. In the middle of a log the revision is above it.
        let limit = match self {
            Self::Beginning => rest.len(),
            Self::At { .. } => rest.len().min(MAX_APPLIED_ENTRIES),
        };
        let rest = rest.get(..limit).unwrap_or_default();
        let (base, state): (&dyn Base, State) = match self {
            Self::Beginning => (&Nothing, beginning()),
            Self::At { .. } => (&stored, presumed(rest)),
        };
        let compacted = keyspace.compact_revision().unwrap_or(-1);
        let mut replay = Replay::new(base, state, from, -1);
        let (mut all, mut made) = (Tried::default(), 0usize);
        for (position, entry) in (self.at()..).zip(
            rest.iter()
                .take_while(|entry| entry.entry.index <= consistent_index),
        ) {
            let before = replay.revision();
            if before >= compacted && all.first_above.is_none() {
                all.first_above = Some(Self::At {
                    position,
                    revision: before,
                });
            }
            if let Applied::Stops(_) = entry.apply(&mut replay) {
                break;
            }
            let new = replay.changes().get(made..).unwrap_or_default();
            made = replay.changes().len();
            let Some(main) = new.first().map(|change| change.revision.main) else {
                continue;
            };
            // The store ends there: what follows is not in it.
            if kept == KeptRecords::WithLeft && main > keyspace.revision() {
                break;
            }
            let Some(records) = records_at(keyspace, main, kept) else {
                continue;
            };
            all.compare(new, &records);
            if all.tried == TRIED_ENTRIES {
                break;
            }
        }
        all.ends_there = replay.revision() == keyspace.revision();
        all
    }
}

/// The records of a revision if they say something of a candidate: above the compaction each revision has some, and one that is not there
/// is lost.
fn records_at<'a>(
    keyspace: &Keyspace<'a>,
    main: i64,
    kept: KeptRecords,
) -> Option<Vec<Version<'a>>> {
    let records: Vec<_> = keyspace.between(main..=main).collect();
    let compacted = keyspace.compact_revision().unwrap_or(-1);
    let is_after = main >= keyspace.revision();
    let says_something = match main <= compacted {
        true => kept == KeptRecords::WithLeft && !records.is_empty(),
        false => is_after || !records.is_empty(),
    };
    says_something.then_some(records)
}

/// How the first entries after a candidate compare with the store.
#[derive(Clone, Copy, Debug, Default)]
struct Tried {
    /// Entries whose records must be there.
    tried: u64,
    /// Of them those whose records are there.
    fit: u64,
    /// Of them those whose records have their key or their value.
    alike: u64,
    /// Whether the store ends at the revision to which they lead.
    ends_there: bool,
    /// The first entry that is applied to a store which is at the compaction or above it.
    first_above: Option<Anchor>,
}

impl Tried {
    /// Counts an entry whose records must be there.
    fn compare(&mut self, new: &[Change<'_>], records: &[Version<'_>]) {
        self.tried = self.tried.saturating_add(1);
        let mut pairs = new.iter().zip(records);
        let is_alike = new.len() == records.len()
            && pairs.all(|(change, record)| key_or_value_matches(change, record));
        self.alike = self.alike.saturating_add(u64::from(is_alike));
        let fits = records_match(new, records);
        self.fit = self.fit.saturating_add(u64::from(fits));
    }

    /// The percentage of entries that fit.
    fn share(self, candidate: Anchor, is_counted: bool) -> u64 {
        let fits = self.fit.saturating_mul(100).checked_div(self.tried);
        match self.tried {
            0 if candidate == Anchor::Beginning && self.ends_there => 100,
            // A few writes fit by coincidence somewhere. But counting back leaves one place for each, and no other write may be there.
            1..MIN_TRIED_ENTRIES if candidate != Anchor::Beginning => {
                match (is_counted, self.fit == self.tried) {
                    (true, true) => 100,
                    (true, false) if self.alike == self.tried => LIKELY_PERCENT_IN_THE_MIDDLE,
                    _ => 0,
                }
            }
            _ => fits.unwrap_or(0),
        }
    }
}

/// What a new member holds.
pub(crate) fn beginning() -> State {
    State::of_new_member()
}

/// The presumed state in the middle of a log: every lease that is used before it is granted exists. Users and alarms are left
/// out: the store shows which requests were refused.
pub(crate) fn presumed(entries: &[RunEntry<'_>]) -> State {
    let mut state = State::default();
    let mut granted = std::collections::HashSet::new();
    for entry in entries {
        if !entry.entry.is_plain
            && let Payload::Request(Request::Internal(request)) = &entry.payload()
        {
            match request.operation() {
                Some(Operation::LeaseGrant(grant)) => {
                    granted.insert(grant.id);
                }
                Some(Operation::LeaseRevoke(revoke)) if !granted.contains(&revoke.id) => {
                    state.leases.0.insert(revoke.id, ReplayedLease::default());
                }
                _ => {}
            }
        }
        entry.each_put(|write| {
            if write.lease != 0 && !granted.contains(&write.lease) {
                state.leases.0.insert(write.lease, ReplayedLease::default());
            }
        });
    }
    state
}

/// Puts whose key, value and lease are in the store, each with the revision before it.
fn by_write(
    keyspace: &Keyspace<'_>,
    entries: &[RunEntry<'_>],
    consistent_index: RaftIndex,
    kept: KeptRecords,
) -> impl Iterator<Item = Anchor> {
    let end = entries.partition_point(|entry| entry.entry.index <= consistent_index);
    let applied = entries.get(..end).unwrap_or_default();
    let stored = StoredPuts::of_keys_in(keyspace, applied, kept);
    applied
        .iter()
        .enumerate()
        .flat_map(move |(position, entry)| {
            let mut revisions: Vec<i64> = Vec::new();
            entry.each_put(|write| {
                if revisions.len() < MAX_SAME_VALUES {
                    let same = stored.revisions(write.key, write.value, -1);
                    revisions.extend(same.take(MAX_SAME_VALUES).filter(|&main| {
                        let record = stored.record(write.key, main);
                        let kv = record.and_then(|record| record.key_value().ok());
                        kv.is_some_and(|kv| kv.value == write.value && kv.lease == write.lease)
                    }));
                }
            });
            revisions.truncate(MAX_SAME_VALUES);
            revisions.into_iter().map(move |main| Anchor::At {
                position,
                revision: main.saturating_sub(1),
            })
        })
}
