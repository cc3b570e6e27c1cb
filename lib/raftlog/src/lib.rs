//! etcd's write-ahead log, the raft messages in it, and the `.snap` files beside it.
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

pub mod codes;
pub mod raft;
pub mod snap;
pub mod wal;
