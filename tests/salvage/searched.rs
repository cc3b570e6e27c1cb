//! `search --carved` finds what no tree has any more, with its state and place.

use std::collections::BTreeSet;
use std::path::Path;

use etcd_inspect::member::Member;
use serde_json::Value;
use testkit::{Seal, data_dir, fixture_copy};

use crate::run;

fn searched(path: &Path, arguments: &[&str]) -> Vec<Value> {
    let seal = Seal::read(path);
    let mut all = vec!["search", "-o", "jsonl"];
    all.extend(arguments);
    all.extend(["-d", path.to_str().unwrap()]);
    let output = run(&all);
    seal.assert_unchanged();
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Every carved record whose revision the db has not.
fn carved(path: &Path) -> Vec<Value> {
    let member = Member::open(path).unwrap();
    let keyspace = member.readable_keyspace().unwrap();
    let has = |row: &Value| {
        let number = |field: &str| row[field].as_i64();
        let revision = number("revision").zip(number("sub"));
        revision.is_some_and(|(main, sub)| {
            let mut here = keyspace.between(main..=main);
            here.any(|version| version.revision.sub == sub)
        })
    };
    let output = run(&["carve", path.to_str().unwrap(), "-o", "jsonl"]);
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|row| !has(row))
        .collect()
}

#[test]
fn every_carved_key_is_found_with_its_state_and_place() {
    let path = data_dir("etcd-3.5.30");
    let without = searched(&path, &[".", "--in", "keys"]);
    let with = searched(&path, &[".", "--in", "keys", "--carved"]);
    let wanted = carved(&path);
    assert!(!wanted.is_empty());
    assert_eq!(with.len(), without.len() + wanted.len());
    let found = with.get(without.len()..).unwrap();
    for (row, wanted) in found.iter().zip(&wanted) {
        assert_eq!(row["where"], wanted["source"], "{row}");
        assert_eq!(row["revision"], wanted["revision"], "{row}");
        assert_eq!(row["state"], wanted["state"], "{row}");
        assert_eq!(row["key"], wanted["key"], "{row}");
        assert_eq!(row["live"], false, "{row}");
        let place = row["place"].as_str().unwrap();
        assert!(place.contains("page"), "{place}");
    }
}

#[test]
fn a_value_that_was_compacted_is_found_in_its_free_page_alone() {
    let path = data_dir("etcd-3.5.30");
    let compacted = carved(&path);
    let row = compacted.iter().find(|row| {
        row["value"]
            .as_str()
            .is_some_and(|value| value.len() > 24 && value.is_ascii())
    });
    let value = &row.unwrap()["value"].as_str().unwrap()[..24];
    let found = searched(&path, &["-F", value, "--in", "values,history", "--carved"]);
    let here = |found: &&Value| found["revision"] == row.unwrap()["revision"];
    assert_eq!(found.iter().filter(here).count(), 1, "{found:?}");
}

/// No meta page can be used.
#[test]
fn a_db_that_cannot_be_read_is_searched_record_by_record() {
    let copy = fixture_copy("etcd-3.5.30");
    testkit::damage::zero(&copy.data_dir().join("member/snap/db"), 0..8192);
    let found = searched(&copy.data_dir(), &[".", "--in", "keys", "--carved"]);
    assert!(found.len() > 100, "{} records", found.len());
    // The log is whole, and stands for the db.
    let keys = |found: &[Value]| -> BTreeSet<String> {
        let keys = found.iter().filter_map(|row| row["key"].as_str());
        keys.map(str::to_owned).collect()
    };
    let logged = keys(&found);
    assert!(found.iter().all(|row| row["where"] == "wal"), "{found:?}");
    let alone = searched(
        &copy.data_dir().join("member/snap/db"),
        &[".", "--in", "keys", "--carved"],
    );
    assert!(alone.len() > 100, "{} records", alone.len());
    let unknown = |row: &Value| row["state"] == "unknown" && row["where"] == "no tree";
    assert!(alone.iter().all(unknown), "{:?}", alone.first());
    assert!(keys(&alone).is_subset(&logged));
}
