//! Db and log are one history: what one of them lacks comes from the other, and what neither has is reported.

use std::fs;
use std::path::Path;

use testkit::incidents::incident;
use testkit::{data_dir, fixture_copy};

use super::{ENCRYPTED, K8S};
use crate::run::{RunResult, sealed};

const PLAIN: &str = "etcd-3.5.30";
const KILLED: &str = "etcd-3.5.30-killed";

fn ask(data: &Path, words: &[&str]) -> RunResult {
    let mut args = words.to_vec();
    args.extend(["-d", data.to_str().unwrap()]);
    sealed(data, args)
}

/// A command of a note or an error, run as it was printed.
fn pasted(data: &Path, said: &RunResult, beginning: &str) -> RunResult {
    let at = said
        .err
        .rfind(beginning)
        .unwrap_or_else(|| panic!("no {beginning}: {}", said.err));
    let line = said.err[at..].lines().next().unwrap();
    let line = line.split("     ").next().unwrap();
    let words = line.split(' ').skip(1);
    sealed(data, words.collect::<Vec<_>>())
}

#[test]
fn a_write_that_the_db_lost_is_listed_from_the_log_and_named() {
    // Revision 216 was taken from its leaf page.
    let copy = incident("L13").reproduce();
    let data = copy.data_dir();
    for words in [
        &["history", "/registry/things/ns1/tail0", "-o", "json"][..],
        &["changes", "--last", "4", "-o", "json"],
    ] {
        let said = ask(&data, words);
        let rows = said.rows();
        let lost = rows.iter().find(|row| row["revision"] == 216).unwrap();
        assert_eq!(lost["source"], "wal", "{lost}");
        assert_eq!(said.err.matches("the db lacks").count(), 1, "{}", said.err);
        assert!(said.err.contains("rev 216"), "{}", said.err);
        assert_eq!(pasted(&data, &said, "etcd-inspect check").code, 1);
    }
}

#[test]
fn a_moment_that_the_db_has_no_longer_or_not_yet_is_answered_with_the_log() {
    // Compacted at 132; the db of the killed member ends at 264, its log at 270.
    for (member, moment, asks) in [
        (PLAIN, "50", &["get", "/plain/else"][..]),
        (PLAIN, "50", &["keys", "--by-prefix", "1"]),
        (PLAIN, "50", &["keys"]),
        (PLAIN, "50", &["search", "v29", "--in", "values"]),
        (PLAIN, "50", &["history", "/plain/else"]),
        (KILLED, "268", &["get", "/registry/things/ns2/late37"]),
        (KILLED, "268", &["keys"]),
    ] {
        let data = data_dir(member);
        let words = [asks, &["--rev", moment]].concat();
        let said = ask(&data, &words);
        assert_eq!(said.code, 0, "{words:?}: {}", said.err);
        let notes = said.err.matches("db and log answer together").count();
        assert_eq!(notes, 1, "{words:?}: {}", said.err);
    }
    let between = ask(
        &data_dir(KILLED),
        &[
            "diff", "--from", "50", "--to", "268", "--stat", "-o", "json",
        ],
    );
    assert_eq!(between.code, 1, "{}", between.err);
    let added = |key: &str| {
        let rows = between.rows();
        rows.iter()
            .any(|row| row["key"] == key && row["op"] == "added")
    };
    assert!(added("/registry/things/ns2/late37"), "{}", between.out);
    let beyond = ask(&data_dir(KILLED), &["get", "/plain/else", "--rev", "900"]);
    assert_eq!(beyond.code, 1);
    assert!(beyond.err.contains("E0311"), "{}", beyond.err);
}

