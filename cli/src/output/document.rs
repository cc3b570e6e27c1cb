//! Answers that are one document: a sheet for people, fields for programs.

use etcd_inspect::Command;
use etcd_inspect::answers::{Damage, Table};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Format, Label, Line, Row, Rows, Tail, json, person, rows, select};
use crate::failure::Failure;
use crate::ui::Ui;

impl Ui {
    /// An answer whose JSON is what it serializes to; `sheet` writes it for people.
    pub(crate) fn answer<T: Serialize>(
        &mut self,
        verb: &str,
        answer: &T,
        sheet: impl FnOnce(&mut Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let fields = match serde_json::to_value(answer)? {
            Value::Object(fields) => fields,
            other => Map::from_iter([("value".to_owned(), other)]),
        };
        document(verb, fields, self, sheet)
    }

    /// An answer that is a table.
    pub(crate) fn table<R: Row>(&mut self, verb: &str, table: &Table<R>) -> anyhow::Result<()> {
        let mut rows = Rows::begin(self, verb, table.columns)?;
        for (field, value) in &table.head {
            rows.head(field, value.clone());
        }
        for row in &table.rows {
            if rows.is_full() {
                rows.skip(1);
                continue;
            }
            rows.push(row.cells())?;
        }
        rows.finish(Tail {
            fields: table.tail.clone(),
            all: table.all.clone(),
        })?;
        Ok(())
    }
}

/// One document: `sheet` writes it for people, everything else comes from `fields`.
///
/// With `--columns`, `--sort-by` or `--limit` it is a table of its rows, or of its fields.
fn document(
    verb: &str,
    fields: Map<String, Value>,
    ui: &mut Ui,
    sheet: impl FnOnce(&mut Ui) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    match select::selected(verb, fields, ui)? {
        Some(fields) => whole(verb, fields, ui, sheet),
        None => Ok(()),
    }
}

/// The document as it is.
fn whole(
    verb: &str,
    mut fields: Map<String, Value>,
    ui: &mut Ui,
    sheet: impl FnOnce(&mut Ui) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let damage = ui.damage();
    if !damage.is_empty() {
        fields.insert("partial".to_owned(), json::value(&damage));
    }
    let with_schema = |fields: Map<String, Value>| {
        let mut document = Map::new();
        document.insert(
            "schema".to_owned(),
            Value::from(format!("etcd-inspect/{verb}/v1")),
        );
        document.extend(fields);
        Value::Object(document)
    };
    match ui.global.format() {
        Format::Table | Format::Wide => {
            sheet(ui)?;
            if !damage.is_empty() {
                mark_partial(&damage, ui)?;
            }
        }
        Format::Json => {
            let document = with_schema(fields);
            json::pretty(ui.out(), &document)?;
            ui.out().write_all(b"\n")?;
        }
        Format::Jsonl => {
            json::compact(ui.out(), &Value::Object(fields))?;
            ui.out().write_all(b"\n")?;
        }
        Format::Yaml => person::yaml(&with_schema(fields), ui)?,
        format @ (Format::Csv | Format::Tsv) => {
            let separator = if format == Format::Csv { b',' } else { b'\t' };
            let mut leaves = Vec::new();
            rows::flatten(&Value::Object(fields), "", &mut leaves);
            let charset = ui.terminal.charset;
            rows::write_flat(ui.out(), separator, &leaves, charset)?;
        }
        other => {
            return Err(
                Failure::usage(format!("`{verb}` cannot be shown as {other}"))
                    .next(Command::inspect(verb).args(["-o", "json"]).evidence())
                    .into(),
            );
        }
    }
    Ok(())
}

/// Says at the end of a table that it is not the whole answer.
pub(super) fn mark_partial(damage: &Damage, ui: &mut Ui) -> std::io::Result<()> {
    let line = Line::new().with(Label::Warning, "partial: ");
    ui.line(line.text(damage.summary()))
}
