//! What of the log is lost, or may not be read, is no empty log: every verb that needs the log says that its answer is partial.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use testkit::places::wal;

use crate::run::{RunResult, sealed};

/// Verbs that read the log beside a db that can be read.
const OF_LOG: [&[&str]; 8] = [
    &["history", "/plain/k1", "--wal", "-d"],
    &["search", "nothing has this", "--in", "wal", "-d"],
    &["timeline", "--kind", "election"],
    &["carve", "--prefix", "/nothing has this"],
    &["changes", "--last", "1"],
    &["status"],
    &["keys", "--carved", "-d"],
    &["sql", "select count(*) as n from wal_entries", "-d"],
];

fn ask(data: &Path, verb: &[&str], format: &str) -> RunResult {
    let path = data.to_str().unwrap();
    sealed(data, verb.iter().copied().chain([path, "-o", format]))
}

#[track_caller]
fn all_are_partial(data: &Path, what: &str) {
    for verb in OF_LOG {
        let said = ask(data, verb, "json");
        assert_eq!(said.code, 3, "{what} {verb:?}: {}\n{}", said.out, said.err);
        let json = said.json();
        assert!(json.get("partial").is_some(), "{what} {verb:?}: {json}");
        let text = ask(data, verb, "table");
        for claim in [
            "the db has each of its writes",
            "nothing is left: pages",
            "no WAL here",
        ] {
            assert!(!text.err.contains(claim), "{what} {verb:?}: {}", text.err);
        }
        assert!(
            text.err.contains("the answer is partial"),
            "{what} {verb:?}"
        );
    }
}

#[test]
fn a_whole_log_marks_no_answer() {
    let data = testkit::data_dir("etcd-3.5.30");
    for verb in OF_LOG {
        let said = ask(&data, verb, "json");
        assert!(said.code < 2, "{verb:?}: {}", said.err);
        assert!(said.json().get("partial").is_none(), "{verb:?}");
    }
}

#[test]
fn a_log_with_a_damaged_record_or_without_its_end_or_its_middle_marks_every_answer() {
    let copy = testkit::fixture_copy("etcd-3.5.30");
    let data = copy.data_dir();
    let segment = wal::segments(&data).remove(0);
    let whole = fs::read(&segment).unwrap();
    let log = wal::Segment::read(&segment);
    let end = log.end();

    let mut bytes = whole.clone();
    bytes[end / 2] ^= 4;
    fs::write(&segment, &bytes).unwrap();
    all_are_partial(&data, "a flipped bit");

    // For etcd this looks like a torn write: it would discard all that follows.
    bytes = whole.clone();
    let frame = &log.frames[log.frames.len() / 2];
    bytes[frame.at + 16..frame.end].fill(0);
    fs::write(&segment, &bytes).unwrap();
    all_are_partial(&data, "a record of zeros");

    // At the end of a record: nothing in the file shows that there was more. The db does.
    let middle = log.frames.len() / 2;
    bytes = whole.clone();
    bytes[log.frames[middle].at..].fill(0);
    fs::write(&segment, &bytes).unwrap();
    all_are_partial(&data, "cut between records");

    fs::write(&segment, &whole).unwrap();
    wal::split(&data, &[60, 120]);
    fs::remove_file(&wal::segments(&data)[1]).unwrap();
    all_are_partial(&data, "without its second segment");
}

#[test]
fn a_log_that_is_not_there_is_not_searched_in_vain() {
    let copy = testkit::fixture_copy("etcd-3.5.30");
    let data = copy.data_dir();
    fs::remove_dir_all(data.join("member/wal")).unwrap();
    let said = ask(&data, &["search", "k1", "--in", "wal", "-d"], "table");
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.err.contains("there is no WAL here"), "{}", said.err);
    for verb in [&["keys", "--replay", "-d"], &["leases", "--replay", "-d"]] {
        let said = ask(&data, verb, "table");
        // A start serves the db as it is stored; what the log had after it is missing in the answer.
        assert_eq!(said.code, 3, "{verb:?}: {}", said.err);
        assert!(!said.out.is_empty(), "{verb:?}");
        assert!(said.err.contains("is not known"), "{verb:?}: {}", said.err);
    }
}

#[test]
fn a_replay_of_a_log_that_ends_before_the_db_is_partial() {
    let copy = testkit::fixture_copy("etcd-3.5.30");
    let data = copy.data_dir();
    let segment = wal::segments(&data).remove(0);
    let log = wal::Segment::read(&segment);
    let mut bytes = fs::read(&segment).unwrap();
    bytes[log.frames[log.frames.len() / 2].at..].fill(0);
    fs::write(&segment, &bytes).unwrap();
    let query = ["sql", "select count(*) as n from keys", "--replay", "-d"];
    let verbs: [&[&str]; 4] = [
        &["keys", "--replay", "-d"],
        &["leases", "--replay", "-d"],
        &["hashkv", "--replay", "-d"],
        &query,
    ];
    for verb in verbs {
        let said = ask(&data, verb, "json");
        assert_eq!(said.code, 3, "{verb:?}: {}", said.err);
        assert!(said.json().get("partial").is_some(), "{verb:?}");
    }
}

