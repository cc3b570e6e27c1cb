//! Copies that have different records: which one counts, and what is reported if nothing decides.

use std::fs;
use std::path::{Path, PathBuf};

use testkit::places::bolt::Db;
use testkit::{data_dir, fixture};

use crate::peers::together;
use crate::{hash, run, salvage};

const DB: &str = "member/snap/db";

fn has(path: &Path, text: &[u8]) -> bool {
    let bytes = fs::read(path).unwrap();
    bytes.windows(text.len()).any(|window| window == text)
}

/// One value of m2 was changed on its disk: etcd raised the alarm CORRUPT. Only the dbs are left.
#[test]
fn a_majority_of_copies_decides_and_without_one_the_key_is_listed_in_whatever_order_they_are_named()
{
    let dir = tempfile::tempdir().unwrap();
    let copies: Vec<PathBuf> = ["m1", "m2", "m3"]
        .map(|name| {
            let to = dir.path().join(format!("{name}.db"));
            let from = data_dir(&format!("alarm-corrupt-3.5.30/{name}"));
            fs::copy(from.join(DB), &to).unwrap();
            to
        })
        .into();
    let of = |order: &[usize]| {
        let paths: Vec<&Path> = order.iter().map(|at| copies[*at].as_path()).collect();
        together(&paths)
    };
    let all = of(&[0, 1, 2]);
    assert!(has(&all.out, b"unmistakable-value"), "{}", all.json);
    assert!(!has(&all.out, b"unmistakable-valve"), "{}", all.json);
    assert!(
        all.stderr.contains("a majority of the copies agrees"),
        "{}",
        all.stderr
    );
    for order in [[1, 0, 2], [2, 1, 0]] {
        let other = of(&order);
        assert_eq!(other.json["sha256"], all.json["sha256"], "{order:?}");
    }
    let (two, reversed) = (of(&[0, 1]), of(&[1, 0]));
    for pair in [&two, &reversed] {
        assert_eq!(pair.exit, 3, "{}", pair.json);
        let lost = pair.list("unrecoverable");
        let of_fate = |one: &&serde_json::Value| one["what"].as_str().unwrap().contains("/fate");
        assert_eq!(lost.iter().filter(of_fate).count(), 1, "{}", pair.json);
    }
    assert_eq!(two.json["sha256"], reversed.json["sha256"]);
}

/// The second page of a leaf is zeros: nothing in bbolt shows it, but the other copy has the bytes.
#[test]
fn zeros_of_a_lost_page_do_not_win_against_the_bytes_of_another_copy() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, damaged) = (dir.path().join("whole.db"), dir.path().join("damaged.db"));
    fs::copy(data_dir("k8s-1.20-cluster3/m1").join(DB), &whole).unwrap();
    let mut db = Db::read(&whole);
    let leaf = db.leaves("key").into_iter().find(|page| {
        let end = db.at(*page + 1);
        let elements = db.leaf(*page);
        let overflow = db.u32(db.at(*page) + 12);
        overflow > 0 && elements.iter().all(|element| element.key.end < end)
    });
    let page = leaf.expect("a leaf of two pages") + 1;
    let at = db.at(page);
    db.put(at, &[0; 4096]);
    db.write(&damaged);
    for paths in [[&whole, &damaged], [&damaged, &whole]] {
        let both = together(&paths.map(|path| path.as_path()));
        assert_eq!(hash(&both.out, &[]), hash(&whole, &[]), "{}", both.stderr);
    }
}

/// One bit of a value is flipped in a file of `etcdctl snapshot save`.
#[test]
fn a_backup_that_fails_its_sha256_is_named_and_gives_way_to_one_that_passes() {
    let intact = fixture("etcd-3.5.30-killed").join("snapshot.db");
    let dir = tempfile::tempdir().unwrap();
    let flipped = dir.path().join("a-flipped.db");
    let mut bytes = fs::read(&intact).unwrap();
    let db = Db::read(&intact);
    let leaf = db.leaves("key")[0];
    let value = db.leaf(leaf)[0].value.clone();
    bytes[value.end - 8] ^= 1;
    fs::write(&flipped, bytes).unwrap();
    let alone = salvage(&flipped, &[]);
    assert_eq!(alone.exit, 3, "{}", alone.json);
    assert!(
        alone.list("unrecoverable")[0]["what"]
            .as_str()
            .unwrap()
            .contains("fails its SHA-256"),
        "{}",
        alone.json
    );
    assert_eq!(alone.list("sha256_failed").len(), 1, "{}", alone.json);
    for paths in [[&flipped, &intact], [&intact, &flipped]] {
        let both = together(&paths.map(|path| path.as_path()));
        assert_eq!(both.exit, 0, "{}", both.json);
        assert_eq!(both.list("sha256_failed").len(), 1, "{}", both.json);
        assert_eq!(hash(&both.out, &[]), hash(&intact, &[]), "{}", both.stderr);
    }
    let (one, other) = (flipped.to_str().unwrap(), intact.to_str().unwrap());
    let compared = run(&["compare", one, other]);
    let compared = String::from_utf8_lossy(&compared.stdout).into_owned();
    assert!(!compared.contains("skip-hash-check"), "{compared}");
    // No plan calls it right.
    let checked = run(&["check", flipped.to_str().unwrap(), "-o", "json"]);
    let checked = String::from_utf8_lossy(&checked.stdout).into_owned();
    let checked: serde_json::Value = serde_json::from_str(&checked).unwrap();
    for step in checked["plan"].as_array().unwrap() {
        assert_eq!(step["exact"], false, "{step}");
    }
    let judged = run(&["preflight", flipped.to_str().unwrap(), "--for", "restore"]);
    let judged = String::from_utf8_lossy(&judged.stdout).into_owned();
    assert!(judged.contains("NO-GO"), "{judged}");
}

/// Of one member only the `.snap` files are left: they name an entry that the other one never got.
#[test]
fn a_commit_that_another_copy_proves_is_listed_if_no_copy_has_its_entries() {
    let one = testkit::copy_of(&data_dir("k8s-1.20-cluster3/m1"));
    let snaps = one.to_path_buf();
    fs::remove_dir_all(snaps.join("member/wal")).unwrap();
    fs::remove_file(snaps.join(DB)).unwrap();
    let two = data_dir("k8s-1.20-cluster3/m2");
    for paths in [
        [snaps.as_path(), two.as_path()],
        [two.as_path(), snaps.as_path()],
    ] {
        let both = together(&paths);
        assert_eq!(both.exit, 3, "{}", both.stderr);
        let lost = &both.list("unrecoverable")[0];
        assert_eq!(
            (&lost["first_index"], &lost["last_index"]),
            (&3099.into(), &4009.into()),
            "{lost}"
        );
    }
}

/// Of three members m1 has entries that no commit index proves.
#[test]
fn revisions_that_may_never_have_been_acknowledged_are_named_if_they_are_asked_for() {
    let data = data_dir("diverged-3.5.30/m1");
    let asked = salvage(&data, &["--rev", "97"]);
    assert!(
        asked
            .stderr
            .contains("revisions 93–97 are of entries after the highest proven commit"),
        "{}",
        asked.stderr
    );
    let proven = salvage(&data, &["--rev", "92"]);
    assert!(
        !proven.stderr.contains("proven commit"),
        "{}",
        proven.stderr
    );
}
