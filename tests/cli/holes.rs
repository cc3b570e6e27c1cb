//! Ranges of a file that have no blocks on disk, with data after them.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use testkit::{Copy, copy_of, data_dir};

use crate::run::{RunResult, command, sealed};

const PAGE: u64 = 4096;

/// Makes a hole of a range that had data.
fn punch(path: &Path, from: u64, to: u64) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::remove_file(path).unwrap();
    let file = std::fs::File::create(path).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    let data = |start: u64, end: u64| {
        // What was a hole stays one.
        for at in (start..end).step_by(4096) {
            let block = &bytes[at as usize..end.min(at + 4096) as usize];
            if block.iter().any(|byte| *byte != 0) {
                file.write_all_at(block, at).unwrap();
            }
        }
    };
    data(0, from);
    data(to, bytes.len() as u64);
}

fn with_hole(fixture: &str, file: &str, from: u64, to: u64) -> Copy {
    let copy = copy_of(&data_dir(fixture));
    punch(&copy.join(file), from, to);
    copy
}

fn check(path: &Path) -> Value {
    sealed(path, ["check", path.to_str().unwrap(), "-o", "json"]).json()
}

/// The codes of the causes, and the message of the first.
fn causes(said: &Value) -> (Vec<&str>, &str) {
    let causes = said["cause"].as_array().unwrap();
    let codes = causes.iter().map(|cause| cause["code"].as_str().unwrap());
    (codes.collect(), causes[0]["message"].as_str().unwrap())
}

#[test]
fn a_hole_in_the_middle_of_a_db_is_one_cause_with_its_bytes_and_pages() {
    let (from, to) = (1000 * PAGE, 1600 * PAGE);
    let copy = with_hole("k8s-1.20-etcd35", "member/snap/db", from, to);
    let said = check(&copy);
    let (codes, message) = causes(&said);
    assert_eq!(codes, ["DIR-024"], "{said}");
    assert!(
        message.contains("bytes 0x3e8000–0x63ffff (pages 1000–1599) are a hole, 2,457,600 of"),
        "{message}"
    );
    let explained = said["cause"][0]["explains"].as_array().unwrap();
    assert!(explained.len() > 40, "{explained:?}");
}

#[test]
fn a_hole_at_the_beginning_of_a_db_is_named_as_the_cause_of_its_lost_metas() {
    let copy = with_hole("k8s-1.20-etcd35", "member/snap/db", 0, 64 * PAGE);
    let said = check(&copy);
    let (codes, message) = causes(&said);
    assert_eq!(codes.first(), Some(&"DIR-024"), "{said}");
    assert!(
        message.contains("bytes 0x0–0x3ffff (pages 0–63) are a hole"),
        "{message}"
    );
}

#[test]
fn a_hole_in_a_segment_is_named_as_the_cause_of_the_log_that_ends_there() {
    let wal = "member/wal/0000000000000000-0000000000000000.wal";
    let copy = with_hole("k8s-1.20-etcd35", wal, 256 * PAGE, 300 * PAGE);
    let said = check(&copy);
    let (codes, message) = causes(&said);
    assert_eq!(codes.first(), Some(&"DIR-025"), "{said}");
    assert!(
        message.contains("bytes 0x100000–0x12bfff are a hole"),
        "{message}"
    );
    assert!(!codes.iter().any(|code| code.starts_with("WAL")), "{said}");
}

#[test]
fn holes_in_which_nothing_was_looked_for_are_no_damage() {
    for fixture in ["k8s-1.20-etcd35", "mid-compaction-3.5.30", "etcd-3.4.23"] {
        let copy = copy_of(&data_dir(fixture));
        let db = copy.join("member/snap/db");
        let sparse = copy.join("sparse");
        let mut cp = Command::new("cp");
        cp.arg("--sparse=always").arg(&db).arg(&sparse);
        assert!(cp.status().unwrap().success());
        std::fs::rename(&sparse, &db).unwrap();
        let said = check(&copy).to_string();
        assert!(
            !said.contains("DIR-024") && !said.contains("DIR-025"),
            "{said}"
        );
    }
}

/// A db of 100 GB that is a hole but for 16 MB, within 2 GB of memory and half a minute of processor time.
fn bounded(line: &[&str], path: &Path) -> RunResult {
    let mut limited = Command::new("prlimit");
    limited.args(["--data=2000000000", "--cpu=30", "--core=0", "--"]);
    limited.arg(command().get_program()).args(line).arg(path);
    let output = limited.env("HOME", "/nonexistent").output().unwrap();
    RunResult::from(output)
}

#[test]
fn a_db_of_a_hundred_gigabytes_that_is_a_hole_costs_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("large.db");
    let bytes = std::fs::read(data_dir("k8s-1.20-etcd35").join("member/snap/db")).unwrap();
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(100 << 30).unwrap();
    file.write_all_at(&bytes, 0).unwrap();
    file.write_all_at(&bytes[bytes.len() - (1 << 20)..], (100 << 30) - (1 << 20))
        .unwrap();
    for line in [
        &["check"][..],
        &["carve", "-o", "json"],
        &["salvage", "--include", "carved", "--dry-run"],
        &["keys", "--by-resource"],
        &["page", "--limit", "1"],
    ] {
        let said = bounded(line, &path);
        assert!(
            (0..=1).contains(&said.code),
            "{line:?}: {} {}",
            said.code,
            said.err
        );
    }
}
