//! Values: encrypted ones, undecodable ones, deep ones, single ones, and sums of them.

use super::*;

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

fn decode(args: &[&str], input: &[u8]) -> RunResult {
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
    let versions = |said: &RunResult| -> BTreeSet<(i64, i64)> {
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

#[test]
fn versions_that_objects_are_stored_in_are_counted_with_the_release_that_removes_them() {
    let said = ask(K8S, &["get", "--stored-versions", "-o", "json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let rows = said.rows();
    let listed = ask(K8S, &["get", "pods", "-A", "-o", "name"]);
    let pods = rows.iter().find(|row| row["kind"] == "Pod").unwrap();
    assert_eq!(pods["count"], listed.out.lines().count());
    assert_eq!(
        (&pods["stored_as"], pods["removed_in"].is_null()),
        (&"v1".into(), true)
    );
    let removed = |kind: &str, version: &str| {
        let row = (rows.iter()).find(|row| row["kind"] == kind && row["stored_as"] == version);
        row.map(|row| row["removed_in"].clone())
    };
    assert_eq!(
        removed("CronJob", "batch/v1beta1"),
        Some("1.25".into()),
        "{}",
        said.out
    );
    let sealed = ask(ENCRYPTED, &["get", "--stored-versions", "-o", "json"]);
    let unread = sealed
        .rows()
        .into_iter()
        .find(|row| row["kind"] == "secrets")
        .unwrap();
    assert!(unread["stored_as"].is_null() && unread["count"].as_u64() > Some(0));
}

#[test]
fn fields_that_the_table_does_not_name_are_never_dropped_in_silence() {
    let mut keys = testkit::synth::mvcc::Keyspace::new();
    let value = b"k8s\0\n\x0f\n\x02v1\x12\tConfigMap\x12\x0b\n\x03\n\x01a\x9a\x06\x03new\x1a\0\"\0";
    keys.put(b"/registry/configmaps/default/a", value);
    let file = tempfile::NamedTempFile::new().unwrap();
    let db = testkit::synth::bolt::DbBuilder::etcd().bucket("key", keys.records());
    std::fs::write(file.path(), db.build()).unwrap();
    let path = file.path().to_str().unwrap();
    for format in ["yaml", "json", "jsonl"] {
        let silent = etcd_inspect(["get", "configmaps", "-o", format, "-d", path]);
        assert!(silent.err.contains("--unknown"), "{format}: {}", silent.err);
        assert!(!silent.out.contains("99"), "{format}: {}", silent.out);
        let all = etcd_inspect(["get", "configmaps", "--unknown", "-o", format, "-d", path]);
        assert!(
            all.out.contains("99") && !all.err.contains("--unknown"),
            "{}{}",
            all.out,
            all.err
        );
    }
}
