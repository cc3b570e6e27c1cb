//! Recipe × place × verb.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use testkit::damage::{self, Case};
use testkit::verbs::{self, Subject, on_all_cores};
use testkit::{Copy, Seal, copy_of, data_dir, fixture_copy};

use crate::bounds::{assert_as_documented, run, size_of};

const BINARY: &str = env!("CARGO_BIN_EXE_etcd-inspect");
const DB: &str = "member/snap/db";
const WAL: &str = "member/wal/0000000000000000-0000000000000000.wal";

/// Preallocated zeros kept after a log's end: enough for every case, and not 64 MB to read each time.
const LOG_BYTES: usize = 1 << 20;

/// Of that many lines a sample asks one.
const ONE_OF: usize = 127;

/// Asks about one damaged directory: of the whole and, in turns, of the damaged file alone.
fn ask(case: &str, turn: usize, data: &Path, file: &Path) {
    let outside = tempfile::tempdir().unwrap();
    let alone = !turn.is_multiple_of(3) && file.exists();
    let path = if alone { file } else { data };
    let other = data_dir("etcd-3.5.30");
    let subject = Subject {
        other: &other,
        ..Subject::new(path, file, outside.path())
    };
    let seal = turn.is_multiple_of(16).then(|| Seal::read(data));
    let bytes = size_of(path).max(size_of(&other.join(DB)));
    for line in verbs::sample(subject.lines(BINARY), turn, ONE_OF) {
        let said = run(&line, bytes, 8);
        assert_as_documented(case, &line, &said);
    }
    if let Some(seal) = seal {
        seal.assert_unchanged();
    }
}

/// Applies each case to the file in a copy of the fixture of its own, and asks.
fn matrix(fixture: &str, file: &str, cases: Vec<Case>) {
    assert!(!cases.is_empty());
    let healthy = copy_of(&data_dir(fixture).join(file));
    if fs::metadata(&healthy).unwrap().len() == 64_000_000 {
        damage::truncate(&healthy, LOG_BYTES);
    }
    let cases = cases.into_iter().enumerate().collect();
    let copies = Mutex::new(Vec::new());
    on_all_cores(cases, |(turn, case): (usize, Case)| {
        let free = copies.lock().unwrap().pop();
        let copy: Copy = free.unwrap_or_else(|| small_copy(fixture));
        let damaged = copy.data_dir().join(file);
        testkit::restore(&healthy, &damaged);
        case.apply(&damaged);
        let name = format!("{fixture}: {}", case.name);
        ask(&name, turn, &copy.data_dir(), &damaged);
        copies.lock().unwrap().push(copy);
    });
}

/// A private copy, its logs without most of the zeros after them.
fn small_copy(fixture: &str) -> Copy {
    let copy = fixture_copy(fixture);
    shorten(&copy.data_dir().join("member/wal"));
    copy
}

fn shorten(wal: &Path) {
    for entry in fs::read_dir(wal).into_iter().flatten().flatten() {
        let whole = entry
            .metadata()
            .is_ok_and(|meta| meta.is_file() && meta.len() == 64_000_000);
        if whole && testkit::read_until_hole(&entry.path(), LOG_BYTES).len() < LOG_BYTES {
            damage::truncate(&entry.path(), LOG_BYTES);
        }
    }
}

#[test]
fn a_damaged_db_is_answered_by_every_verb_within_bounds_and_as_documented() {
    for fixture in ["etcd-3.5.30", "large-values-3.5.30"] {
        matrix(fixture, DB, damage::db(&data_dir(fixture).join(DB)));
    }
    matrix("mid-compaction-3.5.30", DB, damage::peers::db());
}

#[test]
fn a_damaged_log_or_snap_is_answered_by_every_verb_within_bounds_and_as_documented() {
    for fixture in ["etcd-3.5.30", "etcd-3.7.1"] {
        matrix(fixture, WAL, damage::wal(&data_dir(fixture).join(WAL)));
    }
    matrix("etcd-3.5.30", WAL, damage::peers::wal());
    let newest = testkit::places::snap::newest(&data_dir("etcd-3.5.30"));
    let name = format!(
        "member/snap/{}",
        newest.file_name().unwrap().to_string_lossy()
    );
    matrix("etcd-3.5.30", &name, damage::snap(&newest));
}

#[test]
fn every_incident_is_answered_by_every_verb_within_bounds_and_as_documented() {
    let all = testkit::incidents::all().into_iter().enumerate().collect();
    on_all_cores(all, |(turn, incident)| {
        let copy = incident.reproduce();
        shorten(&copy.data_dir().join("member/wal"));
        let db: PathBuf = copy.data_dir().join(DB);
        ask(incident.id, turn * 3, &copy.data_dir(), &db);
    });
}
