//! `meta --encryption`: which key encrypted the values of each resource.

use super::{Cell, Column, Label, Row, Table};
use crate::kubernetes::encryption::{Audit, AuditRow};
use crate::member::Objects;
use crate::mvcc::KeyRange;
use located::Error;

static COLUMNS: [Column; 9] = [
    Column::left("RESOURCE", "resource"),
    Column::left("PROVIDER", "provider"),
    Column::left("KEY", "key"),
    Column::right("VALUES", "values"),
    Column::left("OPENS", "opens"),
    Column::right("FIRST REV", "first_revision"),
    Column::right("LAST REV", "last_revision"),
    Column::left("KEY ID", "key_id").wide(),
    Column::left("DEK SHA256", "dek_sha256").wide(),
];

/// The values of one resource that one key encrypted.
#[derive(Clone, Debug)]
pub struct EncryptionRow(pub AuditRow);

impl Row for EncryptionRow {
    fn cells(&self) -> Vec<Cell> {
        let row = &self.0;
        let provider = match &row.provider {
            Some(provider) => Cell::text(provider.to_string()),
            None => Cell::shown("plaintext", serde_json::Value::Null).label(Label::Warning),
        };
        let hex = |bytes: &[u8; 32]| {
            bytes
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        vec![
            Cell::text(row.resource.as_str()).label(Label::Name),
            provider,
            Cell::text(row.key.as_str()),
            Cell::number(row.values),
            row.opened
                .map(|opened| Cell::shown(format!("{opened} of {}", row.values), opened))
                .unwrap_or_default(),
            Cell::number(row.revisions.0),
            Cell::number(row.revisions.1),
            row.key_id.as_deref().map(Cell::text).unwrap_or_default(),
            row.dek_sha256
                .as_ref()
                .map(|dek| Cell::text(hex(dek)))
                .unwrap_or_default(),
        ]
    }
}

/// Counts live values per resource and key; plaintext beside encrypted values is a rotation that is not finished. If there are
/// keys at hand OPENS says how many of the values they open.
///
/// # Errors
/// As [`Keyspace::at`](crate::mvcc::Keyspace::at).
pub fn encryption(
    objects: &Objects<'_>,
    revision: Option<i64>,
) -> Result<Table<EncryptionRow>, Error> {
    let live = objects.keyspace().live(&KeyRange::all(), revision)?;
    let mut audit = Audit::default();
    for version in live.iter() {
        let path = objects
            .layout()
            .resource(version.key)
            .and_then(|path| std::str::from_utf8(path).ok());
        if let (Some(path), Ok(kv)) = (path, version.key_value()) {
            let opens = (!objects.keyring().is_empty())
                .then(|| objects.open(version.key, kv.value).is_ok());
            audit.add(path, kv.value, version.revision.main, opens);
        }
    }
    Ok(Table::new(
        &COLUMNS,
        audit.rows().map(EncryptionRow).collect(),
    ))
}
