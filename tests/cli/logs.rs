//! Logs of other programs: real audit logs of a real kube-apiserver, written with several users at once over a real etcd whose
//! directory is then examined, and etcd's own log of the same time. `fixtures/recipes/audited` makes them and says how the truth is
//! known; `AUDITED=DIR` compares another such directory.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::run::{RunResult, sealed};

/// The folder of the recipe: unpacked once.
fn audited() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        if let Some(given) = std::env::var_os("AUDITED") {
            return given.into();
        }
        let folder = tempfile::tempdir().unwrap().keep();
        let packed = testkit::root().join("fixtures/audit");
        let tar = Command::new("tar")
            .args(["--zstd", "-xSf"])
            .arg(packed.join("data.tar.zst"))
            .current_dir(&folder)
            .status();
        assert!(tar.unwrap().success());
        for name in ["audit.jsonl", "truth.jsonl", "etcd.jsonl"] {
            let packed = std::fs::File::open(packed.join(format!("{name}.gz"))).unwrap();
            let mut text = Vec::new();
            flate2::read::GzDecoder::new(packed)
                .read_to_end(&mut text)
                .unwrap();
            std::fs::write(folder.join(name), text).unwrap();
        }
        folder
    })
}

fn timeline(words: &[&str]) -> RunResult {
    let data = audited().join("data");
    let mut args = vec!["timeline", data.to_str().unwrap()];
    args.extend(words);
    sealed(&data, args)
}

fn path(name: &str) -> String {
    audited().join(name).to_str().unwrap().to_owned()
}

/// The user that wrote each revision of a key, as far as the recipe can know.
fn truth() -> HashMap<(i64, String), Option<String>> {
    let text = std::fs::read_to_string(audited().join("truth.jsonl")).unwrap();
    text.lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let key = (
                line["revision"].as_i64().unwrap(),
                line["key"].as_str().unwrap().to_owned(),
            );
            (key, line["user"].as_str().map(str::to_owned))
        })
        .collect()
}

/// Writes with a known user, those that were matched, and those whose user is another one.
fn compare(rows: &[Value]) -> (usize, usize, Vec<String>) {
    let truth = truth();
    let (mut known, mut matched, mut wrong) = (0, 0, Vec::new());
    for row in rows
        .iter()
        .filter(|row| row["op"] == "put" || row["op"] == "delete")
    {
        let key = (
            row["revision"].as_i64().unwrap(),
            row["key"].as_str().unwrap().to_owned(),
        );
        let wanted = truth.get(&key).unwrap_or_else(|| panic!("{row}"));
        let ours = row["audit"]["user"].as_str();
        // Requests of this user and of this namespace are not logged.
        let is_logged = wanted.as_deref() != Some("dark") && !key.1.contains("/hidden/");
        known += usize::from(wanted.is_some() && is_logged);
        if let (Some(ours), Some(wanted)) = (ours, wanted) {
            matched += 1;
            if ours != wanted {
                wrong.push(format!("{row}: {wanted}"));
            }
        }
    }
    (known, matched, wrong)
}

#[test]
fn writes_find_their_requests_in_a_real_audit_log_and_no_user_is_wrong() {
    let found = timeline(&["--all", "--audit-log", &path("audit.jsonl"), "-o", "json"]);
    assert_eq!(found.code, 0, "{}", found.err);
    let (known, matched, wrong) = compare(&found.rows());
    println!(
        "{matched} of {known} logged writes found their request, {} wrong; {}",
        wrong.len(),
        found.err
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(
        matched * 100 >= known * 60,
        "{matched} of {known}: {}",
        found.err
    );
    let row = found
        .rows()
        .into_iter()
        .find(|row| row["audit"]["user"] == "alice")
        .unwrap();
    for field in [
        "groups",
        "source_ips",
        "user_agent",
        "verb",
        "audit_id",
        "confidence",
    ] {
        assert!(!row["audit"][field].is_null(), "{field}: {row}");
    }
    // The log also measures when.
    let is_audit = |row: &&Value| row["time_source"] == "audit";
    let rows = found.rows();
    let exact = rows.iter().filter(is_audit);
    let exact = exact
        .filter(|row| row["uncertainty_s"].as_f64() < Some(0.5))
        .count();
    assert!(exact > 10, "{exact}");
    assert!(
        row["who"]
            .as_str()
            .unwrap()
            .starts_with("audit: alice (system:masters"),
        "{row}"
    );
}

#[test]
fn a_log_of_v1beta1_packed_and_in_two_files_gives_the_same_users() {
    let text = std::fs::read_to_string(audited().join("audit.jsonl")).unwrap();
    let old = text.replace("audit.k8s.io/v1\"", "audit.k8s.io/v1beta1\"");
    let middle = old
        .match_indices('\n')
        .nth(old.lines().count() / 2)
        .unwrap()
        .0
        + 1;
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("1.gz"), folder.path().join("2"));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&old.as_bytes()[..middle]).unwrap();
    std::fs::write(&first, packed.finish().unwrap()).unwrap();
    std::fs::write(&second, &old[middle..]).unwrap();
    let (first, second) = (first.to_str().unwrap(), second.to_str().unwrap());
    let both = timeline(&[
        "--all",
        "--audit-log",
        second,
        "--audit-log",
        first,
        "-o",
        "json",
    ]);
    let whole = timeline(&["--all", "--audit-log", &path("audit.jsonl"), "-o", "json"]);
    let users = |found: &RunResult| -> Vec<Value> {
        found
            .rows()
            .iter()
            .map(|row| row["audit"]["user"].clone())
            .collect()
    };
    assert_eq!(users(&both), users(&whole));
}

