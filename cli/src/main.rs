//! The command line of etcd-inspect: arguments, tables, JSON, exit codes. It knows no format; it asks the library.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "a test may stop at its first failure"
    )
)]

mod app;
mod at;
mod commands;
mod completion;
mod config;
mod crash;
mod exit;
mod failure;
mod global;
mod help;
mod kube;
mod logs;
mod memory;
#[cfg(test)]
mod named;
mod no_log;
mod output;
mod progress;
mod scope;
mod secrets;
mod signals;
mod target;
mod ui;
mod usage;
mod verdict;
mod view;
mod what;

use std::process::ExitCode;

fn main() -> ExitCode {
    crash::install();
    if completion::answered() {
        return ExitCode::SUCCESS;
    }
    let run = || app::run(std::env::args_os().collect());
    // The hook has reported what happened; a crash is no answer.
    ExitCode::from(
        std::panic::catch_unwind(run)
            .unwrap_or(exit::Exit::Refused)
            .code(),
    )
}
