//! The acknowledged state: the best state that everything readable proves was once committed.
//!
//! In a one-member cluster an entry that was synced was acknowledged (etcd answers after the WAL is synced and the entry is
//! applied). In a larger one only what a HardState, the db, a snapshot or another copy says is committed; later entries are
//! possibly acknowledged.

use super::outcome::{Count, Loss};
use crate::member::{Member, Wal};
use crate::mvcc::{Keyspace, Overlay, Rules};
use crate::progress::Progress;
use crate::recover::{Applied, ApplyRules, Nothing, Replay, State, Stored, commit, voters};
use located::RaftIndex;

/// What the acknowledged state is built on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foundation {
    /// The db, and the entries after consistent_index.
    Db,
    /// The empty store: the log has every entry since.
    Log,
    /// Nothing: neither a readable db nor a log from its beginning.
    Nothing,
}

/// The acknowledged state of one member.
#[derive(Debug)]
pub struct Acknowledged<'a> {
    /// What it is built on.
    pub foundation: Foundation,
    overlay: Overlay<'a>,
    /// The last entry that was acknowledged.
    pub through: RaftIndex,
    /// Entries up to there that are damaged or missing in the log, and not in the foundation either: their writes are nowhere.
    pub gone: u64,
    /// Later entries of the log that may have been acknowledged.
    pub possibly: Loss,
    /// Acknowledged entries whose effect the foundation has not, with what they wrote: ascending index.
    writes: Vec<AcknowledgedWrite>,
}

/// The last entry that was synced and is damaged now; 0 if there is none. One that was torn was never acknowledged: etcd
/// answers after the sync.
fn damaged_to(wal: &Wal<'_>) -> RaftIndex {
    let log = wal.log();
    let torn = log.damages.iter().filter(|damage| damage.torn);
    let torn: Vec<Option<usize>> = torn.map(|damage| damage.record).collect();
    let damaged = log.entries.iter().filter(|entry| {
        !entry.survives
            && entry.superseded_by.is_none()
            && !torn.contains(&Some(entry.record as usize))
    });
    damaged.map(|entry| entry.index).max().unwrap_or_default()
}

/// A write of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AcknowledgedWrite {
    pub(super) index: RaftIndex,
    pub(super) revision: i64,
    pub(super) key: Vec<u8>,
}

impl<'a> Acknowledged<'a> {
    /// Builds it from what a member's copy has. `committed`: what other copies of the cluster prove to be committed; 0 if there
    /// are none. `on_db`: whether the db may be believed. `rules`: those of the release. `twice`: entries after consistent_index whose effect is in it already.
    pub(super) fn build(
        member: &'a Member,
        on_db: bool,
        twice: u64,
        committed: RaftIndex,
        rules: ApplyRules,
        progress: &dyn Progress,
    ) -> Self {
        let keyspace = member.readable_keyspace().ok();
        let wal = member.wal_with(progress);
        let from_beginning = wal
            .as_ref()
            .is_some_and(|wal| wal.log().begins_with_empty_store());
        let meta = member.meta().ok();
        let index = meta.and_then(|meta| meta.consistent_index);
        let index = index.unwrap_or_default();
        match (keyspace, wal) {
            (Some(keyspace), None) => Self::of_db(&keyspace, index),
            (Some(keyspace), Some(wal)) if on_db || !from_beginning => {
                let state = member.db().map(|db| State::read(&db)).unwrap_or_default();
                let overlay = Overlay::new(&keyspace);
                let stored = Stored::new(keyspace, keyspace.revision());
                let compacted = keyspace.compact_revision().unwrap_or(-1);
                let replay =
                    Replay::new(&stored, state, keyspace.revision(), compacted).with_rules(rules);
                let from = index.saturating_add(twice);
                Self::apply(
                    Foundation::Db,
                    member,
                    &wal,
                    replay,
                    overlay,
                    (from, committed),
                )
            }
            (_, Some(wal)) if from_beginning => {
                let replay = Replay::new(&Nothing, State::of_new_member(), 1, -1).with_rules(rules);
                let overlay = Overlay::empty(Rules::NEWEST);
                Self::apply(
                    Foundation::Log,
                    member,
                    &wal,
                    replay,
                    overlay,
                    (RaftIndex(0), committed),
                )
            }
            (_, wal) => {
                let last = wal.map_or(RaftIndex(0), |wal| wal.log().last_index());
                Self {
                    foundation: Foundation::Nothing,
                    overlay: Overlay::empty(Rules::NEWEST),
                    through: last,
                    gone: 0,
                    possibly: Loss::default(),
                    writes: Vec::new(),
                }
            }
        }
    }

