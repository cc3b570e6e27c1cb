//! Several copies of one cluster: what one log lacks comes from another, entry by entry, and copies of another cluster are
//! not used.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::places::wal::{self, Log};
use testkit::{Seal, data_dir, fixture_copy};

use crate::{Salvaged, hash, run, salvage};

/// Salvages several paths into one backup.
pub fn together(paths: &[&Path]) -> Salvaged {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.db");
    let seals: Vec<Seal> = paths.iter().map(|path| Seal::read(path)).collect();
    let mut arguments = vec!["salvage"];
    arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
    arguments.extend(["-o", "json", "--out", out.to_str().unwrap()]);
    let output = run(&arguments);
    for seal in seals {
        seal.assert_unchanged();
    }
    Salvaged {
        exit: output.status.code().unwrap_or(-1),
        json: serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        out,
        _dir: dir,
    }
}

/// A copy of one member of the Kubernetes cluster of three.
fn member(name: &str) -> (testkit::Copy, PathBuf) {
    let copy = testkit::copy_of(&data_dir(&format!("k8s-1.20-cluster3/{name}")));
    let path = copy.to_path_buf();
    (copy, path)
}

/// Zeroes the payloads of some entries.
fn lose_entries(data: &Path, part: std::ops::Range<usize>, of: usize) {
    let log = Log::read(data);
    let entries = log.entries();
    let from = entries.len() * part.start / of;
    let to = entries.len() * part.end / of;
    for entry in &entries[from..to.min(from + 20)] {
        let segment = &log.segments[entry.segment];
        let frame = &segment.frames[entry.frame];
        let mut bytes = fs::read(&segment.path).unwrap();
        bytes[frame.data.clone()].fill(0x55);
        fs::write(&segment.path, bytes).unwrap();
    }
}

#[test]
fn entries_that_each_log_lacks_come_from_the_others() {
    let healthy: Vec<_> = ["m1", "m2", "m3"]
        .map(|name| data_dir(&format!("k8s-1.20-cluster3/{name}")))
        .into();
    let healthy: Vec<&Path> = healthy.iter().map(PathBuf::as_path).collect();
    let whole = together(&healthy);
    let ((_a, one), (_b, two)) = (member("m1"), member("m2"));
    // Neither has a db, and neither log is whole.
    for path in [&one, &two] {
        fs::remove_file(path.join("member/snap/db")).unwrap();
    }
    lose_entries(&one, 1..2, 4);
    lose_entries(&two, 2..3, 4);
    let alone = salvage(&one, &[]);
    let joined = together(&[&one, &two]);
    if Log::read(&one).entries()[0].index > 1 {
        // Nothing says which revisions the entries of a log made that begins somewhere.
        assert_ne!(alone.exit, 0);
        return;
    }
    assert!(!alone.list("unrecoverable").is_empty(), "{}", alone.json);
    assert_eq!(joined.list("unrecoverable").len(), 0, "{}", joined.json);
    assert!(
        joined.stderr.contains("taken from the log of"),
        "{}",
        joined.stderr
    );
    let at = joined
        .number("revision")
        .min(whole.number("revision"))
        .to_string();
    assert_eq!(
        hash(&joined.out, &["--rev", &at]),
        hash(&whole.out, &["--rev", &at]),
        "{}",
        joined.stderr
    );
}

#[test]
fn the_db_of_one_member_is_continued_by_the_log_of_another() {
    let ((_a, one), (_b, two)) = (member("m1"), member("m2"));
    let whole = salvage(&data_dir("k8s-1.20-cluster3/m2"), &[]);
    fs::remove_dir_all(one.join("member/wal")).unwrap();
    fs::remove_file(two.join("member/snap/db")).unwrap();
    let joined = together(&[&one, &two]);
    assert!(
        joined.number("revision") >= whole.number("revision"),
        "{} of {}: {}",
        joined.json["revision"],
        whole.json["revision"],
        joined.stderr
    );
    assert_eq!(joined.list("unrecoverable").len(), 0, "{}", joined.json);
    let at = whole.number("revision").to_string();
    assert_eq!(
        hash(&joined.out, &["--rev", &at]),
        hash(&whole.out, &["--rev", &at])
    );
}

#[test]
fn a_member_of_another_cluster_is_named_and_not_used() {
    let own = data_dir("etcd-3.5.30");
    let foreign = data_dir("k8s-1.20-cluster3/m1");
    let alone = salvage(&own, &[]);
    let both = together(&[&own, &foreign]);
    assert!(both.stderr.contains("it is not used"), "{}", both.stderr);
    assert_eq!(hash(&both.out, &[]), hash(&alone.out, &[]));
}

#[test]
fn two_logs_that_committed_different_entries_are_said_to_be_of_two_histories() {
    let (_a, one) = member("m1");
    let (_b, two) = member("m2");
    let entries = Log::read(&two).entries();
    let index = entries[entries.len() / 2].index;
    let log = Log::read(&two);
    log.rewrite(|_, records| {
        for (kind, payload) in records.iter_mut() {
            let fields = testkit::places::proto::number(payload, 3);
            if *kind == 2 && fields == index {
                let last = payload.len() - 1;
                payload[last] ^= 0x01;
            }
        }
    });
    assert!(Log::read(&two).entries().len() == entries.len());
    let both = together(&[&one, &two]);
    assert!(both.stderr.contains("of two histories"), "{}", both.stderr);
}

