//! `meta --encryption`: which key closed the values of each resource.

use etcd_inspect::kubernetes::encryption::Audit;
use etcd_inspect::member::Objects;
use etcd_inspect::mvcc::KeyRange;

use crate::exit::Exit;
use crate::output::{Cell, Column, Label, Tail};
use crate::ui::Ui;

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

/// Counts live values per resource and key; plaintext beside closed values is a rotation that is not finished. With keys at
/// hand OPENS says how many of the values they open.
pub(crate) fn encryption(
    objects: &Objects<'_>,
    revision: Option<i64>,
    ui: &mut Ui,
) -> anyhow::Result<Exit> {
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
    let mut rows = ui.rows("meta", &COLUMNS)?;
    let mut any = false;
    for row in audit.rows() {
        any = true;
        let provider = match row.provider {
            Some(provider) => Cell::text(provider.to_string()),
            None => Cell::shown("plaintext", serde_json::Value::Null).label(Label::Warning),
        };
        let hex = |bytes: [u8; 32]| {
            bytes
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        rows.push(vec![
            Cell::text(row.resource).label(Label::Name),
            provider,
            Cell::text(row.key),
            Cell::number(row.values),
            row.opened
                .map(|opened| Cell::shown(format!("{opened} of {}", row.values), opened))
                .unwrap_or_default(),
            Cell::number(row.revisions.0),
            Cell::number(row.revisions.1),
            row.key_id.map(Cell::text).unwrap_or_default(),
            row.dek_sha256
                .map(|dek| Cell::text(hex(dek)))
                .unwrap_or_default(),
        ])?;
    }
    rows.finish(Tail::default())?;
    if !any {
        ui.note("no value is encrypted at rest")?;
    }
    Ok(Exit::Ok)
}
