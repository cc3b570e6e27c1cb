//! `salvage` and `carve`: what is written is restored and served by real etcd, nothing is lost that some byte still has,
//! nothing that was deleted is back, and the evidence stays as it was.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at the first surprise"
)]

mod asked;
mod both;
mod branches;
mod carve_oracle;
mod carved;
mod carved_files;
mod compacted;
mod contradicted;
mod corrected;
mod damage;
mod healthy;
mod holes;
mod incidents;
mod log_tail;
mod lost;
mod mutations;
mod peers;
mod point_in_time;
mod proven;
mod safety;
mod searched;
mod served;
mod shown;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use testkit::Seal;

const BINARY: &str = env!("CARGO_BIN_EXE_etcd-inspect");

/// What a run of `salvage -o json` printed.
struct Salvaged {
    exit: i32,
    json: Value,
    stderr: String,
    out: PathBuf,
    _dir: tempfile::TempDir,
}

fn run(arguments: &[&str]) -> Output {
    Command::new(BINARY)
        .args(["--no-config", "--progress", "never"])
        .args(arguments)
        .output()
        .unwrap()
}

/// Salvages into a new file; the evidence must not change.
fn salvage(path: &Path, flags: &[&str]) -> Salvaged {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.db");
    let seal = Seal::read(path);
    let mut arguments = vec!["salvage", path.to_str().unwrap(), "-o", "json", "--out"];
    arguments.push(out.to_str().unwrap());
    arguments.extend(flags);
    let output = run(&arguments);
    seal.assert_unchanged();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Salvaged {
        exit: output.status.code().unwrap_or(-1),
        json: serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
        stderr,
        out,
        _dir: dir,
    }
}

impl Salvaged {
    fn number(&self, field: &str) -> i64 {
        self.json[field]
            .as_i64()
            .unwrap_or_else(|| panic!("{field} in {} ({})", self.json, self.stderr))
    }

    fn list(&self, field: &str) -> &[Value] {
        self.json[field].as_array().map_or(&[], Vec::as_slice)
    }
}

/// HashKV as our own binary computes it.
fn hash(path: &Path, flags: &[&str]) -> u64 {
    let mut arguments = vec!["hashkv", path.to_str().unwrap(), "-o", "json"];
    arguments.extend(flags);
    let output = run(&arguments);
    let json: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    json["hash"].as_u64().unwrap()
}
