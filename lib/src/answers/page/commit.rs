//! `page --diff-metas`: what the last commit changed, and so what one commit back loses.
//!
//! bbolt writes changed pages to new places and then the meta page of the new transaction; the other meta page still shows the
//! tree before. A page that both trees reach is the same in both, so only the others are read.
//! Source: Commit in `tx.go`, bbolt v1.3.11.

use located::reported_by;
use std::collections::HashSet;

use located::text::number::thousands;
use located::{Error, Finding, RaftIndex};
use serde_json::json;

use super::super::{Answer, Cell, Column, Damage, Label, Row, Table};
use crate::Place;
use crate::backend::Meta;
use crate::bolt::{Bucket, Db, MetaChoice, Page};
use crate::mvcc::{KeyValue, StoredKey, plan};

static COMMIT: [Column; 9] = [
    Column::left("CHANGE", "change"),
    Column::left("BUCKET", "bucket"),
    Column::right("REV", "revision"),
    Column::right("SUB", "sub").wide(),
    Column::left("OP", "op"),
    Column::left("KEY", "key"),
    Column::right("SIZE", "value_bytes"),
    Column::left("PLACE", "place"),
    Column::left("NUMBERS", "numbers"),
];

/// Bytes of the smallest element of a leaf.
const ELEMENT_BYTES: usize = 16;

/// Which of the two trees have a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordChange {
    /// Only the newer one: the last commit wrote it.
    Added,
    /// Only the older one: the last commit removed it.
    Removed,
    /// Both, with another value.
    Changed,
}

impl RecordChange {
    fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// One element that differs.
#[derive(Clone, Debug)]
pub struct CommitRow<'a> {
    /// What the last commit did with it.
    pub change: RecordChange,
    bucket: &'a [u8],
    key: &'a [u8],
    older: &'a [u8],
    newer: &'a [u8],
    place: Place,
}

impl CommitRow<'_> {
    fn value(&self) -> &[u8] {
        match self.change {
            RecordChange::Removed => self.older,
            _ => self.newer,
        }
    }

    fn stored_key(&self) -> Option<StoredKey> {
        (self.bucket == b"key").then(|| StoredKey::parse(self.key).ok())?
    }

    /// Numbers that bucket `meta` holds: `consistent_index` before and after.
    fn numbers(&self) -> Option<String> {
        let number = |value: &[u8]| {
            let bytes = value.try_into().ok()?;
            Some(thousands(u64::from_be_bytes(bytes).into()))
        };
        if self.bucket != b"meta" || self.change != RecordChange::Changed {
            return None;
        }
        Some(format!("{} → {}", number(self.older)?, number(self.newer)?))
    }
}

impl Row for CommitRow<'_> {
    fn cells(&self) -> Vec<Cell> {
        let stored = self.stored_key();
        let kv = stored.and_then(|_| KeyValue::parse(self.value()).ok());
        let label = match self.change {
            RecordChange::Added => Label::Good,
            RecordChange::Removed => Label::Warning,
            RecordChange::Changed => Label::Plain,
        };
        let revision = stored.map(|stored| stored.revision);
        vec![
            Cell::text(self.change.as_str()).label(label),
            Cell::bytes(self.bucket),
            revision
                .map(|rev| Cell::number(rev.main))
                .unwrap_or_default(),
            revision.map(|rev| Cell::plain(rev.sub)).unwrap_or_default(),
            stored
                .map(|stored| Cell::text(if stored.tombstone { "delete" } else { "put" }))
                .unwrap_or_default(),
            Cell::key(kv.map_or(self.key, |kv| kv.key)).label(Label::Name),
            match (stored, kv) {
                (Some(stored), _) if stored.tombstone => Cell::unknown(),
                (_, Some(kv)) => Cell::size(kv.value.len() as u64),
                _ => Cell::size(self.value().len() as u64),
            },
            Cell::text(self.place.to_string()),
            self.numbers().map(Cell::text).unwrap_or_default(),
        ]
    }
}

