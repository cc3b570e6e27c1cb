use etcd_inspect::Command;
use etcd_inspect::answers::{Cell, Column, Label, Row, Table};
use etcd_inspect_tables::{TABLES, Table as Definition, table};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::ui::Ui;

/// The tables of `sql` and `export --tables`, and their columns
///
/// Without TABLE: every table. NARROWED: conditions on the column are used before anything is read.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect tables
  etcd-inspect tables versions
  etcd-inspect tables -o json")]
pub(crate) struct TablesArgs {
    /// One table, with its columns
    table: Option<String>,
}

static TABLE_COLUMNS: [Column; 4] = [
    Column::left("TABLE", "table"),
    Column::left("ROW", "row"),
    Column::left("KEY", "key").wide(),
    Column::json("columns"),
];

static COLUMNS: [Column; 5] = [
    Column::left("COLUMN", "column"),
    Column::left("TYPE", "type"),
    Column::left("UNIT", "unit"),
    Column::left("NARROWED", "narrowed"),
    Column::left("ABOUT", "about"),
];

struct TableRow(&'static Definition);

impl Row for TableRow {
    fn cells(&self) -> Vec<Cell> {
        let Self(table) = self;
        let columns = table.columns.iter().map(|column| column.name);
        vec![
            Cell::text(table.name).label(Label::Name),
            Cell::text(table.about),
            Cell::list(table.key.iter().copied()),
            Cell::list(columns),
        ]
    }
}

struct ColumnRow(&'static etcd_inspect_tables::Column);

impl Row for ColumnRow {
    fn cells(&self) -> Vec<Cell> {
        let Self(column) = self;
        vec![
            Cell::text(column.name).label(Label::Name),
            Cell::text(column.kind.as_str()),
            Cell::text(column.unit),
            Cell::flag(column.pushed.is_some()),
            Cell::text(column.about),
        ]
    }
}

pub(crate) fn run(args: &TablesArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    match &args.table {
        None => {
            let rows = TABLES.iter().map(|table| TableRow(table)).collect();
            ui.table("tables", &Table::new(&TABLE_COLUMNS, rows))?;
        }
        Some(name) => {
            let found = table(name).ok_or_else(|| no_table(name))?;
            let rows = found.columns.iter().map(ColumnRow).collect();
            let table = Table::new(&COLUMNS, rows)
                .head("table", found.name)
                .head("row", found.about);
            ui.table("tables", &table)?;
        }
    }
    Ok(Exit::Ok)
}

/// No table of that name, and the nearest one.
pub(super) fn no_table(name: &str) -> Failure {
    let names = TABLES.iter().map(|table| table.name);
    let failure = Failure::usage(format!("no table {name:?}"));
    match etcd_inspect::answers::nearest(name, names) {
        Some(near) => failure.next(Command::inspect("tables").arg(near)),
        None => failure.next(Command::inspect("tables")),
    }
}

/// No column of the name that SQLite reports (`no such column: v.nam`), and the nearest one of the tables that the query names.
pub(super) fn no_column(message: &str, query: &str) -> Failure {
    let name = message.rsplit([' ', '.']).next().unwrap_or(message);
    let words = || query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_asked = |table: &&&Definition| words().any(|word| word.eq_ignore_ascii_case(table.name));
    let asked: Vec<&Definition> = TABLES.iter().filter(is_asked).copied().collect();
    let columns = asked.iter().flat_map(|table| table.columns);
    let near = etcd_inspect::answers::nearest(name, columns.map(|column| column.name));
    let has = |table: &&&Definition| near.is_some_and(|near| table.position(near).is_some());
    let failure = match near {
        Some(near) => Failure::usage(message).means(format!("did you mean {near}?")),
        None => Failure::usage(message),
    };
    match asked.iter().find(has).or(asked.first()) {
        Some(table) => failure.next(Command::inspect("tables").arg(table.name)),
        None => failure.next(Command::inspect("tables")),
    }
}
