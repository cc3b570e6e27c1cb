//! Many rows in any format: what every listing command writes through.

use std::io::{self, Write};

use serde_json::{Map, Value};

use etcd_inspect::Command;
use etcd_inspect::answers::{Content, Damage, Show, nearest};

use super::document;
use super::escape;
use super::format::Format;
use super::json;
use super::line::Line;
use super::number;
use super::person;
use super::table::Table;
use super::terminal::Terminal;
use super::{Cell, Column, Label};
use crate::failure::Failure;
use crate::global::Global;
use crate::ui::Ui;

/// A running list of rows.
///
/// Rows are streamed where the format and the flags allow it: JSON, JSON lines, CSV, TSV and names at once, tables after
/// enough rows to know the widths. `--sort-by` and YAML have to wait for the last row.
pub(crate) struct Rows<'u> {
    ui: &'u mut Ui,
    columns: Vec<Column>,
    picked: Vec<usize>,
    sort: Option<(usize, bool)>,
    limit: Option<u64>,
    head: Map<String, Value>,
    waiting: Vec<Vec<Cell>>,
    given: u64,
    written: u64,
    begun: bool,
    body: Body,
}

enum Body {
    Table(Table),
    Json,
    Jsonl,
    Yaml(Vec<Value>),
    Separated(u8),
    Name,
}

/// What follows the rows.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// Fields of the JSON document beside `rows`.
    pub(crate) fields: Map<String, Value>,
    /// `18,402 keys, 137.3 MB`: printed under a table that was cut.
    pub(crate) all: Option<String>,
}

impl<'u> Rows<'u> {
    /// Begins the rows of `verb`.
    pub(crate) fn begin(ui: &'u mut Ui, verb: &str, columns: &[Column]) -> Result<Self, Failure> {
        let global = &ui.global;
        let format = global.output.clone().unwrap_or_default();
        let picked = pick(columns, &global.columns, &format)?;
        let sort = sorting(columns, global)?;
        let chosen = || {
            picked
                .iter()
                .filter_map(|at| columns.get(*at).cloned())
                .collect()
        };
        let body = match format {
            Format::Table | Format::Wide => Body::Table(Table::new(
                chosen(),
                ui.terminal.style(global.local),
                !global.no_headers,
            )),
            Format::Json => Body::Json,
            Format::Jsonl => Body::Jsonl,
            Format::Yaml => Body::Yaml(Vec::new()),
            Format::Csv => Body::Separated(b','),
            Format::Tsv => Body::Separated(b'\t'),
            Format::Name => Body::Name,
            other => {
                return Err(
                    Failure::usage(format!("`{verb}` cannot be shown as {other}"))
                        .next(Command::inspect(verb).args(["-o", "json"])),
                );
            }
        };
        let limit = match global.limit {
            Some(0) => None,
            Some(limit) => Some(limit),
            None if global.output.is_none() || matches!(body, Body::Table(_)) => {
                screenful(ui.terminal)
            }
            None => None,
        };
        let mut head = Map::new();
        head.insert(
            "schema".to_owned(),
            Value::from(format!("etcd-inspect/{verb}/v1")),
        );
        Ok(Self {
            ui,
            columns: columns.to_vec(),
            picked,
            sort,
            limit,
            head,
            waiting: Vec::new(),
            given: 0,
            written: 0,
            begun: false,
            body,
        })
    }

    /// A field of the JSON document before `rows`.
    pub(crate) fn head(&mut self, field: &str, value: impl Into<Value>) {
        self.head.insert(field.to_owned(), value.into());
    }

    /// One row: a cell for every column, in their order.
    pub(crate) fn push(&mut self, row: Vec<Cell>) -> io::Result<()> {
        debug_assert_eq!(row.len(), self.columns.len(), "a cell for every column");
        self.given += 1;
        if self.sort.is_some() {
            self.waiting.push(row);
            return Ok(());
        }
        self.write(row)
    }

    /// Whether more rows would be counted but not shown.
    pub(crate) fn is_full(&self) -> bool {
        self.sort.is_none() && self.limit.is_some_and(|limit| self.written >= limit)
    }

    /// Counts rows that the caller need not even make, because [`is_full`](Self::is_full).
    pub(crate) fn skip(&mut self, rows: u64) {
        self.given = self.given.saturating_add(rows);
    }

    /// Registers what could not be read while the rows were made.
    pub(crate) fn partial(&mut self, damage: Damage) {
        self.ui.partial(damage);
    }

