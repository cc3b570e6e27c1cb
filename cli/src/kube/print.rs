//! Objects in kubectl's forms.

use std::io;

use etcd_inspect::kubernetes::columns::{CustomColumns, sort_by};
use etcd_inspect::kubernetes::jsonpath::{JsonPath, JsonPathError, Template};
use etcd_inspect::kubernetes::mask::{Mask, is_secret_key};
use etcd_inspect::kubernetes::nouns::Target;
use etcd_inspect::kubernetes::table::{self, Table};
use etcd_inspect::member::Objects;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Found, KubeArgs};
use crate::failure::Failure;
use crate::output::{Format, Label, Line, escape, hex, json as output_json, rows};
use crate::ui::Ui;

/// Prints what was found. `single`: one object was asked for by name, so it prints as itself and not as a List.
pub(crate) fn print(
    objects: &Objects<'_>,
    mut found: Vec<Found<'_>>,
    args: &KubeArgs,
    single: bool,
    mask: Option<&Mask>,
    revision: Option<i64>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    if let Some(path) = &ui.global.sort_by {
        let path = JsonPath::parse(path).map_err(wrong)?;
        sort_by(&mut found, &path, |found| &found.object);
    }
    if let Some(limit) = ui.global.limit.filter(|limit| *limit > 0) {
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    match ui.format() {
        Format::Raw | Format::Hex => return stored(objects, &found, mask, ui),
        Format::Name => {
            for found in &found {
                let name = found
                    .object
                    .pointer("/metadata/name")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                ui.line(Line::new().with(Label::Name, format!("{}/{name}", found.target.label())))?;
            }
            return Ok(());
        }
        Format::Table | Format::Wide | Format::Csv | Format::Tsv => {
            let now = now(objects, args, revision, ui)?;
            return tables(objects, &found, args, now, ui);
        }
        _ => {}
    }
    let documents: Vec<Value> = found
        .into_iter()
        .map(|found| shaped(found.object, args, mask))
        .collect();
    match ui.format() {
        Format::JsonPath(template) => {
            let template = Template::parse(&template).map_err(wrong)?;
            let text = template.render(&listed(documents, single));
            let charset = ui.terminal.charset;
            let text = if ui.terminal.is_tty {
                escape::lines(text.as_bytes(), charset)
            } else {
                text
            };
            ui.out().write_all(text.as_bytes())?;
        }
        Format::CustomColumns(spec) => {
            let columns = CustomColumns::parse(&spec).map_err(wrong)?;
            let headings: Vec<_> = columns.headings().map(str::to_owned).collect();
            let rows: Vec<_> = documents
                .iter()
                .map(|document| columns.row(document))
                .collect();
            aligned(&headings, &rows, ui)?;
        }
        Format::Jsonl => {
            for document in &documents {
                output_json::compact(ui.out(), document)?;
                ui.out().write_all(b"\n")?;
            }
        }
        Format::Yaml => ui.yaml(&listed(documents, single))?,
        _ => {
            output_json::pretty(ui.out(), &listed(documents, single))?;
            ui.out().write_all(b"\n")?;
        }
    }
    Ok(())
}

fn wrong(error: JsonPathError) -> Failure {
    Failure::usage(error.to_string())
}

/// What ages are relative to; said on stderr, because the answer differs from what kubectl says today.
fn now(
    objects: &Objects<'_>,
    args: &KubeArgs,
    revision: Option<i64>,
    ui: &mut Ui,
) -> anyhow::Result<Timestamp> {
    if let Some(now) = args.now {
        return Ok(now);
    }
    match objects.newest_time(revision) {
        Some(now) => {
            let shown = crate::output::time::rfc3339(now);
            ui.note(format!(
                "AGE is relative to {shown}, the newest time in the data (--now TIME overrides)"
            ))?;
            Ok(now)
        }
        None => Ok(Timestamp::UNIX_EPOCH),
    }
}

/// One object as itself, several as a List.
fn listed(mut documents: Vec<Value>, single: bool) -> Value {
    if single && documents.len() == 1 {
        return documents.remove(0);
    }
    json!({ "apiVersion": "v1", "items": documents, "kind": "List", "metadata": { "resourceVersion": "" } })
}

/// The object as asked for: fields hidden, secrets masked, members in kubectl's order.
pub(crate) fn shaped(mut object: Value, args: &KubeArgs, mask: Option<&Mask>) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        if !(args.show_managed_fields || args.stored || args.full) {
            metadata.shift_remove("managedFields");
        }
        if args.neat {
            for field in [
                "uid",
                "resourceVersion",
                "creationTimestamp",
                "generation",
                "selfLink",
                "managedFields",
            ] {
                metadata.shift_remove(field);
            }
            let annotations = metadata
                .get_mut("annotations")
                .and_then(Value::as_object_mut);
            let left = annotations.map(|annotations| {
                annotations.shift_remove("kubectl.kubernetes.io/last-applied-configuration");
                annotations.len()
            });
            if left == Some(0) {
                metadata.shift_remove("annotations");
            }
        }
    }
    if args.neat {
        neat(&mut object);
    }
    if let Some(mask) = mask {
        mask.object(&mut object);
    }
    if args.stored { object } else { sorted(object) }
}

/// Takes out what an API server fills in: status, and empty creation times of templates.
fn neat(object: &mut Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.shift_remove("status");
    }
    without_null_times(object);
}

