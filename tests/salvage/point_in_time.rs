//! The state before a mistake: a real kube-apiserver deleted objects, etcd compacted the history, and salvage gives the moment
//! before back, as the server's own watch had recorded it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use testkit::etcd::{Binaries, Server};
use testkit::{data_dir, fixture, fixture_copy, unzstd};

use crate::served::restored;
use crate::{run, salvage};

const FIXTURE: &str = "k8s-1.20-etcd35";
const PATIENCE: Duration = Duration::from_secs(60);

/// Key: create and mod revision, version.
type Live = BTreeMap<String, (i64, i64, i64)>;

/// What the watch of the fixture's etcd recorded, every write of it.
fn history() -> Vec<Value> {
    let text = unzstd(&fixture(FIXTURE).join("truth/history.jsonl.zst"));
    String::from_utf8(text)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn live_at(history: &[Value], revision: i64) -> Live {
    let mut live = Live::new();
    for event in history {
        let at = event["rev"].as_i64().unwrap();
        if at > revision {
            break;
        }
        let key = event["key"].as_str().unwrap().to_owned();
        if event["type"] == "DELETE" {
            live.remove(&key);
        } else {
            let number = |field: &str| event[field].as_i64().unwrap();
            live.insert(key, (number("create_revision"), at, number("version")));
        }
    }
    live
}

/// The last deletion of an object that a person would miss, and the revision before it.
fn mistake(history: &[Value]) -> (String, i64) {
    let missed = |event: &&Value| {
        let key = event["key"].as_str().unwrap();
        event["type"] == "DELETE"
            && [
                "/registry/configmaps/",
                "/registry/deployments/",
                "/registry/pods/",
            ]
            .iter()
            .any(|kind| key.starts_with(kind))
    };
    let event = history.iter().rfind(missed).unwrap();
    (
        event["key"].as_str().unwrap().to_owned(),
        event["rev"].as_i64().unwrap() - 1,
    )
}

/// What a server holds.
fn served(server: &Server) -> Live {
    use base64::Engine as _;
    let answer = server.json(&["get", "--prefix", "/registry/"]);
    let number = |kv: &Value, field: &str| kv[field].as_i64().unwrap();
    answer["kvs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kv| {
            let key = base64::engine::general_purpose::STANDARD
                .decode(kv["key"].as_str().unwrap())
                .unwrap();
            let numbers = (
                number(kv, "create_revision"),
                number(kv, "mod_revision"),
                number(kv, "version"),
            );
            (String::from_utf8(key).unwrap(), numbers)
        })
        .collect()
}

/// The fixture after real etcd compacted all of its history.
fn compacted(binaries: &Binaries) -> testkit::Copy {
    let copy = fixture_copy(FIXTURE);
    let server = Server::start(binaries, &copy.data_dir(), &[], PATIENCE).unwrap();
    let newest = server.json(&["endpoint", "status"])[0]["Status"]["header"]["revision"]
        .as_i64()
        .unwrap();
    server.ctl(&["compact", "--physical", &newest.to_string()]);
    server.stop();
    copy
}

#[test]
fn objects_deleted_before_a_compaction_are_back_at_the_moment_before() {
    let Some(binaries) = Binaries::newest("3.5") else {
        return eprintln!("no etcd 3.5 here");
    };
    let history = history();
    let (key, moment) = mistake(&history);
    let copy = compacted(&binaries);
    let backup = salvage(&copy.data_dir(), &["--rev", &moment.to_string()]);
    assert_eq!(backup.number("revision"), moment, "{}", backup.stderr);
    assert_eq!(backup.list("unrecoverable").len(), 0, "{}", backup.json);
    let next = backup.list("next")[0].as_str().unwrap();
    assert!(next.contains("--bump-revision"), "{next}");
    let dir = tempfile::tempdir().unwrap();
    let server = restored(&binaries, &backup.out, &dir.path().join("data"));
    let live = served(&server);
    assert!(live.contains_key(&key), "{key} is not there");
    assert!(live == live_at(&history, moment), "another state than then");
    served_by_kubernetes(&server, dir.path(), &key);
    server.stop();
}