    /// Writes what waits, and the end.
    pub(crate) fn finish(mut self, tail: Tail) -> io::Result<()> {
        if let Some((column, reversed)) = self.sort {
            let mut rows = std::mem::take(&mut self.waiting);
            rows.sort_by(|a, b| order(a.get(column), b.get(column), reversed));
            for row in rows {
                self.write(row)?;
            }
        }
        self.start()?;
        let (given, written) = (self.given, self.written);
        let terminal = self.ui.terminal;
        let damage = self.ui.damage();
        let mark = (!damage.is_empty()).then(|| json::value(&damage));
        let out = self.ui.out();
        match &mut self.body {
            Body::Table(_) if given == 0 && mark.is_none() => self.ui.note("nothing to list")?,
            Body::Table(table) => {
                table.flush(out, terminal)?;
                if terminal.is_tty && written < given {
                    cut_line(written, given, tail.all).write(out, terminal)?;
                }
                if mark.is_some() {
                    document::mark_partial(&damage, self.ui)?;
                }
            }
            Body::Json => {
                out.write_all(if written == 0 { b"]" } else { b"\n  ]" })?;
                let mut fields = tail.fields;
                fields.extend(mark.map(|mark| ("partial".to_owned(), mark)));
                if written < given {
                    fields.insert("total_rows".to_owned(), Value::from(given));
                }
                for (field, value) in &fields {
                    write_field(out, field, value)?;
                }
                out.write_all(b"\n}\n")?;
            }
            Body::Yaml(rows) => {
                let mut document = std::mem::take(&mut self.head);
                document.insert("rows".to_owned(), Value::Array(std::mem::take(rows)));
                document.extend(tail.fields);
                document.extend(mark.map(|mark| ("partial".to_owned(), mark)));
                person::yaml(&Value::Object(document), self.ui)?;
            }
            Body::Jsonl => {
                if let Some(mark) = mark {
                    json::compact(out, &serde_json::json!({ "partial": mark }))?;
                    out.write_all(b"\n")?;
                }
            }
            // A mark among the rows would be taken for one: it is on stderr, and in the exit code.
            Body::Separated(_) | Body::Name => {}
        }
        Ok(())
    }

    /// What is before the first row.
    fn start(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        let headings = !self.ui.global.no_headers;
        let out = self.ui.out();
        match self.body {
            Body::Json => {
                out.write_all(b"{")?;
                let mut first = true;
                for (field, value) in &self.head {
                    if !std::mem::replace(&mut first, false) {
                        out.write_all(b",")?;
                    }
                    out.write_all(b"\n  ")?;
                    json::compact(out, field)?;
                    out.write_all(b": ")?;
                    json::compact(out, value)?;
                }
                out.write_all(b",\n  \"rows\": [")
            }
            Body::Separated(separator) if headings => {
                let heads: Vec<_> = self
                    .picked
                    .iter()
                    .filter_map(|at| self.columns.get(*at))
                    .map(|column| column.field.as_ref())
                    .collect();
                write_separated(out, separator, heads)
            }
            _ => Ok(()),
        }
    }

    fn write(&mut self, mut row: Vec<Cell>) -> io::Result<()> {
        if self.limit.is_some_and(|limit| self.written >= limit) {
            return Ok(());
        }
        self.start()?;
        self.written += 1;
        let first = self.written == 1;
        let terminal = self.ui.terminal;
        let (columns, picked) = (&self.columns, &self.picked);
        let out = self.ui.out();
        match &mut self.body {
            Body::Table(table) => {
                let mut row: Vec<Option<Cell>> = row.into_iter().map(Some).collect();
                let cells = picked
                    .iter()
                    .map(|at| row.get_mut(*at).and_then(Option::take).unwrap_or_default())
                    .collect();
                table.push(cells, out, terminal)
            }
            Body::Json => {
                out.write_all(if first { b"\n    " } else { b",\n    " })?;
                write_object(out, columns, picked, &mut row)
            }
            Body::Jsonl => {
                write_object(out, columns, picked, &mut row)?;
                out.write_all(b"\n")
            }
            Body::Yaml(rows) => {
                rows.push(Value::Object(object(columns, picked, &mut row)));
                Ok(())
            }
            Body::Separated(separator) => {
                let cells: Vec<_> = picked
                    .iter()
                    .filter_map(|at| row.get(*at))
                    .map(|cell| cell.machine(terminal.charset))
                    .collect();
                write_separated(out, *separator, cells.iter().map(AsRef::as_ref))
            }
            Body::Name => {
                let name = picked
                    .first()
                    .and_then(|at| row.get(*at))
                    .map(|cell| cell.machine(terminal.charset));
                writeln!(out, "{}", name.unwrap_or_default())
            }
        }
    }
}

