//! `keys`: live keys, and deleted ones with what survives of them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use located::Error;
use located::text::number::thousands;

use super::clocks::Dating;
use super::history::write_time;
use super::values::{RowForm, Values};
use super::{Cell, Column, Key, Label, Row, Table};
use crate::clock::WriteTime;
use crate::member::Objects;
use crate::mvcc::{KeyRange, Keyspace, Version};
use crate::salvage::carve::{Past, PastSource};

/// Columns of live keys.
pub static LIVE: [Column; 6] = [
    Column::left("KEY", "key"),
    Column::right("CREATED", "create_revision").wide(),
    Column::right("REV", "mod_revision"),
    Column::right("VERSION", "version"),
    Column::left("LEASE", "lease"),
    Column::right("SIZE", "value_bytes"),
];

/// Columns of deleted keys; the last three only if values are asked for.
static DELETED: [Column; 14] = [
    Column::left("KEY", "key"),
    Column::right("DELETED-AT", "deleted_revision"),
    Column::left("WHEN~", "time"),
    Column::right("±", "uncertainty_s").wide(),
    Column::left("TIME SOURCE", "time_source").wide(),
    Column::left("BOUND", "time_bound").wide(),
    Column::right("VERSION", "version").wide(),
    Column::right("SURVIVING", "surviving_versions"),
    Column::right("NEWEST-REV", "newest_surviving_revision"),
    Column::right("SIZE", "newest_surviving_value_bytes"),
    Column::right("OFFSET", "newest_surviving_offset"),
    Column::left("VALUE", "value_preview").table_only(),
    Column::json("object"),
    Column::json("value"),
];

static PAST: [Column; 8] = [
    Column::left("SRC", "source"),
    Column::left("KEY", "key"),
    Column::right("CREATED", "create_revision").wide(),
    Column::right("REV", "mod_revision"),
    Column::right("VERSION", "version"),
    Column::right("SIZE", "value_bytes"),
    Column::left("CERTAIN", "certain"),
    Column::left("PLACE", "place"),
];

/// A key at a revision below the compaction.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PastRow {
    /// The key.
    pub key: Key,
    /// Where its version is from: `db`, `wal`, or where it was carved; `None` if the key existed and its version is lost.
    pub source: Option<&'static str>,
    /// Creation, revision and version, and the length of the value.
    pub numbers: Option<(i64, i64, i64, u64)>,
    /// Whether no newer version before the revision can be lost.
    pub certain: bool,
    /// Where it was carved.
    pub place: Option<String>,
}

impl Row for PastRow {
    fn cells(&self) -> Vec<Cell> {
        let (created, revision, version, bytes) = match self.numbers {
            Some((created, revision, version, bytes)) => (
                Cell::number(created),
                Cell::number(revision),
                Cell::plain(version),
                Cell::size(bytes),
            ),
            None => Default::default(),
        };
        let certain = match (self.certain, self.numbers) {
            (true, _) => Cell::shown("yes", true),
            (false, Some(_)) => Cell::shown("no", false).label(Label::Note),
            (false, None) => Cell::shown("value lost", false).label(Label::Warning),
        };
        vec![
            self.source.map(Cell::text).unwrap_or_default(),
            Cell::key(self.key.as_bytes()).label(Label::Name),
            created,
            revision,
            version,
            bytes,
            certain,
            self.place.as_deref().map(Cell::text).unwrap_or_default(),
        ]
    }
}

/// The keys at a revision as far as any source still has them, and those that existed then and whose version is lost.
///
/// # Errors
/// As [`Keyspace::live`].
pub fn past(
    past: &Past<'_>,
    within: &Within<'_, '_>,
    range: &KeyRange,
    revision: Option<i64>,
) -> Result<Table<PastRow>, Error> {
    let keyspace = past.keyspace();
    let at = keyspace.at(revision)?;
    let live = keyspace.live(range, revision)?;
    let lost: BTreeSet<Vec<u8>> = past.lost_at(range, at).into_iter().collect();
    let mut rows: Vec<PastRow> = live
        .iter()
        .filter(|version| within.has(version.key) && !lost.contains(version.key))
        .map(|version| past_row(past, &version, revision, at))
        .collect();
    rows.extend(
        lost.iter()
            .filter(|key| within.has(key))
            .map(|key| PastRow {
                key: Key::new(key.as_slice()),
                source: None,
                numbers: None,
                certain: false,
                place: None,
            }),
    );
    rows.sort_by(|a, b| a.key.as_bytes().cmp(b.key.as_bytes()));
    let certain = rows.iter().filter(|row| row.certain).count();
    let all = i128::try_from(rows.len()).unwrap_or_default();
    let certain = i128::try_from(certain).unwrap_or_default();
    Ok(Table::new(&PAST, rows).head("revision", at).all(format!(
        "{} keys, {} of them certain; keys of which nothing is left are not listed",
        thousands(all),
        thousands(certain)
    )))
}

