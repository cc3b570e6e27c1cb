//! `--force-new-cluster`: the log is cut after what is committed, and every other member is removed by an entry of its own.
//!
//! Source: etcd `server/etcdserver/raft.go` (`restartAsStandaloneNode`), v3.5.30; `etcdserver/raft.go`, v3.4.23.

use super::engine::Engine;
use super::store::Backend;
use super::{ForcedLog, Stopped};
use crate::raft::{ConfChangeType, Payload};
use crate::wal::boot::{self, Reading, Release};
use located::{MemberId, RaftIndex};

/// Since 3.5.22 and 3.6.1 what the db has applied counts as committed, too (etcd#20055).
fn counts_applied(release: Release) -> bool {
    match release.minor {
        ..=4 => false,
        5 => release.patch >= 22,
        6 => release.patch >= 1,
        _ => true,
    }
}

impl Engine<'_, '_> {
    /// Cuts the log, and follows the entries that are appended: `reading` is then what raft starts with.
    pub(super) fn force_new_cluster(
        &mut self,
        reading: &mut Reading<'_>,
        from: boot::Start,
        backend: Option<&Backend<'_>>,
    ) -> Result<(), Stopped> {
        let applied = match backend {
            Some(backend) if counts_applied(self.release) => backend.consistent_index()?,
            _ => RaftIndex(0),
        };
        let kept = reading.hard_state.commit.max(applied);
        let last_index = reading.last_index(from);
        let entries = reading.entries.len();
        let uncommitted = reading.entries.iter().position(|entry| entry.index > kept);
        reading.entries.truncate(uncommitted.unwrap_or(entries));
        let others = self.others(reading);
        self.outcome.forced = Some(ForcedLog {
            kept,
            last_index,
            discarded: entries.saturating_sub(reading.entries.len()) as u64,
            removed: others.iter().copied().map(MemberId).collect(),
        });
        self.appended = others.len() as u64;
        let own = reading.node_id.get();
        if !self.ids(reading).contains(&own) {
            self.appended = self.appended.saturating_add(1);
            self.added_self = true;
        }
        let stored = from.index.saturating_add(reading.entries.len() as u64);
        let last = reading.entries.last().map(|entry| entry.index);
        let commit = match (self.appended, last) {
            (0, None) => kept,
            (0, Some(last)) => last,
            (appended, _) => kept.saturating_add(appended),
        };
        // raft `storage.go` (`Append`): entries that do not follow the last one.
        if last.is_none() && self.appended > 0 && kept > from.index {
            return Err(Stopped::Refuses(format!(
                "panic: missing log entry [last: {}, append at: {}]",
                from.index,
                kept.saturating_add(1)
            )));
        }
        let end = match last {
            None if self.appended > 0 => commit.max(from.index),
            _ => stored.saturating_add(self.appended),
        };
        if commit < from.index || commit > end {
            return Err(Stopped::Refuses(format!(
                "panic: {own:x} state.commit {commit} is out of range [{}, {end}]",
                from.index
            )));
        }
        reading.hard_state.commit = last.unwrap_or(from.index);
        Ok(())
    }

    /// `getIDs`: voters of the snapshot (since 3.5.22 learners too), and what the entries add and remove.
    fn ids(&self, reading: &Reading<'_>) -> Vec<u64> {
        let mut ids = self.conf.voters.clone();
        if counts_applied(self.release) {
            ids.extend(&self.conf.learners);
        }
        for entry in &reading.entries {
            if let Payload::ConfChange(change) = Payload::decode(entry.kind, entry.data) {
                match change.kind() {
                    ConfChangeType::RemoveNode => ids.retain(|id| *id != change.node_id),
                    ConfChangeType::AddNode | ConfChangeType::AddLearnerNode => {
                        ids.push(change.node_id);
                    }
                    _ => {}
                }
            }
        }
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn others(&self, reading: &Reading<'_>) -> Vec<u64> {
        let mut ids = self.ids(reading);
        ids.retain(|id| *id != reading.node_id.get());
        ids
    }

    /// Who votes after the appended entries. A member that is known already is not added a second time: the entry is refused when it is
    /// applied (`ValidateConfigurationChange` in `server/etcdserver/api/membership/cluster.go`, v3.5.30), and no one votes.
    pub(super) fn alone(&mut self, own: u64, known: &[u64]) -> Result<(), Stopped> {
        if self.added_self && !known.contains(&own) {
            self.conf.learners.retain(|id| *id != own);
            if !self.conf.voters.contains(&own) {
                self.conf.voters.push(own);
            }
        }
        if !self.conf.voters.contains(&own) {
            // raft `confchange/confchange.go` (`checkInvariants`): the voters are removed before it may vote.
            return Err(Stopped::Refuses("panic: removed all voters".to_owned()));
        }
        self.conf.voters = vec![own];
        self.conf.learners.clear();
        Ok(())
    }
}
