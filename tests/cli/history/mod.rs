//! `history`, `search`, `certs`, `decode`, `--at` and `meta --encryption` over real clusters.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use testkit::{data_dir, fixture, unzstd};

use crate::run::{RunResult, command, etcd_inspect, sealed};

fn ask(member: &str, words: &[&str]) -> RunResult {
    let data = data_dir(member);
    let mut args = words.to_vec();
    args.extend(["-d", data.to_str().unwrap()]);
    sealed(&data, args)
}

fn lines(path: &std::path::Path) -> Vec<Value> {
    unzstd(path)
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

mod changes;
mod log_alone;
mod moments;
mod once;
mod one_clock;
mod one_history;
mod values;

const K8S: &str = "k8s-1.20-etcd35";
const ENCRYPTED: &str = "k8s-1.20-etcd35-enc";

#[test]
fn history_of_an_object_is_every_event_that_a_watch_gave() {
    let events = lines(&fixture(K8S).join("truth/history.jsonl.zst"));
    for key in [
        "/registry/deployments/prod/web",
        "/registry/namespaces/doomed",
        "/registry/leases/kube-node-lease/node-1",
    ] {
        let wanted: Vec<(i64, bool)> = events
            .iter()
            .filter(|event| event["key"] == key)
            .map(|event| {
                let kind = event["type"]
                    .as_str()
                    .or(event["op"].as_str())
                    .unwrap_or("");
                let revision = event["mod_revision"]
                    .as_i64()
                    .or(event["rev"].as_i64())
                    .unwrap();
                (revision, kind.eq_ignore_ascii_case("delete"))
            })
            .collect();
        assert!(!wanted.is_empty(), "{key}: {}", events[0]);
        let said = ask(K8S, &["history", key, "-o", "json"]);
        assert_eq!(said.code, 0, "{}", said.err);
        let ours: Vec<(i64, bool)> = said
            .rows()
            .iter()
            .map(|row| (row["revision"].as_i64().unwrap(), row["op"] == "delete"))
            .collect();
        assert_eq!(ours, wanted, "{key}");
        assert!(said.rows().iter().all(|row| row["source"] == "db"));
    }
}

#[test]
fn history_tells_when_who_and_what_and_diffs_show_the_lines() {
    let said = ask(K8S, &["history", "deploy/web", "-n", "prod", "-o", "json"]);
    let rows = said.rows();
    assert_eq!(rows[0]["version"], 1);
    let managers: BTreeSet<&str> = rows.iter().filter_map(|row| row["who"].as_str()).collect();
    assert!(managers.contains("kube-controller-manager"), "{managers:?}");
    let changed: BTreeSet<String> = rows
        .iter()
        .flat_map(|row| row["changed"].as_array().cloned().unwrap_or_default())
        .map(|path| path.as_str().unwrap().to_owned())
        .collect();
    assert!(changed.contains("status.replicas"), "{changed:?}");
    assert!(
        !changed
            .iter()
            .any(|path| path.contains("managedFields") || path.contains("resourceVersion"))
    );
    let times: Vec<&str> = rows.iter().filter_map(|row| row["time"].as_str()).collect();
    assert!(times.is_sorted() && !times.is_empty(), "{times:?}");
    let (from, to) = (
        rows[0]["revision"].to_string(),
        rows[rows.len() - 1]["revision"].to_string(),
    );
    let all = ask(K8S, &["history", "deploy/web", "-n", "prod", "--diff"]);
    assert!(
        all.out.matches("@@ ").count() > rows.len() / 2,
        "{}",
        all.out
    );
    let pair = ask(
        K8S,
        &[
            "history",
            "deploy/web",
            "-n",
            "prod",
            "--diff",
            "--from",
            &from,
            "--to",
            &to,
        ],
    );
    assert!(
        pair.out.contains(&format!("--- rev {from}")),
        "{}",
        pair.out
    );
    assert!(pair.out.contains(&format!("+++ rev {to}")), "{}", pair.out);
    assert!(
        pair.out
            .lines()
            .any(|line| line.starts_with('+') && line.contains("readyReplicas")),
        "{}",
        pair.out
    );
}

#[test]
fn versions_that_compaction_took_come_from_the_wal_with_their_revisions() {
    // Compacted at 132; the WAL begins with the first entry, so each write has its revision.
    let said = ask("etcd-3.5.30", &["history", "/plain/else", "-o", "json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let rows = said.rows();
    let versions: Vec<i64> = rows
        .iter()
        .map(|row| row["version"].as_i64().unwrap())
        .collect();
    assert_eq!(versions, (1..=29).collect::<Vec<_>>());
    let (wal, db): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["source"] == "wal");
    assert!(
        wal.len() > 10 && wal.iter().all(|row| row["revision"].as_i64() < Some(131)),
        "{wal:?}"
    );
    assert!(wal.iter().all(|row| row["raft_index"].is_u64()));
    assert_eq!(db[0]["revision"], 131);
    assert!(said.err.contains("revs 2 to 219"), "{}", said.err);
    let with_flag = ask(
        "etcd-3.5.30",
        &["history", "/plain/else", "--wal", "-o", "json"],
    );
    assert_eq!(with_flag.out, said.out, "the log is always read");
    // The newest writes of a killed member are in its log alone.
    let killed = ask(
        "etcd-3.5.30-killed",
        &["search", ".", "--in", "wal", "-o", "json", "--limit", "0"],
    );
    let newest = ask("etcd-3.5.30-killed", &["status", "-o", "json"]).json()["revision"]
        .as_i64()
        .unwrap();
    assert_eq!(killed.code, 0, "{}", killed.err);
    assert!(killed.rows().iter().all(|row| row["where"] == "wal"));
    assert!(
        killed
            .rows()
            .iter()
            .any(|row| row["revision"].as_i64() > Some(newest)),
        "{newest}"
    );
}

#[test]
fn a_time_is_mapped_to_the_revision_before_the_next_later_write() {
    let status = ask(K8S, &["status", "-o", "json"]).json();
    let newest = status["newest_time"].as_str().unwrap();
    assert!(newest.starts_with("2026-11-21T01:18:3"), "{newest}");
    let at = |time: &str| ask(K8S, &["get", "leases", "-A", "-o", "json", "--at", time]);
    let exact = at("2026-11-21T01:18:23.9Z");
    assert_eq!(exact.code, 0, "{}", exact.err);
    assert!(exact.err.contains("as of rev 4,208"), "{}", exact.err);
    assert!(exact.err.contains("rev 4,209"), "{}", exact.err);
    assert_eq!(at("-10s").code, 0, "ten seconds before the newest time");
    assert_eq!(at("01:18:23.9").out, exact.out, "that time of the last day");
    // No object of that answer was written later, by its own clock.
    for object in exact.json()["items"].as_array().unwrap() {
        let renewed = object
            .pointer("/spec/renewTime")
            .and_then(Value::as_str)
            .unwrap_or_default();
        assert!(renewed <= "2026-11-21T01:18:23.999999Z", "{renewed}");
    }
    let newest = at("2030-01-01T00:00:00Z");
    assert!(
        newest.err.contains("no write is known to be later"),
        "{}",
        newest.err
    );
    let before = at("-2h");
    assert_eq!((before.code, before.out.as_str()), (1, ""));
    assert!(
        before.err.contains("before the first write with a time"),
        "{}",
        before.err
    );
    let plain = ask("etcd-3.5.30", &["get", "/plain/k1", "--at", "-1m"]);
    assert_eq!(plain.code, 1);
    assert!(
        plain.err.contains("no value here has a time") && plain.err.contains("--rev"),
        "{}",
        plain.err
    );
    let wrong = ask(K8S, &["get", "pods", "--at", "soon"]);
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.err.contains("2026-11-21T03:10:00Z, 03:10, -2h"),
        "{}",
        wrong.err
    );
}

#[test]
fn search_names_the_field_and_the_versions_in_which_a_string_stands() {
    let said = ask(
        K8S,
        &["search", "-F", "nginx:1.19", "--in", "values", "-o", "json"],
    );
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.rows()
            .iter()
            .any(|row| row["field"] == "spec.template.spec.containers[0].image")
    );
    assert!(said.rows().iter().all(|row| row["where"] == "live"));
    let history = ask(
        K8S,
        &[
            "search",
            "-F",
            "NGINX:1.19",
            "-i",
            "--in",
            "history",
            "-o",
            "json",
        ],
    );
    assert!(
        history.rows().iter().all(|row| row["where"] == "history"),
        "{}",
        history.out
    );
    let keys = ask(K8S, &["search", "node-1$", "--in", "keys", "-o", "json"]);
    let found: BTreeSet<String> = keys
        .rows()
        .iter()
        .map(|row| row["key"].as_str().unwrap().to_owned())
        .collect();
    assert!(found.contains("/registry/minions/node-1"), "{found:?}");
    let then = ask(
        K8S,
        &["search", "-F", "nginx", "--rev", "100", "-o", "json"],
    );
    assert!(
        then.rows()
            .iter()
            .all(|row| row["revision"].as_i64() <= Some(100))
    );
    let none = ask(K8S, &["search", "-F", "no such text anywhere"]);
    assert_eq!((none.code, none.out.as_str()), (1, ""));
    let bad = ask(K8S, &["search", "(("]);
    assert_eq!(bad.code, 2);
    assert!(bad.err.contains("search -F '(('"), "{}", bad.err);
}

#[test]
fn certs_are_listed_by_expiry_against_the_datas_own_time() {
    let said = ask(K8S, &["certs", "-o", "json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let rows = said.rows();
    assert!(!rows.is_empty());
    assert_eq!(said.json()["now"], "2026-11-21T01:18:33Z");
    let expiries: Vec<&str> = rows
        .iter()
        .filter_map(|row| row["not_after"].as_str())
        .collect();
    assert!(expiries.is_sorted(), "{expiries:?}");
    assert!(
        rows.iter().any(|row| row["kind"] == "request"),
        "{}",
        said.out
    );
    let expired = ask(
        K8S,
        &[
            "certs",
            "--expired",
            "--now",
            "2099-01-01T00:00:00Z",
            "-o",
            "json",
        ],
    );
    let dated = rows
        .iter()
        .filter(|row| row["not_after"].is_string())
        .count();
    assert_eq!(expired.rows().len(), dated);
}
