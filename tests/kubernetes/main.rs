//! Decoding stored Kubernetes values, compared with what Kubernetes itself prints for them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test may stop at its first failure"
)]

mod compare;
mod encode;
mod objects;
mod oracle;
mod random;
mod truth;
mod unknown;