#[test]
fn values_below_the_compaction_are_those_that_were_written_then() {
    let history = ask(&data_dir(PLAIN), &["history", "/plain/else", "-o", "json"]);
    for row in history.rows().iter().filter(|row| row["source"] == "wal") {
        let revision = row["revision"].to_string();
        let then = ask(
            &data_dir(PLAIN),
            &["get", "/plain/else", "--rev", &revision, "-o", "json"],
        );
        assert_eq!(then.json()["version"], row["version"], "{}", then.err);
        assert_eq!(then.json()["value_bytes"], row["value_bytes"]);
    }
}

#[test]
fn entries_before_a_damaged_one_keep_their_revisions_though_all_are_below_the_compaction() {
    // Compacted at 132, which is entry 174.
    let copy = fixture_copy(PLAIN);
    let data = copy.data_dir();
    let log = testkit::places::wal::Log::read(&data);
    let entry = log.entries().into_iter().find(|entry| entry.index == 120);
    let entry = entry.unwrap();
    let file = &log.segments[entry.segment];
    testkit::damage::zero(
        &file.path,
        file.frames[entry.frame].at + 16..file.frames[entry.frame].end,
    );
    let words = ["keys", "--rev", "60", "-o", "jsonl", "--limit", "0"];
    let (damaged, whole) = (ask(&data, &words), ask(&data_dir(PLAIN), &words));
    let keys = |said: &RunResult| -> Vec<String> {
        let rows = said.out.lines().filter(|line| line.contains("\"key\":"));
        rows.map(str::to_owned).collect()
    };
    assert!(keys(&whole).len() > 20, "{}", whole.err);
    assert_eq!(keys(&damaged), keys(&whole), "{}", damaged.err);
    assert_eq!(damaged.code, 3);
}

#[test]
fn the_log_alone_answers_get_diff_blame_and_sums_too() {
    let copy = fixture_copy(K8S);
    fs::remove_file(copy.data_dir().join("member/snap/db")).unwrap();
    for words in [
        &["get", "deploy", "-A", "-o", "json"][..],
        &[
            "get",
            "/registry/leases/kube-node-lease/node-1",
            "-o",
            "json",
        ],
        &["diff", "--from", "4200", "--stat", "-o", "json"],
        &["blame", "deploy/web", "-n", "prod", "-o", "json"],
        &[
            "keys",
            "--by-resource",
            "--columns",
            "resource,keys",
            "--sort-by",
            "resource",
            "-o",
            "json",
        ],
        &["certs", "-o", "json"],
    ] {
        let alone = ask(&copy.data_dir(), words);
        let of_db = ask(&data_dir(K8S), words);
        assert_eq!(alone.code, of_db.code, "{words:?}: {}", alone.err);
        assert!(alone.err.contains("the log alone answers"), "{}", alone.err);
        let (alone, of_db) = (alone.json(), of_db.json());
        let rows = |answer: &serde_json::Value| {
            let rows = answer.get("rows").or(answer.get("items")).unwrap_or(answer);
            let mut rows = rows.clone();
            for row in rows.as_array_mut().into_iter().flatten() {
                row.as_object_mut().unwrap().remove("source");
            }
            rows.as_object_mut().map(|row| row.remove("offset"));
            rows
        };
        assert_eq!(rows(&alone), rows(&of_db), "{words:?}");
    }
}

#[test]
fn what_the_log_alone_exports_is_what_the_db_exports() {
    let copy = fixture_copy(K8S);
    fs::remove_file(copy.data_dir().join("member/snap/db")).unwrap();
    let words = ["export", "-n", "prod", "--secrets", "omit", "--out", "-"];
    let (alone, of_db) = (ask(&copy.data_dir(), &words), ask(&data_dir(K8S), &words));
    assert!(alone.out.contains("kind: Deployment"), "{}", alone.err);
    assert_eq!(alone.out, of_db.out);
    assert_eq!(alone.code, of_db.code, "{}", alone.err);
}

