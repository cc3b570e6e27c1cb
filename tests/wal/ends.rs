//! The two ends of a log, read without the entries between them.

use etcd_inspect_raftlog::wal::Ends;
use located::{ClusterId, MemberId, RaftIndex, Term};
use testkit::damage;
use testkit::synth::wal::SegmentBuilder;

use super::{Files, Log};

/// The ends of the segments alone, and of the whole log.
fn both(files: &mut Files) -> (Option<Ends>, Ends, Log) {
    files.0.retain(|(name, _)| name.as_str().ends_with(".wal"));
    let bytes = files.bytes();
    let log = files.log();
    (
        Ends::read(bytes.len(), |at| bytes[at]),
        Ends::from_log(&log),
        log,
    )
}

#[test]
fn the_ends_of_a_healthy_log_are_found_in_its_first_and_last_segments() {
    let mut several = 0;
    let incidents = testkit::incidents::all();
    let controls: Vec<_> = incidents
        .iter()
        .filter(|one| one.class == "CONTROL")
        .map(testkit::incidents::Incident::reproduce)
        .collect();
    let fixtures = testkit::fixtures()
        .into_iter()
        .map(|name| testkit::data_dir(&name));
    for dir in fixtures.chain(controls.iter().map(|copy| copy.data_dir())) {
        let mut files = Files::in_dir(&dir.join("member/wal"));
        if files.0.is_empty() {
            continue;
        }
        let (quick, whole, _) = both(&mut files);
        let quick = quick.unwrap_or_else(|| panic!("{}", dir.display()));
        several += usize::from(quick.segments_read < quick.segments);
        let segments_read = quick.segments_read;
        assert_eq!(
            quick,
            Ends {
                segments_read,
                ..whole
            },
            "{}",
            dir.display()
        );
    }
    assert!(several > 0, "no log of several segments was asked");
}

#[test]
fn a_fresh_segment_without_entries_leaves_the_last_index_to_the_one_in_front() {
    let first = SegmentBuilder::new(0, 7, 9)
        .state(2, 7, 4)
        .noop(2, 1)
        .noop(2, 2);
    let second = SegmentBuilder::new(first.crc(), 7, 9).state(3, 7, 2);
    let third = SegmentBuilder::new(second.crc(), 7, 9);
    let names = ["0-1.wal", "1-3.wal", "2-3.wal"];
    let all = [first.build(), second.build(), third.build()];
    let mut files = Files(
        names
            .map(located::FileName::new)
            .into_iter()
            .zip(all)
            .collect(),
    );
    let (quick, whole, _) = both(&mut files);
    let quick = quick.unwrap();
    assert_eq!((quick, quick.segments_read), (whole, 3));
    assert_eq!(
        (quick.first_index, quick.last_index),
        (Some(RaftIndex(1)), RaftIndex(2))
    );
    assert_eq!(quick.state.unwrap().term, Term(3));
    assert_eq!(quick.metadata, Some((MemberId(7), ClusterId(9))));
}

#[test]
fn where_frames_do_not_read_the_whole_log_has_to_be_asked() {
    let path =
        testkit::data_dir("etcd-3.5.30").join("member/wal/0000000000000000-0000000000000000.wal");
    let healthy = testkit::copy_of(&path);
    damage::truncate(&healthy, 1 << 20);
    let copy = testkit::copy_of(&healthy);
    let mut refused = 0;
    for case in damage::wal(&path) {
        testkit::restore(&healthy, &copy);
        case.apply(&copy);
        if !copy.exists() {
            continue;
        }
        let mut files = Files::one("0-0.wal", std::fs::read(&copy).unwrap());
        let (quick, whole, log) = both(&mut files);
        match quick {
            // Checksums are not verified; frames are.
            Some(quick) if log.damages.is_empty() => assert_eq!(quick, whole, "{}", case.name),
            Some(_) => {}
            None => refused += 1,
        }
    }
    assert!(refused > 10, "{refused}");
}
