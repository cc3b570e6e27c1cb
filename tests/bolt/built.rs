//! Files built page by page: everything in them is read back.

use etcd_inspect_bbolt::{MetaChoice, PageCounts, PageMap, PageUse, freelist};
use testkit::synth::bolt::{DbBuilder, Freelist};

use crate::{Entries, entries, findings, with_db};

fn numbers(count: u64, value_bytes: usize) -> Entries {
    (0..count)
        .map(|n| (n.to_be_bytes().to_vec(), vec![n as u8; value_bytes]))
        .collect()
}

#[test]
fn every_entry_is_read_back_in_order_whatever_the_shape() {
    let shapes = [
        DbBuilder::etcd().bucket("key", numbers(3, 10)),
        DbBuilder::etcd().bucket("key", numbers(300, 10)),
        DbBuilder::etcd()
            .never_inline()
            .per_leaf(2)
            .bucket("key", numbers(1000, 3)),
        DbBuilder::etcd().bucket("key", numbers(5, 100_000)),
        DbBuilder::etcd()
            .page_size(1024)
            .bucket("key", numbers(300, 400)),
        DbBuilder::etcd()
            .page_size(65536)
            .bucket("key", numbers(3000, 400)),
        DbBuilder::etcd()
            .freelist(Freelist::Stored)
            .spare_pages(7)
            .bucket("key", numbers(300, 400)),
    ];
    let sizes = [
        (3, 10),
        (300, 10),
        (1000, 3),
        (5, 100_000),
        (300, 400),
        (3000, 400),
        (300, 400),
    ];
    for (shape, (count, value_bytes)) in shapes.iter().zip(sizes) {
        let file = shape.build();
        let (read, complaints) = entries(&file, b"key");
        assert_eq!(read, numbers(count, value_bytes));
        assert!(complaints.is_empty(), "{complaints:?}");
        assert!(findings(&file).is_empty(), "{:?}", findings(&file));
    }
}

#[test]
fn a_lookup_finds_each_key_and_no_other() {
    let file = DbBuilder::etcd()
        .per_leaf(3)
        .never_inline()
        .bucket("key", numbers(200, 9))
        .build();
    with_db(&file, MetaChoice::Newest, |db| {
        let bucket = db.bucket(b"key", &mut |_| {}).unwrap();
        for (key, value) in numbers(200, 9) {
            assert_eq!(bucket.get(&key).unwrap().value, value);
        }
        assert!(bucket.get(&200u64.to_be_bytes()).is_none());
        assert!(bucket.get(b"").is_none());
    });
}

#[test]
fn a_stored_free_list_of_more_than_65534_pages_is_read_in_its_long_form() {
    for spare in [0u64, 1, 65_534, 65_535, 70_000] {
        let file = DbBuilder::etcd()
            .page_size(512)
            .freelist(Freelist::Stored)
            .spare_pages(spare)
            .build();
        with_db(&file, MetaChoice::Newest, |db| {
            let stored = freelist::stored(db).unwrap().unwrap();
            assert_eq!(stored.len() as u64, spare);
            assert_eq!(stored, freelist::rebuilt(db, &mut |_| {}));
        });
        assert!(
            findings(&file)
                .iter()
                .all(|finding| finding.code.id == "BOLT-021")
        );
    }
}

#[test]
fn a_free_list_that_is_not_stored_is_rebuilt_from_what_no_tree_reaches() {
    let file = DbBuilder::etcd()
        .spare_pages(11)
        .bucket("key", numbers(100, 500))
        .build();
    with_db(&file, MetaChoice::Newest, |db| {
        assert!(freelist::stored(db).unwrap().is_none());
        assert_eq!(freelist::rebuilt(db, &mut |_| {}).len(), 11);
    });
}

#[test]
fn the_page_map_accounts_for_every_page_of_the_file() {
    let file = DbBuilder::etcd()
        .spare_pages(4)
        .tail(8 * 4096)
        .bucket("key", numbers(20, 9000))
        .build();
    with_db(&file, MetaChoice::Newest, |db| {
        let map = PageMap::build(db, &mut |_| {});
        let counts = map.counts();
        let leaves = db.bucket(b"key", &mut |_| {}).unwrap().leaves(&mut |_| {});
        assert_eq!(PageCounts::with_known_bucket(db, "key", &leaves), counts);
        assert_eq!(counts.free_pages, 4);
        assert_eq!(counts.outside_pages, 8);
        assert_eq!(
            (counts.free_pages + counts.used_pages + counts.outside_pages) * db.page_size(),
            file.len() as u64
        );
        let overflow = map.iter().filter(|(_, usage, name)| {
            *usage == PageUse::Overflow && *name == Some(b"key".as_slice())
        });
        assert!(overflow.count() >= 20);
    });
}

#[test]
fn the_older_meta_shows_the_state_one_commit_back() {
    let file = DbBuilder::etcd().txid(41).build();
    for (choice, txid) in [
        (MetaChoice::Newest, 41),
        (MetaChoice::Older, 40),
        (MetaChoice::Slot(0), 40),
        (MetaChoice::Slot(1), 41),
    ] {
        with_db(&file, choice, |db| assert_eq!(db.meta().txid.0, txid));
    }
}
