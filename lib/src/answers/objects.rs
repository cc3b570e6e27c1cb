//! Objects as kubectl's table, with what etcd knows of each: version, size, history, time and writer of the last write; those that
//! were deleted too. What the browser lists.

mod largest;
mod order;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

use super::clocks::Dating;
use super::describe::table_of;
use super::find::{Asked, FindError, FoundObject, Query, Scope};
use crate::clock::WriteTime;
use crate::kubernetes::mask::{Mask, shown_name, without_token};
use crate::kubernetes::nouns::Target;
use crate::kubernetes::table::Table;
use crate::member::{Objects, Reading, VersionWriter};
use crate::mvcc::Version;

pub use largest::largest;
pub use order::{compare_cells, compare_texts};

/// Which objects.
#[derive(Clone, Debug)]
pub struct ObjectsQuery {
    /// Resource and name.
    pub asked: Asked,
    /// Namespace, labels, fields.
    pub scope: Scope,
    /// At which revision; `None`: the newest.
    pub revision: Option<i64>,
    /// Also those that were deleted at or before the revision and of which a version is kept.
    pub deleted: bool,
}

/// What a row is of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectState {
    /// It exists at the revision.
    Live,
    /// It was deleted.
    Deleted {
        /// The revision of its tombstone.
        revision: i64,
        /// When; `None` if nothing says it.
        time: Option<WriteTime>,
    },
    /// The db has it as live, and the log beside it deleted it: the db lost the record of that.
    DeletedInLog {
        /// The revision of the deletion.
        revision: i64,
    },
    /// It exists, and its value cannot be read; why.
    Unreadable(String),
}

/// One object, or one key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ObjectRow {
    /// The key.
    pub key: Vec<u8>,
    /// The namespace; empty without one.
    pub namespace: String,
    /// The cells of kubectl's table; only the name if the object is not live.
    pub cells: Vec<String>,
    /// Whether it exists.
    pub state: ObjectState,
    /// The revision of the newest version with a value.
    pub revision: i64,
    /// The version of the key, of that one.
    pub version: Option<i64>,
    /// The length of that value.
    pub value_bytes: Option<u64>,
    /// Bytes of all older versions that are kept.
    pub history_bytes: u64,
    /// Seconds from its creation to the newest time in the data; `None` if it is not live, or one of them is not known.
    pub age_s: Option<i64>,
    /// When that version was written.
    pub written: Option<WriteTime>,
    /// Who wrote it, if the object says so.
    pub by: Option<String>,
}

/// The objects of a resource.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ObjectsAnswer {
    /// Headings of kubectl's columns.
    pub headings: Vec<String>,
    /// Whether the objects have namespaces.
    pub namespaced: bool,
    /// The rows, in byte order of their keys.
    pub rows: Vec<ObjectRow>,
    /// Number of live objects among them, those that cannot be read included.
    pub live: usize,
    /// What ages are relative to; `None` if nothing in the data has a time.
    pub now: Option<Timestamp>,
    /// How many there are if not all are listed.
    pub of: Option<usize>,
}

/// The tables of the resources, by path; that of the first object.
type Tables = Mutex<HashMap<String, Arc<Table>>>;

/// Lists objects. Secret values that a column may show are masked.
///
/// # Errors
/// A sentence, if the question cannot be answered: a revision that is compacted or not yet written.
pub fn objects(
    objects: &Objects<'_>,
    query: &ObjectsQuery,
    mask: Option<&Mask>,
    dating: Dating<'_>,
) -> Result<ObjectsAnswer, String> {
    let now = objects.newest_time(query.revision);
    let tables = Tables::default();
    let mut find = Query::new(objects, query.scope.clone(), query.revision);
    let several = query.asked.targets.len() > 1;
    let read = find.each(&query.asked, |found| {
        live_row(objects, &tables, &found, (now, several), mask)
    });
    let mut rows = match read {
        Ok(rows) => rows,
        // Only deleted ones are left of it.
        Err(FindError::Absent(_)) => Vec::new(),
        Err(FindError::Question(error)) => return Err(error.to_string()),
        Err(FindError::Unreadable { version, cause }) => {
            vec![unreadable_row(objects, version, cause.to_string())]
        }
    };
    let failed = find.failed.iter();
    rows.extend(
        failed.map(|(version, cause)| unreadable_row(objects, *version, cause.to_string())),
    );
    let live = rows.len();
    if query.deleted {
        for target in &query.asked.targets {
            rows.extend(deleted_rows(objects, &find, target, query));
        }
    }
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    date(&mut rows, objects, dating);
    let tables = tables.into_inner().unwrap_or_else(PoisonError::into_inner);
    let target = query.asked.targets.first();
    let table = target.and_then(|target| tables.get(&target.path));
    let headings = match table {
        Some(table) if !several => table.headings(false).map(str::to_owned).collect(),
        _ => ["NAME", "AGE"].map(str::to_owned).to_vec(),
    };
    Ok(ObjectsAnswer {
        headings,
        namespaced: query
            .asked
            .targets
            .iter()
            .any(|target| target.namespaced != Some(false)),
        rows,
        live,
        now,
        of: None,
    })
}

/// Fills in when each was written, and when it was deleted.
fn date(rows: &mut [ObjectRow], objects: &Objects<'_>, dating: Dating<'_>) {
    let deleted_at = |row: &ObjectRow| match row.state {
        ObjectState::Deleted { revision, .. } => Some(revision),
        _ => None,
    };
    let revisions = rows
        .iter()
        .flat_map(|row| std::iter::once(row.revision).chain(deleted_at(row)));
    let clock = dating.clock(objects, &revisions.collect::<Vec<_>>());
    for row in rows {
        row.written = clock.time_of(row.revision);
        if let ObjectState::Deleted { revision, time } = &mut row.state {
            *time = clock.time_of(*revision);
        }
    }
}

