//! An anchor that follows from the end: at consistent_index the store is at its newest revision.
//!
//! A workload that repeats itself fits its own history at many places, so that a few entries that fit prove nothing. But
//! the entries up to consistent_index use up a known number of revisions, and the last of them is the newest of the store.
//! Counting back from there leaves one place for each entry.

use super::RunEntry;
use super::anchor::{Anchor, presumed};
use crate::mvcc::Keyspace;
use crate::recover::{Applied, Replay, Stored};
use located::{RaftIndex, progress::Progress};

/// Rounds in which the place may still move: what a deletion or a comparison does depends on the store it begins with.
const ROUNDS: usize = 4;

/// Returns the earliest entry of a run that ends with consistent_index whose revision is above the compaction, with the
/// revision before it. `None` if the run ends before, no such place is stable, or the comparison was cancelled.
pub(super) fn from_end(
    keyspace: &Keyspace<'_>,
    entries: &[RunEntry<'_>],
    consistent_index: RaftIndex,
    progress: &dyn Progress,
) -> Option<Anchor> {
    let floor = keyspace.compact_revision().unwrap_or(1).max(1);
    let newest = keyspace.between(0..=i64::MAX).next_back()?.revision.main;
    if entries.last()?.entry.index < consistent_index || newest <= floor {
        return None;
    }
    let (mut position, mut revision) = (0usize, floor);
    for _ in 0..ROUNDS {
        if progress.cancelled() {
            return None;
        }
        let used = used(keyspace, entries, position, revision, consistent_index)?;
        let all = used.last().copied().unwrap_or(0);
        let wanted = newest.saturating_sub(all);
        if wanted == revision {
            return Some(Anchor::At { position, revision });
        }
        if wanted > floor {
            revision = wanted;
            continue;
        }
        let room = newest.saturating_sub(floor);
        let skipped = used
            .iter()
            .position(|before| all.saturating_sub(*before) <= room)?;
        let rest = all.saturating_sub(used.get(skipped).copied().unwrap_or(0));
        position = position.saturating_add(skipped);
        revision = newest.saturating_sub(rest);
    }
    None
}

/// Revisions used before each entry from a position on, and at last by all of them; `None` if one cannot be applied.
fn used(
    keyspace: &Keyspace<'_>,
    entries: &[RunEntry<'_>],
    position: usize,
    revision: i64,
    consistent_index: RaftIndex,
) -> Option<Vec<i64>> {
    let rest = entries.get(position..)?;
    let stored = Stored::new(*keyspace, revision);
    let mut replay = Replay::new(&stored, presumed(rest), revision, -1);
    let mut used = vec![0];
    for entry in rest
        .iter()
        .take_while(|entry| entry.entry.index <= consistent_index)
    {
        if let Applied::Stops(_) = entry.apply(&mut replay) {
            return None;
        }
        used.push(replay.revision().saturating_sub(revision));
    }
    Some(used)
}
