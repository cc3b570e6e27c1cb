//! Every member of `fixtures/`: members, alarms, leases, users and roles are those that etcd listed.

use std::path::PathBuf;

use etcd_inspect::backend::{Alarm, Auth, Cluster, Lease, Meta, check};
use etcd_inspect::bolt::Db;
use etcd_inspect::member::Member;
use etcd_inspect::mvcc::{Index, Keyspace, Rules};
use etcd_inspect::{Finding, Severity};
use testkit::fixture;

fn members() -> Vec<(String, PathBuf, toml::Table)> {
    let mut members = Vec::new();
    for (name, entry) in testkit::manifest() {
        for (member, truth) in entry
            .get("member")
            .and_then(toml::Value::as_table)
            .into_iter()
            .flatten()
        {
            let truth = truth.as_table().unwrap().clone();
            let path = fixture(&name).join(truth["path"].as_str().unwrap());
            members.push((format!("{name}/{member}"), path, truth));
        }
    }
    members
}

fn with_db<T>(path: &std::path::Path, ask: impl FnOnce(&Db<'_>) -> T) -> T {
    let member = Member::open(path).unwrap();
    ask(&member.db().unwrap())
}

fn texts(truth: &toml::Table, key: &str) -> Vec<String> {
    let list = truth
        .get(key)
        .and_then(toml::Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut texts: Vec<String> = list
        .iter()
        .map(|value| value.as_str().unwrap().to_owned())
        .collect();
    texts.sort();
    texts
}

fn no_finding(finding: Finding) {
    panic!("{}: {}", finding.place, finding.message);
}

/// The killed ones lag behind the answers of etcd after it had replayed the WAL.
fn settled() -> impl Iterator<Item = (String, PathBuf, toml::Table)> {
    let killed = |truth: &toml::Table| {
        truth
            .get("killed")
            .and_then(toml::Value::as_bool)
            .unwrap_or(false)
    };
    members()
        .into_iter()
        .filter(move |(_, _, truth)| !killed(truth))
}

#[test]
fn users_roles_and_leases_are_those_that_etcd_listed() {
    let (mut users, mut leases) = (0, 0);
    for (name, path, truth) in settled() {
        with_db(&path, |db| {
            let auth = Auth::read(db, &mut no_finding);
            let mut names: Vec<String> = auth.users.iter().map(|user| user.name.clone()).collect();
            names.sort();
            assert_eq!(names, texts(&truth, "users"), "{name}");
            users += names.len();
            let roles: Vec<String> = auth.roles.iter().map(|role| role.name.clone()).collect();
            assert_eq!(roles, texts(&truth, "roles"), "{name}");
            let mut ids: Vec<String> = Lease::read_all(db, &mut no_finding)
                .iter()
                .map(|lease| format!("{:x}", lease.id.0))
                .collect();
            ids.sort();
            let unpadded = |id: &String| id.trim_start_matches('0').to_owned();
            let mut wanted: Vec<String> = texts(&truth, "leases").iter().map(unpadded).collect();
            wanted.sort();
            // The Kubernetes members were asked while they served; their db is a little older than the list.
            if name.starts_with("k8s-") {
                wanted.retain(|id| ids.contains(id));
            }
            assert_eq!(ids, wanted, "{name}");
            leases += ids.len();
        });
    }
    assert!(users > 10 && leases > 30, "{users} users, {leases} leases");
}

#[test]
fn members_and_alarms_are_those_that_etcd_listed() {
    for (name, path, truth) in
        settled().filter(|(name, ..)| !name.starts_with("restored-plain-3.4"))
    {
        with_db(&path, |db| {
            let cluster = Cluster::read(db, &mut no_finding);
            let mut ids: Vec<String> = cluster
                .members
                .iter()
                .map(|member| member.id.to_string())
                .collect();
            ids.sort();
            let listed = truth["members"].as_array().unwrap();
            let mut wanted: Vec<String> = listed
                .iter()
                .map(|m| format!("{:0>16}", m["id"].as_str().unwrap()))
                .collect();
            wanted.sort();
            assert_eq!(ids, wanted, "{name}");
            for listed in listed {
                let id = listed["id"].as_str().unwrap().parse().unwrap();
                let member = cluster.member(id).unwrap();
                let learner = listed
                    .get("learner")
                    .and_then(toml::Value::as_bool)
                    .unwrap_or(false);
                assert_eq!(member.is_learner, learner, "{name}");
                let urls: Vec<&str> = listed["peer_urls"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|u| u.as_str().unwrap())
                    .collect();
                assert_eq!(member.peer_urls, urls, "{name}");
            }
            let mut alarms: Vec<String> = Alarm::read_all(db, &mut no_finding)
                .iter()
                .map(|alarm| alarm.alarm.to_string())
                .collect();
            alarms.sort();
            let listed = truth
                .get("alarms")
                .and_then(toml::Value::as_array)
                .cloned()
                .unwrap_or_default();
            let mut wanted: Vec<String> = listed
                .iter()
                .map(|a| a["alarm"].as_str().unwrap().to_owned())
                .collect();
            wanted.sort();
            assert_eq!(alarms, wanted, "{name}");
        });
    }
}

#[test]
fn the_schema_is_that_of_the_version_that_wrote_it() {
    for (name, path, truth) in members() {
        with_db(&path, |db| {
            let meta = Meta::read(db, &mut no_finding);
            let written = truth["version"]
                .as_str()
                .unwrap()
                .rsplit_once('.')
                .unwrap()
                .0
                .to_owned();
            let schema = meta.schema_version();
            assert_eq!(
                format!("{}.{}", schema.major, schema.minor),
                written,
                "{name}"
            );
            assert!(meta.consistent_index.is_some(), "{name}");
            assert!(
                meta.unknown_keys.is_empty(),
                "{name}: {:?}",
                meta.unknown_keys
            );
        });
    }
}

#[test]
fn nothing_is_wrong_with_healthy_members_but_the_alarms_that_were_raised() {
    let mut checked = 0;
    for (name, path, _) in members() {
        let snapshot = path.parent().unwrap().join("snapshot.db");
        for path in [Some(path), snapshot.is_file().then_some(snapshot)]
            .into_iter()
            .flatten()
        {
            with_db(&path, |db| {
                let index = Index::build(
                    &db.bucket(b"key", &mut no_finding).unwrap(),
                    &mut no_finding,
                );
                let meta = Meta::read(db, &mut no_finding);
                let keyspace =
                    Keyspace::new(&index, db.file().as_slice(), meta.compaction, Rules::NEWEST);
                let mut bad = Vec::new();
                check::check(db, Some(&keyspace), &mut |finding| {
                    if finding.severity > Severity::Note && !finding.code.id.starts_with("ALARM-") {
                        bad.push(format!("{} {}", finding.code.id, finding.message));
                    }
                });
                assert_eq!(bad, [""; 0], "{name} {}", path.display());
                checked += 1;
            });
        }
    }
    assert!(checked > 30, "{checked}");
}

#[test]
fn password_hashes_show_neither_in_debug_output_nor_in_json() {
    let (_, path, _) = settled()
        .find(|(name, ..)| name.starts_with("auth-"))
        .unwrap();
    with_db(&path, |db| {
        let auth = Auth::read(db, &mut no_finding);
        let shown = format!("{auth:?}{}", serde_json::to_string(&auth).unwrap());
        assert!(
            auth.users
                .iter()
                .any(|user| user.password_hash().starts_with(b"$2a$"))
        );
        assert!(
            !shown.contains("$2a$") && !shown.contains("36, 50, 97"),
            "{shown}"
        );
        assert!(auth.is_enabled());
    });
}
