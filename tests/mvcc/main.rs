//! Keyspaces: real ones against what etcd said of them, made-up ones against a naive model.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_wrap,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test may stop where it stands"
)]

mod damage;
mod fixtures;
mod hostile;
mod model;
mod sweep;