/// An element that is on a page of one tree alone.
#[derive(Clone)]
struct TreeElement<'a> {
    bucket: &'a [u8],
    key: &'a [u8],
    value: &'a [u8],
    place: Place,
}

/// The elements that only one of the trees of the two meta pages has, in key order, with what one commit back loses.
///
/// # Errors
/// [`Error::Malformed`] if one of the meta pages is not valid: then there is only one tree.
pub fn last_commit<'a>(db: &Db<'a>) -> Result<Answer<Table<CommitRow<'a>>>, Error> {
    let limits = crate::Limits::default();
    let newer = Db::open(db.file(), MetaChoice::Newest, &limits)?;
    let older = Db::open(db.file(), MetaChoice::Older, &limits)?;
    let mut findings = Vec::new();
    let mut rows = Vec::new();
    let (old, new) = (
        older.buckets(&mut reported_by("bbolt::check")),
        newer.buckets(&mut reported_by("bbolt::check")),
    );
    let mut names: Vec<&[u8]> = old.iter().chain(&new).map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let find = |all: &[(&'a [u8], Bucket<'a>)]| {
            let found = all.iter().find(|(other, _)| *other == name);
            found.map(|(name, bucket)| (*name, *bucket))
        };
        bucket_rows(find(&old), find(&new), &mut rows, &mut findings);
    }
    let summary = Summary::new(&older, &newer, &rows);
    let lost = findings.len() as u64;
    let table = Table::new(&COMMIT, rows)
        .head("newer", meta_json(&newer))
        .head("older", meta_json(&older))
        .tail("one_commit_back", summary.json())
        .all(summary.sentence(&older, &newer));
    Ok(Answer::new(table, Damage::new(findings, lost)))
}

fn meta_json(db: &Db<'_>) -> serde_json::Value {
    let meta = Meta::read(db, &mut reported_by("backend::check"));
    json!({
        "meta": db.meta().slot,
        "txid": db.meta().txid.0,
        "root": db.meta().root.0,
        "consistent_index": meta.consistent_index,
    })
}

/// Rows of one bucket.
fn bucket_rows<'a>(
    older: Option<(&'a [u8], Bucket<'a>)>,
    newer: Option<(&'a [u8], Bucket<'a>)>,
    rows: &mut Vec<CommitRow<'a>>,
    findings: &mut Vec<Finding>,
) {
    let Some((name, bucket)) = older.or(newer) else {
        return;
    };
    let file_bytes = bucket.db().file().len();
    let mut leaves = |side: Option<(&'a [u8], Bucket<'a>)>| {
        side.map(|(_, bucket)| bucket.leaves(&mut |finding| findings.push(finding)))
    };
    let (older, newer) = (leaves(older), leaves(newer));
    let starts = |leaves: &Option<crate::bolt::Leaves<'a>>| -> HashSet<u64> {
        let pages = leaves.iter().flat_map(|leaves| leaves.iter());
        pages.map(|page| page.bytes.offset()).collect()
    };
    let (in_older, in_newer) = (starts(&older), starts(&newer));
    let old = elements(older.as_ref(), &in_newer, name, file_bytes);
    let new = elements(newer.as_ref(), &in_older, name, file_bytes);
    merge(&old, &new, rows);
}

/// The elements of the leaves that the other tree does not reach, in key order.
fn elements<'a>(
    leaves: Option<&crate::bolt::Leaves<'a>>,
    shared: &HashSet<u64>,
    bucket: &'a [u8],
    file_bytes: usize,
) -> Vec<TreeElement<'a>> {
    let Some(leaves) = leaves else {
        return Vec::new();
    };
    let (planned, _) = plan::plan(leaves, file_bytes, ELEMENT_BYTES);
    let mut all = Vec::new();
    for planned in &planned {
        let page: Option<Page<'a>> = leaves.get(planned.index);
        let Some(page) = page.filter(|page| !shared.contains(&page.bytes.offset())) else {
            continue;
        };
        for item in plan::bounded_items(&page, planned.count).flatten() {
            all.push(TreeElement {
                bucket,
                key: item.key,
                value: item.value,
                place: Place::at(page.bytes.file(), item.offset).on_page(item.page.0),
            });
        }
    }
    all.sort_by_key(|element| element.key);
    all.dedup_by_key(|element| element.key);
    all
}

