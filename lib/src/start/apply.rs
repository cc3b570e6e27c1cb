//! Membership and versions while the log is applied: who votes, who is known, what ends etcd on the way.

use super::Stopped;
use super::engine::Engine;
use crate::backend::{Cluster, EtcdVersion, Meta};
use crate::raft::{ConfChangeType, Entry, Operation, Payload, Request};
use crate::snap::Store;
use crate::wal::boot::{self, Reading};
use located::{MemberId, RaftIndex, reported_by};

impl Engine<'_, '_> {
    /// 3.6 and later: the schema, the cluster version and the members of the db.
    pub(super) fn schema(&mut self, own: u64) -> Result<(), Stopped> {
        let Ok(db) = self.member.db() else {
            return Ok(());
        };
        let cluster = Cluster::read(&db, &mut reported_by("backend::check"));
        let minor = u64::from(self.release.minor);
        let storage = Meta::read(&db, &mut reported_by("backend::check")).storage_version;
        if let Some(storage) = storage.filter(|version| version.minor > minor) {
            return Err(Stopped::Refuses(format!(
                "Failed to validate schema {{\"error\": \"version \\\"{storage}\\\" is not supported\"}}"
            )));
        }
        if let Some(version) = cluster.cluster_version {
            self.downgrade(version)?;
        }
        if cluster.is_removed(MemberId(own)) {
            return Err(removed());
        }
        if !cluster.members.is_empty() && cluster.member(MemberId(own)).is_none() {
            return Err(Stopped::Refuses(
                "panic: failed to find local ID in cluster members".to_owned(),
            ));
        }
        Ok(())
    }

    /// `mustDetectDowngrade`.
    pub(super) fn downgrade(&mut self, version: EtcdVersion) -> Result<(), Stopped> {
        self.cluster_version = Some(version);
        if version.minor <= u64::from(self.release.minor) {
            return Ok(());
        }
        Err(Stopped::Refuses(match self.release.minor {
            ..=4 => "cluster cannot be downgraded".to_owned(),
            _ => format!(
                "invalid downgrade; server version is lower than determined cluster version {{\"determined-cluster-version\": \"3.{}\"}}",
                version.minor
            ),
        }))
    }

    /// Follows the changes of membership in the entries that are committed.
    pub(super) fn follow(&mut self, reading: &Reading<'_>, from: boot::Start) {
        for entry in &reading.entries {
            if entry.index <= from.index {
                continue;
            }
            // A member that votes alone commits what it has; in a larger cluster, others decide; without a voter, nothing is
            // committed beyond what the HardState says (raft `raft.go`, `promotable`: no campaign without an own vote).
            let own = [reading.node_id.get()];
            let committed =
                reading.hard_state.commit >= entry.index || self.conf.voters.as_slice() == own;
            if let (true, Payload::ConfChange(change)) =
                (committed, Payload::decode(entry.kind, entry.data))
            {
                self.conf.apply(&change);
            }
        }
    }

    /// Members as the v2 store (up to 3.5) or the db (from 3.6) and the entries after it have them.
    pub(super) fn known_members(&self, reading: &Reading<'_>, from: boot::Start) -> Vec<u64> {
        let mut known: Vec<u64> = match (self.release.minor, self.store()) {
            (..=5, Some(store)) if from.index > 0 => {
                store.members.iter().map(|m| m.id.get()).collect()
            }
            (..=5, _) => Vec::new(),
            _ => self.member.db().map_or(Vec::new(), |db| {
                let cluster = Cluster::read(&db, &mut reported_by("backend::check"));
                cluster.members.iter().map(|member| member.id.0).collect()
            }),
        };
        for entry in &reading.entries {
            if let Payload::ConfChange(change) = Payload::decode(entry.kind, entry.data) {
                match change.kind() {
                    ConfChangeType::RemoveNode => known.retain(|id| *id != change.node_id),
                    _ if !known.contains(&change.node_id) => known.push(change.node_id),
                    _ => {}
                }
            }
        }
        known
    }

    fn store(&self) -> Option<Store> {
        let snaps = self.member.snaps(&mut reported_by("snap::check"));
        let used = self.chosen?;
        let snap = snaps
            .usable()
            .find(|snap| (snap.index, snap.term) == (used.index, used.term))?;
        Store::parse(&snap.store_json).ok()
    }

