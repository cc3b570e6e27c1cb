//! Reads etcd data directories — WAL segments, `.snap` files, the bbolt B+tree, MVCC revisions, Kubernetes values — of
//! etcd 3.4 to 3.7, without ever changing a byte of them.
//!
//! A value enters as bytes with a [`Place`], is parsed by exactly one format module, is judged by that format's `check`,
//! is joined with the other formats in [`member`], and leaves as rows, objects or [`Finding`]s.
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
        reason = "a test may stop where it stands"
    )
)]

pub mod backend;
pub mod bolt;
mod bytes;
pub mod check;
pub mod cluster;
pub mod codes;
mod error;
pub mod evidence;
pub mod export;
mod finding;
pub mod kubernetes;
mod limits;
pub mod member;
pub mod mvcc;
mod place;
pub mod progress;
pub mod raft;
pub mod recover;
pub mod snap;
pub mod text;
pub mod wal;

pub use bytes::Bytes;
pub use error::Error;
pub use finding::{Finding, Severity, Sink};
pub use limits::Limits;
pub use place::{FileName, Place};
