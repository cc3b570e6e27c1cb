//! A WAL in a directory of its own: `--wal-dir`, as etcd's. Every verb answers as if the WAL were in `member/wal`.

use std::path::Path;

use serde_json::Value;
use testkit::{Seal, copy_of, data_dir};

use crate::run::{RunResult, etcd_inspect, sealed};

/// A member whose log has what its db lacks, with the WAL in a folder that needs quotes.
struct Parted {
    whole: tempfile::TempDir,
    data: String,
    wal: String,
}

fn parted() -> Parted {
    let whole = tempfile::tempdir().unwrap();
    let copy = copy_of(&data_dir("lagging-3.5.30"));
    let (data, wal) = (whole.path().join("data"), whole.path().join("etcd log"));
    std::fs::rename(&*copy, &data).unwrap();
    std::fs::rename(data.join("member/wal"), &wal).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (data, wal) = (text(&data), text(&wal));
    Parted { whole, data, wal }
}

impl Parted {
    fn ask(&self, words: &[&str]) -> RunResult {
        let both = ["--wal-dir", &self.wal, "-o", "json"];
        sealed(self.whole.path(), words.iter().copied().chain(both))
    }
}

/// What verbs say, without the places of files and the commands.
fn content(mut answer: Value) -> Value {
    fn clean(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for name in [
                    "path", "file", "next", "command", "place", "kind", "message", "files",
                    "effect", "findings", "notes", "name", "bytes", "cause",
                ] {
                    fields.remove(name);
                }
                fields.values_mut().for_each(clean);
            }
            Value::Array(items) => items.iter_mut().for_each(clean),
            _ => {}
        }
    }
    clean(&mut answer);
    answer
}

#[test]
fn every_verb_answers_as_if_the_wal_were_in_its_usual_place() {
    let parted = parted();
    let usual = data_dir("lagging-3.5.30");
    let usual = usual.to_str().unwrap();
    for (verb, flags) in [
        ("status", &["--replay"][..]),
        ("check", &["--etcd", "3.5.30"]),
        ("preflight", &["--for", "start", "--etcd", "3.5.30"]),
        ("preflight", &["--for", "restore", "--etcd", "3.5.30"]),
        ("preflight", &["--for", "force-new-cluster"]),
        ("keys", &["--replay"]),
        ("hashkv", &["--replay"]),
        ("leases", &["--replay"]),
        ("meta", &["--replay"]),
        ("wal", &[]),
        ("wal", &["--terms"]),
        ("timeline", &["--kind", "put,delete"]),
        ("salvage", &["--dry-run"]),
    ] {
        let words = |path: &str| -> Vec<String> {
            let words = [verb].into_iter().chain(flags.iter().copied());
            words.chain([path]).map(str::to_owned).collect()
        };
        let own = words(&parted.data);
        let own = parted.ask(&own.iter().map(String::as_str).collect::<Vec<_>>());
        let other = etcd_inspect(words(usual).into_iter().chain(["-o".into(), "json".into()]));
        assert_eq!(own.code, other.code, "{verb} {flags:?}: {}", own.err);
        let (own, other) = (content(own.json()), content(other.json()));
        assert!(own == other, "{verb} {flags:?}: {own}");
    }
}

#[test]
fn the_next_command_reads_the_same_evidence() {
    let parted = parted();
    for words in [&["status"][..], &["check"]] {
        let asked: Vec<&str> = words
            .iter()
            .copied()
            .chain([parted.data.as_str()])
            .collect();
        let answer = parted.ask(&asked).json();
        let next = answer["next"][0].as_str().unwrap();
        assert!(
            next.contains(&format!("--wal-dir '{}'", parted.wal)),
            "{next}"
        );
    }
}

#[test]
fn nothing_is_written_into_the_wal_directory() {
    let parted = parted();
    let out = format!("{}/out.db", parted.wal);
    let said = parted.ask(&["salvage", &parted.data, "--out", &out]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("E0002"), "{}", said.err);
}

#[test]
fn a_corrected_copy_has_the_wal_where_etcd_looks_for_it() {
    let copy = testkit::incidents::incident("W09").reproduce();
    let data = copy.data_dir();
    let log = copy.data_dir().parent().unwrap().join("log");
    std::fs::rename(data.join("member/wal"), &log).unwrap();
    let (seal, seal_of_log) = (Seal::read(&data), Seal::read(&log));
    let out = tempfile::tempdir().unwrap();
    let out = out.path().join("corrected");
    let said = etcd_inspect([
        "salvage",
        data.to_str().unwrap(),
        "--wal-dir",
        log.to_str().unwrap(),
        "--correct",
        "--out-dir",
        out.to_str().unwrap(),
    ]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let segments = std::fs::read_dir(out.join("member/wal")).unwrap().count();
    assert!(segments > 0, "{}", said.out);
    seal.assert_unchanged();
    seal_of_log.assert_unchanged();
}

#[test]
fn several_copies_are_given_a_wal_directory_each() {
    let parted = parted();
    let usual = copy_of(&data_dir("lagging-3.5.30"));
    let usual_text = usual.to_str().unwrap();
    let one = parted.ask(&["compare", &parted.data, usual_text]);
    assert_eq!(one.code, 2, "{}", one.out);
    let own = usual.join("member/wal");
    let both = parted.ask(&[
        "compare",
        usual_text,
        &parted.data,
        "--wal-dir",
        own.to_str().unwrap(),
    ]);
    let members = &both.json()["members"];
    assert_eq!(members[0]["served_revision"], members[1]["served_revision"]);
    assert_eq!(members[0]["served_revision"], 421);
}

#[test]
fn what_is_no_wal_directory_is_refused_and_an_empty_one_is_not() {
    let parted = parted();
    let no = sealed(
        parted.whole.path(),
        ["status", &parted.data, "--wal-dir", &parted.data],
    );
    assert_eq!(no.code, 2, "{}{}", no.out, no.err);
    assert!(no.err.contains("--wal-dir is the folder"), "{}", no.err);
    let empty = tempfile::tempdir().unwrap();
    let said = sealed(
        parted.whole.path(),
        [
            "status",
            &parted.data,
            "--wal-dir",
            empty.path().to_str().unwrap(),
        ],
    );
    assert!(
        said.out.contains("there is no WAL"),
        "{}{}",
        said.out,
        said.err
    );
}

#[test]
fn the_two_volumes_of_a_member_side_by_side_are_one_member() {
    let parted = parted();
    let wal = parted.whole.path().join("wal");
    std::fs::rename(&parted.wal, &wal).unwrap();
    let whole = parted.whole.path();
    let said = sealed(
        whole,
        ["status", "--replay", whole.to_str().unwrap(), "-o", "json"],
    );
    assert_eq!(said.json()["revision"], 421, "{}", said.err);
    assert!(
        said.err.contains("the WAL is not in member/wal"),
        "{}",
        said.err
    );
}
