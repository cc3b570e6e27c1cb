//! Parquet: a file for each table, with the evidence that each row is from.

use std::fs::File;
use std::iter::repeat_n;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::{Origin, Sink, failed, path_of};
use crate::definition::{Column, Kind, Table};
use crate::source::TableError;
use crate::value::{Row, Value};

/// Rows of one row group, at most.
const GROUP_ROWS: usize = 65_536;
/// Text of one row group, about.
const GROUP_BYTES: usize = 32 << 20;

/// Columns after those of the table: which evidence a row is from.
const ORIGIN: [Column; 4] = [
    Column::text("cluster_id", "of the evidence"),
    Column::text("member_id", "of the evidence"),
    Column::integer("source_revision", "of the rows; NULL if it is not known"),
    Column::text("source_sha256", "of the evidence"),
];

/// A directory of Parquet files.
#[derive(Debug)]
pub struct ParquetFiles {
    directory: PathBuf,
    origin: [Value; 4],
    open: Option<OpenParquet>,
}

struct OpenParquet {
    path: PathBuf,
    columns: &'static [Column],
    writer: SerializedFileWriter<File>,
    waiting: Vec<Row>,
    waiting_bytes: usize,
}

impl std::fmt::Debug for OpenParquet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenParquet")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl ParquetFiles {
    /// Files in a directory that exists.
    pub fn new(directory: &Path, origin: &Origin) -> Self {
        Self {
            directory: directory.to_owned(),
            origin: [
                origin.cluster_id.clone().into(),
                origin.member_id.clone().into(),
                origin.revision.into(),
                origin.source_sha256.clone().into(),
            ],
            open: None,
        }
    }
}

impl Sink for ParquetFiles {
    fn begin(&mut self, table: &'static Table) -> Result<(), TableError> {
        let path = path_of(&self.directory, table, "parquet");
        let columns = table.columns;
        let all: Vec<Column> = columns.iter().chain(&ORIGIN).copied().collect();
        let file = File::create_new(&path).map_err(|error| failed(&path, error))?;
        let writer = writer(table, &all, file).map_err(|error| failed(&path, error))?;
        self.open = Some(OpenParquet {
            path,
            columns,
            writer,
            waiting: Vec::new(),
            waiting_bytes: 0,
        });
        Ok(())
    }

    fn rows(&mut self, rows: Vec<Row>) -> Result<(), TableError> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let of_origin: usize = self.origin.iter().map(text_bytes).sum();
        for row in rows {
            let of_row: usize = row.iter().map(text_bytes).sum();
            let bytes = of_row.saturating_add(of_origin);
            open.waiting_bytes = open.waiting_bytes.saturating_add(bytes);
            open.waiting.push(row);
            if open.waiting.len() >= GROUP_ROWS || open.waiting_bytes >= GROUP_BYTES {
                open.write_group(&self.origin)?;
            }
        }
        Ok(())
    }

    fn end(&mut self, lost: Option<&str>) -> Result<(), TableError> {
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        if !open.waiting.is_empty() {
            open.write_group(&self.origin)?;
        }
        let is_partial = KeyValue::new("partial".to_owned(), lost.is_some().to_string());
        open.writer.append_key_value_metadata(is_partial);
        if let Some(text) = lost {
            let damage = KeyValue::new("damage".to_owned(), text.to_owned());
            open.writer.append_key_value_metadata(damage);
        }
        let file = open
            .writer
            .into_inner()
            .map_err(|error| failed(&open.path, error))?;
        file.sync_all().map_err(|error| failed(&open.path, error))
    }
}

fn text_bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        _ => 8,
    }
}

fn writer(
    table: &Table,
    columns: &[Column],
    file: File,
) -> Result<SerializedFileWriter<File>, ParquetError> {
    let declared = |column: &Column| {
        let kind = match column.kind {
            Kind::Text | Kind::Json => ("binary", " (UTF8)"),
            Kind::Integer => ("int64", ""),
            Kind::Real => ("double", ""),
            Kind::Boolean => ("boolean", ""),
            Kind::Time => ("int64", " (TIMESTAMP(MICROS,true))"),
        };
        format!("optional {} {}{};", kind.0, column.name, kind.1)
    };
    let declared: Vec<String> = columns.iter().map(declared).collect();
    let schema = parse_message_type(&format!(
        "message {} {{ {} }}",
        table.name,
        declared.join(" ")
    ))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(concat!("etcd-inspect ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))
}

impl OpenParquet {
    fn write_group(&mut self, origin: &[Value; 4]) -> Result<(), TableError> {
        let mut rows = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let mut write = || -> Result<(), ParquetError> {
            let mut group = self.writer.next_row_group()?;
            for (at, column) in self.columns.iter().enumerate() {
                // Each value is in one column: it is taken out of its row, not copied.
                let values = rows
                    .iter_mut()
                    .map(|row| row.get_mut(at).map(std::mem::take).unwrap_or_default());
                match column.kind {
                    Kind::Text | Kind::Json => put::<ByteArrayType>(&mut group, values.map(text))?,
                    Kind::Integer => put::<Int64Type>(&mut group, values.map(integer))?,
                    Kind::Real => put::<DoubleType>(&mut group, values.map(real))?,
                    Kind::Boolean => put::<BoolType>(&mut group, values.map(flag))?,
                    Kind::Time => put::<Int64Type>(&mut group, values.map(moment))?,
                }
            }
            for (column, value) in ORIGIN.iter().zip(origin) {
                let (value, count) = (value.clone(), rows.len());
                match column.kind {
                    Kind::Integer => {
                        put::<Int64Type>(&mut group, repeat_n(integer(value), count))?;
                    }
                    _ => put::<ByteArrayType>(&mut group, repeat_n(text(value), count))?,
                }
            }
            group.close()?;
            Ok(())
        };
        write().map_err(|error| failed(&self.path, error))
    }
}

fn text(value: Value) -> Option<ByteArray> {
    let text = match value {
        Value::Null => return None,
        Value::Text(text) => text,
        Value::Integer(integer) => integer.to_string(),
        Value::Real(real) => real.to_string(),
    };
    Some(ByteArray::from(text.into_bytes()))
}

fn integer(value: Value) -> Option<i64> {
    match value {
        Value::Integer(integer) => Some(integer),
        _ => None,
    }
}

fn real(value: Value) -> Option<f64> {
    match value {
        Value::Integer(integer) => integer.to_string().parse().ok(),
        Value::Real(real) => Some(real),
        _ => None,
    }
}

fn flag(value: Value) -> Option<bool> {
    integer(value).map(|flag| flag != 0)
}

fn moment(value: Value) -> Option<i64> {
    match value {
        Value::Text(text) => {
            let moment = text.parse::<Timestamp>().ok();
            moment.map(Timestamp::as_microsecond)
        }
        _ => None,
    }
}

/// Writes the next column; values that are not there are so by their definition level.
fn put<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ParquetError> {
    let (mut there, mut levels) = (Vec::new(), Vec::new());
    for value in values {
        levels.push(i16::from(value.is_some()));
        there.extend(value);
    }
    let missing = || ParquetError::General("more columns than the schema has".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column
        .typed::<T>()
        .write_batch(&there, Some(&levels), None)?;
    column.close()
}
