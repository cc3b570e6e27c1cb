//! Files that our own writer made: read back entry for entry, nothing for the check to report, and real etcd opens them.

use std::io::Cursor;

use etcd_inspect_bbolt::write::{Form, FreelistStorage, WriteError, Writer};
use etcd_inspect_bbolt::{Bucket, MetaChoice, freelist};
use proptest::prelude::*;

use crate::{Entries, entries, findings, with_db};

const ETCD_BUCKETS: [&str; 10] = [
    "alarm",
    "auth",
    "authRoles",
    "authUsers",
    "cluster",
    "key",
    "lease",
    "members",
    "members_removed",
    "meta",
];

fn written(form: Form, entries: &Entries) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let mut writer = Writer::new(&mut file, form).unwrap();
    for name in ETCD_BUCKETS {
        writer.begin_bucket(name.as_bytes()).unwrap();
        if name == "key" {
            for (key, value) in entries {
                writer.put(key, value).unwrap();
            }
        }
        writer.end_bucket().unwrap();
    }
    let written = writer.finish().unwrap();
    let bytes = file.into_inner();
    assert_eq!(written.size_bytes, bytes.len() as u64);
    assert_eq!(written.entries, entries.len() as u64);
    bytes
}

fn holds(form: Form, wanted: &Entries) {
    let file = written(form, wanted);
    let (read, complaints) = entries(&file, b"key");
    assert!(read == *wanted, "{form:?}: other entries were read");
    assert!(complaints.is_empty(), "{complaints:?}");
    let found = findings(&file);
    assert!(found.is_empty(), "{form:?}: {found:?}");
    with_db(&file, MetaChoice::Newest, |db| {
        assert_eq!(freelist::rebuilt(db, &mut |_| {}), [], "a page is free");
        let bucket = db.bucket(b"key", &mut |_| {}).unwrap();
        for (key, value) in wanted {
            assert_eq!(bucket.get(key).unwrap().value, value);
        }
    });
    with_db(&file, MetaChoice::Older, |db| {
        assert!(db.bucket(b"key", &mut |_| {}).is_ok());
    });
    assert!(
        file == written(form, wanted),
        "the bytes differ in a second run"
    );
}

fn numbers(count: u64, value_bytes: usize) -> Entries {
    (0..count)
        .map(|n| {
            (
                [n.to_be_bytes().as_slice(), b"_", &[0; 8]].concat(),
                vec![n as u8; value_bytes],
            )
        })
        .collect()
}

fn form(page_size: u32) -> Form {
    Form {
        page_size,
        ..Form::default()
    }
}

#[test]
fn every_entry_is_read_back_and_the_check_reports_nothing_whatever_the_shape() {
    holds(form(4096), &Vec::new());
    for (page_size, count, value_bytes) in [
        (4096, 1, 0),
        (4096, 3, 300),
        (4096, 300, 10),
        (4096, 40_000, 20),
        (4096, 9, 100_000),
        (4096, 700, 5_000),
        (512, 5_000, 60),
        (1024, 800, 1_000),
        (16_384, 3_000, 400),
        (65_536, 9_000, 40),
    ] {
        holds(form(page_size), &numbers(count, value_bytes));
    }
}

#[test]
fn keys_as_long_as_bbolt_allows_leave_no_branch_with_a_single_child() {
    let entries: Entries = (0..40u8)
        .map(|n| ([&[n][..], &vec![b'k'; 32_767]].concat(), vec![n]))
        .collect();
    holds(form(4096), &entries);
    holds(form(512), &entries);
}

#[test]
fn a_stored_free_list_is_empty_and_the_rest_of_the_file_is_the_same() {
    let stored = Form {
        freelist: FreelistStorage::Stored,
        ..Form::default()
    };
    let file = written(stored, &numbers(300, 40));
    with_db(&file, MetaChoice::Newest, |db| {
        assert!(db.meta().has_freelist());
        assert_eq!(freelist::stored(db).unwrap().unwrap(), []);
    });
    assert!(findings(&file).is_empty(), "{:?}", findings(&file));
}

