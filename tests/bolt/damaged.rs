//! Damage: intact elements are read, lost ones are reported, and nothing loops or panics.

use etcd_inspect_bbolt::{Db as Opened, MetaChoice, PageCounts, PageMap, freelist};
use located::{Bytes, FileName, Limits};
use proptest::prelude::*;
use testkit::places::bolt::Db as Places;
use testkit::synth::bolt::{DbBuilder, Freelist};

use crate::{codes, entries, findings, with_db};

const KEYS: u64 = 400;

fn healthy() -> Vec<u8> {
    let numbers = (0..KEYS).map(|n| (n.to_be_bytes().to_vec(), vec![7; 40]));
    DbBuilder::etcd()
        .per_leaf(8)
        .never_inline()
        .spare_pages(3)
        .bucket("key", numbers)
        .build()
}

/// The healthy file with a change; `Places` finds the spot without the library's help.
fn damaged(change: impl FnOnce(&mut Places)) -> Vec<u8> {
    let mut places = Places::from_bytes(healthy());
    change(&mut places);
    places.bytes
}

#[test]
fn a_leaf_whose_id_is_wrong_is_reported_and_read_because_its_keys_fit() {
    let file = damaged(|db| {
        let at = db.at(db.leaves("key")[9]);
        db.put(at, &999u64.to_le_bytes());
    });
    assert_eq!(codes(&findings(&file)), ["BOLT-009"]);
    assert_eq!(entries(&file, b"key").0.len() as u64, KEYS);
}

#[test]
fn a_zeroed_leaf_costs_its_own_keys_and_no_others() {
    let file = damaged(|db| {
        let at = db.at(db.leaves("key")[9]);
        db.put(at, &[0; 4096]);
    });
    let found = findings(&file);
    assert_eq!(codes(&found), ["BOLT-009"]);
    assert!(!found[0].page_stack.is_empty());
    assert_eq!(entries(&file, b"key").0.len() as u64, KEYS - 8);
}

#[test]
fn two_leaves_with_swapped_contents_are_not_read_into_each_others_range() {
    let file = damaged(|db| {
        let (a, b) = (db.at(db.leaves("key")[3]), db.at(db.leaves("key")[20]));
        let (first, second) = (
            db.bytes[a..a + 4096].to_vec(),
            db.bytes[b..b + 4096].to_vec(),
        );
        db.put(a, &second);
        db.put(b, &first);
    });
    assert_eq!(codes(&findings(&file)), ["BOLT-009"]);
    assert_eq!(entries(&file, b"key").0.len() as u64, KEYS - 16);
}

#[test]
fn a_branch_that_points_to_itself_ends() {
    let file = damaged(|db| {
        let node = db
            .nodes("key")
            .into_iter()
            .find(|node| !db.children(node.page).is_empty())
            .unwrap();
        let (element, _) = db.children(node.page)[1];
        db.put(element + 8, &node.page.to_le_bytes());
    });
    assert!(codes(&findings(&file)).contains(&"BOLT-014"));
    assert!((entries(&file, b"key").0.len() as u64) < KEYS);
}

#[test]
fn an_overflow_count_of_billions_is_reported_and_costs_nothing() {
    let file = damaged(|db| {
        let at = db.at(db.leaves("key")[9]);
        db.put(at + 12, &0x7fff_ffffu32.to_le_bytes());
    });
    let found = codes(&findings(&file));
    assert!(
        found.contains(&"BOLT-023") && found.contains(&"BOLT-014"),
        "{found:?}"
    );
    assert_eq!(entries(&file, b"key").0.len() as u64, KEYS);
}

