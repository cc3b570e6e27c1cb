//! `carve` reads the files beside db and log: old segments, preallocated ones, a db that the leader sent, an unfinished
//! defragmentation. What each has is compared with what the undamaged member's log wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use testkit::{Seal, data_dir, fixture_copy};

use crate::run;

const BASE: &str = "etcd-3.5.30";
const WAL: &str = "member/wal/0000000000000000-0000000000000000.wal";

fn carved(path: &Path, source: &str) -> Vec<Value> {
    let seal = Seal::read(path);
    let output = run(&["carve", path.to_str().unwrap(), "-o", "jsonl"]);
    seal.assert_unchanged();
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|row| row["source"] == source)
        .collect()
}

fn text<'v>(row: &'v Value, field: &str) -> &'v str {
    row[field].as_str().unwrap_or_default()
}

/// Every write of the fixture's log, which begins with entry 1: by raft index, the keys.
fn logged() -> BTreeMap<u64, BTreeSet<String>> {
    let path = data_dir(BASE);
    let output = run(&["wal", path.to_str().unwrap(), "-o", "jsonl"]);
    let mut keys: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let index = row["index"].as_u64().unwrap_or(0);
        keys.entry(index).or_default().insert(row.to_string());
    }
    keys
}

#[test]
fn entries_of_a_preallocated_segment_that_the_log_has_lost_are_listed() {
    let copy = fixture_copy(BASE);
    let wal = copy.data_dir().join(WAL);
    fs::copy(&wal, copy.data_dir().join("member/wal/0.tmp")).unwrap();
    assert!(carved(&copy.data_dir(), "tmp segment").is_empty());
    let mut bytes = fs::read(&wal).unwrap();
    bytes[0x40000..].fill(0);
    fs::write(&wal, &bytes).unwrap();
    let rows = carved(&copy.data_dir(), "tmp segment");
    let logged = logged();
    let last = logged.keys().next_back().copied().unwrap();
    let indexes: BTreeSet<u64> = rows
        .iter()
        .filter_map(|row| row["raft_index"].as_u64())
        .collect();
    assert!(indexes.len() > 50, "{} entries", indexes.len());
    assert!(
        indexes
            .last()
            .is_some_and(|index| *index <= last && *index + 10 > last)
    );
    let is_plain = |row: &&Value| text(row, "key").bytes().all(|byte| byte.is_ascii_graphic());
    for row in rows.iter().filter(is_plain) {
        let index = row["raft_index"].as_u64().unwrap();
        let here = logged[&index]
            .iter()
            .any(|line| line.contains(text(row, "key")));
        assert!(here, "{row}: entry {index} did not write it");
        assert_eq!(row["proof"], "checksum", "{row}");
    }
}

/// The backup of an earlier moment, under the name of each file.
#[test]
fn records_of_a_received_db_and_of_an_unfinished_defragmentation_are_listed() {
    let dir = tempfile::tempdir().unwrap();
    let backup = testkit::data_dir(BASE).join("../snapshot.db");
    for (name, source) in [
        ("0000000000000063.snap.db", ".snap.db"),
        ("db.tmp.2398", "db.tmp"),
    ] {
        let copy = fixture_copy(BASE);
        fs::copy(&backup, copy.data_dir().join("member/snap").join(name)).unwrap();
        let rows = carved(&copy.data_dir(), source);
        assert!(rows.len() > 50, "{name}: {} records", rows.len());
        let states: BTreeSet<&str> = rows.iter().map(|row| text(row, "state")).collect();
        assert!(states.contains("live copy"), "{name}: {states:?}");
        assert!(!states.contains("unknown"), "{name}: {states:?}");
        // Each is the version that a backup has at its own revision.
        let alone = dir.path().join(format!("{source}.db"));
        fs::copy(&backup, &alone).unwrap();
        for row in rows.iter().filter(|row| row["op"] == "put").take(20) {
            let key = text(row, "key");
            let there = run(&["history", key, "-o", "jsonl", "-d", alone.to_str().unwrap()]);
            let there = String::from_utf8_lossy(&there.stdout);
            let known = there.lines().any(|line| {
                let version: Value = serde_json::from_str(line).unwrap();
                version["revision"] == row["revision"]
            });
            assert!(known, "{row}: {there}");
        }
    }
}

mod old_segments {
    use etcd_inspect::evidence::{Evidence, Kind};
    use etcd_inspect::member::{Member, Options};
    use etcd_inspect::progress::Silent;
    use etcd_inspect::salvage::carve::{CarveOrigin, CarveProof, carve};
    use testkit::synth::bolt::DbBuilder;
    use testkit::synth::mvcc::{Keyspace, revision};
    use testkit::synth::wal::SegmentBuilder;

    /// InternalRaftRequest with a PutRequest of a short key and value.
    fn put(key: &[u8], value: &[u8]) -> Vec<u8> {
        let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
        let put = [&[0x0a, length(key)], key, &[0x12, length(value)], value].concat();
        [&[0x08, 7, 0x22, length(&put)][..], &put].concat()
    }

    /// Entries 1–4 are in a segment before that of the newest snapshot, and the db has nothing of them: a compaction took them.
    #[test]
    fn entries_of_a_segment_before_the_newest_snapshot_are_listed_with_their_revisions() {
        let mut first = SegmentBuilder::new(0, 1, 2).snapshot(0, 0).noop(2, 1);
        for index in 2..=4u8 {
            first = first.entry(2, index.into(), &put(b"old", &[b'0' + index]));
        }
        let second = SegmentBuilder::new(first.crc(), 1, 2)
            .entry(2, 5, &put(b"new", b"5"))
            .snapshot(5, 2)
            .entry(2, 6, &put(b"newer", b"6"))
            .state(2, 1, 6)
            .build();
        let mut keys = Keyspace::new();
        for value in [b"2", b"3", b"4"] {
            keys.put(b"old", value);
        }
        keys.put(b"new", b"5");
        keys.put(b"newer", b"6");
        let records = keys.records().split_off(2);
        let meta = [
            (b"consistent_index".to_vec(), 6u64.to_be_bytes().to_vec()),
            (b"finishedCompactRev".to_vec(), revision(4, 0)),
            (b"scheduledCompactRev".to_vec(), revision(4, 0)),
        ];
        let db = DbBuilder::etcd()
            .bucket("key", records)
            .bucket("meta", meta)
            .build();
        let files = [
            ("member/snap/db", db),
            (
                "member/wal/0000000000000000-0000000000000000.wal",
                first.build(),
            ),
            ("member/wal/0000000000000001-0000000000000005.wal", second),
        ];
        let evidence = Evidence::of_readers("made up", Kind::DataDir, files);
        let member = Member::from_evidence(evidence, Options::default());
        let carvings = carve(&member, &Silent);
        let old: Vec<(u64, Option<i64>, &[u8])> = carvings
            .iter()
            .filter(|carved| carved.origin == CarveOrigin::OldSegment)
            .inspect(|carved| assert_eq!(carved.proof, CarveProof::Checksum))
            .map(|carved| {
                let revision = carved.revision.map(|revision| revision.main);
                (carved.index.unwrap().get(), revision, carved.key)
            })
            .collect();
        let wanted = [(2, Some(2)), (3, Some(3)), (4, Some(4))];
        assert_eq!(old, wanted.map(|(index, main)| (index, main, &b"old"[..])));
    }
}
