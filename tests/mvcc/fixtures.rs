//! Every member of `fixtures/`: revisions, live keys and hashes are those that etcd printed.

use std::path::Path;

use etcd_inspect::Limits;
use etcd_inspect::backend::Meta;
use etcd_inspect::bolt::Db;
use etcd_inspect::member::Member;
use etcd_inspect::mvcc::check;
use etcd_inspect::mvcc::{Index, KeyRange, Keyspace, Rules};
use etcd_inspect::progress::Silent;
use testkit::fixture;

/// One member of the manifest: the name to show, the path, etcd's own answers.
fn members() -> Vec<(String, std::path::PathBuf, toml::Table)> {
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
    assert!(members.len() > 30, "{} members", members.len());
    members
}

fn killed(truth: &toml::Table) -> bool {
    truth
        .get("killed")
        .and_then(toml::Value::as_bool)
        .unwrap_or(false)
}

/// The compaction revision that etcd returned; 0 if it returned none.
fn compacted(truth: &toml::Table) -> i64 {
    truth
        .get("compact_revision")
        .and_then(toml::Value::as_integer)
        .unwrap_or(0)
        .max(0)
}

/// The rules of the release that wrote a member.
fn rules(truth: &toml::Table) -> Rules {
    let numbers: Vec<u64> = truth["version"]
        .as_str()
        .unwrap()
        .split('.')
        .map(|n| n.parse().unwrap())
        .collect();
    Rules::of_release(numbers[0], numbers[1], numbers[2])
}

fn with_keyspace<T>(path: &Path, rules: Rules, ask: impl FnOnce(&Db<'_>, Keyspace<'_>) -> T) -> T {
    let member = Member::open(path).unwrap();
    let db = member.db().unwrap();
    let mut findings = Vec::new();
    let index = Index::build(
        &db.bucket(b"key", &mut |f| findings.push(f)).unwrap(),
        &mut |f| findings.push(f),
    );
    let meta = Meta::read(&db, &mut |f| findings.push(f));
    assert_eq!(findings.len(), 0, "{}: {findings:?}", path.display());
    assert_eq!(index.skipped(), 0);
    ask(
        &db,
        Keyspace::new(&index, db.file().as_slice(), meta.compaction, rules),
    )
}

fn hashes(truth: &toml::Table) -> Vec<(i64, u32)> {
    let hashes = truth.get("hashkv").and_then(toml::Value::as_table).unwrap();
    hashes
        .iter()
        .map(|(revision, hash)| (revision.parse().unwrap(), hash.as_integer().unwrap() as u32))
        .collect()
}

#[test]
fn revision_and_live_keys_are_those_that_etcd_named() {
    for (name, path, truth) in members() {
        with_keyspace(&path, rules(&truth), |_, keyspace| {
            let wanted = truth["revision"].as_integer().unwrap();
            if killed(&truth) && keyspace.revision() < wanted {
                return;
            }
            assert_eq!(keyspace.revision(), wanted, "{name}");
            assert_eq!(
                keyspace.live_count() as i64,
                truth["live_keys"].as_integer().unwrap(),
                "{name}"
            );
            let listed = keyspace.live(&KeyRange::all(), None).unwrap();
            assert_eq!(listed.len(), keyspace.live_count(), "{name}");
            assert!(
                listed
                    .iter()
                    .zip(listed.iter().skip(1))
                    .all(|(a, b)| a.key < b.key),
                "{name}"
            );
            assert_eq!(keyspace.counts().keys as usize, listed.len(), "{name}");
            let compacted = compacted(&truth);
            assert_eq!(
                keyspace.compact_revision().unwrap_or(0).max(0),
                compacted.max(0),
                "{name}"
            );
        });
    }
}

#[test]
fn hash_kv_is_that_of_etcd_bit_for_bit() {
    let mut compared = 0;
    for (name, path, truth) in members() {
        with_keyspace(&path, rules(&truth), |_, keyspace| {
            for (revision, hash) in hashes(&truth)
                .into_iter()
                .filter(|(rev, _)| *rev <= keyspace.revision())
            {
                let of_db = keyspace.compact_revision().unwrap_or(0) != compacted(&truth);
                if killed(&truth) && of_db {
                    continue;
                }
                let ours = keyspace.hash_kv(Some(revision)).unwrap();
                assert_eq!(
                    ours.hash, hash,
                    "{name} at {revision}, compacted at {}",
                    ours.compact_revision
                );
                assert_eq!(
                    keyspace
                        .with_rules(Rules::NEWEST)
                        .hash_kv(Some(revision))
                        .unwrap()
                        .hash,
                    hash,
                    "{name}"
                );
                compared += 1;
            }
        });
    }
    assert!(compared > 60, "{compared} hashes compared");
}

#[test]
fn the_snapshot_of_a_member_hashes_as_the_member() {
    let mut compared = 0;
    for (name, path, truth) in members() {
        let snapshot = path.parent().unwrap().join("snapshot.db");
        if !snapshot.is_file() || killed(&truth) {
            continue;
        }
        with_keyspace(&snapshot, rules(&truth), |_, keyspace| {
            for (revision, hash) in hashes(&truth)
                .into_iter()
                .filter(|(rev, _)| *rev <= keyspace.revision())
            {
                if keyspace.compact_revision().unwrap_or(0) == compacted(&truth) {
                    assert_eq!(
                        keyspace.hash_kv(Some(revision)).unwrap().hash,
                        hash,
                        "{name} at {revision}"
                    );
                    compared += 1;
                }
            }
        });
    }
    assert!(compared > 0);
}

#[test]
fn healthy_members_and_snapshots_break_no_rule() {
    let mut checked = 0;
    for (name, path, truth) in members() {
        let snapshot = path.parent().unwrap().join("snapshot.db");
        for path in [Some(path), snapshot.is_file().then_some(snapshot)]
            .into_iter()
            .flatten()
        {
            with_keyspace(&path, rules(&truth), |db, keyspace| {
                let bucket = db.bucket(b"key", &mut |_| {}).unwrap();
                let mut bad = Vec::new();
                check::check(
                    &bucket,
                    &keyspace,
                    &Limits::default(),
                    &Silent,
                    &mut |finding| {
                        let bumped =
                            name.starts_with("restored-bumped") && finding.code.id == "MVCC-014";
                        if !bumped {
                            bad.push(format!("{} {}", finding.code.id, finding.message));
                        }
                    },
                );
                assert_eq!(bad, [""; 0], "{name} {}", path.display());
                checked += 1;
            });
        }
    }
    assert!(checked > 30, "{checked}");
}

#[test]
fn the_index_takes_less_than_fifty_bytes_a_revision() {
    for name in ["k8s-1.20-etcd35", "etcd-3.5.30"] {
        with_keyspace(&testkit::data_dir(name), Rules::NEWEST, |_, keyspace| {
            let index = keyspace.index();
            assert!(
                index.memory_bytes() < 50 * index.len(),
                "{name}: {} for {}",
                index.memory_bytes(),
                index.len()
            );
        });
    }
}
