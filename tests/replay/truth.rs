use std::collections::BTreeMap;

use base64::Engine as _;
use etcd_inspect::member::Member;
use etcd_inspect::mvcc::KeyRange;
use etcd_inspect::progress::Silent;
use etcd_inspect::recover::{Applied, Bound, KeySpan, Nothing, Replay, State, replay};
use serde_json::Value;

const ALL: [&str; 9] = [
    "etcd-3.4.23",
    "etcd-3.4.23-killed",
    "etcd-3.5.16",
    "etcd-3.5.30",
    "etcd-3.5.30-killed",
    "etcd-3.6.14",
    "etcd-3.6.14-killed",
    "etcd-3.7.1",
    "etcd-3.7.1-killed",
];

type Live = BTreeMap<Vec<u8>, (i64, i64, i64, i64, Vec<u8>)>;

fn bytes(value: &Value) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD
        .decode(value.as_str().unwrap_or_default())
        .unwrap()
}

fn truth(name: &str) -> (i64, Live) {
    let text = std::fs::read(testkit::fixture(name).join("truth.json")).unwrap();
    let truth: Value = serde_json::from_slice(&text).unwrap();
    let number = |kv: &Value, field: &str| kv[field].as_i64().unwrap_or(0);
    let live = truth["live"].as_array().unwrap().iter().map(|kv| {
        let numbers = (
            number(kv, "create_revision"),
            number(kv, "mod_revision"),
            number(kv, "version"),
            number(kv, "lease"),
            bytes(&kv["value"]),
        );
        (bytes(&kv["key"]), numbers)
    });
    (truth["revision"].as_i64().unwrap(), live.collect())
}

/// Every log of these fixtures begins with the first entry, so the whole keyspace follows from it.
#[test]
fn a_log_from_the_first_entry_gives_the_keyspace_that_etcd_served() {
    for name in ALL {
        let member = Member::open(testkit::data_dir(name)).unwrap();
        let wal = member.wal().unwrap();
        let mut replay = Replay::new(&Nothing, State::default(), 1, -1);
        for entry in wal.log().surviving() {
            let applied = replay.apply(entry.index, wal.data(entry), &wal.payload(entry));
            assert!(!matches!(applied, Applied::Stops(_)), "{name}: {applied:?}");
        }
        let (revision, wanted) = truth(name);
        assert_eq!(replay.revision(), revision, "{name}");
        let live: Live = replay
            .layer()
            .live_in(KeySpan::From(b""))
            .into_iter()
            .map(|key| {
                let kv = replay.layer().live(&key).unwrap();
                let numbers = (
                    kv.create_revision,
                    kv.mod_revision,
                    kv.version,
                    kv.lease,
                    kv.value.to_vec(),
                );
                (key, numbers)
            })
            .collect();
        assert_eq!(live, wanted, "{name}");
    }
}

fn live_of(keyspace: &etcd_inspect::mvcc::Keyspace<'_>) -> Live {
    let live = keyspace.live(&KeyRange::all(), None).unwrap();
    live.iter()
        .map(|version| {
            let kv = version.key_value().unwrap();
            let numbers = (
                kv.create_revision,
                kv.mod_revision,
                kv.version,
                kv.lease,
                kv.value.to_vec(),
            );
            (version.key.to_vec(), numbers)
        })
        .collect()
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(testkit::fixture(name).join("truth.json")).unwrap())
        .unwrap()
}

/// All answers of etcd after it had started on a copy: revision, keys, hashes, leases, users.
fn assert_replayed(name: &str, member: &Member) {
    let replayed = replay(member, &Silent).unwrap();
    let keyspace = replayed.keyspace();
    let (revision, wanted) = truth(name);
    assert_eq!(keyspace.revision(), revision, "{name}");
    assert_eq!(live_of(&keyspace), wanted, "{name}");
    let truth = json(name);
    for (at, hash) in truth["hashkv"].as_object().unwrap() {
        let found = keyspace.hash_kv(Some(at.parse().unwrap())).unwrap();
        assert_eq!(
            u64::from(found.hash),
            hash.as_u64().unwrap(),
            "{name} at {at}"
        );
    }
    let names = |field: &str| -> Vec<String> {
        let names = truth[field].as_array().unwrap().iter();
        let mut names: Vec<String> = names
            .map(|name| name.as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    let users: Vec<String> = replayed.state.users.users.keys().cloned().collect();
    assert_eq!(users, names("users"), "{name}");
    let mut leases: Vec<String> = replayed
        .state
        .leases
        .0
        .keys()
        .map(|id| format!("{id:x}"))
        .collect();
    leases.sort();
    assert_eq!(leases, names("leases"), "{name}");
    assert_eq!(replayed.reach.bound, Bound::SoleVoter, "{name}");
}

#[test]
fn replay_over_the_db_gives_what_etcd_said_after_its_start() {
    for name in ALL {
        assert_replayed(name, &Member::open(testkit::data_dir(name)).unwrap());
    }
}

/// The db of an earlier moment, from `etcdctl snapshot save`, beside the log of the same member.
#[test]
fn replay_over_an_older_db_gives_the_same() {
    let mut older = 0;
    for name in ALL {
        let copy = testkit::fixture_copy(name);
        let image = std::fs::read(copy.join("snapshot.db")).unwrap();
        std::fs::write(
            copy.data_dir().join("member/snap/db"),
            &image[..image.len() - 32],
        )
        .unwrap();
        let member = Member::open(copy.data_dir()).unwrap();
        older += usize::from(member.readable_keyspace().unwrap().revision() < truth(name).0);
        assert_replayed(name, &member);
    }
    assert!(older >= 4, "only {older} snapshots are older than the db");
}
