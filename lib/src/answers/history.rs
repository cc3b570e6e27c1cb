//! `history`: the versions of keys, with who wrote them, when, and what changed.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;

use super::audit::Audited;
use super::clocks::clock_near;
use super::{Cell, Column, Label, Row, Table};
use crate::Place;
use crate::check::{Logged, versions};
use crate::clock::{Clock, TimeBound, WriteTime};
use crate::kubernetes::changed::Change;
use crate::kubernetes::mask::Mask;
use crate::member::{DescribedVersion, Objects, Origin, VersionWriter, describe_versions};
use crate::mvcc::{KeyValue, Revision, Version};
use crate::salvage::carve::PastSource;

/// The columns; `$key` that of the key, which is shown if several keys were asked for.
macro_rules! columns {
    ($name:ident, $key:expr) => {
        static $name: [Column; 20] = [
            Column::left("SRC", "source"),
            Column::right("REV", "revision"),
            Column::right("SUB", "sub").wide(),
            Column::right("V", "version"),
            Column::left("OP", "op"),
            Column::left("WHEN~", "time"),
            Column::right("±", "uncertainty_s").wide(),
            Column::left("TIME SOURCE", "time_source").wide(),
            Column::left("BOUND", "time_bound").wide(),
            Column::left("WHO", "who"),
            Column::left("WHO SOURCE", "who_source").wide(),
            Column::right("CREATED", "create_revision").wide(),
            Column::right("SIZE", "value_bytes"),
            Column::left("CHANGED", "changed"),
            $key,
            Column::right("OFFSET", "offset").wide(),
            Column::right("INDEX", "raft_index").wide(),
            Column::left("PLACE", "place").wide(),
            Column::json("diff"),
            Column::json("audit"),
        ];
    };
}
columns!(OF_ONE, Column::left("KEY", "key").wide());
columns!(OF_SEVERAL, Column::left("KEY", "key"));

/// Changed fields that a line of a table names.
const SHOWN: usize = 4;

/// Which versions are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct RevisionSpan {
    /// The first revision; `None` for the oldest.
    pub from: Option<i64>,
    /// The last revision; `None` for the newest.
    pub to: Option<i64>,
    /// Only the versions that were current at the two ends, to be compared with each other.
    pub pair: bool,
}

impl RevisionSpan {
    fn ends(self) -> (i64, i64) {
        (self.from.unwrap_or(0), self.to.unwrap_or(i64::MAX))
    }
}

/// One version of a key.
#[derive(Clone, Debug)]
pub struct HistoryRow<'a> {
    /// The version with what its object says.
    pub described: DescribedVersion<'a>,
    /// The newest time of all rows.
    newest: Option<Timestamp>,
    /// Where it was carved.
    place: Option<Place>,
    /// The version of the key; of a delete that of what it deleted. `None` if it is not known.
    number: Option<i64>,
    /// The request of the audit log.
    audit: Option<Value>,
}

impl<'a> HistoryRow<'a> {
    fn new(
        mut described: DescribedVersion<'a>,
        newest: Option<Timestamp>,
        number: Option<i64>,
        audited: Option<&Audited>,
    ) -> Self {
        let revision = described.version.revision;
        let audited = audited.filter(|_| is_placed(described.origin));
        let request = audited.and_then(|audited| audited.writer(revision));
        described.writer = request.or(described.writer);
        Self {
            newest,
            place: None,
            number,
            audit: audited.and_then(|audited| audited.json(revision)),
            described,
        }
    }

    /// Notes where a version is from, if other sources than db and log were asked.
    pub fn mark(&mut self, source: &PastSource<'_>) {
        match source {
            PastSource::Db => {}
            PastSource::Wal(index) => self.described.origin = Origin::Wal(*index),
            PastSource::Carved(origin, place) => {
                self.described.origin = Origin::Carved(origin.as_str());
                self.place = Some((*place).clone());
            }
        }
    }
}

