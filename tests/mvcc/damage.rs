//! A healthy keyspace, and one record changed or taken away: the rule that must notice.

use etcd_inspect::bolt::{Db, MetaChoice};
use etcd_inspect::mvcc::{Compaction, Index, Keyspace, Rules, check};
use etcd_inspect::progress::Silent;
use etcd_inspect::{Bytes, FileName, Finding, Limits};
use testkit::synth;
use testkit::synth::mvcc::{KeyValue, revision, tombstone};

type Records = Vec<(Vec<u8>, Vec<u8>)>;

/// 30 puts over three keys, `/a` deleted at 12 and made again at 15, one transaction of three changes at 20.
fn healthy() -> Records {
    let mut keys = synth::mvcc::Keyspace::new();
    while keys.revision() < 40 {
        match keys.revision() + 1 {
            12 => keys.delete(b"/a"),
            13 | 14 => keys.put(b"/b", b"value"),
            20 => keys.transaction(
                &[
                    (b"/a", Some(b"1")),
                    (b"/b", Some(b"2")),
                    (b"/c", Some(b"3")),
                ],
                0,
            ),
            main => keys.put([&b"/a"[..], b"/b", b"/c"][main as usize % 3], b"value"),
        };
    }
    keys.records()
}

fn findings(records: Records, compaction: Compaction) -> Vec<Finding> {
    let file = synth::bolt::DbBuilder::etcd()
        .bucket("key", records)
        .per_leaf(8)
        .build();
    let name = FileName::new("db");
    let db = Db::open(
        Bytes::new(&name, 0, &file),
        MetaChoice::Newest,
        &Limits::default(),
    )
    .unwrap();
    let bucket = db.bucket(b"key", &mut |_| {}).unwrap();
    let index = Index::build(&bucket, &mut |_| {});
    let keyspace = Keyspace::new(&index, &file, compaction, Rules::NEWEST);
    let mut findings = Vec::new();
    check::check(
        &bucket,
        &keyspace,
        &Limits::default(),
        &Silent,
        &mut |finding| findings.push(finding),
    );
    for finding in &findings {
        let (at, page) = (finding.place.offset.unwrap(), finding.place.page.unwrap());
        assert!(
            at / 4096 >= page && finding.page_stack.last() == Some(&page),
            "{finding:?}"
        );
        assert!(!finding.message.is_empty() && finding.message.len() < 400);
    }
    findings
}

fn codes(records: Records) -> Vec<&'static str> {
    compacted(records, Compaction::default())
}

fn compacted(records: Records, compaction: Compaction) -> Vec<&'static str> {
    let mut codes: Vec<_> = findings(records, compaction)
        .iter()
        .map(|finding| finding.code.id)
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

const AT_20: Compaction = Compaction {
    scheduled: Some(20),
    finished: Some(20),
};

fn position(records: &Records, key: &[u8]) -> usize {
    records
        .iter()
        .position(|(stored, _)| stored == key)
        .unwrap()
}

fn without(key: &[u8]) -> Records {
    let mut records = healthy();
    records.remove(position(&records, key));
    records
}

fn with(key: &[u8], change: impl FnOnce(&mut (Vec<u8>, Vec<u8>))) -> Records {
    let mut records = healthy();
    let at = position(&records, key);
    change(&mut records[at]);
    records
}

#[test]
fn a_whole_keyspace_breaks_no_rule() {
    assert_eq!(codes(healthy()), [""; 0]);
}

#[test]
fn a_lost_record_is_noticed_by_the_gap_and_by_the_versions_of_its_key() {
    assert_eq!(codes(without(&revision(25, 0))), ["MVCC-007", "MVCC-008"]);
    assert_eq!(codes(without(&revision(20, 1))), ["MVCC-006", "MVCC-008"]);
    assert_eq!(codes(without(&revision(20, 0))), ["MVCC-006", "MVCC-008"]);
}

