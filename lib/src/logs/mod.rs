//! Logs that other programs wrote beside the evidence: the audit log of kube-apiserver, and etcd's own log.
//!
//! They are read line by line: a line that is damaged or of another program is counted and skipped.

pub mod audit;
pub mod etcd;
mod lines;

pub use lines::{LineCounts, LogError, LogKind, read_lines};
