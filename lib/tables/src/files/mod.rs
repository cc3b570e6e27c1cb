//! Tables as files of other programs: SQLite, Parquet, CSV, JSON lines. Rows are read and written in parts, so that memory stays
//! small; the same evidence gives the same bytes.

mod parquet;
mod sqlite;
mod text;

use std::path::{Path, PathBuf};

use etcd_inspect::answers::Damage;
use rayon::prelude::*;

pub use self::parquet::ParquetFiles;
pub use self::sqlite::SqliteFile;
pub use self::text::{TextFiles, TextForm};
use crate::definition::{Items, NumberedRow, Table, Wanted};
use crate::filter::Filter;
use crate::source::{Source, Stop, TableError};
use crate::value::Row;

/// Items that are read at once, on all cores.
const ITEMS_AT_ONCE: usize = 8_192;
/// Findings that a file names.
const FINDINGS: usize = 20;
/// Items of one piece of work.
const PIECE: usize = 512;

/// Which evidence the rows of a file are from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Id of the cluster, if known.
    pub cluster_id: Option<String>,
    /// Id of the member, if known.
    pub member_id: Option<String>,
    /// The revision of the rows; `None` if it is not known.
    pub revision: Option<i64>,
    /// SHA-256 of the evidence: of the file, or of the list of the sums and names of all files of a directory.
    pub source_sha256: Option<String>,
}

/// Something that tables are written to.
pub trait Sink {
    /// Begins a table.
    ///
    /// # Errors
    /// [`TableError::Write`].
    fn begin(&mut self, table: &'static Table) -> Result<(), TableError>;

    /// Adds rows to the table that was begun.
    ///
    /// # Errors
    /// [`TableError::Write`].
    fn rows(&mut self, rows: Vec<Row>) -> Result<(), TableError>;

    /// Ends the table, with what could not be read of the evidence until then, and tables that it refuses; `None` if nothing.
    ///
    /// # Errors
    /// [`TableError::Write`].
    fn end(&mut self, lost: Option<&str>) -> Result<(), TableError>;
}

/// What became of one table.
#[derive(Debug)]
pub struct Written {
    /// The name of the table.
    pub table: &'static str,
    /// The number of its rows, or why the evidence has no such table: then no file has it.
    pub rows: Result<u64, etcd_inspect::Error>,
}

/// Writes tables, and reports what became of each. A table that the evidence refuses is left out.
///
/// # Errors
/// As the sink refuses, or the evidence if it refuses every table; [`TableError::Stopped`] as soon as `stop` says so.
pub fn write(
    source: &Source,
    tables: &[&'static Table],
    sink: &mut dyn Sink,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<Written>, TableError> {
    let mut written: Vec<Written> = Vec::with_capacity(tables.len());
    // All tables are asked first: each file says which ones the evidence has not.
    let mut chosen = Vec::with_capacity(tables.len());
    for table in tables {
        match table.select(source, &Filter::default()) {
            Ok(items) => chosen.push((table, items)),
            Err(TableError::Evidence(error)) => {
                let (table, rows) = (table.name, Err(error));
                written.push(Written { table, rows });
            }
            Err(error) => return Err(error),
        }
    }
    let refused: Vec<String> = written
        .iter()
        .filter_map(|one| {
            Some(format!(
                "no table {}: {}",
                one.table,
                one.rows.as_ref().err()?
            ))
        })
        .collect();
    for (table, items) in chosen {
        sink.begin(table)?;
        let mut count = 0u64;
        for start in (0..items.len()).step_by(ITEMS_AT_ONCE) {
            if stop() {
                return Err(Stop::Interrupted.into());
            }
            let end = start.saturating_add(ITEMS_AT_ONCE).min(items.len());
            let rows = read(source, table, &items, start..end)?;
            count = count.saturating_add(rows.len() as u64);
            sink.rows(rows)?;
        }
        sink.end(partial(&source.damage(), &refused).as_deref())?;
        let (table, rows) = (table.name, Ok(count));
        written.push(Written { table, rows });
    }
    if written.iter().any(|one| one.rows.is_ok()) {
        return Ok(written);
    }
    match written.into_iter().find_map(|one| one.rows.err()) {
        Some(refusal) => Err(refusal.into()),
        None => Ok(Vec::new()),
    }
}

/// Reads items on all cores, in their order.
fn read(
    source: &Source,
    table: &Table,
    items: &Items,
    range: std::ops::Range<usize>,
) -> Result<Vec<Row>, TableError> {
    let starts: Vec<usize> = range.clone().step_by(PIECE).collect();
    let piece = |start: &usize| {
        let mut rows = Vec::new();
        let end = start.saturating_add(PIECE).min(range.end);
        table.read(source, items, *start..end, Wanted::ALL, &mut rows)?;
        Ok(rows)
    };
    let pieces: Result<Vec<Vec<NumberedRow>>, TableError> = starts.par_iter().map(piece).collect();
    Ok(pieces?.into_iter().flatten().map(|(_, row)| row).collect())
}

/// What could not be read, and which tables the evidence refuses, in lines; `None` if there is nothing of either.
fn partial(damage: &Damage, refused: &[String]) -> Option<String> {
    let first = damage.findings.iter().take(FINDINGS);
    let first = first.map(|finding| {
        let (id, place, message) = (finding.code.id, &finding.place, &finding.message);
        format!("{id} {place}: {message}")
    });
    let summary = (!damage.is_empty()).then(|| damage.summary());
    let lines: Vec<String> = refused
        .iter()
        .cloned()
        .chain(summary)
        .chain(first)
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The file of a table in a directory of tables.
fn path_of(directory: &Path, table: &Table, ending: &str) -> PathBuf {
    directory.join(format!("{}.{ending}", table.name))
}

fn failed(path: &Path, error: impl std::fmt::Display) -> TableError {
    TableError::Write(format!("{}: {error}", path.display()))
}
