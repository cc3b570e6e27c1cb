//! Real clusters: their stored values and tables, compared with what their API servers answered.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test may stop at its first failure"
)]

mod clock;
#[path = "../kube/compare.rs"]
mod compare;
mod objects;
mod parts;
mod search;
mod truth;
