//! Where the comparison begins: an entry and the revision the store had before it.

use super::Entry;
use super::end::from_end;
use super::same::fits;
use crate::mvcc::Keyspace;
use crate::raft::{Operation, Payload, Request};
use crate::recover::{Applied, Base, Lease, Nothing, Replay, State, Stored};

/// Entries on which a candidate is tried.
const TRIED_ENTRIES: u64 = 64;
/// Candidates that are tried.
const MOST_TRIED: usize = 200;
/// Records with one and the same value that are tried for one put.
const SAME_VALUES: usize = 8;
/// Of a hundred entries so many fit: no doubt.
const CERTAIN: u64 = 90;
/// Of a hundred entries of a log from the beginning so many fit: the rest may be damage.
const LIKELY: u64 = 50;
/// The same for a place in the middle, which may be a coincidence.
const LIKELY_IN_THE_MIDDLE: u64 = 80;
/// Fewer entries than these decide nothing about a place in the middle.
const FEWEST_TRIED: u64 = 4;

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

    /// The earliest anchor of a run of entries from which on the store holds what they write.
    ///
    /// A value may stand in the store by coincidence. So each candidate is tried: of the first entries behind it whose
    /// records must be there nearly all must be.
    pub(super) fn find(
        keyspace: &Keyspace<'_>,
        entries: &[Entry<'_>],
        consistent_index: u64,
        whole: bool,
    ) -> Option<Self> {
        let mut best: Option<(Self, u64)> = None;
        let beginning = entries
            .first()
            .filter(|first| first.entry.index == 1)
            .map(|_| Self::Beginning);
        // Asked for one after the other: counting from the end applies the whole run.
        let counted =
            std::iter::once_with(|| from_end(keyspace, entries, consistent_index)).flatten();
        // Where entries are missing a write that fits may be one of the same key and value in another round of a workload.
        let guessed = by_write(keyspace, entries, consistent_index).filter(|_| whole);
        let candidates = beginning.into_iter().chain(counted).chain(guessed);
        for candidate in candidates.take(MOST_TRIED) {
            let share = candidate.share_that_fits(keyspace, entries, consistent_index);
            if share >= CERTAIN {
                return Some(candidate);
            }
            if best.is_none_or(|(_, known)| share > known) {
                best = Some((candidate, share));
            }
        }
        let likely = |candidate: Self| match candidate {
            Self::Beginning => LIKELY,
            Self::At { .. } => LIKELY_IN_THE_MIDDLE,
        };
        best.filter(|(candidate, share)| *share >= likely(*candidate))
            .map(|(candidate, _)| candidate)
    }

    /// Of a hundred entries whose records must be there, how many have them.
    fn share_that_fits(
        self,
        keyspace: &Keyspace<'_>,
        entries: &[Entry<'_>],
        consistent_index: u64,
    ) -> u64 {
        let from = match self {
            Self::Beginning => 1,
            Self::At { revision, .. } => revision,
        };
        let stored = Stored::new(*keyspace, from);
        let rest = entries.get(self.at()..).unwrap_or_default();
        let (base, state): (&dyn Base, State) = match self {
            Self::Beginning => (&Nothing, beginning()),
            Self::At { .. } => (&stored, presumed(rest)),
        };
        let compacted = keyspace.compact_revision().unwrap_or(-1);
        let mut replay = Replay::new(base, state, from, -1);
        let (mut fit, mut tried, mut made) = (0u64, 0u64, 0usize);
        for entry in rest
            .iter()
            .take_while(|entry| entry.entry.index <= consistent_index)
        {
            if let Applied::Stops(_) = replay.apply(entry.entry.index, entry.data, &entry.payload())
            {
                break;
            }
            let new = replay.changes().get(made..).unwrap_or_default();
            made = replay.changes().len();
            let Some(main) = new
                .first()
                .map(|change| change.revision.main)
                .filter(|main| *main > compacted)
            else {
                continue;
            };
            tried = tried.saturating_add(1);
            let records: Vec<_> = keyspace.between(main..=main).collect();
            fit = fit.saturating_add(u64::from(fits(new, &records)));
            if tried == TRIED_ENTRIES {
                break;
            }
        }
        match tried {
            1..FEWEST_TRIED if self != Self::Beginning => 0,
            0 if self == Self::Beginning && replay.revision() == keyspace.revision() => 100,
            _ => fit.saturating_mul(100).checked_div(tried).unwrap_or(0),
        }
    }
}

/// What a new member holds.
pub(super) fn beginning() -> State {
    let mut state = State::default();
    state.users.revision = 1;
    state
}

/// What is not known of the time in the middle of a log: every lease that is used before it is granted was there. Users and
/// alarms are left out: who was refused then shows in the store.
pub(super) fn presumed(entries: &[Entry<'_>]) -> State {
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
                    state.leases.0.insert(revoke.id, Lease::default());
                }
                _ => {}
            }
        }
        entry.each_put(|_, _, lease, _| {
            if lease != 0 && !granted.contains(&lease) {
                state.leases.0.insert(lease, Lease::default());
            }
        });
    }
    state
}

/// Puts whose key, value and lease stand in the store above the compaction, each with the revision before it.
fn by_write(
    keyspace: &Keyspace<'_>,
    entries: &[Entry<'_>],
    consistent_index: u64,
) -> impl Iterator<Item = Anchor> {
    let applied = entries
        .iter()
        .enumerate()
        .take_while(move |(_, entry)| entry.entry.index <= consistent_index);
    applied.flat_map(move |(position, entry)| {
        let mut revisions: Vec<i64> = Vec::new();
        entry.each_put(|key, value, lease, _| {
            if revisions.len() < SAME_VALUES {
                revisions.extend(revisions_of(keyspace, key, value, lease));
            }
        });
        revisions.truncate(SAME_VALUES);
        revisions.into_iter().map(move |main| Anchor::At {
            position,
            revision: main.saturating_sub(1),
        })
    })
}

fn revisions_of(keyspace: &Keyspace<'_>, key: &[u8], value: &[u8], lease: i64) -> Vec<i64> {
    let compacted = keyspace.compact_revision().unwrap_or(-1);
    let same = |version: &crate::mvcc::Version<'_>| {
        version.revision.main > compacted
            && !version.tombstone
            && version
                .key_value()
                .is_ok_and(|kv| kv.value == value && kv.lease == lease)
    };
    let records = keyspace.records_of(key);
    records
        .iter()
        .filter(same)
        .map(|version| version.revision.main)
        .collect()
}
