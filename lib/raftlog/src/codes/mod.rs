//! Codes of the WAL and of `.snap` files.

pub mod snap;
pub mod wal;