#[test]
fn a_raised_element_count_is_reported_and_a_lowered_one_with_the_hidden_elements() {
    let count = |wanted: u16| {
        damaged(|db| {
            let at = db.at(db.leaves("key")[9]);
            db.put(at + 10, &wanted.to_le_bytes());
        })
    };
    assert!(codes(&findings(&count(0xfff0))).contains(&"BOLT-011"));
    assert!(codes(&findings(&count(58))).contains(&"BOLT-011"));
    let lowered = findings(&count(7));
    let hidden = "the header says 7 elements, the element array has 8; the last one is invisible";
    assert!(
        lowered
            .iter()
            .any(|finding| finding.code.id == "BOLT-011" && finding.message.contains(hidden)),
        "{lowered:?}"
    );
    assert!(entries(&count(0xfff0), b"key").0.len() as u64 >= KEYS);
}

#[test]
fn keys_out_of_order_and_out_of_range_are_told_apart() {
    let key = |leaf: usize, element: usize, byte: u8| {
        damaged(|db| {
            let entry = db.leaf(db.leaves("key")[leaf])[element].clone();
            db.put(entry.key.start, &[byte]);
        })
    };
    assert_eq!(codes(&findings(&key(5, 3, 1))), ["BOLT-012", "BOLT-013"]);
    assert_eq!(codes(&findings(&key(5, 7, 1))), ["BOLT-013"]);
}

#[test]
fn a_damaged_newer_meta_shows_the_older_commit_and_says_so() {
    let file = damaged(|db| {
        let at = db.newest_meta() * 4096;
        db.put(at + 40, &[1]);
    });
    assert_eq!(codes(&findings(&file)), ["BOLT-002"]);
    with_db(&file, MetaChoice::Newest, |db| {
        assert_eq!(db.meta().txid.0, 9)
    });
}

#[test]
fn a_file_without_a_valid_meta_is_refused_in_bbolts_words() {
    let mut file = healthy();
    for slot in [0, 4096] {
        file[slot + 40] ^= 1;
    }
    let name = FileName::new("db");
    let error = Opened::open(
        Bytes::new(&name, 0, &file),
        MetaChoice::Newest,
        &Limits::default(),
    );
    assert!(error.unwrap_err().to_string().contains("checksum error"));
    file[..8192].fill(0);
    let error = Opened::open(
        Bytes::new(&name, 0, &file),
        MetaChoice::Newest,
        &Limits::default(),
    );
    assert!(error.unwrap_err().to_string().contains("invalid database"));
}

#[test]
fn empty_and_tiny_files_are_errors_with_a_place() {
    let name = FileName::new("db");
    for length in [0, 1, 79, 100] {
        let file = vec![0xff; length];
        let error = Opened::open(
            Bytes::new(&name, 0, &file),
            MetaChoice::Newest,
            &Limits::default(),
        );
        assert!(error.unwrap_err().place().is_some());
    }
}

#[test]
fn a_truncated_file_gives_what_is_left_and_counts_the_missing_pages() {
    let whole = healthy();
    for pages in [4, 20, 40] {
        let file = &whole[..pages * 4096];
        let found = findings(file);
        let short = found.iter().find(|f| f.code.id == "BOLT-007").unwrap();
        assert_eq!(short.count, (whole.len() / 4096 - pages) as u64);
    }
}

#[test]
fn a_free_list_that_claims_more_ids_than_it_has_room_for_is_an_error() {
    let mut places = Places::from_bytes(
        DbBuilder::etcd()
            .freelist(testkit::synth::bolt::Freelist::Stored)
            .spare_pages(2)
            .build(),
    );
    let at = places.at(places.meta(places.newest_meta()).freelist);
    places.put(at + 10, &0xffffu16.to_le_bytes());
    places.put(at + 16, &(1u64 << 40).to_le_bytes());
    with_db(&places.bytes, MetaChoice::Newest, |db| {
        assert!(freelist::stored(db).is_err())
    });
    assert!(codes(&findings(&places.bytes)).contains(&"BOLT-017"));
}

