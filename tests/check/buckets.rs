//! etcd's own buckets against the log that wrote them.

use std::fs;
use std::path::Path;

use etcd_inspect::Severity;
use etcd_inspect::check::{Depth, check};
use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use testkit::fixture_copy;
use testkit::places::bolt::Db;
use testkit::places::wal::Log;

/// Codes and messages of warnings and errors.
fn doubts(data: &Path) -> Vec<(&'static str, Severity, String)> {
    let member = Member::open(data).unwrap();
    let findings = check(&member, Depth::Default, &Silent).findings;
    findings
        .into_iter()
        .filter(|finding| finding.severity > Severity::Note)
        .map(|finding| (finding.code.id, finding.severity, finding.message))
        .collect()
}

/// Flips one bit of each value of a bucket in turn; returns how many flips were not noticed, and how many there were.
fn quiet(fixture: &str, bucket: &str, step: usize) -> (usize, usize) {
    let copy = fixture_copy(fixture);
    let data = copy.data_dir();
    let file = data.join("member/snap/db");
    let healthy = fs::read(&file).unwrap();
    let before = doubts(&data).len();
    let values = Db::read(&file).entries(bucket);
    let places: Vec<usize> = values
        .into_iter()
        .flat_map(|entry| entry.value)
        .step_by(step)
        .collect();
    assert!(!places.is_empty(), "{fixture} has nothing in {bucket}");
    let mut unnoticed = 0;
    for (bit, at) in places.iter().enumerate() {
        let mut damaged = healthy.clone();
        damaged[*at] ^= 1 << (bit % 8);
        fs::write(&file, damaged).unwrap();
        if doubts(&data).len() <= before {
            unnoticed += 1;
        }
    }
    (unnoticed, places.len())
}

#[test]
fn one_bit_that_turns_authentication_off_is_an_error() {
    let copy = fixture_copy("auth-3.5.16");
    let data = copy.data_dir();
    let file = data.join("member/snap/db");
    assert_eq!(doubts(&data), []);
    let mut db = Db::read(&file);
    let enabled = db
        .entries("auth")
        .into_iter()
        .find(|entry| &db.bytes[entry.key.clone()] == b"authEnabled")
        .unwrap();
    assert_eq!(db.bytes[enabled.value.clone()], [1]);
    db.bytes[enabled.value.start] = 0;
    db.write(&file);
    let found = doubts(&data);
    let users = found.iter().find(|(code, _, _)| *code == "X-016").unwrap();
    assert_eq!(users.1, Severity::Error);
    assert_eq!(
        users.2,
        "authentication is off in the db, but the WAL turned it on"
    );
}

/// Damages the payload of an entry.
fn damage_entry(data: &Path, index: u64) {
    let log = Log::read(data);
    let entry = log
        .entries()
        .into_iter()
        .find(|entry| entry.index == index)
        .unwrap();
    let segment = &log.segments[entry.segment];
    let mut bytes = segment.bytes.clone();
    bytes[segment.frames[entry.frame].data.end - 1] ^= 1;
    fs::write(&segment.path, bytes).unwrap();
}

#[test]
fn a_log_that_is_damaged_after_what_the_db_has_still_says_what_the_buckets_must_hold() {
    let copy = fixture_copy("lagging-3.5.30");
    let data = copy.data_dir();
    let applied = Member::open(&data).unwrap().meta().unwrap();
    let applied = applied.consistent_index.unwrap();
    damage_entry(&data, applied.get() + 50);
    let file = data.join("member/snap/db");
    let mut db = Db::read(&file);
    let of_leases = |found: &[(&str, Severity, String)]| {
        found
            .iter()
            .filter(|(_, _, message)| message.starts_with("lease "))
            .count()
    };
    assert_eq!(of_leases(&doubts(&data)), 0);
    // The time to live is the last field.
    let lease = db.entries("lease").remove(0);
    db.bytes[lease.value.end - 1] ^= 4;
    db.write(&file);
    let found = doubts(&data);
    assert_eq!(of_leases(&found), 1, "{found:?}");
}

