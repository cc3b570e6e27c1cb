//! The raft snapshots of a member.

use super::Member;
use crate::backend::ClusterMember;
use crate::evidence::{File, Role};
use crate::snap::{SnapFile, Snaps};
use located::{Bytes, MemberId, RaftIndex, Sink, reported_by};

impl Member {
    /// The `.snap` and `.snap.broken` files; what is wrong with each alone goes to `report`.
    pub fn snaps(&self, report: &mut Sink<'_>) -> Snaps {
        Snaps::read(&self.snap_bytes(), report)
    }

    /// The entry of the newest `.snap` file that can be read and is this member's; 0 if there is none. What was there once: etcd
    /// writes one only of entries that it has applied.
    pub(crate) fn newest_snap(&self) -> RaftIndex {
        let own = self.own_id();
        let snaps = self.snaps(&mut reported_by("snap::check"));
        let own = snaps.usable().filter(|snap| !is_foreign(snap, own));
        own.map(|snap| snap.index).max().unwrap_or_default()
    }

    /// The member's id, by its log; `None` without one.
    fn own_id(&self) -> Option<MemberId> {
        let wal = self.wal()?;
        let metadata = wal.log().metadata.first();
        metadata.map(|metadata| metadata.node_id)
    }

    /// Their bytes; one that cannot be read is empty here, and [`Member::unreadable_files`] names it.
    fn snap_bytes(&self) -> Vec<Bytes<'_>> {
        let bytes = |file| File::bytes(file).unwrap_or_else(|_| Bytes::new(file.name(), 0, &[]));
        let broken = self.evidence.with_role(Role::SnapBroken);
        self.evidence
            .snaps()
            .iter()
            .chain(broken)
            .map(bytes)
            .collect()
    }
}

/// Whether a `.snap` file was written by a member of another cluster, or before this one joined: it names members, and not this one.
pub(crate) fn is_foreign(snap: &SnapFile, own: Option<MemberId>) -> bool {
    let conf = &snap.conf_state;
    own.is_some_and(|own| !conf.voters.is_empty() && !conf.contains(own))
}

/// The `.snap` whose members are believed: the newest that names this member. If none does, the newest of all, unless the db names
/// this member: then db and log agree, and the `.snap` files are of another member.
pub(crate) fn of_this_member<'s>(
    snaps: &'s Snaps,
    own: Option<MemberId>,
    of_db: &[ClusterMember],
) -> Option<&'s SnapFile> {
    let newest = snaps.usable().next();
    let mut usable = snaps.usable();
    usable.find(|snap| !is_foreign(snap, own)).or_else(|| {
        match of_db.iter().any(|member| Some(member.id) == own) {
            true => None,
            false => newest,
        }
    })
}
