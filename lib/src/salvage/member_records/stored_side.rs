//! The db of a member's copy: its records, its meta bucket, and what it has lost.

use super::super::Lost;
use super::super::settled::KnownRecords;
use super::super::stored::StoredRecords;
use crate::backend::Meta;
use crate::bolt::Db;
use crate::member::Member;
use crate::mvcc::Keyspace;
use located::{RaftIndex, Term, reported_by};

/// One side of a member's copy.
pub(super) struct StoredSide<'a> {
    pub(super) db: Option<Db<'a>>,
    member: &'a Member,
    pub(super) meta: Meta,
    pub(super) stored: StoredRecords,
    /// Whether its bucket `members` says that it is of another cluster than the log.
    pub(super) is_foreign: bool,
}

impl<'a> StoredSide<'a> {
    pub(super) fn read(member: &'a Member, source: u16, lost: &mut Vec<Lost>) -> Self {
        let mut side = Self {
            db: None,
            member,
            meta: Meta::default(),
            stored: StoredRecords::default(),
            is_foreign: false,
        };
        if member.evidence().db().is_none() {
            return side;
        }
        match member.db() {
            Ok(db) => {
                side.meta = Meta::read(&db, &mut reported_by("backend::check"));
                side.stored = StoredRecords::read(&db, source);
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

    /// The index of its keys; read only if a log continues it, for it needs as much memory as the records.
    pub(super) fn keyspace(&self) -> Option<Keyspace<'a>> {
        self.db?;
        self.member.readable_keyspace().ok()
    }

    /// The records that entries of the log may confirm.
    pub(super) fn known(&self) -> KnownRecords<'_> {
        KnownRecords {
            records: &self.stored.records,
            image: self.db.map_or(&[], |db| db.file().as_slice()),
        }
    }

    /// The revision of the store.
    pub(super) fn newest(&self) -> i64 {
        let newest = self.stored.records.last();
        let newest = newest.map_or(1, |record| record.revision.main);
        newest.max(self.compacted())
    }

    pub(super) fn applied(&self) -> (RaftIndex, Term) {
        (
            self.meta.consistent_index.unwrap_or_default(),
            self.meta.term.unwrap_or_default(),
        )
    }

    pub(super) fn compacted(&self) -> i64 {
        self.meta.compaction.revision().unwrap_or(-1)
    }
}
