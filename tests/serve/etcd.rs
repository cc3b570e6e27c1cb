//! etcdctl asks `serve --etcd` and a real etcd that was started on a copy: the answers are equal.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use testkit::etcd::{Binaries, Server as RealEtcd};
use testkit::{copy_of, data_dir};

use crate::server::Server;

const PATIENCE: Duration = Duration::from_secs(30);

/// Standard output, standard error and whether it went well, of etcdctl of a release.
pub fn etcdctl(binaries: &Binaries, endpoint: &str, arguments: &[&str]) -> (String, String, bool) {
    let output = Command::new(binaries.dir().join("etcdctl"))
        .env("ETCDCTL_API", "3")
        .arg(format!("--endpoints={endpoint}"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("etcdctl runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        text(&output.stdout),
        text(&output.stderr),
        output.status.success(),
    )
}

/// Without the time, and what a start changes: the term.
fn comparable(text: &str) -> String {
    match serde_json::from_str::<Value>(text.trim()) {
        Ok(mut json) => {
            if let Some(header) = json.get_mut("header").and_then(Value::as_object_mut) {
                header.remove("raft_term");
            }
            json.to_string()
        }
        Err(_) => text.to_owned(),
    }
}

fn reason(stderr: &str) -> String {
    let at = stderr.find("etcdserver:").unwrap_or(0);
    stderr[at..].trim().trim_end_matches('}').to_owned()
}

#[test]
fn etcdctl_gets_the_answers_of_a_real_etcd() {
    for (minor, fixture) in [("3.5", "etcd-3.5.30"), ("3.4", "etcd-3.4.23")] {
        let Some(binaries) = Binaries::newest(minor) else {
            eprintln!("no etcd {minor} is here: nothing was compared with it");
            continue;
        };
        let ours = Server::start(&data_dir(fixture), &["--etcd", "--replay"]);
        let ours_at = format!("http://{}", ours.address);
        let copy = copy_of(&data_dir(fixture));
        let real = RealEtcd::start(&binaries, &copy, &["--force-new-cluster"], PATIENCE)
            .expect("etcd serves");
        let (first, _, _) = etcdctl(
            &binaries,
            &ours_at,
            &["get", "", "--prefix", "--limit=1", "-w", "json"],
        );
        let first: Value = serde_json::from_str(&first).expect("an answer");
        let revision = first["header"]["revision"].as_i64().expect("a revision");
        let (old, future) = (
            format!("--rev={}", revision - 2),
            format!("--rev={}", revision + 5),
        );
        let prefix = &["get", "", "--prefix"][..];
        for flags in [
            &["-w", "json"][..],
            &["--keys-only"],
            &["--limit=3", "-w", "json"],
            &[
                "--sort-by=MODIFY",
                "--order=DESCEND",
                "--limit=5",
                "-w",
                "json",
            ],
            &["--sort-by=KEY", "--order=DESCEND", "--keys-only"],
            &[
                "--sort-by=CREATE",
                "--order=ASCEND",
                "--keys-only",
                "--limit=1",
            ],
            &[&old, "-w", "json"],
            &[&future],
            &["--rev=1"],
        ] {
            let question = [prefix, flags].concat();
            let theirs = etcdctl(&binaries, &real.client_url(), &question);
            let ours = etcdctl(&binaries, &ours_at, &question);
            assert_eq!(ours.2, theirs.2, "{question:?}: {} | {}", ours.1, theirs.1);
            assert_eq!(comparable(&ours.0), comparable(&theirs.0), "{question:?}");
            assert_eq!(reason(&ours.1), reason(&theirs.1), "{question:?}");
        }
        for question in [
            &["get", "no-such-key", "-w", "json"][..],
            &["get", "a", "z", "--keys-only"],
            &["get", "--from-key", "m", "--keys-only"],
            &["alarm", "list"],
            &["user", "list"],
            &["role", "list"],
            &["user", "get", "none"],
        ] {
            let theirs = etcdctl(&binaries, &real.client_url(), question);
            let ours = etcdctl(&binaries, &ours_at, question);
            assert_eq!(
                comparable(&ours.0),
                comparable(&theirs.0),
                "{question:?}: {}",
                ours.1
            );
            assert_eq!(reason(&ours.1), reason(&theirs.1), "{question:?}");
        }
        let hash = |endpoint: &str| {
            let (text, error, _) = etcdctl(
                &binaries,
                endpoint,
                &["endpoint", "hashkv", &old, "-w", "json"],
            );
            let json: Value =
                serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text} {error}"));
            json[0]["HashKV"]["hash"].clone()
        };
        assert_eq!(
            hash(&ours_at),
            hash(&real.client_url()),
            "hashkv of {minor}"
        );
        let sorted = |endpoint: &str| {
            let (text, _, _) = etcdctl(&binaries, endpoint, &["lease", "list"]);
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&ours_at), sorted(&real.client_url()));
        let sizes = |endpoint: &str| {
            let (text, error, _) =
                etcdctl(&binaries, endpoint, &["endpoint", "status", "-w", "json"]);
            let json: Value =
                serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text} {error}"));
            let status = json[0]["Status"].clone();
            let revision = status["header"]["revision"].clone();
            let in_use = status["dbSizeInUse"].as_i64().expect("a number");
            (revision, status["dbSize"].clone(), in_use)
        };
        let (ours_now, theirs_now) = (sizes(&ours_at), sizes(&real.client_url()));
        assert_eq!((&ours_now.0, &ours_now.1), (&theirs_now.0, &theirs_now.1));
        // The start of the real one has written some pages.
        assert!(
            (ours_now.2 - theirs_now.2).abs() < 64 << 10,
            "{ours_now:?} {theirs_now:?}"
        );
        for question in [
            &["endpoint", "status", "-w", "json"][..],
            &["endpoint", "health"],
            &["member", "list"],
            &["--user=root:any", "get", "a"],
            &["compact", "3"],
        ] {
            let (_, error, fine) = etcdctl(&binaries, &ours_at, question);
            assert_eq!(fine, question[0] != "compact", "{question:?}: {error}");
        }
        let (_, error, fine) = etcdctl(&binaries, &ours_at, &["put", "a", "b"]);
        assert!(!fine && error.contains("etcdserver: read-only"), "{error}");
        real.stop();
    }
}

