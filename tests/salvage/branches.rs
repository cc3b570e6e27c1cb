//! Elements of branch pages that name a wrong page: the right one is found by its keys, if nothing else can be it.

use std::fs;

use testkit::places::bolt::Db;
use testkit::{Seal, data_dir};

use crate::run;

/// A db alone with a change, and the copy that `--correct` makes of it; `None` if it makes none.
fn corrected(bytes: &[u8]) -> Option<Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let (db, into) = (dir.path().join("db"), dir.path().join("corrected"));
    fs::write(&db, bytes).unwrap();
    let seal = Seal::read(&db);
    let arguments = ["salvage", db.to_str().unwrap(), "--correct", "--out-dir"];
    let output = run(&[&arguments[..], &[into.to_str().unwrap()]].concat());
    seal.assert_unchanged();
    assert_eq!(output.status.success(), into.exists());
    fs::read(into.join("db")).ok()
}

/// The children of the first branch of the tree of records.
fn children(db: &Db) -> Vec<(usize, u64)> {
    let nodes = db.nodes("key");
    let branch = nodes.iter().find(|node| !node.leaf).expect("a branch");
    db.children(branch.page)
}

#[test]
fn an_element_that_names_the_page_of_another_names_the_right_one_again() {
    for fixture in ["etcd-3.4.23", "etcd-3.6.14"] {
        let healthy = Db::read(&data_dir(fixture).join("member/snap/db"));
        let children = children(&healthy);
        let mut put_right = 0;
        // The page of a sibling, a page after the end, and the root of the db are children of no element here.
        for (number, named) in [
            (0, children[2].1),
            (2, healthy.high_water_mark() + 9),
            (children.len() - 1, healthy.root()),
            (children.len() - 2, children[1].1),
        ] {
            let mut db = Db::from_bytes(healthy.bytes.clone());
            db.put(children[number].0 + 8, &named.to_le_bytes());
            if let Some(copy) = corrected(&db.bytes) {
                assert!(copy == healthy.bytes, "{fixture}, {number}: another byte");
                put_right += 1;
            }
        }
        // Several older versions of a page may be left, of which nothing says which one is right.
        assert!(put_right >= 3, "{fixture}: {put_right} of 4");
    }
}

#[test]
fn a_page_that_may_be_the_right_one_and_lost_its_content_is_not_replaced() {
    let healthy = Db::read(&data_dir("etcd-3.4.23").join("member/snap/db"));
    let (_, child) = children(&healthy)[1];
    let mut db = Db::from_bytes(healthy.bytes.clone());
    let at = db.at(child);
    db.put(at, &[0; 4096]);
    assert_eq!(corrected(&db.bytes).map(|copy| copy.len()), None);
}
