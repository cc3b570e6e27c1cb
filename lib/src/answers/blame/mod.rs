//! `blame`: who wrote each line of an object, when, and with which revision.
//!
//! The versions that db and log still have are compared one after the other: a line belongs to the revision that changed it.
//! Only lines that are as old as the oldest version are given to their managers by `managedFields`.

mod tree;

use jiff::SignedDuration;
use serde_json::Value;

use self::tree::{ComparedVersion, Mark};
use super::audit::Audited;
use super::history::{write_time, writer};
use super::{Cell, Column, Label, Row, Table};
use crate::clock::{Clock, WriteTime};
use crate::kubernetes::changed::{changes, without_noise};
use crate::kubernetes::mask::{Mask, is_secret};
use crate::kubernetes::yaml::{Line, Step, lines};
use crate::member::{Objects, Origin, Reading, Undecodable, VersionWriter, WhoSource};
use crate::mvcc::Version;

static COLUMNS: [Column; 13] = [
    Column::left("WHO", "who"),
    Column::left("WHO SOURCE", "who_source").wide(),
    Column::left("WHEN~", "time"),
    Column::right("±", "uncertainty_s").wide(),
    Column::left("TIME SOURCE", "time_source").wide(),
    Column::left("BOUND", "time_bound").wide(),
    Column::right("REV", "revision"),
    Column::json("revision_after"),
    Column::right("V", "version").wide(),
    Column::left("SRC", "source").wide(),
    Column::left("BY", "by").wide(),
    Column::left("LINE", "line"),
    Column::left("PATH", "path").wide(),
];

/// How it is known which revision wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// The version before it has another line.
    Versions,
    /// The object was created with it.
    Created,
    /// It is as old as the oldest version: its manager is the owner of the field.
    ManagedFields,
}

impl KnownBy {
    fn as_str(self) -> &'static str {
        match self {
            Self::Versions => "versions",
            Self::Created => "created",
            Self::ManagedFields => "managed-fields",
        }
    }
}

/// A line with who wrote it.
#[derive(Clone, Debug)]
pub struct BlameLine {
    /// The line of the YAML.
    pub line: String,
    /// `spec.replicas`.
    pub path: String,
    /// The request of the audit log, else the manager of the field set that changed, else who wrote the version.
    pub who: Option<VersionWriter>,
    /// When.
    pub time: Option<WriteTime>,
    /// The revision that wrote it; the newest one that can have, if `after` is known.
    pub revision: i64,
    /// The line was written after this revision, and by none later than `revision`: versions between them are lost.
    pub after: Option<i64>,
    /// The version of the object, counted from its creation.
    pub version: i64,
    /// `db`, `wal`.
    pub source: &'static str,
    /// How that is known.
    pub by: KnownBy,
    /// The newest time of all lines.
    newest: Option<jiff::Timestamp>,
}

/// Why there is no blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBlame {
    /// No version of the key is known at that revision.
    Absent,
    /// The key was deleted at this revision.
    Deleted(i64),
    /// The value is neither an object nor text.
    NoText,
    /// The value is encrypted, and no key at hand opens it.
    Sealed,
}

/// One version of the object.
struct KeptVersion<'a> {
    version: Version<'a>,
    origin: Origin,
    value: Value,
    number: i64,
    created: i64,
    /// Who wrote it, as every list of versions says.
    writer: Option<VersionWriter>,
}

