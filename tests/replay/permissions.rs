//! Permissions, leases and alarms while entries are applied: the state after a replay is the one that etcd of each release serves
//! after its start, whatever release wrote the log.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use etcd_inspect::member::Member;
use etcd_inspect::mvcc::KeyRange;
use etcd_inspect::progress::Silent;
use etcd_inspect::start::state_after_start;
use serde_json::{Value, json};
use testkit::copy_of;
use testkit::etcd::{Binaries, Server};

const PATIENCE: Duration = Duration::from_secs(30);
/// Nothing is committed to the db on its own: the log has what a replay is asked for.
const LAZY: [&str; 4] = [
    "--backend-batch-interval",
    "1h",
    "--backend-batch-limit",
    "1000000",
];

fn b64(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn put(key: &str, value: &str) -> Value {
    json!({ "key": b64(key), "value": b64(value) })
}

/// A cluster with authentication, in which the user `tenant` may read and write `/tenant/…` only; the story ends with SIGKILL.
fn written(binaries: &Binaries, story: impl Fn(&mut Server)) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start(binaries, &data, &LAZY, PATIENCE).unwrap();
    for line in [
        "user add root:r",
        "user grant-role root root",
        "role add tenants",
        "role grant-permission tenants readwrite /tenant/ /tenant0",
        "user add tenant:t",
        "user grant-role tenant tenants",
        "auth enable",
    ] {
        server.ctl(&line.split(' ').collect::<Vec<_>>());
    }
    server.log_in("root:r");
    for (key, value) in [("/secret/key", "1"), ("/tenant/a", "1")] {
        server.ctl(&["put", key, value]);
    }
    let lease = json!({ "ID": "7777", "TTL": "9000" });
    server.log_in_by_token("root", "r");
    let _ = server.post("/v3/lease/grant", &lease);
    let mut leased = put("/secret/leased", "1");
    leased["lease"] = "7777".into();
    let _ = server.post("/v3/kv/put", &leased);
    server.log_in_by_token("tenant", "t");
    story(&mut server);
    server.kill();
    (folder, data)
}

/// Key to value and lease, and the revision.
type Contents = (i64, BTreeMap<Vec<u8>, (Vec<u8>, i64)>);

fn served(server: &Server) -> (Contents, Vec<i64>, Vec<(u64, String)>) {
    let number = |value: &Value| value.as_str().unwrap_or("0").parse::<i64>().unwrap();
    let bytes = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        base64::engine::general_purpose::STANDARD
            .decode(text)
            .unwrap()
    };
    let all = server.post(
        "/v3/kv/range",
        &json!({ "key": "AA==", "range_end": "AA==", "serializable": true }),
    );
    let kvs = all["kvs"].as_array().cloned().unwrap_or_default();
    let live = kvs
        .iter()
        .map(|kv| {
            (
                bytes(&kv["key"]),
                (bytes(&kv["value"]), number(&kv["lease"])),
            )
        })
        .collect();
    let revision = number(&all["header"]["revision"]);
    let leases = server.post("/v3/lease/leases", &json!({}));
    let leases = leases["leases"].as_array().cloned().unwrap_or_default();
    let mut leases: Vec<i64> = leases.iter().map(|lease| number(&lease["ID"])).collect();
    leases.sort_unstable();
    let alarms = server.post("/v3/maintenance/alarm", &json!({ "action": "GET" }));
    let alarms = alarms["alarms"].as_array().cloned().unwrap_or_default();
    let alarms = alarms.iter().map(|alarm| {
        let id: u64 = alarm["memberID"].as_str().unwrap().parse().unwrap();
        (id, alarm["alarm"].as_str().unwrap().to_owned())
    });
    ((revision, live), leases, alarms.collect())
}

/// Starts every release on copies, and returns the value of `/secret/key` that each of them serves.
fn compared(data: &std::path::Path) -> Vec<(String, Option<Vec<u8>>)> {
    let mut seen = Vec::new();
    for version in ["3.5.16", "3.5.30"] {
        let Some(binaries) = Binaries::newest(version) else {
            continue;
        };
        let copy = copy_of(data);
        let mut server = Server::start(&binaries, &copy, &LAZY, PATIENCE).unwrap();
        server.log_in_by_token("root", "r");
        let (contents, leases, alarms) = served(&server);
        server.kill();
        let member = Member::open(data).unwrap();
        let replayed = state_after_start(&member, version.parse().ok(), &Silent).unwrap();
        let keyspace = replayed.keyspace();
        let live: BTreeMap<_, _> = keyspace
            .live(&KeyRange::all(), None)
            .unwrap()
            .iter()
            .map(|version| {
                let kv = version.key_value().unwrap();
                (kv.key.to_vec(), (kv.value.to_vec(), kv.lease))
            })
            .collect();
        let own: Contents = (keyspace.revision(), live);
        assert_eq!(own, contents, "etcd {version}");
        let buckets = replayed.buckets();
        let mut own: Vec<i64> = buckets.leases.iter().map(|lease| lease.id.0).collect();
        own.sort_unstable();
        assert_eq!(own, leases, "leases of etcd {version}");
        let own = buckets.alarms.iter();
        let own: Vec<u64> = own.map(|alarm| alarm.member_id.0).collect();
        let theirs: Vec<u64> = alarms.iter().map(|(member, _)| *member).collect();
        assert_eq!(own, theirs, "alarms of etcd {version}: {alarms:?}");
        let secret = contents.1.get(b"/secret/key".as_slice());
        seen.push((version.to_owned(), secret.map(|(value, _)| value.clone())));
    }
    seen
}

