//! Real etcd restores a backup without `--skip-hash-check`, serves it, takes writes, compacts, defragments and starts again.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testkit::etcd::{Binaries, Server};

use crate::{hash, salvage};

const PATIENCE: Duration = Duration::from_secs(40);

/// Restores with the release's own tool and no flag but the directory, and starts it.
pub fn restored(binaries: &Binaries, backup: &Path, into: &Path) -> Server {
    let output = binaries.utl(&[
        "snapshot",
        "restore",
        backup.to_str().unwrap(),
        "--data-dir",
        into.to_str().unwrap(),
    ]);
    assert!(
        output.status.success(),
        "{}: {}",
        binaries.version,
        String::from_utf8_lossy(&output.stderr)
    );
    start(binaries, into)
}

fn start(binaries: &Binaries, data_dir: &Path) -> Server {
    Server::start(binaries, data_dir, &[], PATIENCE)
        .unwrap_or_else(|not| panic!("{}: {}", binaries.version, not.log))
}

/// The hash that the server gives, and its revision.
pub fn asked(server: &Server) -> (u64, i64) {
    let answer = server.json(&["endpoint", "hashkv"]);
    let hash = &answer[0]["HashKV"];
    (
        hash["hash"].as_u64().unwrap(),
        hash["header"]["revision"].as_i64().unwrap(),
    )
}

/// Thirty writes, a compaction, a defragmentation and a second start.
pub fn lives(binaries: &Binaries, server: Server, data_dir: &Path, revision: i64) {
    for number in 0..30 {
        server.ctl(&["put", &format!("/written/{number}"), "after the restore"]);
    }
    server.ctl(&["compact", &(revision + 20).to_string()]);
    server.ctl(&["defrag"]);
    server.stop();
    let again = start(binaries, data_dir);
    let found = again.json(&["get", "--prefix", "/written/", "--keys-only"]);
    assert_eq!(found["count"].as_i64(), Some(30), "{found}");
    again.stop();
}

#[test]
fn a_salvaged_member_is_restored_and_served_by_each_release() {
    let all = Binaries::all();
    if all.is_empty() {
        eprintln!("no etcd here: fixtures/recipes/etcd-from-debian fetches it");
    }
    for binaries in &all {
        let newer = binaries.version.starts_with("3.4") || binaries.version.starts_with("3.5");
        for name in ["etcd-3.4.23-killed", "etcd-3.5.30"] {
            if !newer || (binaries.version.starts_with("3.4") && name.contains("3.5")) {
                continue;
            }
            let backup = salvage(&testkit::data_dir(name), &[]);
            let dir = tempfile::tempdir().unwrap();
            let into = dir.path().join("data");
            let server = restored(binaries, &backup.out, &into);
            let (hash_there, revision) = asked(&server);
            assert_eq!(
                (hash_there, revision),
                (hash(&backup.out, &[]), backup.number("revision")),
                "{name} by {}",
                binaries.version
            );
            lives(binaries, server, &into, revision);
        }
    }
}

/// The users of fixture `auth-3.5.16`, with the passwords that its recipe set: root, and one who may write below /app/ only.
fn assert_users_log_in(mut server: Server) {
    let fails =
        |server: &Server, arguments: &[&str]| !server.output(arguments, b"").status.success();
    server.log_in("root:wrong");
    assert!(fails(&server, &["user", "list"]));
    server.log_in("root:toor");
    let users = server.ctl(&["user", "list"]);
    assert_eq!(
        users.split_whitespace().collect::<Vec<_>>(),
        ["app", "nopass", "root"]
    );
    server.log_in("app:hunter3");
    server.ctl(&["put", "/app/after", "the restore"]);
    assert!(fails(&server, &["put", "/elsewhere", "x"]));
    server.stop();
}

#[test]
fn users_log_in_and_leases_keep_their_keys_after_the_restore() {
    let Some(binaries) = Binaries::newest("3.5") else {
        return eprintln!("no etcd 3.5 here");
    };
    let path = testkit::data_dir("auth-3.5.16");
    let backup = salvage(&path, &[]);
    let dir = tempfile::tempdir().unwrap();
    let server = restored(&binaries, &backup.out, &dir.path().join("data"));
    let refused = server.output(&["get", "--prefix", "", "--keys-only"], b"");
    assert!(!refused.status.success(), "auth is off after the restore");
    assert_users_log_in(server);
    let plain = salvage(&testkit::data_dir("etcd-3.5.30"), &[]);
    let server = restored(&binaries, &plain.out, &dir.path().join("plain"));
    let leases = server.json(&["lease", "list"]);
    let wanted = testkit::expected::Expected::all()
        .into_iter()
        .find(|member| member.name == "etcd-3.5.30")
        .unwrap();
    let count = leases["leases"].as_array().map_or(0, Vec::len);
    assert_eq!(count, wanted.texts("leases").len(), "{leases}");
    server.stop();
}

/// The command that salvage prints runs as it is printed, in a shell, with names that a shell would take apart.
#[test]
fn the_printed_restore_command_runs() {
    let Some(binaries) = Binaries::newest("3.5") else {
        return eprintln!("no etcd 3.5 here");
    };
    let dir = tempfile::tempdir().unwrap();
    for name in ["etcd-3.5.30", "k8s-1.20-etcd35", "k8s-1.20-cluster3/m2"] {
        let out = dir
            .path()
            .join(format!("it's {}.db", name.replace('/', " ")));
        let output = crate::run(&[
            "salvage",
            testkit::data_dir(name).to_str().unwrap(),
            "-o",
            "json",
            "--out",
            out.to_str().unwrap(),
        ]);
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let commands = said["next"].as_array().unwrap();
        assert!(!commands.is_empty());
        let kubernetes = name.starts_with("k8s");
        for command in commands {
            let command = command.as_str().unwrap();
            assert_eq!(
                command.contains("--mark-compacted"),
                kubernetes,
                "{command}"
            );
            let ran = Command::new("/bin/sh")
                .args(["-c", command])
                .env("PATH", binaries.dir())
                .output()
                .unwrap();
            assert!(
                ran.status.success(),
                "{command}: {}",
                String::from_utf8_lossy(&ran.stderr)
            );
        }
    }
}