fn past_row(past: &Past<'_>, version: &Version<'_>, asked: Option<i64>, at: i64) -> PastRow {
    // The newest state is asked for, and newer writes may be lost.
    let is_doubtful = asked.is_none() && past.lacks_newest();
    let source = past.source(version.revision);
    let kv = version.key_value().ok();
    PastRow {
        key: Key::new(version.key),
        source: Some(source.as_str()),
        numbers: kv.map(|kv| {
            (
                kv.create_revision,
                version.revision.main,
                kv.version,
                kv.value.len() as u64,
            )
        }),
        certain: !is_doubtful && past.is_certain(version.key, at),
        place: match source {
            PastSource::Carved(_, place) => Some(place.to_string()),
            _ => None,
        },
    }
}

/// Which keys are asked for beside their range: those of a namespace, or all.
#[derive(Clone, Copy, Debug)]
pub struct Within<'q, 'a> {
    /// How keys are read.
    pub objects: &'q Objects<'a>,
    /// Only keys of Kubernetes objects in this namespace.
    pub namespace: Option<&'q str>,
    /// What dates them.
    pub dating: Dating<'q>,
}

impl Within<'_, '_> {
    /// Whether no key is left out.
    pub fn is_everything(&self) -> bool {
        self.namespace.is_none()
    }

    /// Whether a key is asked for.
    pub fn has(&self, key: &[u8]) -> bool {
        self.namespace.is_none_or(|namespace| {
            let parsed = self.objects.parse(key);
            parsed.is_some_and(|parsed| parsed.namespace == Some(namespace))
        })
    }
}

/// One live key.
#[derive(Clone, Copy, Debug)]
pub struct KeyRow<'a>(pub Version<'a>);

impl Row for KeyRow<'_> {
    fn cells(&self) -> Vec<Cell> {
        let version = &self.0;
        let key = Cell::key(version.key).label(Label::Name);
        match version.key_value() {
            Ok(kv) => vec![
                key,
                Cell::number(kv.create_revision),
                Cell::number(kv.mod_revision),
                Cell::plain(kv.version),
                lease(kv.lease),
                Cell::size(kv.value.len() as u64),
            ],
            Err(flaw) => vec![
                key,
                Cell::unknown(),
                Cell::number(version.revision.main),
                Cell::unknown(),
                Cell::text(format!("unreadable: {}", flaw.what)).label(Label::Error),
                Cell::unknown(),
            ],
        }
    }
}

/// A lease id; none is nothing to people and sixteen zeros to programs.
pub fn lease(id: i64) -> Cell {
    match id {
        0 => Cell::shown("", format!("{:016x}", 0)),
        id => Cell::id(id.cast_unsigned()),
    }
}

/// A key that was deleted, with what survives of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeletedRow {
    /// The key.
    pub key: Key,
    /// The revision of its newest tombstone.
    pub deleted_revision: i64,
    /// When it was deleted.
    pub time: Option<WriteTime>,
    /// The version of what was deleted, if that is still stored.
    pub version: Option<i64>,
    newest: Option<Timestamp>,
    /// How many of its values are still stored.
    pub surviving_versions: usize,
    /// The newest of them: its revision.
    pub newest_revision: Option<i64>,
    /// The newest of them: the length of its value.
    pub newest_value_bytes: Option<u64>,
    /// The newest of them: where the stored key of its record starts in the db file; `None` if it is in no file in this form.
    pub newest_offset: Option<u64>,
}

