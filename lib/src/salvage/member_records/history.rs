//! Which history db and log are of: one, or two of which only one can be used.

use crate::backend::Cluster;
use crate::bolt::Db;
use crate::member::{Member, Wal};
use located::{RaftIndex, reported_by};

/// Of a hundred records at revisions that both have, so many must agree for db and log to be of one history.
pub(super) const ONE_HISTORY: u64 = 50;

/// One of the two histories of a copy whose db is of another cluster than its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HistorySide {
    /// That of the db.
    Db,
    /// That of the log.
    Log,
}

/// Which of both the newest `.snap` file is of, if the db is of another cluster than the log; `None` if it is not, or if no `.snap`
/// file says it.
pub(crate) fn side_of_snap(member: &Member, wal: &Wal<'_>, db: &Db<'_>) -> Option<HistorySide> {
    let own = wal.log().metadata.first()?.node_id;
    let cluster = Cluster::read(db, &mut reported_by("backend::check"));
    let of_db = |id| cluster.member(id).is_some() || cluster.is_removed(id);
    if cluster.members.is_empty() || of_db(own) {
        return None;
    }
    let snaps = member.snaps(&mut reported_by("snap::check"));
    let newest = snaps.usable().next()?;
    let store = crate::snap::Store::parse(&newest.store_json).ok()?;
    let mut ids = store.members.iter().map(|member| member.id);
    match ids.clone().any(|id| id == own) {
        true => Some(HistorySide::Log),
        false => ids.any(of_db).then_some(HistorySide::Db),
    }
}

/// Whether a log that reaches further begins with the ConfChanges that consistent_index counts, and with nothing else.
///
/// `snapshot restore` sets consistent_index to the number of members, whose ConfChanges are the first entries of every log:
/// a restored db beside the old log of its cluster. `saveWALAndSnap` in `etcdutl/snapshot/v3_snapshot.go`, v3.5.30.
pub(crate) fn may_be_restored(wal: &Wal<'_>, applied: RaftIndex) -> bool {
    wal.log().has_only_first_members_to(applied)
}
