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

/// What became of each file, by `manifest --verify`.
fn changes(data: &Path, manifest: &Path) -> Vec<(String, String)> {
    let said = sealed(
        data,
        &["manifest", "--verify", text(manifest), "-o", "json"],
    );
    let json = said.json();
    let differing = json["differing"].as_array().unwrap().iter();
    let word = |file: &Value, field: &str| file[field].as_str().unwrap().to_owned();
    differing
        .map(|file| (word(file, "path"), word(file, "change")))
        .collect()
}

#[test]
fn a_rename_a_link_a_mode_a_time_and_a_hole_are_each_reported_as_what_they_are() {
    use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("evidence");
    fs::create_dir(&data).unwrap();
    for name in [
        "renamed",
        "linked",
        "mode",
        "time",
        "same",
        "removed-link-target",
        "twice-1",
        "twice-2",
    ] {
        let content = if name.starts_with("twice") {
            "the same"
        } else {
            name
        };
        fs::write(data.join(name), content).unwrap();
    }
    symlink("removed-link-target", data.join("old-link")).unwrap();
    fs::hard_link(data.join("same"), data.join("second-name")).unwrap();
    let sparse = fs::File::create(data.join("sparse")).unwrap();
    sparse.set_len(4 << 20).unwrap();
    sparse.write_all_at(b"data", 2 << 20).unwrap();
    sparse.sync_all().unwrap();
    let manifest = dir.path().join("manifest.json");
    let said = sealed(
        &data,
        &[
            "manifest",
            text(&data),
            "--out",
            text(&manifest),
            "-o",
            "json",
        ],
    );
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(
        file(&said.json(), "second-name")["same_file_as"]["path"],
        "same"
    );
    assert_eq!(file(&said.json(), "same")["hard_links"], 2);
    assert_eq!(
        file(&said.json(), "second-name")["sha256"],
        file(&said.json(), "same")["sha256"]
    );
    assert_eq!(changes(&data, &manifest), []);

    fs::rename(data.join("renamed"), data.join("other-name")).unwrap();
    fs::rename(data.join("linked"), dir.path().join("elsewhere")).unwrap();
    symlink(dir.path().join("elsewhere"), data.join("linked")).unwrap();
    fs::set_permissions(data.join("mode"), fs::Permissions::from_mode(0o600)).unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(7);
    fs::File::options()
        .write(true)
        .open(data.join("time"))
        .unwrap()
        .set_modified(later)
        .unwrap();
    fs::remove_file(data.join("old-link")).unwrap();
    symlink("same", data.join("new-link")).unwrap();
    // Two files of the same bytes: which one has the new name is not known.
    fs::rename(data.join("twice-1"), data.join("twice-3")).unwrap();
    fs::rename(data.join("twice-2"), data.join("twice-4")).unwrap();
    fs::write(data.join("sparse"), fs::read(data.join("sparse")).unwrap()).unwrap();
    let found = changes(&data, &manifest);
    let has = |path: &str, change: &str| {
        assert!(
            found.contains(&(path.to_owned(), change.to_owned())),
            "{path}: {change}: {found:?}"
        );
    };
    has("other-name", "renamed");
    has("linked", "link");
    has("mode", "permissions");
    has("time", "times");
    has("old-link", "missing");
    has("new-link", "new");
    for (old, new) in [("twice-1", "twice-3"), ("twice-2", "twice-4")] {
        has(old, "missing");
        has(new, "new");
    }
    let is_named = |name: &str| found.iter().any(|(path, _)| path == name);
    assert!(
        !is_named("renamed") && !is_named("same") && !is_named("second-name"),
        "{found:?}"
    );
    let sparse = found.iter().find(|(path, _)| path == "sparse");
    match sparse.map(|(_, change)| change.as_str()) {
        Some("extents") => {}
        other => eprintln!("the file system of the temporary directory knows no holes: {other:?}"),
    }
    let said = run(&["manifest", "--verify", text(&manifest)]);
    for words in [
        "(was renamed)",
        "new-link",
        "mode: recorded",
        "modified: recorded",
    ] {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }
}

