//! Compares the binary's answers with those of etcd itself, for every fixture.

use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::{Seal, data_dir, fixtures, truth};

use crate::run::{RunResult, etcd_inspect};

/// The fixtures with a `truth.json`: etcd without Kubernetes.
fn plain() -> Vec<(String, PathBuf, Value)> {
    fixtures()
        .into_iter()
        .filter(|name| name.starts_with("etcd-"))
        .filter(|name| testkit::fixture(name).join("truth.json").is_file())
        .map(|name| {
            let (path, truth) = (data_dir(&name), truth(&name));
            (name, path, truth)
        })
        .collect()
}

/// Killed members lag behind their WAL; the truth is what etcd answered after it had replayed the WAL.
fn ask(path: &Path, args: &[&str]) -> RunResult {
    let mut args = args.to_vec();
    args.extend(["--replay", "-o", "json", "-d"]);
    args.push(path.to_str().unwrap());
    etcd_inspect(args)
}

fn b64(value: &Value) -> Vec<u8> {
    use base64::Engine as _;
    let text = value.as_str().unwrap_or_default();
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap()
}

/// The bytes under `field` or `field_b64`.
fn bytes(row: &Value, field: &str) -> Vec<u8> {
    match row.get(field) {
        Some(text) => text.as_str().unwrap().as_bytes().to_vec(),
        None => b64(&row[format!("{field}_b64")]),
    }
}

fn hex(id: &Value) -> String {
    let id = id.as_u64().or_else(|| id.as_i64().map(i64::cast_unsigned));
    format!("{:016x}", id.unwrap_or(0))
}

#[test]
fn status_equals_what_etcd_said() {
    for (name, path, truth) in plain() {
        let seal = Seal::read(&path);
        let said = ask(&path, &["status"]);
        assert_eq!(said.code, 0, "{name}: {}{}", said.out, said.err);
        let status = said.json();
        assert_eq!(status["schema"], "etcd-inspect/status/v1");
        assert_eq!(status["revision"], truth["revision"], "{name}");
        assert_eq!(
            status["compact_revision"], truth["compact_revision"],
            "{name}"
        );
        assert_eq!(
            status["keys"],
            truth["live"].as_array().unwrap().len(),
            "{name}"
        );
        assert_eq!(
            status["leases"],
            truth["leases"].as_array().unwrap().len(),
            "{name}"
        );
        assert_eq!(status["alarms"], truth["alarms"], "{name}");
        assert_eq!(
            status["cluster_id"],
            hex(&truth["status"]["header"]["cluster_id"]),
            "{name}"
        );
        assert_eq!(
            status["member_id"],
            hex(&truth["status"]["header"]["member_id"]),
            "{name}"
        );
        let wanted = &truth["members"]["members"][0];
        let member = &status["members"][0];
        assert_eq!(member["id"], hex(&wanted["ID"]), "{name}");
        assert_eq!(member["name"], wanted["name"], "{name}");
        assert_eq!(member["peer_urls"], wanted["peerURLs"], "{name}");
        if truth["killed"] != true {
            // The killed ones were asked after a start with other client URLs.
            assert_eq!(member["client_urls"], wanted["clientURLs"], "{name}");
        }
        let sums = &status["bytes"];
        let total: u64 = ["live", "history", "tree", "free", "outside"]
            .iter()
            .map(|part| sums[part].as_u64().unwrap())
            .sum();
        assert_eq!(
            total,
            std::fs::metadata(path.join("member/snap/db"))
                .unwrap()
                .len(),
            "{name}"
        );
        seal.assert_unchanged();
    }
}

