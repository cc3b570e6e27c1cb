//! Faults of the field that are no incident of the table: each made by real etcd or on its files, with what etcd does then, and what
//! we say of it. `tests/README.md` lists every recipe with its test.

use std::path::Path;
use std::time::Duration;

use testkit::etcd::{Binaries, Server};
use testkit::places::wal::{Log, encode};
use testkit::places::{proto, snap};
use testkit::{copy_of, data_dir};

use crate::clusters::{Addresses, write};
use crate::printed::{Printed, inspect, preflight};
use crate::served::serve;

/// Time after which a server that has not answered never will: elections take a second.
const NEVER: Duration = Duration::from_secs(7);

fn newest() -> Option<Binaries> {
    let found = Binaries::newest("3.5.30");
    if found.is_none() {
        eprintln!("skipped: no etcd 3.5.30; fixtures/recipes/etcd-from-debian fetches it");
    }
    found
}

fn codes(path: &Path) -> Vec<String> {
    let said = inspect(&["check", path.to_str().unwrap(), "-o", "json"]);
    let findings = said["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["code"].as_str().unwrap().to_owned())
        .collect()
}

/// What etcd logs if it does not serve.
fn log_of(binaries: &Binaries, data_dir: &Path) -> Option<String> {
    let copy = copy_of(data_dir);
    Server::start(binaries, &copy, &[], NEVER)
        .err()
        .map(|not| not.log)
}

#[test]
fn a_wiped_voter_that_joined_again_is_no_go() {
    let Some(binaries) = newest() else { return };
    let folder = tempfile::tempdir().unwrap();
    let addresses = Addresses::free();
    let servers = addresses.start(&binaries, folder.path(), &[0, 1, 2], "new");
    write(&servers[0], "first");
    servers.into_iter().for_each(Server::stop);
    let wiped = folder.path().join("m3");
    std::fs::remove_dir_all(&wiped).unwrap();
    let running = addresses.start(&binaries, folder.path(), &[0, 1], "new");
    // etcd#13066: the same flags as at first make the same member id, whose log the leader remembers.
    let flags = addresses.flags(2, "existing");
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let log = match Server::start(&binaries, &wiped, &flags, NEVER) {
        Err(not) => not.log,
        Ok(server) => {
            let log = server.log();
            server.kill();
            log
        }
    };
    drop(running);
    if !log.contains("out of range") {
        // The leader may have found out in time and sent a snapshot: then nothing is wrong.
        assert!(log.contains("ready to serve"), "{log}");
        return;
    }
    let found = codes(&wiped);
    assert!(found.contains(&"MEM-009".to_owned()), "{found:?}");
    let said = preflight(&wiped, "start", "3.5.30");
    assert_eq!(said["go"], false, "{said}");
}

#[test]
fn a_lone_learner_never_serves() {
    let Some(binaries) = newest() else { return };
    let path = data_dir("learner-3.5.30/m2");
    let said = preflight(&path, "start", "3.5.30");
    assert_eq!(
        (&said["go"], &said["starts"]),
        (&false.into(), &false.into()),
        "{said}"
    );
    assert!(said.to_string().contains("learner"), "{said}");
    // Nothing is wrong with it: with its voters it serves, and nothing has to be restored.
    let check = inspect(&["check", path.to_str().unwrap(), "-o", "json"]);
    let first = &check["plan"][0];
    assert_eq!(first["action"], "none", "{check}");
    assert_eq!(first["lost"]["writes"], 0, "{check}");
    assert_eq!(said["better"]["action"], "none", "{said}");
    let log = log_of(&binaries, &path).expect("etcd does not serve");
    assert!(!log.contains("ready to serve"), "{log}");
}

#[test]
fn a_snap_with_a_second_voter_that_does_not_exist_never_serves() {
    let Some(binaries) = newest() else { return };
    let copy = copy_of(&data_dir("etcd-3.5.30"));
    snap::rewrite(&snap::newest(&copy), |_, metadata| {
        let mut conf = proto::bytes(metadata, 1);
        proto::put_number(&mut conf, 1, 0x1234_5678_9abc_def0);
        let (index, term) = (proto::number(metadata, 2), proto::number(metadata, 3));
        let mut changed = Vec::new();
        proto::put_bytes(&mut changed, 1, &conf);
        proto::put_number(&mut changed, 2, index);
        proto::put_number(&mut changed, 3, term);
        *metadata = changed;
    });
    let said = preflight(&copy, "start", "3.5.30");
    assert_eq!(
        (&said["go"], &said["starts"]),
        (&false.into(), &false.into()),
        "{said}"
    );
    assert!(log_of(&binaries, &copy).is_some(), "etcd serves");
}

#[test]
fn a_snap_far_after_the_end_of_log_and_db_is_an_error() {
    let Some(binaries) = newest() else { return };
    let copy = copy_of(&data_dir("etcd-3.5.30"));
    let newest = snap::newest(&copy);
    let far = newest.with_file_name(format!("{:016x}-{:016x}.snap", 9, 90_000));
    std::fs::copy(&newest, &far).unwrap();
    snap::rewrite(&far, |_, metadata| {
        let conf = proto::bytes(metadata, 1);
        let mut changed = Vec::new();
        proto::put_bytes(&mut changed, 1, &conf);
        proto::put_number(&mut changed, 2, 90_000);
        proto::put_number(&mut changed, 3, 9);
        *metadata = changed;
    });
    let found = codes(&copy);
    assert!(found.contains(&"SNAP-016".to_owned()), "{found:?}");
    let said = preflight(&copy, "start", "3.5.30");
    // etcd starts on it, and that is the danger.
    assert_eq!(
        (&said["go"], &said["starts"]),
        (&false.into(), &true.into()),
        "{said}"
    );
    let served = serve(&binaries, &copy, &[]).unwrap();
    assert_eq!(said["revision"].as_i64(), Some(served.revision));
}

/// What each step of the plan loses, with whether that is the least.
fn losses(data_dir: &Path) -> Vec<(String, u64, bool)> {
    let said = inspect(&["check", data_dir.to_str().unwrap(), "-o", "json"]);
    let plan = said["plan"].as_array().unwrap().iter();
    plan.map(|step| {
        let lost = &step["lost"];
        (
            step["action"].as_str().unwrap().to_owned(),
            lost["writes"].as_u64().unwrap(),
            lost["at_least"] == true,
        )
    })
    .collect()
}

#[test]
fn a_start_and_a_salvage_lose_the_same_of_what_a_far_snap_proves() {
    let copy = copy_of(&data_dir("lagging-3.5.30"));
    let newest = snap::newest(&copy);
    let far = newest.with_file_name(format!("{:016x}-{:016x}.snap", 9, 4_009));
    std::fs::copy(&newest, &far).unwrap();
    snap::rewrite(&far, |_, metadata| {
        let conf = proto::bytes(metadata, 1);
        let mut changed = Vec::new();
        proto::put_bytes(&mut changed, 1, &conf);
        proto::put_number(&mut changed, 2, 4_009);
        proto::put_number(&mut changed, 3, 9);
        *metadata = changed;
    });
    // The log ends at entry 430; a restore of the db loses 128 writes more.
    let said = losses(&copy);
    let of = |action: &str| said.iter().find(|step| step.0 == action);
    for (action, lost) in [("start", 3_579), ("salvage", 3_579), ("restore", 3_707)] {
        assert_eq!(
            of(action).map(|step| (step.1, step.2)),
            Some((lost, true)),
            "{said:?}"
        );
    }
}

#[test]
fn snap_files_of_another_cluster_prove_no_loss() {
    let Some(binaries) = newest() else { return };
    let copy = copy_of(&data_dir("lagging-3.5.30"));
    let theirs = data_dir("k8s-1.20-cluster3/m1").join("member/snap");
    for file in std::fs::read_dir(theirs).unwrap().flatten() {
        if file.path().extension().is_some_and(|end| end == "snap") {
            std::fs::copy(file.path(), copy.join("member/snap").join(file.file_name())).unwrap();
        }
    }
    let said = losses(&copy);
    assert!(said.iter().all(|step| step.1 == 0 && !step.2), "{said:?}");
    let printed = Printed::check(&copy, "3.5.30");
    let served = serve(&binaries, &copy_of(&copy), &[]).unwrap();
    assert_eq!(printed.steps[0].action, "start");
    assert_eq!(printed.steps[0].revision, Some(served.revision));
}

#[test]
fn the_db_of_another_3_4_cluster_is_said_first() {
    let copy = copy_of(&data_dir("v2-content-3.4.23"));
    let db = data_dir("defragmented-3.4.23").join("member/snap/db");
    std::fs::copy(db, copy.join("member/snap/db")).unwrap();
    let said = inspect(&["check", copy.to_str().unwrap(), "-o", "json"]);
    assert_eq!(said["cause"][0]["code"], "X-002", "{said}");
    // 5 writes of the log are in no db: a restore of the other cluster's is not lossless.
    let said = losses(&copy);
    assert_eq!(said[0], ("salvage".to_owned(), 0, false), "{said:?}");
    let restore = said.iter().find(|step| step.0 == "restore");
    assert!(restore.is_some_and(|step| step.1 > 0), "{said:?}");
}

/// Frames of etcd 2.x: no padding, and no sign bit that says so.
fn without_padding(data_dir: &Path) {
    for segment in Log::read(data_dir).segments {
        let (padded, _) = encode(0, &segment.records());
        let mut bytes = Vec::new();
        let mut at = 0;
        while at + 8 <= padded.len() {
            let word = u64::from_le_bytes(padded[at..at + 8].try_into().unwrap());
            let length = usize::try_from(word & 0x00ff_ffff_ffff_ffff).unwrap();
            let padding = if word >> 63 == 1 {
                usize::try_from(word >> 56 & 7).unwrap()
            } else {
                0
            };
            bytes.extend(u64::to_le_bytes(length as u64));
            bytes.extend(&padded[at + 8..at + 8 + length]);
            at += 8 + length + padding;
        }
        bytes.resize(bytes.len().max(64_000_000), 0);
        std::fs::write(&segment.path, bytes).unwrap();
    }
}

#[test]
fn a_log_with_the_frames_of_etcd_2_is_read_as_etcd_reads_it() {
    let Some(binaries) = newest() else { return };
    for name in ["etcd-3.5.30", "lagging-3.5.30"] {
        let copy = copy_of(&data_dir(name));
        without_padding(&copy);
        let said = preflight(&copy, "start", "3.5.30");
        let found: Vec<String> = codes(&copy)
            .into_iter()
            .filter(|code| code.starts_with("WAL-"))
            .collect();
        let served = serve(&binaries, &copy, &[]).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(
            (&said["starts"], said["revision"].as_i64()),
            (&true.into(), Some(served.revision)),
            "{name}: {found:?} {said}"
        );
        assert_eq!(said["go"], true, "{name}: {found:?} {said}");
    }
}

#[test]
fn a_directory_one_level_too_deep_starts_empty_and_is_said_to() {
    let Some(binaries) = newest() else { return };
    let folder = tempfile::tempdir().unwrap();
    let outer = folder.path().join("data");
    std::fs::create_dir(&outer).unwrap();
    let copy = copy_of(&data_dir("etcd-3.5.30"));
    std::fs::rename(&*copy, outer.join("data")).unwrap();
    let said = inspect_error(&["status", outer.to_str().unwrap()]);
    assert!(said.contains("serves a new, empty store"), "{said}");
    assert!(said.contains("data/data"), "{said}");
    let served = serve(&binaries, &outer, &[]).unwrap();
    assert!(served.contents.is_empty(), "{}", served.contents.len());
}

fn inspect_error(arguments: &[&str]) -> String {
    let output = std::process::Command::new(crate::printed::binary())
        .args(arguments)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn alarms_refuse_later_writes_and_go_along_with_a_backup() {
    let Some(binaries) = newest() else { return };
    let path = data_dir("alarm-nospace-3.5.30");
    let printed = Printed::check(&path, "3.5.30");
    for action in ["start", "restore", "salvage"] {
        let Some(step) = printed.step(action) else {
            continue;
        };
        let seen = crate::carried_out::carry_out(step, &path, &binaries)
            .unwrap()
            .unwrap();
        let expected = if seen.kept { "kept" } else { "refused" };
        assert_eq!(step.later_writes, expected, "{action}: {step:?}");
        assert_eq!(step.revision, Some(seen.revision), "{action}: {step:?}");
    }
    assert_eq!(printed.step("start").unwrap().later_writes, "refused");
}

#[test]
fn a_restored_and_started_3_4_directory_has_one_member() {
    let Some(binaries) = Binaries::newest("3.4.23") else {
        return;
    };
    let copy = copy_of(&data_dir("restored-plain-3.4.23"));
    let start = || Server::start(&binaries, &copy, &[], Duration::from_secs(20)).unwrap();
    start().stop();
    let server = start();
    let listed = server.json(&["member", "list"]);
    assert_eq!(listed["members"].as_array().unwrap().len(), 1);
    server.stop();
    let text = copy.to_str().unwrap();
    let said = inspect(&["status", text, "-o", "json"]);
    assert_eq!(said["members"].as_array().unwrap().len(), 1, "{said}");
    let printed = Printed::check(&copy, "3.4.23");
    let restore = printed.step("restore").unwrap();
    let seen = crate::carried_out::carry_out(restore, &copy, &binaries).unwrap();
    let seen = seen.unwrap_or_else(|why| panic!("{why}: {restore:?}"));
    assert_eq!(restore.revision, Some(seen.revision));
}

#[test]
fn half_a_snapshot_has_an_unknown_revision_and_not_none() {
    let whole = std::fs::read(testkit::fixture("etcd-3.5.30").join("snapshot.db")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let half = folder.path().join("half.db");
    std::fs::write(&half, &whole[..whole.len() / 2]).unwrap();
    let text = half.to_str().unwrap();
    let said = inspect(&["status", text, "-o", "json"]);
    assert!(said["revision"].is_null(), "{said}");
    let first = &Printed::check(&half, "3.5.30").steps[0];
    assert_eq!(first.action, "copy-again", "{first:?}");
}