#[test]
fn a_log_that_this_user_may_not_read_is_not_judged() {
    let copy = testkit::fixture_copy("etcd-3.5.30");
    let data = copy.data_dir();
    wal::split(&data, &[60, 120]);
    let outside = tempfile::tempdir().unwrap();
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut top = data.clone();
    while top.starts_with(std::env::temp_dir()) && top != std::env::temp_dir() {
        fs::set_permissions(&top, Permissions::from_mode(0o755)).unwrap();
        top.pop();
    }
    for folder in ["member", "member/wal", "member/snap"] {
        fs::set_permissions(data.join(folder), Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(data.join("member/snap/db"), Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(outside.path(), Permissions::from_mode(0o755)).unwrap();
    let binary = outside.path().join("etcd-inspect");
    fs::copy(env!("CARGO_BIN_EXE_etcd-inspect"), &binary).unwrap();
    let segments = wal::segments(&data);
    let mode = |path: &Path, mode: u32| {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    // All of them, the second alone, and the folder.
    for denied in [
        segments.clone(),
        vec![segments[1].clone()],
        vec![data.join("member/wal")],
    ] {
        segments.iter().for_each(|path| mode(path, 0o644));
        denied.iter().for_each(|path| mode(path, 0o000));
        let ask = |verb: &[&str]| -> RunResult {
            let mut command = match root {
                true => Command::new("setpriv"),
                false => Command::new(&binary),
            };
            if root {
                command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
                command.arg(&binary);
            }
            command.args(verb).arg(&data).output().unwrap().into()
        };
        let others: [&[&str]; 5] = [
            &["wal"],
            &["check"],
            &["preflight", "--for", "restore"],
            &["keys", "--replay", "-d"],
            &["status", "--quick"],
        ];
        for verb in OF_LOG.into_iter().chain(others) {
            let said = ask(verb);
            let all = format!("{}{}", said.out, said.err);
            assert_eq!(said.code, 3, "{denied:?} {verb:?}: {all}");
            for claim in [
                "COMPLETE",
                "not of one member",
                "adds nothing",
                "nothing is left: ",
                "no WAL here",
                "no WAL beside",
            ] {
                assert!(!all.contains(claim), "{denied:?} {verb:?}: {all}");
            }
            assert!(
                all.contains("Permission denied"),
                "{denied:?} {verb:?}: {all}"
            );
            let next = format!("sudo etcd-inspect {}", verb[0]);
            assert!(all.contains(&next), "{denied:?} {verb:?}: {all}");
        }
        mode(&data.join("member/wal"), 0o755);
    }
}

#[test]
fn tables_of_a_log_that_is_not_there_are_no_count_of_zero() {
    let snapshot = testkit::fixture("etcd-3.5.30").join("snapshot.db");
    for table in ["wal_entries", "terms"] {
        let query = format!("select count(*) as n from {table}");
        let said = ask(&snapshot, &["sql", &query, "-d"], "json");
        assert_eq!(said.code, 3, "{table}: {}", said.err);
        assert!(said.json().get("partial").is_some(), "{}", said.out);
        assert!(said.err.contains("there is no WAL"), "{}", said.err);
    }
    let said = ask(
        &snapshot,
        &["sql", "select count(*) as n from keys", "-d"],
        "json",
    );
    assert_eq!(said.code, 0, "{}", said.err);
}

#[test]
fn a_key_that_the_log_deleted_is_not_live_without_a_word_if_the_db_lost_the_deletion() {
    let copy = testkit::fixture_copy("etcd-3.5.30");
    let live = |data: &Path| -> std::collections::BTreeSet<String> {
        let json = ask(data, &["keys", "--limit", "0"], "json").json();
        let rows = json["rows"].as_array().unwrap().clone();
        rows.iter().map(|row| row["key"].to_string()).collect()
    };
    let whole = live(&copy.data_dir());
    // A leaf with tombstones.
    let db = copy.data_dir().join("member/snap/db");
    let mut bytes = fs::read(&db).unwrap();
    bytes[136 * 4096..137 * 4096].fill(0);
    fs::write(&db, bytes).unwrap();
    let back: Vec<String> = live(&copy.data_dir()).difference(&whole).cloned().collect();
    assert_eq!(back.len(), 7, "{back:?}");
    let said = ask(&copy.data_dir(), &["keys"], "json");
    let text = "7 keys that the db has as live were deleted, as the log has it";
    assert!(said.err.contains(text), "{}", said.err);
    let json = said.json();
    let findings = json["partial"]["findings"].as_array().unwrap();
    let finding = findings.iter().find(|one| one["code"] == "X-007").unwrap();
    let named = finding["keys"].as_array().unwrap();
    assert!(!named.is_empty(), "{finding:#}");
    assert!(named.iter().all(|key| back.contains(&key.to_string())));
}
