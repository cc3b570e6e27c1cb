//! Every verb of the binary, each with all its flags, over every hostile evidence there is.
//!
//! What is asked comes from `testkit::verbs`: a verb or a flag without a row there fails these tests. By default each damage is
//! asked a few questions, another few than its neighbour; `HOSTILE=all` asks every question of every damage.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a test may stop at its first failure"
)]

mod bounds;
mod busy;
mod made;
mod matrix;
