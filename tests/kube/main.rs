//! Decoding stored Kubernetes values, compared with what Kubernetes itself prints for them. Needs the crate `kube` alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::print_stderr,
    reason = "a test may stop at its first failure"
)]

mod compare;
mod depth;
mod encode;
mod flat;
mod oracle;
mod random;
mod unknown;
mod yaml;
