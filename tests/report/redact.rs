//! `redact`: a copy that can be shared: the same structure and damage, and nothing of any value.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use etcd_inspect::answers::redact::RedactAnswer;
use etcd_inspect::kubernetes::key::Layout;
use etcd_inspect::member::Member;
use etcd_inspect::mvcc::KeyRange;
use etcd_inspect::progress::Silent;
use etcd_inspect::salvage::backup::Out;
use etcd_inspect::salvage::redact::{RedactOptions, Redacted, redact};
use serde_json::Value;
use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::Keyspace;
use testkit::{damage, data_dir, fixture};

use crate::run::{run, sealed, text};

/// A redacted copy by the library alone. One that cannot be proved fails the test.
#[track_caller]
fn written(member: &Member, out: &Path, names: bool) -> Redacted {
    let _ = fs::remove_file(out);
    let options = RedactOptions {
        names,
        salt: b"a salt of sixteen".to_vec(),
        layout: Layout::default(),
    };
    let target = Out::new(out, [member.evidence()]).unwrap();
    redact(member, &options, &target, &Silent).unwrap()
}

/// The same with a check of both.
#[track_caller]
fn copy_of(db: &Path, out: &Path, names: bool) -> RedactAnswer {
    let member = Member::open(db).unwrap();
    let redacted = written(&member, out, names);
    RedactAnswer::new(&member, &redacted, names, &Silent).unwrap()
}

/// Every value of every version that a db has, with its offset in the file.
fn values(db: &Path) -> Vec<(usize, Vec<u8>)> {
    let member = Member::open(db).unwrap();
    let keyspace = member.readable_keyspace().unwrap();
    let bytes = fs::read(db).unwrap();
    let mut values = Vec::new();
    for version in keyspace.all(&KeyRange::all()).iter() {
        let Ok(kv) = version.key_value() else {
            continue;
        };
        let from = usize::try_from(version.offset.unwrap()).unwrap();
        let near = &bytes[from..bytes.len().min(from + kv.value.len() + 4096)];
        if let Some(at) = memchr::memmem::find(near, kv.value) {
            values.push((from + at, kv.value.to_vec()));
        }
    }
    values
}

/// Pieces of values that are in no structure: eight bytes from the middle of texts.
fn secrets(db: &Path) -> Vec<Vec<u8>> {
    let is_text = |value: &[u8]| value.iter().all(u8::is_ascii_graphic);
    let values = values(db).into_iter().map(|(_, value)| value);
    let texts =
        values.filter(|value| value.len() >= 8 && is_text(value) && !value.starts_with(b"{"));
    let pieces: HashSet<Vec<u8>> = texts
        .map(|value| value[value.len() / 2 - 4..][..8].to_vec())
        .collect();
    pieces.into_iter().take(60).collect()
}

fn nothing_of(secrets: &[Vec<u8>], copy: &Path) -> Result<(), String> {
    let bytes = fs::read(copy).unwrap();
    for secret in secrets {
        if let Some(at) = memchr::memmem::find(&bytes, secret) {
            return Err(format!("{} at {at:#x}", secret.escape_ascii()));
        }
    }
    Ok(())
}

#[test]
fn the_check_finds_the_same_in_a_damaged_db_and_in_its_copy_and_no_value_is_in_the_copy() {
    let original = fixture("etcd-3.5.30").join("snapshot.db");
    let secrets = secrets(&original);
    assert!(secrets.len() > 20, "{}", secrets.len());
    let dir = tempfile::tempdir().unwrap();
    let (db, out) = (dir.path().join("db"), dir.path().join("out/copy.db"));
    fs::create_dir(dir.path().join("out")).unwrap();
    let cases = damage::db(&original);
    assert!(cases.len() > 100);
    let (mut damaged, mut tried, mut other, mut leaks) = (0, 0, Vec::new(), Vec::new());
    // REDACT=all takes every case.
    let number = std::env::var("REDACT").map_or(24, |_| cases.len());
    for case in cases.iter().step_by(cases.len() / number) {
        fs::copy(&original, &db).unwrap();
        case.apply(&db);
        if Member::open(&db)
            .and_then(|member| member.db_bytes().map(drop))
            .is_err()
        {
            continue;
        }
        tried += 1;
        let answer = copy_of(&db, &out, tried % 2 == 0);
        assert_eq!(
            fs::metadata(&db).unwrap().len(),
            fs::metadata(&out).unwrap().len(),
            "{case:?}"
        );
        damaged += usize::from(answer.check.findings > 2);
        if !answer.check.same {
            other.push(format!("{case:?}: {:?}", answer.check));
        }
        if let Err(leak) = nothing_of(&secrets, &out) {
            leaks.push(format!("{case:?}: {leak}"));
        }
    }
    assert!(
        damaged > 20,
        "{damaged} of {tried} have findings of their own"
    );
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    assert!(
        other.is_empty(),
        "{} of {tried} differ:\n{}",
        other.len(),
        other.join("\n")
    );
}

