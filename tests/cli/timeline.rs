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
    assert!(rows.iter().all(|row| row["time"].is_string()));
    // A bound alone may be before the time of an older write, or after that of a newer one.
    let two_sided = rows.iter().filter(|row| row["time_bound"].is_null());
    let times: Vec<&str> = two_sided.filter_map(|row| row["time"].as_str()).collect();
    assert!(times.len() * 10 > rows.len() * 9 && times.is_sorted());
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

#[test]
fn a_question_that_can_have_no_answer_says_what_there_is() {
    let data = data_dir(K8S);
    let path = data.to_str().unwrap();
    // A namespace that nothing has, in each verb that takes one.
    for words in [
        vec!["changes", path, "-n", "teama"],
        vec!["timeline", path, "-n", "teama"],
        vec!["keys", path, "-n", "teama"],
        vec!["get", "po", "-n", "teama", "-d", path],
        vec!["diff", path, "--from", "10", "--to", "20", "-n", "teama"],
    ] {
        let found = sealed(&data, words.clone());
        // Not every verb reads the log.
        let has_log = ["changes", "timeline"].contains(&words[0]);
        let text = match has_log {
            true => "neither db nor log has ever had a namespace teama: there are",
            false => "the db has no key of a namespace teama: there are",
        };
        assert!(found.err.contains(text), "{words:?} {}", found.err);
        assert!(found.err.contains("did you mean team-a?"), "{}", found.err);
    }
    // One that was deleted is known.
    let found = ask(K8S, &["-n", "doomed", "--kind", "membership"]);
    assert!(!found.err.contains("has ever had"), "{}", found.err);
    for verb in ["changes", "timeline"] {
        let turned = [verb, path, "--since", "01:18:16", "--until", "01:18:15"];
        let found = sealed(&data, turned.to_vec());
        assert_eq!(found.code, 2, "{}", found.err);
        assert!(
            found.err.contains("is after --until 01:18:15"),
            "{}",
            found.err
        );
        assert!(
            found.err.contains("--since=01:18:15 --until=01:18:16"),
            "{}",
            found.err
        );
        for (flag, side) in [("--since", "after"), ("--until", "before")] {
            let time = match side {
                "after" => "2030-01-01",
                _ => "2020-01-01",
            };
            let found = sealed(&data, vec![verb, path, flag, time, "-o", "json"]);
            assert!(
                found
                    .err
                    .contains(&format!("this span is {side} all that is known")),
                "{verb} {}",
                found.err
            );
            assert!(found.err.contains("the newest rev 4,271"), "{}", found.err);
        }
    }
    let found = sealed(
        &data,
        vec![
            "history",
            "deploy/api",
            "-n",
            "team-b",
            "--from",
            "9",
            "--to",
            "5",
            "-d",
            path,
        ],
    );
    assert_eq!(found.code, 2, "{}", found.err);
    assert!(
        found.err.contains("--from 9 is after --to 5"),
        "{}",
        found.err
    );
    assert!(
        found.err.contains("-n team-b -d") && found.err.contains("--from=5 --to=9"),
        "{}",
        found.err
    );
}

#[test]
fn times_and_writers_that_nothing_stores_are_explained_once() {
    let data = data_dir("mid-compaction-3.5.30");
    let path = data.to_str().unwrap();
    for words in [
        vec!["changes", path],
        vec!["history", "/hot/00", "-d", path],
    ] {
        let found = sealed(&data, words.clone());
        assert_eq!(
            found.err.matches("WHEN~ is empty").count(),
            1,
            "{}",
            found.err
        );
        assert_eq!(
            found.err.matches("WHO is empty").count(),
            1,
            "{}",
            found.err
        );
    }
    let data = data_dir(K8S);
    let path = data.to_str().unwrap();
    let found = sealed(&data, vec!["changes", path, "--last", "5"]);
    assert!(!found.err.contains("WHEN~ is empty"), "{}", found.err);
}