/// The cells of these columns as the fields of an object; they are used up.
fn object(columns: &[Column], picked: &[usize], row: &mut [Cell]) -> Map<String, Value> {
    let mut object = Map::new();
    for (nth, at) in picked.iter().enumerate() {
        if let (Some(column), Some(cell)) = (columns.get(*at), row.get_mut(*at)) {
            let is_last = picked.iter().skip(nth + 1).all(|later| later != at);
            match is_last {
                true => std::mem::take(cell).put_owned(&column.field, &mut object),
                // The same column again: the same field.
                false => cell.put(&column.field, &mut object),
            }
        }
    }
    object
}

/// A row as an object on one line; a cell that is a line of JSON already is copied.
fn write_object(
    out: &mut dyn Write,
    columns: &[Column],
    picked: &[usize],
    row: &mut [Cell],
) -> io::Result<()> {
    let mut first = true;
    let mut write = |out: &mut dyn Write, name: &str, value: Field<'_>| {
        out.write_all(match std::mem::replace(&mut first, false) {
            true => b"{",
            false => b",",
        })?;
        json::compact(out, name)?;
        out.write_all(b":")?;
        match value {
            Field::Value(value) => json::compact(out, value),
            Field::Line(line) => out.write_all(line.as_bytes()),
        }
    };
    // A column that is picked twice is one field.
    let is_once = picked.is_sorted_by(|a, b| a < b);
    let is_line = |at: &usize| {
        let content = row.get(*at).map(|cell| &cell.content);
        is_once && matches!(content, Some(Content::Line(_)))
    };
    let Some(position) = picked.iter().position(is_line) else {
        return json::compact(out, &object(columns, picked, row));
    };
    let (before, rest) = picked.split_at_checked(position).unwrap_or((picked, &[]));
    for (name, value) in &object(columns, before, row) {
        write(out, name, Field::Value(value))?;
    }
    if let Some((at, after)) = rest.split_first() {
        if let (Some(column), Some(Content::Line(line))) =
            (columns.get(*at), row.get(*at).map(|cell| &cell.content))
        {
            write(out, &column.field, Field::Line(line))?;
        }
        for (name, value) in &object(columns, after, row) {
            write(out, name, Field::Value(value))?;
        }
    }
    out.write_all(b"}")
}

