//! What a table is: its name, its columns with type, unit and source, and how its rows are found.

use crate::filter::Filter;
use crate::source::{Source, TableError};
use crate::value::{Row, Value};

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A 64-bit signed integer.
    Integer,
    /// A number with a fraction.
    Real,
    /// 1 for yes, 0 for no.
    Boolean,
    /// A moment: RFC 3339 in UTC.
    Time,
    /// A JSON document as text, for SQLite's JSON functions.
    Json,
}

impl Kind {
    /// As SQLite declares it.
    pub const fn declared(self) -> &'static str {
        match self {
            Self::Text | Self::Time | Self::Json => "TEXT",
            Self::Integer | Self::Boolean => "INTEGER",
            Self::Real => "REAL",
        }
    }

    /// A value as a column of this type has it: numbers become text in a column of text, and what does not fit is not known.
    pub fn holds(self, value: Value) -> Value {
        let is_text = matches!(self, Self::Text | Self::Time | Self::Json);
        match (value, is_text) {
            (Value::Integer(integer), true) => Value::Text(integer.to_string()),
            (Value::Real(real), true) => Value::Text(real.to_string()),
            (Value::Text(_), false) => Value::Null,
            (value, _) => value,
        }
    }

    /// As the documentation names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Boolean => "boolean",
            Self::Time => "time",
            Self::Json => "json",
        }
    }
}

/// What a condition on a column narrows before anything is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The etcd key: equality, ranges and `GLOB 'prefix*'`.
    Key,
    /// The revision: equality and ranges.
    Revision,
    /// The resource, as [`Filter::resource`] has it: equality.
    Resource,
    /// The namespace: equality.
    Namespace,
    /// The name: equality.
    Name,
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The name in SQL and in files.
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// `bytes`, `seconds`, or empty.
    pub unit: &'static str,
    /// What it says, and which part of the evidence says it.
    pub about: &'static str,
    /// What a condition on it narrows.
    pub pushed: Option<Pushed>,
    /// The field of the answer that it is made of, where that has another name.
    pub field: &'static str,
}

impl Column {
    /// A column of a type.
    pub const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self {
            name,
            kind,
            unit: "",
            about,
            pushed: None,
            field: name,
        }
    }

    /// Text.
    pub const fn text(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Text, about)
    }

    /// An integer.
    pub const fn integer(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Integer, about)
    }

    /// With a unit.
    pub const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// Conditions on it narrow what is read.
    pub const fn pushed(mut self, pushed: Pushed) -> Self {
        self.pushed = Some(pushed);
        self
    }

    /// Made of a field of another name.
    pub const fn of(mut self, field: &'static str) -> Self {
        self.field = field;
        self
    }
}

/// Which columns are asked for: a bit each, by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted(pub u64);

impl Wanted {
    /// All columns.
    pub const ALL: Self = Self(u64::MAX);

    /// Whether a column is asked for. SQLite's last bit stands for every column from the 64th on.
    pub fn has(self, column: usize) -> bool {
        self.0 & (1 << column.min(63)) != 0
    }
}

/// The rows that a filter leaves, before any value is read.
#[derive(Clone, Debug)]
pub enum Items {
    /// Numbers that [`Table::read`] turns into rows: of records of the keyspace, or of entries of the log.
    Numbers(Vec<u32>),
    /// Rows of a small table, made at once.
    Made(std::sync::Arc<[Row]>),
}

impl Items {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Made(rows) => rows.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One table.
#[derive(Debug)]
pub struct Table {
    /// The name in SQL and in files.
    pub name: &'static str,
    /// What one row is.
    pub about: &'static str,
    /// The columns, in order.
    pub columns: &'static [Column],
    /// The columns that tell two rows apart. Empty if no columns do.
    pub key: &'static [&'static str],
    /// The table whose `key` that of each row is one of.
    pub parent: Option<&'static str>,
    /// Whether it is left out of an export unless it is named: it repeats what another table has.
    pub on_demand: bool,
    /// How its rows are found.
    pub rows: Rows,
}

/// How the rows of a table are found.
#[derive(Debug)]
pub enum Rows {
    /// All at once: a small table.
    Made(fn(&Source) -> Result<Vec<Row>, TableError>),
    /// In two steps: numbers of records or entries first, then what is asked of some of them.
    Read {
        /// Finds the numbers that a filter leaves; no value is read.
        select: fn(&Source, &Filter) -> Result<Vec<u32>, TableError>,
        /// Reads the rows of some numbers; a number may give several rows, or none.
        read: ReadRows,
    },
}

/// Reads the rows of some numbers, as far as columns are wanted; those of one number are given one after the other.
pub type ReadRows = fn(&Source, &[u32], Wanted, &mut Vec<NumberedRow>) -> Result<(), TableError>;

/// A row with the number of the record or entry that it was made of; of a small table, with its position in it.
pub type NumberedRow = (u32, Row);

impl Table {
    /// Finds what a filter leaves.
    ///
    /// # Errors
    /// As the evidence refuses.
    pub fn select(&self, source: &Source, filter: &Filter) -> Result<Items, TableError> {
        Ok(match self.rows {
            Rows::Made(make) => Items::Made(source.made(self.name, || make(source))?),
            Rows::Read { select, .. } => Items::Numbers(select(source, filter)?),
        })
    }

    /// Reads the rows at `range` of the items that [`Table::select`] found.
    ///
    /// # Errors
    /// As the evidence refuses.
    pub fn read(
        &self,
        source: &Source,
        items: &Items,
        range: std::ops::Range<usize>,
        wanted: Wanted,
        out: &mut Vec<NumberedRow>,
    ) -> Result<(), TableError> {
        match (items, &self.rows) {
            (Items::Numbers(numbers), Rows::Read { read, .. }) => {
                read(source, numbers.get(range).unwrap_or_default(), wanted, out)
            }
            (Items::Made(rows), _) => {
                let start = u32::try_from(range.start).unwrap_or(u32::MAX);
                let rows = rows.get(range).unwrap_or_default().iter();
                out.extend((start..).zip(rows.cloned()));
                Ok(())
            }
            (Items::Numbers(_), Rows::Made(_)) => Ok(()),
        }
    }

    /// Whether no two rows have the same `key`, so that rows of other tables may refer to it.
    pub fn is_keyed(&self) -> bool {
        self.key.first() == Some(&"key") && self.key.get(1) != Some(&"path")
    }

    /// The position of a column.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}
