//! Failing disks, and things in the place of files.

use std::io;
use std::ops::Range;

use etcd_inspect::evidence::{Io, Kind, Reader};
use rustix::fs::{CWD, FileType, Mode};
use tempfile::tempdir;

use super::*;

struct Failing {
    bytes: Vec<u8>,
    bad: Range<u64>,
    ends_at: u64,
}

impl Reader for Failing {
    fn size(&self) -> io::Result<u64> {
        self.bytes.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let end = (offset + buffer.len() as u64).min(self.ends_at);
        if self.bad.start < end && self.bad.end > offset {
            return Err(io::Error::from_raw_os_error(5));
        }
        let len = usize::try_from(end.saturating_sub(offset)).unwrap();
        self.bytes.read_at(&mut buffer[..len], offset)
    }
}

#[test]
fn an_io_error_costs_its_sectors_and_is_reported() {
    let disk = Failing {
        bytes: vec![7; 100_000],
        bad: 50_000..50_001,
        ends_at: 100_000,
    };
    let evidence = Evidence::of_readers("sdb", Kind::DataDir, [("member/snap/db", disk)]);
    let db = evidence.db().unwrap();
    let bytes = db.bytes().unwrap().as_slice();
    assert_eq!(db.unreadable(), std::slice::from_ref(&(49_664..50_176)));
    assert_eq!(bytes.len(), 100_000);
    assert_eq!(
        (bytes[49_663], bytes[49_664], bytes[50_175], bytes[50_176]),
        (7, 0, 0, 7)
    );
    let mut found = Vec::new();
    evidence.report_unreadable(&mut |finding| found.push(finding));
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].code.id, found[0].place.offset),
        ("DIR-016", Some(49_664))
    );
}

#[test]
fn a_file_that_is_shortened_while_it_is_read_gives_what_is_left() {
    let disk = Failing {
        bytes: vec![7; 100_000],
        bad: 0..0,
        ends_at: 60_000,
    };
    let evidence = Evidence::of_readers("sdb", Kind::DataDir, [("member/snap/db", disk)]);
    assert_eq!(evidence.db().unwrap().bytes().unwrap().len(), 60_000);
    let mut found = Vec::new();
    evidence.report_unreadable(&mut |finding| found.push(finding));
    assert_eq!(
        (found[0].code.id, found[0].place.offset),
        ("DIR-017", Some(60_000))
    );
}

#[test]
fn mapping_and_reading_give_the_same_bytes() {
    let top = tempdir().unwrap();
    data_dir(top.path());
    let read = OpenOptions {
        io: Io::Read,
        ..OpenOptions::default()
    };
    let (mapped, read) = (open(top.path()), Evidence::open(top.path(), &read).unwrap());
    for (one, other) in mapped.files().iter().zip(read.files()) {
        assert!(one.bytes().unwrap().as_slice() == other.bytes().unwrap().as_slice());
    }
}

#[test]
fn fifos_sockets_and_devices_are_never_opened() {
    let top = tempdir().unwrap();
    data_dir(top.path());
    let fifo = top
        .path()
        .join("member/snap/0000000000000009-0000000000000009.snap");
    rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).unwrap();
    let socket = top
        .path()
        .join("member/wal/0000000000000001-0000000000000009.wal");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let evidence = open(top.path());
    assert_eq!(codes(&evidence), ["DIR-014", "DIR-014"]);
    assert_eq!(evidence.files().len(), 3);
    // Named themselves they are an error, at once.
    for path in [
        fifo.as_path(),
        Path::new("/dev/tty"),
        Path::new("/dev/zero"),
    ] {
        assert!(
            matches!(
                Evidence::open(path, &OpenOptions::default()),
                Err(Error::Io { .. })
            ),
            "{path:?}"
        );
    }
}

#[test]
fn a_file_that_becomes_a_fifo_after_the_listing_does_not_block() {
    let top = tempdir().unwrap();
    data_dir(top.path());
    let evidence = open(top.path());
    let db = top.path().join("member/snap/db");
    std::fs::remove_file(&db).unwrap();
    rustix::fs::mknodat(CWD, &db, FileType::Fifo, Mode::RUSR, 0).unwrap();
    assert!(matches!(
        evidence.db().unwrap().bytes(),
        Err(Error::Io { .. })
    ));
    assert!(
        matches!(evidence.db().unwrap().bytes(), Err(Error::Io { .. })),
        "the same answer again"
    );
}

#[test]
fn reading_leaves_the_access_time_alone() {
    use std::os::unix::fs::MetadataExt;
    let top = tempdir().unwrap();
    data_dir(top.path());
    let places =
        ["", "member", "member/snap", "member/wal", "member/snap/db"].map(|at| top.path().join(at));
    // Older than the modification: `relatime` would then set it.
    for place in &places {
        let old = rustix::fs::Timespec {
            tv_sec: 1_000_000,
            tv_nsec: 0,
        };
        let times = rustix::fs::Timestamps {
            last_access: old,
            last_modification: rustix::fs::Timespec {
                tv_sec: 2_000_000,
                tv_nsec: 0,
            },
        };
        rustix::fs::utimensat(CWD, place, &times, rustix::fs::AtFlags::empty()).unwrap();
    }
    let evidence = open(top.path());
    for file in evidence.files() {
        let _ = file
            .bytes()
            .unwrap()
            .as_slice()
            .iter()
            .map(|byte| u64::from(*byte))
            .sum::<u64>();
    }
    for place in &places {
        assert_eq!(
            fs::metadata(place).unwrap().atime(),
            1_000_000,
            "{}",
            place.display()
        );
    }
}

#[test]
fn a_db_on_a_failing_disk_gives_every_key_outside_the_unreadable_block() {
    use etcd_inspect::member::Member;
    let bytes = fs::read(testkit::data_dir("etcd-3.5.30").join("member/snap/db")).unwrap();
    let live = |bad: Range<u64>| {
        let unreadable = usize::from(!bad.is_empty());
        let disk = Failing {
            ends_at: bytes.len() as u64,
            bytes: bytes.clone(),
            bad,
        };
        let evidence = Evidence::of_readers("sdb", Kind::DataDir, [("member/snap/db", disk)]);
        let member = Member::from_evidence(evidence, etcd_inspect::member::Options::default());
        // Meta pages and roots may be hit: then it is an error that says where.
        let keys = member
            .readable_keyspace()
            .ok()
            .map(|keyspace| keyspace.live_count());
        let mut lost = 0;
        member.evidence().report_unreadable(&mut |_| lost += 1);
        assert_eq!(lost, unreadable, "what could not be read is reported");
        (keys, member.keyspace_damage().len())
    };
    let all = live(0..0).0;
    assert!(all > Some(10));
    let mut partial = 0;
    for page in 0..180u64 {
        let (keys, damage) = live(page * 4096 + 100..page * 4096 + 101);
        // A lost tombstone makes a key live again, so there may be more as well.
        if keys.is_some() && keys != all {
            assert!(damage > 0, "page {page} cost keys and nothing was reported");
            partial += 1;
        }
    }
    assert!(partial > 5, "{partial}");
}
