//! The log as etcd reads it: what real etcd 3.5.30 did with each damaged directory, and what other releases do.

use etcd_inspect_raftlog::located::RaftIndex;
use etcd_inspect_raftlog::wal::boot::{self, Halt, Reading, Release, Start};
use testkit::incidents::{Starts, incident};

use super::Files;

fn start(files: &Files, release: Release) -> Result<(Start, Reading<'_>), Halt> {
    let log = files.log();
    let snapshots = boot::valid_snapshots(&log, &files.bytes(), release)?;
    let newest = snapshots.last().copied().unwrap_or_default();
    let reading = boot::read(&log, &files.bytes(), release, newest)?;
    Ok((newest, reading))
}

/// What is asked of a reading, without the bytes it was read from.
#[derive(Debug)]
struct Read {
    repair: Option<boot::Repair>,
    erases: Option<(usize, u64, u64)>,
    lost: Vec<usize>,
    last_index: RaftIndex,
}

fn read_incident(id: &str, release: &str) -> Result<(Start, Read), Halt> {
    let copy = incident(id).reproduce();
    let files = Files::in_dir(&copy.data_dir().join("member/wal"));
    let (start, reading) = start(&files, release.parse().unwrap())?;
    let last_index = reading.last_index(start);
    let Reading {
        repair,
        erases,
        lost,
        ..
    } = reading;
    Ok((
        start,
        Read {
            repair,
            erases,
            lost,
            last_index,
        },
    ))
}

#[test]
fn etcd_stops_with_the_messages_that_it_printed() {
    let expected = [
        (
            "W01",
            "discovery failed {\"error\": \"walpb: crc mismatch\"}",
        ),
        (
            "W03",
            "discovery failed {\"error\": \"walpb: crc mismatch\"}",
        ),
        (
            "W05",
            "discovery failed {\"error\": \"walpb: crc mismatch\"}",
        ),
        (
            "W11",
            "failed to read WAL, cannot be repaired {\"error\": \"unexpected EOF: [wal] max entry size limit exceeded when decoding \\\"0000000000000003-",
        ),
        ("W13", "discovery failed {\"error\": \"wal: crc mismatch\"}"),
        ("W15", "discovery failed {\"error\": \"wal: crc mismatch\"}"),
        ("W23", "discovery failed {\"error\": \"wal: crc mismatch\"}"),
        (
            "W27",
            "failed to read WAL, cannot be repaired {\"error\": \"unexpected block type 9\"}",
        ),
        (
            "W35",
            "failed to read WAL, cannot be repaired {\"error\": \"unexpected block type ",
        ),
        ("W43", "discovery failed {\"error\": \"wal: crc mismatch\"}"),
        (
            "W45",
            "discovery failed {\"error\": \"walpb: crc mismatch\"}",
        ),
    ];
    let release = Release::new(5, 30);
    for (id, message) in expected {
        assert_eq!(incident(id).starts, Starts::No, "{id}");
        let halt = read_incident(id, "3.5.30").expect_err(id);
        let line = halt.log_line(release);
        assert!(line.starts_with(message), "{id}: {line}");
    }
}

#[test]
fn what_a_start_would_cut_off_or_erase_is_counted() {
    let (_, torn) = read_incident("W07", "3.5.30").unwrap();
    assert!(torn.repair.unwrap().cut_to.is_some());
    for id in ["W08", "W09", "W41"] {
        let (_, reading) = read_incident(id, "3.5.30").unwrap();
        let repair = reading.repair.expect(id);
        assert!(
            repair.error.starts_with("unexpected EOF"),
            "{id}: {repair:?}"
        );
        assert!(reading.lost.len() >= 19, "{id}: {}", reading.lost.len());
    }
    let (_, reading) = read_incident("W10", "3.5.30").unwrap();
    assert!(reading.repair.is_none(), "not a word in the log");
    assert!(reading.erases.is_some() && reading.lost.len() >= 60);
}

