//! Synthetic bytes of every format, written from the format reference and not from the parsers.

pub mod bolt;
pub mod busy;
pub mod kubernetes;
pub mod mvcc;
pub mod wal;
