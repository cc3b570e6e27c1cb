//! Which history db and log are of: one, or two of which only one can be used.

use super::stored_side::StoredSide;
use crate::member::{Member, Wal};
use located::reported_by;

/// Of a hundred records at revisions that both have, so many must agree for db and log to be of one history.
pub(super) const ONE_HISTORY: u64 = 50;

/// Whether the db is of another cluster than the log, and the newest `.snap` file names the members of the db.
pub(super) fn snap_is_of_db(member: &Member, wal: &Wal<'_>, side: &StoredSide<'_>) -> bool {
    let (Some(own), Some(db)) = (wal.log().metadata.first(), &side.db) else {
        return false;
    };
    let cluster = crate::backend::Cluster::read(db, &mut reported_by("backend::check"));
    let of_db = |id| cluster.member(id).is_some() || cluster.is_removed(id);
    if cluster.members.is_empty() || of_db(own.node_id) {
        return false;
    }
    let snaps = member.snaps(&mut reported_by("snap::check"));
    let store = snaps
        .usable()
        .next()
        .and_then(|snap| crate::snap::Store::parse(&snap.store_json).ok());
    store.is_some_and(|store| {
        let named = |id| store.members.iter().any(|member| member.id == id);
        !named(own.node_id) && store.members.iter().any(|member| of_db(member.id))
    })
}

/// Whether a log that reaches further begins with the ConfChanges that consistent_index counts, and with nothing else.
///
/// `snapshot restore` sets consistent_index to the number of members, whose ConfChanges are the first entries of every log:
/// a restored db beside the old log of its cluster. `saveWALAndSnap` in `etcdutl/snapshot/v3_snapshot.go`, v3.5.30.
pub(crate) fn may_be_restored(wal: &Wal<'_>, applied: u64) -> bool {
    wal.log().has_only_first_members_to(applied)
}
