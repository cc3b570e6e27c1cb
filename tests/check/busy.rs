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
