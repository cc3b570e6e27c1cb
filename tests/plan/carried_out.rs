//! Does what a step of a plan says.

use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::copy_of;
use testkit::etcd::Binaries;

use crate::printed::{PrintedStep, binary};
use crate::served::{Served, serve};

/// Runs printed lines one after the other in a folder, with the programs of a release and ours in `PATH`.
pub fn run(lines: &[String], binaries: &Binaries, folder: &Path) -> Result<(), String> {
    run_with(lines, binaries, folder, &[])
}

/// As [`run`], with variables that a user of `etcdctl` has set.
pub fn run_with(
    lines: &[String],
    binaries: &Binaries,
    folder: &Path,
    variables: &[(&str, &str)],
) -> Result<(), String> {
    let ours = binary().parent().unwrap();
    let path = format!(
        "{}:{}:/usr/bin:/bin",
        binaries.dir().display(),
        ours.display()
    );
    for line in lines {
        let output = Command::new("sh")
            .args(["-c", line])
            .current_dir(folder)
            .env("PATH", &path)
            .env("ETCDCTL_API", "3")
            .envs(variables.iter().copied())
            .output()
            .expect("a shell runs");
        // A salvage that lost something says so with its code; the printed line goes on after it.
        let partial = line.contains("etcd-inspect salvage") && output.status.code() == Some(3);
        if !output.status.success() && !partial {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let said: Vec<&str> = said.lines().take(3).collect();
            return Err(format!("{line}: {}", said.join(" / ")));
        }
    }
    Ok(())
}

/// The directory that a step made in `folder`.
fn made(folder: &Path, end: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut found = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(end));
    found.next().map(|entry| entry.path())
}

/// Does a step on a copy of `data_dir`, and returns what etcd then serves; `None` if it is not for a machine alone: what it
/// asks for is elsewhere.
pub fn carry_out(
    step: &PrintedStep,
    data_dir: &Path,
    binaries: &Binaries,
) -> Option<Result<Served, String>> {
    let folder = tempfile::tempdir().unwrap();
    let served = |end: &str| {
        run(&step.commands, binaries, folder.path())?;
        let made = made(folder.path(), end).ok_or_else(|| format!("no folder …{end} was made"))?;
        serve(binaries, &made, &[])
    };
    Some(match step.action.as_str() {
        "start" => serve(binaries, &copy_of(data_dir), &[]),
        "force-new-cluster" => serve(binaries, &copy_of(data_dir), &["--force-new-cluster"]),
        "restore" | "salvage" => served("-restored"),
        "correct" => served("-corrected"),
        _ => return None,
    })
}