    /// The db alone.
    pub(super) fn of_db(keyspace: &Keyspace<'a>, index: RaftIndex) -> Self {
        Self {
            foundation: Foundation::Db,
            overlay: Overlay::new(keyspace),
            through: index,
            gone: 0,
            possibly: Loss::default(),
            writes: Vec::new(),
        }
    }

    /// Applies the entries after `from` that were acknowledged, and goes on after gaps; counts the rest.
    fn apply(
        foundation: Foundation,
        member: &Member,
        wal: &Wal<'a>,
        mut replay: Replay<'a, '_>,
        overlay: Overlay<'a>,
        (from, committed): (RaftIndex, RaftIndex),
    ) -> Self {
        let log = wal.log();
        let known = commit(wal, from).max(committed);
        let sole = voters(member, wal, known).voters.len() <= 1;
        let last = log.last_index().max(damaged_to(wal));
        let through = if sole { last.max(known) } else { known };
        let (mut at, mut gone, mut acknowledged) = (from, 0u64, 0usize);
        for entry in log.surviving().filter(|entry| entry.index > from) {
            if entry.index > through && acknowledged == 0 {
                acknowledged = replay.changes().len().saturating_add(1);
            }
            let missing = entry.index.since(at).saturating_sub(1);
            if missing > 0 {
                gone = gone.saturating_add(missing);
                // Of an entry that cannot be read one revision is assumed: most are writes.
                let revisions = i64::try_from(missing).unwrap_or(i64::MAX);
                replay.skip_to(replay.revision().saturating_add(revisions));
            }
            if let Applied::Stops(_) = replay.apply_data(entry.index, entry.kind, wal.data(entry)) {
                gone = gone.saturating_add(1);
            }
            at = entry.index;
        }
        gone = gone.saturating_add(through.since(at.max(from)));
        let split = match acknowledged {
            0 => replay.changes().len(),
            count => count.saturating_sub(1),
        };
        Self::settle(foundation, &replay, overlay, through, gone, split)
    }

    fn settle(
        foundation: Foundation,
        replay: &Replay<'a, '_>,
        mut overlay: Overlay<'a>,
        through: RaftIndex,
        gone: u64,
        split: usize,
    ) -> Self {
        let changes = replay.changes();
        let mut possibly = Loss::default();
        let mut writes = Vec::new();
        for (at, change) in changes.iter().enumerate() {
            if at >= split {
                possibly.add(change.revision.main, &change.key);
                continue;
            }
            match change.put {
                Some(_) => overlay.put(change.revision, &change.key_value()),
                None => overlay.delete(change.revision, &change.key),
            };
            writes.push(AcknowledgedWrite {
                index: change.index,
                revision: change.revision.main,
                key: change.key.to_vec(),
            });
        }
        let newest = overlay.keyspace().revision();
        let compactions = replay.compactions().iter();
        let compacted = compactions
            .filter(|(_, at)| *at <= newest)
            .map(|(revision, _)| *revision);
        if let Some(revision) = compacted.max() {
            overlay.compact(revision);
        } else if overlay.keyspace().compaction().is_interrupted() {
            overlay.finish_compaction();
        }
        Self {
            foundation,
            overlay,
            through,
            gone,
            possibly: possibly.settle(),
            writes,
        }
    }

    /// Whether it is built on the db.
    pub(super) fn is_on_db(&self) -> bool {
        self.foundation == Foundation::Db
    }

    /// The state as a keyspace.
    pub fn keyspace(&self) -> Keyspace<'_> {
        self.overlay.keyspace()
    }

    /// The acknowledged writes of entries with an index greater than `index`, as far as the foundation has not their effect.
    pub fn after(&self, index: RaftIndex) -> Loss {
        let mut loss = Loss::default();
        for write in self.writes.iter().filter(|write| write.index > index) {
            loss.add(write.revision, &write.key);
        }
        loss.settle()
    }

    /// Acknowledged entries that can be read nowhere, of each of which one write is assumed.
    pub fn unreadable(&self) -> Count {
        Count::exactly(self.gone)
    }
}
