//! `history`, `search`, `certs`, `decode`, `--at` and `meta --encryption` over real clusters.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use testkit::{data_dir, fixture, unzstd};

use crate::run::{Said, command, etcd_inspect, sealed};

fn ask(member: &str, words: &[&str]) -> Said {
    let data = data_dir(member);
    let mut args = words.to_vec();
    args.extend(["-d", data.to_str().unwrap()]);
    sealed(&data, args)
}

fn lines(path: &std::path::Path) -> Vec<Value> {
    unzstd(path)
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

const K8S: &str = "k8s-1.20-etcd35";
const ENCRYPTED: &str = "k8s-1.20-etcd35-enc";

#[test]
fn history_of_an_object_is_every_event_that_a_watch_gave() {
    let events = lines(&fixture(K8S).join("truth/history.jsonl.zst"));
    for key in [
        "/registry/deployments/prod/web",
        "/registry/namespaces/doomed",
        "/registry/leases/kube-node-lease/node-1",
    ] {
        let wanted: Vec<(i64, bool)> = events
            .iter()
            .filter(|event| event["key"] == key)
            .map(|event| {
                let kind = event["type"]
                    .as_str()
                    .or(event["op"].as_str())
                    .unwrap_or("");
                let revision = event["mod_revision"]
                    .as_i64()
                    .or(event["rev"].as_i64())
                    .unwrap();
                (revision, kind.eq_ignore_ascii_case("delete"))
            })
            .collect();
        assert!(!wanted.is_empty(), "{key}: {}", events[0]);
        let said = ask(K8S, &["history", key, "-o", "json"]);
        assert_eq!(said.code, 0, "{}", said.err);
        let ours: Vec<(i64, bool)> = said
            .rows()
            .iter()
            .map(|row| (row["revision"].as_i64().unwrap(), row["op"] == "delete"))
            .collect();
        assert_eq!(ours, wanted, "{key}");
        assert!(said.rows().iter().all(|row| row["source"] == "db"));
    }
}

#[test]
fn history_tells_when_who_and_what_and_diffs_show_the_lines() {
    let said = ask(K8S, &["history", "deploy/web", "-n", "prod", "-o", "json"]);
    let rows = said.rows();
    assert_eq!(rows[0]["version"], 1);
    let managers: BTreeSet<&str> = rows.iter().filter_map(|row| row["who"].as_str()).collect();
    assert!(managers.contains("kube-controller-manager"), "{managers:?}");
    let changed: BTreeSet<String> = rows
        .iter()
        .flat_map(|row| row["changed"].as_array().cloned().unwrap_or_default())
        .map(|path| path.as_str().unwrap().to_owned())
        .collect();
    assert!(changed.contains("status.replicas"), "{changed:?}");
    assert!(
        !changed
            .iter()
            .any(|path| path.contains("managedFields") || path.contains("resourceVersion"))
    );
    let times: Vec<&str> = rows.iter().filter_map(|row| row["time"].as_str()).collect();
    assert!(times.is_sorted() && !times.is_empty(), "{times:?}");
    let (from, to) = (
        rows[0]["revision"].to_string(),
        rows[rows.len() - 1]["revision"].to_string(),
    );
    let all = ask(K8S, &["history", "deploy/web", "-n", "prod", "--diff"]);
    assert!(
        all.out.matches("@@ ").count() > rows.len() / 2,
        "{}",
        all.out
    );
    let pair = ask(
        K8S,
        &[
            "history",
            "deploy/web",
            "-n",
            "prod",
            "--diff",
            "--from",
            &from,
            "--to",
            &to,
        ],
    );
    assert!(
        pair.out.contains(&format!("--- rev {from}")),
        "{}",
        pair.out
    );
    assert!(pair.out.contains(&format!("+++ rev {to}")), "{}", pair.out);
    assert!(
        pair.out
            .lines()
            .any(|line| line.starts_with('+') && line.contains("readyReplicas")),
        "{}",
        pair.out
    );
}

#[test]
fn versions_that_compaction_took_come_from_the_wal_with_their_revisions() {
    // Compacted at 132; the WAL begins with the first entry, so each write has its revision.
    let said = ask(
        "etcd-3.5.30",
        &["history", "/plain/else", "--wal", "-o", "json"],
    );
    assert_eq!(said.code, 0, "{}", said.err);
    let rows = said.rows();
    let versions: Vec<i64> = rows
        .iter()
        .map(|row| row["version"].as_i64().unwrap())
        .collect();
    assert_eq!(versions, (1..=29).collect::<Vec<_>>());
    let (wal, db): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["source"] == "wal");
    assert!(
        wal.len() > 10 && wal.iter().all(|row| row["revision"].as_i64() < Some(131)),
        "{wal:?}"
    );
    assert!(wal.iter().all(|row| row["raft_index"].is_u64()));
    assert_eq!(db[0]["revision"], 131);
    assert!(said.err.contains("revs 2 to 219"), "{}", said.err);
    let without = ask("etcd-3.5.30", &["history", "/plain/else", "-o", "json"]);
    assert_eq!(without.rows().len(), db.len());
    // The newest writes of a killed member are in its log alone.
    let killed = ask(
        "etcd-3.5.30-killed",
        &["search", ".", "--in", "wal", "-o", "json", "--limit", "0"],
    );
    let newest = ask("etcd-3.5.30-killed", &["status", "-o", "json"]).json()["revision"]
        .as_i64()
        .unwrap();
    assert_eq!(killed.code, 0, "{}", killed.err);
    assert!(killed.rows().iter().all(|row| row["where"] == "wal"));
    assert!(
        killed
            .rows()
            .iter()
            .any(|row| row["revision"].as_i64() > Some(newest)),
        "{newest}"
    );
}

