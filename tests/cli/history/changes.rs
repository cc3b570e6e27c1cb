//! `changes` and `keys --deleted` over real members.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::fixture;
use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::Keyspace;

use super::{K8S, ask, lines};
use crate::run::sealed;

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

#[test]
fn what_is_left_out_is_counted_by_what_it_changed() {
    let all = rows(K8S, &["--all", "--last", "0"]);
    let said = ask(K8S, &["changes", "--last", "0", "-o", "json"]);
    let shown: Vec<Value> = said
        .rows()
        .iter()
        .map(|row| row["revision"].clone())
        .collect();
    let hidden = all.iter().filter(|row| !shown.contains(&row["revision"]));
    let (mut status, mut unshown) = (0, 0);
    for row in hidden.filter(|row| !["Lease", "Event"].contains(&row["kind"].as_str().unwrap())) {
        let changed = row["changed"].as_array().unwrap();
        let is_status = |path: &Value| path.as_str().unwrap().starts_with("status");
        let is_address = row["key"].as_str().unwrap().contains("/masterleases/");
        match changed.is_empty() {
            _ if is_address => {}
            true => unshown += 1,
            false if changed.iter().all(is_status) => status += 1,
            false => panic!("{row}"),
        }
    }
    for (count, what) in [
        (status, "of status only"),
        (unshown, "of managedFields or resourceVersion only"),
    ] {
        assert_eq!(
            said.err.contains(what),
            count > 0,
            "{what}: {count}: {}",
            said.err
        );
        let has_count = said.err.replace(',', "").contains(&format!(" {count} "));
        assert!(count == 0 || has_count, "{what}: {count}: {}", said.err);
    }
}

/// A db in which a ConfigMap is written with the same bytes, and with other managedFields only.
fn rewritten(folder: &Path) -> PathBuf {
    let mut keyspace = Keyspace::new();
    let object = |manager: &str| {
        let json = serde_json::json!({
            "kind": "ConfigMap", "apiVersion": "v1", "data": {"a": "1"},
            "metadata": {"name": "a", "namespace": "shop", "managedFields": [{"manager": manager}]},
        });
        json.to_string()
    };
    for (name, manager) in [("a", "m"), ("a", "m"), ("b", "m"), ("b", "n")] {
        let key = format!("/registry/configmaps/shop/{name}");
        keyspace.put(key.as_bytes(), object(manager).as_bytes());
    }
    let db = DbBuilder::etcd().bucket("key", keyspace.records()).build();
    let file = folder.join("rewritten.db");
    fs::write(&file, db).unwrap();
    file
}

#[test]
fn a_write_of_the_same_value_is_listed_and_one_of_managed_fields_only_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = rewritten(folder.path());
    let path = file.to_str().unwrap();
    let said = sealed(&file, ["changes", "--last", "0", "-d", path]);
    assert_eq!(
        said.out.matches("the same value again").count(),
        1,
        "{}",
        said.out
    );
    let hidden = "1 write of managedFields or resourceVersion only";
    assert!(said.err.contains(hidden), "{}", said.err);
    let said = sealed(&file, ["timeline", path]);
    assert_eq!(
        said.out.matches("the same value again").count(),
        1,
        "{}",
        said.out
    );
    assert!(
        said.err
            .contains("of managedFields or resourceVersion only"),
        "{}",
        said.err
    );
}

#[test]
fn a_difference_over_several_writes_names_no_author() {
    let history = |words: &[&str]| {
        ask(
            K8S,
            &[&["history", "deploy/api", "-n", "team-b"], words].concat(),
        )
    };
    let rows = history(&["-o", "json"]).rows();
    let main = |at: usize| rows[at]["revision"].to_string();
    let over = |from: usize, to: usize| {
        let said = history(&["--diff", "--from", &main(from), "--to", &main(to)]);
        said.out.lines().next().unwrap().to_owned()
    };
    let one = (1..rows.len())
        .find(|at| rows[*at]["who"].is_string())
        .unwrap();
    assert!(
        over(one - 1, one).contains("  by "),
        "{}",
        over(one - 1, one)
    );
    let several = over(0, 3);
    assert!(!several.contains(" by "), "{several}");
    assert!(several.ends_with("the last of 3 writes"), "{several}");
}

#[test]
fn a_key_that_ends_with_a_slash_is_a_prefix_as_it_is_for_get() {
    let of_prefix = ask(
        K8S,
        &["history", "/registry/deployments/team-b/", "-o", "json"],
    );
    let of_glob = ask(
        K8S,
        &["history", "/registry/deployments/team-b/**", "-o", "json"],
    );
    assert_eq!(of_prefix.rows(), of_glob.rows());
    assert!(!of_prefix.rows().is_empty());
}
