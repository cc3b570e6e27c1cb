//! `space`: where the bytes of the db file are.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Cell, Column, Key, Row, key_json};
use crate::member::{Member, Objects, Space};
use crate::mvcc::{Counts, Keyspace};
use located::Error;
use located::text::escape::{self, Charset};

/// etcd's default for `--quota-backend-bytes` (`DefaultQuotaBytes` in `server/etcdserver/quota.go`, v3.5.30).
pub const DEFAULT_QUOTA_BYTES: u64 = 2 << 30;

/// Free bytes of a file that was just defragmented: two pages, measured with 3.5.30.
const FREE_AFTER_DEFRAG_BYTES: u64 = 8192;

/// Columns of the parts.
pub static COLUMNS: [Column; 7] = [
    Column::left("NAME", "name"),
    Column::right("BYTES", "bytes"),
    Column::right("KEYS", "keys"),
    Column::right("REVS", "revisions"),
    Column::right("DEL", "deleted"),
    Column::right("LIVE", "live_bytes"),
    Column::right("HISTORY", "history_bytes"),
];

/// What the parts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SpaceBy {
    /// Registry paths; keys that Kubernetes did not write are one part.
    Resource,
    /// Namespaces.
    Namespace,
    /// The key up to the second slash.
    Prefix,
}

/// What the parts are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// All records.
    Total,
    /// Current versions.
    Live,
    /// Older versions and deletions.
    History,
}

/// A part of the file: a group of keys, or what is around them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Part {
    /// What it is.
    pub name: String,
    /// Its keys and bytes; `None` for what is around the keys.
    pub counts: Option<Counts>,
    /// Its bytes in the file.
    pub bytes: u64,
}

impl Part {
    /// A part.
    pub fn new(name: impl Into<String>, counts: Option<Counts>, bytes: u64) -> Self {
        Self {
            name: name.into(),
            counts,
            bytes,
        }
    }
}

impl Part {
    /// Adds a part to a sum of parts.
    pub fn add(&mut self, other: &Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        let Some(counts) = &other.counts else { return };
        let sum = self.counts.get_or_insert_default();
        sum.live_bytes = sum.live_bytes.saturating_add(counts.live_bytes);
        sum.history_bytes = sum.history_bytes.saturating_add(counts.history_bytes);
        sum.keys = sum.keys.saturating_add(counts.keys);
        sum.revisions = sum.revisions.saturating_add(counts.revisions);
    }
}

impl Row for Part {
    fn cells(&self) -> Vec<Cell> {
        let number = |of: fn(&Counts) -> u64| {
            let counts = self.counts.as_ref();
            counts.map(of).map(Cell::number).unwrap_or_default()
        };
        let size = |of: fn(&Counts) -> u64| {
            let counts = self.counts.as_ref();
            counts.map(of).map(Cell::size).unwrap_or_default()
        };
        vec![
            Cell::text(self.name.as_str()),
            Cell::size(self.bytes),
            number(|counts| counts.keys),
            number(|counts| counts.revisions),
            number(|counts| counts.deleted_keys),
            size(|counts| counts.live_bytes),
            size(|counts| counts.history_bytes),
        ]
    }
}

impl Serialize for Part {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Map::new();
        for (column, cell) in COLUMNS.iter().zip(self.cells()) {
            cell.put(&column.field, &mut object);
        }
        object.serialize(serializer)
    }
}

/// A value that takes much room.
#[derive(Clone, Debug, PartialEq)]
pub struct Large {
    /// Its key.
    pub key: Key,
    /// Revision of the write.
    pub mod_revision: i64,
    /// Length of the value.
    pub value_bytes: u64,
    /// Length of the stored record.
    pub stored_bytes: u64,
}

/// A key of which many versions are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Busy {
    /// The key.
    pub key: Key,
    /// What is kept of it.
    pub counts: Counts,
}

