//! Revisions, the keyspace index, HashKV.
//!
//! The `key` bucket is a log: a record for every put and delete, stored under its revision. [`Index::build`] finds the records
//! of each key in one pass; a [`Keyspace`] answers queries from it, an [`Overlay`] appends to it.
//!
//! **Invariants.** No key or value is copied. Work and memory are bounded by the size of the file, whatever its pages
//! claim. Nothing here knows what a value means.

mod build;
pub mod check;
mod compaction;
mod counts;
mod directory;
mod facts;
mod folder;
mod gaps;
mod hash;
mod history;
pub(crate) mod index;
mod key_value;
mod keyspace;
mod names;
mod overlay;
pub(crate) mod plan;
mod range;
mod real_root;
mod revision;
mod sum;
mod top;

pub(crate) use build::Noted;
pub use compaction::{Compaction, Rules};
pub use counts::Counts;
pub use directory::Directory;
pub(crate) use gaps::MissingRecords;
pub use hash::{DbHash, HASH_IGNORES_3_4, HASH_IGNORES_3_5, HASH_IGNORES_3_6, HashKv, db_hash};
pub use history::Generation;
pub use index::Index;
pub(crate) use key_value::user_key;
pub use key_value::{Flaw, KeyValue};
pub use keyspace::{Keyspace, Version, Versions};
pub use names::Names;
pub(crate) use overlay::Detached;
pub use overlay::Overlay;
pub use range::KeyRange;
pub(crate) use real_root::real_root;
pub use revision::{KEY_BYTES, KeyShape, Revision, StoredKey, TOMBSTONE_KEY_BYTES};