#[test]
fn buckets_within_buckets_are_found_again() {
    let mut file = Cursor::new(Vec::new());
    let mut writer = Writer::new(&mut file, Form::default()).unwrap();
    writer.begin_bucket(b"outer").unwrap();
    writer.put(b"a", b"1").unwrap();
    writer.begin_bucket(b"inner").unwrap();
    for n in 0..2_000u32 {
        writer.put(&n.to_be_bytes(), b"value").unwrap();
    }
    writer.end_bucket().unwrap();
    writer.begin_bucket(b"small").unwrap();
    writer.put(b"x", b"y").unwrap();
    writer.end_bucket().unwrap();
    writer.put(b"z", b"2").unwrap();
    writer.end_bucket().unwrap();
    writer.finish().unwrap();
    let file = file.into_inner();
    // The check knows that etcd nests no bucket; everything else must be in order.
    let found = findings(&file);
    assert!(found.iter().all(|f| f.code.id == "BOLT-019"), "{found:?}");
    with_db(&file, MetaChoice::Newest, |db| {
        let outer = db.bucket(b"outer", &mut |_| {}).unwrap();
        let inner = Bucket::from_item(*db, &outer.get(b"inner").unwrap()).unwrap();
        assert_eq!(inner.get(&1_999u32.to_be_bytes()).unwrap().value, b"value");
        let small = Bucket::from_item(*db, &outer.get(b"small").unwrap()).unwrap();
        assert!(small.inline().is_some());
        assert_eq!(outer.get(b"z").unwrap().value, b"2");
    });
}

#[test]
fn what_bbolt_could_not_store_is_refused() {
    let start = || {
        let mut writer = Writer::new(Cursor::new(Vec::new()), Form::default()).unwrap();
        writer.begin_bucket(b"key").unwrap();
        writer.put(b"b", b"").unwrap();
        writer
    };
    assert!(matches!(start().put(b"a", b""), Err(WriteError::Order(_))));
    assert!(matches!(start().put(b"b", b""), Err(WriteError::Order(_))));
    assert!(matches!(
        start().put(b"", b""),
        Err(WriteError::KeyBytes(0))
    ));
    let long = vec![b'x'; 32_769];
    assert!(matches!(
        start().put(&long, b""),
        Err(WriteError::KeyBytes(32_769))
    ));
    assert!(matches!(start().finish(), Err(WriteError::Nesting(_))));
    let out = Cursor::new(Vec::new());
    assert!(matches!(
        Writer::new(out, form(3_000)),
        Err(WriteError::PageSize(3_000))
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_sorted_entries_are_read_back(
        map in prop::collection::btree_map(
            prop::collection::vec(any::<u8>(), 1..60),
            prop::collection::vec(any::<u8>(), 0..900),
            0..300,
        ),
        power in 9u32..13,
    ) {
        holds(form(1 << power), &map.into_iter().collect());
    }
}

/// etcd itself counts the elements of all buckets, and names the newest revision.
#[test]
fn snapshot_status_of_real_etcd_reads_what_was_written() {
    for binaries in testkit::etcd::Binaries::all() {
        let dir = tempfile::tempdir().unwrap();
        for (count, value_bytes) in [(2, 10), (5_000, 200), (40, 200_000)] {
            let path = dir.path().join(format!("{count}.db"));
            std::fs::write(
                &path,
                written(Form::default(), &numbers(count, value_bytes)),
            )
            .unwrap();
            let path = path.to_str().unwrap();
            let output = binaries.utl(&["snapshot", "status", path, "-w", "json"]);
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let wanted = format!("\"revision\":{},\"totalKey\":{count},", count - 1);
            assert!(
                output.status.success() && text.contains(&wanted),
                "{}: {text} {}",
                binaries.version,
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}