#[test]
fn a_lost_creation_and_a_lost_deletion_are_noticed() {
    assert_eq!(codes(without(&revision(3, 0))), ["MVCC-007", "MVCC-012"]);
    assert_eq!(codes(without(&tombstone(12, 0))), ["MVCC-007", "MVCC-008"]);
}

#[test]
fn a_put_lost_before_its_deletion_leaves_a_tombstone_of_nothing() {
    let mut keys = synth::mvcc::Keyspace::new();
    keys.put(b"/a", b"1");
    keys.put(b"/b", b"1");
    keys.delete(b"/a");
    let mut records = keys.records();
    records.remove(0);
    assert_eq!(codes(records), ["MVCC-007", "MVCC-010"]);
}

#[test]
fn a_put_lost_between_two_deletions_is_noticed() {
    let mut keys = synth::mvcc::Keyspace::new();
    for _ in 0..2 {
        keys.put(b"/a", b"1");
        keys.delete(b"/a");
    }
    let mut records = keys.records();
    records.remove(2);
    assert_eq!(codes(records), ["MVCC-007", "MVCC-009"]);
    let mut records = keys.records();
    let again = KeyValue {
        key: b"/a".to_vec(),
        create_revision: 2,
        mod_revision: 4,
        version: 2,
        ..KeyValue::default()
    };
    records[2].1 = again.encode();
    assert_eq!(codes(records), ["MVCC-009"]);
}

#[test]
fn a_revision_that_jumps_is_one_gap() {
    let mut records = healthy();
    let mut last = records.pop().unwrap();
    last.0 = revision((1 << 32) + 40, 0);
    records.push(last);
    let found = findings(records, Compaction::default());
    let gap = found
        .iter()
        .find(|finding| finding.code.id == "MVCC-007")
        .unwrap();
    assert_eq!((gap.count, gap.expected.as_deref()), (1, Some("40")));
    assert!(
        found.iter().any(|finding| finding.code.id == "MVCC-004"),
        "mod_revision is still the old one"
    );
}

#[test]
fn what_a_compaction_leaves_breaks_no_rule_and_more_than_that_does() {
    let newest_until = |limit: i64| {
        let mut records = healthy();
        let key_of = |message: &[u8]| message[2..4].to_vec();
        let mut newest = std::collections::BTreeMap::new();
        for (stored, message) in &records {
            let main = i64::from_be_bytes(stored[..8].try_into().unwrap());
            if main <= limit {
                newest.insert(key_of(message), stored.clone());
            }
        }
        records.retain(|(stored, _)| {
            let main = i64::from_be_bytes(stored[..8].try_into().unwrap());
            main > limit || newest.values().any(|kept| kept == stored)
        });
        records
    };
    assert_eq!(compacted(newest_until(20), AT_20), [""; 0]);
    let at_12 = Compaction {
        scheduled: Some(12),
        finished: Some(12),
    };
    assert_eq!(
        compacted(newest_until(12), at_12),
        [""; 0],
        "the tombstone at 12 may stay"
    );
    assert_eq!(compacted(healthy(), AT_20), ["MVCC-011"]);
    let scheduled = Compaction {
        scheduled: Some(20),
        finished: None,
    };
    assert_eq!(
        compacted(healthy(), scheduled),
        [""; 0],
        "an interrupted compaction removes nothing yet"
    );
    let half = healthy().split_off(12);
    assert_eq!(
        compacted(half, scheduled),
        [""; 0],
        "nor does one that was interrupted in the middle"
    );
    let mut lost = newest_until(20);
    lost.remove(0);
    assert_eq!(
        compacted(lost, AT_20).len(),
        1,
        "the record kept at the compaction is missed by the next one of its key"
    );
}