/// A deleted key with the last value of it that is still stored.
#[derive(Clone, Debug)]
struct SurvivingRow<'v, 'k> {
    row: DeletedRow,
    newest: Option<Version<'k>>,
    values: &'v Values<'v, 'k>,
    form: RowForm,
}

impl Row for SurvivingRow<'_, '_> {
    fn cells(&self) -> Vec<Cell> {
        let mut cells = self.row.cells();
        let of_value = |newest: &Version<'_>| self.values.value_cells(newest, self.form);
        let value = self.newest.as_ref().map(of_value);
        cells.extend(value.unwrap_or_default());
        cells
    }
}

impl Row for DeletedRow {
    fn cells(&self) -> Vec<Cell> {
        let [when, uncertainty, source, time_bound] = write_time(self.time, self.newest);
        vec![
            Cell::key(self.key.as_bytes()).label(Label::Name),
            Cell::number(self.deleted_revision),
            when,
            uncertainty,
            source,
            time_bound,
            self.version.map(Cell::plain).unwrap_or_default(),
            Cell::count(self.surviving_versions),
            self.newest_revision.map(Cell::number).unwrap_or_default(),
            self.newest_value_bytes.map(Cell::size).unwrap_or_default(),
            self.newest_offset.map(Cell::plain).unwrap_or_default(),
        ]
    }
}

/// Keys whose newest retained record is a tombstone, in byte order.
pub fn deleted(
    keyspace: &Keyspace<'_>,
    within: &Within<'_, '_>,
    range: &KeyRange,
) -> Table<DeletedRow> {
    let rows = deleted_rows(keyspace, within, range);
    let rows: Vec<DeletedRow> = rows.into_iter().map(|(row, _)| row).collect();
    let count = i128::try_from(rows.len()).unwrap_or_default();
    let (without_values, _) = DELETED.split_at(DELETED.len().saturating_sub(3));
    Table::new(without_values, rows)
        .head("revision", keyspace.revision())
        .all(format!("{} deleted keys", thousands(count)))
}

/// The same with the last value of each that is still stored.
pub fn deleted_with_values<'v, 'k>(
    keyspace: &Keyspace<'k>,
    within: &Within<'_, '_>,
    range: &KeyRange,
    values: &'v Values<'v, 'k>,
    form: RowForm,
) -> Table<impl Row + use<'v, 'k>> {
    let rows = deleted_rows(keyspace, within, range);
    let rows: Vec<SurvivingRow<'v, 'k>> = rows
        .into_iter()
        .map(|(row, newest)| SurvivingRow {
            row,
            newest,
            values,
            form,
        })
        .collect();
    let count = i128::try_from(rows.len()).unwrap_or_default();
    Table::new(&DELETED, rows)
        .head("revision", keyspace.revision())
        .all(format!("{} deleted keys", thousands(count)))
}

/// Each deleted key with the newest version of it that is still stored.
fn deleted_rows<'k>(
    keyspace: &Keyspace<'k>,
    within: &Within<'_, '_>,
    range: &KeyRange,
) -> Vec<(DeletedRow, Option<Version<'k>>)> {
    let tombstones = keyspace.deleted(range);
    let wanted = || tombstones.iter().filter(|version| within.has(version.key));
    let revisions: Vec<i64> = wanted().map(|version| version.revision.main).collect();
    let clock = within.dating.clock(within.objects, &revisions);
    let times = wanted().filter_map(|version| clock.time_of(version.revision.main));
    let newest_time = times.map(|write| write.time).max();
    let row = |tombstone: Version<'k>| {
        let records = keyspace.records_of(tombstone.key);
        let puts = || records.iter().filter(|version| !version.tombstone);
        let newest = puts().next_back();
        let kv = newest.and_then(|version| version.key_value().ok());
        let row = DeletedRow {
            key: Key::new(tombstone.key),
            deleted_revision: tombstone.revision.main,
            time: clock.time_of(tombstone.revision.main),
            version: kv.map(|kv| kv.version),
            newest: newest_time,
            surviving_versions: puts().count(),
            newest_revision: newest.map(|version| version.revision.main),
            newest_value_bytes: kv.map(|kv| kv.value.len() as u64),
            newest_offset: newest.and_then(|version| version.offset),
        };
        (row, newest)
    };
    wanted().map(row).collect()
}