#[test]
fn a_part_of_a_log_makes_no_user_wrong() {
    let text = std::fs::read_to_string(audited().join("audit.jsonl")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    // Requests are missing here and there, as after a rotation or of a log with another policy.
    type Keep = fn(usize, &str) -> bool;
    let parts: [Keep; 4] = [
        |at, _| at % 3 != 0,
        |at, _| at % 1000 < 600,
        |_, line| !line.contains("\"username\":\"bob\""),
        |_, line| !line.contains("ResponseComplete"),
    ];
    for (number, keep) in parts.into_iter().enumerate() {
        let part = folder.path().join(number.to_string());
        let lines = text
            .lines()
            .enumerate()
            .filter(|(at, line)| keep(*at, line));
        let lines: Vec<&str> = lines.map(|(_, line)| line).collect();
        std::fs::write(&part, lines.join("\n")).unwrap();
        let found = timeline(&["--all", "--audit-log", part.to_str().unwrap(), "-o", "json"]);
        let (known, matched, wrong) = compare(&found.rows());
        println!("part {number}: {matched} of {known}, {} wrong", wrong.len());
        assert!(wrong.is_empty(), "part {number}: {wrong:#?}");
    }
}

#[test]
fn a_file_that_is_another_log_is_refused_and_named_and_so_is_one_that_is_missing() {
    let found = timeline(&["--audit-log", &path("etcd.jsonl")]);
    assert_eq!(found.code, 2, "{}", found.err);
    assert!(
        found.err.contains("lines are no audit events"),
        "{}",
        found.err
    );
    let missing = timeline(&["--audit-log", "/no/such/file"]);
    assert_eq!(missing.code, 2, "{}", missing.err);
}

#[test]
fn lines_of_etcds_log_are_merged_with_their_own_clock_and_the_offset_is_measured() {
    let log = path("etcd.jsonl");
    let found = timeline(&["--etcd-log", &log, "-o", "json"]);
    let rows = found.rows();
    let of_log: Vec<&Value> = rows
        .iter()
        .filter(|row| row["source"] == "etcd-log")
        .collect();
    let has = |op: &str, part: &str| {
        of_log
            .iter()
            .any(|row| row["op"] == op && row["what"].as_str().unwrap().contains(part))
    };
    assert!(has("election", "elected leader"), "{of_log:#?}");
    assert!(has("snapshot", "saved snapshot"), "{of_log:#?}");
    assert!(of_log.iter().all(|row| row["time_source"] == "etcd-log"));
    // Written on one machine: the true offset is 0.
    let offset = &found.json()["etcd_log_clock"];
    let (by, far) = (
        offset["offset_s"].as_f64().unwrap(),
        offset["uncertainty_s"].as_f64().unwrap(),
    );
    assert!(by.abs() <= far && far < 5.0, "{offset}");
    // The same log, an hour fast.
    let folder = tempfile::tempdir().unwrap();
    let fast = folder.path().join("fast");
    let text = std::fs::read_to_string(&log).unwrap();
    let shifted: Vec<String> = text
        .lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            let time: jiff::Timestamp = line["ts"].as_str().unwrap().parse().unwrap();
            let time = time + jiff::SignedDuration::from_hours(1);
            line["ts"] = Value::from(time.to_string());
            line.to_string()
        })
        .collect();
    std::fs::write(&fast, shifted.join("\n")).unwrap();
    let found = timeline(&["--etcd-log", fast.to_str().unwrap(), "-o", "json"]);
    let by = found.json()["etcd_log_clock"]["offset_s"].as_f64().unwrap();
    assert!((by - 3600.0).abs() < 5.0, "{by}");
    assert!(found.err.contains("ahead"), "{}", found.err);
}

#[test]
fn lines_of_a_log_that_nothing_measures_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("etcd.log");
    let line =
        r#"{"level":"warn","ts":"2026-11-21T01:17:20Z","msg":"apply request took too long"}"#;
    std::fs::write(&log, line).unwrap();
    let found = timeline(&["--etcd-log", log.to_str().unwrap(), "--kind", "log"]);
    assert!(found.out.contains("±?"), "{}", found.out);
    assert!(
        found.err.contains("compared with no other"),
        "{}",
        found.err
    );
}

