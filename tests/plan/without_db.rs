//! A log without a db: what a start serves is what the log has, if it begins with the store; else nothing says what is lost.

use std::fs;
use std::path::Path;
use std::time::Duration;

use testkit::etcd::{Binaries, Server};
use testkit::{copy_of, data_dir};

use crate::matrix::complaint;
use crate::printed::{Printed, inspect, preflight};
use crate::served::serve;

/// Takes the db away, or its content; and every `.snap` file, without which etcd reads the log from its beginning.
fn without_db(data: &Path, is_emptied: bool) {
    let snap = data.join("member/snap");
    for file in fs::read_dir(&snap).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().unwrap() != "db" || !is_emptied {
            fs::remove_file(path).unwrap();
        } else {
            fs::write(path, b"").unwrap();
        }
    }
}

#[test]
fn a_log_from_the_beginning_is_applied_whole_if_there_is_no_db() {
    let mut wrong = Vec::new();
    for (release, base, is_emptied) in [
        ("3.5.30", "lagging-3.5.30", true),
        ("3.5.16", "killed-3.5.16", false),
        ("3.4.23", "etcd-3.4.23-killed", false),
        ("3.5.30", "k8s-1.20-etcd35", false),
    ] {
        let copy = copy_of(&data_dir(base));
        without_db(&copy, is_emptied);
        let said = preflight(&copy, "start", release);
        let step = &said["step"];
        let lost = (&step["lost"]["writes"], &step["wrong"], &step["exact"]);
        let nothing = (&0.into(), &0.into(), &true.into());
        assert_eq!(lost, nothing, "{base}: {step}");
        // What other verbs call the state after a start is the same.
        let path = copy.to_str().unwrap();
        let keys = &step["outcome"]["keys"];
        let status = inspect(&["status", path, "-o", "json"]);
        assert_eq!(&status["start"]["keys"], keys, "{base}");
        let Some(binaries) = Binaries::newest(release) else {
            eprintln!("no etcd {release} here: {base} is not started");
            continue;
        };
        let planned = Printed::preflight(&copy, "start", release).unwrap();
        let seen = serve(&binaries, &copy, &[]);
        if let Some(complaint) = complaint(&planned, &seen) {
            wrong.push(format!("{base}: {complaint}"));
        }
        let served = seen.map(|seen| seen.contents.len() as u64);
        if served.as_ref().ok() != keys.as_u64().as_ref() {
            wrong.push(format!("{base}: {keys} keys, and etcd serves {served:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_log_that_continues_a_restored_store_does_not_say_what_is_lost_without_it() {
    let copy = copy_of(&data_dir("restored-plain-3.4.23"));
    without_db(&copy, false);
    let step = preflight(&copy, "start", "3.4.23")["step"].clone();
    assert_eq!(step["exact"], false, "{step}");
}

#[test]
fn a_start_that_makes_the_db_again_comes_first_and_replay_is_its_state() {
    for (release, base) in [
        ("3.5.30", "lagging-3.5.30"),
        ("3.5.16", "killed-3.5.16"),
        ("3.4.23", "etcd-3.4.23-killed"),
    ] {
        let copy = copy_of(&data_dir(base));
        without_db(&copy, false);
        let path = copy.to_str().unwrap();
        let printed = Printed::check(&copy, release);
        let first = &printed.steps[0];
        assert_eq!(
            (first.action.as_str(), first.harm),
            ("start", 0),
            "{base}: {printed:?}"
        );
        let said = preflight(&copy, "start", release);
        assert_eq!(said["go"], true, "{base}: {said}");
        let status = inspect(&["status", "--replay", path, "-o", "json"]);
        let (revision, keys) = (&status["revision"], &status["keys"]);
        assert_eq!(revision.as_i64(), first.revision, "{base}: {status}");
        assert_eq!(
            keys.as_u64(),
            first.keys.map(|keys| keys as u64),
            "{base}: {status}"
        );
        let hash = inspect(&["hashkv", "--replay", path, "-o", "json"])["hash"].clone();
        assert_eq!(served_hash(release, &copy), hash.as_u64(), "{base}");
    }
}

#[test]
fn a_db_without_its_log_is_what_a_start_serves() {
    for (release, base) in [
        ("3.5.30", "etcd-3.5.30"),
        ("3.5.16", "killed-3.5.16"),
        ("3.4.23", "etcd-3.4.23"),
    ] {
        let copy = copy_of(&data_dir(base));
        fs::remove_dir_all(copy.join("member/wal")).unwrap();
        let path = copy.to_str().unwrap();
        let status = inspect(&["status", "--replay", path, "-o", "json"]);
        let start = &status["start"];
        assert_eq!(status["revision"], start["revision"], "{base}: {status}");
        assert_eq!(status["keys"], start["keys"], "{base}: {status}");
        // What the log had after the db is not known.
        assert!(status.get("partial").is_some(), "{base}: {status}");
        let Some(binaries) = Binaries::newest(release) else {
            eprintln!("no etcd {release} here: {base} is not started");
            continue;
        };
        let seen = serve(&binaries, &copy, &[]).unwrap();
        assert_eq!(status["revision"].as_i64(), Some(seen.revision), "{base}");
        assert_eq!(
            status["keys"].as_u64(),
            Some(seen.contents.len() as u64),
            "{base}"
        );
        assert!(!seen.kept, "{base}: later writes vanish");
    }
}

/// The hash over all keys that a real etcd gives after a start; `None` stands for a release that is not here: then it is ours.
fn served_hash(release: &str, data: &Path) -> Option<u64> {
    let Some(binaries) = Binaries::newest(release) else {
        eprintln!("no etcd {release} here: nothing is started");
        let path = data.to_str().unwrap();
        return inspect(&["hashkv", "--replay", path, "-o", "json"])["hash"].as_u64();
    };
    let server = Server::start(&binaries, &copy_of(data), &[], Duration::from_secs(30)).unwrap();
    let said = server.json(&["endpoint", "hashkv"]);
    said[0]["HashKV"]["hash"].as_u64()
}
