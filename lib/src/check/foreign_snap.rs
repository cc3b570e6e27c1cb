//! A `.snap` file of another member or cluster, whose index and term are by coincidence those of a snapshot of this member: a start
//! takes voters and members from it.

use crate::backend::Cluster;
use crate::bolt::Db;
use crate::codes::cross;
use crate::member::{Wal, is_foreign};
use crate::snap::{SnapFile, Snaps};
use located::{Finding, MemberId, RaftIndex, Sink, Term, reported_by};

/// The `.snap` from which a start takes the members: the newest one that the log has a record of
/// (`LoadNewestAvailable` in `server/etcdserver/api/snap/snapshotter.go`, v3.5.30).
pub(super) fn taken_by_a_start<'s>(wal: &Wal<'_>, snaps: &'s Snaps) -> Option<&'s SnapFile> {
    let log = wal.log();
    let is_valid = |index: RaftIndex, term: Term| {
        log.valid_snapshots()
            .any(|record| (record.index, record.term) == (index, term))
    };
    let mut usable = snaps.usable();
    usable.find(|snap| is_valid(snap.index, snap.term))
}

/// The one that is taken, and the member whose log it is, if log and db agree about the member and the `.snap` does not.
fn foreign<'s>(db: &Db<'_>, wal: &Wal<'_>, snaps: &'s Snaps) -> Option<(&'s SnapFile, MemberId)> {
    let own = wal
        .log()
        .metadata
        .first()
        .map(|metadata| metadata.node_id)?;
    let taken = taken_by_a_start(wal, snaps).filter(|snap| is_foreign(snap, Some(own)))?;
    let cluster = Cluster::read(db, &mut reported_by("backend::check"));
    cluster.member(own).map(|_| (taken, own))
}

/// Whether a start takes the members of another member's `.snap`.
pub(super) fn is_taken(db: &Db<'_>, wal: &Wal<'_>, snaps: &Snaps) -> bool {
    foreign(db, wal, snaps).is_some()
}

/// Reports it.
pub(super) fn foreign_snap(db: &Db<'_>, wal: &Wal<'_>, snaps: &Snaps, report: &mut Sink<'_>) {
    let Some((taken, own)) = foreign(db, wal, snaps) else {
        return;
    };
    let message = format!(
        "the .snap of index {} does not name member {own:016x}, which log and db name; it is of another member or cluster",
        taken.index
    );
    report(Finding::new(&cross::SNAP_FOREIGN, taken.place(), message));
}
