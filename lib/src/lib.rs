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
        reason = "a test may stop at its first failure"
    )
)]

pub mod answers;
pub mod backend;
pub mod check;
pub mod cluster;
pub mod codes;
pub mod dataset;
pub mod evidence;
pub mod member;
pub mod mvcc;
pub mod recover;
pub mod salvage;
pub mod verdict;

pub use bbolt as bolt;
pub use kube as kubernetes;
pub use located::{Bytes, Error, FileName, Finding, Limits, Place, Severity, Sink};
pub use located::{ClusterId, LeaseId, MainRevision, MemberId, NoId, RaftIndex, Term};
pub use located::{progress, text};
pub use raftlog::{raft, snap, wal};

/// What leaves the library: YAML as kubectl prints it.
pub mod export {
    pub use kube::yaml;
}
