//! The reproductions of the incident catalogue that damage a log or a snapshot: the codes of each.

use etcd_inspect_raftlog::snap::{self, Snaps};
use etcd_inspect_raftlog::wal::check;

use super::{Files, codes, findings};

/// Warnings and errors that the WAL and the snapshots of a data directory give.
fn codes_of(id: &str) -> Vec<&'static str> {
    let copy = testkit::incidents::incident(id).reproduce();
    let dir = copy.data_dir();
    let files = Files::in_dir(&dir.join("member/wal"));
    let (log, mut found) = findings(&files);
    let snap_files = Files::snaps(&dir);
    let snaps = Snaps::read(&snap_files.bytes(), &mut |finding| found.push(finding));
    snap::check::against_log(&snaps, &log, &files.bytes(), &mut |finding| {
        found.push(finding)
    });
    codes(&found)
}

#[test]
fn each_damaged_log_has_its_codes_and_no_others() {
    let expected: &[(&str, &[&str])] = &[
        ("C00", &[]),
        ("C01", &[]),
        ("W01", &["WAL-006"]),
        ("W03", &["WAL-006"]),
        ("W05", &["WAL-006"]),
        ("W07", &["WAL-007"]),
        ("W08", &["WAL-033"]),
        ("W09", &["WAL-033"]),
        ("W10", &["WAL-034"]),
        ("W11", &["WAL-009"]),
        ("W13", &["WAL-034"]),
        ("W15", &["WAL-002"]),
        ("W17", &[]),
        ("W21", &["WAL-036"]),
        ("W23", &["WAL-006"]),
        // Its snapshot at the same term and index names another member.
        ("W25", &["SNAP-005"]),
        ("W27", &["WAL-013"]),
        ("W29", &["WAL-018", "WAL-021"]),
        ("W31", &[]),
        ("W33", &[]),
        ("W35", &["WAL-013"]),
        ("W37", &["WAL-025"]),
        ("W39", &[]),
        ("W41", &["WAL-033"]),
        ("W43", &["WAL-010", "WAL-040"]),
        ("W45", &["WAL-006"]),
        ("W47", &["WAL-038"]),
        ("S01", &["SNAP-001"]),
        ("S03", &["SNAP-001"]),
        ("S05", &["SNAP-004"]),
        ("S07", &["SNAP-007"]),
        ("S09", &["SNAP-014"]),
        ("S11", &["SNAP-002"]),
        ("S13", &[]),
        ("S17", &["SNAP-015"]),
    ];
    let mut wrong = Vec::new();
    for (id, expected) in expected {
        let seen = codes_of(id);
        if seen != *expected {
            wrong.push(format!("{id}: {seen:?}, expected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_lost_last_segment_is_at_least_noted() {
    let copy = testkit::incidents::incident("W17").reproduce();
    let (_, found) = findings(&Files::in_dir(&copy.data_dir().join("member/wal")));
    assert!(
        found.iter().any(|finding| finding.code.id == "WAL-035"),
        "{found:#?}"
    );
}

#[test]
fn what_a_repair_cut_off_is_found_in_the_broken_file() {
    let copy = testkit::fixture_copy(testkit::incidents::KILLED);
    let wal = copy.data_dir().join("member/wal");
    let path = wal.join(super::SEGMENT);
    let log = testkit::places::wal::Log::read(&copy.data_dir());
    std::fs::copy(&path, path.with_extension("wal.broken")).unwrap();
    let cut = &log.entries()[log.entries().len() - 40];
    let at = log.segments[0].frames[cut.frame].at;
    testkit::damage::truncate(&path, at);
    let files = Files::in_dir(&wal);
    let (log, found) = findings(&files);
    let broken = found
        .iter()
        .find(|finding| finding.code.id == "WAL-037")
        .unwrap();
    assert_eq!(
        (broken.count, broken.place.index),
        (40, Some(cut.index.into()))
    );
    assert!(!broken.keys.is_empty() && broken.place.file.as_str().ends_with(".broken"));
    assert_eq!(log.last().unwrap().index, cut.index - 1);
}

#[test]
fn the_places_of_findings_are_exact() {
    let copy = testkit::fixture_copy(testkit::incidents::KILLED);
    let wal = copy.data_dir().join("member/wal");
    let log = testkit::places::wal::Log::read(&copy.data_dir());
    let hit = &log.entries()[150];
    let frame = &log.segments[0].frames[hit.frame];
    testkit::damage::flip_bit(&wal.join(super::SEGMENT), frame.data.end - 1, 1);
    let files = Files::in_dir(&wal);
    let read = files.log();
    let mut found = Vec::new();
    check::all(&read, &files.bytes(), &mut |finding| found.push(finding));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].place.offset, Some(frame.at as u64));
    assert_eq!(found[0].place.index, Some(hit.index.into()));
    // The entry is known but not trusted; every entry after it is trusted.
    assert!(read.entry(hit.index.into()).is_none() && read.entry((hit.index + 1).into()).is_some());
    assert_eq!(read.entries.len(), log.entries().len());
    assert_eq!(
        read.intact_after_damages()[0].indexes,
        Some((
            (hit.index + 1).into(),
            log.entries().last().unwrap().index.into()
        ))
    );
}
