//! etcd's own buckets: real ones compared with etcd's own answers, made-up damage with the finding that it must cause.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may stop at its first failure"
)]

mod damage;
mod fixtures;
