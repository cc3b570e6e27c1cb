//! The evidence as tables: `sql`, `tables`, and the files of `export --format sqlite|parquet|csv|jsonl`, compared with the answers of
//! the other verbs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may stop at its first failure"
)]

mod agree;
mod bounds;
mod branches;
mod conditions;
mod engines;
mod files;
#[path = "../report/run.rs"]
mod run;