fn merge<'a>(older: &[TreeElement<'a>], newer: &[TreeElement<'a>], rows: &mut Vec<CommitRow<'a>>) {
    let (mut old, mut new) = (older.iter().peekable(), newer.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(a), Some(b)) => a.key.cmp(b.key),
        };
        let before = old.next_if(|_| order.is_le());
        let after = new.next_if(|_| order.is_ge());
        let (Some(shown), change) = (match (before, after) {
            (Some(_), None) => (before, RecordChange::Removed),
            (_, Some(_)) if before.is_none() => (after, RecordChange::Added),
            _ => (after, RecordChange::Changed),
        }) else {
            continue;
        };
        let (older, newer) = (before.map(|e| e.value), after.map(|e| e.value));
        if older == newer {
            continue;
        }
        rows.push(CommitRow {
            change,
            bucket: shown.bucket,
            key: shown.key,
            older: older.unwrap_or_default(),
            newer: newer.unwrap_or_default(),
            place: shown.place.clone(),
        });
    }
}

/// What the state before the last commit lacks.
struct Summary {
    added: u64,
    removed: u64,
    revisions: Option<(i64, i64)>,
    indexes: (Option<RaftIndex>, Option<RaftIndex>),
}

impl Summary {
    fn new(older: &Db<'_>, newer: &Db<'_>, rows: &[CommitRow<'_>]) -> Self {
        let index = |db| Meta::read(db, &mut reported_by("backend::check")).consistent_index;
        let mut summary = Self {
            added: 0,
            removed: 0,
            revisions: None,
            indexes: (index(older), index(newer)),
        };
        for row in rows {
            let Some(stored) = row.stored_key() else {
                continue;
            };
            let main = stored.revision.main;
            match row.change {
                RecordChange::Added => {
                    summary.added = summary.added.saturating_add(1);
                    let (low, high) = summary.revisions.unwrap_or((main, main));
                    summary.revisions = Some((low.min(main), high.max(main)));
                }
                RecordChange::Removed => summary.removed = summary.removed.saturating_add(1),
                RecordChange::Changed => {}
            }
        }
        summary
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "records_lost": self.added,
            "records_back": self.removed,
            "first_revision": self.revisions.map(|(first, _)| first),
            "last_revision": self.revisions.map(|(_, last)| last),
            "consistent_index": self.indexes.0,
        })
    }

    fn sentence(&self, older: &Db<'_>, newer: &Db<'_>) -> String {
        let (new, old) = (newer.meta(), older.meta());
        if new.root == old.root {
            return format!(
                "meta {} (txid {}) and meta {} (txid {}) show the same tree",
                new.slot, new.txid, old.slot, old.txid
            );
        }
        let records = |count: u64| match count {
            1 => "1 record".to_owned(),
            count => format!("{} records", thousands(count.into())),
        };
        let revisions = match self.revisions {
            Some((first, last)) if first == last => format!(" (revision {first})"),
            Some((first, last)) => format!(" (revisions {first}–{last})"),
            None => String::new(),
        };
        let applied = match self.indexes {
            (Some(before), Some(after)) if before != after => {
                format!("; consistent_index goes from {after} back to {before}")
            }
            _ => String::new(),
        };
        format!(
            "meta {} (txid {}) is newer than meta {} (txid {}); one commit back (--meta older) loses {}{revisions} and has {} that the last commit removed{applied}",
            new.slot,
            new.txid,
            old.slot,
            old.txid,
            records(self.added),
            records(self.removed),
        )
    }
}
