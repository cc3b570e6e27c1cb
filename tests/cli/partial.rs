//! What of the evidence cannot be read is not called missing, and what fails its sum is not called healthy.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::sealed;

fn sh(line: &str, folder: &Path) {
    let mut shell = Command::new("sh");
    let output = shell.args(["-c", line]).current_dir(folder).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
}

fn has(program: &str) -> bool {
    let mut shell = Command::new("sh");
    let output = shell
        .args(["-c", &format!("command -v {program}")])
        .output();
    output.is_ok_and(|output| output.status.success())
}

/// An archive in which the log is encrypted and the db is not.
fn encrypted_archive(folder: &Path) -> Option<PathBuf> {
    if !has("zip") {
        eprintln!("skipped: no zip here");
        return None;
    }
    let data = testkit::copy_of(&testkit::data_dir("lagging-3.5.30"));
    let parent = data.parent().unwrap();
    let name = data.file_name().unwrap().to_str().unwrap();
    let zip = folder.join("encrypted.zip");
    let zip = zip.to_str().unwrap();
    sh(
        &format!("zip -qr -P secret {zip} {name}/member/wal"),
        parent,
    );
    sh(&format!("zip -qr {zip} {name}/member/snap"), parent);
    Some(PathBuf::from(zip))
}

#[test]
fn a_part_that_cannot_be_read_is_not_called_missing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(zip) = encrypted_archive(folder.path()) else {
        return;
    };
    let said = sealed(
        folder.path(),
        ["check", zip.to_str().unwrap(), "-o", "json"],
    )
    .json();
    let causes = said["cause"].as_array().unwrap();
    let codes: Vec<&str> = causes
        .iter()
        .map(|cause| cause["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["DIR-023"], "{said}");
}

#[test]
fn a_backup_with_a_wrong_sum_is_not_healthy_for_status_either() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup.db");
    let mut bytes = std::fs::read(testkit::data_dir("etcd-3.5.30").join("member/snap/db")).unwrap();
    bytes.extend([7; 32]);
    std::fs::write(&path, bytes).unwrap();
    let said = sealed(
        folder.path(),
        ["status", path.to_str().unwrap(), "-o", "json"],
    );
    assert_eq!(said.code, 1, "{}", said.out);
    assert_eq!(said.json()["cause"][0]["code"], "SNAP-011");
}
