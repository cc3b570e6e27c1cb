//! `leases`: leases with the keys that are attached to them.

use std::collections::BTreeMap;

use located::text::number::thousands;
use serde_json::Value;

use super::{Cell, Column, Key, Label, Row, Table, key_json};
use crate::backend::{Lease, LeaseId};
use crate::member::{BucketPart, Buckets, Member};
use crate::mvcc::{Keyspace, Version};

static COLUMNS: [Column; 7] = [
    Column::left("LEASE", "id"),
    Column::right("TTL", "ttl_seconds"),
    Column::right("REMAINING", "remaining_ttl_seconds"),
    Column::right("KEYS", "key_count"),
    Column::left("STATE", "state"),
    Column::left("FIRST KEY", "first_key").table_only(),
    Column::data("keys"),
];

/// Whether a lease has keys, and whether keys have a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseState {
    /// Stored, and keys are attached to it.
    Used,
    /// Stored, without keys.
    Unused,
    /// Not stored, but keys name it: etcd never expires those keys.
    Orphan,
    /// Leases or keys could not be read, so that it may be any of these.
    Unknown,
}

/// One lease.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LeaseRow {
    /// Its id.
    pub id: LeaseId,
    /// Time to live that was granted, in seconds; `None` for an orphan.
    pub ttl_seconds: Option<i64>,
    /// What a checkpoint stored of it, in seconds; `None` if there was none.
    pub remaining_ttl_seconds: Option<i64>,
    /// Whether it is used.
    pub state: LeaseState,
    /// Live keys that are attached to it, in byte order.
    pub keys: Vec<Key>,
    /// Whether there may be more keys, because not all could be read.
    pub may_have_more: bool,
}

/// Which of the two sides were read as a whole.
#[derive(Clone, Copy, Debug)]
pub struct LeasesRead {
    /// The bucket of leases.
    pub leases: bool,
    /// The keys.
    pub keys: bool,
}

impl Row for LeaseRow {
    fn cells(&self) -> Vec<Cell> {
        let state = match self.state {
            LeaseState::Used => Cell::text("ok"),
            LeaseState::Unused => Cell::text("no keys"),
            LeaseState::Orphan => Cell::text("orphan").label(Label::Warning),
            LeaseState::Unknown => Cell::text("unknown").label(Label::Warning),
        };
        let seconds = |seconds: Option<i64>| seconds.map(Cell::plain).unwrap_or_default();
        let first = self.keys.first();
        let keys: Vec<_> = self
            .keys
            .iter()
            .map(|key| key_json(key.as_bytes()))
            .collect();
        vec![
            Cell::id(self.id.0.cast_unsigned()).label(Label::Name),
            seconds(self.ttl_seconds),
            seconds(self.remaining_ttl_seconds),
            match self.may_have_more {
                true => Cell::shown(format!("≥{}", self.keys.len()), Value::Null),
                false => Cell::count(self.keys.len()),
            },
            state,
            first
                .map(|key| Cell::key(key.as_bytes()))
                .unwrap_or_default(),
            Cell::shown("", keys),
        ]
    }
}

impl LeasesRead {
    /// What of a member could be read.
    pub fn new(buckets: &Buckets, member: &Member) -> Self {
        Self {
            leases: buckets.is_whole(BucketPart::Leases),
            keys: member.damage().is_empty(),
        }
    }
}

/// All stored leases by id, then those that only keys name. `read`: what of both could be read as a whole.
pub fn leases(stored: &[Lease], keyspace: &Keyspace<'_>, read: LeasesRead) -> Table<LeaseRow> {
    let mut attached: BTreeMap<LeaseId, Vec<Version<'_>>> = BTreeMap::new();
    for (lease, version) in keyspace.leased() {
        attached.entry(LeaseId(lease)).or_default().push(version);
    }
    let keys = |versions: Vec<Version<'_>>| -> Vec<Key> {
        versions
            .iter()
            .map(|version| Key::new(version.key))
            .collect()
    };
    let mut rows = Vec::with_capacity(stored.len());
    for lease in stored {
        let keys = keys(attached.remove(&lease.id).unwrap_or_default());
        rows.push(LeaseRow {
            id: lease.id,
            ttl_seconds: Some(lease.ttl_seconds),
            remaining_ttl_seconds: Some(lease.remaining_ttl_seconds).filter(|left| *left != 0),
            state: match (keys.is_empty(), read.keys) {
                (false, _) => LeaseState::Used,
                (true, true) => LeaseState::Unused,
                (true, false) => LeaseState::Unknown,
            },
            keys,
            may_have_more: !read.keys,
        });
    }
    for (id, versions) in attached {
        rows.push(LeaseRow {
            id,
            ttl_seconds: None,
            remaining_ttl_seconds: None,
            state: match read.leases {
                true => LeaseState::Orphan,
                false => LeaseState::Unknown,
            },
            keys: keys(versions),
            may_have_more: !read.keys,
        });
    }
    let count = i128::try_from(stored.len()).unwrap_or_default();
    let at_least = if read.leases { "" } else { "at least " };
    Table::new(&COLUMNS, rows).all(format!("{at_least}{} leases", thousands(count)))
}