#[test]
fn impossible_numbers_in_a_put_are_noticed() {
    let put = |create_revision, mod_revision, version| {
        let message = KeyValue {
            key: b"/z".to_vec(),
            create_revision,
            mod_revision,
            version,
            ..KeyValue::default()
        }
        .encode();
        let mut records = healthy();
        records.push((revision(41, 0), message));
        codes(records)
    };
    assert_eq!(put(41, 41, 1), [""; 0]);
    for (create, modified, version) in [
        (41, 40, 1),
        (42, 41, 1),
        (41, 41, 2),
        (0, 41, 1),
        (41, 41, 0),
        (-5, 41, 3),
    ] {
        assert!(
            put(create, modified, version).contains(&"MVCC-004"),
            "{create} {modified} {version}"
        );
    }
    assert!(
        put(40, 41, 3).contains(&"MVCC-004"),
        "three versions in two revisions"
    );
    assert!(put(i64::MIN, 41, i64::MAX).contains(&"MVCC-004"));
}

#[test]
fn records_that_cannot_be_read_are_named_with_what_they_were_about() {
    let cut = with(&revision(39, 0), |(_, message)| message.truncate(9));
    let found = findings(cut, Compaction::default());
    assert_eq!(found[0].code.id, "MVCC-002");
    assert_eq!(found[0].keys, [b"/a".to_vec()]);
    assert!(
        codes(with(&revision(39, 0), |(_, message)| *message =
            b"\x0a\x7f/".to_vec()))
        .contains(&"MVCC-002")
    );
    assert!(codes(with(&revision(39, 0), |(key, _)| key[8] = b'^')).contains(&"MVCC-001"));
    assert!(codes(with(&revision(40, 0), |(key, _)| key.truncate(16))).contains(&"MVCC-001"));
}

#[test]
fn tombstones_with_fields_foreign_encodings_and_missing_keys_are_noticed() {
    let loaded = KeyValue {
        key: b"/a".to_vec(),
        value: b"x".to_vec(),
        ..KeyValue::default()
    }
    .encode();
    assert_eq!(
        codes(with(&tombstone(12, 0), |(_, message)| *message = loaded)),
        ["MVCC-005"]
    );
    assert_eq!(
        codes(with(&revision(40, 0), |(_, message)| message.extend(b"\x38\x01"))),
        ["MVCC-019"]
    );
    let nameless = KeyValue {
        create_revision: 41,
        mod_revision: 41,
        version: 1,
        ..KeyValue::default()
    };
    let mut records = healthy();
    records.push((revision(41, 0), nameless.encode()));
    assert_eq!(codes(records), ["MVCC-018"]);
}

#[test]
fn the_mark_of_a_bumped_restore_is_a_note_and_an_emptied_record_is_not() {
    let mut records = healthy();
    records.push((revision(1040, 0), Vec::new()));
    let bumped = Compaction {
        scheduled: Some(1040),
        finished: None,
    };
    assert_eq!(compacted(records.clone(), bumped), ["MVCC-014"]);
    assert_eq!(codes(records), ["MVCC-007", "MVCC-018"]);
}

#[test]
fn one_revision_or_one_key_twice_in_a_transaction_is_noticed() {
    let mut records = healthy();
    records.push((tombstone(40, 0), KeyValue::deleted(b"/b").encode()));
    assert!(codes(records).contains(&"MVCC-013"));
    let twice = KeyValue {
        key: b"/a".to_vec(),
        create_revision: 15,
        mod_revision: 20,
        version: 3,
        ..KeyValue::default()
    };
    assert!(
        codes(with(&revision(20, 2), |(_, message)| *message = twice.encode()))
            .contains(&"MVCC-013")
    );
}

#[test]
fn many_occurrences_on_one_page_are_one_finding() {
    let damaged: Records = healthy()
        .into_iter()
        .map(|(key, message)| (key, [message, b"\x38\x01".to_vec()].concat()))
        .collect();
    let found = findings(damaged, Compaction::default());
    assert_eq!(found.iter().map(|finding| finding.count).sum::<u64>(), 41);
    assert_eq!(found.len(), 41_usize.div_ceil(8));
    assert_eq!(found[0].keys.len(), 3);
}
