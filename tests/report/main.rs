//! What is handed to others: the manifest of evidence, a redacted copy, the page of an incident, the bundle for an issue.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "a test may stop at its first failure; what it measured, and what is not here, is printed"
)]

mod bundle;
mod commands;
mod damaged;
mod html;
mod manifest;
mod page;
mod redact;
mod run;
