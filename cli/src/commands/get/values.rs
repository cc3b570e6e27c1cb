//! Values of raw keys, one or many.

use std::borrow::Cow;
use std::io::{self, Write};

use etcd_inspect::answers::values::{self, RowForm, Shown, ValueRecord, Values};
use etcd_inspect::answers::{KeyValue, Version};
use serde_json::Value;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::{KubeArgs, Printed, shaped};
use crate::output::{Format, Rows, Tail, escape, hex, json, person};
use crate::ui::Ui;

/// Prints what raw keys hold. `one`: exactly one key was asked for.
pub(super) fn show<'v>(
    found: &[Version<'v>],
    one: bool,
    values: &Values<'_, 'v>,
    args: &KubeArgs,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    // Columns and an order are those of rows, also of one.
    let one = one && ui.global.columns.is_empty() && ui.global.sort_by.is_none();
    args.have_effect(printed(ui.global.format(), one && found.len() == 1), ui)?;
    match (ui.global.format(), found) {
        (Format::Raw, _) => {
            for version in found {
                let kv = message(version)?;
                match values.bytes(version.key, &kv) {
                    Shown::Bytes(bytes) => person::raw(&bytes, ui)?,
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
                let at = ValueRecord::value_offset(version, &kv).unwrap_or(0);
                let (shown, hidden) = values.starred(version.key, &kv);
                hex::dump(ui.out(), terminal, "", at, &shown)?;
                if hidden > 0 {
                    ui.note(format!(
                        "{hidden} bytes of secrets are shown as *: --reveal shows them"
                    ))?;
                }
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

/// What a format prints of raw keys. `one`: of one that is not to be a row.
fn printed(format: Format, one: bool) -> Printed {
    match format {
        Format::Raw | Format::Hex => Printed::StoredKey,
        Format::Table | Format::Json | Format::Jsonl | Format::Yaml if one => Printed::RawKey,
        _ => Printed::RawKeys,
    }
}

/// What is shown of a version. What shall be fed back never contains a mask.
fn shown<'v>(
    version: &Version<'v>,
    kv: &KeyValue<'v>,
    values: &Values<'_, 'v>,
    args: &KubeArgs,
) -> Result<Shown<'v>, Failure> {
    let ready = match args.neat {
        true => values.ready(version, args.secrets()).map_err(hidden)?,
        false => None,
    };
    Ok(match ready {
        Some(object) => Shown::Object(Box::new(object)),
        None => values.shown(version, kv),
    })
}

fn hidden(count: usize) -> Failure {
    let noun = if count == 1 { "value is" } else { "values are" };
    let failure = Failure::usage(format!(
        "{count} {noun} hidden, and --neat never prints a mask as a value"
    ));
    Failure {
        exit: Exit::Partial,
        ..failure.means("--reveal shows those of exactly named keys, --reveal=all all, --secrets placeholder prints REPLACE_ME")
    }
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
fn document<'v>(
    version: &Version<'v>,
    values: &Values<'_, 'v>,
    args: &KubeArgs,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let kv = message(version)?;
    let shown = shown(version, &kv, values, args)?;
    if let Shown::Object(object) = shown {
        let object = shaped(*object, args, None);
        match ui.global.format() {
            Format::Yaml => person::object(object, args.stored, ui)?,
            Format::Jsonl => {
                json::compact(ui.out(), &object)?;
                ui.out().write_all(b"\n")?;
            }
            _ => {
                json::indented(ui.out(), &object)?;
                ui.out().write_all(b"\n")?;
            }
        }
        return Ok(());
    }
    let record = ValueRecord::new(*version, kv, shown);
    ui.answer("get", &record, |_| Ok(()))
}

/// One value for people: objects as YAML, JSON indented, text as it is, anything else in hex.
fn pretty<'v>(
    version: &Version<'v>,
    values: &Values<'_, 'v>,
    args: &KubeArgs,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let kv = message(version)?;
    let terminal = ui.terminal;
    let value: Cow<'_, [u8]> = match shown(version, &kv, values, args)? {
        Shown::Object(object) => {
            let object = shaped(*object, args, None);
            return Ok(person::object(object, args.stored, ui)?);
        }
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

/// Values that are decoded side by side before their rows are written in order.
const AT_ONCE: usize = 64;

/// A row for every key: with its decoded `object`, or `value` or `value_b64`.
pub(crate) fn rows<'k>(
    verb: &str,
    found: impl Iterator<Item = Version<'k>>,
    reader: &Values<'_, 'k>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let form = match ui.global.format() {
        Format::Json | Format::Jsonl if ui.global.sort_by.is_none() => RowForm::Lines(json::append),
        Format::Json | Format::Jsonl | Format::Yaml => RowForm::Documents,
        _ => RowForm::Preview,
    };
    let mut rows = Rows::begin(ui, verb, &values::COLUMNS)?;
    let mut found = found.peekable();
    while found.peek().is_some() {
        if rows.is_full() {
            found.for_each(|_| rows.skip(1));
            break;
        }
        let part: Vec<Version<'k>> = found.by_ref().take(AT_ONCE).collect();
        for cells in reader.cells_of_all(&part, form) {
            match rows.is_full() {
                true => rows.skip(1),
                false => rows.push(cells)?,
            }
        }
    }
    rows.finish(Tail::default())?;
    Ok(())
}
