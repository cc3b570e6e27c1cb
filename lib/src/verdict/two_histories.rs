//! A copy whose db and log are of two histories: which of both counts as what this member acknowledged.

use super::acknowledged::Acknowledged;
use super::soundness::Soundness;
use crate::member::Member;
use crate::progress::Progress;
use crate::salvage::{HistorySide, Lost, side_of_snap, two_histories};
use located::RaftIndex;

/// Which of both histories counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// The `.snap` file is of the db's cluster.
    Db,
    /// The log has everything since the store was empty. `proven`: the `.snap` file is of its cluster.
    Log { proven: bool },
    /// The log continues a store that is not here, and nothing says whether the db is of this member. `is_db_foreign`: the `.snap` file
    /// says that it is not.
    Neither { is_db_foreign: bool },
}

impl Counted {
    /// `None` if both are of one history.
    pub(super) fn read(
        member: &Member,
        sound: Soundness<'_>,
        progress: &dyn Progress,
    ) -> Option<Self> {
        let wal = member
            .wal_with(progress)
            .filter(|_| sound.two_histories())?;
        let db = member.db().ok();
        let of_snap = db.and_then(|db| side_of_snap(member, &wal, &db));
        let is_whole = wal.log().begins_with_empty_store();
        Some(match of_snap {
            Some(HistorySide::Db) => Self::Db,
            of_snap if is_whole => Self::Log {
                proven: of_snap.is_some(),
            },
            of_snap => Self::Neither {
                is_db_foreign: of_snap.is_some(),
            },
        })
    }

    /// Whether acknowledged writes may be in the other history.
    pub(super) fn is_doubtful(self) -> bool {
        !matches!(self, Self::Db | Self::Log { proven: true })
    }

    /// The acknowledged state, if it is not what the log gives.
    pub(super) fn acknowledged<'a>(
        self,
        member: &'a Member,
        applied: RaftIndex,
    ) -> Option<Acknowledged<'a>> {
        let keyspace = member.readable_keyspace().ok();
        let keyspace = keyspace.filter(|_| !matches!(self, Self::Log { .. }))?;
        let mut acknowledged = Acknowledged::of_db(&keyspace, applied);
        acknowledged.possibly.writes.at_least = self.is_doubtful();
        Some(acknowledged)
    }

    /// The revision of the db that is left out, or 0: its clients have seen it, if they were those of this member.
    pub(super) fn other_revision(self, member: &Member) -> i64 {
        let keyspace = member.readable_keyspace().ok();
        let keyspace = keyspace.filter(|_| self.is_doubtful());
        keyspace.map_or(0, |keyspace| keyspace.revision())
    }

    /// What the one that counts leaves out.
    pub(super) fn left_out(self, member: &Member) -> Option<Lost> {
        let db = member.evidence().db().filter(|_| self.is_doubtful())?;
        Some(two_histories(db.name()))
    }
}
