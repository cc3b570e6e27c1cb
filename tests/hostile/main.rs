//! Hostile evidence: every recipe × place of the test kit, through everything the library can be asked. Nothing panics, nothing
//! hangs, nothing is written.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

mod everything;
mod matrix;

use matrix::matrix;
use testkit::damage;
use testkit::places::snap;
use testkit::{data_dir, fixture_copy};

const DB: &str = "member/snap/db";
const WAL: &str = "member/wal/0000000000000000-0000000000000000.wal";

#[test]
fn a_damaged_db_is_answered_whatever_the_damage() {
    matrix(
        "etcd-3.5.30",
        DB,
        damage::db(&data_dir("etcd-3.5.30").join(DB)),
    );
}

#[test]
fn a_damaged_db_with_overflow_pages_is_answered_whatever_the_damage() {
    matrix(
        "large-values-3.5.30",
        DB,
        damage::db(&data_dir("large-values-3.5.30").join(DB)),
    );
}

#[test]
fn a_damaged_log_is_answered_whatever_the_damage() {
    matrix(
        "etcd-3.5.30",
        WAL,
        damage::wal(&data_dir("etcd-3.5.30").join(WAL)),
    );
    matrix(
        "etcd-3.7.1",
        WAL,
        damage::wal(&data_dir("etcd-3.7.1").join(WAL)),
    );
}

#[test]
fn a_damaged_snap_is_answered_whatever_the_damage() {
    let newest = snap::newest(&data_dir("etcd-3.5.30"));
    let name = format!(
        "member/snap/{}",
        newest.file_name().unwrap().to_string_lossy()
    );
    matrix("etcd-3.5.30", &name, damage::snap(&newest));
}

#[test]
fn what_makes_peers_panic_is_answered() {
    matrix("mid-compaction-3.5.30", DB, damage::peers::db());
    matrix("etcd-3.5.30", WAL, damage::peers::wal());
}

#[test]
fn every_incident_is_answered() {
    for incident in testkit::incidents::all() {
        let copy = incident.reproduce();
        everything::within_bounds(incident.id, &copy.data_dir());
    }
}

#[test]
fn a_directory_without_its_parts_is_answered() {
    for gone in ["member/snap/db", "member/snap", "member/wal", "member"] {
        let copy = fixture_copy("etcd-3.5.30");
        let path = copy.data_dir().join(gone);
        if path.is_dir() {
            std::fs::remove_dir_all(path)
        } else {
            std::fs::remove_file(path)
        }
        .unwrap();
        everything::within_bounds(gone, &copy.data_dir());
    }
}
