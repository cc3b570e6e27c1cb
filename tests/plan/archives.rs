//! Evidence in archives: the plan first unpacks it, with programs that every distribution has.

use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::copy_of;
use testkit::etcd::Binaries;

use crate::carried_out::{carry_out, run};
use crate::printed::Printed;
use crate::served::serve;

fn sh(line: &str, folder: &Path) {
    let output = Command::new("sh")
        .args(["-c", line])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
}

fn has(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Name of the archive, the line that makes it of `data`, the programs that this takes.
const DIRECTORIES: [(&str, &str, &[&str]); 7] = [
    ("member.tar", "tar -cf member.tar data", &["tar"]),
    (
        "member.tar.gz",
        "tar -czf member.tar.gz data",
        &["tar", "gzip"],
    ),
    ("member.tgz", "tar -czf member.tgz data", &["tar", "gzip"]),
    (
        "member.tar.zst",
        "tar -cf - data | zstd -q -o member.tar.zst",
        &["tar", "zstd"],
    ),
    // A WAL on a volume of its own (`--wal-dir`), in the same archive.
    (
        "parted.tar",
        "mkdir wal && mv data/member/wal/* wal && rmdir data/member/wal && tar -cf parted.tar data wal",
        &["tar"],
    ),
    (
        "volumes.tar.gz",
        "mv data/member/wal etcd-log && tar -czf volumes.tar.gz data etcd-log",
        &["tar", "gzip"],
    ),
    ("member.zip", "zip -qr member.zip data", &["zip", "unzip"]),
];
const FILES: [(&str, &str, &[&str]); 2] = [
    (
        "backup.db.gz",
        "gzip -c data/member/snap/db > backup.db.gz",
        &["gzip"],
    ),
    (
        "backup.db.zst",
        "zstd -q data/member/snap/db -o backup.db.zst",
        &["zstd"],
    ),
];

/// A folder with the archive in it and nothing else.
fn packed(name: &str, line: &str) -> (tempfile::TempDir, PathBuf) {
    let original = copy_of(&testkit::data_dir("etcd-3.5.30"));
    let folder = tempfile::tempdir().unwrap();
    let parent = original.parent().unwrap();
    sh(line, parent);
    let archive = folder.path().join(name);
    std::fs::rename(parent.join(name), &archive).unwrap();
    (folder, archive)
}

#[test]
fn a_directory_in_an_archive_is_unpacked_before_etcd_is_started_on_it() {
    let Some(binaries) = Binaries::newest("3.5.30") else {
        return;
    };
    for (name, line, programs) in DIRECTORIES {
        if !programs.iter().all(|program| has(program)) {
            eprintln!("skipped: {name} needs {programs:?}");
            continue;
        }
        let (folder, archive) = packed(name, line);
        let printed = Printed::check(&archive, &binaries.version);
        for action in ["start", "force-new-cluster"] {
            let step = match action {
                "start" => printed.step(action).cloned(),
                _ => Printed::preflight(&archive, action, &binaries.version),
            };
            let step = step.unwrap_or_else(|| panic!("{name}: {printed:?}"));
            let work = tempfile::tempdir_in(folder.path()).unwrap();
            // The last command of a forced start is that start, which does not end.
            let forced = step
                .commands
                .iter()
                .position(|line| line.starts_with("etcd "));
            let (before, forced) = step
                .commands
                .split_at(forced.unwrap_or(step.commands.len()));
            assert_eq!(
                forced.len(),
                usize::from(action != "start"),
                "{name}: {step:?}"
            );
            run(before, &binaries, work.path()).unwrap();
            // The effect, or the command, names the directory that is there now.
            let unpacked = std::fs::read_dir(work.path())
                .unwrap()
                .flatten()
                .map(|entry| entry.path().join("data"))
                .find(|path| path.join("member").is_dir())
                .unwrap_or_else(|| panic!("{name} {action}: nothing was unpacked: {step:?}"));
            let relative = unpacked.strip_prefix(work.path()).unwrap();
            let relative = relative.to_str().unwrap();
            let names = forced.first().unwrap_or(&step.effect);
            assert!(names.contains(relative), "{name}: {step:?}");
            let flags: &[&str] = match action {
                "start" => &[],
                _ => &["--force-new-cluster"],
            };
            let seen = serve(&binaries, &unpacked, flags).unwrap();
            assert_eq!(
                (step.revision, step.keys),
                (Some(seen.revision), Some(seen.contents.len())),
                "{name} {action}"
            );
        }
        restored(&printed, &archive, &binaries);
    }
}

#[test]
fn a_packed_db_is_unpacked_before_it_is_restored() {
    let Some(binaries) = Binaries::newest("3.5.30") else {
        return;
    };
    for (name, line, programs) in FILES {
        if programs.iter().all(|program| has(program)) {
            let (_folder, archive) = packed(name, line);
            let printed = Printed::check(&archive, &binaries.version);
            restored(&printed, &archive, &binaries);
        } else {
            eprintln!("skipped: {name} needs {programs:?}");
        }
    }
}

fn restored(printed: &Printed, archive: &Path, binaries: &Binaries) {
    for action in ["restore", "salvage"] {
        let step = printed
            .step(action)
            .unwrap_or_else(|| panic!("{action} in {printed:?}"));
        let seen = carry_out(step, archive, binaries).unwrap();
        let seen = seen.unwrap_or_else(|why| panic!("{}: {action}: {why}", archive.display()));
        assert_eq!(
            (step.revision, step.keys),
            (Some(seen.revision), Some(seen.contents.len())),
            "{}: {action}",
            archive.display()
        );
    }
}
