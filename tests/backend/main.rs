//! etcd's own buckets: real ones against what etcd said of them, made-up damage against the finding it must give.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod damage;
mod fixtures;
