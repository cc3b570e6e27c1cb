//! Db and log as one history: below the compaction too, as far as the log reaches.

use std::sync::Arc;

use super::{Dataset, IndexedKeyspace, Side};
use crate::check::Logged;
use crate::mvcc::{Detached, Keyspace};
use crate::salvage::carve::{Carvings, Past};
use located::Error;

/// Every version that the db or the log has, without the bytes of the db.
#[derive(Debug)]
pub struct JoinedHistory {
    versions: Detached,
    /// The first revision that only the log has.
    pub first: i64,
    /// Whether every write from the first revision of the store to the compaction is known. If not, keys that were written last before
    /// [`first`](Self::first), and again or deleted before the compaction, are missing in between.
    pub is_whole: bool,
}

impl JoinedHistory {
    /// The versions, over the keyspace of the db.
    pub(super) fn keyspace<'k>(&'k self, stored: &Keyspace<'k>) -> Keyspace<'k> {
        self.versions.keyspace(stored)
    }
}

impl Dataset {
    /// The keyspace of the db with every version that the log has: nothing is compacted in it. `None` if the log has none that the
    /// db does not have.
    ///
    /// # Errors
    /// As [`Dataset::keyspace`].
    pub fn joined(&self, logged: &Logged) -> Result<Option<IndexedKeyspace>, Error> {
        let member = self.member();
        let stored = member.readable_keyspace()?;
        if logged.keyspace().newest_revision().is_none() {
            return Ok(None);
        }
        let compacted = stored.compact_revision().unwrap_or(1);
        let past = Past::new(&stored, Some(logged), &Carvings::default());
        let Some((first, _)) = past.logged() else {
            return Ok(None);
        };
        let joined = JoinedHistory {
            first,
            is_whole: past.has_all(FIRST_WRITE, compacted),
            versions: past.into_versions(),
        };
        self.on(Side::Stored)
            .index_joined(Arc::new(joined))
            .map(Some)
    }
}

/// The revision of the first write of a store.
const FIRST_WRITE: i64 = 2;