/// Where the bytes of a db file are, and what would make it smaller.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SpaceAnswer {
    /// The file.
    pub path: String,
    /// Its bytes by kind.
    pub space: Space,
    /// What the parts are.
    pub by: SpaceBy,
    /// Groups of keys, the largest first, and what is around them. They add up to the file.
    pub parts: Vec<Part>,
    /// Number of live keys: `largest` is a part of their values.
    pub live_keys: usize,
    /// Number of keys with several versions: `busiest` is a part of them.
    pub busy_keys: usize,
    /// The largest values.
    pub largest: Vec<Large>,
    /// Keys with the most versions.
    pub busiest: Vec<Busy>,
    /// etcd's `--quota-backend-bytes`.
    pub quota_bytes: u64,
    /// The newest revision: up to it a compaction can remove history.
    pub revision: i64,
    /// Whether all records were read.
    pub is_whole: bool,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct SpaceQuestion {
    /// What the parts are.
    pub by: SpaceBy,
    /// What they are ordered by.
    pub metric: Metric,
    /// How many of the largest values and busiest keys.
    pub top: usize,
    /// etcd's `--quota-backend-bytes`.
    pub quota_bytes: u64,
}

impl SpaceAnswer {
    /// Counts the file.
    ///
    /// # Errors
    /// As [`Member::space`].
    pub fn read(
        member: &Member,
        objects: &Objects<'_>,
        question: SpaceQuestion,
    ) -> Result<Self, Error> {
        let keyspace = objects.keyspace();
        let space = member.space(&keyspace.counts())?;
        let large = |version: &crate::mvcc::Version<'_>| Large {
            key: Key::shown(version.key),
            mod_revision: version.revision.main,
            value_bytes: version.key_value().map_or(0, |kv| kv.value.len() as u64),
            stored_bytes: version.stored_bytes,
        };
        let (busiest, busy_keys) = keyspace.churn(question.top);
        Ok(Self {
            path: member.db_file()?.name().as_str().to_owned(),
            by: question.by,
            parts: parts(objects, &keyspace, &space, question),
            largest: keyspace.largest(question.top).iter().map(large).collect(),
            live_keys: usize::try_from(keyspace.counts().keys).unwrap_or(usize::MAX),
            busy_keys,
            busiest: busiest
                .into_iter()
                .map(|(key, counts)| Busy {
                    key: Key::shown(key),
                    counts,
                })
                .collect(),
            quota_bytes: question.quota_bytes,
            revision: keyspace.revision(),
            is_whole: member.damage().is_empty(),
            space,
        })
    }

    /// What etcd compares with its quota: all but the part of the file that was never used.
    pub fn counted_bytes(&self) -> u64 {
        self.space
            .size_bytes()
            .saturating_sub(self.space.outside_bytes)
    }

    /// Whether etcd refuses writes with a NOSPACE alarm.
    pub fn exceeds_quota(&self) -> bool {
        self.counted_bytes() >= self.quota_bytes
    }

    /// Bytes that a defragmentation gives back now.
    ///
    /// It writes a new file: the free pages are gone but for the free list's own, and what bbolt allocates ahead comes back (`grow` in
    /// bbolt `db.go`, v1.3.11).
    ///
    /// `None` if it is not known of each page whether it is free.
    pub fn defragmentation_bytes(&self) -> Option<u64> {
        let free = self.space.is_known().then_some(self.space.free_bytes)?;
        Some(free.saturating_sub(FREE_AFTER_DEFRAG_BYTES))
    }

    /// Bytes of history that a compaction at the newest revision makes free; `None` if not all records could be read.
    pub fn compaction_bytes(&self) -> Option<u64> {
        self.is_whole.then_some(self.space.history_bytes)
    }

    /// Bytes that it gives back after a compaction at the newest revision.
    pub fn defragmentation_after_compaction_bytes(&self) -> Option<u64> {
        let (history, live) = (self.compaction_bytes()?, self.space.live_bytes);
        // Page heads and unused room of the pages that held history are gone too.
        let tree = u128::from(self.space.tree_bytes).saturating_mul(history.into());
        let tree = tree.checked_div(u128::from(history.saturating_add(live)));
        let tree = tree.and_then(|bytes| u64::try_from(bytes).ok());
        let now = self.defragmentation_bytes()?;
        Some(
            now.saturating_add(history)
                .saturating_add(tree.unwrap_or(0)),
        )
    }
}

