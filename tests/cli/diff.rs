//! `diff` over real clusters, held against what watches and etcd itself reported.

use std::collections::BTreeMap;

use serde_json::Value;
use testkit::{data_dir, fixture, unzstd};

use crate::run::{RunResult, command, sealed};

const K8S: &str = "k8s-1.20-etcd35";

fn ask(member: &str, words: &[&str]) -> RunResult {
    let data = data_dir(member);
    let mut args = vec!["diff"];
    args.extend(words);
    args.extend(["-d", data.to_str().unwrap()]);
    sealed(&data, args)
}

/// The mod revision of every key at a revision, as the watch of the recipe saw it.
fn state(at: i64) -> BTreeMap<String, i64> {
    let mut state = BTreeMap::new();
    for line in unzstd(&fixture(K8S).join("truth/history.jsonl.zst")).split(|byte| *byte == b'\n') {
        let Ok(event) = serde_json::from_slice::<Value>(line) else {
            continue;
        };
        let (key, rev) = (
            event["key"].as_str().unwrap(),
            event["rev"].as_i64().unwrap(),
        );
        if rev > at {
            continue;
        }
        match event["type"].as_str().unwrap() {
            "PUT" => state.insert(key.to_owned(), rev),
            _ => state.remove(key),
        };
    }
    state
}

/// Every key that differs between two states of the truth: added, removed, or written.
fn wanted(from: i64, to: i64) -> BTreeMap<String, (Option<i64>, Option<i64>)> {
    let (before, after) = (state(from), state(to));
    let keys = before.keys().chain(after.keys());
    keys.map(|key| {
        (
            key.clone(),
            (before.get(key).copied(), after.get(key).copied()),
        )
    })
    .filter(|(_, (old, new))| old != new)
    .collect()
}

#[test]
fn every_key_that_a_watch_saw_between_two_revisions_is_found_and_no_other() {
    for (from, to) in [
        (1, 600),
        (1200, 1300),
        (2000, 4271),
        (3900, 3901),
        (700, 700),
    ] {
        let words = [
            "--all",
            "--from",
            &from.to_string(),
            "--to",
            &to.to_string(),
            "-o",
            "json",
        ];
        let found = ask(K8S, &words);
        let ours: BTreeMap<String, (Option<i64>, Option<i64>)> = found
            .rows()
            .iter()
            .map(|row| {
                let sides = (row["revision_a"].as_i64(), row["revision_b"].as_i64());
                let op = match sides {
                    (None, _) => "added",
                    (_, None) => "removed",
                    _ => row["op"].as_str().unwrap(),
                };
                assert_eq!(row["op"], op, "{row}");
                (row["key"].as_str().unwrap().to_owned(), sides)
            })
            .collect();
        let wanted = wanted(from, to);
        assert_eq!(ours, wanted, "{from}..{to}");
        assert_eq!(found.code, i32::from(!wanted.is_empty()), "{}", found.err);
    }
}

#[test]
fn noise_is_left_out_and_counted_and_all_shows_it() {
    let ends = ["--from", "2000", "--to", "4271", "-o", "json"];
    let quiet = ask(K8S, &ends);
    let all = ask(K8S, &[&ends[..], &["--all"]].concat());
    let folded = quiet.json()["folded"].as_object().unwrap().clone();
    let count: u64 = folded.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(quiet.rows().len() as u64 + count, all.rows().len() as u64);
    for what in ["Events", "renewals of Leases"] {
        assert!(folded[what].as_u64().unwrap() > 0, "{folded:?}");
    }
    let noisy = |row: &Value| {
        row["resource"] == "events" || row["changed"] == serde_json::json!(["spec.renewTime"])
    };
    assert!(!quiet.rows().iter().any(noisy));
    assert!(all.rows().iter().any(noisy));
    // Events are no noise if they are what was asked for.
    let events = ask(K8S, &["events", "-A", "--from", "2000", "--stat"]);
    assert!(events.out.lines().count() > 10, "{}", events.out);
}

#[test]
fn one_object_is_compared_with_its_version_before_and_times_name_states() {
    let one = ask(K8S, &["deploy/web", "-n", "prod"]);
    assert_eq!(one.code, 1, "{}", one.err);
    assert!(one.err.contains("the version before"), "{}", one.err);
    assert_eq!(
        one.out.matches("@@ ").count(),
        one.out.matches("\n@@ ").count(),
        "{}",
        one.out
    );
    for noise in ["managedFields", "resourceVersion"] {
        assert!(!one.out.contains(noise), "{}", one.out);
    }
    let ends = ["deploy/web", "-n", "prod", "--from", "1", "--to", "latest"];
    let created = ask(K8S, &ends);
    assert!(
        created.out.starts_with("--- deployments/prod/web absent\n"),
        "{}",
        created.out
    );
    let times = ask(
        K8S,
        &["-n", "prod", "--from", "-45s", "--to", "-25s", "--stat"],
    );
    assert_eq!(times.code, 1, "{}", times.err);
    assert_eq!(times.err.matches("as of rev").count(), 2, "{}", times.err);
    assert!(
        times.out.lines().skip(1).all(|line| line.contains("prod")),
        "{}",
        times.out
    );
    let side = ask(K8S, &[&ends[..], &["--side-by-side"]].concat());
    assert!(
        side.out.lines().nth(1).unwrap().contains(" > "),
        "{}",
        side.out
    );
}

