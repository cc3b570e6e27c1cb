//! The browser without a terminal: what it draws, where keys lead, and that nothing makes it stumble.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::print_stderr,
    reason = "a test may stop at its first failure"
)]

mod browser;
mod cuts;
mod damaged;
mod evidence;
mod frame;
mod goldens;
mod home;
mod hostile;
mod journeys;
mod lines;
mod pasted;
mod random;
mod salvage;
mod screens;
mod selected;
mod sources;
mod tasks;