    /// The version that the v2 store of the `.snap` names.
    pub(super) fn cluster_version(&self) -> Option<EtcdVersion> {
        self.store()?.cluster_version?.parse().ok()
    }

    /// Goes through the entries as they are applied: those that only the v2 side sees too.
    pub(super) fn entries(
        &mut self,
        reading: &Reading<'_>,
        from: boot::Start,
        to: RaftIndex,
        consistent_index: RaftIndex,
    ) -> Result<(), Stopped> {
        let own = reading.node_id.get();
        let voters: Vec<u64> = self.snapshot_voters.clone();
        let stop = boot::apply_stop(self.release, from, reading, &voters, to);
        let stop = stop.filter(|(index, _)| {
            // From 3.7 on entries that the db has are not looked at.
            self.release.minor < 7 || *index > consistent_index
        });
        if let Some(version) = self.cluster_version().filter(|_| self.release.minor <= 5) {
            self.downgrade(version)?;
        }
        let store = self.store();
        let mut known: Vec<u64> = store.as_ref().map_or(Vec::new(), |store| {
            store.members.iter().map(|m| m.id.get()).collect()
        });
        let mut removed_ids: Vec<u64> = store.map_or(Vec::new(), |store| {
            store.removed.iter().map(|id| id.get()).collect()
        });
        for entry in &reading.entries {
            if entry.index <= from.index || entry.index > to {
                continue;
            }
            if let Some((_, halt)) = stop.as_ref().filter(|(index, _)| *index == entry.index) {
                return Err(Stopped::Refuses(halt.log_line(self.release)));
            }
            self.membership(entry, own, &mut known, &mut removed_ids)?;
        }
        // Its first entry after the election publishes its own attributes.
        let leads = self.conf.voters.contains(&own);
        if leads
            && !self.added_self
            && self.release.minor <= 5
            && !known.contains(&own)
            && !removed_ids.contains(&own)
        {
            return Err(Stopped::Refuses(self.text(
                "panic: failed to update; member unknown",
                "panic: error updating attributes of unknown member",
            )));
        }
        Ok(())
    }

    fn membership(
        &mut self,
        entry: &Entry<'_>,
        own: u64,
        known: &mut Vec<u64>,
        removed_ids: &mut Vec<u64>,
    ) -> Result<(), Stopped> {
        let (mut publishes, mut version) = (None, None);
        match Payload::decode(entry.kind, entry.data) {
            Payload::ConfChange(change) => match change.kind() {
                ConfChangeType::RemoveNode => {
                    known.retain(|id| *id != change.node_id);
                    removed_ids.push(change.node_id);
                    if change.node_id == own {
                        return Err(removed());
                    }
                }
                _ if change.node_id != 0 && !known.contains(&change.node_id) => {
                    known.push(change.node_id);
                }
                _ => {}
            },
            Payload::Request(Request::V2(request)) => {
                publishes = request.publishes_member().map(MemberId::get);
                version = request.cluster_version().map(str::to_owned);
            }
            Payload::Request(Request::Internal(request)) => match request.operation() {
                Some(Operation::ClusterVersionSet(set)) => version = Some(set.ver.clone()),
                Some(Operation::ClusterMemberAttrSet(set)) => publishes = Some(set.member_id),
                Some(Operation::V2(request)) => {
                    publishes = request.publishes_member().map(MemberId::get);
                    version = request.cluster_version().map(str::to_owned);
                }
                _ => {}
            },
            _ => {}
        }
        if let Some(version) = version.and_then(|text| text.parse().ok()) {
            self.downgrade(version)?;
        }
        let unknown = |id: &u64| !known.contains(id) && !removed_ids.contains(id);
        if self.release.minor <= 5 && publishes.as_ref().is_some_and(unknown) {
            return Err(Stopped::Refuses(self.text(
                "panic: failed to update; member unknown",
                "panic: error updating attributes of unknown member",
            )));
        }
        Ok(())
    }
}

fn removed() -> Stopped {
    Stopped::Refuses(
        "the member has been permanently removed from the cluster (exit code 0)".to_owned(),
    )
}
