//! What reading costs in memory. A test target of its own, one test at a time: other tests in the process would be counted too.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may stop at its first failure"
)]

use std::fs;

use etcd_inspect::evidence::{Evidence, OpenOptions};

/// The crc record at the head of every segment.
const SEGMENT_HEAD: [u8; 12] = [4, 0, 0, 0, 0, 0, 0, 0x84, 8, 4, 16, 0];

#[test]
fn a_hundred_thousand_segments_cost_names_only() {
    let top = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
    let wal = top.path().join("wal");
    fs::create_dir(&wal).unwrap();
    let one = wal.join("0000000000000000-0000000000000000.wal");
    fs::write(&one, SEGMENT_HEAD).unwrap();
    // Hard links: the directory is what counts, not the disk it fills.
    for at in 1u64..100_000 {
        let name = wal.join(format!("{at:016x}-{at:016x}.wal"));
        if at % 60_000 == 0 || fs::hard_link(&one, &name).is_err() {
            fs::write(&name, "").unwrap();
        }
    }
    let before = anonymous_bytes();
    let evidence = Evidence::open(&wal, &OpenOptions::default()).unwrap();
    assert_eq!(evidence.wal().len(), 100_000);
    assert!(
        evidence
            .wal()
            .is_sorted_by_key(|file| file.relative().to_owned())
    );
    assert!(anonymous_bytes() - before < 100 << 20);
}

/// This process's anonymous memory.
fn anonymous_bytes() -> i64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<i64>()
        .unwrap()
        << 10
}