/// The versions of keys by revision; those of unknown revision as they are in the log. `logged` adds what only the WAL has; `context` adds unified
/// differences with so many lines around each change, `audited` the users.
pub fn history<'a>(
    keys: &[Vec<u8>],
    objects: &Objects<'a>,
    logged: Option<&'a Logged>,
    span: RevisionSpan,
    mask: Option<&Mask>,
    context: Option<usize>,
    audited: Option<&Audited>,
) -> Table<HistoryRow<'a>> {
    let keyspace = objects.keyspace();
    let (from, to) = span.ends();
    let mut numbers = HashMap::new();
    let chosen: Vec<Vec<(Origin, Version<'a>)>> = keys
        .iter()
        .map(|key| {
            let all = versions(key, &keyspace, logged);
            let placed = all.iter().filter(|(origin, _)| is_placed(*origin));
            numbers.extend(
                numbered(placed.map(|(_, version)| version))
                    .map(|(revision, number)| ((key.as_slice(), revision), number)),
            );
            match span.pair {
                true => at_the_ends(&all, from, to),
                false => all,
            }
        })
        .collect();
    let clock = clock_of(&chosen, objects, logged, audited);
    let mut described: Vec<DescribedVersion<'a>> = chosen
        .into_iter()
        .flat_map(|versions| {
            describe_versions(objects, versions.into_iter(), &clock, mask, context)
        })
        .collect();
    if !span.pair {
        described.retain(|described| match is_placed(described.origin) {
            true => (from..=to).contains(&described.version.revision.main),
            false => span.from.is_none(),
        });
    }
    described.sort_by_cached_key(|described| {
        let version = &described.version;
        (log_order(described.origin, logged), version.revision)
    });
    let newest = described
        .iter()
        .filter_map(|one| Some(one.time?.time))
        .max();
    let rows = described.into_iter().map(|one| {
        let number = numbers.get(&(one.version.key, one.version.revision));
        HistoryRow::new(one, newest, number.copied(), audited)
    });
    let columns = if keys.len() > 1 { &OF_SEVERAL } else { &OF_ONE };
    Table::new(columns, rows.collect())
        .head("compact_revision", keyspace.compact_revision().unwrap_or(0))
}

