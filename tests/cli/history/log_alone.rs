//! The log alone answers if the db cannot be read.

use std::fs;
use std::path::Path;

use serde_json::Value;
use testkit::{Copy, data_dir, fixture_copy};

use super::K8S;
use crate::run::{RunResult, sealed};

const DB: &str = "member/snap/db";
/// What `history` and the others are asked, each with `-o json`.
const QUESTIONS: [&[&str]; 4] = [
    &["history", "deploy/api", "-n", "team-b", "-d"],
    &["changes", "--all", "--last", "400"],
    &["keys", "--rev", "1500"],
    &["search", "nginx", "--in", "wal"],
];

fn ask(data: &Path, words: &[&str]) -> RunResult {
    let mut args = words.to_vec();
    args.extend([data.to_str().unwrap(), "-o", "json"]);
    sealed(data, args)
}

/// A member whose db was broken.
fn broken(member: &str, harm: impl FnOnce(&Path)) -> Copy {
    let copy = fixture_copy(member);
    harm(&copy.data_dir().join(DB));
    copy
}

/// A name, and what it does to the db.
type Harm = (&'static str, fn(&Path));

fn zero_metas(db: &Path) {
    let mut bytes = fs::read(db).unwrap();
    bytes[..8192].fill(0);
    fs::write(db, bytes).unwrap();
}

/// What a row says, without where it is from.
fn without_source(rows: &[Value]) -> Vec<[Value; 8]> {
    let fields = [
        "revision",
        "sub",
        "op",
        "version",
        "key",
        "time",
        "who",
        "value_bytes",
    ];
    rows.iter()
        .map(|row| fields.map(|field| row[field].clone()))
        .collect()
}

#[test]
fn a_log_from_entry_1_answers_as_the_db_did() {
    let harms: [Harm; 3] = [
        ("missing", |db| fs::remove_file(db).unwrap()),
        ("empty", |db| fs::write(db, "").unwrap()),
        ("no meta", zero_metas),
    ];
    let of_db = QUESTIONS.map(|question| without_source(&ask(&data_dir(K8S), question).rows()));
    for (name, harm) in harms {
        let copy = broken(K8S, harm);
        for (question, of_db) in QUESTIONS.into_iter().zip(&of_db) {
            let what = format!("{name}: {question:?}");
            let found = ask(&copy.data_dir(), question);
            assert_eq!(found.code, 0, "{what}: {}", found.err);
            let notes = found.err.matches("the log alone answers").count();
            assert_eq!(notes, 1, "{what}: {}", found.err);
            assert!(found.err.contains("revs 2–4,271"), "{what}: {}", found.err);
            let rows = found.rows();
            assert!(rows.len() > 3, "{what}");
            if question[0] == "search" {
                assert!(rows.iter().all(|row| row["where"] == "wal"), "{what}");
                // An object, not its bytes.
                let field = "spec.template.spec.containers[0].image";
                assert!(rows.iter().any(|row| row["field"] == field), "{what}");
                continue;
            }
            assert!(rows.iter().all(|row| row["source"] == "wal"), "{what}");
            assert_eq!(without_source(&rows), *of_db, "{what}");
        }
    }
}

#[test]
fn what_may_be_missing_is_said() {
    let copy = broken(K8S, |db| fs::remove_file(db).unwrap());
    let wal = copy.data_dir().join("member/wal");
    let segment = fs::read_dir(&wal).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&segment).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[used / 2..used / 2 + 200].fill(0xff);
    fs::write(&segment, bytes).unwrap();
    for question in QUESTIONS {
        let found = ask(&copy.data_dir(), question);
        assert_eq!(found.code, 3, "{question:?}: {}", found.err);
        assert!(
            found.err.contains("missing or damaged"),
            "{question:?}: {}",
            found.err
        );
    }
}

/// The store came with the backup: what an entry counts from is not known.
#[test]
fn the_log_of_a_restored_member_gives_no_revisions() {
    for member in ["restored-bumped-started-3.5.16", "restored-plain-3.5.30"] {
        let copy = broken(member, |db| fs::remove_file(db).unwrap());
        for question in [&["changes"][..], &["keys"], &["keys", "--carved"]] {
            let found = ask(&copy.data_dir(), question);
            let has_rows = found.code == 0 && !found.rows().is_empty();
            assert!(!has_rows, "{member}: {question:?}: {}", found.out);
        }
    }
}