impl Serialize for SpaceAnswer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let largest: Vec<Value> = self
            .largest
            .iter()
            .map(|large| {
                json!({ "key": key_json(large.key.as_bytes()), "mod_revision": large.mod_revision, "value_bytes": large.value_bytes, "stored_bytes": large.stored_bytes })
            })
            .collect();
        let churn: Vec<Value> = self
            .busiest
            .iter()
            .map(|busy| {
                json!({ "key": key_json(busy.key.as_bytes()), "revisions": busy.counts.revisions, "history_bytes": busy.counts.history_bytes })
            })
            .collect();
        let document = json!({
            "path": self.path,
            "size_bytes": self.space.size_bytes(),
            "bytes": self.space,
            "quota": { "quota_bytes": self.quota_bytes, "counted_bytes": self.counted_bytes(), "exceeded": self.exceeds_quota() },
            "by": self.by,
            "rows": self.parts,
            "largest": largest,
            "churn": churn,
            "live_keys": self.live_keys,
            "churn_keys": self.busy_keys,
            "compaction": { "revision": self.revision, "frees_bytes": self.compaction_bytes() },
            "defragmentation": { "gives_back_bytes": self.defragmentation_bytes(), "after_compaction_bytes": self.defragmentation_after_compaction_bytes() },
        });
        document.serialize(serializer)
    }
}

/// Groups of keys, the largest first, and what is around them. They add up to the file.
fn parts(
    objects: &Objects<'_>,
    keyspace: &Keyspace<'_>,
    space: &Space,
    question: SpaceQuestion,
) -> Vec<Part> {
    let layout = objects.layout();
    let groups: HashMap<Option<&[u8]>, Counts> = match question.by {
        SpaceBy::Resource => keyspace.counts_by_folder(
            |folder| layout.resource_of_folder(folder),
            |key| layout.resource(key),
        ),
        SpaceBy::Namespace => keyspace.counts_by(|key| {
            let parsed = layout.parse(key);
            parsed.and_then(|key| key.namespace).map(str::as_bytes)
        }),
        SpaceBy::Prefix => keyspace.counts_by(|key| Some(second_slash(key))),
    };
    let others = match question.by {
        SpaceBy::Namespace => "(no namespace)",
        _ => "(other keys)",
    };
    let name = |group: Option<&[u8]>| match group {
        None => others.to_owned(),
        Some(group) => escape::bytes(group, Charset::default()).into_owned(),
    };
    let mut parts: Vec<Part> = groups
        .into_iter()
        .map(|(group, counts)| {
            let bytes = counts.live_bytes.saturating_add(counts.history_bytes);
            Part::new(name(group), Some(counts), bytes)
        })
        .collect();
    let by = |part: &Part| {
        let counts = part.counts.unwrap_or_default();
        match question.metric {
            Metric::Total => part.bytes,
            Metric::Live => counts.live_bytes,
            Metric::History => counts.history_bytes,
        }
    };
    parts.sort_by(|a, b| by(b).cmp(&by(a)).then_with(|| a.name.cmp(&b.name)));
    let around = around(&parts, space);
    parts.extend(around);
    parts
}

/// What is around the groups of keys.
fn around(groups: &[Part], space: &Space) -> Vec<Part> {
    // Records that damage makes overlap do not count twice: the last row takes up the difference.
    let records: u64 = groups.iter().map(|part| part.bytes).sum();
    let stored = space.live_bytes.saturating_add(space.history_bytes);
    let tree = space.tree_bytes;
    let around = [
        (
            "(tree: page heads, unused room in pages, etcd's own buckets)",
            tree.saturating_sub(records.saturating_sub(stored)),
        ),
        ("(free pages)", space.free_bytes),
        (
            "(used or free: a tree that cannot be read may have these pages)",
            space.unknown_bytes,
        ),
        ("(never used: room the file grew by)", space.outside_bytes),
    ];
    let around = around
        .into_iter()
        .filter(|(name, bytes)| *bytes > 0 || !name.starts_with("(used or free"));
    around
        .map(|(name, bytes)| Part::new(name, None, bytes))
        .collect()
}

/// `/registry/pods` of `/registry/pods/shop/web-1`.
fn second_slash(key: &[u8]) -> &[u8] {
    let mut slashes = key.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let end = slashes.nth(2).or_else(|| {
        key.iter()
            .enumerate()
            .rfind(|(at, byte)| **byte == b'/' && *at > 0)
    });
    end.and_then(|(end, _)| key.get(..end)).unwrap_or(key)
}
