//! `changes` and `keys --deleted` over real members.

use std::collections::BTreeMap;

use serde_json::Value;
use testkit::fixture;

use super::{K8S, ask, lines};

fn rows(member: &str, words: &[&str]) -> Vec<Value> {
    let said = ask(member, &[&["changes", "-o", "json"], words].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    said.rows().to_vec()
}

#[test]
fn a_range_delete_and_an_expired_lease_are_one_row_each() {
    let rows = rows("etcd-3.5.30", &["--ops", "delete", "--last", "100"]);
    let cause = |wanted: &str| {
        let found = rows.iter().find(|row| {
            let cause = row["cause"].as_str().unwrap_or_default();
            cause.starts_with(wanted) && row["keys"].as_i64() > Some(1)
        });
        found.unwrap_or_else(|| panic!("no {wanted} in {rows:?}"))
    };
    assert_eq!(cause("delete_range /registry/things/ns1/")["keys"], 4);
    assert_eq!(cause("lease_revoke")["keys"], 7);
    // Compacted in the db, and still in the log.
    assert!(rows.iter().any(|row| row["source"] == "wal"), "{rows:?}");
}

#[test]
fn deletions_are_those_that_a_watch_saw() {
    let events = lines(&fixture(K8S).join("truth/history.jsonl.zst"));
    let wanted: Vec<i64> = events
        .iter()
        .filter(|event| {
            event["type"]
                .as_str()
                .is_some_and(|kind| kind.eq_ignore_ascii_case("delete"))
        })
        .map(|event| event["rev"].as_i64().unwrap())
        .collect();
    let rows = rows(K8S, &["--ops", "delete", "--last", "30"]);
    let ours: Vec<i64> = rows
        .iter()
        .map(|row| row["revision"].as_i64().unwrap())
        .collect();
    assert_eq!(ours.len(), 30);
    assert!(wanted.ends_with(&ours), "{ours:?}");
    assert!(rows.iter().all(|row| row["time"].is_string()));
}

#[test]
fn every_write_is_a_row_with_all_and_who_is_the_manager_in_the_object() {
    let events = lines(&fixture(K8S).join("truth/history.jsonl.zst"));
    let rows = rows(K8S, &["--all", "--last", "500"]);
    assert_eq!(rows.len(), 500);
    let objects: BTreeMap<i64, &Value> = events
        .iter()
        .map(|event| (event["rev"].as_i64().unwrap(), &event["object"]))
        .collect();
    let mut named = 0;
    for row in rows
        .iter()
        .filter(|row| row["who_source"] == "managed_fields")
    {
        let object = objects[&row["revision"].as_i64().unwrap()];
        let managers = object["metadata"]["managedFields"].as_array().unwrap();
        assert!(
            managers.iter().any(|entry| entry["manager"] == row["who"]),
            "{row}"
        );
        named += 1;
    }
    assert!(named > 100, "{named}");
}

#[test]
fn a_rollout_and_the_deletion_of_a_namespace_are_found_with_one_command() {
    let words = [
        "--since",
        "2026-11-21T01:17:48Z",
        "--until",
        "2026-11-21T01:17:51Z",
        "-n",
        "team-b",
    ];
    let rollout = rows(K8S, &words);
    let web = rollout
        .iter()
        .find(|row| row["kind"] == "Deployment" && row["name"] == "team-b/web")
        .unwrap();
    let image = "spec.template.spec.containers[c].image";
    assert!(
        web["changed"]
            .as_array()
            .unwrap()
            .iter()
            .any(|path| path == image),
        "{web}"
    );
    let doomed = rows(K8S, &["--ops", "delete", "-n", "doomed", "--last", "50"]);
    assert_eq!(doomed.last().unwrap()["kind"], "Namespace");
    assert!(
        doomed.iter().any(|row| row["name"] == "doomed/last"),
        "{doomed:?}"
    );
}

#[test]
fn what_is_written_all_the_time_is_counted_and_not_listed() {
    let said = ask(K8S, &["changes", "--last", "30", "-o", "json"]);
    assert!(said.json()["folded"].as_u64() > Some(50));
    assert!(said.err.contains("renewed Leases"), "{}", said.err);
    assert_eq!(said.err.matches("WHO is empty").count(), 1);
    let few = rows(K8S, &["--last", "7"]);
    assert_eq!(few.as_slice(), &said.rows()[said.rows().len() - 7..]);
}

#[test]
fn deleted_keys_have_the_time_and_version_of_their_deletion() {
    let said = ask(K8S, &["keys", "--deleted", "-o", "json"]);
    let deleted = rows(K8S, &["--ops", "delete", "--last", "100000"]);
    for row in said.rows() {
        let change = deleted
            .iter()
            .find(|change| {
                change["key"] == row["key"] && change["revision"] == row["deleted_revision"]
            })
            .unwrap();
        assert_eq!(
            (&row["time"], &row["version"]),
            (&change["time"], &change["version"])
        );
    }
}

#[test]
fn notes_count_the_rows_that_are_shown_and_versions_of_several_keys_are_not_mixed_up() {
    let empty = |words: &[&str]| {
        let said = ask(
            K8S,
            &[&["history", "pods", "-n", "team-b", "-o", "json"], words].concat(),
        );
        let empty = said
            .rows()
            .iter()
            .filter(|row| row["who"].is_null())
            .count();
        assert!(
            said.err.contains(&format!("WHO is empty in {empty} rows")),
            "{empty}: {}",
            said.err
        );
        // The log begins with the store: no version is missing.
        assert!(!said.err.contains("in neither db nor WAL"), "{}", said.err);
        empty
    };
    assert!(empty(&["--limit", "5"]) < empty(&[]));
    let said = ask(
        K8S,
        &["history", "deploy/web", "-n", "prod", "--limit", "3"],
    );
    assert!(!said.err.contains("WHO is empty"), "{}", said.err);
    assert!(
        said.err.contains("WHO unknown: managedFields"),
        "{}",
        said.err
    );
    // Sums have no column WHO, or a row of their own for it.
    for by in ["resource", "namespace", "who"] {
        let said = ask(K8S, &["changes", "--by", by]);
        assert!(!said.err.contains("WHO"), "{}", said.err);
    }
}