/// The lines of a watch that is ended after a while.
fn watched(binaries: &Binaries, endpoint: &str, arguments: &[&str]) -> String {
    let mut command = Command::new("timeout");
    command
        .arg("2")
        .arg(binaries.dir().join("etcdctl"))
        .env("ETCDCTL_API", "3");
    let output = command
        .arg(format!("--endpoints={endpoint}"))
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    String::from_utf8_lossy(&output.expect("etcdctl runs").stdout).into_owned()
}

#[test]
fn a_watch_and_a_backup_are_those_of_a_real_etcd() {
    let Some(binaries) = Binaries::newest("3.5") else {
        eprintln!("no etcd 3.5 is here: nothing was compared with it");
        return;
    };
    let fixture = data_dir("etcd-3.5.30");
    let ours = Server::start(&fixture, &["--etcd", "--replay"]);
    let ours_at = format!("http://{}", ours.address);
    let copy = copy_of(&fixture);
    let real =
        RealEtcd::start(&binaries, &copy, &["--force-new-cluster"], PATIENCE).expect("etcd serves");
    let (first, _, _) = etcdctl(
        &binaries,
        &ours_at,
        &["get", "", "--prefix", "--limit=1", "-w", "json"],
    );
    let first: Value = serde_json::from_str(&first).expect("an answer");
    let revision = first["header"]["revision"].as_i64().expect("a revision");
    let from = format!("--rev={}", revision - 20);
    for question in [
        &["watch", "", "--prefix", &from][..],
        &["watch", "", "--prefix", &from, "--prev-kv"],
    ] {
        let theirs = watched(&binaries, &real.client_url(), question);
        assert!(theirs.lines().count() > 20, "{theirs}");
        assert_eq!(
            watched(&binaries, &ours_at, question),
            theirs,
            "{question:?}"
        );
    }
    real.stop();
    let stored = Server::start(&fixture, &["--etcd"]);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let backup = dir.path().join("backup.db");
    let save = ["snapshot", "save", backup.to_str().expect("UTF-8")];
    let (_, error, fine) = etcdctl(&binaries, &format!("http://{}", stored.address), &save);
    assert!(fine, "{error}");
    let status = |file: &std::path::Path| {
        let file = file.to_str().expect("UTF-8");
        let output = binaries.utl(&["snapshot", "status", file, "-w", "json"]);
        let mut status: Value = serde_json::from_slice(&output.stdout).expect("a status");
        // The backup is 32 bytes longer than the db: its sum.
        status.as_object_mut().expect("fields").remove("totalSize");
        status
    };
    assert_eq!(status(&backup), status(&fixture.join("member/snap/db")));
    let restored = dir.path().join("restored");
    let restore = [
        "snapshot",
        "restore",
        save[2],
        "--data-dir",
        restored.to_str().expect("UTF-8"),
    ];
    let output = binaries.utl(&restore);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_scratch_takes_writes_as_a_real_etcd_does() {
    let Some(binaries) = Binaries::newest("3.5") else {
        eprintln!("no etcd 3.5 is here: nothing was compared with it");
        return;
    };
    let fixture = data_dir("etcd-3.5.30");
    let ours = Server::start(&fixture, &["--etcd", "--replay", "--scratch"]);
    let ours_at = format!("http://{}", ours.address);
    let copy = copy_of(&fixture);
    let real =
        RealEtcd::start(&binaries, &copy, &["--force-new-cluster"], PATIENCE).expect("etcd serves");
    let txn = |endpoint: &str, text: &str| {
        let mut child = Command::new(binaries.dir().join("etcdctl"))
            .env("ETCDCTL_API", "3")
            .args([&format!("--endpoints={endpoint}"), "txn", "-w", "json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("etcdctl runs");
        std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), text.as_bytes())
            .expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            comparable(&text(&output.stdout)),
            reason(&text(&output.stderr)),
        )
    };
    let mut number = 7u64;
    let mut random = |below: u64| {
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (number >> 33) % below
    };
    for step in 0..60 {
        let (key, value) = (format!("w/{}", random(8)), format!("v{step}"));
        let other = format!("w/{}", random(8));
        let texts = [
            format!(
                "ver(\"{key}\") > \"{}\"\n\nput {key} {value}\nget w/ --prefix\n\nput {other} {value}\ndel {key}\n\n",
                random(3)
            ),
            format!(
                "val(\"{key}\") = \"v{}\"\n\ndel w/ --prefix --prev-kv\n\nget {key}\nput {key} {value}\n\n",
                random(60)
            ),
            format!(
                "mod(\"{key}\") < \"{}\"\n\nput {key} a\nput {key} b\n\nput {key} a\nput {key} b\n\n",
                random(90)
            ),
        ];
        let put = ["put", &key, &value, "--prev-kv", "-w", "json"];
        let delete = ["del", &key, &other, "--prev-kv", "-w", "json"];
        match random(5) {
            0 => compare(&binaries, &ours_at, &real.client_url(), &put),
            1 => compare(&binaries, &ours_at, &real.client_url(), &delete),
            n => {
                let text = &texts[usize::try_from(n - 2).expect("small")];
                assert_eq!(txn(&ours_at, text), txn(&real.client_url(), text), "{text}");
            }
        }
    }
    let (first, _, _) = etcdctl(&binaries, &ours_at, &["get", "w", "-w", "json"]);
    let revision = serde_json::from_str::<Value>(&first).expect("an answer")["header"]["revision"]
        .as_i64()
        .expect("a number");
    let from = format!("--rev={}", revision - 30);
    let compact = (revision - 10).to_string();
    let before = format!("--rev={}", revision - 15);
    let question = ["watch", "", "--prefix", &from, "--prev-kv"];
    assert_eq!(
        watched(&binaries, &ours_at, &question),
        watched(&binaries, &real.client_url(), &question)
    );
    for question in [
        &["get", "", "--prefix", "-w", "json"][..],
        &["put", "x", "y", "--lease=1234", "-w", "json"],
        &["put", "none", "--ignore-value", "-w", "json"],
        &["compact", &compact],
        &["compact", &compact],
        &["compact", "99999999"],
        &["get", "", "--prefix", &before],
        &["get", "w/", "--prefix", "-w", "json"],
    ] {
        compare(&binaries, &ours_at, &real.client_url(), question);
    }
    real.stop();
}

