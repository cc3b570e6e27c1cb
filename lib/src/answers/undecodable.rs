//! `get --undecodable`: values that cannot be read as objects.

use super::{Cell, Column, Label, Row, Table};
use crate::kubernetes::encryption::Seal;
use crate::kubernetes::mask::{BULLETS, is_secret};
use crate::member::{Objects, Reading, Undecodable};
use crate::mvcc::{KeyRange, Version};
use located::Error;

/// Bytes shown before and after the bad one.
const AROUND: usize = 8;

static COLUMNS: [Column; 7] = [
    Column::left("KEY", "key"),
    Column::right("REV", "mod_revision"),
    Column::right("SIZE", "value_bytes"),
    Column::left("CAUSE", "cause"),
    Column::right("AT", "value_offset"),
    Column::right("OFFSET", "offset"),
    Column::left("BYTES", "bytes"),
];

/// A value that cannot be read as an object.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UndecodableRow<'a> {
    /// The version.
    pub version: Version<'a>,
    /// Why it cannot be read.
    pub cause: Undecodable,
    /// Whether its bytes are those of a secret.
    pub is_secret: bool,
}

impl Row for UndecodableRow<'_> {
    fn cells(&self) -> Vec<Cell> {
        let version = &self.version;
        let kv = version.key_value().unwrap_or_default();
        let (at, place) = match &self.cause {
            Undecodable::Value { at, place, .. } => {
                (*at, place.as_ref().and_then(|place| place.offset))
            }
            _ => (None, None),
        };
        // Within an encrypted value the place is that of the plaintext: the bytes shown would be others.
        let shown = at.unwrap_or(0).min(kv.value.len());
        let bytes = kv
            .value
            .get(shown.saturating_sub(AROUND)..shown.saturating_add(AROUND).min(kv.value.len()));
        let hex: Vec<_> = bytes
            .unwrap_or_default()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let text = self.cause.to_string();
        let key = format!("{}: ", String::from_utf8_lossy(version.key));
        vec![
            Cell::key(version.key).label(Label::Name),
            Cell::number(version.revision.main),
            Cell::size(kv.value.len() as u64),
            Cell::text(text.strip_prefix(&key).unwrap_or(&text)).label(Label::Error),
            at.map(Cell::count).unwrap_or_default(),
            place
                .or(version.offset)
                .map(Cell::plain)
                .unwrap_or_default(),
            // What is left of a Secret in clear text stays hidden; its ciphertext need not.
            if self.is_secret && Seal::parse(kv.value).is_none() {
                Cell::shown(BULLETS, serde_json::Value::Null)
            } else {
                Cell::text(hex.join(" "))
            },
        ]
    }
}

/// Which values are looked at; by default those of every resource.
#[derive(Clone, Debug, Default)]
pub struct UndecodableScope {
    /// Registry paths, each with a name or with all; none: every resource.
    pub resources: Vec<(String, Option<String>)>,
    /// Keys that begin so; none: all.
    pub prefixes: Vec<Vec<u8>>,
    /// Objects of this namespace.
    pub namespace: Option<String>,
}

impl UndecodableScope {
    fn has(&self, objects: &Objects<'_>, key: &[u8]) -> bool {
        let everything = self.resources.is_empty() && self.prefixes.is_empty();
        let parsed = objects.parse(key);
        let in_namespace = self.namespace.as_deref().is_none_or(|namespace| {
            (parsed.as_ref()).is_some_and(|key| key.namespace == Some(namespace))
        });
        let is_of_resource = || {
            parsed.as_ref().is_some_and(|key| {
                self.resources.iter().any(|(path, name)| {
                    key.path == path && name.as_deref().is_none_or(|name| key.name == name)
                })
            })
        };
        let has_prefix = || self.prefixes.iter().any(|prefix| key.starts_with(prefix));
        in_namespace && (everything || has_prefix() || is_of_resource())
    }
}

/// Every live key below the Kubernetes prefixes whose value cannot be read as an object.
///
/// # Errors
/// As [`Keyspace::at`](crate::mvcc::Keyspace::at).
pub fn undecodable<'a>(
    objects: &Objects<'a>,
    wanted: &UndecodableScope,
    revision: Option<i64>,
) -> Result<Table<UndecodableRow<'a>>, Error> {
    let live = objects.keyspace().live(&KeyRange::all(), revision)?;
    let mut rows = Vec::new();
    for version in live.iter() {
        if objects.layout().resource(version.key).is_none() || !wanted.has(objects, version.key) {
            continue;
        }
        if let Err(cause) = objects.json(&version, Reading::default()) {
            let value = version.key_value().unwrap_or_default().value;
            rows.push(UndecodableRow {
                version,
                cause,
                is_secret: is_secret(objects.layout(), version.key, value),
            });
        }
    }
    Ok(Table::new(&COLUMNS, rows))
}