/// The clock of the writes near versions of keys.
fn clock_of(
    chosen: &[Vec<(Origin, Version<'_>)>],
    objects: &Objects<'_>,
    logged: Option<&Logged>,
    audited: Option<&Audited>,
) -> Clock {
    let placed = chosen
        .iter()
        .flatten()
        .filter(|(origin, _)| is_placed(*origin));
    let revisions = placed.map(|(_, version)| version.revision.main);
    clock_near(objects, logged, revisions, audited)
}

/// The versions that were current at two revisions.
fn at_the_ends<'a>(
    all: &[(Origin, Version<'a>)],
    from: i64,
    to: i64,
) -> Vec<(Origin, Version<'a>)> {
    let until = |end: i64| {
        let mut before = all.iter();
        let found =
            before.rfind(|(origin, version)| is_placed(*origin) && version.revision.main <= end);
        found.copied()
    };
    [from, to].into_iter().filter_map(until).collect()
}

/// The version of each record of a key, oldest first; of a tombstone that of what it deleted. Those of which it is not known are
/// left out.
pub fn numbered<'v, 'a: 'v>(
    versions: impl Iterator<Item = &'v Version<'a>>,
) -> impl Iterator<Item = (Revision, i64)> {
    let mut before: Option<i64> = None;
    versions.filter_map(move |version| {
        let number = match version.tombstone {
            true => before.take(),
            false => version.key_value().ok().map(|kv| kv.version),
        };
        before = number.filter(|_| !version.tombstone);
        Some((version.revision, number?))
    })
}

/// Where a version is in the order of the log: those of unknown revision before all others, but after them from the entry on from
/// which WAL and db differ.
fn log_order(origin: Origin, logged: Option<&Logged>) -> u8 {
    let stopped = logged.and_then(Logged::stopped);
    match origin {
        Origin::Unplaced { index, .. } => match stopped.is_some_and(|stopped| index >= stopped) {
            true => 2,
            false => 0,
        },
        _ => 1,
    }
}

/// Whether the revision of a version is known.
pub fn is_placed(origin: Origin) -> bool {
    !matches!(origin, Origin::Unplaced { .. })
}

impl Row for HistoryRow<'_> {
    fn cells(&self) -> Vec<Cell> {
        let described = &self.described;
        let version = &described.version;
        let kv = version.key_value().ok();
        let put = |cell: fn(&KeyValue<'_>) -> Cell| {
            kv.as_ref()
                .filter(|_| !version.tombstone)
                .map(cell)
                .unwrap_or_default()
        };
        let [when, uncertainty, time_source, time_bound] = write_time(described.time, self.newest);
        let [who, who_source] = writer(described.writer.as_ref());
        let (source, index, conditional) = match described.origin {
            Origin::Db => ("db", None, false),
            Origin::Wal(index) => ("wal", index, false),
            Origin::Carved(origin) => (origin, None, false),
            Origin::Unplaced {
                index, conditional, ..
            } => ("wal", Some(index), conditional),
        };
        let known = |cell: Cell| {
            if is_placed(described.origin) {
                cell
            } else {
                Cell::unknown()
            }
        };
        vec![
            Cell::text(source).label(Label::Dim),
            known(Cell::number(version.revision.main)),
            known(Cell::plain(version.revision.sub)),
            known(self.number.map(Cell::plain).unwrap_or_default()),
            op(version.tombstone, conditional),
            when,
            uncertainty,
            time_source,
            time_bound,
            who,
            who_source,
            known(put(|kv| Cell::number(kv.create_revision))),
            match described.origin.has_value() {
                true => put(|kv| Cell::size(kv.value.len() as u64)),
                false => Cell::unknown(),
            },
            changed(&described.changed),
            Cell::key(version.key),
            version.offset.map(Cell::plain).unwrap_or_default(),
            index.map(Cell::plain).unwrap_or_default(),
            self.place
                .as_ref()
                .map(|place| Cell::text(place.to_string()))
                .unwrap_or_default(),
            text_or_nothing(described.diff.as_deref()),
            audit(self.audit.as_ref()),
        ]
    }
}

fn text_or_nothing(text: Option<&str>) -> Cell {
    text.map(Cell::text).unwrap_or_default()
}

/// The cells `time`, `uncertainty_s`, `time_source` and `time_bound` of every answer that says when something was written. `newest`: the newest time
/// of the answer.
pub fn write_time(time: Option<WriteTime>, newest: Option<Timestamp>) -> [Cell; 4] {
    let Some(write) = time else {
        return Default::default();
    };
    let uncertainty = write
        .uncertainty_s()
        .map(|seconds| Cell::shown(format!("±{seconds}s"), seconds));
    [
        Cell::approximate(write.time, write.uncertainty, write.bound(), newest),
        uncertainty.unwrap_or_default(),
        Cell::text(write.source.as_str()),
        bound(write.bound()),
    ]
}

/// The cell `time_bound`.
pub fn bound(bound: Option<TimeBound>) -> Cell {
    bound.map_or_else(Cell::unknown, |bound| Cell::text(bound.as_str()))
}

/// The cells `who` and `who_source` of every answer that says who wrote something.
pub fn writer(writer: Option<&VersionWriter>) -> [Cell; 2] {
    let Some(writer) = writer else {
        return Default::default();
    };
    [
        Cell::shown(writer.shown(), writer.name.as_str()),
        Cell::text(writer.source.as_str()),
    ]
}

/// The cell `audit`: the request of the audit log.
pub fn audit(request: Option<&Value>) -> Cell {
    request.map_or_else(Cell::unknown, |request| {
        Cell::shown(String::new(), request.clone())
    })
}

/// What a version does; a question mark if it may not have happened.
fn op(tombstone: bool, conditional: bool) -> Cell {
    match (tombstone, conditional) {
        (false, false) => Cell::text("put"),
        (false, true) => Cell::shown("put?", "put").label(Label::Note),
        (true, false) => Cell::text("delete").label(Label::Warning),
        (true, true) => Cell::shown("delete?", "delete").label(Label::Note),
    }
}

/// The first changed fields with their values for people, the paths of all for programs.
fn changed(changes: &[Change]) -> Cell {
    let mut text: Vec<_> = changes.iter().take(SHOWN).map(Change::summary).collect();
    if changes.len() > SHOWN {
        text.push(format!("… {} more", changes.len() - SHOWN));
    }
    let paths: Vec<_> = changes.iter().map(|change| change.path.clone()).collect();
    Cell::shown(text.join(", "), paths)
}
