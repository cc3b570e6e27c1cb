//! Values of raw keys, one or many.

use std::borrow::Cow;
use std::io::{self, Write};

use etcd_inspect::answers::keys::lease;
use etcd_inspect::answers::put_bytes;
use etcd_inspect::mvcc::{KeyValue, Version};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::kube::{KubeArgs, Shown, Values, shaped};
use crate::output::{Cell, Column, Format, Label, Tail, escape, hex, json};
use crate::ui::Ui;

static COLUMNS: [Column; 9] = [
    Column::left("KEY", "key"),
    Column::right("CREATED", "create_revision").wide(),
    Column::right("REV", "mod_revision"),
    Column::right("VERSION", "version"),
    Column::left("LEASE", "lease").wide(),
    Column::right("SIZE", "value_bytes"),
    Column::left("VALUE", "value_preview").table_only(),
    Column::json("object"),
    Column::json("value"),
];

/// Bytes of a value that a row of a table shows.
const PREVIEW: usize = 60;

/// Prints what raw keys hold. `one`: exactly one key was asked for.
pub(super) fn show(
    found: &[Version<'_>],
    one: bool,
    values: &Values<'_, '_>,
    args: &KubeArgs,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    match (ui.format(), found) {
        (Format::Raw, _) => {
            for version in found {
                let kv = message(version)?;
                match values.bytes(version.key, &kv) {
                    Shown::Bytes(bytes) => ui.raw(&bytes)?,
                    Shown::Hidden(text) => ui.line(text.as_str())?,
                    Shown::Object(_) => {}
                }
            }
        }
        (Format::Hex, _) => {
            for version in found {
                let kv = message(version)?;
                let terminal = ui.terminal;
                if let Shown::Hidden(text) = values.bytes(version.key, &kv) {
                    ui.line(text.as_str())?;
                    continue;
                }
                // Within the file if it is in one: the dump can then be compared with the db's own.
                let behind = version.message.len().saturating_sub(kv.value.len());
                let at = version.offset.map_or(0, |at| {
                    at.saturating_add(stored_key_bytes(version) + behind as u64)
                });
                hex::dump(ui.out(), terminal, "", at, kv.value)?;
            }
        }
        (Format::Json | Format::Jsonl | Format::Yaml, [version]) if one => {
            document(version, values, args, ui)?
        }
        (Format::Table, [version]) if one => pretty(version, values, args, ui)?,
        _ => rows("get", found.iter().copied(), values, ui)?,
    }
    Ok(())
}

fn stored_key_bytes(version: &Version<'_>) -> u64 {
    version
        .stored_bytes
        .saturating_sub(version.message.len() as u64)
}

fn message<'k>(version: &Version<'k>) -> Result<KeyValue<'k>, Failure> {
    version.key_value().map_err(|flaw| {
        let mut failure = Failure::usage(format!(
            "the record of revision {} breaks at byte {}: {}",
            version.revision, flaw.at, flaw.what
        ));
        failure.code = etcd_inspect::codes::error::MALFORMED.id;
        failure.next("etcd-inspect check {path}")
    })
}

/// A Kubernetes object prints as itself, any other value with what etcd knows of its key.
fn document(
    version: &Version<'_>,
    values: &Values<'_, '_>,
    args: &KubeArgs,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let kv = message(version)?;
    let shown = values.shown(version, &kv);
    if let Shown::Object(object) = shown {
        let object = shaped(*object, args, None);
        match ui.format() {
            Format::Yaml => ui.yaml(&object)?,
            Format::Jsonl => {
                json::compact(ui.out(), &object)?;
                ui.out().write_all(b"\n")?;
            }
            _ => {
                json::pretty(ui.out(), &object)?;
                ui.out().write_all(b"\n")?;
            }
        }
        return Ok(());
    }
    let mut fields = Map::new();
    put_bytes(&mut fields, "key", version.key);
    fields.insert("create_revision".to_owned(), kv.create_revision.into());
    fields.insert("mod_revision".to_owned(), version.revision.main.into());
    fields.insert("version".to_owned(), kv.version.into());
    fields.insert(
        "lease".to_owned(),
        format!("{:016x}", kv.lease.cast_unsigned()).into(),
    );
    fields.insert("value_bytes".to_owned(), kv.value.len().into());
    match shown {
        Shown::Bytes(bytes) => put_bytes(&mut fields, "value", &bytes),
        Shown::Hidden(text) => {
            fields.insert("value".to_owned(), text.into());
        }
        Shown::Object(_) => {}
    }
    if let Some(offset) = version.offset {
        fields.insert("offset".to_owned(), offset.into());
    }
    ui.document("get", fields, |_| Ok(()))
}