fn compare(binaries: &Binaries, ours: &str, real: &str, question: &[&str]) {
    let theirs = etcdctl(binaries, real, question);
    let ours = etcdctl(binaries, ours, question);
    assert_eq!(
        comparable(&ours.0),
        comparable(&theirs.0),
        "{question:?}: {} | {}",
        ours.1,
        theirs.1
    );
    assert_eq!(reason(&ours.1), reason(&theirs.1), "{question:?}");
}

#[test]
fn a_lease_of_the_scratch_expires_with_its_keys() {
    let Some(binaries) = Binaries::newest("3.5") else {
        eprintln!("no etcd 3.5 is here: nothing was asked");
        return;
    };
    let server = Server::start(&data_dir("etcd-3.5.30"), &["--etcd", "--scratch"]);
    let at = format!("http://{}", server.address);
    let (granted, error, _) = etcdctl(&binaries, &at, &["lease", "grant", "2"]);
    let id = granted
        .split_whitespace()
        .nth(1)
        .unwrap_or_else(|| panic!("{granted} {error}"))
        .to_owned();
    let lease = format!("--lease={id}");
    assert!(etcdctl(&binaries, &at, &["put", "leased", "1", &lease]).2);
    assert!(
        etcdctl(&binaries, &at, &["lease", "timetolive", &id, "--keys"])
            .0
            .contains("leased")
    );
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(etcdctl(&binaries, &at, &["get", "leased"]).0, "");
    assert!(
        etcdctl(&binaries, &at, &["lease", "timetolive", &id])
            .0
            .contains("already expired")
    );
}

