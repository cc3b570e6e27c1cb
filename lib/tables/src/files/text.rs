//! CSV and JSON lines: a file for each table.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};

use super::{Sink, failed, path_of};
use crate::definition::Table;
use crate::source::TableError;
use crate::value::{Row, Value};

/// The form of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextForm {
    /// A line of names, then a line for each row; `NULL` is an empty field, an empty text is `""`.
    Csv,
    /// A JSON object for each row; `NULL` is left out.
    JsonLines,
}

/// A directory of text files.
#[derive(Debug)]
pub struct TextFiles {
    directory: PathBuf,
    form: TextForm,
    open: Option<OpenText>,
}

#[derive(Debug)]
struct OpenText {
    table: &'static Table,
    path: PathBuf,
    file: BufWriter<File>,
}

impl TextFiles {
    /// Files in a directory that exists.
    pub fn new(directory: &Path, form: TextForm) -> Self {
        Self {
            directory: directory.to_owned(),
            form,
            open: None,
        }
    }
}

impl Sink for TextFiles {
    fn begin(&mut self, table: &'static Table) -> Result<(), TableError> {
        let ending = match self.form {
            TextForm::Csv => "csv",
            TextForm::JsonLines => "jsonl",
        };
        let path = path_of(&self.directory, table, ending);
        let file = File::create_new(&path).map_err(|error| failed(&path, error))?;
        let mut open = OpenText {
            table,
            path,
            file: BufWriter::new(file),
        };
        if self.form == TextForm::Csv {
            let names = table.columns.iter().map(|column| column.name);
            record(&mut open, names)?;
        }
        self.open = Some(open);
        Ok(())
    }

    fn rows(&mut self, rows: Vec<Row>) -> Result<(), TableError> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        for row in rows {
            match self.form {
                TextForm::Csv => record(open, row.iter().map(field))?,
                TextForm::JsonLines => line(open, &row)?,
            }
        }
        Ok(())
    }

    fn end(&mut self, _: Option<&str>) -> Result<(), TableError> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let file = open
            .file
            .into_inner()
            .map_err(|error| failed(&open.path, error.error()))?;
        file.sync_all().map_err(|error| failed(&open.path, error))
    }
}

fn field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(integer) => integer.to_string(),
        Value::Real(real) => real.to_string(),
        Value::Text(text) => quoted(text),
    }
}

/// A text as a field: `""` if it is empty, because nothing at all is `NULL`.
fn quoted(text: &str) -> String {
    let needs_quotes = |c: char| matches!(c, ',' | '"' | '\n' | '\r');
    match text.is_empty() || text.contains(needs_quotes) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

fn record<T: AsRef<[u8]>>(
    open: &mut OpenText,
    fields: impl Iterator<Item = T>,
) -> Result<(), TableError> {
    let mut writer = csv::WriterBuilder::new()
        .quote_style(csv::QuoteStyle::Never)
        .from_writer(&mut open.file);
    writer
        .write_record(fields)
        .map_err(|error| failed(&open.path, error))?;
    writer.flush().map_err(|error| failed(&open.path, error))
}

fn line(open: &mut OpenText, row: &Row) -> Result<(), TableError> {
    let mut object = Map::new();
    for (column, value) in open.table.columns.iter().zip(row) {
        if *value != Value::Null {
            object.insert(column.name.to_owned(), value.json());
        }
    }
    let written = writeln!(open.file, "{}", Json::Object(object));
    written.map_err(|error| failed(&open.path, error))
}
