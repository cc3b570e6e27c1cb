//! Keyspaces: real ones compared with etcd's own answers, made-up ones with a naive model.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_wrap,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test may stop at its first failure"
)]

mod damage;
mod fixtures;
mod hostile;
mod model;
mod sweep;