#[test]
fn no_four_bytes_of_a_value_stay_where_they_were_but_structure() {
    let db = data_dir("k8s-1.20-etcd35").join("member/snap/db");
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("copy.db");
    let answer = copy_of(&db, &out, false);
    assert!(answer.check.same, "{:?}", answer.check);
    assert_ne!(answer.hashkv.original, answer.hashkv.copy);
    let copy = fs::read(&out).unwrap();
    let (mut compared, mut kept) = (0usize, 0usize);
    for (at, value) in values(&db) {
        let new = &copy[at..at + value.len()];
        compared += value.len();
        let mut run = Vec::new();
        let type_end = value
            .iter()
            .take(80)
            .position(|byte| *byte == 0x12)
            .unwrap_or(0);
        for (place, (before, after)) in value.iter().zip(new).enumerate() {
            if before == after && *before != 0 {
                run.push(*before);
                continue;
            }
            // apiVersion and kind are at the start; tags and lengths are control characters or short.
            let is_type = place < 80 + type_end;
            if run.len() >= 4 {
                kept += run.len();
                let is_json = value.starts_with(b"{");
                let is_printable = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_graphic);
                assert!(
                    is_type || is_json || !run.windows(4).any(is_printable),
                    "{}",
                    run.escape_ascii()
                );
            }
            run.clear();
        }
    }
    assert!(
        compared > 100_000 && kept < compared / 10,
        "{kept} of {compared}"
    );
}

#[test]
fn the_copy_is_read_as_the_original_with_the_same_keys_revisions_and_kinds() {
    let data = data_dir("k8s-1.20-etcd35");
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("shared.db");
    let said = sealed(
        &data,
        &["redact", text(&data), "--out", text(&out), "-o", "json"],
    );
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let db = data.join("member/snap/db");
    let rows = |path: &Path| -> Vec<Value> {
        let said = run(&["keys", "-o", "json", text(path)]);
        said.json()["rows"].as_array().unwrap().clone()
    };
    assert_eq!(
        rows(&db),
        rows(&out),
        "keys, revisions, versions, leases and sizes"
    );
    // Objects still decode: as many of each kind, with other names in them.
    let kinds = |path: &Path| {
        let said = run(&["get", "pods", "-A", "-o", "json", "-d", text(path)]);
        let json = said.json();
        let items = json["items"].as_array().unwrap().iter();
        items
            .map(|item| item["kind"].as_str().unwrap_or("?").to_owned())
            .collect::<Vec<_>>()
    };
    let before = kinds(&db);
    assert!(!before.is_empty());
    assert_eq!(before, kinds(&out));
}

#[test]
fn with_names_the_same_key_has_the_same_name_and_two_keys_never_one() {
    let db = fixture("etcd-3.5.30").join("data/member/snap/db");
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("copy.db");
    let answer = copy_of(&db, &out, true);
    assert!(answer.names_replaced.unwrap() > 10);
    let counts = |path: &Path| {
        let said = run(&["status", "-o", "json", text(path)]).json();
        ["keys", "revisions", "tombstones", "revision"].map(|field| said[field].clone())
    };
    assert_eq!(counts(&db), counts(&out));
    let bytes = fs::read(&out).unwrap();
    let names = run(&["keys", "-o", "json", text(&db)]).json();
    let names = names["rows"].as_array().unwrap().iter();
    let names = names.filter_map(|row| row["key"].as_str().filter(|key| key.len() >= 8));
    let mut looked = 0;
    for name in names {
        looked += 1;
        assert!(
            memchr::memmem::find(&bytes, name.as_bytes()).is_none(),
            "{name}"
        );
    }
    assert!(looked > 5);
}

#[test]
fn fillings_need_the_salt_and_are_the_same_with_the_same_salt() {
    let db = data_dir("etcd-3.5.30").join("member/snap/db");
    let dir = tempfile::tempdir().unwrap();
    let salt = dir.path().join("salt");
    fs::write(&salt, b"0123456789abcdef").unwrap();
    let sum = |name: &str, more: &[&str]| {
        let out = dir.path().join(name);
        let mut args = vec!["redact", text(&db), "--out", text(&out), "-o", "json"];
        args.extend(more);
        let said = sealed(&db, &args);
        assert_eq!(said.code, 0, "{}", said.err);
        said.json()["sha256"].as_str().unwrap().to_owned()
    };
    let given = ["--salt", text(&salt)];
    assert_eq!(sum("a", &given), sum("b", &given));
    assert_ne!(sum("c", &[]), sum("d", &[]), "a random salt for each run");
    fs::write(&salt, b"short").unwrap();
    let out = dir.path().join("e");
    let said = run(&[
        "redact",
        text(&db),
        "--out",
        text(&out),
        "--salt",
        text(&salt),
    ]);
    assert_eq!(said.code, 2);
    assert!(
        said.err.contains("openssl rand") && !out.exists(),
        "{}",
        said.err
    );
}