/// Dbs alone, without a log: only their records tell that both were written to after one had been copied.
#[test]
fn dbs_that_were_written_to_apart_are_two_histories_of_which_the_backup_has_one() {
    let dir = tempfile::tempdir().unwrap();
    let db = |name: &str, own: usize, value: &str| {
        let mut keys = testkit::synth::mvcc::Keyspace::new();
        for number in 0..80 {
            keys.put(format!("k{}", number % 9).as_bytes(), b"the same");
        }
        for number in 0..own {
            keys.put(format!("k{}", number % 5).as_bytes(), value.as_bytes());
        }
        let bytes = testkit::synth::bolt::DbBuilder::etcd()
            .bucket("key", keys.records())
            .build();
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let (one, two) = (db("one.db", 30, "one"), db("two.db", 40, "two"));
    for (own, given) in [(&two, [&one, &two]), (&two, [&two, &one])] {
        let both = together(&given.map(|path| path.as_path()));
        let dropped = both.list("dropped");
        assert_eq!(dropped.len(), 1, "{}", both.json);
        let name = dropped[0]["name"].as_str().unwrap();
        assert_eq!(dropped[0]["kind"], "history");
        assert!(name.starts_with("revisions 82–111 of "), "{name}");
        assert!(name.contains("one.db ("), "{name}");
        assert!(
            both.stderr
                .contains("warning: the copies are of two histories"),
            "{}",
            both.stderr
        );
        assert_eq!(hash(&both.out, &[]), hash(own, &[]));
    }
    // An older copy, and one in which a single value is damaged, are of the same history.
    let older = db("older.db", 0, "");
    let mut damaged = fs::read(&two).unwrap();
    let at = damaged.windows(8).position(|bytes| bytes == b"the same");
    damaged[at.unwrap()] ^= 1;
    let flipped = dir.path().join("flipped.db");
    fs::write(&flipped, damaged).unwrap();
    for other in [&older, &flipped] {
        let both = together(&[&two, other]);
        assert_eq!(both.list("dropped").len(), 0, "{}", both.json);
        assert_eq!(hash(&both.out, &[]), hash(&two, &[]));
    }
}

#[test]
fn a_snapshot_that_was_received_is_a_base_if_the_db_is_lost() {
    let whole = salvage(&data_dir("etcd-3.5.30"), &[]);
    let copy = fixture_copy("etcd-3.5.30");
    let data = copy.data_dir();
    // The log begins after the start of the store, as after a purge.
    let entries = Log::read(&data).entries();
    let middle = entries[entries.len() / 2].index;
    wal::split(&data, &[middle]);
    fs::remove_file(wal::segments(&data).remove(0)).unwrap();
    let snap = data.join("member/snap");
    fs::rename(
        snap.join("db"),
        snap.join(format!("{:016x}.snap.db", entries.len())),
    )
    .unwrap();
    let salvaged = salvage(&data, &[]);
    assert_eq!(
        salvaged.number("revision"),
        whole.number("revision"),
        "{}",
        salvaged.stderr
    );
    assert_eq!(hash(&salvaged.out, &[]), hash(&whole.out, &[]));
}

/// icp-backup#24: the old log is the history that the restore took back.
#[test]
fn a_db_that_was_restored_beside_its_old_log_is_used_alone() {
    let Some(binaries) = testkit::etcd::Binaries::newest("3.5") else {
        return eprintln!("no etcd 3.5 here");
    };
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("m1");
    let patience = std::time::Duration::from_secs(40);
    let server = testkit::etcd::Server::start(&binaries, &data, &[], patience).unwrap();
    for number in 0..20 {
        server.ctl(&["put", &format!("k{number}"), "wanted"]);
    }
    let saved = dir.path().join("saved.db");
    server.ctl(&["snapshot", "save", saved.to_str().unwrap()]);
    for number in 0..20 {
        server.ctl(&["put", &format!("k{number}"), "a mistake"]);
    }
    server.stop();
    let restored = dir.path().join("restored");
    let output = binaries.utl(&[
        "snapshot",
        "restore",
        saved.to_str().unwrap(),
        "--data-dir",
        restored.to_str().unwrap(),
    ]);
    assert!(output.status.success());
    fs::copy(restored.join("member/snap/db"), data.join("member/snap/db")).unwrap();
    let alone = salvage(&restored.join("member/snap/db"), &[]);
    let both = salvage(&data, &[]);
    assert_eq!(
        both.number("revision"),
        alone.number("revision"),
        "{}",
        both.stderr
    );
    assert_eq!(hash(&both.out, &[]), hash(&alone.out, &[]));
    assert!(
        both.stderr.contains("only the db is used"),
        "{}",
        both.stderr
    );
    let last = (both.number("revision") - 3).to_string();
    let earlier = salvage(&data, &["--rev", &last]);
    assert_eq!(
        hash(&earlier.out, &[]),
        hash(&alone.out, &["--rev", &last]),
        "{}",
        earlier.stderr
    );
}

/// What a backup leaves out on purpose is reported, and is in the JSON.
#[test]
fn alarms_and_passwords_that_are_not_carried_over_are_listed() {
    let backup = salvage(&data_dir("alarm-nospace-3.5.30"), &[]);
    let dropped = backup.list("dropped");
    assert!(
        dropped.iter().any(|one| one["kind"] == "alarm"),
        "{}",
        backup.json
    );
    assert!(backup.stderr.contains("NOSPACE"), "{}", backup.stderr);
    let v2 = salvage(&data_dir("v2-content-3.4.23"), &[]);
    assert!(
        v2.list("dropped").iter().any(|one| one["kind"] == "v2"),
        "{}",
        v2.json
    );
}

/// A last segment that is gone: the one before it ends as finished segments do.
#[test]
fn a_missing_last_segment_is_listed_as_possibly_lost() {
    let copy = testkit::incidents::incident("W17").reproduce();
    let backup = salvage(&copy.data_dir(), &[]);
    let lost = backup.list("unrecoverable");
    assert!(
        lost.iter().any(|one| one["possibly"] == true),
        "{}",
        backup.json
    );
    assert_eq!(backup.exit, 3);
}
