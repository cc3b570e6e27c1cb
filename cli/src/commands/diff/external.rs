//! `--external`: another program shows the difference, of two folders with one YAML file for each object.
//!
//! The files hold the same masked text that `diff` prints. The folders are new ones in the folder for temporary files, only
//! for this user, and are removed at the end.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use etcd_inspect::answers::diff::DiffRow;

use crate::failure::Failure;
use crate::ui::Ui;

/// Environment variable with the program that kubectl would run.
const VARIABLE: &str = "KUBECTL_EXTERNAL_DIFF";

/// Longest name of a file: of longer ones the number keeps them apart.
const MAX_NAME: usize = 120;

/// A new folder that is removed at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed stays in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Folder {
    fn create() -> std::io::Result<Self> {
        let mut tries = 0;
        loop {
            let name = format!("etcd-inspect-diff-{}-{tries}", std::process::id());
            let path = std::env::temp_dir().join(name);
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && tries < 1000 => {
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Writes both sides and runs the program. Its output is the answer.
pub(super) fn run(command: &str, rows: &[DiffRow], ui: &mut Ui) -> anyhow::Result<()> {
    let from_environment = std::env::var(VARIABLE).ok().filter(|_| command.is_empty());
    let command = match (&from_environment, command) {
        (Some(command), _) => command,
        (None, "") => "diff -u -N",
        (None, command) => command,
    };
    let mut words = command.split_whitespace();
    let program = words
        .next()
        .ok_or_else(|| Failure::usage("--external names no program"))?;
    if rows.is_empty() {
        return Ok(());
    }
    let folder = Folder::create()?;
    for side in ["a", "b"] {
        fs::DirBuilder::new()
            .mode(0o700)
            .create(folder.0.join(side))?;
    }
    for (at, row) in rows.iter().enumerate() {
        let name = file_name(at, row);
        for (side, text, revision) in [
            ("a", &row.before, row.revisions[0]),
            ("b", &row.after, row.revisions[1]),
        ] {
            if revision.is_some() {
                write(&folder.0.join(side).join(&name), text)?;
            }
        }
    }
    ui.out().flush()?;
    let status = Command::new(program)
        .args(words)
        .args(["a", "b"])
        .current_dir(&folder.0)
        .stdin(Stdio::inherit())
        .status()
        .map_err(|error| Failure::usage(format!("--external {program}: {error}")))?;
    // As of `diff`: 1 means differences, more means trouble.
    match status.code() {
        Some(0 | 1) => Ok(()),
        _ => Err(Failure::usage(format!("--external {program} ended with {status}")).into()),
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

/// `deployments.shop.web.yaml`, without anything that is no name of a file.
fn file_name(at: usize, row: &DiffRow) -> String {
    let plain = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | '_' => c,
        '/' => '.',
        _ => '_',
    };
    let name: String = row.title().chars().map(plain).take(MAX_NAME).collect();
    let name = name.trim_matches('.');
    match row.resource {
        Some(_) if row.title().chars().count() <= MAX_NAME => format!("{name}.yaml"),
        _ => format!("{at}.{name}"),
    }
}