/// The log is gone too: what the free pages of the db hold of that moment is what was written then, and the rest is listed.
#[test]
fn free_pages_give_what_they_hold_of_a_moment_below_the_compaction() {
    let Some(binaries) = Binaries::newest("3.5") else {
        return eprintln!("no etcd 3.5 here");
    };
    let history = history();
    let (_, moment) = mistake(&history);
    let copy = compacted(&binaries);
    std::fs::remove_dir_all(copy.data_dir().join("member/wal")).unwrap();
    let at = moment.to_string();
    let without = salvage(&copy.data_dir(), &["--rev", &at]);
    let with = salvage(&copy.data_dir(), &["--rev", &at, "--include", "carved"]);
    assert!(
        with.number("keys") >= without.number("keys"),
        "{} against {}",
        with.json["keys"],
        without.json["keys"]
    );
    for backup in [&without, &with] {
        assert!(backup.number("revision") <= moment);
        assert_eq!(backup.exit, 3, "{}", backup.stderr);
        let lost = backup.list("unrecoverable");
        assert!(!lost.is_empty() && lost.len() < 10, "{}", backup.json);
    }
    let dir = tempfile::tempdir().unwrap();
    let server = restored(&binaries, &with.out, &dir.path().join("data"));
    let truth = live_at(&history, moment);
    let live = served(&server);
    let wrong = live
        .iter()
        .filter(|(key, own)| truth.get(*key) != Some(own));
    let written: std::collections::BTreeSet<(String, i64)> = history
        .iter()
        .map(|event| {
            (
                event["key"].as_str().unwrap().to_owned(),
                event["rev"].as_i64().unwrap(),
            )
        })
        .collect();
    for (key, (_, modified, _)) in wrong {
        assert!(
            written.contains(&(key.clone(), *modified)),
            "{key} was never written at {modified}"
        );
    }
    server.stop();
}

#[test]
fn a_time_means_the_newest_write_before_it() {
    let history = history();
    let created = |event: &Value| {
        let text = event["object"]["metadata"]["creationTimestamp"].as_str()?;
        Some((text.to_owned(), event["rev"].as_i64().unwrap()))
    };
    let first = |event: &&Value| event["version"] == 1;
    let created: Vec<(String, i64)> = history.iter().filter(first).filter_map(created).collect();
    let (time, _) = &created[created.len() / 2];
    let backup = salvage(&data_dir(FIXTURE), &["--at", time]);
    let revision = backup.number("revision");
    let later = created
        .iter()
        .filter(|(other, _)| other > time)
        .map(|(_, at)| *at)
        .min();
    // An API server takes creationTimestamp before it writes: an object of the second before may be written after `time`.
    let time: jiff::Timestamp = time.parse().unwrap();
    let is_written = |other: &str| {
        let other: jiff::Timestamp = other.parse().unwrap();
        time.duration_since(other).as_secs() >= 2
    };
    let earlier = created
        .iter()
        .filter(|(other, _)| is_written(other))
        .map(|(_, at)| *at)
        .max();
    assert!(
        later.is_none_or(|later| revision < later),
        "{revision}, {later:?}"
    );
    assert!(
        earlier.is_none_or(|earlier| revision >= earlier),
        "{revision}, {earlier:?}"
    );
}

#[test]
fn a_revision_that_never_was_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.db");
    let output = run(&[
        "salvage",
        data_dir(FIXTURE).to_str().unwrap(),
        "--rev",
        "99999999",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert!(!output.status.success() && !out.exists());
}

/// The real kube-apiserver of `../shared/tools`, if it is there, answers with the object that was deleted.
fn served_by_kubernetes(server: &Server, dir: &Path, key: &str) {
    let Some(api) = testkit::ApiServer::start(server, dir) else {
        return eprintln!("no kube-apiserver here");
    };
    let parts: Vec<&str> = key.trim_start_matches("/registry/").split('/').collect();
    let [resource, namespace, name] = parts[..] else {
        panic!("{key}");
    };
    let group = match resource {
        "deployments" => "apis/apps/v1",
        _ => "api/v1",
    };
    let object = api.get(&format!(
        "/{group}/namespaces/{namespace}/{resource}/{name}"
    ));
    assert_eq!(object["metadata"]["name"], name, "{object}");
    api.stop();
}