#[test]
fn etcds_log_dates_the_writes_of_a_member_whose_values_have_no_times() {
    let data = testkit::data_dir("etcd-3.5.30");
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("etcd.log");
    let saved = |second: &str, index: u64| {
        serde_json::json!({"level": "info", "ts": format!("2026-11-21T01:35:{second}Z"),
            "msg": "saved snapshot", "snapshot-index": index})
        .to_string()
    };
    std::fs::write(&log, [saved("36.1", 101), saved("40.3", 202)].join("\n")).unwrap();
    let ask = |words: &[&str]| {
        let args = [
            "timeline",
            data.to_str().unwrap(),
            "--kind",
            "put,delete",
            "--all",
            "-o",
            "json",
        ];
        sealed(&data, args.into_iter().chain(words.iter().copied()))
    };
    let without = ask(&[]).rows();
    assert!(without.iter().all(|row| row["time"].is_null()));
    let found = ask(&["--etcd-log", log.to_str().unwrap()]);
    let rows = found.rows();
    let sources: Vec<&str> = rows
        .iter()
        .filter_map(|row| row["time_source"].as_str())
        .collect();
    assert!(
        sources.contains(&"etcd-log") && sources.contains(&"between"),
        "{sources:?}"
    );
    let of = |index: std::ops::RangeInclusive<u64>| {
        rows.iter().filter(move |row| {
            row["raft_index"]
                .as_u64()
                .is_some_and(|at| index.contains(&at))
        })
    };
    let time = |row: &Value| {
        row["time"]
            .as_str()
            .map(|time| time.parse::<jiff::Timestamp>().unwrap())
    };
    let at = |second: &str| {
        format!("2026-11-21T01:35:{second}Z")
            .parse::<jiff::Timestamp>()
            .unwrap()
    };
    assert!(of(203..=u64::MAX).all(|row| time(row) >= Some(at("38.3"))));
    assert!(of(0..=202).all(|row| time(row).is_none_or(|time| time <= at("40.3"))));
    // It is compared with no other clock.
    assert!(
        found.json()["etcd_log_clock"].is_null(),
        "{}",
        found.json()["etcd_log_clock"]
    );
}

/// The flags take several files, as a shell's `audit*.log` gives them: a PATH after them is no log.
#[test]
fn a_path_after_logs_is_the_evidence() {
    let data = audited().join("data");
    let path_of = data.to_str().unwrap();
    for verb in ["changes", "timeline"] {
        let after = |logs: &[&str]| {
            let words = [&[verb], logs, &[path_of, "-o", "json"]].concat();
            let in_order = [&[verb, "-o", "json"], logs, &[path_of]].concat();
            let (one, two) = (sealed(&data, words), sealed(&data, in_order));
            assert_eq!((one.code, two.code), (0, 0), "{}{}", one.err, two.err);
            assert_eq!(one.out, two.out);
        };
        let audit = path("audit.jsonl");
        // The last word is a path only if it is evidence: two logs stay two logs.
        after(&["--audit-log", &audit]);
        after(&["--audit-log", &audit, &audit]);
    }
    let alone = sealed(
        &data,
        [
            "timeline",
            "-d",
            path_of,
            "--audit-log",
            &path("audit.jsonl"),
        ],
    );
    assert_eq!(alone.code, 0, "{}", alone.err);
}

#[test]
fn a_time_means_the_same_revision_for_every_verb_that_is_given_an_audit_log() {
    let data = audited().join("data");
    let (data, log) = (data.to_str().unwrap().to_owned(), path("audit.jsonl"));
    let ask = |words: &[&str]| sealed(audited().join("data").as_path(), words.to_vec());
    let changes = |until: &[&str]| -> Vec<Value> {
        let words = ["changes", &data, "--all", "--last", "0", "-o", "json"];
        let words = [&words[..], &["--audit-log", &log], until].concat();
        ask(&words).rows()
    };
    let as_of = |words: &[&str]| -> i64 {
        let found = ask(words);
        let (_, text) = found.err.split_once("as of rev ").expect("a revision");
        let digits = text.chars().take_while(|c| c.is_ascii_digit() || *c == ',');
        let digits: String = digits.filter(|c| *c != ',').collect();
        digits.parse().unwrap()
    };
    let rows = changes(&[]);
    let dated: Vec<&Value> = rows
        .iter()
        .filter(|row| row["time_source"] == "audit")
        .collect();
    let mut others = 0;
    for at in (1..4).map(|part| dated.len() * part / 4) {
        let time = dated[at]["time"].as_str().unwrap();
        let until = changes(&["--until", time]);
        let newest = until
            .iter()
            .filter_map(|row| row["revision"].as_i64())
            .max();
        let history = ["history", "ns/default", "-d", &data, "--at", time];
        let with_log = [&history[..], &["--audit-log", &log]].concat();
        assert_eq!(Some(as_of(&with_log)), newest, "{time}");
        let blame = ["blame", "ns/default", "-d", &data, "--at", time];
        let blame = [&blame[..], &["--audit-log", &log]].concat();
        assert_eq!(Some(as_of(&blame)), newest, "{time}");
        others += usize::from(as_of(&history) != as_of(&with_log));
    }
    // The requests say more than the values alone.
    assert!(others > 0);
}
