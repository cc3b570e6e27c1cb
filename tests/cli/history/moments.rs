//! A time means the same revision for every verb.

use serde_json::Value;

use super::{K8S, ask};

/// The revision that a verb says it answers for.
fn as_of(member: &str, words: &[&str]) -> i64 {
    let result = ask(member, words);
    let text = &result.err;
    let at = text
        .rfind("as of rev ")
        .unwrap_or_else(|| panic!("{words:?}: {text}"));
    let digits = text[at + "as of rev ".len()..].chars();
    let digits: String = digits
        .take_while(|c| c.is_ascii_digit() || *c == ',')
        .filter(|c| *c != ',')
        .collect();
    digits.parse().unwrap()
}

/// The newest revision among rows.
fn newest(member: &str, words: &[&str]) -> i64 {
    let result = ask(member, words);
    let answer: Value = serde_json::from_str(&result.out)
        .unwrap_or_else(|error| panic!("{words:?}: {error}: {}", result.err));
    let rows = answer["rows"].as_array().expect("rows");
    rows.iter()
        .filter_map(|row| row["revision"].as_i64())
        .max()
        .expect("a row")
}

#[test]
fn a_time_means_the_same_revision_for_every_verb() {
    for (member, time) in [
        (K8S, "-31s"),
        (K8S, "2026-11-21T01:17:50Z"),
        ("k8s-1.20-cluster3/m1", "-61s"),
    ] {
        let revision = as_of(member, &["get", "ns", "--at", time]);
        for words in [
            &["keys", "--by-resource", "--at", time][..],
            &["history", "ns/default", "--at", time],
            &["search", "default", "--at", time],
            &["blame", "ns/default", "--at", time],
            &["export", "-A", "--out", "-", "--at", time],
            &["diff", "ns", "--to", time],
            &["salvage", "--dry-run", "--at", time],
            &["serve", "--for", "1ms", "--at", time],
        ] {
            assert_eq!(as_of(member, words), revision, "{member} {words:?}");
        }
        for words in [
            &[
                "changes", "--all", "--last", "0", "--until", time, "-o", "json",
            ][..],
            &[
                "timeline",
                "--all",
                "--kind",
                "put,delete",
                "--until",
                time,
                "-o",
                "json",
            ],
        ] {
            assert_eq!(newest(member, words), revision, "{member} {words:?}");
        }
    }
}
