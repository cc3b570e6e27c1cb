//! What the verbs of the command line answer, as values: computed here, drawn elsewhere.
//!
//! An answer is a typed value, or a [`Table`] of typed rows with one table of columns from which tables, JSON, CSV and help
//! come. [`Answer`] contains what could not be read.
//!
//! **Invariants.** Nothing here prints, colours or measures a terminal, or reads the environment.

pub mod audit;
pub mod blame;
#[cfg(feature = "archives")]
pub mod bundle;
mod cell;
#[cfg(feature = "certificates")]
pub mod certs;
pub mod changes;
pub mod check;
pub mod clocks;
mod column;
pub mod compare;
pub mod describe;
pub mod diff;
pub mod encryption;
pub mod export;
pub mod find;
pub mod glob;
pub mod hashkv;
pub mod helm;
pub mod history;
mod key;
pub mod keys;
mod label;
pub mod leases;
pub mod log_alone;
pub mod manifest;
pub mod meta;
mod nearest;
pub mod objects;
pub mod page;
pub mod past;
pub mod plan;
pub mod preflight;
pub mod reach;
pub mod redact;
#[cfg(feature = "report")]
pub mod report;
pub mod returned;
pub mod salvage;
pub mod scope;
#[cfg(feature = "search")]
pub mod search;
mod secrets;
mod size;
pub mod snap;
pub mod space;
pub mod status;
pub mod stored_versions;
pub mod sums;
mod table;
pub mod timeline;
pub mod undecodable;
pub mod values;
mod version;
pub mod view;
pub mod wal;

pub use crate::mvcc::{Counts, KeyRange, KeyValue, Keyspace, Version};
pub use cell::{Cell, Content, Style, put_bytes};
pub use column::{Align, Column, Show};
pub use key::Key;
pub use label::Label;
pub use located::{Answer, Damage, FindingRow, Partial, PlaceRow, key_json};
pub use nearest::nearest;
pub use size::parse_size;
pub use table::{Row, Table};
pub use version::{KeyWrite, WrittenVersion};
