//! Damage that looks like a copy of a running server, and is none.

use std::path::Path;

use etcd_inspect::check::{Depth, check};
use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use etcd_inspect::verdict::causes;
use testkit::data_dir;
use testkit::places::bolt::Db;

const RELEASES: [&str; 3] = ["etcd-3.4.23", "etcd-3.5.16", "etcd-3.5.30"];

/// Codes of the causes, with everything that they explain.
fn causes_of(data: &Path) -> (Vec<&'static str>, Vec<&'static str>) {
    let member = Member::open(data).unwrap();
    let report = check(&member, Depth::Default, &Silent);
    let found = report
        .findings
        .iter()
        .map(|finding| finding.code.id)
        .collect();
    (
        causes(&report).iter().map(|cause| cause.code.id).collect(),
        found,
    )
}

/// Writes one page over another, as a write to the wrong place does: its header names the page that it was meant for.
fn misdirect(db: &mut Db, from: u64, to: u64) {
    let size = db.at(1) - db.at(0);
    let page = db.bytes[db.at(from)..][..size].to_vec();
    let at = db.at(to);
    db.put(at, &page);
}

#[test]
fn a_page_that_names_another_place_is_a_misdirected_write_and_no_live_copy() {
    for fixture in RELEASES {
        let copy = testkit::copy_of(&data_dir(fixture));
        let file = copy.join("member/snap/db");
        let intact = Db::read(&file);
        let leaves = intact.leaves("key");
        let (first, last) = (leaves[0], leaves[leaves.len() - 1]);
        for (from, to) in [(last, intact.root()), (last, first)] {
            if from == to {
                continue;
            }
            let mut db = Db::read(&copy_source(fixture));
            misdirect(&mut db, from, to);
            db.write(&file);
            let (causes, found) = causes_of(&copy);
            assert_eq!(
                causes.first(),
                Some(&"BOLT-009"),
                "{fixture} {from} over {to}: {causes:?}"
            );
            assert!(
                !found.contains(&"BOLT-020"),
                "{fixture} {from} over {to}: {found:?}"
            );
        }
    }
}

fn copy_source(fixture: &str) -> std::path::PathBuf {
    data_dir(fixture).join("member/snap/db")
}

#[test]
fn a_lost_meta_bucket_is_no_live_copy() {
    for fixture in RELEASES {
        let copy = testkit::copy_of(&data_dir(fixture));
        let file = copy.join("member/snap/db");
        let mut db = Db::read(&file);
        let name = db.bucket("meta").unwrap().key;
        let at = name.end - 1;
        db.bytes[at] ^= 1;
        db.write(&file);
        let (causes, found) = causes_of(&copy);
        assert!(found.contains(&"META-014"), "{fixture}: {found:?}");
        assert!(
            !found.contains(&"BOLT-020"),
            "{fixture}: {found:?}, {causes:?}"
        );
    }
}
