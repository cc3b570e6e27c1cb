//! Bytes made to hurt: nothing panics, nothing loops, work stays linear.

use std::fs;
use std::time::{Duration, Instant};

use etcd_inspect_raftlog::raft::{EntryType, Payload, Reveal};
use etcd_inspect_raftlog::snap::{self, Store};
use located::{Bytes, FileName};
use proptest::prelude::*;
use testkit::places::wal::{
    CRC, ENTRY, Frame, METADATA, STATE, Segment, encode, entry, frame, hard_state,
};

use super::{Files, SEGMENT, findings};

/// A short real segment.
fn seed() -> Vec<u8> {
    let path = testkit::data_dir("etcd-3.5.16")
        .join("member/wal")
        .join(SEGMENT);
    let wal = Segment::read(&path);
    let end = wal.frames[60].end;
    let mut bytes = wal.bytes[..end].to_vec();
    bytes.resize(end + 4096, 0);
    bytes
}

fn look(bytes: Vec<u8>) {
    let files = Files::one(SEGMENT, bytes);
    let (log, found) = findings(&files);
    let _ = (log.intact_after_damages(), log.terms(), log.last_index());
    for finding in found {
        assert!(
            finding
                .place
                .offset
                .is_none_or(|at| at <= files.0[0].1.len() as u64)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        look(bytes.clone());
        let name = FileName::new("0000000000000001-0000000000000001.snap");
        let _ = snap::check::file(&Bytes::new(&name, 0, &bytes), &mut |_| ());
        let _ = Store::parse(&bytes);
        for kind in [EntryType::Normal, EntryType::ConfChange, EntryType::ConfChangeV2] {
            let payload = Payload::decode(kind, &bytes);
            let _ = (payload.summary(), payload.to_json(Reveal::default()), payload.user_keys().len());
        }
    }

    #[test]
    fn mutated_segments_never_panic_and_keep_what_was_not_touched(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 1usize..40), 1..6)
    ) {
        let mut bytes = seed();
        for (at, byte, len) in edits {
            let at = at.index(bytes.len());
            let end = (at + len).min(bytes.len());
            bytes[at..end].fill(byte);
        }
        look(bytes);
    }

    #[test]
    fn a_cut_anywhere_keeps_the_records_before_it(cut in any::<prop::sample::Index>()) {
        let mut bytes = seed();
        bytes.truncate(cut.index(bytes.len()));
        let len = bytes.len();
        let log = Files::one(SEGMENT, bytes).log();
        prop_assert_eq!(log.records.len(), frames_before(&seed(), len));
    }
}

/// Records that are whole before a cut; their padding may be cut.
fn frames_before(bytes: &[u8], len: usize) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(SEGMENT);
    fs::write(&path, bytes).unwrap();
    let frames = Segment::read(&path).frames;
    let whole = |frame: &Frame| match frame.data.end {
        0 => frame.end <= len,
        end => end <= len,
    };
    frames.iter().filter(|frame| whole(frame)).count()
}

fn quickly(bytes: Vec<u8>) {
    let started = Instant::now();
    look(bytes);
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn millions_of_bad_checksums_cost_linear_time() {
    let one = frame(ENTRY, 7, Some(&entry(0, 1, 1, b"x")));
    quickly(one.repeat((4 << 20) / one.len()));
}

#[test]
fn candidates_that_name_huge_successors_cost_linear_time() {
    // Each 16-byte frame is well formed and followed, so it seems, by one record that reaches to the end of the file.
    let mut bytes = Vec::new();
    let small = frame(ENTRY, 1, Some(b"abc"));
    while bytes.len() < 1 << 20 {
        bytes.extend(&small);
        let rest = (3 << 20) as u64;
        bytes.extend((rest).to_le_bytes());
        bytes.extend([8, 2, 0x10, 1, 0x1a, 0xf6, 0xff, 0xbf]);
    }
    bytes.resize(5 << 20, 1);
    quickly(bytes);
}

#[test]
fn indexes_that_jump_back_and_forth_cost_linear_time() {
    let mut records = vec![(CRC, Vec::new()), (METADATA, vec![8, 1, 16, 1])];
    for round in 0..20_000u64 {
        records.push((ENTRY, entry(0, round, 1 + round % 3 * 1000, b"")));
        records.push((STATE, hard_state(round, 0, round)));
    }
    quickly(encode(0, &records).0);
}

#[test]
fn a_type_that_was_flipped_does_not_pass_for_a_promise() {
    let request = b"\x22\x0a\x0a\x03foo\x12\x03bar";
    let records = vec![
        (METADATA, vec![8, 1, 16, 1]),
        (STATE, entry(0, 1, 1, request)),
        (ENTRY, entry(0, 1, 2, request)),
    ];
    let bytes = [frame(CRC, 0, None), encode(0, &records).0].concat();
    let (_, found) = findings(&Files::one(SEGMENT, bytes));
    assert!(
        found.iter().any(|finding| finding.code.id == "WAL-039"),
        "{found:#?}"
    );
}
