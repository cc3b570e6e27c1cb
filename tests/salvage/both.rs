//! Damage of a db and of the log beside it: what either of them has is in the backup, and what neither has is listed.

use std::fs;
use std::path::Path;

use etcd_inspect::member::Member;
use testkit::damage::zero;
use testkit::places::bolt::Db;
use testkit::places::wal::{Log, segments, split};
use testkit::{copy_of, data_dir};

use crate::holes::lose;
use crate::incidents::{Live, live_of};
use crate::lost::assert_doubted;
use crate::{Salvaged, run, salvage};

const DB: &str = "member/snap/db";

/// What is live in a backup.
fn live(backup: &Salvaged) -> Live {
    let member = Member::open(&backup.out).unwrap();
    live_of(&member.readable_keyspace().unwrap())
}

/// Indexes of entries of the log that have a request.
fn requests(data: &Path) -> Vec<u64> {
    let entries = Log::read(data).entries();
    let requests = entries
        .iter()
        .filter(|entry| entry.kind == 0 && !entry.data.is_empty());
    requests.map(|entry| entry.index).collect()
}

fn zero_page(data: &Path, page: u64) {
    let file = data.join(DB);
    let db = Db::read(&file);
    zero(&file, db.at(page)..db.at(page) + db.page_size);
}

#[test]
fn a_lost_page_of_the_db_and_a_lost_entry_of_the_log_hide_nothing_of_each_other() {
    for fixture in [
        "etcd-3.4.23-killed",
        "etcd-3.5.30-killed",
        "cluster3-3.4.23/m2",
    ] {
        let healthy = salvage(&data_dir(fixture), &[]);
        let truth = live(&healthy);
        let pages = Db::read(&data_dir(fixture).join(DB)).leaves("key");
        let (mut exact, mut tried) = (0, 0);
        for (round, page) in pages.iter().enumerate().step_by(pages.len().div_ceil(5)) {
            for part in [3, 8] {
                let copy = copy_of(&data_dir(fixture));
                let requests = requests(&copy);
                let lost = requests[(requests.len() * part / 10 + round) % requests.len()];
                lose(&copy, lost..=lost);
                zero_page(&copy, *page);
                let backup = salvage(&copy, &[]);
                let what = format!("{fixture} without page {page} and entry {lost}");
                assert_doubted(&backup, &truth, &what);
                let same_revision = backup.number("revision") == healthy.number("revision");
                tried += 1;
                exact += usize::from(same_revision && live(&backup) == truth);
            }
        }
        // With its only page a db has nothing left that the log could lack.
        assert!(
            pages.len() == 1 || exact * 10 >= tried * 8,
            "{fixture}: {exact} of {tried} are exact"
        );
    }
}

#[test]
fn an_entry_whose_effect_the_db_has_costs_nothing_in_a_compacted_store() {
    let fixture = "cluster3-3.4.23/m2";
    let healthy = salvage(&data_dir(fixture), &[]);
    let truth = live(&healthy);
    for lost in requests(&data_dir(fixture)).into_iter().step_by(7) {
        let copy = copy_of(&data_dir(fixture));
        lose(&copy, lost..=lost);
        let backup = salvage(&copy, &[]);
        assert_eq!(
            backup.number("revision"),
            healthy.number("revision"),
            "without entry {lost}: {}",
            backup.json
        );
        assert_eq!(live(&backup), truth, "without entry {lost}");
        assert_eq!(backup.exit, 0, "without entry {lost}: {}", backup.json);
    }
}

#[test]
fn what_a_log_that_begins_later_has_of_a_lost_page_is_used() {
    for (fixture, last, missed) in [("etcd-3.5.30", 12, 2), ("k8s-1.20-etcd35", 6, 0)] {
        let data = data_dir(fixture);
        let truth = live(&salvage(&data, &[]));
        let pages = Db::read(&data.join(DB)).leaves("key");
        let indexes = requests(&data);
        let copy = copy_of(&data);
        split(&copy, &[indexes[indexes.len() / 2]]);
        fs::remove_file(&segments(&copy)[0]).unwrap();
        assert_eq!(live(&salvage(&copy, &[])), truth, "{fixture}: undamaged");
        let mut exact = 0;
        for page in pages
            .iter()
            .rev()
            .step_by(pages.len() / 4 / last)
            .take(last)
        {
            let damaged = copy_of(&copy);
            zero_page(&damaged, *page);
            let backup = salvage(&damaged, &[]);
            assert_doubted(&backup, &truth, &format!("{fixture}, page {page}"));
            exact += usize::from(live(&backup) == truth);
        }
        assert!(
            exact + missed >= last,
            "{fixture}: {exact} of {last} are exact"
        );
    }
}

#[test]
fn a_page_that_was_written_to_the_place_of_another_is_lost_and_never_called_right() {
    for fixture in ["etcd-3.4.23", "etcd-3.5.30", "cluster3-3.4.23/m2"] {
        let data = data_dir(fixture);
        let truth = live(&salvage(&data.join(DB), &[]));
        let db = Db::read(&data.join(DB));
        let pages = db.leaves("key");
        for (round, target) in pages.iter().enumerate().step_by(pages.len().div_ceil(5)) {
            let source = pages[(round + pages.len() / 2 + 1) % pages.len()];
            if source == *target {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            let (file, corrected) = (folder.path().join("db"), folder.path().join("corrected"));
            let mut bytes = db.bytes.clone();
            let from = db.at(source)..db.at(source) + db.page_size;
            bytes.copy_within(from, db.at(*target));
            fs::write(&file, bytes).unwrap();
            let what = format!("{fixture}: page {source} in the place of {target}");
            let backup = salvage(&file, &[]);
            if live(&backup) != truth {
                assert_eq!(backup.exit, 3, "{what}: {}", backup.json);
                assert!(!backup.list("unrecoverable").is_empty(), "{what}");
            }
            let arguments = ["salvage", file.to_str().unwrap(), "--correct", "--out-dir"];
            run(&[&arguments[..], &[corrected.to_str().unwrap()]].concat());
            if let Ok(copy) = fs::read(corrected.join("db")) {
                assert!(copy == db.bytes, "{what}: a wrong byte is called proven");
            }
        }
    }
}

#[test]
fn an_old_copy_and_one_whose_log_begins_later_are_one_history() {
    for fixture in ["etcd-3.4.23", "etcd-3.5.30"] {
        let data = data_dir(fixture);
        let (whole, indexes) = (salvage(&data, &[]), requests(&data));
        let (old, new) = (copy_of(&data), copy_of(&data));
        let cuts = [indexes[indexes.len() / 3], indexes[indexes.len() * 2 / 3]];
        for (copy, kept) in [(&old, 0), (&new, 2)] {
            split(copy, &cuts);
            for (number, segment) in segments(copy).into_iter().enumerate() {
                if number != kept {
                    fs::remove_file(segment).unwrap();
                }
            }
        }
        fs::remove_file(old.join(DB)).unwrap();
        for (one, other) in [(&old, &new), (&new, &old)] {
            let backup = salvage(one, &[other.to_str().unwrap()]);
            assert_eq!(
                backup.number("revision"),
                whole.number("revision"),
                "{fixture}: {}",
                backup.json
            );
            assert_eq!(live(&backup), live(&whole), "{fixture}");
            assert_eq!(
                backup.exit, 0,
                "{fixture}: {} {}",
                backup.json, backup.stderr
            );
        }
    }
}