#[test]
fn a_manifest_that_was_cut_or_edited_proves_nothing_and_says_so() {
    let data = data_dir("etcd-3.5.30");
    let dir = tempfile::tempdir().unwrap();
    let manifest = dir.path().join("manifest.json");
    let said = sealed(&data, &["manifest", text(&data), "--out", text(&manifest)]);
    assert_eq!(said.code, 0, "{}", said.err);
    let whole = fs::read_to_string(&manifest).unwrap();
    let verify = || run(&["manifest", "--verify", text(&manifest), "-o", "json"]);
    assert_eq!(verify().json()["manifest_is_intact"], true);

    for length in [0, 1, 10, whole.len() / 2, whole.len() - 3] {
        fs::write(&manifest, &whole[..length]).unwrap();
        let said = verify();
        assert_eq!(said.code, 2, "{length}");
        assert!(said.err.contains("is cut"), "{length}: {}", said.err);
    }
    // A time, a whole entry, and the sum itself.
    let name = whole.find("\"path\": \"member/snap/db\"").unwrap();
    let entry = whole[..name].rfind('{').unwrap();
    let end = name + whole[name..].find("\n        },\n").unwrap() + "\n        },\n".len();
    let without_entry = [&whole[..entry], &whole[end..]].concat();
    let edits = [
        whole.replacen("\"mode\": \"0", "\"mode\": \"1", 1),
        without_entry.clone(),
        without_entry.replace("manifest_sha256", "note"),
        whole.replacen("manifest_sha256\": \"", "manifest_sha256\": \"0", 1),
    ];
    for edited in edits {
        assert_ne!(edited, whole);
        fs::write(&manifest, &edited).unwrap();
        let said = verify();
        assert!([1, 3].contains(&said.code), "{}{}", said.out, said.err);
        assert_eq!(said.json()["manifest_is_intact"], false);
        assert!(
            said.err.contains("changed after it was written"),
            "{}",
            said.err
        );
    }
    // What was printed has no sum, as one of which it was taken out.
    let printed = run(&["manifest", text(&data), "-o", "json"]).out;
    fs::write(&manifest, printed).unwrap();
    let said = verify();
    assert_eq!(
        (said.code, &said.json()["manifest_is_intact"]),
        (3, &Value::Null),
        "{}",
        said.err
    );
    assert!(said.err.contains("no sum of its own"), "{}", said.err);
}

#[test]
fn an_equal_copy_has_no_changed_content_and_pipes_and_links_are_listed() {
    let dir = tempfile::tempdir().unwrap();
    let (here, copy) = (dir.path().join("m"), dir.path().join("copy"));
    fs::create_dir(&here).unwrap();
    fs::write(here.join("a"), b"content").unwrap();
    std::os::unix::fs::symlink("a", here.join("link")).unwrap();
    let made = Command::new("mkfifo").arg(here.join("pipe")).status();
    assert!(made.unwrap().success());
    let sheet = run(&["manifest", text(&here)]).out;
    assert!(sheet.contains("link -> a"), "{sheet}");
    let pipe = sheet.lines().find(|line| line.contains("pipe"));
    assert!(
        pipe.is_some_and(|line| line.contains("not read")),
        "{sheet}"
    );
    fs::remove_file(here.join("pipe")).unwrap();
    let out = dir.path().join("manifest.json");
    run(&["manifest", text(&here), "--out", text(&out)]);
    let made = Command::new("cp").arg("-r").arg(&here).arg(&copy).status();
    assert!(made.unwrap().success());
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(100);
    let file = fs::File::options().write(true).open(copy.join("a"));
    file.unwrap().set_modified(old).unwrap();
    let verify = ["manifest", "--verify", text(&out), text(&copy)];
    let said = run(&verify);
    assert!(said.out.contains("no content changed"), "{}", said.out);
    fs::write(copy.join("a"), b"Content").unwrap();
    let said = run(&verify);
    assert!(!said.out.contains("no content changed"), "{}", said.out);
    assert_eq!(said.code, 1);
}
