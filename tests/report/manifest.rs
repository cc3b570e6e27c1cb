//! `manifest`: every file with its sum, and what changed since.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use testkit::{data_dir, fixture_copy};

use crate::run::{run, sealed, text};

fn file<'j>(manifest: &'j Value, path: &str) -> &'j Value {
    let evidence = manifest["evidence"].as_array().unwrap();
    let mut files = evidence
        .iter()
        .flat_map(|one| one["files"].as_array().unwrap());
    files
        .find(|file| file["path"] == path)
        .unwrap_or_else(|| panic!("{path}: {manifest:#}"))
}

fn sha256sum(path: &Path) -> String {
    let output = Command::new("sha256sum")
        .arg(path)
        .output()
        .expect("sha256sum");
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn every_file_has_the_sum_that_sha256sum_computes_and_the_facts_of_stat() {
    let data = data_dir("k8s-1.20-etcd35");
    let said = sealed(&data, &["manifest", text(&data), "-o", "json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let manifest = said.json();
    let recorded = file(&manifest, "member/snap/db");
    let there = data.join("member/snap/db");
    assert_eq!(recorded["sha256"], sha256sum(&there));
    assert_eq!(recorded["size_bytes"], there.metadata().unwrap().len());
    use std::os::unix::fs::MetadataExt;
    let meta = data.join("member/snap/db").metadata().unwrap();
    assert_eq!(recorded["uid"], meta.uid());
    assert_eq!(recorded["mode"], format!("{:04o}", meta.mode() & 0o7777));
    let evidence = &manifest["evidence"][0];
    let status = run(&["status", text(&data), "-o", "json"]).json();
    assert_eq!(evidence["member_id"], status["member_id"]);
    assert_eq!(evidence["cluster_id"], status["cluster_id"]);
    let clock = &evidence["data_clock"];
    assert_eq!(clock["revision"], status["revision"]);
    assert_eq!(clock["time"], status["newest_time"]);
    let ahead = clock["host_is_ahead_s"].as_i64().unwrap();
    assert!(ahead > 0, "the fixture is older than now: {ahead}");
}

#[test]
fn what_changed_since_is_named_and_what_did_not_is_not() {
    let copy = fixture_copy("etcd-3.5.30");
    let data = copy.data_dir();
    let dir = tempfile::tempdir().unwrap();
    let manifest = dir.path().join("manifest.json");
    let said = sealed(&data, &["manifest", text(&data), "--out", text(&manifest)]);
    assert_eq!(said.code, 0, "{}", said.err);
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(
        manifest.metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    let verify = || {
        sealed(
            &data,
            &["manifest", "--verify", text(&manifest), "-o", "json"],
        )
    };
    let same = verify();
    assert_eq!(
        (same.code, &same.json()["is_same"]),
        (0, &Value::from(true))
    );

    let db = data.join("member/snap/db");
    let mut bytes = fs::read(&db).unwrap();
    bytes[5000] ^= 1;
    fs::write(&db, bytes).unwrap();
    fs::write(data.join("member/new"), b"x").unwrap();
    let wal = data.join("member/wal");
    let segment = fs::read_dir(&wal).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(&segment).unwrap();
    let changed = verify();
    assert_eq!(changed.code, 1);
    let changes: Vec<(String, String)> = changed.json()["differing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            (
                file["path"].as_str().unwrap().to_owned(),
                file["change"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let has = |path: &str, change: &str| changes.contains(&(path.to_owned(), change.to_owned()));
    assert!(has("member/snap/db", "content"), "{changes:?}");
    assert!(has("member/new", "new"), "{changes:?}");
    let segment = format!(
        "member/wal/{}",
        segment.file_name().unwrap().to_str().unwrap()
    );
    assert!(has(&segment, "missing"), "{changes:?}");
    assert!(
        !changes.iter().any(|(path, _)| path.ends_with(".snap")),
        "{changes:?}"
    );
}

#[test]
fn a_checksum_inside_of_a_gzip_file_is_stated_as_stored_and_as_computed() {
    let dir = tempfile::tempdir().unwrap();
    let gz = dir.path().join("backup.db.gz");
    let member = |text: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    let mut bytes = member(b"first");
    bytes.extend(member(b"second"));
    let crc = bytes.len() - 8;
    let stored = u32::from_le_bytes(bytes[crc..crc + 4].try_into().unwrap());
    fs::write(&gz, &bytes).unwrap();
    let said = sealed(&gz, &["manifest", text(&gz), "-o", "json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let members = file(&said.json(), "")["members"].clone();
    assert_eq!(members.as_array().unwrap().len(), 2);
    assert_eq!(members[1]["crc32_computed"], stored);
    bytes[crc] ^= 0x40;
    fs::write(&gz, &bytes).unwrap();
    let said = sealed(&gz, &["manifest", text(&gz), "-o", "json"]);
    assert_eq!(
        said.code, 3,
        "a member that is not what its checksum says is reported"
    );
    let members = file(&said.json(), "")["members"].clone();
    assert_eq!(members[1]["crc32_computed"], stored);
    assert_eq!(members[1]["crc32_stored"], stored ^ 0x40);
    assert_eq!(members[0]["crc32_computed"], members[0]["crc32_stored"]);
}

#[test]
fn holes_are_listed_and_hashed_as_zeros() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("0.wal");
    let sparse = fs::File::create(&path).unwrap();
    sparse.set_len(8 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"data", 4 << 20).unwrap();
    drop(sparse);
    let said = sealed(&path, &["manifest", text(&path), "-o", "json"]);
    let manifest = said.json();
    let recorded = file(&manifest, "");
    assert_eq!(recorded["sha256"], sha256sum(&path));
    let extents = recorded["data_extents"].as_array().unwrap();
    let data: u64 = extents
        .iter()
        .map(|extent| extent["length"].as_u64().unwrap())
        .sum();
    match data < 8 << 20 {
        true => assert!(
            extents
                .iter()
                .any(|extent| extent["offset"].as_u64().unwrap() <= 4 << 20)
        ),
        false => eprintln!("the file system of the temporary directory knows no holes"),
    }
}

#[test]
fn a_manifest_is_never_written_into_what_it_records() {
    let copy = fixture_copy("etcd-3.5.30");
    let data = copy.data_dir();
    for out in ["manifest.json", "member/snap/manifest.json"] {
        let out = data.join(out);
        let said = sealed(&data, &["manifest", text(&data), "--out", text(&out)]);
        assert_eq!(said.code, 2);
        assert!(said.err.contains("inside or above"), "{}", said.err);
    }
    // A directory that is nothing of etcd's is protected too.
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("audit.log"), b"{}").unwrap();
    let out = dir.path().join("manifest.json");
    let said = sealed(
        dir.path(),
        &["manifest", text(dir.path()), "--out", text(&out)],
    );
    assert_eq!(said.code, 2, "{}", said.err);
}