#[test]
fn a_time_is_mapped_to_the_revision_before_the_next_later_write() {
    let status = ask(K8S, &["status", "-o", "json"]).json();
    assert_eq!(status["newest_time"], "2026-11-21T01:18:33Z");
    let at = |time: &str| ask(K8S, &["get", "leases", "-A", "-o", "json", "--at", time]);
    let exact = at("2026-11-21T01:18:23.9Z");
    assert_eq!(exact.code, 0, "{}", exact.err);
    assert!(exact.err.contains("as of rev 4,208"), "{}", exact.err);
    assert!(exact.err.contains("rev 4,209"), "{}", exact.err);
    assert_eq!(
        at("-10s").out,
        exact.out,
        "ten seconds before the newest time"
    );
    assert_eq!(at("01:18:23.9").out, exact.out, "that time of the last day");
    // No object of that answer was written later, by its own clock.
    for object in exact.json()["items"].as_array().unwrap() {
        let renewed = object
            .pointer("/spec/renewTime")
            .and_then(Value::as_str)
            .unwrap_or_default();
        assert!(renewed <= "2026-11-21T01:18:23.999999Z", "{renewed}");
    }
    let newest = at("2030-01-01T00:00:00Z");
    assert!(
        newest.err.contains("no write is known to be later"),
        "{}",
        newest.err
    );
    let before = at("-2h");
    assert_eq!((before.code, before.out.as_str()), (1, ""));
    assert!(
        before
            .err
            .contains("before the first write that carries a time"),
        "{}",
        before.err
    );
    let plain = ask("etcd-3.5.30", &["get", "/plain/k1", "--at", "-1m"]);
    assert_eq!(plain.code, 1);
    assert!(
        plain.err.contains("no value here carries a time") && plain.err.contains("--rev"),
        "{}",
        plain.err
    );
    let wrong = ask(K8S, &["get", "pods", "--at", "soon"]);
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.err.contains("2026-11-21T03:10:00Z, 03:10, -2h"),
        "{}",
        wrong.err
    );
}

