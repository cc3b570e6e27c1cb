//! Check: silent on every healthy directory, and the expected codes for each kind of damage.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at its first failure"
)]

mod applied;
mod blame;
mod buckets;
mod busy;
mod clean;
mod copies;
mod healthy;
mod hidden;
mod incidents;
mod kubernetes;
mod misdirected;
mod page;
mod peers;
mod real;
mod unplaced;
mod unread;