#[test]
fn sql_asks_the_log_alone_as_it_asks_the_db() {
    let copy = fixture_copy(K8S);
    fs::remove_file(copy.data_dir().join("member/snap/db")).unwrap();
    for query in [
        "SELECT key, mod_revision, version FROM keys",
        "SELECT resource, namespace, name, json FROM objects WHERE resource = 'deployments'",
        "SELECT revision, sub, op, key FROM versions WHERE op = 'delete'",
        "SELECT subject, not_after FROM certs",
    ] {
        let words = ["sql", query, "-o", "csv"];
        let (alone, of_db) = (ask(&copy.data_dir(), &words), ask(&data_dir(K8S), &words));
        assert!(alone.err.contains("the log alone answers"), "{}", alone.err);
        assert_eq!(alone.code, 0, "{query}: {}", alone.err);
        assert_eq!(alone.out, of_db.out, "{query}");
    }
    let past = [
        "sql",
        "SELECT count(*) FROM keys",
        "--rev",
        "1500",
        "-o",
        "csv",
    ];
    let (alone, of_db) = (ask(&copy.data_dir(), &past), ask(&data_dir(K8S), &past));
    assert_eq!(alone.out, of_db.out, "{}", alone.err);
}

#[test]
fn a_verb_that_needs_the_db_names_the_backup_that_the_log_gives() {
    let copy = fixture_copy(PLAIN);
    fs::remove_file(copy.data_dir().join("member/snap/db")).unwrap();
    for verb in ["hashkv", "leases", "meta", "space", "page"] {
        let said = ask(&copy.data_dir(), &[verb]);
        assert_eq!(said.code, 1, "{verb}: {}", said.err);
        let (_, next) = said.err.split_once("  try    ").unwrap();
        let line = next.split("     ").next().unwrap();
        assert!(
            line.contains(" salvage ") && line.contains("--dry-run"),
            "{line}"
        );
        let words: Vec<&str> = line.split(' ').skip(1).collect();
        let salvaged = sealed(&copy.data_dir(), words);
        assert!(salvaged.out.contains("revision"), "{}", salvaged.err);
    }
}

/// The store came with the backup and is lost: its log has writes, but no state.
#[test]
fn a_log_that_does_not_begin_with_the_store_lists_writes_and_gives_no_state() {
    let copy = fixture_copy("restored-bumped-started-3.5.16");
    let data = copy.data_dir();
    fs::remove_file(data.join("member/snap/db")).unwrap();
    let listed = ask(&data, &["changes", "--all", "-o", "json"]);
    assert_eq!(listed.code, 3, "{}", listed.err);
    assert!(listed.err.contains("without a revision"), "{}", listed.err);
    let rows = listed.rows();
    assert!(!rows.is_empty());
    for row in &rows {
        assert!(
            row.get("revision").is_none() && row["raft_index"].is_u64(),
            "{row}"
        );
    }
    let key = rows.iter().find_map(|row| row["key"].as_str()).unwrap();
    let history = ask(&data, &["history", key, "-o", "json"]);
    assert_eq!(history.code, 3, "{}", history.err);
    assert!(!history.rows().is_empty());
    for words in [
        &["get", key][..],
        &["keys"],
        &["keys", "--by-resource"],
        &["diff", key],
    ] {
        let said = ask(&data, words);
        assert_ne!(said.code, 0, "{words:?}: {}", said.err);
        assert_eq!(pasted(&data, &said, "etcd-inspect changes").code, 3);
    }
}

#[test]
fn versions_that_are_in_neither_are_counted_with_the_flag_that_looks_further() {
    let copy = fixture_copy(PLAIN);
    let data = copy.data_dir();
    fs::remove_dir_all(data.join("member/wal")).unwrap();
    let said = ask(&data, &["history", "/plain/else"]);
    assert!(
        said.err.contains("18 versions are in neither"),
        "{}",
        said.err
    );
    assert_eq!(pasted(&data, &said, "etcd-inspect history").code, 0);
    let whole = ask(&data_dir(PLAIN), &["history", "/plain/else"]);
    assert!(!whole.err.contains("neither"), "{}", whole.err);
}

