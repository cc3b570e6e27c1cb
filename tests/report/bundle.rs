//! `doctor --bundle`: what is attached to an issue holds what the verbs answer, and no secret.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::Keyspace;
use testkit::{data_dir, fixture_copy};

use crate::run::{RunResult, run, sealed, text};

/// Writes a bundle and unpacks it with the `tar` and `zstd` of the system.
fn bundle(paths: &[&Path], dir: &Path) -> (RunResult, PathBuf) {
    let out = dir.join("issue.tar.zst");
    let mut args = vec!["doctor", "--bundle", text(&out), "-o", "json"];
    args.extend(paths.iter().map(|path| text(path)));
    let said = sealed(paths[0], &args);
    let status = Command::new("tar")
        .args(["--zstd", "-C", text(dir), "-xf", text(&out)])
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{}", said.err);
    (said, dir.join("etcd-inspect-bundle"))
}

fn json(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
}

#[test]
fn a_bundle_holds_the_page_the_manifest_the_findings_and_what_doctor_prints() {
    let data = data_dir("alarm-corrupt-3.5.30/m1");
    let other = data_dir("alarm-corrupt-3.5.30/m2");
    let dir = tempfile::tempdir().unwrap();
    let (said, folder) = bundle(&[&data, &other], dir.path());
    assert_eq!(said.code, 0, "{}", said.err);
    let page = dir.path().join("page.html");
    sealed(
        &data,
        &["report", text(&data), text(&other), "--out", text(&page)],
    );
    assert!(
        fs::read(&page).unwrap() == fs::read(folder.join("report.html")).unwrap(),
        "the page is that of `report`"
    );
    let manifest = folder.join("manifest.json");
    assert_eq!(run(&["manifest", "--verify", text(&manifest)]).code, 0);
    let findings = json(&folder, "findings.json");
    for (at, path) in [&data, &other].into_iter().enumerate() {
        let mut check = sealed(path, &["check", text(path), "-o", "json"]).json();
        check.as_object_mut().unwrap().remove("schema");
        let ours = &findings["evidence"][at];
        assert_eq!(ours["path"], text(path));
        assert_eq!(ours["check"], check, "the findings are those of `check`");
        assert!(!check["findings"].as_array().unwrap().is_empty());
    }
    let doctor = run(&["doctor", text(&data), "-o", "json"]).json();
    assert_eq!(json(&folder, "doctor.json")["version"], doctor["version"]);
    let listed = said.json()["bundle"]["files"].clone();
    for file in listed.as_array().unwrap() {
        let content = fs::read(folder.join(file["name"].as_str().unwrap())).unwrap();
        assert_eq!(file["size_bytes"], content.len());
    }
    assert_eq!(
        listed.as_array().unwrap().len(),
        fs::read_dir(&folder).unwrap().count()
    );
}

#[test]
fn no_secret_of_the_evidence_is_in_a_bundle() {
    let data = data_dir("k8s-1.20-etcd35");
    let asked = ["get", "secrets", "-A", "-o", "json", "--reveal=all", "-d"];
    let secrets = run(&[&asked[..], &[text(&data)]].concat()).json();
    let tokens = secrets["items"].as_array().unwrap().iter();
    let mut canaries: Vec<String> = tokens
        .filter_map(|secret| Some(secret["data"]["token"].as_str()?.to_owned()))
        .collect();
    assert!(canaries.len() > 10);
    let mut writer = Keyspace::new();
    for (key, value) in [
        (
            "/registry/secrets/n/s",
            r#"{"kind":"Secret","apiVersion":"v1","metadata":{"name":"s","namespace":"n","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"data\":{\"p\":\"canary-applied\"}}"}},"data":{"p":"Y2FuYXJ5LXNlY3JldA=="},"stringData":{"q":"canary-plain"}}"#,
        ),
        // Cut short: it cannot be decoded, and nothing of it may be shown for that.
        (
            "/registry/secrets/n/t",
            r#"{"kind":"Secret","apiVersion":"v1","data":{"p":"canary-undecodable"#,
        ),
        ("/registry/secrets/n/other", "canary-raw"),
    ] {
        writer.put(key.as_bytes(), value.as_bytes());
    }
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("db");
    let mut bytes = DbBuilder::etcd().bucket("key", writer.records()).build();
    fs::write(&db, &bytes).unwrap();
    // A damaged copy: findings are about the bytes of secrets too.
    let at = bytes.windows(10).position(|part| part == b"canary-raw");
    bytes[at.unwrap() - 8] ^= 0x55;
    let damaged = dir.path().join("damaged.db");
    fs::write(&damaged, &bytes).unwrap();
    canaries.extend(
        [
            "canary-applied",
            "canary-secret",
            "Y2FuYXJ5LXNlY3JldA",
            "canary-plain",
            "canary-undecodable",
            "canary-raw",
        ]
        .map(str::to_owned),
    );
    for evidence in [&data, &db, &damaged] {
        let dir = tempfile::tempdir().unwrap();
        let (_, folder) = bundle(&[evidence], dir.path());
        for file in fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            let content = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            for canary in &canaries {
                assert!(
                    !content.contains(canary.as_str()),
                    "{}: {canary}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn a_bundle_of_damaged_evidence_is_written_and_says_that_it_is_partial() {
    let copy = fixture_copy("etcd-3.5.30");
    let data = copy.data_dir();
    let db = data.join("member/snap/db");
    let whole = fs::read(&db).unwrap();
    // Within the pages that are used: the db cannot be read.
    fs::write(&db, &whole[..40_000]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (said, folder) = bundle(&[&data], dir.path());
    assert_eq!(said.code, 3, "{}", said.err);
    let findings = json(&folder, "findings.json");
    let codes = findings["evidence"][0]["check"]["findings"].to_string();
    assert!(codes.contains("BOLT-007"), "{codes}");
}

#[test]
fn a_bundle_that_cannot_be_written_is_refused_with_a_command_that_can() {
    let data = data_dir("etcd-3.4.23");
    let dir = tempfile::tempdir().unwrap();
    let (there, zip) = (dir.path().join("there.tar.zst"), dir.path().join("a.zip"));
    let inside = data.join("issue.tar.zst");
    fs::write(&there, b"").unwrap();
    for out in [&there, &zip, &inside] {
        let said = sealed(&data, &["doctor", "--bundle", text(out), text(&data)]);
        assert_eq!(said.code, 2, "{}", said.err);
        let next = said
            .err
            .lines()
            .find_map(|line| line.trim().strip_prefix("try "));
        let words: Vec<&str> = next.unwrap().split_whitespace().skip(1).collect();
        let folder = tempfile::tempdir().unwrap();
        let ran = Command::new(env!("CARGO_BIN_EXE_etcd-inspect"))
            .args(&words)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{words:?}");
        assert!(folder.path().join("issue.tar.zst").exists());
    }
    assert!(!zip.exists() && !inside.exists());
}
