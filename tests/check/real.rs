//! Directories that a real etcd writes while the test runs: healthy ones that once were accused, and mixtures that once were
//! not. Without the releases of `fixtures/recipes/etcd-from-debian` the tests say so and pass.

use std::fs;
use std::path::Path;
use std::time::Duration;

use etcd_inspect::Severity;
use etcd_inspect::check::{Depth, check};
use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use testkit::etcd::{Binaries, Server};

const PATIENCE: Duration = Duration::from_secs(30);

fn binaries(release: &str) -> Option<Binaries> {
    let binaries = Binaries::newest(release);
    if binaries.is_none() {
        eprintln!("no etcd {release} here: see fixtures/recipes/etcd-from-debian");
    }
    binaries
}

/// Codes and messages of errors.
fn errors(data: &Path) -> Vec<(&'static str, String)> {
    let member = Member::open(data).unwrap();
    let findings = check(&member, Depth::Default, &Silent).findings;
    findings
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| (finding.code.id, finding.message))
        .collect()
}

fn start(binaries: &Binaries, data: &Path, flags: &[&str]) -> Server {
    Server::start(binaries, data, flags, PATIENCE).unwrap()
}

fn put(server: &Server, key: &str, value: &str) {
    server.ctl(&["put", key, value]);
}

#[test]
fn deletions_that_a_compaction_removed_are_not_missing_writes() {
    // etcd#6567: before 3.4.34 and 3.5.16 a compaction removes a tombstone of its own revision.
    let Some(binaries) = binaries("3.4.23") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = start(&binaries, &data, &[]);
    for n in 0..12 {
        put(&server, &format!("/k{n}"), &format!("value {n}"));
    }
    for key in ["/k3", "/k4", "/k5"] {
        server.ctl(&["del", key]);
    }
    server.ctl(&["compact", "--physical", "16"]);
    server.ctl(&["defrag"]);
    server.stop();
    assert_eq!(errors(&data), []);
}

#[test]
fn a_db_of_another_fresh_cluster_is_a_contradiction() {
    for release in ["3.4.23", "3.5.30"] {
        let Some(binaries) = binaries(release) else {
            continue;
        };
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        for (folder, name) in folders.iter().zip(["red", "blue"]) {
            let data = folder.path().join("data");
            let server = start(&binaries, &data, &["--initial-cluster-token", name]);
            for n in 0..12 {
                let value = format!("a value of the {name} cluster, number {n:04}, long enough");
                put(&server, &format!("/k{n}"), &value);
            }
            server.stop();
        }
        let [red, blue] = folders.each_ref().map(|folder| folder.path().join("data"));
        let db = "member/snap/db";
        fs::copy(red.join(db), blue.join(db)).unwrap();
        let found = errors(&blue);
        assert!(
            found
                .iter()
                .any(|(code, _)| ["X-002", "X-011"].contains(code)),
            "{release}: {found:?}"
        );
        assert!(
            found
                .iter()
                .all(|(code, _)| !["X-006", "X-012"].contains(code)),
            "{release}: {found:?}"
        );
    }
}

#[test]
fn a_counter_that_goes_on_after_a_restore_is_healthy() {
    let Some(binaries) = binaries("3.5.30") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let value = |n: u32| format!("{{\"holder\":\"worker-7\",\"generation\":{n:012}}}");
    let server = start(&binaries, &folder.path().join("earlier"), &[]);
    for n in 0..10 {
        put(&server, "/lock", &value(n));
    }
    let snapshot = folder.path().join("snapshot.db");
    let snapshot = snapshot.to_str().unwrap();
    server.ctl(&["snapshot", "save", snapshot]);
    server.stop();
    let data = folder.path().join("data");
    let restored = binaries.utl(&[
        "snapshot",
        "restore",
        snapshot,
        "--data-dir",
        data.to_str().unwrap(),
    ]);
    assert!(restored.status.success(), "{restored:?}");
    assert_eq!(errors(&data), [], "restored and never started");
    let server = start(&binaries, &data, &[]);
    for n in 10..130 {
        put(&server, "/lock", &value(n));
    }
    server.ctl(&["compact", "101"]);
    server.stop();
    assert_eq!(errors(&data), [], "written to after the restore");
}