#[test]
fn live_keys_equal_what_etcd_said() {
    for (name, path, truth) in plain() {
        let seal = Seal::read(&path);
        let rows = ask(&path, &["keys"]).rows();
        let wanted = truth["live"].as_array().unwrap();
        assert_eq!(rows.len(), wanted.len(), "{name}");
        for (row, wanted) in rows.iter().zip(wanted) {
            assert_eq!(bytes(row, "key"), b64(&wanted["key"]), "{name}");
            for field in ["create_revision", "mod_revision", "version"] {
                assert_eq!(row[field], wanted[field], "{name} {row}");
            }
            assert_eq!(row["lease"], hex(&wanted["lease"]), "{name} {row}");
            assert_eq!(
                row["value_bytes"],
                b64(&wanted["value"]).len(),
                "{name} {row}"
            );
        }
        seal.assert_unchanged();
    }
}

#[test]
fn every_value_equals_what_etcd_said() {
    for (name, path, truth) in plain() {
        let seal = Seal::read(&path);
        let rows = ask(&path, &["get", "--prefix", ""]).rows();
        let wanted = truth["live"].as_array().unwrap();
        assert_eq!(rows.len(), wanted.len(), "{name}");
        for (row, wanted) in rows.iter().zip(wanted) {
            assert_eq!(bytes(row, "value"), b64(&wanted["value"]), "{name} {row}");
        }
        seal.assert_unchanged();
    }
}

#[test]
fn hashes_equal_what_every_etcd_version_computed() {
    for (name, path, truth) in plain() {
        let seal = Seal::read(&path);
        for (revision, hash) in truth["hashkv"].as_object().unwrap() {
            let said = ask(&path, &["hashkv", "--rev", revision]).json();
            assert_eq!(said["hash"], *hash, "{name} at {revision}");
            assert_eq!(
                said["compact_revision"], truth["compact_revision"],
                "{name}"
            );
        }
        seal.assert_unchanged();
    }
}

#[test]
fn history_equals_the_events_that_etcd_sent_since_the_compaction() {
    for (name, path, truth) in plain() {
        let seal = Seal::read(&path);
        let events = truth["events_since_compaction"].as_array().unwrap();
        let mut by_key = std::collections::BTreeMap::<Vec<u8>, Vec<&Value>>::new();
        for event in events {
            by_key
                .entry(b64(&event["kv"]["key"]))
                .or_default()
                .push(event);
        }
        // A dozen keys is enough for one process each; the library's own tests ask all.
        for (key, events) in by_key.iter().take(3).chain(by_key.iter().rev().take(3)) {
            let key = format!("b64:{}", {
                use base64::Engine as _;
                base64::engine::general_purpose::STANDARD.encode(key)
            });
            let rows = ask(&path, &["history", &key]).rows();
            for event in events {
                let revision = &event["kv"]["mod_revision"];
                let row = rows.iter().find(|row| row["revision"] == *revision);
                let row = row.unwrap_or_else(|| panic!("{name} {key} {revision}: {rows:?}"));
                let deleted = event.get("type").is_some();
                assert_eq!(
                    row["op"],
                    if deleted { "delete" } else { "put" },
                    "{name} {row}"
                );
                if !deleted {
                    assert_eq!(row["version"], event["kv"]["version"], "{name} {row}");
                    assert_eq!(
                        row["create_revision"], event["kv"]["create_revision"],
                        "{name} {row}"
                    );
                }
            }
        }
        seal.assert_unchanged();
    }
}

#[test]
fn members_users_roles_and_leases_equal_what_etcd_said() {
    for (name, path, truth) in plain() {
        let seal = Seal::read(&path);
        let meta = ask(&path, &["meta"]).json();
        let names = |field: &str| -> Vec<String> {
            let items = meta["auth"][field].as_array().unwrap();
            items
                .iter()
                .map(|item| item["name"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(Value::from(names("users")), truth["users"], "{name}");
        assert_eq!(Value::from(names("roles")), truth["roles"], "{name}");
        let mut leases: Vec<_> = ask(&path, &["leases"])
            .rows()
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect();
        let mut wanted: Vec<_> = truth["leases"]
            .as_array()
            .unwrap()
            .iter()
            .map(|lease| format!("{:0>16}", lease.as_str().unwrap()))
            .collect();
        leases.sort();
        wanted.sort();
        assert_eq!(leases, wanted, "{name}");
        seal.assert_unchanged();
    }
}
