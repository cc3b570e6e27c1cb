//! Rows of an answer with their columns.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Value};

use super::{Cell, Column, Show};

/// One row: a value for every column of its table, in their order.
pub trait Row {
    /// The values.
    fn cells(&self) -> Vec<Cell>;
}

impl<R: Row> Row for &R {
    fn cells(&self) -> Vec<Cell> {
        (*self).cells()
    }
}

/// The rows of an answer, and what is reported of them as a whole.
///
/// Serialized as the JSON document of the command line: the fields before the rows, `rows`, the fields after them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Table<R> {
    /// What the values of a row are.
    pub columns: &'static [Column],
    /// The rows.
    pub rows: Vec<R>,
    /// Fields of the document before `rows`.
    pub head: Map<String, Value>,
    /// Fields of the document after `rows`.
    pub tail: Map<String, Value>,
    /// What all rows are together: `18,402 keys, 137.3 MB`.
    pub all: Option<String>,
}

impl<R> Table<R> {
    /// Rows with these columns.
    pub fn new(columns: &'static [Column], rows: Vec<R>) -> Self {
        Self {
            columns,
            rows,
            head: Map::new(),
            tail: Map::new(),
            all: None,
        }
    }

    /// With a field before the rows.
    #[must_use]
    pub fn head(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.head.insert(field.to_owned(), value.into());
        self
    }

    /// With a field after the rows.
    #[must_use]
    pub fn tail(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.tail.insert(field.to_owned(), value.into());
        self
    }

    /// With a sentence about all rows.
    #[must_use]
    pub fn all(mut self, all: impl Into<String>) -> Self {
        self.all = Some(all.into());
        self
    }
}

/// A row as a JSON object; unknown values are left out.
struct JsonRow<'t> {
    columns: &'t [Column],
    cells: Vec<Cell>,
}

impl Serialize for JsonRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Map::new();
        for (column, cell) in self.columns.iter().zip(&self.cells) {
            if column.show != Show::Table {
                cell.put(&column.field, &mut object);
            }
        }
        object.serialize(serializer)
    }
}

struct JsonRows<'t, R>(&'t Table<R>);

impl<R: Row> Serialize for JsonRows<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.rows.len()))?;
        for row in &self.0.rows {
            list.serialize_element(&JsonRow {
                columns: self.0.columns,
                cells: row.cells(),
            })?;
        }
        list.end()
    }
}

impl<R: Row> Serialize for Table<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = serializer.serialize_map(None)?;
        for (field, value) in &self.head {
            document.serialize_entry(field, value)?;
        }
        document.serialize_entry("rows", &JsonRows(self))?;
        for (field, value) in &self.tail {
            document.serialize_entry(field, value)?;
        }
        document.end()
    }
}