#[test]
fn two_members_are_compared_by_their_contents() {
    let (backup, data) = (
        fixture("etcd-3.5.30-killed").join("snapshot.db"),
        data_dir("etcd-3.5.30-killed"),
    );
    let (backup, data) = (backup.to_str().unwrap(), data.to_str().unwrap());
    let both = sealed(
        std::path::Path::new(data),
        ["diff", backup, data, "-o", "json"],
    );
    assert_eq!(both.code, 1, "{}", both.err);
    // Both sides as the other verb lists them.
    let state = |path: &str| -> BTreeMap<String, Value> {
        let listed = sealed(
            std::path::Path::new(data),
            ["keys", path, "--values", "-o", "json"],
        );
        let name = |row: &Value| {
            row["key"]
                .as_str()
                .or(row["key_b64"].as_str())
                .unwrap()
                .to_owned()
        };
        listed
            .rows()
            .iter()
            .map(|row| (name(row), row["value"].clone()))
            .collect()
    };
    let (old, new) = (state(backup), state(data));
    let rows = both.rows();
    let of = |op: &str| rows.iter().filter(|row| row["op"] == op).count();
    assert_eq!(
        of("added"),
        new.keys().filter(|key| !old.contains_key(*key)).count()
    );
    assert_eq!(
        of("removed"),
        old.keys().filter(|key| !new.contains_key(*key)).count()
    );
    assert!(of("added") > 0 || of("changed") > 0, "{rows:?}");
    let same = sealed(std::path::Path::new(data), ["diff", data, data]);
    assert_eq!((same.code, same.out.as_str()), (0, ""), "{}", same.err);
}

#[test]
fn secrets_are_hidden_in_every_form_and_from_the_external_program() {
    let plain = ask(K8S, &["secrets", "-A", "--from", "1", "--reveal=all"]);
    let line = plain
        .out
        .lines()
        .find(|line| line.starts_with("+  token: "))
        .unwrap();
    let token = line.trim_start_matches("+  token: ").to_owned();
    let forms: [&[&str]; 4] = [&[], &["-o", "json"], &["--side-by-side"], &["--stat"]];
    for form in forms {
        let found = ask(K8S, &[&["secrets", "-A", "--from", "1"][..], form].concat());
        assert!(!found.out.contains(&token[..40]), "{form:?}");
    }
    let outside = ask(
        K8S,
        &["secrets", "-A", "--from", "1", "--external=diff -r -N"],
    );
    assert!(
        outside.out.contains("•••• fp"),
        "{}{}",
        outside.out,
        outside.err
    );
    assert!(!outside.out.contains(&token[..40]));
    assert_eq!(outside.code, 1, "{}", outside.err);
}

#[test]
fn the_external_program_is_kubectls_and_its_folders_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let data = data_dir(K8S);
    let said: RunResult = command()
        .env("KUBECTL_EXTERNAL_DIFF", "diff -r --brief -N")
        .env("PATH", "/usr/bin:/bin")
        .env("TMPDIR", folder.path())
        .args([
            "diff",
            "deploy/web",
            "-n",
            "prod",
            "--external",
            "-d",
            data.to_str().unwrap(),
        ])
        .output()
        .unwrap()
        .into();
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(
        said.out.contains("deployments.prod.web.yaml differ"),
        "{}",
        said.out
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let missing = ask(
        K8S,
        &["deploy/web", "-n", "prod", "--external=no-such-program"],
    );
    assert_eq!(missing.code, 2, "{}", missing.err);
}

#[test]
fn encrypted_values_that_nothing_opens_make_the_answer_partial() {
    let found = ask(
        "k8s-1.20-etcd35-enc",
        &["secrets", "-A", "--from", "1", "--all", "-o", "json"],
    );
    let twice: Vec<_> = found
        .rows()
        .into_iter()
        .filter(|row| row["revision_a"].is_i64())
        .collect();
    for row in &twice {
        assert_eq!(row["op"], "encrypted", "{row}");
    }
    let closed = found.json()["encrypted_keys"].as_u64().unwrap();
    assert_eq!(closed, twice.len() as u64);
    assert_eq!(found.code, if closed > 0 { 3 } else { 1 }, "{}", found.err);
}
