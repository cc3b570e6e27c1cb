//! `--correct`: the copy is the undamaged directory again, byte for byte.

use std::fs;
use std::path::Path;

use serde_json::Value;
use testkit::{Seal, data_dir, fixture_copy, incidents, places};

use crate::run;

const WAL: &str = "member/wal/0000000000000000-0000000000000000.wal";
const DB: &str = "member/snap/db";

fn corrected(data: &Path, into: &Path) -> Value {
    let seal = Seal::read(data);
    let output = run(&[
        "salvage",
        data.to_str().unwrap(),
        "--correct",
        "--out-dir",
        into.to_str().unwrap(),
        "-o",
        "json",
    ]);
    seal.assert_unchanged();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn assert_same_file(healthy: &Path, copy: &Path, file: &str) {
    let (healthy, copy) = (
        fs::read(healthy.join(file)).unwrap(),
        fs::read(copy.join(file)).unwrap(),
    );
    let differs = healthy.iter().zip(&copy).position(|(a, b)| a != b);
    assert_eq!((differs, healthy.len()), (None, copy.len()), "{file}");
}

#[test]
fn a_wrong_length_word_is_put_right() {
    for id in ["W09", "W10"] {
        let incident = incidents::incident(id);
        let copy = incident.reproduce();
        let dir = tempfile::tempdir().unwrap();
        let into = dir.path().join("corrected");
        let said = corrected(&copy.data_dir(), &into);
        let corrections = said["corrections"].as_array().unwrap();
        assert_eq!(corrections.len(), 1, "{id}: {said}");
        let healthy = data_dir(incident.base);
        assert_same_file(&healthy, &into, WAL);
        assert_same_file(&healthy, &into, DB);
    }
}

#[test]
fn one_flipped_bit_of_a_record_is_found_by_its_checksum() {
    let copy = fixture_copy("etcd-3.5.30");
    let log = places::wal::Log::read(&copy.data_dir());
    let entries = log.entries();
    let entry = &entries[entries.len() / 2];
    let frame = &log.segments[entry.segment].frames[entry.frame];
    let wal = copy.data_dir().join(WAL);
    let mut bytes = fs::read(&wal).unwrap();
    bytes[frame.data.end - 3] ^= 0x20;
    fs::write(&wal, &bytes).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("corrected");
    let said = corrected(&copy.data_dir(), &into);
    assert_eq!(said["corrections"].as_array().unwrap().len(), 1, "{said}");
    assert_same_file(&data_dir("etcd-3.5.30"), &into, WAL);
}

#[test]
fn one_flipped_bit_of_a_meta_page_is_found_by_its_checksum() {
    let copy = fixture_copy("etcd-3.5.30");
    let db = copy.data_dir().join(DB);
    let mut bytes = fs::read(&db).unwrap();
    bytes[64] ^= 0x10;
    bytes[4096 + 33] ^= 0x02;
    fs::write(&db, &bytes).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("corrected");
    let said = corrected(&copy.data_dir(), &into);
    assert_eq!(said["corrections"].as_array().unwrap().len(), 2, "{said}");
    assert_same_file(&data_dir("etcd-3.5.30"), &into, DB);
}

/// Whichever field is damaged, a meta page has one correction at most, and that one gives back what was there.
#[test]
fn a_meta_page_has_one_correction_that_is_right_or_none() {
    let (root, sequence, freelist, txid) = (32, 40, 48, 64);
    for (at, mask, expected) in [
        (4096 + txid, 0x02u8, 1),
        (root, 0x01, 1),
        (sequence, 0xff, 0),
        (4096 + freelist + 1, 0x7e, 0),
    ] {
        let copy = fixture_copy("etcd-3.5.30");
        let db = copy.data_dir().join(DB);
        let mut bytes = fs::read(&db).unwrap();
        bytes[at] ^= mask;
        fs::write(&db, &bytes).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let into = dir.path().join("corrected");
        let said = corrected(&copy.data_dir(), &into);
        let corrections = said["corrections"].as_array().unwrap();
        assert_eq!(corrections.len(), expected, "byte {at}: {said}");
        if expected > 0 {
            assert_same_file(&data_dir("etcd-3.5.30"), &into, DB);
        }
    }
}

/// The children of the root prove its header: no other pointer and no index is bent to fit the damage.
#[test]
fn a_damaged_header_of_the_root_of_the_keys_is_put_right_and_nothing_else() {
    let (id, flags, count) = (1, 8, 10);
    for (base, at, mask) in [
        ("lagging-3.5.30", id, 0x01u8),
        ("etcd-3.5.30-killed", flags, 0x04),
        ("etcd-3.5.30-killed", count, 0x07),
    ] {
        let copy = fixture_copy(base);
        let path = copy.data_dir().join(DB);
        let mut db = places::bolt::Db::read(&path);
        let root = db.bucket("key").unwrap().value.start;
        let page = db.at(db.u64(root));
        let byte = db.bytes[page + at];
        db.put(page + at, &[byte ^ mask]);
        db.write(&path);
        let dir = tempfile::tempdir().unwrap();
        let into = dir.path().join("corrected");
        let said = corrected(&copy.data_dir(), &into);
        assert_eq!(said["corrections"].as_array().unwrap().len(), 1, "{said}");
        assert_same_file(&data_dir(base), &into, DB);
    }
}

/// Without anything of its checksum the older meta page is proven by the newer one, but for its root: that is known only if one page
/// alone can be it.
#[test]
fn a_checksum_is_computed_again_only_if_every_field_of_its_page_is_proven() {
    for (base, damage, expected) in [
        ("etcd-3.5.30", &[0x55, 0, 0, 0x33, 0, 0, 0, 0], 1),
        ("lagging-3.5.30", &[0xff; 8], 1),
        ("etcd-3.5.30", &[0xff; 8], 0),
    ] {
        let copy = fixture_copy(base);
        let path = copy.data_dir().join(DB);
        let mut db = places::bolt::Db::read(&path);
        let checksum = (1 - db.newest_meta()) * 4096 + 72;
        let wrong: Vec<u8> = (0..8)
            .map(|at| db.bytes[checksum + at] ^ damage[at])
            .collect();
        db.put(checksum, &wrong);
        db.write(&path);
        let dir = tempfile::tempdir().unwrap();
        let into = dir.path().join("corrected");
        let said = corrected(&copy.data_dir(), &into);
        let corrections = said["corrections"].as_array().unwrap();
        assert_eq!(corrections.len(), expected, "{base}, {damage:?}: {said}");
        if expected > 0 {
            assert_same_file(&data_dir(base), &into, DB);
        }
    }
}

#[test]
fn the_element_count_of_a_leaf_is_that_of_its_element_array() {
    let incident = incidents::incident("D28");
    let copy = incident.reproduce();
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("corrected");
    let said = corrected(&copy.data_dir(), &into);
    let corrections = said["corrections"].as_array().unwrap();
    assert_eq!(corrections.len(), 1, "{said}");
    assert!(
        corrections[0]["proof"]
            .as_str()
            .unwrap()
            .contains("element array")
    );
    assert_same_file(&data_dir(incident.base), &into, DB);
}

/// Each has one byte or field wrong, and the copy is the undamaged directory again.
#[test]
fn what_is_proven_is_put_right_in_every_part() {
    for (id, file) in [
        ("W23", "member/wal"),
        ("S01", "member/snap"),
        ("D20", DB),
        ("D21", DB),
        ("D25", DB),
        ("D27", DB),
        ("D33", DB),
        ("D35", DB),
        ("D41", DB),
        ("D47", DB),
        ("D57", DB),
        ("D59", DB),
        ("L01", DB),
        ("L05", DB),
    ] {
        let incident = incidents::incident(id);
        let copy = incident.reproduce();
        let dir = tempfile::tempdir().unwrap();
        let into = dir.path().join("corrected");
        let said = corrected(&copy.data_dir(), &into);
        let corrections = said["corrections"].as_array().unwrap();
        assert_eq!(corrections.len(), 1, "{id}: {said}");
        let here = corrections[0]["file"].as_str().unwrap();
        assert!(here.starts_with(file), "{id}: {said}");
        if file == "member/wal" {
            // The segments of the incident are those of the undamaged log, split: what they say is what counts.
            let checked = run(&["wal", into.to_str().unwrap(), "-o", "name"]);
            let healthy = run(&[
                "wal",
                data_dir(incident.base).to_str().unwrap(),
                "-o",
                "name",
            ]);
            assert_eq!(checked.stdout.len(), healthy.stdout.len(), "{id}");
            continue;
        }
        assert_same_file(&data_dir(incident.base), &into, here);
    }
}

/// Real etcd starts on corrected copies, and has every acknowledged write.
#[test]
fn real_etcd_starts_on_a_corrected_copy() {
    let Some(binaries) = testkit::etcd::Binaries::newest("3.5") else {
        return eprintln!("no etcd 3.5 here");
    };
    for id in ["W09", "W23", "D25", "D33", "D47", "D57"] {
        let incident = incidents::incident(id);
        let copy = incident.reproduce();
        let dir = tempfile::tempdir().unwrap();
        let into = dir.path().join("corrected");
        corrected(&copy.data_dir(), &into);
        let patience = std::time::Duration::from_secs(60);
        let flags = ["--force-new-cluster"];
        let server = testkit::etcd::Server::start(&binaries, &into, &flags, patience)
            .unwrap_or_else(|not| panic!("{id}: {}", not.log));
        let (_, revision) = crate::served::asked(&server);
        let (_, wanted) = crate::incidents::truth(incident.base);
        assert_eq!(revision, wanted, "{id}");
        server.stop();
    }
}

/// An index that is newer than the log may be right, and the log's tail lost.
#[test]
fn an_applied_index_that_the_log_does_not_reach_is_not_corrected() {
    let copy = incidents::incident("L03").reproduce();
    let dir = tempfile::tempdir().unwrap();
    let said = corrected(&copy.data_dir(), &dir.path().join("corrected"));
    assert_eq!(said["corrections"], Value::Array(Vec::new()));
}

#[test]
fn a_healthy_directory_is_not_copied() {
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("corrected");
    let said = corrected(&data_dir("etcd-3.5.30"), &into);
    assert_eq!(said["corrections"], Value::Array(Vec::new()));
    assert!(!into.exists());
}

/// A page that a leaf does not need is none of another page: etcd leaves it so.
#[test]
fn a_leaf_with_room_to_spare_is_not_corrected() {
    let copy = incidents::incident("L13").reproduce();
    let db = copy.data_dir().join(DB);
    let output = run(&["salvage", db.to_str().unwrap(), "--correct", "--dry-run"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("nothing is proven to be wrong"), "{said}");
}
