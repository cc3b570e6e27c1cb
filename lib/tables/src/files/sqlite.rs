//! One SQLite file with indexes and foreign keys.

use std::path::{Path, PathBuf};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

use super::{Origin, Sink, failed};
use crate::definition::Table;
use crate::source::TableError;
use crate::value::{Row, Value};

/// Columns that other programs look up, where a table has them.
const INDEXED: [&str; 6] = [
    "key",
    "resource",
    "namespace",
    "name",
    "revision",
    "mod_revision",
];

/// A SQLite file that is written.
#[derive(Debug)]
pub struct SqliteFile {
    connection: Connection,
    path: PathBuf,
    tables: Vec<&'static Table>,
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(integer) => ValueRef::Integer(*integer),
            Self::Real(real) => ValueRef::Real(*real),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

impl SqliteFile {
    /// Begins a file at a path, which is empty or does not exist; `source` and `columns` say what it holds.
    ///
    /// # Errors
    /// [`TableError::Write`].
    pub fn new(
        path: &Path,
        origin: &Origin,
        tables: &[&'static Table],
    ) -> Result<Self, TableError> {
        let begun = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(path)?;
            // The file gets its name only when it is whole: a crash leaves nothing to roll back.
            connection.execute_batch(
                "PRAGMA journal_mode = off; PRAGMA synchronous = off; PRAGMA page_size = 16384; BEGIN;
                 CREATE TABLE source (cluster_id TEXT, member_id TEXT, revision INTEGER, source_sha256 TEXT, written_by TEXT, partial INTEGER, damage TEXT);
                 CREATE TABLE columns (\"table\" TEXT, \"column\" TEXT, type TEXT, unit TEXT, about TEXT);",
            )?;
            connection.execute(
                "INSERT INTO source VALUES (?, ?, ?, ?, ?, 0, NULL)",
                (
                    &origin.cluster_id,
                    &origin.member_id,
                    origin.revision,
                    &origin.source_sha256,
                    concat!("etcd-inspect ", env!("CARGO_PKG_VERSION")),
                ),
            )?;
            for table in tables {
                for column in table.columns {
                    connection.execute(
                        "INSERT INTO columns VALUES (?, ?, ?, ?, ?)",
                        (
                            table.name,
                            column.name,
                            column.kind.as_str(),
                            column.unit,
                            column.about,
                        ),
                    )?;
                }
            }
            Ok(connection)
        };
        let connection = begun().map_err(|error| failed(path, error))?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            tables: tables.to_vec(),
        })
    }

    /// Ends the file.
    ///
    /// # Errors
    /// [`TableError::Write`].
    pub fn finish(self) -> Result<(), TableError> {
        let end = self.connection.execute_batch("COMMIT; PRAGMA optimize;");
        end.map_err(|error| failed(&self.path, error))
    }

    fn run(&self, sql: &str) -> Result<(), TableError> {
        self.connection
            .execute_batch(sql)
            .map_err(|error| failed(&self.path, error))
    }
}

impl Sink for SqliteFile {
    fn begin(&mut self, table: &'static Table) -> Result<(), TableError> {
        let mut parts: Vec<String> = Vec::new();
        for column in table.columns {
            let unique = if column.name == "key" && table.is_keyed() {
                " UNIQUE"
            } else {
                ""
            };
            parts.push(format!(
                "{} {}{unique}",
                column.name,
                column.kind.declared()
            ));
        }
        let parent = table
            .parent
            .filter(|parent| self.tables.iter().any(|table| table.name == *parent));
        parts.extend(parent.map(|parent| format!("FOREIGN KEY (key) REFERENCES {parent} (key)")));
        self.run(&format!(
            "CREATE TABLE {} ({})",
            table.name,
            parts.join(", ")
        ))?;
        self.tables.retain(|known| known.name != table.name);
        self.tables.push(table);
        Ok(())
    }

    fn rows(&mut self, rows: Vec<Row>) -> Result<(), TableError> {
        let Some(table) = self.tables.last() else {
            return Ok(());
        };
        let marks = vec!["?"; table.columns.len()].join(", ");
        let add = || -> rusqlite::Result<()> {
            let mut insert = self
                .connection
                .prepare(&format!("INSERT INTO {} VALUES ({marks})", table.name))?;
            for row in &rows {
                insert.execute(params_from_iter(row))?;
            }
            Ok(())
        };
        add().map_err(|error| failed(&self.path, error))
    }

    fn end(&mut self, lost: Option<&str>) -> Result<(), TableError> {
        if let Some(text) = lost {
            let told =
                (self.connection).execute("UPDATE source SET partial = 1, damage = ?", [text]);
            told.map_err(|error| failed(&self.path, error))?;
        }
        let Some(table) = self.tables.last().copied() else {
            return Ok(());
        };
        let is_there =
            |name: &&str| table.position(name).is_some() && !(*name == "key" && table.is_keyed());
        for column in INDEXED.iter().filter(|name| is_there(name)) {
            self.run(&format!(
                "CREATE INDEX {0}_by_{column} ON {0} ({column})",
                table.name
            ))?;
        }
        Ok(())
    }
}
