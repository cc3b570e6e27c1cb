//! Reads etcd data directories — WAL segments, `.snap` files, the bbolt B+tree, MVCC revisions, Kubernetes values — of
//! etcd 3.4 to 3.7, without ever changing a byte of them.
//!
//! # A tour
//!
//! [`Dataset`](dataset::Dataset) is the handle to start with: owned, cheap to clone, `Send + Sync`. What it answers is an
//! [`Answer`](answers::Answer), which contains what could not be read: `complete()` refuses a partial answer, `into_parts()`
//! hands out both.
//!
//! List the pods of a namespace as they were at a revision:
//!
//! ```
//! use etcd_inspect::dataset::Dataset;
//!
//! let dataset = Dataset::open("../fixtures/k8s-1.20-etcd35.tar.zst")?;
//! let moment = dataset.at(1_600);
//! for pod in moment.objects("pods").namespace("shop").all()?.complete()? {
//!     println!("{} {} {}", pod.mod_revision, pod.name(), pod.object["status"]["phase"]);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Check a directory and print what is damaged, where, and what to do:
//!
//! ```
//! use etcd_inspect::check::Depth;
//! use etcd_inspect::dataset::Dataset;
//!
//! let report = Dataset::open("../fixtures/k8s-1.20-etcd35.tar.zst")?.check(Depth::Default);
//! for finding in &report.findings {
//!     println!("{} {} {}: {}", finding.severity, finding.code.id, finding.place, finding.message);
//!     println!("  {}", finding.code.next);
//! }
//! # Ok::<(), etcd_inspect::Error>(())
//! ```
//!
//! Read the raft log; what is damaged in it is part of the answer:
//!
//! ```
//! use etcd_inspect::dataset::Dataset;
//!
//! let dataset = Dataset::open("../fixtures/k8s-1.20-etcd35.tar.zst")?;
//! let Some(log) = dataset.log() else { return Ok(()) };
//! let (log, damage) = log.into_parts();
//! for entry in log.log().surviving() {
//!     println!("{} {} {}", entry.term, entry.index, log.payload(entry).summary());
//! }
//! if !damage.is_empty() {
//!     eprintln!("not all of the log could be read: {damage}");
//! }
//! # Ok::<(), etcd_inspect::Error>(())
//! ```
//!
//! More are in `lib/examples/`: sums as JSON, a check in CI. Pods as the types of `k8s-openapi` (`list::<Pod>()`) are in the crate
//! `etcd-inspect-typed`.
//!
//! # The way of a value
//!
//! A value enters as bytes with a [`Place`], is parsed by exactly one format crate ([`bolt`], [`wal`], [`raft`], [`snap`],
//! [`kubernetes`]), is judged by that format's `check`, is joined with the others in [`member`] and [`dataset`], and leaves as
//! one of the [`answers`] or as a [`Finding`].
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
pub mod clock;
pub mod codes;
pub mod dataset;
pub mod evidence;
pub mod logs;
pub mod member;
pub mod mvcc;
pub mod recover;
pub mod salvage;
pub mod start;
pub mod verdict;

pub use bbolt as bolt;
pub use kube as kubernetes;
pub use located::{
    Advice, AdvicePart, Bytes, Command, Error, EvidenceOperand, FileName, Finding, Limits, Place,
    ReadBy, ReadingFlag, Severity, Sink, VERBS_WITH_KEYS, key_word,
};
pub use located::{ClusterId, LeaseId, MainRevision, MemberId, NoId, RaftIndex, Term};
pub use located::{progress, text};
pub use raftlog::{raft, snap, wal};

/// What leaves the library: YAML as kubectl prints it.
pub mod export {
    pub use kube::yaml;
}
