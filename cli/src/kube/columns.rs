//! `--columns` of objects: columns of their table, and paths into them.

use std::io;

use etcd_inspect::kubernetes::jsonpath::{JsonPath, JsonPathError};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::table::Table as Grid;
use crate::output::{Cell, Column, Format, json as output_json, person, rows};
use crate::ui::Ui;

/// Rows with the columns that were asked for, as documents.
pub(super) fn write_records(format: &Format, rows: Vec<Value>, ui: &mut Ui) -> anyhow::Result<()> {
    if *format == Format::Jsonl {
        for row in &rows {
            output_json::compact(ui.out(), row)?;
            ui.out().write_all(b"\n")?;
        }
        return Ok(());
    }
    let mut document = json!({ "schema": "etcd-inspect/get/v1", "rows": rows });
    let damage = ui.damage();
    if let (false, Some(fields)) = (damage.is_empty(), document.as_object_mut()) {
        fields.insert("partial".to_owned(), output_json::value(&damage));
    }
    if *format == Format::Yaml {
        person::yaml(&document, ui)?;
        return Ok(());
    }
    output_json::pretty(ui.out(), &document)?;
    ui.out().write_all(b"\n")?;
    Ok(())
}

/// A document for each row, by the fields of its columns.
pub(super) fn records(headings: &[String], lines: Vec<Vec<String>>) -> impl Iterator<Item = Value> {
    let fields: Vec<_> = headings
        .iter()
        .map(|heading| match is_path(heading) {
            true => heading.clone(),
            false => field(heading),
        })
        .collect();
    lines.into_iter().map(move |line| {
        let cells = line.into_iter().map(Value::from);
        Value::Object(fields.iter().cloned().zip(cells).collect())
    })
}

/// Whether a column is a path into the object.
pub(super) fn is_path(column: &str) -> bool {
    column.starts_with(['.', '{'])
}

/// The columns that are paths into the object.
pub(super) fn paths(columns: &[String]) -> Result<Vec<(String, JsonPath)>, Failure> {
    columns
        .iter()
        .filter(|column| is_path(column))
        .map(|column| Ok((column.clone(), JsonPath::parse(column).map_err(wrong)?)))
        .collect()
}

/// `PORT(S)` as a field of JSON: `ports`.
fn field(heading: &str) -> String {
    let plain = heading.chars().filter(|c| !"()".contains(*c));
    plain
        .map(|c| {
            if c.is_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .collect()
}

fn wrong(error: JsonPathError) -> Failure {
    Failure::usage(error.to_string())
}

/// Why columns have no meaning for objects.
pub(crate) fn whole_objects() -> Failure {
    let failure = Failure::usage("objects are printed whole: --columns has no meaning");
    failure.means("columns are those of the table of a resource; fields of objects: -o custom-columns=NAME:PATH,…")
}

/// Which headings are asked for; all without names.
pub(super) fn picked(headings: &[String], names: &[String]) -> Result<Vec<usize>, Failure> {
    if names.is_empty() {
        return Ok((0..headings.len()).collect());
    }
    let columns: Vec<Column> = headings
        .iter()
        .map(|heading| Column::headed(heading.as_str()))
        .collect();
    let position = |name: &String| match headings.iter().position(|heading| heading == name) {
        Some(at) => Ok(at),
        None => rows::find(&columns, name),
    };
    names.iter().map(position).collect()
}

/// The picked cells of a line, which is used up.
pub(super) fn chosen(picked: &[usize], line: &mut [String]) -> Vec<String> {
    let cell = |at: &usize| line.get(*at).cloned().unwrap_or_default();
    picked.iter().map(cell).collect()
}

/// Narrowest column of kubectl: six characters with the blanks after it.
const NARROWEST: usize = 3;

/// Columns three blanks apart, like kubectl's; nothing is cut.
pub(super) fn aligned(headings: &[String], lines: &[Vec<String>], ui: &mut Ui) -> io::Result<()> {
    let column = |heading: &String| Column::headed(heading.as_str());
    let columns = headings.iter().map(column).collect();
    let heads = !ui.global.no_headers;
    let mut grid = Grid::new(columns, ui.terminal.style(ui.global.local), heads)
        .gap(3)
        .least(NARROWEST)
        .uncut();
    let terminal = ui.terminal;
    for line in lines {
        let cells = line.iter().map(|cell| Cell::text(cell.as_str())).collect();
        grid.push(cells, ui.out(), terminal)?;
    }
    grid.flush(ui.out(), terminal)
}
