//! A db that was restored and put beside its old log (icp-backup#24): a start applies the whole old log to it again, which
//! undoes the restore.
//!
//! `snapshot restore` sets consistent_index to the number of members, whose ConfChanges are the first entries of every log. An
//! old log of the same cluster begins with the same entries, so that etcd sees nothing wrong. Source: etcd
//! `saveWALAndSnap` in `etcdutl/snapshot/v3_snapshot.go`, v3.5.30.

use super::acknowledged::Acknowledged;
use super::difference::Difference;
use super::outcome::Loss;
use crate::member::Member;
use crate::mvcc::Keyspace;
use crate::progress::Progress;
use crate::salvage::may_be_restored;
use located::RaftIndex;

/// What a start makes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Restored {
    /// Writes that the db has, and that are applied once more.
    pub(super) duplicated: u64,
    /// Writes that the restore had taken back.
    pub(super) undone: Loss,
}

/// Whether a log that reaches further begins with the ConfChanges that consistent_index counts, and with nothing else.
pub(super) fn may_be(member: &Member, applied: RaftIndex, progress: &dyn Progress) -> bool {
    let wal = member.wal_with(progress);
    wal.is_some_and(|wal| may_be_restored(&wal, applied))
}

/// Compares the db with the state that the log alone gives; `None` if the db is not an earlier state of the same history.
pub(super) fn compare(db: &Keyspace<'_>, log: &Acknowledged<'_>) -> Option<Restored> {
    let whole = log.keyspace();
    let revision = db.revision();
    // An empty store, or one that goes on where the log ends, was not restored.
    if revision <= 1 || revision >= whole.revision() {
        return None;
    }
    let difference = Difference::between(db, &whole, 0);
    if !difference.lost.is_none() || !difference.wrong.is_zero() {
        return None;
    }
    let mut undone = Loss::default();
    for version in whole.between(revision.saturating_add(1)..=i64::MAX) {
        undone.add(version.revision.main, version.key);
    }
    Some(Restored {
        // The first revision of a store is 2.
        duplicated: revision.saturating_sub(1).unsigned_abs(),
        undone: undone.settle(),
    })
}
