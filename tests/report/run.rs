//! Runs the binary over evidence that has to stay as it is.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use testkit::Seal;

/// Exit code, standard output and standard error of one run.
pub struct RunResult {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl RunResult {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.out, self.err))
    }
}

/// Runs without evidence.
pub fn run(args: &[&str]) -> RunResult {
    let output = Command::new(env!("CARGO_BIN_EXE_etcd-inspect"))
        .args(args)
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    RunResult {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs over evidence and proves it unchanged.
#[track_caller]
pub fn sealed(evidence: &Path, args: &[&str]) -> RunResult {
    let seal = Seal::read(evidence);
    let said = run(args);
    seal.assert_unchanged();
    said
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