fn without_null_times(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_null_times),
        Value::Object(fields) => {
            if fields.get("creationTimestamp").is_some_and(Value::is_null) {
                fields.shift_remove("creationTimestamp");
            }
            fields.values_mut().for_each(without_null_times);
        }
        _ => {}
    }
}

/// kubectl prints members in the order of their names.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().collect();
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(
                fields
                    .into_iter()
                    .map(|(name, value)| (name, sorted(value)))
                    .collect::<Map<_, _>>(),
            )
        }
        other => other,
    }
}

/// The stored bytes, decrypted where a key is at hand; those of Secrets only where they shall be seen.
fn stored(
    objects: &Objects<'_>,
    found: &[Found<'_>],
    mask: Option<&Mask>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    for found in found {
        let Ok(kv) = found.version.key_value() else {
            continue;
        };
        if let Some(mask) = mask.filter(|_| is_secret_key(objects.layout(), found.version.key)) {
            ui.line(Line::new().with(
                Label::Dim,
                format!(
                    "{} ({} bytes; --reveal shows them)",
                    mask.hidden(kv.value),
                    kv.value.len()
                ),
            ))?;
            continue;
        }
        let opened = objects.open(kv.key, kv.value)?;
        let plain = opened
            .as_ref()
            .map_or(kv.value, |opened| opened.plain.as_slice());
        if ui.format() == Format::Raw {
            let masked = mask.map_or(plain.into(), |mask| mask.bytes(plain));
            ui.raw(&masked)?;
        } else {
            let terminal = ui.terminal;
            hex::dump(ui.out(), terminal, "", 0, plain)?;
        }
    }
    Ok(())
}

/// The table of a resource's objects. Custom resources have that of the version they are stored in.
pub(super) fn table_of(objects: &Objects<'_>, target: &Target, object: &Value) -> Table {
    let api_version = object
        .get("apiVersion")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    match objects.layout().crd(&target.path) {
        Some(crd) => Table::of_crd(crd, version),
        None => Table::of_kind(
            group,
            object
                .get("kind")
                .and_then(Value::as_str)
                .unwrap_or_default(),
        ),
    }
}

/// One table a resource, as kubectl prints them.
fn tables(
    objects: &Objects<'_>,
    found: &[Found<'_>],
    args: &KubeArgs,
    now: Timestamp,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let wide = ui.format() == Format::Wide;
    let mut begun = false;
    let several = found
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a.target.path != b.target.path));
    for group in found.chunk_by(|a, b| a.target.path == b.target.path) {
        let Some(first) = group.first() else { continue };
        let table = table_of(objects, &first.target, &first.object);
        let namespaces = args.scope.all_namespaces && first.target.namespaced != Some(false);
        let mut headings: Vec<String> = namespaces
            .then(|| "NAMESPACE".to_owned())
            .into_iter()
            .collect();
        headings.extend(table.headings(wide).map(str::to_owned));
        headings.extend(args.show_labels.then(|| "LABELS".to_owned()));
        let mut lines = Vec::with_capacity(group.len());
        for found in group {
            let mut row = table.row(&found.object, now, wide);
            if several && let Some(name) = row.first_mut() {
                *name = format!("{}/{name}", found.target.label());
            }
            if namespaces {
                let namespace = found
                    .object
                    .pointer("/metadata/namespace")
                    .and_then(Value::as_str);
                row.insert(0, namespace.unwrap_or_default().to_owned());
            }
            row.extend(args.show_labels.then(|| table::labels(&found.object)));
            lines.push(row);
        }
        if std::mem::replace(&mut begun, true) && ui.format().is_table() {
            ui.out().write_all(b"\n")?;
        }
        match ui.format() {
            format @ (Format::Csv | Format::Tsv) => {
                let separator = if format == Format::Csv { b',' } else { b'\t' };
                let head = (!ui.global.no_headers).then_some(&headings);
                for line in head.into_iter().chain(&lines) {
                    separated(line, separator, ui)?;
                }
            }
            _ => aligned(&headings, &lines, ui)?,
        }
    }
    Ok(())
}

fn separated(line: &[String], separator: u8, ui: &mut Ui) -> io::Result<()> {
    let charset = ui.terminal.charset;
    let cells: Vec<_> = line
        .iter()
        .map(|cell| escape::text(cell, charset).into_owned())
        .collect();
    rows::write_separated(ui.out(), separator, cells.iter().map(String::as_str))
}

/// Columns three blanks apart, like kubectl's; nothing is cut.
pub(super) fn aligned(headings: &[String], lines: &[Vec<String>], ui: &mut Ui) -> io::Result<()> {
    let charset = ui.terminal.charset;
    let terminal = ui.terminal;
    let lines: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            line.iter()
                .map(|cell| escape::text(cell, charset).into_owned())
                .collect()
        })
        .collect();
    let head = (!ui.global.no_headers).then(|| headings.to_vec());
    let mut widths = vec![0usize; headings.len()];
    for line in head.iter().chain(&lines) {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(escape::width(cell));
        }
    }
    let heads = usize::from(head.is_some());
    for (at, line) in head.iter().chain(&lines).enumerate() {
        let label = if at < heads {
            Label::Heading
        } else {
            Label::Plain
        };
        let mut text = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(
                ' ',
                width.saturating_sub(escape::width(cell)) + 3,
            ));
        }
        Line::new()
            .with(label, text.trim_end())
            .write(ui.out(), terminal)?;
    }
    Ok(())
}
