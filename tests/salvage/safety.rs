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
    // A part of a data directory that is given is all of it.
    for part in ["member", "member/snap", "member/snap/db", "member/wal"] {
        for out in [
            "out.db",
            "member/out.db",
            "member/snap/out.db",
            "member/wal/out.db",
        ] {
            let said = refused(&data.join(part), &data.join(out));
            assert!(
                said.contains("inside or above the evidence"),
                "{part}: {said}"
            );
        }
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

/// Runs a script of a shell in a mount namespace of its own; `None` if that is not permitted.
fn in_own_mounts(script: &str) -> Option<std::process::Output> {
    let permitted = Command::new("unshare").args(["-m", "true"]).status();
    if !permitted.is_ok_and(|status| status.success()) {
        eprintln!("no mount namespace here: unshare -m is not permitted");
        return None;
    }
    let output = Command::new("unshare")
        .args(["-m", "/bin/sh", "-ec", script])
        .output();
    Some(output.unwrap())
}

#[test]
fn nothing_is_written_into_the_evidence_through_a_bind_mount() {
    let copy = fixture_copy("etcd-3.5.30");
    let data = copy.data_dir();
    let elsewhere = tempfile::tempdir().unwrap();
    let seal = Seal::read(&data);
    for inside in ["", "member", "member/wal", "member/snap"] {
        let mount = elsewhere.path().join("mount");
        fs::create_dir_all(&mount).unwrap();
        let script = format!(
            "mount --bind {} {mount}; {BINARY} --no-config salvage {} --out {mount}/out.db; echo exit $?",
            data.join(inside).display(),
            data.display(),
            mount = mount.display(),
        )
        .replace("; echo", " || echo");
        let Some(output) = in_own_mounts(&script) else {
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.contains("inside or above the evidence"),
            "bind mount of {inside:?}: {said}"
        );
    }
    seal.assert_unchanged();
}

/// A part of a data directory that is reached by another name: the directory is evidence all the same.
#[test]
fn nothing_is_written_beside_a_part_that_is_mounted_or_linked_elsewhere() {
    let copy = fixture_copy("etcd-3.5.30");
    let data = copy.data_dir();
    let elsewhere = tempfile::tempdir_in(data.parent().unwrap()).unwrap();
    let linked = elsewhere.path().join("linked.db");
    fs::hard_link(data.join("member/snap/db"), &linked).unwrap();
    for out in [data.join("x.db"), data.join("member/x.db")] {
        let said = refused(&linked, &out);
        assert!(said.contains("inside or above the evidence"), "{said}");
    }
    let mount = elsewhere.path().join("mount");
    fs::create_dir(&mount).unwrap();
    for out in [data.join("x.db"), data.join("member/x.db")] {
        let script = format!(
            "mount --bind {} {mount}; {BINARY} --no-config salvage {mount} --out {} || echo exit $?",
            data.join("member/snap").display(),
            out.display(),
            mount = mount.display(),
        );
        let Some(output) = in_own_mounts(&script) else {
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("inside or above the evidence"), "{said}");
    }
}

/// The log of many directories is on a disk of its own, reached through a link.
#[test]
fn nothing_is_written_beside_a_log_that_is_reached_through_a_link() {
    let copy = fixture_copy("etcd-3.5.30");
    let data = copy.data_dir();
    let disk = tempfile::tempdir().unwrap();
    let wal = disk.path().join("wal");
    let moved = Command::new("mv")
        .arg(data.join("member/wal"))
        .arg(&wal)
        .status();
    assert!(moved.unwrap().success());
    std::os::unix::fs::symlink(&wal, data.join("member/wal")).unwrap();
    let said = refused(&data, &wal.join("out.db"));
    assert!(said.contains("inside or above the evidence"), "{said}");
}

#[test]
fn a_full_file_system_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().display();
    let script = format!(
        "mount -t tmpfs -o size=64k tmpfs {at}; {BINARY} --no-config salvage {} --out {at}/out.db || echo failed; ls -A {at}",
        data_dir("etcd-3.5.30").display()
    );
    let Some(output) = in_own_mounts(&script) else {
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.trim(), "failed", "{errors}");
    assert!(errors.contains("No space left"), "{errors}");
}

#[test]
fn an_interrupted_run_leaves_nothing() {
    let path = data_dir("k8s-1.20-etcd35");
    let signals = ["-INT", "-TERM", "-HUP"].into_iter().cycle();
    for (milliseconds, signal) in [30, 60, 100, 150, 200, 300].into_iter().zip(signals) {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out.db");
        let child = Command::new(BINARY)
            .args(["--no-config", "salvage", path.to_str().unwrap(), "--out"])
            .arg(&out)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        let interrupted = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        let output = child.wait_with_output().unwrap();
        let left: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        if output.status.success() || left == std::slice::from_ref(&out) {
            // The signal came after the file had got its name: then it is whole.
            assert_eq!(left, std::slice::from_ref(&out));
            let checked = crate::run(&["check", out.to_str().unwrap()]);
            assert!(checked.status.success(), "{checked:?}");
        } else {
            assert!(
                left.is_empty(),
                "{left:?} after {milliseconds} ms, {interrupted:?}"
            );
        }
    }
}

/// A limit on the size of files stands for a disk that is full.
#[test]
fn a_full_disk_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.db");
    let script = format!(
        "ulimit -f 64; exec {BINARY} --no-config salvage {} --out {}",
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
