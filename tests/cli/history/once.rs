//! One write is one row, also where pages of the db are damaged and the log has the same write.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use testkit::fixture_copy;

use super::{K8S, ask};
use crate::run::sealed;

const PAGE: usize = 4096;
/// Writes and deletes that the member has seen: `truth/history.jsonl.zst`.
const WRITES: usize = 4_270;
const DELETES: usize = 157;

/// Pages of its db, chosen at random: leaves, branches, and those within long values.
const PAGES: [usize; 29] = [
    63, 128, 222, 427, 473, 652, 755, 897, 1019, 1030, 1031, 1056, 1154, 1478, 1532, 1569, 1681,
    1917, 1931, 2181, 2237, 2360, 2561, 2668, 2680, 2838, 3004, 3040, 3048,
];

/// A copy of the member of which these pages are zeroed.
fn zeroed() -> testkit::Copy {
    let copy = fixture_copy(K8S);
    let db = copy.data_dir().join("member/snap/db");
    let mut bytes = fs::read(&db).unwrap();
    for page in PAGES {
        bytes[page * PAGE..(page + 1) * PAGE].fill(0);
    }
    fs::write(&db, bytes).unwrap();
    copy
}

fn rows(data: &Path, words: &[&str]) -> Vec<Value> {
    let mut all = words.to_vec();
    all.extend(["-o", "json", "-d", data.to_str().unwrap()]);
    let said = sealed(data, all);
    assert_eq!(said.code, 3, "{words:?} {}", said.err);
    said.rows()
}

#[test]
fn a_write_of_a_damaged_db_is_listed_once_in_every_verb() {
    let copy = zeroed();
    let data = copy.data_dir();
    let changes = rows(&data, &["changes", "--all", "--last", "0"]);
    let timeline = rows(&data, &["timeline", "--all", "--kind", "put,delete"]);
    for (verb, rows) in [("changes", &changes), ("timeline", &timeline)] {
        let mut deletes: BTreeMap<&str, usize> = BTreeMap::new();
        let mut revisions = BTreeSet::new();
        for row in rows {
            if let Some(revision) = row["revision"].as_i64() {
                let key = row["key"].as_str().unwrap_or_default();
                assert!(revisions.insert((revision, key)), "{verb}: {row}");
            }
            if row["op"] == "delete" {
                *deletes
                    .entry(row["key"].as_str().unwrap_or_default())
                    .or_default() += 1;
            }
        }
        assert!(rows.len() <= WRITES, "{verb}: {} rows", rows.len());
        let count: usize = deletes.values().sum();
        assert_eq!(count, DELETES, "{verb}");
    }
    let last = rows(&data, &["changes"]);
    assert_eq!(last.len(), 20);
    assert!(last.iter().all(|row| row["time"].is_string()), "{last:?}");
}

#[test]
fn a_delete_is_no_renewal_and_what_is_left_out_adds_up() {
    let deletes = |words: &[&str]| {
        let rows = ask(K8S, &[words, &["-o", "json"]].concat()).rows();
        let revisions = rows.iter().map(|row| row["revision"].as_i64().unwrap());
        revisions.collect::<BTreeSet<_>>()
    };
    let of_changes = deletes(&["changes", "--ops", "delete", "--last", "0"]);
    assert_eq!(of_changes.len(), DELETES);
    assert_eq!(deletes(&["timeline", "--kind", "delete"]), of_changes);
    let folded = ask(K8S, &["timeline", "-o", "json"]).json()["folded"].clone();
    let query = "select count(*) n from versions where key like '%/masterleases/%' and version > 1";
    let updates = ask(K8S, &["sql", query, "-o", "json"]).rows()[0]["n"].clone();
    assert_eq!(folded["renewals of API servers"], updates);
}

#[test]
fn what_a_finding_says_to_do_next_is_the_same_in_the_table() {
    let copy = zeroed();
    let data = copy.data_dir();
    let text = data.to_str().unwrap();
    let check = sealed(&data, ["check", text, "-o", "json"]).json();
    let table = sealed(
        &data,
        ["sql", "select next from findings", text, "-o", "json"],
    );
    let of_table: Vec<Value> = table.rows().iter().map(|row| row["next"].clone()).collect();
    let of_check = check["findings"].as_array().unwrap();
    assert_eq!(of_table.len(), of_check.len());
    for (ours, finding) in of_table.iter().zip(of_check) {
        let ours = match ours.as_str() {
            Some(text) => serde_json::from_str(text).unwrap(),
            None => ours.clone(),
        };
        let wanted = &finding["next"];
        assert!(
            ours == *wanted || ours.is_null() && wanted == &serde_json::json!([]),
            "{ours} {wanted}"
        );
        assert!(!ours.to_string().contains("PATH"), "{ours}");
    }
}
