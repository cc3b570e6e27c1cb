//! The db of a member's copy: its records, its meta bucket, and what it has lost.

use super::super::Lost;
use super::super::stored::StoredRecords;
use crate::backend::Meta;
use crate::bolt::Db;
use crate::member::Member;
use crate::mvcc::Keyspace;
use located::reported_by;

/// One side of a member's copy.
pub(super) struct StoredSide<'a> {
    pub(super) db: Option<Db<'a>>,
    pub(super) keyspace: Option<Keyspace<'a>>,
    pub(super) meta: Meta,
    pub(super) stored: StoredRecords,
}

impl<'a> StoredSide<'a> {
    pub(super) fn read(member: &'a Member, source: u16, lost: &mut Vec<Lost>) -> Self {
        let mut side = Self {
            db: None,
            keyspace: None,
            meta: Meta::default(),
            stored: StoredRecords::default(),
        };
        if member.evidence().db().is_none() {
            return side;
        }
        match member.db() {
            Ok(db) => {
                side.meta = Meta::read(&db, &mut reported_by("backend::check"));
                side.stored = StoredRecords::read(&db, source);
                side.keyspace = member.readable_keyspace().ok();
                side.db = Some(db);
            }
            Err(error) => lost.push(Lost {
                what: format!("the db cannot be opened: {error}"),
                place: error.place().cloned(),
                ..Lost::default()
            }),
        }
        side
    }

    pub(super) fn newest(&self) -> i64 {
        self.keyspace.map_or(1, |keyspace| keyspace.revision())
    }

    pub(super) fn applied(&self) -> (u64, u64) {
        (
            self.meta.consistent_index.unwrap_or(0),
            self.meta.term.map_or(0, crate::Term::get),
        )
    }

    pub(super) fn compacted(&self) -> i64 {
        self.meta.compaction.revision().unwrap_or(-1)
    }
}
