//! Members with keys that are written very often: counters, leases, events.

use etcd_inspect::Severity;
use etcd_inspect::check::{Depth, check};
use etcd_inspect::member::Member;
use etcd_inspect::progress::{Progress, Silent};
use testkit::synth::busy::{self, hot_value};

fn member(
    writes: u64,
    kept: u64,
    damage: impl FnOnce(&mut Vec<u8>),
) -> (tempfile::TempDir, Member) {
    let folder = tempfile::tempdir().unwrap();
    busy::write(folder.path(), writes, kept);
    let path = folder.path().join("member/snap/db");
    let mut db = std::fs::read(&path).unwrap();
    damage(&mut db);
    std::fs::write(path, db).unwrap();
    let member = Member::open(folder.path()).unwrap();
    (folder, member)
}

/// Codes of the findings that compare the WAL with the store, with keys and revisions in their messages.
fn across(member: &Member) -> Vec<(&'static str, String)> {
    let findings = check(member, Depth::Default, &Silent).findings;
    let across = findings
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error && finding.code.id.starts_with("X-"));
    across
        .map(|finding| (finding.code.id, finding.message))
        .collect()
}

/// Flips the lowest bit of the last digit of one of the hot key's values, as often as it is in the file.
fn flip(db: &mut [u8], n: u64) {
    let value = hot_value(n);
    let places: Vec<usize> = memchr::memmem::find_iter(db, &value).collect();
    assert_eq!(places.len(), 1, "value {n} is not there once");
    db[places[0] + value.len() - 2] ^= 1;
}

#[test]
fn a_counter_is_not_accused_because_its_values_differ_in_one_bit() {
    for (writes, kept) in [(200, 100), (2_000, 100), (2_000, 1_000), (2_000, 1_995)] {
        let (_folder, member) = member(writes, kept, |_| {});
        assert_eq!(across(&member), [], "{writes} writes, {kept} kept");
    }
}

#[test]
fn a_flipped_bit_above_the_compaction_is_found() {
    let (_folder, member) = member(2_000, 100, |db| flip(db, 10 + 1_998));
    let found = across(&member);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "X-006");
    assert!(found[0].1.contains("at revision 2010"), "{found:?}");
}

#[test]
fn a_flipped_bit_in_the_value_that_a_compaction_left_is_found() {
    // The hot key is not written at revisions 1908 and 1910: the compaction at 1909 … left the write before.
    let (_folder, member) = member(2_000, 100, |db| flip(db, 10 + 1_898));
    let found = across(&member);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "X-012");
    assert!(found[0].1.contains(busy::HOT_KEY), "{found:?}");
}

#[test]
fn the_comparison_ends_when_it_is_cancelled() {
    struct Cancelled;
    impl Progress for Cancelled {
        fn begin(&self, _: &'static str, _: u64) {}
        fn advance(&self, _: u64) {}
        fn cancelled(&self) -> bool {
            true
        }
    }
    let (_folder, member) = member(2_000, 1_000, |_| {});
    let report = check(&member, Depth::Default, &Cancelled);
    let skipped = report
        .skipped
        .iter()
        .find(|skipped| skipped.what == "store against WAL");
    assert_eq!(
        skipped.map(|skipped| skipped.why.as_str()),
        Some("cancelled")
    );
}

#[test]
fn a_log_that_was_copied_before_the_db_is_a_torn_copy() {
    let (folder, earlier) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    busy::write(folder.path(), 2_000, 1_000);
    busy::write(earlier.path(), 1_900, 1_000);
    let log = "member/wal/0000000000000000-0000000000000000.wal";
    let mut bytes = std::fs::read(earlier.path().join(log)).unwrap();
    bytes.resize(bytes.len() + 4096, 0);
    std::fs::write(folder.path().join(log), bytes).unwrap();
    let member = Member::open(folder.path()).unwrap();
    let findings = check(&member, Depth::Default, &Silent).findings;
    let torn = findings
        .iter()
        .find(|finding| finding.code.id == "BOLT-020");
    let codes: Vec<_> = findings.iter().map(|f| (f.code.id, &f.message)).collect();
    let torn = torn.unwrap_or_else(|| panic!("{codes:?}"));
    assert!(torn.message.contains("copy it again"), "{}", torn.message);
    assert_eq!(findings[0].code.id, "BOLT-020", "the cause is first");
}

#[test]
fn a_root_page_that_a_later_transaction_took_is_a_torn_copy() {
    let (_folder, member) = member(2_000, 1_000, |bytes| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        let db = testkit::places::bolt::Db::read(file.path());
        let leaf = db.nodes("key").into_iter().find(|node| node.leaf).unwrap();
        let (from, to) = (db.at(leaf.page), db.at(db.root()));
        let page = bytes[from + 8..from + db.page_size].to_vec();
        bytes[to + 8..to + db.page_size].copy_from_slice(&page);
    });
    let findings = check(&member, Depth::Default, &Silent).findings;
    let codes: Vec<_> = findings.iter().map(|f| (f.code.id, &f.message)).collect();
    assert!(
        codes.iter().any(|(code, _)| *code == "BOLT-020"),
        "{codes:?}"
    );
}

#[test]
fn a_log_that_ends_before_the_db_is_not_that_of_another_store() {
    let (folder, earlier) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    busy::write(folder.path(), 2_000, 50);
    busy::write(earlier.path(), 1_900, 50);
    let log = "member/wal/0000000000000000-0000000000000000.wal";
    std::fs::copy(earlier.path().join(log), folder.path().join(log)).unwrap();
    let found = across(&Member::open(folder.path()).unwrap());
    assert_eq!(found, [], "the compaction is after the end of the log");
}