#[test]
fn sealed_values_name_the_flag_that_takes_the_key() {
    let data = data_dir(ENCRYPTED);
    for words in [
        &["history", "cm/c1-0", "-n", "prod"][..],
        &["blame", "cm/c1-0", "-n", "prod"],
        &["changes"],
    ] {
        let said = ask(&data, words);
        assert_eq!(
            said.err.matches("--encryption-config FILE").count(),
            1,
            "{}",
            said.err
        );
    }
}

#[test]
fn rows_say_when_who_and_by_what_source_in_json_and_csv() {
    let data = data_dir(K8S);
    let fields = ["time", "uncertainty_s", "time_source", "who", "who_source"];
    for words in [
        &["history", "deploy/web", "-n", "prod"][..],
        &["changes", "--last", "50"],
        &["timeline", "--kind", "put", "-n", "prod"],
        &["blame", "deploy/web", "-n", "prod"],
    ] {
        let json = ask(&data, &[words, &["-o", "json"]].concat());
        for field in fields {
            assert!(
                json.rows().iter().any(|row| row.get(field).is_some()),
                "{words:?} {field}"
            );
        }
        let csv = ask(&data, &[words, &["-o", "csv"]].concat());
        let head: Vec<&str> = csv.out.lines().next().unwrap().split(',').collect();
        assert!(
            fields.iter().all(|field| head.contains(field)),
            "{words:?} {head:?}"
        );
        let names = ask(&data, &[words, &["-o", "name"]].concat());
        assert!(!names.out.contains("2026-"), "{words:?}: {}", names.out);
    }
}

#[test]
fn who_is_the_same_in_every_list() {
    let data = data_dir(K8S);
    let who = |words: &[&str]| {
        let said = ask(&data, &[words, &["-o", "json"]].concat());
        let rows = said.rows().to_vec();
        let of = |row: &serde_json::Value| {
            let fields = (row["who"].clone(), row["who_source"].clone());
            (row["revision"].as_i64().unwrap(), fields)
        };
        rows.iter()
            .map(of)
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let changes = who(&["changes", "--all", "--last", "0"]);
    let timeline = who(&["timeline", "--all", "--kind", "put,delete"]);
    let history = who(&["history", "pods", "-A"]);
    assert!(history.len() > 300 && timeline.len() > 3000);
    for (revision, who) in history.iter().chain(&timeline) {
        assert_eq!(changes.get(revision), Some(who), "rev {revision}");
    }
}

#[test]
fn keys_that_are_no_text_are_printed_so_that_they_can_be_pasted_back() {
    let data = data_dir("restored-bumped-started-3.5.16");
    let said = ask(&data, &["changes", "--all", "--last", "0", "-o", "json"]);
    let rows = said.rows();
    let odd = rows
        .iter()
        .find(|row| row.get("key_b64").is_some())
        .unwrap();
    let name = odd["name"].as_str().unwrap();
    assert!(name.contains("\\x") && !name.contains('\u{fffd}'), "{name}");
    let history = ask(&data, &["history", name]);
    assert_eq!(history.code, 0, "{name}: {}", history.err);
}

#[test]
fn a_file_that_is_no_log_is_refused_and_named() {
    let data = data_dir(K8S);
    let folder = tempfile::tempdir().unwrap();
    let etcd = folder.path().join("etcd.log");
    let line =
        r#"{"level":"warn","ts":"2026-01-01T00:00:00.000Z","msg":"apply request took too long"}"#;
    fs::write(&etcd, line).unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "not a log\n").unwrap();
    for words in [
        &["history", "ns/prod"][..],
        &["changes"],
        &["timeline"],
        &["blame", "ns/prod"],
    ] {
        let wrong = |file: &Path| {
            let words = [words, &["--audit-log", file.to_str().unwrap()]].concat();
            let said = ask(&data, &words);
            assert_eq!(
                (said.code, said.out.as_str()),
                (2, ""),
                "{words:?}: {}",
                said.err
            );
            said
        };
        assert!(wrong(&text).err.contains("text of another kind"));
        let said = wrong(&etcd);
        assert!(said.err.contains("a log of etcd"), "{}", said.err);
        assert_eq!(
            pasted(&data, &said, "etcd-inspect timeline").code,
            0,
            "{}",
            said.err
        );
    }
}

