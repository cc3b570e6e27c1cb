//! "Partial" is 3, in every form: where a part of the evidence cannot be read, exit status, text and JSON of every verb say so, and
//! where they do not, none of them does.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use serde_json::Value;
use testkit::verbs::{self, Subject, on_all_cores};

use crate::run::{command, sealed};

const BINARY: &str = env!("CARGO_BIN_EXE_etcd-inspect");
/// Verbs that take no archive, or whose answer is not about what is in it.
const OTHERS: [&str; 8] = [
    "carve", "decode", "doctor", "manifest", "page", "redact", "serve", "tui",
];

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

/// An archive of which the last part cannot be read: the db is whole, the log is not.
fn damaged_archive(folder: &Path) -> PathBuf {
    let data = testkit::data_dir("lagging-3.5.30");
    let name = data.file_name().unwrap().to_str().unwrap();
    let parent = data.parent().unwrap().to_str().unwrap();
    let line = format!(
        "tar -cf - -C '{parent}' {name}/member/snap {name}/member/wal | gzip -1 > damaged.tar.gz"
    );
    sh(&line, folder);
    let path = folder.join("damaged.tar.gz");
    let mut bytes = std::fs::read(&path).unwrap();
    // Within the log, whose records come after the db.
    let at = bytes.len() * 2 / 3;
    bytes[at] ^= 0x10;
    std::fs::write(&path, bytes).unwrap();
    path
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

/// What one run says of itself.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    code: i32,
    text: bool,
    json: bool,
}

fn ask(words: &[String]) -> (i32, String, String) {
    let mut asked = command();
    let asked = asked.args(words).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = asked.status.code().unwrap_or(-1);
    (code, text(&asked.stdout), text(&asked.stderr))
}

/// Each verb once, in words and in JSON. `None`: it was refused, or it has no form in JSON.
fn said(words: &[String]) -> Option<(Said, String)> {
    let (code, _, err) = ask(words);
    let as_json: Vec<String> = words
        .iter()
        .cloned()
        .chain(["-o".into(), "json".into()])
        .collect();
    let (code_of_json, out, err_of_json) = ask(&as_json);
    let is_refused = |code: i32| code == 2 || code == -1;
    if is_refused(code) || is_refused(code_of_json) {
        return None;
    }
    let text = err.contains("the answer is partial");
    let json = match serde_json::from_str::<Value>(&out) {
        Ok(document) => !document["partial"].is_null(),
        // Without an answer the error is reported after what makes it doubtful.
        Err(_) => err_of_json.contains("the answer is partial"),
    };
    let all = format!("{words:?}: {code} and {code_of_json}\n{err}{err_of_json}");
    assert_eq!(code, code_of_json, "{all}");
    Some((Said { code, text, json }, all))
}

/// Contradictions of every verb over one piece of evidence; `lacks`: whether a part of it cannot be read.
fn contradictions(path: &Path, lacks: bool) -> Vec<String> {
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("file");
    std::fs::File::create(&file)
        .unwrap()
        .write_all(b"x")
        .unwrap();
    let subject = Subject {
        key: "/app/01",
        prefix: "/app/",
        ..Subject::new(path, &file, outside.path())
    };
    let mut lines = subject.lines(BINARY);
    lines.retain(|line| {
        verbs::reads_evidence(line)
            && !OTHERS.contains(&line[0].as_str())
            && !line
                .iter()
                .any(|word| word == "-o" || word == "--wal-dir" || word == "--format")
    });
    let mut seen = std::collections::BTreeMap::new();
    for line in &lines {
        *seen.entry(line[0].clone()).or_insert(0) += 1;
    }
    assert!(seen.len() > 15, "{seen:?}");
    // The first two ways of asking each verb.
    let mut taken = std::collections::BTreeMap::new();
    lines.retain(|line| {
        let count = taken.entry(line[0].clone()).or_insert(0);
        *count += 1;
        *count <= 2
    });
    let wrong = Mutex::new(Vec::new());
    on_all_cores(lines, |line| {
        let Some((said, all)) = said(&line) else {
            return;
        };
        let partial = said.code == 3;
        if said.text != partial || said.json != partial || (lacks && !partial) {
            wrong.lock().unwrap().push(format!("{said:?} {all}"));
        }
    });
    wrong.into_inner().unwrap()
}

#[test]
fn where_a_part_cannot_be_read_every_verb_says_so_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = contradictions(&damaged_archive(folder.path()), true);
    if let Some(zip) = encrypted_archive(folder.path()) {
        wrong.extend(contradictions(&zip, true));
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
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