#[test]
fn leaves_that_all_claim_the_rest_of_the_file_do_not_cost_its_square() {
    let numbers = (0..60_000u64).map(|n| (n.to_be_bytes().to_vec(), vec![7; 400]));
    let healthy = DbBuilder::etcd().per_leaf(2).bucket("key", numbers).build();
    let mut db = Places::from_bytes(healthy);
    for pgid in db.leaves("key") {
        let at = db.at(pgid);
        db.put(at + 12, &u32::MAX.to_le_bytes());
    }
    let file = db.bytes;
    with_db(&file, MetaChoice::Newest, |db| {
        let counts = PageMap::build(db, &mut |_| {}).counts();
        assert_eq!(
            counts.free_pages + counts.used_pages + counts.unknown_pages + counts.outside_pages,
            db.file_pages()
        );
    });
    assert!(codes(&findings(&file)).contains(&"BOLT-014"));
}

#[test]
fn what_a_damaged_tree_does_not_reach_is_free_only_if_the_stored_freelist_has_it() {
    for (stored, free) in [(Freelist::Stored, 3), (Freelist::Unsynced, 0)] {
        let numbers = (0..KEYS).map(|n| (n.to_be_bytes().to_vec(), vec![7; 40]));
        let file = DbBuilder::etcd()
            .per_leaf(8)
            .never_inline()
            .spare_pages(3)
            .freelist(stored)
            .bucket("key", numbers)
            .build();
        let mut places = Places::from_bytes(file);
        let root = places.root();
        let at = places.at(root);
        places.put(at, &[0; 64]);
        let name = FileName::new("db");
        let bytes = Bytes::new(&name, 0, &places.bytes);
        let db = Opened::open(bytes, MetaChoice::Newest, &Limits::default()).unwrap();
        let counts = PageMap::build(&db, &mut |_| {}).counts();
        assert_eq!(counts.free_pages, free, "{counts:?}");
        assert!(counts.unknown_pages > 10, "{counts:?}");
        let mut codes = Vec::new();
        let mut sink = |finding: located::Finding| codes.push(finding.code.id);
        etcd_inspect_bbolt::check::check(&db, &located::progress::Silent, &mut sink);
        // Pages of the lost tree are not called leaked.
        assert!(!codes.contains(&"BOLT-016"), "{stored:?}: {codes:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_it_panic_or_loop(
        edits in proptest::collection::vec((0usize..60 * 4096, any::<u64>(), 0u8..4), 1..12),
        cut in 0usize..80 * 4096,
    ) {
        let mut file = healthy();
        for (at, value, kind) in edits {
            let at = if kind < 3 { at / 4096 * 4096 + (at % 4096) % 160 / 4 * 4 } else { at };
            let value = if kind == 0 { value % 70 } else { value };
            let end = (at + 8).min(file.len());
            if at < end {
                file[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
            }
        }
        file.truncate(cut.max(80));
        let name = FileName::new("db");
        let bytes = Bytes::new(&name, 0, &file);
        for choice in [MetaChoice::Newest, MetaChoice::Slot(0), MetaChoice::Slot(1)] {
            let Ok(db) = Opened::open(bytes, choice, &Limits::default()) else { continue };
            let mut found = 0u64;
            etcd_inspect_bbolt::check::check(&db, &located::progress::Silent, &mut |_| found += 1);
            let map = PageMap::build(&db, &mut |_| found += 1).counts();
            prop_assert_eq!(map.free_pages + map.used_pages + map.unknown_pages + map.outside_pages, db.file_pages());
            if let Ok(bucket) = db.bucket(b"key", &mut |_| {}) {
                let counts = PageCounts::with_known_bucket(&db, "key", &bucket.leaves(&mut |_| {}));
                prop_assert_eq!(counts.free_pages + counts.used_pages + counts.unknown_pages + counts.outside_pages, db.file_pages());
            }
            freelist::rebuilt(&db, &mut |_| found += 1);
            for (_, bucket) in db.buckets(&mut |_| {}) {
                bucket.for_each(&mut |_| found += 1, &mut |_| {});
                bucket.get(&5u64.to_be_bytes());
            }
            prop_assert!(found < 1_000_000);
        }
    }
}
