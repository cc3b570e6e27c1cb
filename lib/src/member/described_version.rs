//! What the versions of a key tell beside what etcd knows: who wrote them, when, and what changed.

use super::objects::{Objects, Reading};
use super::undecodable::Undecodable;
use super::version_writer::VersionWriter;
use crate::clock::{Clock, WriteTime};
use crate::kubernetes::changed::{self, Change, changes, unified};
use crate::kubernetes::mask::{Mask, is_secret};
use crate::mvcc::Version;
use located::RaftIndex;
use serde_json::Value;

/// Where a version is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the db.
    Db,
    /// In the WAL, made by the entry of that raft index where it is known.
    Wal(Option<RaftIndex>),
    /// Carved: no tree and no log has it. Holds where it was found.
    Carved(&'static str),
    /// In the WAL, and its revision is not known; `conditional`: nor whether it happened.
    Unplaced {
        /// Raft index of the entry.
        index: RaftIndex,
        /// Whether the write may not have happened.
        conditional: bool,
        /// Whether it keeps the value that the key had: which one that was is not known.
        keeps_value: bool,
    },
}

impl Origin {
    /// How messages call the version.
    pub fn name(self, version: &Version<'_>) -> String {
        match self {
            Self::Unplaced { index, .. } => format!("raft entry {index}"),
            _ => format!("rev {}", version.revision.main),
        }
    }

    /// Whether the record has the value that was stored; `false` for a put that keeps one of which nothing is known.
    pub fn has_value(self) -> bool {
        !matches!(
            self,
            Self::Unplaced {
                keeps_value: true,
                ..
            }
        )
    }
}

/// One version with what its object tells.
#[derive(Clone, Debug)]
pub struct DescribedVersion<'a> {
    /// Where it is stored.
    pub origin: Origin,
    /// The record.
    pub version: Version<'a>,
    /// Who wrote it.
    pub writer: Option<VersionWriter>,
    /// Whether the value is encrypted and no key at hand opens it.
    pub is_sealed: bool,
    /// When, if the clock knows.
    pub time: Option<WriteTime>,
    /// What differs from the version before; empty for the first one, for deletes and for values that are no objects.
    pub changed: Vec<Change>,
    /// The unified difference to the version before, where it was asked for.
    pub diff: Option<String>,
}

impl<'a> DescribedVersion<'a> {
    fn without_value(origin: Origin, version: Version<'a>) -> Self {
        Self {
            origin,
            version,
            writer: None,
            is_sealed: false,
            time: None,
            changed: Vec::new(),
            diff: None,
        }
    }
}

/// Describes the versions of one key, oldest first: who wrote each, when by `clock`, and what changed. `context`: unified differences
/// with so many lines around each change.
pub fn describe_versions<'a>(
    objects: &Objects<'_>,
    versions: impl Iterator<Item = (Origin, Version<'a>)>,
    clock: &Clock,
    mask: Option<&Mask>,
    context: Option<usize>,
) -> Vec<DescribedVersion<'a>> {
    let mut described = Vec::new();
    let mut before: Option<(Value, String)> = None;
    let mut last = "nothing".to_owned();
    for (origin, version) in versions {
        if !origin.has_value() {
            described.push(DescribedVersion::without_value(origin, version));
            continue;
        }
        let read = (!version.tombstone && objects.layout().resource(version.key).is_some())
            .then(|| objects.json(&version, Reading::default()));
        let is_sealed = matches!(read, Some(Err(Undecodable::Closed(_))));
        let object = read.and_then(Result::ok);
        // Writer and changes are computed from the whole object, values are shown from the masked one.
        let masked = object.clone().map(|mut object| {
            mask.iter().for_each(|mask| mask.object(&mut object));
            object
        });
        let old = before.as_ref().map(|(object, _)| object);
        let name = origin.name(&version);
        let text = match (&masked, context) {
            (_, None) => String::new(),
            (Some(object), _) => changed::comparable(object.clone()),
            (None, _) => plain(objects, &version, mask),
        };
        let old_text = before.as_ref().map_or("", |(_, text)| text.as_str());
        let diff = context.map(|context| unified(old_text, &text, &last, &name, context));
        let (writer, changed) = match (&object, &masked) {
            (Some(object), Some(masked)) => {
                let changed = old
                    .map(|old| changes(raw(Some(old)).unwrap_or(old), masked))
                    .unwrap_or_default();
                let before = (raw(old), is_first(&version));
                (VersionWriter::find(before, object, &changed), changed)
            }
            _ => (None, Vec::new()),
        };
        described.push(DescribedVersion {
            origin,
            version,
            writer,
            is_sealed,
            time: clock
                .time_of(version.revision.main)
                .filter(|_| !matches!(origin, Origin::Unplaced { .. })),
            changed,
            diff,
        });
        before = Some((masked.unwrap_or(Value::Null), text));
        last = name;
    }
    described
}

/// Whether nothing was replaced.
pub(crate) fn is_first(version: &Version<'_>) -> bool {
    version.key_value().is_ok_and(|kv| kv.version == 1)
}

/// The text that differences of a version are shown of: an object as YAML without the fields that change with every write,
/// anything else as it is; masked.
pub fn comparable(objects: &Objects<'_>, version: &Version<'_>, mask: Option<&Mask>) -> String {
    let object = (!version.tombstone && objects.layout().resource(version.key).is_some())
        .then(|| objects.json(version, Reading::default()).ok())
        .flatten();
    match object {
        Some(mut object) => {
            if let Some(mask) = mask {
                mask.object(&mut object);
            }
            changed::comparable(object)
        }
        None => plain(objects, version, mask),
    }
}

/// Only objects are compared with objects.
fn raw(object: Option<&Value>) -> Option<&Value> {
    object.filter(|object| object.is_object())
}

/// A value that is no object: text as it is, anything else as one line.
fn plain(objects: &Objects<'_>, version: &Version<'_>, mask: Option<&Mask>) -> String {
    let Ok(kv) = version.key_value() else {
        return String::new();
    };
    if version.tombstone {
        return String::new();
    }
    if let Some(mask) = mask.filter(|_| is_secret(objects.layout(), version.key, kv.value)) {
        return format!("{}\n", mask.hidden(kv.value));
    }
    let bytes = match mask {
        Some(mask) => mask.bytes(kv.value),
        None => kv.value.into(),
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) if text.ends_with('\n') => text.to_owned(),
        Ok(text) => format!("{text}\n"),
        Err(_) => format!("{} bytes\n", kv.value.len()),
    }
}