fn writer() -> Option<Binaries> {
    let found = Binaries::newest("3.5.16");
    if found.is_none() {
        eprintln!("skipped: no etcd 3.5.16; fixtures/recipes/etcd-from-debian fetches it");
    }
    found
}

#[test]
fn what_older_releases_did_not_check_within_transactions_is_refused_by_newer_ones() {
    let Some(binaries) = writer() else { return };
    let (_folder, data) = written(&binaries, |server| {
        let nested = json!({ "success": [{ "requestPut": put("/secret/key", "stolen") }] });
        let txn = json!({ "success": [{ "requestTxn": nested }] });
        let _ = server.post("/v3/kv/txn", &txn);
        let mut leased = put("/tenant/leased", "2");
        leased["lease"] = "7777".into();
        let _ = server.post(
            "/v3/kv/txn",
            &json!({ "success": [{ "requestPut": leased }] }),
        );
        let _ = server.post("/v3/kv/put", &put("/tenant/a", "2"));
        let _ = server.post("/v3/kv/put", &put("/secret/key", "refused"));
    });
    let seen = compared(&data);
    let (old, new) = (seen.first(), seen.last());
    assert_eq!(old.unwrap().1.as_deref(), Some(b"stolen".as_slice()));
    if seen.len() > 1 {
        assert_eq!(new.unwrap().1.as_deref(), Some(b"1".as_slice()));
    }
}

#[test]
fn while_an_alarm_is_raised_permissions_are_not_checked_up_to_3_5() {
    let Some(binaries) = writer() else { return };
    let alarm = |server: &Server, action: &str, alarm: &str| {
        let status = server.post("/v3/maintenance/status", &json!({}));
        let member = status["header"]["member_id"].clone();
        let request = json!({ "action": action, "memberID": member, "alarm": alarm });
        let _ = server.post("/v3/maintenance/alarm", &request);
    };
    let (_folder, data) = written(&binaries, |server| {
        let _ = server.post("/v3/kv/deleterange", &json!({ "key": b64("/secret/none") }));
        alarm(server, "ACTIVATE", "NOSPACE");
        // Refused for want of space; a deletion is not, and permissions are not checked.
        let _ = server.post("/v3/kv/put", &put("/tenant/a", "3"));
        let _ = server.post("/v3/kv/deleterange", &json!({ "key": b64("/secret/key") }));
        // A second alarm takes the place of the first, and when it ends neither is minded.
        alarm(server, "ACTIVATE", "CORRUPT");
        let _ = server.post("/v3/kv/put", &put("/tenant/b", "1"));
        alarm(server, "DEACTIVATE", "CORRUPT");
        let _ = server.post("/v3/kv/put", &put("/tenant/c", "1"));
        let _ = server.post("/v3/kv/put", &put("/secret/other", "1"));
    });
    for (version, secret) in compared(&data) {
        assert_eq!(secret, None, "etcd {version}");
    }
}

#[test]
fn changes_of_users_and_leases_are_replayed_with_the_revision_of_permissions() {
    let Some(binaries) = writer() else { return };
    let (_folder, data) = written(&binaries, |server| {
        let lease = |id: &str, ttl: &str| json!({ "ID": id, "TTL": ttl });
        let _ = server.post("/v3/lease/grant", &lease("8888", "1"));
        let _ = server.post("/v3/lease/grant", &lease("9999", "5000"));
        let mut leased = put("/tenant/leased", "2");
        leased["lease"] = "9999".into();
        let _ = server.post("/v3/kv/put", &leased);
        // Not the tenant's to revoke: a key of root is attached.
        let _ = server.post("/v3/lease/revoke", &json!({ "ID": "7777" }));
        server.ctl(&["role", "add", "others"]);
        server.ctl(&["role", "grant-permission", "others", "write", "/secret/key"]);
        server.ctl(&["user", "grant-role", "tenant", "others"]);
        // The token is older than the change: refused, and again after a new login.
        let _ = server.post("/v3/kv/put", &put("/tenant/a", "old token"));
        server.log_in_by_token("tenant", "t");
        let _ = server.post("/v3/kv/put", &put("/secret/key", "granted"));
        let _ = server.post("/v3/lease/revoke", &json!({ "ID": "9999" }));
        server.ctl(&["role", "revoke-permission", "others", "/secret/key"]);
        server.log_in_by_token("tenant", "t");
        let _ = server.post("/v3/kv/put", &put("/secret/key", "revoked"));
        server.ctl(&["auth", "disable"]);
        let _ = server.post("/v3/kv/put", &put("/open", "1"));
        server.ctl(&["auth", "enable"]);
    });
    for (version, secret) in compared(&data) {
        assert_eq!(
            secret.as_deref(),
            Some(b"granted".as_slice()),
            "etcd {version}"
        );
    }
}