/// A client that still holds the id of a dead lease must not reach a new one.
#[test]
fn the_id_of_a_lease_is_given_once() {
    let Some(binaries) = Binaries::newest("3.5") else {
        eprintln!("no etcd 3.5 is here: nothing was asked");
        return;
    };
    let server = Server::start(&data_dir("etcd-3.5.30"), &["--etcd", "--scratch"]);
    let at = format!("http://{}", server.address);
    let grant = |ttl: &str| {
        let (granted, error, _) = etcdctl(&binaries, &at, &["lease", "grant", ttl]);
        let id = granted.split_whitespace().nth(1);
        id.unwrap_or_else(|| panic!("{granted} {error}")).to_owned()
    };
    let mut given = vec![grant("2")];
    for _ in 0..3 {
        let id = grant("600");
        assert!(etcdctl(&binaries, &at, &["lease", "revoke", &id]).2);
        given.push(id);
    }
    // The first one expires.
    std::thread::sleep(Duration::from_secs(4));
    given.push(grant("600"));
    let mut single = given.clone();
    single.sort();
    single.dedup();
    assert_eq!(single.len(), given.len(), "{given:?}");
    let (_, error, fine) = etcdctl(&binaries, &at, &["lease", "revoke", &given[1]]);
    assert!(
        !fine && error.contains("requested lease not found"),
        "{error}"
    );
}

/// A refusal does not advise the flag that is given.
#[test]
fn what_the_scratch_does_not_take_is_refused_with_what_it_takes() {
    let Some(binaries) = Binaries::newest("3.5") else {
        eprintln!("no etcd 3.5 is here: nothing was asked");
        return;
    };
    for (flags, takes) in [(&["--etcd", "--scratch"][..], true), (&["--etcd"], false)] {
        let server = Server::start(&data_dir("etcd-3.5.30"), flags);
        let at = format!("http://{}", server.address);
        for write in [
            &["user", "add", "a", "--no-password"][..],
            &["role", "add", "a"],
            &["auth", "enable"],
            &["member", "remove", "1"],
            &["defrag"],
        ] {
            let (_, error, fine) = etcdctl(&binaries, &at, write);
            assert!(
                !fine && error.contains("--scratch takes keys and leases, not this"),
                "{write:?}: {error}"
            );
        }
        let (_, error, fine) = etcdctl(&binaries, &at, &["put", "a", "b"]);
        assert_eq!(fine, takes, "{error}");
        assert!(takes || error.contains("--scratch takes writes"), "{error}");
    }
}

#[test]
fn with_a_token_etcdctl_needs_it_as_its_password() {
    for minor in ["3.4", "3.5"] {
        let Some(binaries) = Binaries::newest(minor) else {
            eprintln!("no etcd {minor} is here: nothing was asked");
            continue;
        };
        let token = "secret-of-this-run";
        let server = Server::start(&data_dir("etcd-3.5.30"), &["--etcd", "--token", token]);
        for at in [format!("http://{}", server.address), server.address.clone()] {
            let right = format!("--user=reader:{token}");
            for question in [
                &["get", "", "--prefix", "--keys-only"][..],
                &["endpoint", "status"],
                &["lease", "list"],
            ] {
                let (out, error, fine) = etcdctl(&binaries, &at, &[&[&*right], question].concat());
                assert!(fine && !out.is_empty(), "{question:?}: {out} {error}");
            }
            for wrong in [&["--user=reader:other", "get", "a"][..], &["get", "a"]] {
                let (_, error, fine) = etcdctl(&binaries, &at, wrong);
                assert!(
                    !fine && error.contains("etcdserver: "),
                    "{wrong:?}: {error}"
                );
            }
        }
    }
}