#[test]
fn a_tombstone_has_the_version_of_what_it_deleted() {
    let data = data_dir(K8S);
    let deleted = ask(&data, &["keys", "--deleted", "-o", "json"]);
    let values = ask(&data, &["keys", "--deleted", "--values", "-o", "jsonl"]);
    for row in deleted.rows().iter().take(5) {
        let key = row["key"].as_str().unwrap();
        let history = ask(&data, &["history", key, "-o", "json"]);
        let last = history.rows().last().unwrap().clone();
        assert_eq!(
            (&last["op"], &last["version"]),
            (&"delete".into(), &row["version"])
        );
        let value = values
            .out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        let mut value = value.filter(|value: &serde_json::Value| value["key"] == key);
        assert_eq!(value.next().unwrap()["version"], row["version"]);
    }
}

#[test]
fn get_names_what_the_log_has_beyond_the_db() {
    let copy = incident("L13").reproduce();
    let lost = ask(&copy.data_dir(), &["get", "/registry/things/ns1/tail0"]);
    assert!(
        lost.err.contains("rev 216 of /registry/things/ns1/tail0"),
        "{}",
        lost.err
    );
    // The db lacks a revision: every answer from it is partial.
    assert_eq!(
        pasted(&copy.data_dir(), &lost, "etcd-inspect history").code,
        3
    );
    let data = data_dir(KILLED);
    let late = ask(&data, &["get", "/registry/things/ns2/late39"]);
    assert!(late.err.contains("rev 270 of"), "{}", late.err);
    let listed = ask(&data, &["keys", "--limit", "1"]);
    assert!(
        listed
            .err
            .contains("6 entries of the log are not in the db yet"),
        "{}",
        listed.err
    );
    assert_eq!(pasted(&data, &listed, "etcd-inspect keys").code, 0);
    let sound = ask(&data_dir(PLAIN), &["get", "/plain/else"]);
    assert_eq!(sound.err, "");
}

#[test]
fn the_newest_changes_are_the_same_from_the_end_of_the_log_and_from_all_of_it() {
    for member in [PLAIN, KILLED, K8S] {
        let data = data_dir(member);
        let rows = |last: &str| {
            let said = ask(&data, &["changes", "--all", "--last", last, "-o", "json"]);
            said.rows().to_vec()
        };
        // So many are looked for in the whole log.
        let (few, all) = (rows("15"), rows("2000"));
        assert_eq!(few.as_slice(), &all[all.len() - 15..], "{member}");
    }
}

#[test]
fn a_time_of_which_one_bound_is_known_is_shown_as_a_bound() {
    let data = data_dir(K8S);
    let ends = |words: &[&str]| {
        let said = ask(&data, &[words, &["-o", "json"]].concat());
        said.rows()
            .iter()
            .filter(|row| row.get("time_bound").is_some())
            .cloned()
            .collect::<Vec<_>>()
    };
    let changes = ends(&["changes", "--all", "--last", "3"]);
    assert_eq!(changes[0]["time_bound"], "not_before", "{changes:?}");
    assert!(changes[0].get("uncertainty_s").is_none());
    // The bound of the newest write with a time, not the middle of its bounds.
    assert_eq!(
        changes[0]["time"], "2026-11-21T01:18:33.379Z",
        "{changes:?}"
    );
    let csv = ask(&data, &["changes", "--all", "--last", "3", "-o", "csv"]);
    let last = csv.out.lines().last().unwrap_or_default();
    assert!(
        last.contains("2026-11-21T01:18:33.379Z,,between,not_before,"),
        "{last}"
    );
    let timeline = ends(&["timeline", "--kind", "election"]);
    assert!(
        timeline.iter().all(|row| row["time_bound"] == "not_after"),
        "{timeline:?}"
    );
    let shown = ask(&data, &["changes", "--all", "--last", "3"]);
    assert!(
        shown.out.contains('≥') && !shown.out.contains("±?"),
        "{}",
        shown.out
    );
}

