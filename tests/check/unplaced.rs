//! Writes of the log of which no revision is known.

use etcd_inspect::check::{logged, versions};
use etcd_inspect::evidence::{Evidence, Kind};
use etcd_inspect::member::{Member, Options, Origin};
use etcd_inspect::progress::Silent;
use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::{Keyspace, varint};
use testkit::synth::wal::SegmentBuilder;

/// InternalRaftRequest with a PutRequest; `ignore_value` is its field 5.
fn put(key: &[u8], value: &[u8], ignore_value: bool) -> Vec<u8> {
    let field = |tag: u8, bytes: &[u8]| {
        let mut out = vec![tag];
        varint(&mut out, bytes.len() as u64);
        out.extend(bytes);
        out
    };
    let mut put = field(0x0a, key);
    if !value.is_empty() {
        put.extend(field(0x12, value));
    }
    if ignore_value {
        put.extend([0x28, 1]);
    }
    [&[0x08, 7][..], &field(0x22, &put)].concat()
}

/// A member whose log begins with entry 50, and whose db has none of its writes.
fn member(entries: &[Vec<u8>]) -> Member {
    let mut keys = Keyspace::new();
    keys.put(b"elsewhere", b"of another time");
    let db = DbBuilder::etcd().bucket("key", keys.records()).build();
    let mut log = SegmentBuilder::new(0, 1, 2).snapshot(49, 2);
    for (index, data) in (50..).zip(entries) {
        log = log.entry(2, index, data);
    }
    let log = log.state(2, 1, 49 + entries.len() as u64).build();
    let files = [
        ("member/snap/db", db),
        ("member/wal/0000000000000000-0000000000000031.wal", log),
    ];
    let evidence = Evidence::of_readers("made up", Kind::DataDir, files);
    Member::from_evidence(evidence, Options::default())
}

#[test]
fn the_value_of_an_unplaced_put_that_keeps_it_is_unknown_and_not_empty() {
    let member = member(&[
        put(b"a", b"1", false),
        put(b"a", b"", true),
        put(b"a", b"", false),
    ]);
    let logged = logged(&member, &Silent).unwrap().unwrap();
    let keyspace = member.readable_keyspace().unwrap();
    let found: Vec<(u64, bool)> = versions(b"a", &keyspace, Some(&logged))
        .into_iter()
        .map(|(origin, _)| match origin {
            Origin::Unplaced { index, .. } => (index.get(), origin.has_value()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(found, [(50, true), (51, false), (52, true)]);
}