#[test]
fn search_names_the_field_and_the_versions_in_which_a_string_stands() {
    let said = ask(
        K8S,
        &["search", "-F", "nginx:1.19", "--in", "values", "-o", "json"],
    );
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.rows()
            .iter()
            .any(|row| row["field"] == "spec.template.spec.containers[0].image")
    );
    assert!(said.rows().iter().all(|row| row["where"] == "live"));
    let history = ask(
        K8S,
        &[
            "search",
            "-F",
            "NGINX:1.19",
            "-i",
            "--in",
            "history",
            "-o",
            "json",
        ],
    );
    assert!(
        history.rows().iter().all(|row| row["where"] == "history"),
        "{}",
        history.out
    );
    let keys = ask(K8S, &["search", "node-1$", "--in", "keys", "-o", "json"]);
    let found: BTreeSet<String> = keys
        .rows()
        .iter()
        .map(|row| row["key"].as_str().unwrap().to_owned())
        .collect();
    assert!(found.contains("/registry/minions/node-1"), "{found:?}");
    let then = ask(
        K8S,
        &["search", "-F", "nginx", "--rev", "100", "-o", "json"],
    );
    assert!(
        then.rows()
            .iter()
            .all(|row| row["revision"].as_i64() <= Some(100))
    );
    let none = ask(K8S, &["search", "-F", "no such text anywhere"]);
    assert_eq!((none.code, none.out.as_str()), (1, ""));
    let bad = ask(K8S, &["search", "(("]);
    assert_eq!(bad.code, 2);
    assert!(bad.err.contains("search -F '(('"), "{}", bad.err);
}