#[test]
fn the_log_is_left_out_on_demand() {
    let data = data_dir(PLAIN);
    let rows = |words: &[&str]| {
        let mut all = vec!["history", "/plain/else", "-o", "json"];
        all.extend(words);
        let said = ask(&data, &all);
        let rows = said.rows();
        let sources = rows.iter().map(|row| row["source"].to_string());
        (sources.collect::<Vec<_>>(), said.err)
    };
    let (sources, _) = rows(&[]);
    assert!(sources.iter().any(|source| source.contains("wal")));
    let (sources, said) = rows(&["--no-wal"]);
    assert!(!sources.is_empty());
    assert!(sources.iter().all(|source| source.contains("db")));
    assert!(said.contains("left out: --no-wal"), "{said}");
}

#[test]
fn history_says_once_why_nobody_is_named() {
    let data = data_dir(K8S);
    let said = ask(&data, &["history", "deploy/web", "-n", "prod"]);
    assert_eq!(said.err.matches("WHO is empty in ").count(), 1);
    assert!(said.err.contains("--audit-log FILE"), "{}", said.err);
}

/// What `history` of everything says of each write, without where it is from.
fn writes(data: &Path) -> Vec<[serde_json::Value; 6]> {
    let said = ask(data, &["history", "/registry/**", "-o", "json"]);
    let fields = ["revision", "sub", "version", "op", "create_revision", "key"];
    let rows = said.rows();
    rows.iter()
        .map(|row| fields.map(|field| row[field].clone()))
        .collect()
}

/// Flips a byte in the middle of the data of an entry.
fn damage_entry(data: &Path, index: u64) {
    let said = ask(data, &["wal", "--index", &index.to_string(), "-o", "json"]);
    let row = &said.rows()[0];
    let file = Path::new(row["file"].as_str().unwrap());
    let at = row["offset"].as_u64().unwrap() + 60;
    testkit::damage::flip_bit(file, usize::try_from(at).unwrap(), 3);
}

/// A copy of a real directory whose store was compacted by etcd.
fn compacted_copy(revision: &str) -> Option<testkit::Copy> {
    let Some(binaries) = testkit::etcd::Binaries::newest("3.5") else {
        eprintln!("no etcd 3.5 here");
        return None;
    };
    let copy = fixture_copy(K8S);
    let patience = std::time::Duration::from_secs(60);
    let server = testkit::etcd::Server::start(&binaries, &copy.data_dir(), &[], patience);
    let server = server.unwrap_or_else(|not| panic!("{}", not.log));
    server.ctl(&["compaction", revision, "--physical"]);
    server.stop();
    Some(copy)
}

#[test]
fn after_a_damaged_entry_the_log_shows_the_revisions_of_all_later_ones() {
    let Some(copy) = compacted_copy("3000") else {
        return;
    };
    let data = copy.data_dir();
    let whole = writes(&data);
    damage_entry(&data, 1500);
    let keys = ask(&data, &["keys", "--rev", "1400"]);
    let is_named = keys.err.contains("WAL-006");
    assert!(keys.code == 3 && is_named, "{}", keys.err);
    let found = writes(&data);
    let lost: Vec<_> = whole.iter().filter(|row| !found.contains(row)).collect();
    assert!(lost.len() <= 1, "{lost:?}");
    let new: Vec<_> = found.iter().filter(|row| !whole.contains(row)).collect();
    assert!(new.is_empty(), "{new:?}");
}
