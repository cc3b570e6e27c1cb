//! The binary as scripts and tired people meet it. Every test that names evidence proves it unchanged.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test may stop at its first failure; what it measured, and what is not here, is printed"
)]

mod agreement;
mod answers;
mod blame;
mod copies;
mod diff;
mod grammar;
mod history;
mod holes;
mod hostile;
mod kubernetes;
#[cfg(target_os = "linux")]
mod limits;
mod log_loss;
mod logs;
mod loss;
mod masks;
mod partial;
mod pipes;
mod printed;
mod readme;
mod run;
mod secrets;
mod stops;
mod timeline;
mod tries;
mod truth;
mod unknown;
mod verdict;
mod wal;
mod wal_dir;
