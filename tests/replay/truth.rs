use std::collections::BTreeMap;

use base64::Engine as _;
use etcd_inspect::member::Member;
use etcd_inspect::recover::{Applied, Nothing, Replay, Span, State};
use serde_json::Value;

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
    for name in [
        "etcd-3.4.23",
        "etcd-3.4.23-killed",
        "etcd-3.5.16",
        "etcd-3.5.30",
        "etcd-3.5.30-killed",
        "etcd-3.6.14",
        "etcd-3.6.14-killed",
        "etcd-3.7.1",
        "etcd-3.7.1-killed",
    ] {
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
            .live_in(Span::From(b""))
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
