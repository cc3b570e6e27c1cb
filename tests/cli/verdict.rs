//! `check`, `compare`, `preflight`, `space`: numbers, exit codes, next steps; the evidence unchanged.

use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::data_dir;
use testkit::incidents::incident;

use crate::run::{RunResult, etcd_inspect, sealed};

fn members(name: &str) -> Vec<PathBuf> {
    ["m1", "m2", "m3"]
        .map(|member| data_dir(&format!("{name}/{member}")))
        .to_vec()
}

/// Asks about several directories, each of which has to stay as it is.
fn about(verb: &str, paths: &[PathBuf], flags: &[&str]) -> RunResult {
    let seals: Vec<_> = paths.iter().map(|path| testkit::Seal::read(path)).collect();
    let paths = paths.iter().map(|path| path.to_str().unwrap());
    let said = etcd_inspect(
        std::iter::once(verb)
            .chain(paths)
            .chain(flags.iter().copied()),
    );
    seals.iter().for_each(testkit::Seal::assert_unchanged);
    said
}

/// What `preflight` answers for a start of 3.5.30.
fn preflight_start(path: &Path) -> RunResult {
    let text = path.to_str().unwrap();
    sealed(
        path,
        [
            "preflight",
            text,
            "--for",
            "start",
            "--etcd",
            "3.5.30",
            "-o",
            "json",
        ],
    )
}