/// What is written for a field.
enum Field<'v> {
    Value(&'v Value),
    Line(&'v str),
}

/// That a table is cut, and what all of it is.
fn cut_line(written: u64, given: u64, all: Option<String>) -> Line {
    let all = all.map(|all| format!("; all: {all}")).unwrap_or_default();
    let (written, given) = (
        number::thousands(written.into()),
        number::thousands(given.into()),
    );
    let text = format!("… {written} of {given} rows{all} (--limit 0 for all)");
    Line::new().with(Label::Dim, text)
}

fn order(a: Option<&Cell>, b: Option<&Cell>, reversed: bool) -> std::cmp::Ordering {
    let (Some(a), Some(b)) = (a, b) else {
        return std::cmp::Ordering::Equal;
    };
    // Who sorts by a number asks for the largest.
    let numbers = a.rank().is_some() && b.rank().is_some();
    let order = a.compare(b);
    if numbers != reversed {
        order.reverse()
    } else {
        order
    }
}

/// As many rows as stay on the screen with head, footer and prompt; 20 on the classic 80×24.
fn screenful(terminal: Terminal) -> Option<u64> {
    let (_, height) = terminal.size?;
    u64::try_from(height.saturating_sub(4).max(20)).ok()
}

fn pick(columns: &[Column], wanted: &[String], format: &Format) -> Result<Vec<usize>, Failure> {
    if !wanted.is_empty() {
        return wanted.iter().map(|name| find(columns, name)).collect();
    }
    let shown = |column: &Column| match (column.show, format) {
        (Show::Always, _) => true,
        (Show::Wide, format) => *format != Format::Table,
        (Show::Json, format) => matches!(format, Format::Json | Format::Jsonl | Format::Yaml),
        (Show::Data, format) => !format.is_table(),
        (Show::Table, format) => format.is_table(),
    };
    let key = columns.iter().position(|column| column.field == "key");
    let first = columns.first().map(|column| column.field.as_ref());
    if let (Format::Name, Some(key), Some("source" | "time" | "where")) = (format, key, first) {
        return Ok(vec![key]);
    }
    Ok((0..columns.len())
        .filter(|at| columns.get(*at).is_some_and(shown))
        .collect())
}

/// Which column rows are sorted by, and whether the other way round.
fn sorting(columns: &[Column], global: &Global) -> Result<Option<(usize, bool)>, Failure> {
    let Some(name) = &global.sort_by else {
        return Ok(None);
    };
    let (name, reversed) = match name.strip_prefix('-') {
        Some(name) => (name, true),
        None => (name.as_str(), false),
    };
    Ok(Some((find(columns, name)?, reversed)))
}

/// Sorts and cuts the objects of a list as the flags ask, and leaves only their wanted fields.
pub(crate) fn arrange(
    columns: &[Column],
    global: &Global,
    objects: &mut Vec<Map<String, Value>>,
) -> Result<(), Failure> {
    if let Some((column, reversed)) = sorting(columns, global)?
        && let Some(column) = columns.get(column)
    {
        let field = column.field.as_ref();
        let cell = |object: &Map<String, Value>| {
            let value = object.get(field);
            value.map_or_else(Cell::unknown, |value| Cell::of_json(field, value))
        };
        objects.sort_by(|a, b| order(Some(&cell(a)), Some(&cell(b)), reversed));
    }
    if let Some(limit) = global.limit.filter(|limit| *limit > 0) {
        objects.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    if !global.columns.is_empty() {
        let wanted = |field: &str| {
            let mut columns = columns.iter().filter(|column| column.field == field);
            columns.any(|column| global.columns.iter().any(|name| column.is_called(name)))
        };
        for object in objects {
            object.retain(|field, _| wanted(field));
        }
    }
    Ok(())
}

/// Whether the flags name only columns that there are.
pub(crate) fn validate(columns: &[Column], global: &Global) -> Result<(), Failure> {
    sorting(columns, global)?;
    for name in &global.columns {
        find(columns, name)?;
    }
    Ok(())
}

/// The position of a column; the failure names all columns.
pub(crate) fn find(columns: &[Column], name: &str) -> Result<usize, Failure> {
    columns
        .iter()
        .position(|column| column.is_called(name))
        .ok_or_else(|| {
            let names = || columns.iter().map(|column| column.field.as_ref());
            let all = names().collect::<Vec<_>>().join(", ");
            let failure = Failure::usage(format!("no column {name:?}"));
            failure.means(match nearest(name, names()) {
                Some(near) => format!("did you mean {near}? columns: {all}"),
                None => format!("columns: {all}"),
            })
        })
}

fn write_field(out: &mut dyn Write, field: &str, value: &Value) -> io::Result<()> {
    out.write_all(b",\n  ")?;
    json::compact(out, field)?;
    out.write_all(b": ")?;
    json::compact(out, value)
}

pub(crate) fn write_separated<'c>(
    out: &mut dyn Write,
    separator: u8,
    cells: impl IntoIterator<Item = &'c str>,
) -> io::Result<()> {
    if separator == b'\t' {
        // No quoting in TSV: a tab inside a cell is already `\t`.
        let cells: Vec<_> = cells.into_iter().collect();
        return writeln!(out, "{}", cells.join("\t"));
    }
    let mut writer = csv::WriterBuilder::new()
        .delimiter(separator)
        .from_writer(out);
    writer.write_record(cells)?;
    writer.flush()
}

/// The same document for people who want lines: `field,value` of every leaf.
pub(crate) fn flatten(value: &Value, path: &str, out: &mut Vec<(String, Cell)>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let path = if path.is_empty() {
                    field.clone()
                } else {
                    format!("{path}.{field}")
                };
                flatten(value, &path, out);
            }
        }
        Value::Array(items) => {
            for (at, value) in items.iter().enumerate() {
                flatten(value, &format!("{path}[{at}]"), out);
            }
        }
        Value::String(text) => out.push((path.to_owned(), Cell::text(text.as_str()))),
        other => out.push((path.to_owned(), Cell::text(other.to_string()))),
    }
}

/// Writes [`flatten`]ed leaves.
pub(crate) fn write_flat(
    out: &mut dyn Write,
    separator: u8,
    leaves: &[(String, Cell)],
    charset: escape::Charset,
) -> io::Result<()> {
    for (path, cell) in leaves {
        write_separated(out, separator, [path.as_str(), &cell.machine(charset)])?;
    }
    Ok(())
}
