//! Every damage at every place of a real segment: only damaged records are lost, and all damage is reported.

use std::fs;
use std::path::PathBuf;

use etcd_inspect_raftlog::wal::Log;
use testkit::damage::{self, Case};
use testkit::places::wal::Segment;

use super::{Files, SEGMENT, codes, findings};

/// A healthy segment with a short tail of zeros: quick to copy and to read.
fn segment() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let healthy = testkit::data_dir("etcd-3.5.30-killed")
        .join("member/wal")
        .join(SEGMENT);
    let end = Segment::read(&healthy).end();
    let mut bytes = fs::read(&healthy).unwrap();
    bytes.truncate(end + 128 * 1024);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(SEGMENT);
    fs::write(&path, &bytes).unwrap();
    (dir, path, bytes)
}

fn damaged(case: &Case, path: &PathBuf, healthy: &[u8]) -> Option<Files> {
    fs::write(path, healthy).unwrap();
    case.apply(path);
    path.exists()
        .then(|| Files::one(SEGMENT, fs::read(path).unwrap()))
}

fn surviving(log: &Log) -> usize {
    log.surviving().count()
}

#[test]
fn every_damage_is_told_and_costs_only_what_it_touched() {
    let (_dir, path, healthy) = segment();
    let whole = Files::one(SEGMENT, healthy.clone()).log();
    let cases = damage::wal(&path);
    assert!(cases.len() > 200, "{}", cases.len());
    for case in cases {
        let Some(files) = damaged(&case, &path, &healthy) else {
            continue;
        };
        let (log, found) = findings(&files);
        let name = &case.name;
        // A log that ends earlier, between two records, is a good log: only the db or another member can tell.
        let end = log.segments[0].end as usize;
        let bytes = &files.0[0].1;
        let good = bytes[..end] == healthy[..end] && bytes[end..].iter().all(|byte| *byte == 0);
        assert!(good || !found.is_empty(), "{name}: not noticed");
        let lost = surviving(&whole) - surviving(&log).min(surviving(&whole));
        // A sector may hold several records; everything else touches one or cuts the file.
        let cuts = name.contains("cut") || name.contains("from its middle on");
        assert!(cuts || lost <= 8, "{name}: {lost} entries lost, {found:#?}");
        if name.contains("length word") && !cuts {
            assert_eq!(lost, 0, "{name}: a wrong length costs nothing: {found:#?}");
        }
    }
}

#[test]
fn every_row_of_the_peers_matrix_is_found() {
    let (_dir, path, healthy) = segment();
    let expected: &[(&str, &[&str])] = &[
        ("data byte flipped", &["WAL-006"]),
        ("crc byte flipped", &["WAL-006"]),
        ("record type := 9", &["WAL-013"]),
        ("proto tag broken", &["WAL-006"]),
        ("length +8", &["WAL-006"]),
        ("length huge", &["WAL-033"]),
        ("length := 0", &["WAL-034"]),
        ("512 bytes zeroed (1 sector)", &["WAL-033"]),
        ("file cut inside record", &["WAL-008"]),
        ("cut inside last record", &["WAL-008"]),
        ("2nd half of last record zeroed", &["WAL-006"]),
        ("64 random bytes after the last record", &["WAL-008"]),
        ("WAL 0 bytes", &["WAL-011"]),
    ];
    let cases = damage::peers::wal();
    let mut wrong = Vec::new();
    for (name, expected) in expected {
        let case = cases.iter().find(|case| case.name == *name).unwrap();
        let files = damaged(case, &path, &healthy).unwrap();
        let (_, found) = findings(&files);
        if codes(&found) != *expected {
            wrong.push(format!("{name}: {:?}: {found:#?}", codes(&found)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_length_word_loses_no_entry_even_next_to_the_last() {
    let (_dir, path, healthy) = segment();
    let whole = Files::one(SEGMENT, healthy.clone()).log();
    let wal = Segment::read(&path);
    for back in 1..8 {
        let at = wal.frames[wal.frames.len() - back].at;
        for word in [[0u8; 8], [0xFF; 8], [0, 0, 0, 0, 0, 0x7F, 0, 0x84]] {
            let mut bytes = healthy.clone();
            bytes[at..at + 8].copy_from_slice(&word);
            let log = Files::one(SEGMENT, bytes).log();
            assert_eq!(
                log.records.len(),
                whole.records.len(),
                "{back} before the end"
            );
            assert_eq!(log.damages.len(), 1);
        }
    }
}

#[test]
fn two_damaged_records_in_a_row_cost_two_records() {
    let (_dir, path, healthy) = segment();
    let wal = Segment::read(&path);
    let mut bytes = healthy;
    for n in [200, 201] {
        bytes[wal.frames[n].data.start] ^= 0x40;
    }
    let log = Files::one(SEGMENT, bytes).log();
    assert_eq!(
        (log.damages.len(), log.records.len()),
        (2, wal.frames.len())
    );
}