#[test]
fn nothing_of_a_value_survives_whatever_elements_and_headers_say() {
    let original = fixture("etcd-3.5.30").join("snapshot.db");
    let secrets = secrets(&original);
    let dir = tempfile::tempdir().unwrap();
    let (db, out) = (dir.path().join("db"), dir.path().join("copy.db"));
    let plain = fs::read(&original).unwrap();
    let mut seed = 18u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    for round in 0..24 {
        let mut bytes = plain.clone();
        for page in (4096 * 2..bytes.len() - 4096).step_by(4096) {
            let count = usize::from(bytes[page + 10]).min(60);
            if bytes[page + 8] != 2 || count == 0 {
                continue;
            }
            let bit = 1u32 << (4 + random(8));
            let all = round % 3 == 0;
            let one = usize::try_from(random(count as u64)).unwrap();
            // Positions of one element or of all, a length, or bytes of the header and the first elements.
            let field = [4, 8, 12][usize::try_from(random(3)).unwrap()];
            for element in (0..count).filter(|at| all || *at == one) {
                let at = page + 16 + 16 * element + if all { 4 } else { field };
                let number = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
                bytes[at..at + 4].copy_from_slice(&(number ^ bit).to_le_bytes());
            }
            if round % 4 == 1 {
                for _ in 0..8 {
                    let at = page + 8 + usize::try_from(random(56)).unwrap();
                    bytes[at] = u8::try_from(random(256)).unwrap();
                }
            }
        }
        fs::write(&db, &bytes).unwrap();
        written(&Member::open(&db).unwrap(), &out, round % 2 == 0);
        nothing_of(&secrets, &out).unwrap_or_else(|leak| panic!("round {round}: {leak}"));
    }
}

#[test]
fn pages_that_no_tree_reaches_are_in_the_copy_of_a_db_without_metas() {
    let original = fixture("etcd-3.5.30").join("snapshot.db");
    let dir = tempfile::tempdir().unwrap();
    let (db, out) = (dir.path().join("db"), dir.path().join("copy.db"));
    let mut bytes = fs::read(&original).unwrap();
    bytes[..8192].fill(0xa5);
    fs::write(&db, &bytes).unwrap();
    let keys = |path: &Path| {
        let args = ["salvage", text(path), "--include", "carved", "--dry-run"];
        let said = run(&[&args[..], &["-o", "json"]].concat());
        said.json()["keys"].clone()
    };
    written(&Member::open(&db).unwrap(), &out, false);
    let before = keys(&db);
    assert!(before.as_u64() > Some(20), "{before}");
    assert_eq!(
        before,
        keys(&out),
        "records in the rest of pages that were used again, too"
    );
}

/// What only has the place of a type, and names that are tokens, are content.
#[test]
fn types_that_nothing_knows_and_names_that_are_tokens_are_not_in_the_copy() {
    let dir = tempfile::tempdir().unwrap();
    let (db, out, page) = (
        dir.path().join("a.db"),
        dir.path().join("out.db"),
        dir.path().join("a.html"),
    );
    let mut keyspace = Keyspace::new();
    keyspace.put(
        b"/app/kind",
        br#"{"kind":"CANARYkindname","apiVersion":"CANARYgroup/v1"}"#,
    );
    keyspace.put(
        b"/registry/configmaps/shop/a",
        br#"{"kind":"CANARYkindtwo","apiVersion":"v1","metadata":{"name":"a"}}"#,
    );
    keyspace.put(
        b"/registry/configmaps/shop/b",
        br#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"b"}}"#,
    );
    for key in [
        "/openshift.io/oauth/accesstokens/CANARYtokenname",
        "/registry/oauth.openshift.io/accesstokens/CANARYtokenother",
    ] {
        keyspace.put(key.as_bytes(), br#"{"kind":"OAuthAccessToken","apiVersion":"oauth.openshift.io/v1","metadata":{"name":"CANARYtokenname"}}"#);
    }
    keyspace.put(b"/openshift.io/oauth/accesstokens/sha256~public", b"{}");
    fs::write(
        &db,
        DbBuilder::etcd().bucket("key", keyspace.records()).build(),
    )
    .unwrap();
    let said = run(&["redact", text(&db), "--out", text(&out)]);
    assert!(matches!(said.code, 0 | 3), "{}", said.err);
    let copy = fs::read(&out).unwrap();
    assert!(memchr::memmem::find(&copy, b"CANARY").is_none());
    for kept in [
        &b"ConfigMap"[..],
        b"sha256~public",
        b"/registry/configmaps/shop/a",
    ] {
        assert!(
            memchr::memmem::find(&copy, kept).is_some(),
            "{}",
            kept.escape_ascii()
        );
    }
    let said = run(&["report", text(&db), "--out", text(&page)]);
    assert!(matches!(said.code, 0 | 3), "{}", said.err);
    let page = fs::read_to_string(&page).unwrap();
    assert!(!page.contains("CANARYtoken") && page.contains("/app/kind"));
}
