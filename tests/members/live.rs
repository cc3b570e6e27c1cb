//! Every live key with its value, lease and revisions, and every event of the history, compared with etcd's own answers.

use etcd_inspect::mvcc::KeyRange;
use sha2::{Digest, Sha256};
use testkit::expected::{Expected, Live};

use crate::each;

/// The live keys of a member, in key order.
fn live(member: &etcd_inspect::member::Member) -> Vec<Live> {
    let keyspace = member.readable_keyspace().unwrap();
    let listed = keyspace.live(&KeyRange::all(), None).unwrap();
    let row = |version: etcd_inspect::mvcc::Version<'_>| {
        let message = version.key_value().unwrap();
        Live {
            key: version.key.to_vec(),
            value: message.value.to_vec(),
            create_revision: message.create_revision,
            mod_revision: message.mod_revision,
            version: message.version,
            lease: message.lease,
        }
    };
    listed.iter().map(row).collect()
}

/// Whether the db alone has everything that etcd returned after its start.
fn is_level(expected: &Expected, member: &etcd_inspect::member::Member) -> bool {
    let revision = u64::try_from(member.readable_keyspace().unwrap().revision()).unwrap();
    assert!(
        revision == expected.number("revision").unwrap()
            || expected.killed()
            || expected.number("history_events").is_some(),
        "{}",
        expected.name
    );
    Some(revision) == expected.number("revision")
}

#[test]
fn every_live_key_has_the_value_the_lease_and_the_revisions_that_etcd_told() {
    let mut compared = 0;
    each(|expected, member| {
        if !is_level(expected, member) {
            return;
        }
        let ours = live(member);
        if let Some(theirs) = expected.live() {
            assert!(
                ours == theirs,
                "{}: {} keys, {} wanted",
                expected.name,
                ours.len(),
                theirs.len()
            );
            compared += 1;
        } else if let Some(stored) = expected.stored() {
            assert_eq!(ours.len(), stored.len(), "{}", expected.name);
            for (ours, theirs) in ours.iter().zip(&stored) {
                let seen = serde_json::json!({
                    "key": String::from_utf8_lossy(&ours.key), "create_revision": ours.create_revision, "mod_revision": ours.mod_revision,
                    "version": ours.version, "lease": ours.lease, "value_len": ours.value.len(), "value_sha256": sha256(&ours.value),
                });
                for (field, value) in seen.as_object().unwrap() {
                    assert_eq!(
                        value, &theirs[field],
                        "{}: {field} of {}",
                        expected.name, theirs["key"]
                    );
                }
            }
            compared += 1;
        }
    });
    assert!(compared > 20, "{compared} members");
}

#[test]
fn the_history_holds_every_event_that_a_watch_gave() {
    let mut compared = 0;
    each(|expected, member| {
        let Some(events) = expected.history().filter(|_| is_level(expected, member)) else {
            return;
        };
        let keyspace = member.readable_keyspace().unwrap();
        let records: Vec<_> = keyspace.between(0..=i64::MAX).collect();
        assert_eq!(records.len(), events.len(), "{}", expected.name);
        for (record, event) in records.iter().zip(&events) {
            assert_eq!(
                record.revision.main,
                event["rev"].as_i64().unwrap(),
                "{}",
                expected.name
            );
            assert_eq!(
                String::from_utf8_lossy(record.key),
                event["key"].as_str().unwrap()
            );
            assert_eq!(record.tombstone, event["type"] == "DELETE");
            if !record.tombstone {
                let message = record.key_value().unwrap();
                assert_eq!(message.version, event["version"].as_i64().unwrap());
                assert_eq!(
                    sha256(message.value),
                    event["value_sha256"].as_str().unwrap()
                );
            }
            compared += 1;
        }
    });
    assert!(compared > 10_000, "{compared} events");
}

#[test]
fn the_newest_revisions_alone_say_of_their_keys_what_the_index_says() {
    let mut compared = 0;
    each(|expected, member| {
        let newest = member.newest_keyspace().unwrap();
        let whole = member.readable_keyspace().unwrap();
        assert_eq!(newest.revision(), whole.revision(), "{}", expected.name);
        let listed = newest.all(&KeyRange::all());
        assert!(!listed.is_empty() || whole.all(&KeyRange::all()).is_empty());
        for version in listed.iter() {
            let (early, late) = (
                newest.get(version.key, None).unwrap(),
                whole.get(version.key, None).unwrap(),
            );
            let revision = |version: &etcd_inspect::mvcc::Version<'_>| version.revision;
            assert_eq!(
                early.as_ref().map(revision),
                late.as_ref().map(revision),
                "{}: {version:?}",
                expected.name
            );
            compared += 1;
        }
    });
    assert!(compared > 1000, "{compared} keys");
}

#[test]
fn an_index_that_was_stopped_is_read_anew_when_it_is_asked_for_again() {
    struct Stopped;
    impl etcd_inspect::progress::Progress for Stopped {
        fn begin(&self, _: &'static str, _: u64) {}
        fn advance(&self, _: u64) {}
        fn cancelled(&self) -> bool {
            true
        }
    }
    each(|expected, member| {
        let fresh = etcd_inspect::member::Member::open(expected.data_dir()).unwrap();
        assert!(fresh.keyspace_with(&Stopped).unwrap().is_none());
        assert_eq!(
            fresh.readable_keyspace().unwrap().index().len(),
            member.readable_keyspace().unwrap().index().len(),
            "{}",
            expected.name
        );
    });
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}