/// The lines of a key's value at a revision. `versions`: every version of the key that is known, oldest first.
///
/// # Errors
/// If the key does not exist at that revision, or its value has no lines.
pub fn blame<'a>(
    objects: &Objects<'a>,
    versions: &[(Origin, Version<'a>)],
    revision: i64,
    clock: &Clock,
    mask: Option<&Mask>,
    audited: Option<&Audited>,
) -> Result<Table<BlameLine>, NoBlame> {
    let kept = generation(objects, versions, revision)?;
    let (Some(first), Some(newest)) = (kept.first(), kept.last()) else {
        return Err(NoBlame::Absent);
    };
    let mut part = ComparedVersion {
        at: 0,
        object: &first.value,
        before: None,
        is_origin: first.number == 1,
    }
    .fresh(&first.value, &mut Vec::new());
    for (at, (old, new)) in kept.iter().zip(kept.iter().skip(1)).enumerate() {
        let version = ComparedVersion {
            at: at.saturating_add(1),
            object: &new.value,
            before: Some(&old.value),
            is_origin: true,
        };
        part = version.update(&old.value, &part, &new.value, &mut Vec::new());
    }
    let rows = shown(objects, newest, mask)
        .into_iter()
        .map(|(line, number)| {
            let mark = part.mark_of(&line.path, number);
            row(line, mark, &kept, clock, audited)
        });
    let mut rows: Vec<BlameLine> = rows.collect();
    let latest = rows
        .iter()
        .filter_map(|row| row.time)
        .map(|write| write.time)
        .max();
    rows.iter_mut().for_each(|row| row.newest = latest);
    let table = Table::new(&COLUMNS, rows)
        .head("revision", newest.version.revision.main)
        .head("version", newest.number)
        .head("create_revision", newest.created)
        .head("versions_compared", kept.len());
    Ok(table)
}

/// The versions of the object that exists at a revision, since its creation.
fn generation<'a>(
    objects: &Objects<'a>,
    versions: &[(Origin, Version<'a>)],
    revision: i64,
) -> Result<Vec<KeptVersion<'a>>, NoBlame> {
    let is_placed = |origin: Origin| !matches!(origin, Origin::Unplaced { .. });
    let until = versions
        .iter()
        .filter(|(origin, version)| is_placed(*origin) && version.revision.main <= revision);
    let mut kept: Vec<KeptVersion<'a>> = Vec::new();
    let mut deleted = None;
    let mut newest_is_sealed = false;
    for (origin, version) in until {
        if version.tombstone {
            kept.clear();
            deleted = Some(version.revision.main);
            continue;
        }
        let Ok(kv) = version.key_value() else {
            continue;
        };
        deleted = None;
        kept.retain(|known| known.created == kv.create_revision);
        let value = match objects.json(version, Reading::default()) {
            Ok(object) if objects.layout().resource(version.key).is_some() => object,
            // As if it were lost: which version changed a line is then known within bounds.
            Err(Undecodable::Closed(_)) => {
                newest_is_sealed = true;
                continue;
            }
            _ => Value::String(String::from_utf8(kv.value.to_vec()).map_err(|_| NoBlame::NoText)?),
        };
        let before = kept.last().map(|known: &KeptVersion<'_>| &known.value);
        let before = before.filter(|before| before.is_object());
        let changed = before.map(|before| changes(before, &value));
        let is_first = kv.version == 1;
        let writer = VersionWriter::find((before, is_first), &value, &changed.unwrap_or_default());
        newest_is_sealed = false;
        kept.push(KeptVersion {
            writer,
            version: *version,
            origin: *origin,
            value,
            number: kv.version,
            created: kv.create_revision,
        });
    }
    match deleted {
        Some(revision) => Err(NoBlame::Deleted(revision)),
        None if newest_is_sealed => Err(NoBlame::Sealed),
        None => Ok(kept),
    }
}

/// The lines that are shown, each with its number among those of the same path.
fn shown(
    objects: &Objects<'_>,
    newest: &KeptVersion<'_>,
    mask: Option<&Mask>,
) -> Vec<(Line, Option<usize>)> {
    let mut value = newest.value.clone();
    let lines = match &mut value {
        Value::String(text) => {
            let text = match mask {
                Some(mask) if is_secret(objects.layout(), newest.version.key, text.as_bytes()) => {
                    mask.hidden(text.as_bytes())
                }
                Some(mask) => mask.text(text).into_owned(),
                None => text.clone(),
            };
            let line = |text: &str| Line {
                text: text.to_owned(),
                path: Vec::new(),
                opens: false,
            };
            // The first line of text has no name before it.
            return text
                .lines()
                .zip((1..).map(Some))
                .map(|(text, at)| (line(text), at))
                .collect();
        }
        object => {
            if let Some(mask) = mask {
                mask.object(object);
            }
            lines(&without_noise(value))
        }
    };
    let path_at = |at: usize| lines.get(at).map(|line: &Line| &line.path);
    let mut numbers: Vec<Option<usize>> = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        let is_before = at.checked_sub(1).and_then(path_at) == Some(&line.path);
        let is_after = path_at(at.saturating_add(1)) == Some(&line.path);
        let before = numbers.last().copied().flatten();
        numbers.push(match (is_before, is_after) {
            (false, false) => None,
            (false, true) => Some(0),
            (true, _) => before.map(|number| number.saturating_add(1)),
        });
    }
    lines.into_iter().zip(numbers).collect()
}

fn row(
    line: Line,
    mark: &Mark,
    kept: &[KeptVersion<'_>],
    clock: &Clock,
    audited: Option<&Audited>,
) -> BlameLine {
    let own = kept.get(mark.version).or(kept.last());
    let before = mark.version.checked_sub(1).and_then(|at| kept.get(at));
    let (revision, number, created) = own.map_or((0, 0, 0), |own| {
        (own.version.revision.main, own.number, own.created)
    });
    let (by, after) = match before {
        Some(before) => {
            let is_next = before.number.checked_add(1) == Some(number);
            let after = before.version.revision.main;
            (KnownBy::Versions, (!is_next).then_some(after))
        }
        None if number == 1 => (KnownBy::Created, None),
        None => (KnownBy::ManagedFields, Some(created.saturating_sub(1))),
    };
    let written = clock.time_of(revision);
    let time = match (by, mark.time) {
        (KnownBy::ManagedFields, Some(time)) => Some(managed(time, written)),
        // Nothing is known of a line that is older than all versions and that no manager owns.
        (KnownBy::ManagedFields, None) => None,
        _ => written,
    };
    // A request is that of one write: if versions between are lost, it may be another one.
    let exact = own.filter(|_| after.is_none());
    let request = exact.and_then(|own| audited?.writer(own.version.revision));
    let of_version = exact.and_then(|own| own.writer.clone());
    let manager = mark.who.as_deref();
    let manager = manager.map(|manager| owner(manager, of_version.as_ref()));
    BlameLine {
        path: path_text(&line.path),
        line: line.text,
        who: request.or(manager).or(of_version),
        time,
        revision,
        after,
        version: number,
        source: match own.map(|own| own.origin) {
            Some(Origin::Wal(_)) => "wal",
            Some(Origin::Carved(origin)) => origin,
            _ => "db",
        },
        by,
        newest: None,
    }
}

/// The owner of a line. An entry that differs from the one before need not be that of who wrote the version.
fn owner(manager: &str, writer: Option<&VersionWriter>) -> VersionWriter {
    let wrote =
        |writer: &VersionWriter| writer.source == WhoSource::Changed && writer.name == manager;
    VersionWriter {
        name: manager.to_owned(),
        source: match writer.is_some_and(wrote) {
            true => WhoSource::Changed,
            false => WhoSource::Owner,
        },
    }
}

/// The time in an entry of `managedFields`: the API server's, in whole seconds. It is not later than the version that has it.
fn managed(time: jiff::Timestamp, version: Option<WriteTime>) -> WriteTime {
    let limit = version.and_then(|version| version.not_after);
    let own = limit.map_or(time, |limit| time.min(limit));
    WriteTime {
        position: own,
        time: own,
        uncertainty: Some(SignedDuration::from_secs(1)),
        source: crate::clock::TimeSource::Object,
        not_before: Some(time),
        not_after: limit,
    }
}

impl Row for BlameLine {
    fn cells(&self) -> Vec<Cell> {
        let revision = match self.after {
            None => Cell::number(self.revision),
            Some(_) => {
                let number = located::text::number::thousands(self.revision.into());
                Cell::shown(format!("≤{number}"), self.revision)
            }
        };
        let [when, uncertainty, time_source, time_bound] = write_time(self.time, self.newest);
        let [who, who_source] = writer(self.who.as_ref());
        vec![
            who,
            who_source,
            when,
            uncertainty,
            time_source,
            time_bound,
            revision,
            self.after.map(Cell::number).unwrap_or_default(),
            Cell::plain(self.version),
            Cell::text(self.source).label(Label::Dim),
            Cell::text(self.by.as_str()),
            Cell::text(self.line.as_str()),
            Cell::text(self.path.as_str()),
        ]
    }
}

/// The path of a line as blame has it: `spec.containers[0].image`.
pub fn path_text(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Item(at) => text.push_str(&format!("[{at}]")),
            Step::Field(name) if name.contains(['.', '[', ' ']) || name.is_empty() => {
                text.push_str(&format!("[{name:?}]"));
            }
            Step::Field(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
        }
    }
    text
}