#[test]
fn certs_are_listed_by_expiry_against_the_datas_own_time() {
    let said = ask(K8S, &["certs", "-o", "json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let rows = said.rows();
    assert!(!rows.is_empty());
    assert_eq!(said.json()["now"], "2026-11-21T01:18:33Z");
    let expiries: Vec<&str> = rows
        .iter()
        .filter_map(|row| row["not_after"].as_str())
        .collect();
    assert!(expiries.is_sorted(), "{expiries:?}");
    assert!(
        rows.iter().any(|row| row["kind"] == "request"),
        "{}",
        said.out
    );
    let expired = ask(
        K8S,
        &[
            "certs",
            "--expired",
            "--now",
            "2099-01-01T00:00:00Z",
            "-o",
            "json",
        ],
    );
    let dated = rows
        .iter()
        .filter(|row| row["not_after"].is_string())
        .count();
    assert_eq!(expired.rows().len(), dated);
}

#[test]
fn encrypted_values_open_with_their_configurations_and_a_wrong_key_names_what_was_tried() {
    let root = data_dir(ENCRYPTED);
    let config = |number: usize| {
        root.join(format!("enc-{number}.json"))
            .to_str()
            .unwrap()
            .to_owned()
    };
    let configs: Vec<String> = (0..5).map(config).collect();
    let with_all: Vec<&str> = configs
        .iter()
        .flat_map(|path| ["--encryption-config", path.as_str()])
        .collect();
    let wanted = lines(&fixture(ENCRYPTED).join("truth/decrypted.jsonl.zst"));
    assert!(wanted.len() > 50);
    let mut line = vec![
        "keys",
        "--values",
        "--stored",
        "--reveal=all",
        "-o",
        "jsonl",
    ];
    line.extend(&with_all);
    let said = ask(ENCRYPTED, &line);
    assert_eq!(said.code, 0, "{}", said.err);
    let ours: std::collections::HashMap<String, Value> = said
        .out
        .split('\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter_map(|row| Some((row["key"].as_str()?.to_owned(), row["object"].clone())))
        .collect();
    for row in &wanted {
        let plain = STANDARD
            .decode(row["plaintext_b64"].as_str().unwrap())
            .unwrap();
        let decoded = decode(&["-o", "json"], &plain);
        assert_eq!(decoded.code, 0, "{}", decoded.err);
        assert_eq!(
            ours[row["key"].as_str().unwrap()],
            decoded.json(),
            "{}",
            row["key"]
        );
        if row["mod_revision"].as_i64() > Some(1700) {
            break; // One process for each value: the rest is compared in the library's own test.
        }
    }
    let locked = wanted[0]["key"].as_str().unwrap();
    let without = ask(ENCRYPTED, &["get", "--key", locked, "-o", "json"]);
    assert!(!without.out.contains("\"object\""), "{}", without.out);
    let noun = ask(ENCRYPTED, &["get", "cm/c1-0", "-n", "prod", "-o", "json"]);
    assert_eq!(noun.code, 2);
    assert!(
        noun.err.contains("E0105") && noun.err.contains("secretbox sb1"),
        "{}",
        noun.err
    );
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong.yaml");
    std::fs::write(&wrong, format!(
        "kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nresources:\n- resources: [configmaps, secrets]\n  providers:\n  - secretbox:\n      keys:\n      - name: sb1\n        secret: {}\n",
        STANDARD.encode([7u8; 32])
    )).unwrap();
    let refused = ask(
        ENCRYPTED,
        &[
            "get",
            "cm/c1-0",
            "-n",
            "prod",
            "--encryption-config",
            wrong.to_str().unwrap(),
        ],
    );
    assert_eq!(refused.code, 2);
    assert!(
        refused.err.contains("c1-0") && refused.err.contains("tried secretbox sb1"),
        "{}",
        refused.err
    );
    assert_eq!(refused.out, "");
}

#[test]
fn the_audit_counts_values_by_resource_and_key() {
    let said = ask(ENCRYPTED, &["meta", "--encryption", "-o", "json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let stored = lines(&fixture(ENCRYPTED).join("truth/stored.jsonl.zst"));
    let of_key = |name: &str| -> usize {
        stored
            .iter()
            .filter(|row| {
                row["enc"]
                    .as_str()
                    .is_some_and(|enc| enc.trim_end_matches(':').ends_with(name))
            })
            .count()
    };
    for (key, name) in [
        ("sb1", "secretbox:v1:sb1"),
        ("key1", "aescbc:v1:key1"),
        ("key2", "aescbc:v1:key2"),
    ] {
        let ours: u64 = said
            .rows()
            .iter()
            .filter(|row| row["key"] == key)
            .filter_map(|row| row["values"].as_u64())
            .sum();
        assert_eq!(usize::try_from(ours).unwrap(), of_key(name), "{key}");
    }
    let status = ask(ENCRYPTED, &["status", "-o", "json"]).json();
    assert_eq!(status["secrets"]["count"], 101);
}

fn decode(args: &[&str], input: &[u8]) -> Said {
    let mut child = command()
        .arg("decode")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.into()
}

#[test]
fn decode_reads_one_value_or_one_a_line_and_goes_on_after_a_bad_one() {
    let raw = command()
        .args(["get", "deploy/web", "-n", "prod", "-o", "raw", "-d"])
        .arg(data_dir(K8S))
        .output()
        .unwrap()
        .stdout;
    let one = decode(&["-o", "json"], &raw);
    assert_eq!(one.code, 0, "{}", one.err);
    assert_eq!(one.json()["metadata"]["name"], "web");
    let yaml = decode(&[], &raw);
    assert!(yaml.out.contains("kind: Deployment"), "{}", yaml.out);
    let input = format!(
        "{}\nnot base64!\n{}\n",
        STANDARD.encode(&raw),
        STANDARD.encode(b"k8s\0\xff")
    );
    let many = decode(&["--lines"], input.as_bytes());
    assert_eq!(many.code, 3, "{}", many.err);
    let documents: Vec<Value> = many
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(documents.len(), 3);
    assert_eq!(documents[0]["kind"], "Deployment");
    assert!(documents[1]["error"].as_str().unwrap().contains("base64"));
    assert!(documents[2]["error"].is_string());
    assert_eq!(decode(&[], b"\x00\x01 no object").code, 1);
}

#[test]
fn sums_name_kinds_times_and_namespaces() {
    let by = ask(K8S, &["keys", "--by-resource", "-o", "json"]).rows();
    let row = |name: &str| {
        by.iter()
            .find(|row| row["resource"] == name)
            .unwrap_or_else(|| panic!("{name}"))
    };
    assert_eq!(row("pods")["kind"], "Pod");
    assert_eq!(row("widgets.example.com")["kind"], "Widget");
    assert_eq!(
        row("leases")["last_write"].as_str().unwrap().get(..16),
        Some("2026-11-21T01:18")
    );
    let namespaced = ask(K8S, &["keys", "--by-resource", "-n", "prod", "-o", "json"]).rows();
    let pods = namespaced
        .iter()
        .find(|row| row["resource"] == "pods")
        .unwrap();
    assert_eq!(pods["keys"], 16);
    let listed = ask(K8S, &["keys", "-n", "prod", "-o", "json"]).rows();
    let sum: u64 = namespaced
        .iter()
        .map(|row| row["keys"].as_u64().unwrap())
        .sum();
    assert_eq!(listed.len() as u64, sum);
    let by_namespace = ask(K8S, &["keys", "--by-namespace", "-o", "json"]).rows();
    assert_eq!(
        by_namespace
            .iter()
            .find(|row| row["namespace"] == "prod")
            .unwrap()["keys"],
        sum
    );
    let past = ask(
        K8S,
        &["keys", "--by-resource", "--rev", "600", "-o", "json"],
    )
    .rows();
    let live = ask(K8S, &["keys", "--rev", "600", "-o", "json"]).rows();
    let sum: u64 = past.iter().map(|row| row["keys"].as_u64().unwrap()).sum();
    assert_eq!(live.len() as u64, sum);
}

#[test]
fn undecodable_values_are_listed_with_cause_and_place() {
    let said = ask(ENCRYPTED, &["get", "--undecodable", "-o", "json"]);
    assert_eq!(said.code, 1, "{}", said.err);
    let rows = said.rows();
    assert!(
        rows.iter()
            .all(|row| row["offset"].is_u64() && row["cause"].is_string()),
        "{}",
        said.out
    );
    let stored = lines(&fixture(ENCRYPTED).join("truth/stored.jsonl.zst"));
    let closed = stored
        .iter()
        .filter(|row| {
            row["enc"]
                .as_str()
                .is_some_and(|enc| enc.starts_with("k8s:enc:"))
        })
        .count();
    assert_eq!(rows.len(), closed);
    let clean = ask(K8S, &["get", "--undecodable"]);
    assert_eq!((clean.code, clean.out.as_str()), (0, ""));
    assert!(etcd_inspect(["get", "--undecodable"]).code == 2);
}

#[test]
fn threads_change_no_answer_and_deep_values_name_the_flag_that_reads_them() {
    let all = ask(K8S, &["keys", "--by-resource", "-o", "json"]);
    let one = ask(
        K8S,
        &["keys", "--by-resource", "-o", "json", "--threads", "1"],
    );
    assert_eq!(all.out, one.out);
    let shallow = ask(
        K8S,
        &[
            "get",
            "deploy/web",
            "-n",
            "prod",
            "--value-depth",
            "2",
            "-o",
            "json",
        ],
    );
    assert_ne!(shallow.code, 0);
    assert!(shallow.err.contains("--value-depth"), "{}", shallow.err);
    let listed = ask(
        K8S,
        &["get", "--undecodable", "--value-depth", "2", "-o", "json"],
    );
    assert_eq!(listed.code, 1);
    assert!(
        listed.rows()[0]["cause"]
            .as_str()
            .unwrap()
            .contains("--value-depth"),
        "{}",
        listed.out
    );
}

#[test]
fn a_log_that_begins_in_the_middle_gives_no_revision_that_is_not_the_true_one() {
    let versions = |said: &Said| -> BTreeSet<(i64, i64)> {
        let rows = said.rows();
        let pair = |row: &Value| Some((row["revision"].as_i64()?, row["version"].as_i64()?));
        rows.iter().filter_map(pair).collect()
    };
    let line = ["history", "/plain/else", "--wal", "-o", "json"];
    let full = ask("etcd-3.5.30", &line);
    let truth = versions(&full);
    let copy = testkit::fixture_copy("etcd-3.5.30");
    let data = copy.data_dir();
    testkit::places::wal::split(&data, &[60, 120]);
    let wal = data.join("member/wal");
    let mut segments: Vec<_> = std::fs::read_dir(&wal)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    segments.sort();
    std::fs::remove_file(&segments[0]).unwrap();
    let mut args = line.to_vec();
    args.extend(["-d", data.to_str().unwrap()]);
    let said = sealed(&data, args);
    assert!(matches!(said.code, 0 | 3), "{} {}", said.code, said.err);
    let told = versions(&said);
    assert!(told.is_subset(&truth), "{told:?}\n{truth:?}\n{}", said.err);
    let of_wal = said
        .rows()
        .iter()
        .filter(|row| row["source"] == "wal")
        .count();
    assert!(of_wal > 3, "{}\n{}", said.out, said.err);
    for row in said
        .rows()
        .iter()
        .filter(|row| row.get("revision").is_none())
    {
        assert!(
            row["raft_index"].is_u64() && row.get("version").is_none(),
            "{row}"
        );
    }
}
