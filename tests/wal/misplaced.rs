//! Records that are intact and are not what was written where they are: a sector at a wrong place, a record of another type.

use std::collections::BTreeMap;

use etcd_inspect_raftlog::located::RaftIndex;
use etcd_inspect_raftlog::wal::{Crc, Log};
use testkit::places::wal::{STATE, Segment};

use super::{Files, SEGMENT, codes, findings};

const SECTOR: usize = 512;

fn healthy() -> (Segment, Vec<u8>) {
    let path = testkit::data_dir("etcd-3.5.30-killed")
        .join("member/wal")
        .join(SEGMENT);
    let segment = Segment::read(&path);
    let mut bytes = segment.bytes.clone();
    bytes.truncate(segment.end() + 4096);
    (segment, bytes)
}

/// The data of each surviving entry.
fn surviving(log: &Log, files: &Files) -> BTreeMap<RaftIndex, Vec<u8>> {
    let files = files.bytes();
    let data = |entry: &_| log.data(&files, entry).unwrap().to_vec();
    log.surviving()
        .map(|entry| (entry.index, data(entry)))
        .collect()
}

#[test]
fn a_sector_that_was_written_to_a_wrong_place_costs_what_it_overwrote_and_nothing_else() {
    let (segment, bytes) = healthy();
    let whole = Files::one(SEGMENT, bytes.clone());
    let whole = surviving(&whole.log(), &whole);
    let sectors = segment.end() / SECTOR;
    let mut copies = 0;
    for to in (8..sectors - 2).step_by(5) {
        for from in [to - 7, to - to / 2, to + 2] {
            if from >= sectors - 1 {
                continue;
            }
            let mut damaged = bytes.clone();
            damaged.copy_within(from * SECTOR..(from + 1) * SECTOR, to * SECTOR);
            let files = Files::one(SEGMENT, damaged);
            let (log, found) = findings(&files);
            let left = surviving(&log, &files);
            let what = format!("sector {from} at {to}: {:?}", codes(&found));
            assert!(!found.is_empty(), "{what}");
            let lost = whole.keys().filter(|index| !left.contains_key(index));
            assert!(
                lost.clone().count() <= 16,
                "{what}: lost {:?}",
                lost.collect::<Vec<_>>()
            );
            for (index, data) in &left {
                assert_eq!(whole.get(index), Some(data), "{what}: entry {index}");
            }
            let is_copy = |crc: Crc| crc == Crc::Misplaced;
            if log.records.iter().any(|record| is_copy(record.crc)) {
                copies += 1;
                assert!(codes(&found).contains(&"WAL-040"), "{what}");
            }
        }
    }
    assert!(copies > 10, "{copies}");
}

#[test]
fn a_hard_state_with_the_type_of_an_entry_overwrites_nothing() {
    let (segment, bytes) = healthy();
    let whole = Files::one(SEGMENT, bytes.clone());
    let whole = surviving(&whole.log(), &whole);
    let states = segment.frames.iter().filter(|frame| frame.kind == STATE);
    let states: Vec<_> = states.skip(2).step_by(17).collect();
    assert!(states.len() > 5);
    for state in states {
        let mut damaged = bytes.clone();
        assert_eq!(damaged[state.record..state.record + 2], [8, 3]);
        damaged[state.record + 1] = 2;
        let files = Files::one(SEGMENT, damaged);
        let (log, found) = findings(&files);
        let at = state.at;
        assert_eq!(surviving(&log, &files), whole, "the record at {at:#x}");
        assert!(codes(&found).contains(&"WAL-039"), "{at:#x}: {found:?}");
    }
}