/// One value for people: objects as YAML, JSON indented, text as it is, anything else in hex.
fn pretty(
    version: &Version<'_>,
    values: &Values<'_, '_>,
    args: &KubeArgs,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let kv = message(version)?;
    let terminal = ui.terminal;
    let value: Cow<'_, [u8]> = match values.shown(version, &kv) {
        Shown::Object(object) => return Ok(ui.yaml(&shaped(*object, args, None))?),
        Shown::Hidden(text) => return Ok(ui.line(text.as_str())?),
        Shown::Bytes(value) => value,
    };
    if let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(&value) {
        json::pretty(ui.out(), &object)?;
        ui.out().write_all(b"\n")?;
    } else if let Some(text) = printable(&value) {
        let out = ui.out();
        out.write_all(escape::lines(text.as_bytes(), terminal.charset).as_bytes())?;
        end_line(out, &value)?;
    } else {
        hex::dump(ui.out(), terminal, "", 0, &value)?;
    }
    Ok(())
}

fn printable(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    let odd = text
        .chars()
        .filter(|c| c.is_control() && !c.is_whitespace())
        .count();
    (odd == 0).then_some(text)
}

fn end_line(out: &mut dyn Write, value: &[u8]) -> io::Result<()> {
    if value.ends_with(b"\n") {
        Ok(())
    } else {
        out.write_all(b"\n")
    }
}

/// A row for every key: with its decoded `object`, or `value` or `value_b64`.
pub(crate) fn rows<'k>(
    verb: &str,
    found: impl Iterator<Item = Version<'k>>,
    values: &Values<'_, 'k>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let tables = !matches!(ui.format(), Format::Json | Format::Jsonl | Format::Yaml);
    let mut rows = ui.rows(verb, &COLUMNS)?;
    for version in found {
        if rows.is_full() {
            rows.skip(1);
            continue;
        }
        rows.push(row(&version, values, tables))?;
    }
    rows.finish(Tail::default())?;
    Ok(())
}

fn row<'k>(version: &Version<'k>, values: &Values<'_, 'k>, tables: bool) -> Vec<Cell> {
    let blank = Cell::unknown;
    let key = Cell::key(version.key).label(Label::Name);
    let main = Cell::number(version.revision.main);
    if version.tombstone {
        let deleted = Cell::text("deleted").label(Label::Warning);
        return vec![
            key,
            blank(),
            main,
            Cell::plain(0),
            blank(),
            blank(),
            deleted,
            blank(),
            blank(),
        ];
    }
    let kv = version.key_value().unwrap_or_default();
    let (preview, object, value) = match values.shown(version, &kv) {
        Shown::Object(object) if tables => {
            let text = |field: &str| {
                object
                    .get(field)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            (
                Cell::text(format!("{} {}", text("apiVersion"), text("kind"))).label(Label::Dim),
                blank(),
                blank(),
            )
        }
        Shown::Object(object) => (blank(), Cell::shown("", *object), blank()),
        Shown::Hidden(text) => (Cell::text(text.as_str()), blank(), Cell::text(text)),
        Shown::Bytes(bytes) => (
            Cell::bytes(bytes.get(..PREVIEW).unwrap_or(&bytes)),
            blank(),
            Cell::bytes(bytes.into_owned()),
        ),
    };
    vec![
        key,
        Cell::number(kv.create_revision),
        main,
        Cell::plain(kv.version),
        lease(kv.lease),
        Cell::size(kv.value.len() as u64),
        preview,
        object,
        value,
    ]
}