/// A row without cells.
fn plain_row(objects: &Objects<'_>, version: Version<'_>, state: ObjectState) -> ObjectRow {
    let parsed = objects.parse(version.key);
    let kv = version.key_value().ok();
    let records = objects.keyspace().records_of(version.key);
    let older = records
        .iter()
        .filter(|record| record.revision < version.revision)
        .map(|record| record.stored_bytes);
    ObjectRow {
        key: version.key.to_vec(),
        namespace: parsed
            .as_ref()
            .and_then(|key| key.namespace)
            .unwrap_or_default()
            .to_owned(),
        cells: vec![match &parsed {
            Some(key) => shown_name(version.key, key.name).into_owned(),
            None => String::from_utf8_lossy(&without_token(version.key)).into_owned(),
        }],
        state,
        revision: version.revision.main,
        version: kv.as_ref().map(|kv| kv.version),
        value_bytes: kv.map(|kv| kv.value.len() as u64),
        history_bytes: older.fold(0, u64::saturating_add),
        age_s: None,
        written: None,
        by: None,
    }
}

fn unreadable_row(objects: &Objects<'_>, version: Version<'_>, why: String) -> ObjectRow {
    // The row has the key already.
    let of_key = format!("{}: ", String::from_utf8_lossy(version.key));
    let why = why.strip_prefix(&of_key).map_or(why.clone(), str::to_owned);
    plain_row(objects, version, ObjectState::Unreadable(why))
}

fn live_row(
    objects: &Objects<'_>,
    tables: &Tables,
    found: &FoundObject<'_>,
    (now, several): (Option<Timestamp>, bool),
    mask: Option<&Mask>,
) -> ObjectRow {
    let mut row = plain_row(objects, found.version, ObjectState::Live);
    let is_first = row.version == Some(1);
    let writer = VersionWriter::find((None, is_first), &found.object, &[]);
    row.by = writer.map(|writer| writer.shown());
    let created = found.object.pointer("/metadata/creationTimestamp");
    let created: Option<Timestamp> = created
        .and_then(Value::as_str)
        .and_then(|text| text.parse().ok());
    row.age_s = now
        .zip(created)
        .map(|(now, created)| now.duration_since(created).as_secs());
    let table = {
        let mut known = tables.lock().unwrap_or_else(PoisonError::into_inner);
        let path = found.target.path.clone();
        let made = || Arc::new(table_of(objects, &found.target, &found.object));
        Arc::clone(known.entry(path).or_insert_with(made))
    };
    let masked = mask.filter(|_| table.may_show_secrets()).map(|mask| {
        let mut object = found.object.clone();
        mask.object(&mut object);
        object
    });
    let object = masked.as_ref().unwrap_or(&found.object);
    let mut cells = table.row(object, now.unwrap_or(Timestamp::UNIX_EPOCH), false);
    if let Some(mask) = mask.filter(|_| masked.is_none()) {
        mask.cells(&mut cells);
    }
    if now.is_none() {
        forget_ages(&table, &mut cells);
    }
    row.cells = match several {
        // Of several resources only what all tables have.
        true => {
            let name = object.pointer("/metadata/name").and_then(Value::as_str);
            let name = format!("{}/{}", found.target.plural, name.unwrap_or_default());
            let headings = table.headings(false);
            let age = headings.zip(&cells).find(|(heading, _)| *heading == "AGE");
            vec![name, age.map(|(_, age)| age.clone()).unwrap_or_default()]
        }
        false => cells,
    };
    row
}

/// Nothing says what the time was: ages are not known.
fn forget_ages(table: &Table, cells: &mut [String]) {
    for (heading, cell) in table.headings(false).zip(cells) {
        if heading == "AGE" {
            "<unknown>".clone_into(cell);
        }
    }
}

/// Objects of a resource whose newest record at the revision is a tombstone, and of which a value is kept.
fn deleted_rows(
    objects: &Objects<'_>,
    find: &Query<'_, '_>,
    target: &Target,
    query: &ObjectsQuery,
) -> Vec<ObjectRow> {
    let keyspace = objects.keyspace();
    let at = query.revision.unwrap_or(i64::MAX);
    let keys = match &query.asked.name {
        Some(name) => find.keys(target, name),
        None => find.all_keys(target),
    };
    let own = |key: &[u8]| {
        objects
            .parse(key)
            .is_some_and(|parsed| parsed.path == target.path)
    };
    let selected = |version: &Version<'_>| {
        let (labels, fields) = (&query.scope.labels, &query.scope.fields);
        if labels.is_empty() && fields.is_empty() {
            return true;
        }
        let object = objects.json(version, Reading::default());
        object.is_ok_and(|object| {
            labels.matches(object.pointer("/metadata/labels")) && fields.matches(&object)
        })
    };
    let mut rows = Vec::new();
    for key in keys.iter().filter(|key| own(key)) {
        let records = keyspace.records_of(key);
        let mut until = records.iter().filter(|record| record.revision.main <= at);
        let Some(tombstone) = until.next_back().filter(|newest| newest.tombstone) else {
            continue;
        };
        let last = records
            .iter()
            .rfind(|record| !record.tombstone && record.revision < tombstone.revision);
        let Some(last) = last.filter(selected) else {
            continue;
        };
        let state = ObjectState::Deleted {
            revision: tombstone.revision.main,
            time: None,
        };
        rows.push(plain_row(objects, last, state));
    }
    rows
}
