//! Bytes that the files themselves prove to be wrong are corrected before they are read: nothing is lost by them.

use std::path::Path;

use etcd_inspect::member::Member;
use testkit::incidents::incident;
use testkit::places::bolt::Db;
use testkit::places::wal::Log;
use testkit::{damage::flip_bit, data_dir, fixture_copy};

use crate::incidents::{live_of, truth};
use crate::{hash, run, salvage};

const DB: &str = "member/snap/db";

fn assert_whole_db(db: &Path, healthy: u64, what: &str) {
    let backup = salvage(db, &[]);
    assert_eq!(
        backup.list("unrecoverable").len(),
        0,
        "{what}: {}",
        backup.json
    );
    assert_eq!(
        backup.list("maybe_deleted").len(),
        0,
        "{what}: {}",
        backup.json
    );
    assert_eq!(backup.exit, 0, "{what}: {}", backup.stderr);
    assert_eq!(hash(&backup.out, &[]), healthy, "{what}: {}", backup.stderr);
}

#[test]
fn a_db_alone_gives_everything_if_its_damage_is_proven_or_costs_no_record() {
    for id in [
        "D09", "D13", "D23", "D25", "D27", "D28", "D29", "D33", "D35", "D41", "D57", "D59", "D60",
    ] {
        let incident = incident(id);
        let healthy = hash(&data_dir(incident.base).join(DB), &[]);
        let copy = incident.reproduce();
        assert_whole_db(&copy.data_dir().join(DB), healthy, id);
    }
}

/// The record of one element says its own revision: whichever bit of it is flipped in the key, the message proves it.
#[test]
fn every_flipped_bit_of_the_revision_of_a_record_is_put_right() {
    let base = data_dir("etcd-3.5.30").join(DB);
    let healthy = hash(&base, &[]);
    let db = Db::read(&base);
    let leaves = db.leaves("key");
    let elements = leaves.iter().map(|page| db.leaf(*page));
    let several = elements.skip(leaves.len() / 2).find(|leaf| leaf.len() > 2);
    let at = several.expect("a leaf with several records")[1].key.start;
    for bit in (0..9 * 8).step_by(5) {
        let copy = fixture_copy("etcd-3.5.30");
        let db = copy.data_dir().join(DB);
        flip_bit(&db, at + bit / 8, (bit % 8) as u8);
        assert_whole_db(&db, healthy, &format!("bit {bit}"));
    }
}

/// What the root page hides was once there: the db is not one that was never used.
#[test]
fn a_root_page_with_a_wrong_count_or_type_hides_nothing() {
    let (flags, count) = (8, 10);
    for (fixture, at, value) in [
        ("restored-plain-3.4.23", count, 0u16),
        ("lagging-3.5.30", count, 0),
        ("mid-compaction-3.5.30", count, 4),
        ("etcd-3.5.16", flags, 0x04),
    ] {
        let healthy = hash(&data_dir(fixture).join(DB), &[]);
        let copy = fixture_copy(fixture);
        let path = copy.data_dir().join(DB);
        let mut db = Db::read(&path);
        let page = db.at(db.root());
        db.put(page + at, &value.to_le_bytes());
        db.write(&path);
        let checked = run(&["check", path.to_str().unwrap(), "-o", "json"]);
        let checked = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(!checked.contains("META-015"), "{fixture}: {checked}");
        assert!(checked.contains("\"damaged\""), "{fixture}: {checked}");
        assert_whole_db(&path, healthy, fixture);
    }
}

fn assert_whole_log(data_dir: &Path, base: &str, what: &str) {
    let (truth, revision) = truth(base);
    let backup = salvage(data_dir, &[]);
    assert_eq!(backup.exit, 0, "{what}: {} {}", backup.stderr, backup.json);
    assert_eq!(backup.number("revision"), revision, "{what}");
    let member = Member::open(&backup.out).unwrap();
    let live = live_of(&member.readable_keyspace().unwrap());
    assert!(live == truth, "{what}: {}", backup.stderr);
}

#[test]
fn an_entry_that_is_proven_is_not_called_lost() {
    for id in ["W05", "W09", "W10", "W35"] {
        let incident = incident(id);
        assert_whole_log(&incident.reproduce().data_dir(), incident.base, id);
    }
}

/// No checksum covers the tags, the type and the length before a payload; the frame and the payload prove them.
#[test]
fn every_flipped_bit_of_the_head_of_a_record_is_put_right() {
    let base = "lagging-3.5.30";
    let log = Log::read(&data_dir(base));
    let entries = log.entries();
    let entry = &entries[entries.len() - 40];
    let segment = &log.segments[entry.segment];
    let frame = &segment.frames[entry.frame];
    let head = frame.data.start - frame.record;
    for bit in (0..head * 8).step_by(3) {
        let copy = fixture_copy(base);
        let name = segment.path.file_name().unwrap();
        let wal = copy.data_dir().join("member/wal").join(name);
        flip_bit(&wal, frame.record + bit / 8, (bit % 8) as u8);
        assert_whole_log(
            &copy.data_dir(),
            base,
            &format!("bit {bit} of {head} bytes"),
        );
    }
}
