//! An etcd data directory as tables.
//!
//! ```text
//! definition  a table: name, columns with type and unit, how its rows are found
//! catalogue   all tables          rows/  how each is read
//! source      one copy of a member at one moment
//! files/      tables as files of SQLite, Parquet, CSV and JSON lines
//! sql/        SQLite asks the tables as virtual tables: nothing is imported
//! ```
//!
//! ```
//! use etcd_inspect::dataset::Dataset;
//! use etcd_inspect_tables::{Source, Values, sql};
//!
//! let source = Source::new(Dataset::open("../../fixtures/k8s-1.20-etcd35.tar.zst")?, None, Values::None);
//! let session = sql::Session::open(&source, sql::Bounds::default())?;
//! let mut query = session.query("SELECT namespace, count(*) FROM keys WHERE resource = 'pods' GROUP BY 1")?;
//! query.each::<etcd_inspect_tables::TableError>(&mut |row| {
//!     println!("{row:?}");
//!     Ok(())
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test may stop at its first failure"
    )
)]

mod catalogue;
mod definition;
pub mod files;
mod filter;
mod rows;
mod source;
pub mod sql;
mod value;

pub use catalogue::{TABLES, table};
pub use definition::{Column, Items, Kind, NumberedRow, Pushed, ReadRows, Rows, Table, Wanted};
pub use filter::Filter;
pub use source::{Source, Stop, TableError, Values, fingerprint_key};
pub use value::{Row, Value};
