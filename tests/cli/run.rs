//! Runs the binary.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use testkit::Seal;

/// Exit code, standard output and standard error of one run.
pub struct RunResult {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl RunResult {
    /// Standard output as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.out, self.err))
    }

    /// The `rows` of a JSON document.
    #[track_caller]
    pub fn rows(&self) -> Vec<Value> {
        match self.json().get("rows") {
            Some(Value::Array(rows)) => rows.clone(),
            other => panic!("rows: {other:?}"),
        }
    }
}

impl From<Output> for RunResult {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The binary with an environment of its own.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcd-inspect"));
    command
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null());
    command
}

/// Runs without evidence.
pub fn etcd_inspect<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> RunResult {
    command()
        .args(args)
        .output()
        .expect("the binary runs")
        .into()
}

/// Runs with evidence that has to stay as it is, to the byte and to the second.
pub fn sealed<A: AsRef<OsStr>>(evidence: &Path, args: impl IntoIterator<Item = A>) -> RunResult {
    let seal = Seal::read(evidence);
    let said = etcd_inspect(args);
    seal.assert_unchanged();
    said
}