/// A log that a restore began has few writes, and counting back from its end leaves one place for each.
#[test]
fn one_to_three_writes_after_a_restore_are_compared_with_the_store() {
    for (release, writes) in [("3.5.30", 1), ("3.5.30", 3), ("3.4.23", 2)] {
        let Some(binaries) = binaries(release) else {
            continue;
        };
        let folder = tempfile::tempdir().unwrap();
        let server = start(&binaries, &folder.path().join("earlier"), &[]);
        for n in 0..6 {
            put(&server, "/lock", &format!("written before the backup {n}"));
        }
        let snapshot = folder.path().join("snapshot.db");
        let snapshot = snapshot.to_str().unwrap();
        server.ctl(&["snapshot", "save", snapshot]);
        server.stop();
        let data = folder.path().join("data");
        let restored = std::process::Command::new(binaries.restorer())
            .args(["snapshot", "restore", snapshot, "--data-dir"])
            .arg(&data)
            .env("ETCDCTL_API", "3")
            .output()
            .unwrap();
        assert!(restored.status.success(), "{restored:?}");
        let why = skipped(&data);
        let no_write = "no entry of the WAL that the db has applied writes a key";
        assert!(why.contains(no_write), "{release}: {why}");
        let server = start(&binaries, &data, &[]);
        for n in 0..writes {
            put(
                &server,
                &format!("/k{n}"),
                &format!("a value of some length, {n}"),
            );
        }
        server.stop();
        let why = skipped(&data);
        assert!(!why.contains("store against WAL"), "{release}: {why}");
        assert_eq!(errors(&data), [], "{release} {writes}");
        // One bit of the last value, wherever the db has it.
        let db = data.join("member/snap/db");
        let mut bytes = fs::read(&db).unwrap();
        let value = format!("a value of some length, {}", writes - 1);
        let places: Vec<usize> = (0..bytes.len() - value.len())
            .filter(|at| bytes[*at..].starts_with(value.as_bytes()))
            .collect();
        for at in places {
            bytes[at + 3] ^= 4;
        }
        fs::write(&db, bytes).unwrap();
        let found = errors(&data);
        assert!(
            found.iter().any(|(code, _)| *code == "X-006"),
            "{release} {writes}: {found:?}"
        );
    }
}

/// What a check did not do, and why.
fn skipped(data: &Path) -> String {
    let member = Member::open(data).unwrap();
    let report = check(&member, Depth::Default, &Silent);
    format!("{:?}", report.skipped)
}

#[test]
fn a_lease_whose_revocation_was_refused_is_healthy() {
    // `checkLeasePuts` in `server/etcdserver/apply_auth.go`, v3.5.30: the entry is in the log, and etcd refuses it when it applies it.
    for release in ["3.4.23", "3.5.16", "3.5.30"] {
        let Some(binaries) = binaries(release) else {
            continue;
        };
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut server = start(&binaries, &data, &["--snapshot-count", "10"]);
        for arguments in [
            &["user", "add", "root:toor"][..],
            &["user", "add", "writer:secret"],
            &["role", "add", "root"],
            &["role", "add", "writing"],
            &[
                "role",
                "grant-permission",
                "writing",
                "readwrite",
                "/app/",
                "--prefix",
            ],
            &["user", "grant-role", "root", "root"],
            &["user", "grant-role", "writer", "writing"],
            &["auth", "enable"],
        ] {
            server.ctl(arguments);
        }
        server.log_in("root:toor");
        let granted = server.ctl(&["lease", "grant", "9000"]);
        let lease = granted.split(' ').nth(1).unwrap().to_owned();
        server.ctl(&["put", "/other/key", "1", &format!("--lease={lease}")]);
        server.log_in("writer:secret");
        let refused = server.output(&["lease", "revoke", &lease], b"");
        let why = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(why.contains("permission denied"), "{release}: {why}");
        server.log_in("root:toor");
        assert!(server.ctl(&["lease", "list"]).contains(&lease), "{release}");
        for n in 0..30 {
            put(&server, "/other/key2", &n.to_string());
        }
        server.stop();
        assert_eq!(errors(&data), [], "{release}");
    }
}
