//! One made-up db for each rule.

use etcd_inspect::backend::check;
use etcd_inspect::bolt::{Db, MetaChoice};
use etcd_inspect::mvcc::{Compaction, Index, Keyspace, Rules};
use etcd_inspect::{Bytes, FileName, Limits, Severity};
use testkit::synth;

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

fn entries(entries: &[(&[u8], &[u8])]) -> Entries {
    entries
        .iter()
        .map(|(key, value)| (key.to_vec(), value.to_vec()))
        .collect()
}

/// Codes that the check gives a db with one bucket of that content, notes left out unless `notes`.
fn codes(
    db: synth::bolt::DbBuilder,
    compaction: Compaction,
    notes: bool,
) -> Vec<(&'static str, u64)> {
    let file = db.build();
    let name = FileName::new("db");
    let db = Db::open(
        Bytes::new(&name, 0, &file),
        MetaChoice::Newest,
        &Limits::default(),
    )
    .unwrap();
    let index = Index::build(&db.bucket(b"key", &mut |_| {}).unwrap(), &mut |_| {});
    let keyspace = Keyspace::new(&index, &file, compaction, Rules::NEWEST);
    let mut codes = Vec::new();
    check::check(&db, Some(&keyspace), &mut |finding| {
        assert!(finding.place.offset.is_none_or(|at| at < file.len() as u64));
        if notes || finding.severity > Severity::Note {
            codes.push((finding.code.id, finding.count));
        }
    });
    codes
}

fn of_bucket(bucket: &str, content: Entries) -> Vec<&'static str> {
    let db = synth::bolt::DbBuilder::etcd().bucket(bucket, content);
    codes(db, Compaction::default(), false)
        .into_iter()
        .map(|(code, _)| code)
        .collect()
}

fn meta(content: &[(&[u8], &[u8])]) -> Vec<&'static str> {
    of_bucket("meta", entries(content))
}

#[test]
fn an_empty_store_has_nothing_to_tell() {
    assert_eq!(
        codes(synth::bolt::DbBuilder::etcd(), Compaction::default(), true),
        []
    );
}

#[test]
fn values_of_impossible_length_cost_only_themselves() {
    assert_eq!(
        meta(&[
            (b"consistent_index", b"123"),
            (b"term", b""),
            (b"scheduledCompactRev", b"x")
        ]),
        ["META-001"; 3]
    );
    assert_eq!(
        meta(&[(b"confState", b"{"), (b"storageVersion", b"x.y")]),
        ["META-012", "META-008"]
    );
    assert_eq!(meta(&[(b"storageVersion", b"3.9.0")]), ["META-008"]);
}

#[test]
fn records_without_a_consistent_index_would_be_applied_again() {
    let mut keys = synth::mvcc::Keyspace::new();
    keys.put(b"a", b"1");
    let db = synth::bolt::DbBuilder::etcd().bucket("key", keys.records());
    assert_eq!(codes(db, Compaction::default(), false), [("META-002", 1)]);
}

#[test]
fn compaction_revisions_beyond_every_record_are_impossible_and_an_interrupted_one_is_a_note() {
    let revision = |main| synth::mvcc::revision(main, 0);
    let with = |scheduled: u64, finished: u64| {
        let mut keys = synth::mvcc::Keyspace::new();
        for _ in 0..9 {
            keys.put(b"a", b"1");
        }
        let meta = vec![
            (b"consistent_index".to_vec(), 12u64.to_be_bytes().to_vec()),
            (b"finishedCompactRev".to_vec(), revision(finished)),
            (b"scheduledCompactRev".to_vec(), revision(scheduled)),
        ];
        let db = synth::bolt::DbBuilder::etcd()
            .bucket("key", keys.records())
            .bucket("meta", meta);
        let as_i64 = |main: u64| i64::try_from(main).ok();
        codes(
            db,
            Compaction {
                scheduled: as_i64(scheduled),
                finished: as_i64(finished),
            },
            true,
        )
    };
    assert_eq!(with(5, 5), []);
    assert_eq!(with(8, 5), [("META-011", 6)]);
    assert_eq!(with(5, 8), [("META-010", 1)]);
    assert_eq!(with(999_999, 999_999), [("META-010", 1)]);
}

