//! `get --undecodable`: values that give no object.

use etcd_inspect::kubernetes::encryption::Seal;
use etcd_inspect::kubernetes::mask::{BULLETS, is_secret};
use etcd_inspect::member::{Objects, Reading, Undecodable};
use etcd_inspect::mvcc::{KeyRange, Version};

use crate::exit::Exit;
use crate::output::{Cell, Column, Label, Tail};
use crate::ui::Ui;

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

/// Lists every live key below the Kubernetes prefixes whose value gives no object.
pub(crate) fn undecodable(
    objects: &Objects<'_>,
    revision: Option<i64>,
    ui: &mut Ui,
) -> anyhow::Result<Exit> {
    let live = objects.keyspace().live(&KeyRange::all(), revision)?;
    let mut rows = ui.rows("undecodable", &COLUMNS)?;
    let mut any = false;
    for version in live.iter() {
        if objects.layout().resource(version.key).is_none() {
            continue;
        }
        if let Err(cause) = objects.json(&version, Reading::default()) {
            any = true;
            rows.push(row(objects, &version, &cause))?;
        }
    }
    rows.finish(Tail::default())?;
    Ok(Exit::negative_if(any))
}

fn row(objects: &Objects<'_>, version: &Version<'_>, cause: &Undecodable) -> Vec<Cell> {
    let kv = version.key_value().unwrap_or_default();
    let at = match cause {
        Undecodable::Value { at, .. } => *at,
        _ => None,
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
    let text = cause.to_string();
    let key = format!("{}: ", String::from_utf8_lossy(version.key));
    vec![
        Cell::key(version.key).label(Label::Name),
        Cell::number(version.revision.main),
        Cell::size(kv.value.len() as u64),
        Cell::text(text.strip_prefix(&key).unwrap_or(&text)).label(Label::Error),
        at.map(Cell::count).unwrap_or_default(),
        version.offset.map(Cell::plain).unwrap_or_default(),
        // What is left of a Secret in clear text stays hidden; its ciphertext need not.
        if is_secret(objects.layout(), version.key, kv.value) && Seal::parse(kv.value).is_none() {
            Cell::shown(BULLETS, serde_json::Value::Null)
        } else {
            Cell::text(hex.join(" "))
        },
    ]
}
