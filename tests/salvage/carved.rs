//! `carve`: what free pages still hold is what once was written, and nothing else.

use serde_json::Value;
use testkit::{Seal, data_dir};

use crate::run;

fn carved(path: &std::path::Path, flags: &[&str]) -> Vec<Value> {
    let seal = Seal::read(path);
    let mut arguments = vec!["carve", path.to_str().unwrap(), "-o", "jsonl"];
    arguments.extend(flags);
    let output = run(&arguments);
    seal.assert_unchanged();
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The log of this member begins with its first entry, so every record that was ever written is known.
#[test]
fn every_carved_record_was_written_by_an_entry_of_the_log() {
    let path = data_dir("etcd-3.5.30");
    let rows = carved(&path, &[]);
    assert!(rows.len() > 10, "{} records", rows.len());
    let log = std::fs::read(path.join("member/wal/0000000000000000-0000000000000000.wal")).unwrap();
    for row in &rows {
        let revision = row["revision"].as_i64().unwrap();
        assert!((2..=219).contains(&revision), "{row}");
        if let Some(key) = row["key"].as_str() {
            let named = log.windows(key.len()).any(|bytes| bytes == key.as_bytes());
            assert!(named, "no entry of the log names {key}");
        }
    }
    let states: std::collections::BTreeSet<&str> = rows
        .iter()
        .filter_map(|row| row["state"].as_str())
        .collect();
    assert!(
        states.contains("deleted") || states.contains("compacted"),
        "{states:?}"
    );
}

#[test]
fn only_the_states_that_are_asked_for_are_listed() {
    let path = data_dir("etcd-3.5.30");
    let all = carved(&path, &[]);
    let deleted = carved(&path, &["--state", "deleted"]);
    let of_all = all.iter().filter(|row| row["state"] == "deleted").count();
    assert_eq!(deleted.len(), of_all);
}

#[test]
fn a_secret_that_was_deleted_is_listed_without_its_data() {
    let rows = carved(
        &data_dir("k8s-1.20-etcd35"),
        &["--prefix", "/registry/secrets/"],
    );
    for row in rows {
        let text = row.to_string();
        assert!(!text.contains("eyJhbGciOi"), "a token is shown: {text}");
    }
}

#[test]
fn a_key_that_existed_before_what_the_compaction_left_is_not_called_created_later() {
    let db = data_dir("cluster3-3.4.23/m2").join("member/snap/db");
    let member = etcd_inspect::member::Member::open(&db).unwrap();
    let keyspace = member.readable_keyspace().unwrap();
    let live = keyspace.live(&etcd_inspect::mvcc::KeyRange::all(), None);
    let mut asked = 0;
    for version in live.unwrap().iter() {
        let created = version.key_value().unwrap().create_revision;
        let first = keyspace
            .records_of(version.key)
            .get(0)
            .unwrap()
            .revision
            .main;
        let Ok(key) = std::str::from_utf8(version.key) else {
            continue;
        };
        if created >= first {
            continue;
        }
        let (at, path) = (created.to_string(), db.to_str().unwrap());
        let output = run(&["get", "--key", key, "--rev", &at, "--carved", "-d", path]);
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(!err.contains("created later"), "{key} at {at}: {err}");
        let wanted = format!("was created at rev {created} and existed");
        assert!(
            output.status.success() || output.status.code() == Some(3) || err.contains(&wanted),
            "{key} at {at}: {err}"
        );
        asked += 1;
    }
    assert!(asked > 3, "{asked}");
}