#[test]
fn buckets_that_a_damaged_log_cannot_judge_are_reported_as_skipped() {
    let copy = fixture_copy("auth-3.5.16");
    let data = copy.data_dir();
    let applied = Member::open(&data).unwrap().meta().unwrap();
    damage_entry(&data, applied.consistent_index.unwrap().get() - 2);
    let member = Member::open(&data).unwrap();
    let report = check(&member, Depth::Default, &Silent);
    let skipped = report
        .skipped
        .iter()
        .find(|skipped| skipped.what.starts_with("users, roles"));
    assert!(skipped.is_some(), "{:?}", report.skipped);
}

#[test]
fn flipped_bits_in_the_buckets_are_noticed() {
    let mut wrong = Vec::new();
    for (fixture, bucket, step, most) in [
        ("auth-3.5.16", "auth", 1, 0),
        ("auth-3.5.16", "authUsers", 7, 0),
        ("auth-3.5.16", "authRoles", 3, 0),
        ("auth-3.5.16", "members", 9, 0),
        ("etcd-3.5.30", "lease", 5, 0),
    ] {
        let (unnoticed, all) = quiet(fixture, bucket, step);
        if unnoticed > most {
            wrong.push(format!(
                "{fixture}, {bucket}: {unnoticed} of {all} flips are not noticed"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_emptied_members_bucket_is_reported() {
    for fixture in ["etcd-3.5.30", "etcd-3.6.14"] {
        let copy = fixture_copy(fixture);
        let data = copy.data_dir();
        let file = data.join("member/snap/db");
        let mut db = Db::read(&file);
        db.rewrite_bucket("members", Vec::clear);
        db.write(&file);
        let found = doubts(&data);
        assert!(
            found.iter().any(|(code, _, _)| *code == "MEM-002"),
            "{fixture}: {found:?}"
        );
    }
}

#[test]
fn a_db_without_a_bucket_was_never_used() {
    let folder = tempfile::tempdir().unwrap();
    let member = folder.path().join("member");
    fs::create_dir_all(member.join("snap")).unwrap();
    fs::create_dir_all(member.join("wal")).unwrap();
    let db = testkit::synth::bolt::DbBuilder::new().build();
    fs::write(member.join("snap/db"), db).unwrap();
    let found = doubts(folder.path());
    let codes: Vec<_> = found.iter().map(|(code, _, _)| *code).collect();
    assert_eq!(codes, ["META-015"], "{found:?}");
}

#[test]
fn a_bucket_whose_root_is_another_buckets_page_is_one_cause() {
    let mut keys = testkit::synth::mvcc::Keyspace::new();
    for n in 0..300 {
        keys.put_leased(format!("/k{n:04}").as_bytes(), &[b'v'; 100], n + 1);
    }
    let leases = (1i64..=300).map(|id| {
        let number = id.cast_unsigned();
        let mut value = vec![0x08];
        testkit::synth::mvcc::varint(&mut value, number);
        value.extend([0x10, 60]);
        (number.to_be_bytes().to_vec(), value)
    });
    let meta = [(b"consistent_index".to_vec(), 400u64.to_be_bytes().to_vec())];
    let built = testkit::synth::bolt::DbBuilder::etcd()
        .never_inline()
        .bucket("key", keys.records())
        .bucket("lease", leases)
        .bucket("meta", meta)
        .build();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("db");
    fs::write(&file, &built).unwrap();
    assert_eq!(doubts(&file), []);
    let mut db = Db::read(&file);
    let key = db.bucket("key").unwrap().value.start;
    let lease = db.bucket("lease").unwrap().value.start;
    let root = db.bytes[key..key + 8].to_vec();
    db.bytes[lease..lease + 8].copy_from_slice(&root);
    db.write(&file);
    let found = doubts(&file);
    assert!(!found.is_empty());
    assert!(found.len() <= 3, "{} findings: {found:#?}", found.len());
}
