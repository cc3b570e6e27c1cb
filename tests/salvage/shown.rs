//! Lost entries of a log, and no db that has what they did: later entries show how many revisions they made and which keys they wrote;
//! what nothing shows is listed, whatever was compacted since.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use testkit::damage::zero;
use testkit::etcd::{Binaries, Server};
use testkit::fixture_copy;
use testkit::places::bolt::Db;
use testkit::places::wal::{self, Log};

use crate::holes::lose;
use crate::incidents::{live_of, truth};
use crate::lost::assert_doubted;
use crate::{hash, salvage};

const DB: &str = "member/snap/db";

/// The log of a fixture without these entries, and no db.
fn log_without(name: &str, lost: &[RangeInclusive<u64>]) -> testkit::Copy {
    let copy = fixture_copy(name);
    fs::remove_file(copy.data_dir().join(DB)).unwrap();
    // What follows a hole is not found by its frames.
    for entries in lost.iter().rev() {
        lose(&copy.data_dir(), entries.clone());
    }
    copy
}

#[test]
fn a_log_of_kubernetes_that_has_lost_entries_keeps_every_revision_after_them() {
    let name = "k8s-1.20-etcd35";
    let (truth, revision) = truth(name);
    // A creation that failed, a lease, a renewal that later ones go on from; then runs of writes, one of them before a write that failed
    // because of it.
    // And the renewal of a key with a lease: the lease that it had before ends later, and the key does not.
    let cases: [&[RangeInclusive<u64>]; 5] = [
        &[9..=9],
        &[4166..=4166],
        &[345..=345, 470..=470],
        &[242..=246, 778..=782, 3119..=3119],
        &[3555..=3574],
    ];
    for lost in cases {
        let copy = log_without(name, lost);
        let backup = salvage(&copy.data_dir(), &[]);
        assert_eq!(backup.number("revision"), revision, "{lost:?}");
        assert_doubted(&backup, &truth, &format!("{lost:?}"));
        let member = etcd_inspect::member::Member::open(&backup.out).unwrap();
        let live = live_of(&member.readable_keyspace().unwrap());
        let wrong = live.iter().filter(|(key, at)| truth.get(*key) != Some(at));
        let gone = truth.keys().filter(|key| !live.contains_key(*key));
        let entries: u64 = lost.iter().map(|run| run.end() - run.start() + 1).sum();
        let (wrong, gone) = (wrong.count() as u64, gone.count() as u64);
        assert!(
            wrong + gone <= entries,
            "{lost:?}: {wrong} wrong, {gone} gone"
        );
    }
}

#[test]
fn a_compaction_settles_no_doubt() {
    let name = "etcd-3.5.30";
    let (truth, _) = truth(name);
    for first in (20..235).step_by(15) {
        let copy = log_without(name, &[first..=first]);
        let backup = salvage(&copy.data_dir(), &[]);
        assert_doubted(&backup, &truth, &format!("entry {first}"));
    }
}

#[test]
fn a_log_that_begins_later_does_not_have_what_a_page_of_the_db_lost() {
    let name = "etcd-3.5.30";
    let (truth, _) = truth(name);
    let copy = fixture_copy(name);
    let data = copy.data_dir();
    wal::split(&data, &[200]);
    fs::remove_file(wal::segments(&data).remove(0)).unwrap();
    let db = Db::read(&data.join(DB));
    for page in db.leaves("key").into_iter().step_by(9) {
        let range = db.at(page)..db.at(page) + db.page_size;
        let healthy = fs::read(data.join(DB)).unwrap();
        zero(&data.join(DB), range);
        let backup = salvage(&data, &[]);
        let member = etcd_inspect::member::Member::open(&backup.out).unwrap();
        let live = live_of(&member.readable_keyspace().unwrap());
        assert!(
            live == truth || backup.exit == 3,
            "page {page}: {}",
            backup.json
        );
        fs::write(data.join(DB), healthy).unwrap();
    }
}

#[test]
fn a_moment_below_all_records_of_the_db_is_that_of_the_log() {
    let copy = fixture_copy("etcd-3.5.30");
    for revision in ["40", "100"] {
        let both = salvage(&copy.data_dir(), &["--rev", revision]);
        let log = log_without("etcd-3.5.30", &[]);
        let log = salvage(&log.data_dir(), &["--rev", revision]);
        assert!(log.number("keys") > 10, "{}", log.json);
        assert_eq!(hash(&both.out, &[]), hash(&log.out, &[]), "{}", both.json);
    }
}

/// Writes, the newest of them just after a compaction.
fn compacted(data: &Path, binaries: &Binaries) {
    let server = Server::start(binaries, data, &[], Duration::from_secs(30)).unwrap();
    for n in 0..90 {
        server.ctl(&["put", &format!("/k/{:02}", n % 60), &"v".repeat(200)]);
    }
    server.ctl(&["compaction", "88"]);
    server.ctl(&["del", "/k/10"]);
    server.ctl(&["put", "/k/11", "new"]);
    server.stop();
}

#[test]
fn writes_after_a_compaction_that_only_the_log_has_are_continued() {
    let Some(binaries) = Binaries::newest("3.5.30") else {
        eprintln!("no etcd 3.5.30 here: see fixtures/recipes/etcd-from-debian");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    compacted(&data, &binaries);
    let first = Log::read(&data).entries();
    let first = first[first.len() - 20].index;
    wal::split(&data, &[first]);
    fs::remove_file(wal::segments(&data).remove(0)).unwrap();
    let db = Db::read(&data.join(DB));
    let newest = db.leaves("key").pop().unwrap();
    zero(&data.join(DB), db.at(newest)..db.at(newest) + db.page_size);
    let backup = salvage(&data, &[]);
    let member = etcd_inspect::member::Member::open(&backup.out).unwrap();
    let live = live_of(&member.readable_keyspace().unwrap());
    assert_eq!(backup.number("revision"), 93, "{}", backup.json);
    assert_eq!(live.get(b"/k/10".as_slice()), None, "{}", backup.json);
    let (_, _, written, ..) = live[b"/k/11".as_slice()];
    assert_eq!(written, 93, "{}", backup.json);
}