#[test]
fn members_are_judged_by_key_name_and_url() {
    let member = |id: u64, name: &str, url: &str| {
        format!(r#"{{"id":{id},"peerURLs":["{url}"],"name":"{name}"}}"#).into_bytes()
    };
    let of = |list: &[(&str, Vec<u8>)]| {
        of_bucket(
            "members",
            list.iter()
                .map(|(key, value)| (key.as_bytes().to_vec(), value.clone()))
                .collect(),
        )
    };
    assert_eq!(
        of(&[("1", member(1, "a", "u1")), ("2", member(2, "b", "u2"))]),
        [""; 0]
    );
    assert_eq!(of(&[("01", member(1, "a", "u1"))]), ["MEM-001"]);
    assert_eq!(of(&[("2", member(1, "a", "u1"))]), ["MEM-001"]);
    assert_eq!(
        of(&[("1", member(1, "a", "u")), ("2", member(2, "a", "u"))]),
        ["MEM-006"; 2]
    );
    assert_eq!(of(&[("1", b"[]".to_vec())]), ["MEM-007"]);
    let db = synth::bolt::DbBuilder::etcd()
        .bucket("members", vec![(b"1".to_vec(), member(1, "a", "u"))])
        .bucket("members_removed", entries(&[(b"1", b"removed")]));
    assert_eq!(codes(db, Compaction::default(), false), [("MEM-004", 1)]);
    assert_eq!(
        of_bucket("cluster", entries(&[(b"clusterVersion", b"four")])),
        ["MEM-008"]
    );
}

#[test]
fn a_voter_that_the_members_bucket_calls_a_learner_is_told_and_a_restored_conf_state_is_not() {
    let with = |voters: &str| {
        let members = entries(&[(b"1", br#"{"id":1,"peerURLs":[],"isLearner":true}"#)]);
        let conf_state = format!(r#"{{"voters":[{voters}],"auto_leave":false}}"#).into_bytes();
        let meta = vec![(b"confState".to_vec(), conf_state)];
        codes(
            synth::bolt::DbBuilder::etcd()
                .bucket("members", members)
                .bucket("meta", meta),
            Compaction::default(),
            false,
        )
    };
    assert_eq!(with("1"), [("META-009", 1)]);
    assert_eq!(with("77"), []);
}

#[test]
fn auth_must_fit_together() {
    let user = |name: &[u8], role: &[u8], hash: &[u8]| {
        let mut value = Vec::new();
        for (tag, field) in [(0x0a, name), (0x12, hash), (0x1a, role)] {
            if !field.is_empty() {
                value.push(tag);
                value.push(u8::try_from(field.len()).unwrap());
                value.extend(field);
            }
        }
        value
    };
    let hash = [b"$2a$10$".as_slice(), &[b'x'; 53]].concat();
    let with = |enabled: u8, revision: u64, users: Entries| {
        let auth = vec![
            (b"authEnabled".to_vec(), vec![enabled]),
            (b"authRevision".to_vec(), revision.to_be_bytes().to_vec()),
        ];
        let db = synth::bolt::DbBuilder::etcd()
            .bucket("auth", auth)
            .bucket("authUsers", users);
        codes(db, Compaction::default(), false)
            .into_iter()
            .map(|(code, _)| code)
            .collect::<Vec<_>>()
    };
    let root = (b"root".to_vec(), user(b"root", b"root", &hash));
    assert_eq!(with(1, 5, vec![root.clone()]), [""; 0]);
    assert_eq!(with(1, 5, vec![]), ["AUTH-001"]);
    assert_eq!(with(1, 1, vec![root.clone()]), ["AUTH-002"]);
    assert_eq!(with(1, 0, vec![root.clone()]), ["AUTH-002"]);
    assert_eq!(
        with(0, 5, vec![(b"a".to_vec(), user(b"b", b"", &hash))]),
        ["AUTH-001"]
    );
    assert_eq!(
        with(0, 5, vec![(b"a".to_vec(), user(b"a", b"gone", &hash))]),
        ["AUTH-001"]
    );
    assert_eq!(
        with(0, 5, vec![(b"a".to_vec(), user(b"a", b"", b"plain"))]),
        ["AUTH-003"]
    );
    assert_eq!(
        with(7, 5, vec![(b"a".to_vec(), b"\xff".to_vec())]),
        ["AUTH-004"; 2]
    );
}

#[test]
fn keys_on_a_lease_that_is_gone_are_named() {
    let mut keys = synth::mvcc::Keyspace::new();
    keys.put_leased(b"a", b"1", 7);
    keys.put_leased(b"b", b"1", 8);
    keys.put_leased(b"c", b"1", 9);
    keys.put(b"c", b"no lease any more");
    keys.put_leased(b"d", b"1", 8);
    keys.delete(b"d");
    let lease = (8i64.to_be_bytes().to_vec(), b"\x08\x08\x10\x3c".to_vec());
    let meta = vec![(b"consistent_index".to_vec(), 9u64.to_be_bytes().to_vec())];
    let db = synth::bolt::DbBuilder::etcd()
        .bucket("key", keys.records())
        .bucket("lease", vec![lease])
        .bucket("meta", meta);
    assert_eq!(codes(db, Compaction::default(), false), [("LEASE-002", 1)]);
    assert_eq!(
        of_bucket("lease", entries(&[(b"12345678", b"\x08\x08\x10\x3c")])),
        ["LEASE-001"]
    );
    assert_eq!(
        of_bucket("lease", entries(&[(b"12345678", b"\x0f")])),
        ["LEASE-001"]
    );
    assert_eq!(
        of_bucket(
            "lease",
            vec![(8i64.to_be_bytes().to_vec(), b"\x08\x08".to_vec())]
        ),
        ["LEASE-003"]
    );
}

#[test]
fn alarms_are_told_with_what_they_mean() {
    assert_eq!(
        of_bucket("alarm", entries(&[(b"\x08\x01\x10\x01", b"")])),
        ["ALARM-001"]
    );
    assert_eq!(
        of_bucket("alarm", entries(&[(b"\x10\x02", b"")])),
        ["ALARM-002"]
    );
    assert_eq!(
        of_bucket("alarm", entries(&[(b"\x08\x01\x10\x09", b"")])),
        ["ALARM-004"]
    );
    assert_eq!(
        of_bucket("alarm", entries(&[(b"\xff", b"")])),
        ["ALARM-004"]
    );
}

#[test]
fn a_missing_bucket_is_named_though_etcd_would_just_make_it_again() {
    let without = synth::bolt::DbBuilder::new()
        .bucket("key", entries(&[]))
        .bucket("meta", entries(&[]));
    let codes = codes(without, Compaction::default(), false);
    assert_eq!(codes, [("META-014", 1), ("META-014", 7)]);
}

#[test]
fn buckets_below_a_root_that_cannot_be_read_are_not_called_missing() {
    let file = synth::bolt::DbBuilder::etcd().never_inline().build();
    // Both metas whole, and nothing after them.
    let cut = file.get(..2 * 4096).unwrap();
    let name = FileName::new("db");
    let bytes = Bytes::new(&name, 0, cut);
    let db = Db::open(bytes, MetaChoice::Newest, &Limits::default()).unwrap();
    let mut codes = Vec::new();
    check::check(&db, None, &mut |finding| codes.push(finding.code.id));
    assert!(!codes.contains(&"META-014"), "{codes:?}");
}