fn codes(check: &Value) -> Vec<String> {
    let findings = check["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["code"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_healthy_directory_is_fit_for_everything() {
    let path = data_dir("etcd-3.5.30");
    let text = path.to_str().unwrap();
    for depth in [
        &["check", text][..],
        &["check", "--quick", text],
        &["check", "--deep", text],
    ] {
        let said = sealed(&path, depth);
        assert_eq!(said.code, 0, "{}", said.out);
        assert!(
            said.out.contains("next   etcd-inspect preflight"),
            "{}",
            said.out
        );
    }
    for purpose in ["start", "force-new-cluster", "restore", "upgrade"] {
        let said = sealed(&path, ["preflight", text, "--for", purpose, "-o", "json"]);
        assert_eq!(said.code, 0, "{purpose}: {}", said.out);
        assert_eq!(said.json()["go"], true, "{purpose}");
        assert_eq!(said.json()["for"], purpose);
    }
}

#[test]
fn a_damaged_db_is_found_refused_and_explained() {
    let copy = incident("D20").reproduce();
    let path = copy.data_dir();
    let text = path.to_str().unwrap();
    let check = sealed(&path, ["check", "-o", "json", text]);
    assert_eq!(check.code, 1);
    let json = check.json();
    assert_eq!(json["verdict"], "damaged");
    assert!(codes(&json).contains(&"X-006".to_owned()));
    let finding = &json["findings"][0];
    for field in [
        "id", "code", "severity", "message", "file", "offset", "page", "keys", "seen", "expected",
        "next",
    ] {
        assert!(!finding[field].is_null(), "{field} in {finding}");
    }
    let start = preflight_start(&path);
    let json = start.json();
    assert_eq!(
        (start.code, &json["starts"], &json["go"]),
        (1, &Value::from(true), &Value::from(false))
    );
    let explained = etcd_inspect(["explain", "X-006"]);
    assert!(explained.code == 0 && explained.out.contains("X-006"));
}

#[test]
fn a_log_that_a_start_would_cut_off_is_no_go_and_its_loss_is_counted() {
    let copy = incident("W09").reproduce();
    let path = copy.data_dir();
    let text = path.to_str().unwrap();
    let json = preflight_start(&path).json();
    assert_eq!(json["starts"], true);
    assert_eq!(json["go"], false);
    let loses = json["loses"]["entries"].as_u64().unwrap();
    assert!(
        loses > 0 && !json["loses"]["keys"].as_array().unwrap().is_empty(),
        "{json}"
    );
    // The prediction is the acknowledged state without what is lost, and `--replay` gives the same state.
    let revision_of = |verb: &[&str]| sealed(&path, verb).json()["revision"].clone();
    assert_eq!(
        json["revision"],
        revision_of(&["status", "--replay", "-o", "json", text])
    );
    let check = sealed(&path, ["check", "-o", "json", text]).json();
    let plan = check["plan"].as_array().unwrap();
    let salvage = plan
        .iter()
        .find(|step| step["action"] == "salvage")
        .unwrap();
    assert!(
        json["revision"].as_u64() < salvage["outcome"]["revision"].as_u64(),
        "{} {}",
        json["revision"],
        salvage["outcome"]["revision"]
    );
}

#[test]
fn damage_before_the_newest_snapshot_comes_with_the_segments_that_may_be_moved_aside() {
    let copy = incident("W01").reproduce();
    let path = copy.data_dir();
    let text = path.to_str().unwrap();
    let said = sealed(
        &path,
        ["preflight", text, "--for", "start", "--etcd", "3.5.30"],
    );
    assert_eq!(said.code, 1);
    assert!(
        said.out
            .contains("move aside 0000000000000000-0000000000000000.wal"),
        "{}",
        said.out
    );
}

#[test]
fn a_diverged_member_is_told_from_the_others_and_is_not_the_best() {
    let paths = members("alarm-corrupt-3.5.30");
    let said = about("compare", &paths, &["--keys", "-o", "json"]);
    assert_eq!(said.code, 1);
    let json = said.json();
    let minority: Vec<bool> = json["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member["is_minority"].as_bool().unwrap())
        .collect();
    assert_eq!(minority.iter().filter(|is| **is).count(), 1, "{minority:?}");
    let odd = minority.iter().position(|is| *is).unwrap();
    assert_ne!(json["best"], paths[odd].to_str().unwrap());
    let keys = json["differing_keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    assert!(
        keys[0]["changed"][odd].as_str().unwrap().contains("byte"),
        "{}",
        keys[0]
    );
    assert_eq!(
        json["first_divergent_revision"], keys[0]["mod_revisions"][0],
        "the revision at which the value differs"
    );
    let table = about("compare", &paths, &[]);
    assert!(
        table.out.contains("differs from the others since revision"),
        "{}",
        table.out
    );
    assert!(
        table
            .out
            .lines()
            .last()
            .unwrap()
            .starts_with("next: etcd-inspect compare"),
        "{}",
        table.out
    );
}

#[test]
fn copies_of_one_cluster_that_only_lag_are_no_findings() {
    for name in ["diverged-3.5.30", "k8s-1.20-cluster3", "cluster3-3.4.23"] {
        let said = about("compare", &members(name), &["-o", "json"]);
        assert_eq!(said.code, 0, "{name}: {}", said.out);
        let json = said.json();
        assert_eq!(json["same"], true, "{name}");
        assert!(
            json["first_divergent_revision"].is_null() && !json["best"].is_null(),
            "{name}"
        );
    }
}

#[test]
fn a_forced_new_cluster_is_ranked_with_what_each_choice_loses() {
    let said = about(
        "preflight",
        &members("diverged-3.5.30"),
        &["--for", "force-new-cluster", "-o", "json"],
    );
    // Clean copies of a majority are there: whatever it would lose, it is not to be done.
    assert_eq!(said.code, 1, "{}", said.out);
    let json = said.json();
    assert_eq!(
        (&json["go"], &json["better"]["action"]),
        (&false.into(), &"start".into())
    );
    let candidates = json["candidates"].as_array().unwrap();
    let ranks: Vec<_> = candidates
        .iter()
        .map(|candidate| candidate["rank"].as_u64().unwrap())
        .collect();
    assert_eq!(ranks, [1, 2, 3]);
    let last = &candidates[2];
    assert!(
        last["path"].as_str().unwrap().ends_with("m1"),
        "the member that lags"
    );
    assert_eq!(last["discarded_entries"], 12);
    assert!(last["lost_revisions"].as_i64() > candidates[0]["lost_revisions"].as_i64());
    assert!(!last["lost_keys"].as_array().unwrap().is_empty());
}

#[test]
fn a_restore_names_the_member_and_the_revision_that_the_other_copies_reached() {
    let mut paths = members("diverged-3.5.30");
    let json = about("preflight", &paths, &["--for", "restore", "-o", "json"]).json();
    let command = json["command"].as_str().unwrap().to_owned();
    for flag in [
        "--bump-revision ",
        "--mark-compacted",
        "--skip-hash-check",
        "--initial-cluster ",
    ] {
        assert!(command.contains(flag), "{flag} in {command}");
    }
    assert!(
        json["reached_revision"].as_i64() > json["revision"].as_i64(),
        "{json}"
    );
    paths.truncate(1);
    let alone = about("preflight", &paths, &["--for", "restore", "-o", "json"]).json();
    assert!(alone["reached_revision"].as_i64() < json["reached_revision"].as_i64());
}

#[test]
fn what_stops_an_upgrade_is_a_fail_line() {
    let path = data_dir("v2-content-3.4.23");
    let text = path.to_str().unwrap();
    let said = sealed(
        &path,
        [
            "preflight",
            text,
            "--for",
            "upgrade",
            "--etcd",
            "3.6",
            "-o",
            "json",
        ],
    );
    assert_eq!(said.code, 1);
    let lines = said.json()["lines"].as_array().unwrap().clone();
    let fails = |code: &str| {
        lines
            .iter()
            .any(|line| line["code"] == code && line["level"] == "FAIL")
    };
    assert!(fails("STEP") && fails("SNAP-008"), "{lines:?}");
}

#[test]
fn the_parts_of_space_add_up_to_the_file() {
    for name in [
        "etcd-3.5.30",
        "k8s-1.20-etcd35",
        "mid-compaction-3.5.30",
        "restored-bumped-3.5.30",
        "etcd-3.4.23",
    ] {
        let path = data_dir(name);
        let text = path.to_str().unwrap();
        for by in ["resource", "namespace", "prefix"] {
            let json = sealed(&path, ["space", "--by", by, "-o", "json", text]).json();
            let rows = json["rows"].as_array().unwrap();
            let sum: u64 = rows.iter().map(|row| row["bytes"].as_u64().unwrap()).sum();
            let file = std::fs::metadata(path.join("member/snap/db"))
                .unwrap()
                .len();
            assert_eq!(
                (sum, json["size_bytes"].as_u64()),
                (file, Some(file)),
                "{name} by {by}"
            );
        }
    }
    let path = data_dir("alarm-nospace-3.5.30");
    let said = sealed(&path, ["space", "--quota", "4MB", path.to_str().unwrap()]);
    assert!(
        said.code == 0 && said.out.contains("NOSPACE"),
        "{}",
        said.out
    );
    let wrong = etcd_inspect(["space", "--quota", "lots", path.to_str().unwrap()]);
    assert_eq!(wrong.code, 2);
}

/// The db of an earlier moment, restored, beside the log that goes on: the consistent_index of a restore is the number of members.
fn restored_beside_its_log(fixture: &str, snapshot_of: &str) -> testkit::Copy {
    let copy = testkit::fixture_copy(fixture);
    let snap = copy.data_dir().join("member/snap");
    std::fs::remove_dir_all(&snap).unwrap();
    std::fs::create_dir(&snap).unwrap();
    let backup = testkit::fixture(snapshot_of).join("snapshot.db");
    let mut db = testkit::places::bolt::Db::read(&backup);
    let trailer = db.bytes.len() / 512 * 512;
    db.bytes.truncate(trailer);
    let index = db.entry("meta", b"consistent_index").unwrap();
    db.put(index.value.start, &1u64.to_be_bytes());
    db.write(&snap.join("db"));
    copy
}

#[test]
fn a_db_restored_beside_an_older_log_is_damage_to_every_verb() {
    for (fixture, snapshot_of) in [
        ("etcd-3.4.23", "etcd-3.4.23"),
        ("etcd-3.5.30", "etcd-3.5.30"),
        ("etcd-3.5.30-killed", "etcd-3.5.30-killed"),
        // The db of another cluster.
        ("etcd-3.5.30", "etcd-3.5.30-killed"),
    ] {
        let copy = restored_beside_its_log(fixture, snapshot_of);
        let path = copy.data_dir();
        let text = path.to_str().unwrap();
        let check = sealed(&path, ["check", "-o", "json", text]);
        let json = check.json();
        let what = format!("{fixture} with the db of {snapshot_of}: {}", check.out);
        assert_eq!(
            (check.code, &json["verdict"]),
            (1, &"damaged".into()),
            "{what}"
        );
        let first = &json["cause"][0]["code"];
        assert!(first == "X-011" || first == "X-002", "{what}");
        assert!(codes(&json).contains(&"X-011".to_owned()), "{what}");
        let plan = json["plan"].as_array().unwrap();
        assert!(plan.len() > 1 && plan[0]["action"] != "start", "{what}");
        let status = sealed(&path, ["status", text]);
        assert_eq!(status.code, 1, "{}", status.out);
        assert!(!status.out.contains("nothing wrong"), "{}", status.out);
        let start = sealed(&path, ["preflight", text, "--for", "start"]);
        assert_eq!(start.code, 1, "{}", start.out);
    }
    // The log of a restored member begins with the same entry, and its store came with the backup.
    for healthy in ["restored-plain-3.5.30", "restored-plain-3.4.23"] {
        let path = data_dir(healthy);
        let status = sealed(&path, ["status", path.to_str().unwrap()]);
        assert_eq!(status.code, 0, "{}", status.out);
    }
}

/// A start of etcd 3.5.30 on it answers with this hash at revision 270, and with 157 keys.
const HASH_AFTER_START: u64 = 0x765a_8f6a;

#[test]
fn a_received_db_takes_the_place_of_an_older_one_for_every_verb() {
    let copy = incident("S15").reproduce();
    let path = copy.data_dir();
    let text = path.to_str().unwrap();
    let judged = |what: &str| {
        let json = sealed(&path, ["check", "-o", "json", text]).json();
        let first = &json["plan"][0];
        assert_eq!(first["action"], "start", "{what}: {first}");
        let outcome = &first["outcome"];
        assert_eq!(
            (&outcome["revision"], &outcome["keys"]),
            (&270.into(), &157.into()),
            "{what}"
        );
        assert_eq!(first["lost"]["writes"], 0, "{what}: {first}");
        for release in ["3.5.16", "3.5.30"] {
            let purpose = ["preflight", text, "--for", "start", "--etcd", release];
            let start = sealed(&path, purpose);
            assert_eq!(start.code, 0, "{what}: {}", start.out);
        }
        let status = sealed(&path, ["status", text, "--replay", "-o", "json"]);
        assert_eq!(
            (status.code, &status.json()["revision"]),
            (0, &270.into()),
            "{what}"
        );
        let hash = sealed(&path, ["hashkv", text, "--replay", "-o", "json"]).json();
        assert_eq!(hash["hash"], HASH_AFTER_START, "{what}: {hash}");
    };
    judged("beside an older db");
    // Without a db file etcd renames the received one, and then deletes it.
    std::fs::remove_file(path.join("member/snap/db")).unwrap();
    let start = sealed(&path, ["preflight", text, "--for", "start", "-o", "json"]);
    assert_eq!(start.code, 1, "{}", start.out);
    let json = start.json();
    assert_eq!(json["starts"], false, "{json}");
    let message = json["step"]["outcome"]["message"].as_str().unwrap();
    assert!(message.ends_with("of the backend is missing"), "{message}");
    let plan = sealed(&path, ["check", "-o", "json", text]).json();
    assert_eq!(plan["plan"][0]["action"], "salvage", "{plan}");
}

#[test]
fn a_check_fails_at_the_severity_asked_for() {
    let copy = incident("S01").reproduce();
    let path = copy.data_dir();
    let text = path.to_str().unwrap();
    assert_eq!(sealed(&path, ["check", text]).code, 1);
    assert_eq!(sealed(&path, ["check", "--fail-on", "error", text]).code, 0);
    assert_eq!(sealed(&path, ["check", "--only", "WAL", text]).code, 0);
}

#[test]
fn healthy_copies_of_a_majority_are_better_started_than_forced() {
    let asked = ["--for", "force-new-cluster"];
    for name in ["cluster3-3.4.23", "k8s-1.20-cluster3", "diverged-3.5.30"] {
        let all = members(name);
        for count in 1..=3 {
            let said = about("preflight", &all[..count], &asked);
            let out = &said.out;
            assert!(out.contains("if a majority of the 3 voters"), "{out}");
            assert_eq!(out.contains("better: start"), count >= 2, "{count}: {out}");
            assert_eq!(out.contains("MAJORITY"), count >= 2, "{count}: {out}");
            assert_eq!(out.contains("NO-GO"), count >= 2, "{count}: {out}");
            assert_eq!(said.code, i32::from(count >= 2), "{count}: {out}");
            // What is better says which copies are started.
            let named = out.lines().find(|line| line.starts_with("better: "));
            let names = |line: &str| {
                all.iter()
                    .take(count)
                    .all(|one| line.contains(one.to_str().unwrap()))
            };
            assert!(count < 2 || named.is_some_and(names), "{count}: {out}");
        }
    }
}

#[test]
fn the_last_line_of_a_go_is_a_command_and_nothing_else() {
    for name in ["cluster3-3.4.23/m1", "etcd-3.5.30"] {
        let path = data_dir(name);
        let text = path.to_str().unwrap();
        for (purpose, program) in [("force-new-cluster", "cp -a "), ("restore", "etcd")] {
            let said = sealed(&path, ["preflight", text, "--for", purpose]);
            let last = said.out.lines().last().unwrap();
            let line = last
                .strip_prefix("GO  ")
                .unwrap_or_else(|| panic!("{last}"));
            assert!(line.starts_with(program), "{line}");
            // What cannot be taken back is done to a copy.
            let forced = line.split_once("--force-new-cluster --data-dir ");
            if let Some((before, forced)) = forced {
                assert!(before.contains(&format!(" {forced} && etcd ")), "{line}");
                assert!(!Path::new(forced).is_absolute(), "{line}");
            }
            assert!(!line.contains(['(', ',']) || purpose == "restore", "{line}");
        }
    }
}

/// An alarm is on in every member of a cluster, and a start with it loses nothing.
#[test]
fn an_alarm_is_no_obstacle_to_the_first_line_of_the_plan() {
    for name in [
        "alarm-corrupt-3.5.30/m1",
        "alarm-corrupt-3.5.30/m3",
        "alarm-nospace-3.5.30",
    ] {
        let path = data_dir(name);
        let text = path.to_str().unwrap();
        let check = sealed(&path, ["check", text, "-o", "json"]).json();
        assert_eq!(check["plan"][0]["action"], "start", "{name}");
        let said = sealed(&path, ["preflight", text]);
        assert_eq!(said.code, 0, "{name}: {}", said.out);
        assert!(said.out.contains("WARN  "), "{name}: {}", said.out);
    }
}

/// A byte of the peer URL in the bucket `members`; the log, which checksums protect, has the right one.
#[test]
fn a_damaged_url_in_the_db_does_not_reach_the_command_that_restores_it() {
    for name in ["etcd-3.5.30", "etcd-3.4.23", "auth-3.5.16"] {
        let copy = testkit::copy_of(&data_dir(name));
        let text = copy.to_str().unwrap();
        let commands = |said: &RunResult| -> Vec<String> {
            let plan = said.json()["plan"].as_array().unwrap().clone();
            let lines = plan.iter().filter_map(|step| step["command"].as_array());
            let lines = lines
                .flatten()
                .map(|line| line.as_str().unwrap().to_owned());
            lines
                .filter(|line| line.contains("snapshot restore"))
                .collect()
        };
        let advertised = |line: &String| {
            let flag = "--initial-advertise-peer-urls ";
            line.split_once(flag)
                .unwrap()
                .1
                .split(' ')
                .next()
                .unwrap()
                .to_owned()
        };
        let healthy = commands(&etcd_inspect(["check", text, "-o", "json"]));
        let right = advertised(&healthy[0]);
        let file = copy.join("member/snap/db");
        let mut db = testkit::places::bolt::Db::read(&file);
        let entries = db.entries("members");
        let port = right.rsplit(':').next().unwrap().as_bytes().to_vec();
        for entry in &entries {
            let value = db.bytes[entry.value.clone()].to_vec();
            if let Some(at) = value.windows(port.len()).position(|bytes| bytes == port) {
                // 0x31 and 0x33 are digits too.
                db.bytes[entry.value.start + at] ^= 2;
            }
        }
        db.write(&file);
        let damaged = commands(&etcd_inspect(["check", text, "-o", "json"]));
        assert!(!damaged.is_empty(), "{name}");
        for line in &damaged {
            assert_eq!(advertised(line), right, "{name}: {line}");
        }
    }
}

#[test]
fn bytes_of_records_that_cannot_be_read_are_not_zero() {
    for name in ["etcd-3.5.30", "etcd-3.7.1"] {
        let bytes = std::fs::read(testkit::fixture(name).join("snapshot.db")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("half.db");
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let text = path.to_str().unwrap();
        let said = etcd_inspect(["status", text]);
        assert!(said.out.contains("in use "), "{}", said.out);
        assert!(!said.out.contains("live 0 B"), "{}", said.out);
        let json = etcd_inspect(["status", text, "-o", "json"]).json();
        let bytes = &json["bytes"];
        assert!(bytes["live"].is_null() && bytes["free"].is_u64(), "{bytes}");
    }
}

#[test]
fn a_backup_is_not_built_over_the_file_that_it_is_built_from() {
    let bytes = std::fs::read(testkit::fixture("etcd-3.5.30").join("snapshot.db")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for name in ["half.db", "db", "half.db-salvaged.db", "backup.db"] {
        std::fs::write(folder.path().join(name), &bytes[..bytes.len() / 2]).unwrap();
        let said = crate::run::command()
            .current_dir(folder.path())
            .args(["check", name, "-o", "json"])
            .output()
            .unwrap();
        let check = RunResult::from(said).json();
        let plan = check["plan"].as_array().unwrap();
        let salvage = plan.iter().find(|step| step["action"] == "salvage");
        let line = salvage.unwrap()["command"][0].as_str().unwrap().to_owned();
        let out = line.split_once("--out ").unwrap().1;
        assert!(!folder.path().join(out).exists(), "{line}");
        let again = plan.iter().find(|step| step["action"] == "copy-again");
        let line = again.unwrap()["command"][0].as_str().unwrap().to_owned();
        let saved = line.split_once("snapshot save ").unwrap().1;
        assert_ne!(saved, name, "{line}");
    }
}
