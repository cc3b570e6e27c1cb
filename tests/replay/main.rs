//! Replay, compared with the answers of a real etcd after it had started on a copy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at its first failure"
)]

mod permissions;
mod plain;
mod start;
mod truth;
