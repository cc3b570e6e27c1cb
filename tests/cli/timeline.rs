//! `timeline` over real clusters, held against what watches and etcd itself reported.

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::{data_dir, fixture, unzstd};

use crate::run::{RunResult, sealed};

const K8S: &str = "k8s-1.20-etcd35";

fn ask(member: &str, words: &[&str]) -> RunResult {
    let data = data_dir(member);
    let mut args = vec!["timeline", data.to_str().unwrap()];
    args.extend(words);
    sealed(&data, args)
}

#[test]
fn every_write_of_a_watch_is_in_the_stream_once_and_in_order() {
    let found = ask(K8S, &["--all", "--kind", "put,delete", "-o", "json"]);
    assert_eq!(found.code, 0, "{}", found.err);
    let text = unzstd(&fixture(K8S).join("truth/history.jsonl.zst"));
    let wanted: BTreeSet<(i64, String, bool)> = text
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .map(|event| {
            (
                event["rev"].as_i64().unwrap(),
                event["key"].as_str().unwrap().to_owned(),
                event["type"] == "PUT",
            )
        })
        .collect();
    let rows = found.rows();
    let ours: BTreeSet<(i64, String, bool)> = rows
        .iter()
        .map(|row| {
            (
                row["revision"].as_i64().unwrap(),
                row["key"].as_str().unwrap().to_owned(),
                row["op"] == "put",
            )
        })
        .collect();
    assert_eq!(ours.len(), rows.len());
    assert_eq!(ours, wanted);
    let times: Vec<&str> = rows.iter().filter_map(|row| row["time"].as_str()).collect();
    assert!(times.len() == rows.len() && times.is_sorted());
    assert!(rows.iter().all(|row| row["time_source"].is_string()));
}

#[test]
fn noise_is_counted_and_expired_events_are_still_there() {
    let quiet = ask(K8S, &["--kind", "put,delete", "-o", "json"]);
    let all = ask(K8S, &["--all", "--kind", "put,delete", "-o", "json"]);
    let folded = quiet.json()["folded"].as_object().unwrap().clone();
    let count: u64 = folded.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(quiet.rows().len() as u64 + count, all.rows().len() as u64);
    assert!(
        folded["renewals of Leases"].as_u64() > Some(0),
        "{folded:?}"
    );
    let events = ask(K8S, &["--kind", "event", "-o", "json"]).rows();
    let keys: BTreeSet<&str> = events
        .iter()
        .map(|row| row["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys.len(), events.len());
    assert!(
        events
            .iter()
            .all(|row| row["key"].as_str().unwrap().contains("/events/"))
    );
    assert!(
        events
            .iter()
            .any(|row| row["what"].as_str().unwrap().starts_with("Warning "))
    );
}

#[test]
fn elections_members_snapshots_and_compactions_of_a_cluster_are_merged() {
    for member in ["m1", "m2", "m3"] {
        let name = format!("k8s-1.20-cluster3/{member}");
        let found = ask(
            &name,
            &[
                "--kind",
                "election,membership,snapshot,compaction",
                "-o",
                "json",
            ],
        );
        let rows = found.rows();
        let count = |op: &str| rows.iter().filter(|row| row["op"] == op).count();
        let data = data_dir(&name);
        let terms = sealed(
            &data,
            ["wal", "--terms", data.to_str().unwrap(), "-o", "json"],
        )
        .rows();
        assert_eq!(count("election"), terms.len(), "{member}");
        assert!(
            count("snapshot") > 0 && count("membership") > 0,
            "{member}: {rows:#?}"
        );
        let elections: Vec<&Value> = rows.iter().filter(|row| row["op"] == "election").collect();
        let with_time: Vec<&str> = elections
            .iter()
            .filter_map(|row| row["time"].as_str())
            .collect();
        assert!(
            with_time.is_sorted() && !with_time.is_empty(),
            "{elections:#?}"
        );
    }
}

#[test]
fn times_and_namespaces_narrow_the_stream() {
    let found = ask(
        K8S,
        &[
            "--since", "-30s", "--until", "-20s", "-n", "prod", "-o", "json",
        ],
    );
    let rows = found.rows();
    assert!(!rows.is_empty(), "{}", found.err);
    assert!(
        rows.iter()
            .all(|row| row["key"].as_str().unwrap().contains("/prod"))
    );
    let times: BTreeSet<&str> = rows
        .iter()
        .map(|row| row["time"].as_str().unwrap())
        .collect();
    assert!(
        times.first() >= Some(&"2026-11-21T01:18:00")
            && times.last() <= Some(&"2026-11-21T01:18:15"),
        "{times:?}"
    );
    let near = ask(K8S, &["--kind", "deletes"]);
    assert_eq!(near.code, 2);
    assert!(near.err.contains("delete"), "{}", near.err);
}

#[test]
fn timesketch_and_body_file_have_their_documented_fields() {
    let rows = ask(K8S, &["--kind", "put,delete,event", "-o", "json"]).rows();
    let lines = ask(
        K8S,
        &["--kind", "put,delete,event", "--format", "timesketch"],
    )
    .out;
    assert_eq!(lines.lines().count(), rows.len());
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        for field in ["message", "datetime", "timestamp_desc"] {
            assert!(
                line[field].as_str().is_some_and(|text| !text.is_empty()),
                "{field}: {line}"
            );
        }
        let time: jiff::Timestamp = line["datetime"].as_str().unwrap().parse().unwrap();
        assert_eq!(line["timestamp"], time.as_microsecond());
    }
    let body = ask(K8S, &["--kind", "put,delete,event", "--format", "bodyfile"]).out;
    assert_eq!(body.lines().count(), rows.len());
    for line in body.lines() {
        let fields: Vec<&str> = line.split('|').collect();
        assert_eq!(fields.len(), 11, "{line}");
        let times: i64 = fields[7..]
            .iter()
            .map(|time| time.parse::<i64>().unwrap())
            .sum();
        assert!(times > 1_700_000_000, "{line}");
    }
    let both = ask(K8S, &["--format", "bodyfile", "-o", "json"]);
    assert_eq!(both.code, 2, "{}", both.err);
}

#[test]
fn secrets_are_hidden() {
    let found = ask(K8S, &["-n", "prod", "-o", "json"]);
    let secrets: Vec<Value> = found
        .rows()
        .into_iter()
        .filter(|row| row["key"].as_str().unwrap().contains("/secrets/"))
        .collect();
    assert!(
        secrets
            .iter()
            .any(|row| row["what"].as_str().unwrap().contains("•••• fp")),
        "{secrets:#?}"
    );
}