#[test]
fn releases_differ_where_the_length_is_damaged() {
    for (release, starts) in [
        ("3.4.9", true),
        ("3.4.23", false),
        ("3.5.4", false),
        ("3.5.6", false),
        ("3.5.7", true),
        ("3.6.14", true),
        ("3.7.1", true),
    ] {
        // Without a guard before the allocation, a length of 2^47 bytes cannot even be allocated.
        let can_allocate = release != "3.4.9";
        assert_eq!(
            read_incident("W09", release).is_ok(),
            starts && can_allocate,
            "{release}"
        );
        assert!(
            read_incident("W08", release).is_ok(),
            "{release}: a zeroed sector passes for a torn write"
        );
        assert!(read_incident("W05", release).is_err(), "{release}");
    }
    let halt = read_incident("W09", "3.4.23").unwrap_err();
    assert_eq!(halt.message, "wal: max entry size limit exceeded");
    let halt = read_incident("W05", "3.6.14").unwrap_err();
    assert!(
        halt.message
            .contains("in file '0000000000000000-0000000000000000.wal' at position: "),
        "{}",
        halt.message
    );
}

#[test]
fn a_healthy_log_reads_as_we_read_it() {
    for name in testkit::fixtures() {
        let dir = testkit::data_dir(&name).join("member/wal");
        if !dir.is_dir() {
            continue;
        }
        let files = Files::in_dir(&dir);
        let log = files.log();
        for release in ["3.4.23", "3.5.30", "3.6.14", "3.7.1"] {
            let (start, reading) = self::start(&files, release.parse().unwrap()).unwrap();
            assert_eq!(
                reading.last_index(start),
                log.last_index(),
                "{name} {release}"
            );
            assert!(
                reading.lost.is_empty() && reading.repair.is_none() && reading.erases.is_none(),
                "{name}"
            );
            assert_eq!(boot::commit_out_of_range(&reading, start), None, "{name}");
            assert_eq!(reading.node_id, log.metadata[0].node_id, "{name}");
        }
    }
}

/// The voters are those of the newest snapshot record.
fn applies(files: &Files, release: &str) -> Option<String> {
    let release: Release = release.parse().unwrap();
    let (start, reading) = self::start(files, release).unwrap();
    let log = files.log();
    let newest = log
        .snapshots
        .iter()
        .find(|snapshot| snapshot.index == start.index);
    let voters = newest
        .and_then(|snapshot| snapshot.conf_state.clone())
        .unwrap_or_default()
        .voters;
    boot::apply_stop(release, start, &reading, &voters, reading.last_index(start))
        .map(|(_, halt)| halt.log_line(release))
}

#[test]
fn entries_that_cannot_be_applied_end_the_start() {
    let wal = |id: &str| {
        let copy = incident(id).reproduce();
        Files::in_dir(&copy.data_dir().join("member/wal"))
    };
    let line = applies(&wal("W37"), "3.5.30").unwrap();
    assert!(
        line.starts_with("panic: unmarshal should never fail ("),
        "{line}"
    );
    assert_eq!(
        applies(&wal("W47"), "3.5.30").unwrap(),
        "panic: removed all voters"
    );
    assert_eq!(applies(&wal("C00"), "3.5.30"), None);
}

#[test]
fn a_v2_request_behind_the_snapshot_stops_3_7_only() {
    // This member was never snapshotted: its log begins with v2 requests.
    let files = Files::in_dir(&testkit::data_dir("k8s-1.20-etcd35").join("member/wal"));
    assert_eq!(applies(&files, "3.5.30"), None);
    assert_eq!(applies(&files, "3.6.14"), None);
    assert!(
        applies(&files, "3.7.1")
            .unwrap()
            .contains("cannot parse invalid wire-format data")
    );
}

#[test]
fn a_lost_or_empty_last_segment_goes_unnoticed() {
    for id in ["W17", "W21"] {
        let (start, reading) = read_incident(id, "3.5.30").unwrap();
        assert!(
            reading.repair.is_none() && reading.last_index > start.index,
            "{id}"
        );
    }
}
