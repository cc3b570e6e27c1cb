//! What is lost is named: every key that the backup has otherwise than the member had it is in a list.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use etcd_inspect::member::Member;
use serde_json::Value;
use testkit::damage::zero;
use testkit::incidents::incident;
use testkit::places::bolt::Db;
use testkit::{copy_of, data_dir, fixture_copy};

use crate::incidents::{Live, live_of, truth};
use crate::{Salvaged, hash, salvage};

const DB: &str = "member/snap/db";

/// Keys of the lists of a salvage in which keys in doubt are.
fn doubted(backup: &Salvaged) -> BTreeSet<Vec<u8>> {
    let lists = ["stale", "maybe_deleted", "uncertain_numbers"];
    let rows = lists.iter().flat_map(|list| backup.list(list));
    rows.map(|row| match row["key"].as_str() {
        Some(key) => key.as_bytes().to_vec(),
        None => STANDARD
            .decode(row["key"]["b64"].as_str().unwrap())
            .unwrap(),
    })
    .collect()
}

/// Every key that is back or differs is in doubt, and something is called lost.
pub fn assert_doubted(backup: &Salvaged, truth: &Live, what: &str) {
    let member = Member::open(&backup.out).unwrap();
    let live = live_of(&member.readable_keyspace().unwrap());
    let doubted = doubted(backup);
    for (key, numbers) in &live {
        if truth.get(key) != Some(numbers) {
            let name = String::from_utf8_lossy(key);
            assert!(
                doubted.contains(key),
                "{what}: {name} is wrong, and in no list"
            );
        }
    }
    if live != *truth {
        assert_eq!(backup.exit, 3, "{what}");
        assert!(!backup.list("unrecoverable").is_empty(), "{what}");
    }
}

#[test]
fn a_key_that_is_back_because_its_deletion_is_lost_is_listed() {
    let base = "etcd-3.5.30";
    let (truth, _) = truth(base);
    let db = Db::read(&data_dir(base).join(DB));
    let pages = db.leaves("key");
    assert!(pages.len() > 20, "{} leaves", pages.len());
    for page in pages.into_iter().rev().take(30).step_by(2) {
        let copy = fixture_copy(base);
        let file = copy.data_dir().join(DB);
        zero(&file, db.at(page)..db.at(page) + db.page_size);
        let backup = salvage(&file, &[]);
        assert_doubted(&backup, &truth, &format!("page {page}"));
    }
}

#[test]
fn keys_whose_numbers_are_counted_on_after_a_lost_entry_are_listed() {
    for id in ["W08", "W37"] {
        let incident = incident(id);
        let (truth, _) = truth(incident.base);
        let backup = salvage(&incident.reproduce().data_dir(), &[]);
        assert_doubted(&backup, &truth, id);
        assert_eq!(
            backup.list("unrecoverable").len(),
            1,
            "{id}: {}",
            backup.json
        );
    }
}

#[test]
fn a_directory_whose_log_is_gone_may_have_lost_writes() {
    let backup = salvage(&incident("W19").reproduce().data_dir(), &[]);
    assert_eq!(backup.exit, 3, "{}", backup.json);
    let lost = backup.list("unrecoverable");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_eq!(lost[0]["possibly"], true);
    let db = salvage(&data_dir("etcd-3.5.30").join(DB), &[]);
    assert_eq!((db.exit, db.list("unrecoverable").len()), (0, 0));
}

#[test]
fn the_restore_skips_revisions_that_clients_may_have_seen_and_the_backup_has_not() {
    for id in ["W07", "W08", "W17", "W21", "W37"] {
        let backup = salvage(&incident(id).reproduce().data_dir(), &[]);
        let next = backup.list("next").iter().filter_map(Value::as_str);
        let bumps = next.filter(|next| next.contains("--bump-revision")).count();
        assert_eq!(bumps, 1, "{id}: {}", backup.json);
    }
}

