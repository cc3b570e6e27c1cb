//! `blame` over real clusters: each line belongs to the first version that has it, as the stored versions show.

use serde_json::Value;
use testkit::data_dir;

use crate::run::{RunResult, sealed};

const K8S: &str = "k8s-1.20-etcd35";

fn ask(member: &str, words: &[&str]) -> RunResult {
    let data = data_dir(member);
    let mut args = words.to_vec();
    args.extend(["-d", data.to_str().unwrap()]);
    sealed(&data, args)
}

/// The object at a revision, without what blame leaves out.
fn object(words: &[&str], revision: i64) -> Value {
    let revision = revision.to_string();
    let found = ask(
        K8S,
        &[&["get"], words, &["--rev", &revision, "-o", "json"]].concat(),
    );
    found.json()
}

/// The value at `spec.containers[0].image`.
fn at<'v>(object: &'v Value, path: &str) -> Option<&'v Value> {
    let mut value = object;
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let (name, more) = quoted.split_once("\"]")?;
            (value, rest) = (value.get(name)?, more);
        } else if let Some(number) = rest.strip_prefix('[') {
            let (number, more) = number.split_once(']')?;
            (value, rest) = (value.get(number.parse::<usize>().ok()?)?, more);
        } else {
            let plain = rest.trim_start_matches('.');
            let end = plain.find(['.', '[']).unwrap_or(plain.len());
            (value, rest) = (value.get(&plain[..end])?, &plain[end..]);
        }
    }
    Some(value)
}

#[test]
fn each_line_belongs_to_the_revision_that_changed_its_value() {
    let words = ["deploy/web", "-n", "prod"];
    let history = ask(K8S, &[&["history"], &words[..], &["-o", "json"]].concat()).rows();
    let versions: Vec<(i64, Value)> = history
        .iter()
        .map(|row| row["revision"].as_i64().unwrap())
        .map(|revision| (revision, object(&words, revision)))
        .collect();
    let found = ask(K8S, &[&["blame"], &words[..], &["-o", "json"]].concat());
    assert_eq!(found.code, 0, "{}", found.err);
    let rows = found.rows();
    let newest = &versions.last().unwrap().1;
    let mut scalars = 0;
    for row in &rows {
        let path = row["path"].as_str().unwrap();
        let value = at(newest, path).unwrap_or_else(|| panic!("{path}"));
        // Items of lists may have moved: those are looked at in the test of lists.
        if path.contains('[') || value.is_object() || value.is_array() {
            continue;
        }
        let same = |(_, object): &&(i64, Value)| at(object, path) == Some(value);
        let since = versions.iter().rev().take_while(same).last().unwrap().0;
        assert_eq!(row["revision"], since, "{path}: {row}");
        assert!(row["revision_after"].is_null(), "{row}");
        scalars += 1;
    }
    assert!(scalars > 15, "{rows:#?}");
    let revisions: std::collections::BTreeSet<i64> = rows
        .iter()
        .filter_map(|row| row["revision"].as_i64())
        .collect();
    assert!(revisions.len() > 2, "{revisions:?}");
    // The lines are the object as YAML.
    let yaml: Vec<&str> = rows
        .iter()
        .map(|row| row["line"].as_str().unwrap())
        .collect();
    assert!(
        yaml.contains(&"kind: Deployment")
            && !yaml.iter().any(|line| line.contains("managedFields"))
    );
}

#[test]
fn items_of_lists_are_known_by_their_keys() {
    // Conditions of nodes are written again and again, and each has a type.
    let words = ["node/node-0"];
    let found = ask(K8S, &[&["blame"], &words[..], &["-o", "json"]].concat());
    assert_eq!(found.code, 0, "{}", found.err);
    let line = |part: &str| {
        let rows = found.rows();
        rows.into_iter()
            .find(|row| row["line"].as_str().unwrap().contains(part))
            .unwrap_or_else(|| panic!("{part}: {}", found.out))
    };
    let (kind, beat) = (line("type: Ready"), line("lastHeartbeatTime"));
    assert!(
        kind["revision"].as_i64() <= beat["revision"].as_i64(),
        "{kind} {beat}"
    );
}

#[test]
fn the_past_a_deleted_object_and_text_are_answered() {
    let past = ask(
        K8S,
        &[
            "blame",
            "deploy/web",
            "-n",
            "prod",
            "--rev",
            "2000",
            "-o",
            "json",
        ],
    );
    assert_eq!(past.code, 0, "{}", past.err);
    assert!(
        past.rows()
            .iter()
            .all(|row| row["revision"].as_i64().unwrap() <= 2000)
    );
    let gone = ask(K8S, &["keys", "--deleted", "-o", "json"]);
    let key = gone.rows()[0]["key"].as_str().unwrap().to_owned();
    let none = ask(K8S, &["blame", &key]);
    assert_eq!(none.code, 1, "{}", none.err);
    assert!(none.err.contains("was deleted at rev"), "{}", none.err);
    let text = ask(
        "etcd-3.5.30",
        &["blame", "/registry/things/ns3/k8", "-o", "json"],
    );
    assert_eq!(text.code, 0, "{}", text.err);
    let several = ask(K8S, &["blame", "pods", "-A"]);
    assert_eq!(several.code, 2, "{}", several.err);
}

#[test]
fn secrets_are_hidden() {
    let found = ask(
        K8S,
        &["keys", "--prefix", "/registry/secrets/", "-o", "json"],
    );
    let key = found.rows()[0]["key"].as_str().unwrap().to_owned();
    let hidden = ask(K8S, &["blame", &key]);
    assert!(hidden.out.contains("•••• fp"), "{}", hidden.out);
    let shown = ask(K8S, &["blame", &key, "--reveal"]);
    assert!(!shown.out.contains("•••• fp"), "{}", shown.out);
}
