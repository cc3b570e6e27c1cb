//! Snapshot files: the `.snap` envelope, its metadata, the v2 store in it, and the names of `.snap.db` files.
//!
//! The db (`snap/db`) and backups of `etcdctl snapshot save` are bbolt files.

pub mod check;
mod file;
mod name;
mod snaps;
mod store;
mod v2_keys;

pub use crate::raft::ConfState;
pub use file::SnapFile;
pub use name::{SnapName, SnapPart};
pub use snaps::Snaps;
pub use store::{Store, StoreMember};
pub use v2_keys::{V2Key, v2_keys};