/// The db that a leader sent is in the directory of a member: it is of the member's cluster, and goes with it.
#[test]
fn no_file_of_another_cluster_is_used() {
    let (one, other) = (data_dir("etcd-3.5.30"), incident("S15").reproduce());
    let alone = salvage(&one, &[]);
    let others = [other.data_dir(), other.data_dir().join(DB)];
    for path in others {
        let both = salvage(&one, &[path.to_str().unwrap()]);
        assert_eq!(
            hash(&both.out, &[]),
            hash(&alone.out, &[]),
            "{}",
            both.stderr
        );
        assert!(both.stderr.contains("not used"), "{}", both.stderr);
    }
    let stray = copy_of(&one);
    let (from, to) = (
        other.data_dir().join(DB),
        "member/snap/00000000000000ff.snap.db",
    );
    std::fs::copy(from, stray.join(to)).unwrap();
    assert_eq!(hash(&salvage(&stray, &[]).out, &[]), hash(&alone.out, &[]));
}

/// The pages are there, and nothing says which of them the tree had: they are given if that is asked for, and the keys that may
/// have been deleted are listed.
#[test]
fn a_db_without_meta_pages_or_root_gives_its_records_if_carved_ones_are_asked_for() {
    let base = "etcd-3.5.30";
    let (truth, revision) = truth(base);
    let db = Db::read(&data_dir(base).join(DB));
    let root = db.root();
    for (range, what) in [
        (0..2 * db.page_size, "meta pages"),
        (db.at(root)..db.at(root) + db.page_size, "root"),
    ] {
        let copy = fixture_copy(base);
        let file = copy.data_dir().join(DB);
        zero(&file, range);
        let refused = salvage(&file, &[]);
        assert!(!refused.out.exists(), "{what}");
        assert!(
            refused.stderr.contains("--include carved"),
            "{}",
            refused.stderr
        );
        let backup = salvage(&file, &["--include", "carved"]);
        assert_eq!(backup.number("revision"), revision, "{what}");
        assert_doubted(&backup, &truth, what);
        let member = Member::open(&backup.out).unwrap();
        let live = live_of(&member.readable_keyspace().unwrap());
        assert!(truth.keys().all(|key| live.contains_key(key)), "{what}");
    }
}

/// The bucket is there, and its root is no tree: nothing is written as if the store had been empty.
#[test]
fn a_bucket_without_a_tree_is_no_empty_store() {
    let incident = incident("D47");
    let (truth, revision) = truth(incident.base);
    let copy = incident.reproduce();
    let db = copy.data_dir().join(DB);
    let refused = salvage(&db, &[]);
    assert!(!refused.out.exists(), "{}", refused.json);
    assert_eq!(refused.exit, 1, "{}", refused.stderr);
    let backup = salvage(&db, &["--include", "carved"]);
    assert_eq!(backup.number("revision"), revision);
    assert_doubted(&backup, &truth, "D47");
    let member = Member::open(&backup.out).unwrap();
    let live = live_of(&member.readable_keyspace().unwrap());
    assert!(truth.keys().all(|key| live.contains_key(key)));
}

/// The page that no branch points to any more has records from before the compaction: no gap shows them.
#[test]
fn records_of_a_lost_page_are_given_if_carved_ones_are_asked_for() {
    let incident = incident("D31");
    let (truth, _) = truth(incident.base);
    let copy = incident.reproduce();
    let backup = salvage(&copy.data_dir().join(DB), &["--include", "carved"]);
    assert_doubted(&backup, &truth, "D31");
    let member = Member::open(&backup.out).unwrap();
    let live = live_of(&member.readable_keyspace().unwrap());
    assert!(truth.keys().all(|key| live.contains_key(key)));
}

#[test]
fn history_is_asked_of_log_and_carved_records_if_the_db_cannot_be_read() {
    for id in ["D01", "D05", "D41"] {
        let copy = incident(id).reproduce();
        let data = copy.data_dir();
        let output = crate::run(&[
            "history",
            "/plain/k1",
            "--carved",
            "-o",
            "json",
            "-d",
            data.to_str().unwrap(),
        ]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            said.contains("\"revision\": 64") || said.contains("\"revision\":64"),
            "{id}: {said}"
        );
    }
}
