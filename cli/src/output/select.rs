//! `--columns`, `--sort-by` and `--limit` for answers that are one document.
//!
//! A document with a list (findings, members, parts of the file) is then the table of that list; any other is one row, whose
//! columns are its fields. CSV and TSV are rows: of the list if there is one.

use etcd_inspect::answers::{self, Align, Row, Table};
use serde_json::{Map, Value};

use super::{Cell, Column, Format, Rows, rows};
use crate::ui::Ui;

/// The list of a document.
struct List {
    verb: &'static str,
    field: &'static str,
    columns: &'static [Column],
}

static LISTS: [List; 5] = [
    List {
        verb: "check",
        field: "findings",
        columns: &answers::check::COLUMNS,
    },
    List {
        verb: "compare",
        field: "members",
        columns: &answers::compare::MEMBERS,
    },
    List {
        verb: "preflight",
        field: "lines",
        columns: &answers::preflight::LINES,
    },
    List {
        verb: "preflight",
        field: "candidates",
        columns: &answers::preflight::CANDIDATES,
    },
    List {
        verb: "space",
        field: "rows",
        columns: &answers::space::COLUMNS,
    },
];

/// An object of JSON as a row.
struct ObjectRow<'d> {
    columns: &'d [Column],
    object: &'d Map<String, Value>,
}

impl Row for ObjectRow<'_> {
    fn cells(&self) -> Vec<Cell> {
        let cell = |column: &Column| {
            let value = self.object.get(column.field.as_ref());
            value.map_or_else(Cell::unknown, |value| Cell::of_json(&column.field, value))
        };
        self.columns.iter().map(cell).collect()
    }
}

/// Prints what the flags select. The document itself, if it is to be printed as a whole.
pub(super) fn selected(
    verb: &str,
    fields: Map<String, Value>,
    ui: &mut Ui,
) -> anyhow::Result<Option<Map<String, Value>>> {
    let is_separated = matches!(ui.global.format(), Format::Csv | Format::Tsv);
    if !ui.global.selects() && !is_separated {
        return Ok(Some(fields));
    }
    let has = |list: &&List| list.verb == verb && fields.contains_key(list.field);
    // A document may have several lists: the one with all columns that are asked for.
    let fits = |list: &&List| has(list) && rows::validate(list.columns, &ui.global).is_ok();
    match LISTS.iter().find(fits).or(LISTS.iter().find(has)) {
        Some(list) => of_list(verb, list, fields, ui),
        None if !ui.global.selects() => Ok(Some(fields)),
        None => of_fields(verb, fields, ui),
    }
}

/// The rows of the document's list.
fn of_list(
    verb: &str,
    list: &List,
    mut fields: Map<String, Value>,
    ui: &mut Ui,
) -> anyhow::Result<Option<Map<String, Value>>> {
    rows::validate(list.columns, &ui.global)?;
    let items = fields.get_mut(list.field).map(Value::take);
    let mut objects: Vec<Map<String, Value>> = match items {
        Some(Value::Array(items)) => items.into_iter().filter_map(object).collect(),
        _ => Vec::new(),
    };
    if matches!(ui.global.format(), Format::Json | Format::Yaml) {
        let all = objects.len();
        rows::arrange(list.columns, &ui.global, &mut objects)?;
        if objects.len() < all {
            fields.insert("total_rows".to_owned(), Value::from(all));
        }
        let objects = objects.into_iter().map(Value::Object).collect();
        fields.insert(list.field.to_owned(), Value::Array(objects));
        return Ok(Some(fields));
    }
    let rows: Vec<ObjectRow<'_>> = objects
        .iter()
        .map(|object| ObjectRow {
            columns: list.columns,
            object,
        })
        .collect();
    ui.table(verb, &Table::new(list.columns, rows))?;
    Ok(None)
}

fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// The document as one row.
fn of_fields(
    verb: &str,
    fields: Map<String, Value>,
    ui: &mut Ui,
) -> anyhow::Result<Option<Map<String, Value>>> {
    let mut leaves = Vec::new();
    flatten(&fields, "", &mut leaves);
    let number = |value: &Value| value.is_number();
    let columns: Vec<Column> = leaves
        .iter()
        .map(|(field, value)| {
            let align = if number(value) {
                Align::Right
            } else {
                Align::Left
            };
            Column::of_field(field, align)
        })
        .collect();
    rows::validate(&columns, &ui.global)?;
    if ui.global.columns.is_empty() {
        // One row needs neither an order nor a limit.
        return Ok(Some(fields));
    }
    if matches!(ui.global.format(), Format::Json | Format::Yaml) {
        let wanted = |name: &&String| leaves.iter().find(|(field, _)| is_called(field, name));
        let wanted = ui.global.columns.iter().filter_map(|name| wanted(&name));
        return Ok(Some(wanted.cloned().collect()));
    }
    let cells = leaves
        .iter()
        .map(|(field, value)| Cell::of_json(field, value));
    let cells = cells.collect();
    let mut rows = Rows::begin(ui, verb, &columns)?;
    rows.push(cells)?;
    rows.finish(super::Tail::default())?;
    Ok(None)
}

fn is_called(field: &str, name: &str) -> bool {
    Column::of_field(field, Align::Left).is_called(name)
}

/// The fields of a document, those of objects within it by their path: `raft.applied`. Lists stay as they are.
fn flatten(fields: &Map<String, Value>, path: &str, leaves: &mut Vec<(String, Value)>) {
    for (field, value) in fields {
        let path = match path {
            "" => field.clone(),
            path => format!("{path}.{field}"),
        };
        match value {
            Value::Object(inner) => flatten(inner, &path, leaves),
            value => leaves.push((path, value.clone())),
        }
    }
}
