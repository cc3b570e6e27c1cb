//! Reads the raft log of etcd, damaged ones too: the write-ahead log, the raft messages in it, and `.snap` files.
//!
//! [`wal::Log::read`] indexes a WAL directory in one pass and continues after damage. [`wal::check`] and [`snap::check`]
//! report what is wrong, [`wal::boot`] predicts what etcd reads at start, and [`raft::Payload`] decodes entries.
//!
//! Reads a WAL and prints its entries:
//!
//! ```
//! use etcd_inspect_raftlog::located::{Bytes, FileName, Limits, progress::Silent};
//! use etcd_inspect_raftlog::{raft::Payload, wal::Log};
//!
//! # let dir = testkit::data_dir("etcd-3.5.30").join("member/wal");
//! # /*
//! let dir = std::path::Path::new("/var/lib/etcd/member/wal");
//! # */
//! let mut files = Vec::new();
//! for entry in std::fs::read_dir(dir)? {
//!     let path = entry?.path();
//!     files.push((FileName::new(path.to_string_lossy()), std::fs::read(path)?));
//! }
//! let files: Vec<Bytes<'_>> = files.iter().map(|(name, bytes)| Bytes::new(name, 0, bytes)).collect();
//! let log = Log::read(&files, &Limits::default(), &Silent);
//! for entry in log.surviving() {
//!     let payload = Payload::decode(entry.kind, log.data(&files, entry).unwrap_or_default());
//!     println!("{} {} {}", entry.term, entry.index, payload.summary());
//! }
//! assert!(log.damages.is_empty() && log.first().is_some_and(|first| first.index == 1));
//! # Ok::<(), std::io::Error>(())
//! ```
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        reason = "a test may stop at the first surprise"
    )
)]

/// The types of places, findings, ids and limits.
pub use located;

pub mod codes;
pub mod raft;
pub mod snap;
pub mod wal;
