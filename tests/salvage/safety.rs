//! Nothing is written but the file that was named, and that only whole.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::{Seal, data_dir, fixture_copy};

use crate::{BINARY, run, salvage};

fn refused(path: &Path, out: &Path) -> String {
    let seal = Seal::read(path);
    let output = run(&[
        "salvage",
        path.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ]);
    seal.assert_unchanged();
    assert_eq!(output.status.code(), Some(2), "{}", out.display());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_file_that_exists_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.db");
    fs::write(&out, "mine").unwrap();
    assert!(refused(&data_dir("etcd-3.5.30"), &out).contains("exists"));
    assert_eq!(fs::read(&out).unwrap(), b"mine");
    let link = dir.path().join("link.db");
    std::os::unix::fs::symlink("/nowhere", &link).unwrap();
    assert!(refused(&data_dir("etcd-3.5.30"), &link).contains("exists"));
}

#[test]
fn nothing_is_written_into_the_evidence_by_whatever_name_it_is_reached() {
    let copy = fixture_copy("etcd-3.5.30");
    let data = copy.data_dir();
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(data.join("member"), &link).unwrap();
    for out in [
        data.join("out.db"),
        data.join("member/snap/out.db"),
        data.join("member/../out.db"),
        link.join("out.db"),
    ] {
        let said = refused(&data, &out);
        assert!(said.contains("inside or above the evidence"), "{said}");
    }
    // Beside the evidence is not in it.
    let beside = data.with_file_name("beside.db");
    let output = run(&[
        "salvage",
        data.to_str().unwrap(),
        "--out",
        beside.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_backup_is_readable_only_for_its_owner_and_its_sum_is_printed() {
    let backup = salvage(&data_dir("etcd-3.5.30"), &[]);
    let mode = fs::metadata(&backup.out).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let sum = Command::new("sha256sum").arg(&backup.out).output().unwrap();
    let sum = String::from_utf8_lossy(&sum.stdout).into_owned();
    assert_eq!(
        sum.split_whitespace().next(),
        backup.json["sha256"].as_str()
    );
}

#[test]
fn a_dry_run_writes_nothing_and_says_the_same() {
    let path = data_dir("etcd-3.5.30-killed");
    let real = salvage(&path, &[]);
    let dry = salvage(&path, &["--dry-run"]);
    assert!(!dry.out.exists());
    for field in ["revision", "keys", "records", "stale", "unrecoverable"] {
        assert_eq!(dry.json[field], real.json[field], "{field}");
    }
}

/// A limit on the size of files stands for a disk that is full.
#[test]
fn a_full_disk_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.db");
    let script = format!(
        "trap '' XFSZ; ulimit -f 64; exec {BINARY} --no-config salvage {} --out {}",
        data_dir("etcd-3.5.30").display(),
        out.display()
    );
    let output = Command::new("/bin/bash")
        .args(["-c", &script])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_killed_run_leaves_no_file_of_the_final_name() {
    let path = data_dir("k8s-1.20-etcd35");
    let seal = Seal::read(&path);
    for milliseconds in [5, 20, 60, 120, 250] {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out.db");
        let mut child = Command::new(BINARY)
            .args(["--no-config", "salvage", path.to_str().unwrap(), "--out"])
            .arg(&out)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        let _ = child.kill();
        let status = child.wait().unwrap();
        if out.exists() {
            // It had been written whole before.
            let checked = run(&["check", out.to_str().unwrap(), "--quick"]);
            assert_eq!(checked.status.code(), Some(0), "{status}");
        }
    }
    seal.assert_unchanged();
}
