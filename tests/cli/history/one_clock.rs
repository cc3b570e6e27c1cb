//! One clock: a revision has the same time in every verb, the same second in every form, and is there at the second that is shown.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{ENCRYPTED, K8S, ask};

const MEMBERS: [&str; 3] = [K8S, ENCRYPTED, "k8s-1.20-cluster3/m2"];

/// Time, uncertainty and source of each revision.
type Times = BTreeMap<i64, [Value; 3]>;

fn times(member: &str, words: &[&str]) -> Times {
    let said = ask(member, &[words, &["-o", "json"]].concat());
    assert_eq!(said.code, 0, "{words:?} {}", said.err);
    let rows = said.rows();
    let placed = rows.iter().filter(|row| row["revision"].is_i64());
    let of = |row: &Value| {
        let field = |name: &str| row[name].clone();
        let times = ["time", "uncertainty_s", "time_source"].map(field);
        (row["revision"].as_i64().unwrap(), times)
    };
    placed.map(of).collect()
}

#[test]
fn a_revision_has_the_same_time_in_every_verb() {
    let mut of_leases = 0;
    for member in MEMBERS {
        let known = times(member, &["sql", "select * from versions"]);
        assert!(known.len() > 2_000, "{member}");
        let changes = ["changes", "--all", "--last", "0"];
        let timeline = ["timeline", "--all", "--kind", "put,delete"];
        let all = ["history", "/registry/**"];
        for words in [&changes[..], &timeline, &all, &["changes", "--all"]] {
            for (revision, ours) in times(member, words) {
                assert_eq!(
                    Some(&ours),
                    known.get(&revision),
                    "{member} {words:?} {revision}"
                );
            }
        }
        // Of one key the log need not be read, unless it says more of the time.
        let query = "select key, revision, time_source from versions";
        let rows = ask(member, &["sql", query, "-o", "json"]).rows();
        let is_asked = |row: &&Value| {
            row["time_source"] == "grant" || row["revision"].as_i64().unwrap() % 1500 == 0
        };
        for row in rows.iter().filter(is_asked) {
            let key = row["key"].as_str().unwrap();
            for (revision, ours) in times(member, &["history", key]) {
                assert_eq!(
                    Some(&ours),
                    known.get(&revision),
                    "{member} {key} {revision}"
                );
            }
        }
        of_leases += known
            .values()
            .filter(|[.., source]| source == "grant")
            .count();
    }
    assert!(
        of_leases > 0,
        "no time is known by a lease: the comparison proves less than it should"
    );
}

#[test]
fn what_is_shown_is_the_moment_cut_to_its_second_and_the_write_is_there_at_that_second() {
    let rows = ask(K8S, &["changes", "--all", "--last", "300", "-o", "json"]).rows();
    let table = ask(
        K8S,
        &[
            "changes",
            "--all",
            "--last",
            "300",
            "--columns",
            "rev,when~",
            "-o",
            "csv",
        ],
    );
    assert_eq!(table.code, 0, "{}", table.err);
    let shown = ask(
        K8S,
        &["changes", "--all", "--last", "300", "--columns", "when~"],
    );
    let shown: Vec<&str> = shown.out.lines().skip(1).collect();
    assert_eq!(shown.len(), rows.len());
    for (row, shown) in rows.iter().zip(&shown) {
        let second = &row["time"].as_str().unwrap()[11..19];
        let cut = shown.trim().trim_start_matches('≥');
        assert!(cut.starts_with(second), "{shown} {row}");
    }
    for row in rows.iter().step_by(150) {
        let (time, revision) = (
            row["time"].as_str().unwrap(),
            row["revision"].as_i64().unwrap(),
        );
        let second = &time[11..19];
        let said = ask(K8S, &["changes", "--all", "--until", second, "-o", "json"]);
        let last = said.rows().last().unwrap()["revision"].as_i64().unwrap();
        assert!(revision <= last, "--until {second}: {revision} {last}");
        let said = ask(K8S, &["changes", "--all", "--since", second, "-o", "json"]);
        let first = said.rows()[0]["revision"].as_i64().unwrap();
        assert!(first <= revision, "--since {second}: {revision} {first}");
        let said = ask(K8S, &["timeline", "--all", "--until", second, "-o", "json"]);
        assert!(
            said.rows().iter().any(|row| row["revision"] == revision),
            "{second} {revision}"
        );
        let said = ask(K8S, &["keys", "--at", second, "--limit", "1"]);
        let as_of = said.err.split("as of rev ").nth(1);
        let as_of = as_of.map(|text| text.split(':').next().unwrap().replace(',', ""));
        let is_there = as_of.is_none_or(|as_of| revision <= as_of.parse().unwrap());
        assert!(is_there, "--at {second}: {revision} {}", said.err);
    }
}

#[test]
fn a_bound_that_is_shown_is_true() {
    let status = ask(K8S, &["status", "-o", "json"]).json();
    let newest: Timestamp = status["newest_time"].as_str().unwrap().parse().unwrap();
    let shown = ask(K8S, &["status"]).out;
    let at = shown.find("Z or later").unwrap();
    let shown: Timestamp = format!("{}Z", shown[at - 19..at].replace(' ', "T"))
        .parse()
        .unwrap();
    assert!(shown <= newest, "{shown} or later, but {newest} is known");
}
