//! What a carved record is to the store.

use super::{Carving, Carvings};
use crate::mvcc::{Keyspace, Revision};

/// What a carved record is to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CarveState {
    /// A copy of the version that is live.
    LiveCopy,
    /// A copy of a version that the store has and that is not the live one.
    OlderVersion,
    /// An older version of a live key that compaction has removed.
    Compacted,
    /// A version of a key that is not live any more.
    Deleted,
    /// Newer than the store, of unknown revision, or not explained by the store.
    Unknown,
}

impl CarveState {
    /// As the table has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LiveCopy => "live copy",
            Self::OlderVersion => "older version",
            Self::Compacted => "compacted",
            Self::Deleted => "deleted",
            Self::Unknown => "unknown",
        }
    }
}

/// The store that carved records are compared with.
pub(super) struct ComparedStore<'a> {
    pub(super) keyspace: Keyspace<'a>,
    /// Whether all of it can be read: a key that is not in it was then deleted.
    pub(super) is_whole: bool,
}

impl Carvings<'_> {
    pub(super) fn state(&self, carving: &Carving, store: Option<&ComparedStore<'_>>) -> CarveState {
        let record = &carving.find.record;
        let main = record.revision.main;
        let store =
            store.filter(|store| carving.find.is_placed && main <= store.keyspace.revision());
        let Some(ComparedStore { keyspace, is_whole }) = store else {
            return CarveState::Unknown;
        };
        let compacted = keyspace.compact_revision().unwrap_or(-1);
        let live = keyspace.get(self.key(carving), None).ok().flatten();
        let same = |revision: Revision, tombstone: bool, message: &[u8]| {
            revision == record.revision
                && tombstone == record.tombstone
                && message == self.message(carving)
        };
        if live
            .as_ref()
            .is_some_and(|live| same(live.revision, live.tombstone, live.message))
        {
            return CarveState::LiveCopy;
        }
        let stored = keyspace
            .between(main..=main)
            .find(|version| version.revision == record.revision);
        match stored {
            Some(stored) if same(stored.revision, stored.tombstone, stored.message) => {
                if live.is_some() {
                    CarveState::OlderVersion
                } else {
                    CarveState::Deleted
                }
            }
            Some(_) => CarveState::Unknown,
            // Every record after the compaction belongs in the store: it has lost this one.
            None if main > compacted => CarveState::Unknown,
            None if live.is_some() => CarveState::Compacted,
            None if *is_whole => CarveState::Deleted,
            None => CarveState::Unknown,
        }
    }
}
