//! A log that begins after the start of the store, and no db: the keys that it wrote are in the backup, at the revisions that they had
//! where an entry says them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use testkit::etcd::Binaries;
use testkit::places::wal::{self, Log};
use testkit::{data_dir, fixture_copy};

use crate::{run, salvage, served};

/// Live keys, each with its row.
fn live(path: &Path) -> BTreeMap<String, Value> {
    let path = path.to_str().unwrap();
    let flags = ["--values", "--reveal=all", "--limit", "0", "-o", "jsonl"];
    let output = run(&[&["keys", path], flags.as_slice()].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    // The last line says that the backup lacks what was written before the log.
    let rows = rows.filter(|row| row["key"].is_string() || row["key"].is_object());
    rows.map(|row| (row["key"].to_string(), row)).collect()
}

fn mod_revision(row: &Value) -> i64 {
    row["mod_revision"].as_i64().unwrap()
}

/// The revision of the store before an entry, as the whole evidence says it.
fn revision_before(whole: &Path, entry: u64) -> i64 {
    let flags = ["--all", "--last", "0", "-o", "jsonl"];
    let output = run(&[&["changes", whole.to_str().unwrap()], flags.as_slice()].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let earlier = rows.filter(|row| {
        row["raft_index"]
            .as_u64()
            .is_some_and(|index| index < entry)
    });
    let revisions = earlier.filter_map(|row| row["revision"].as_i64());
    revisions.max().unwrap()
}

/// Only the last part of the log of a fixture is left, and no db. Returns the copy and the first entry that is left.
fn tail_of(name: &str, part: (usize, usize)) -> (testkit::Copy, u64) {
    let copy = fixture_copy(name);
    let data = copy.data_dir();
    let entries = Log::read(&data).entries();
    let first = entries[entries.len() * part.0 / part.1].index;
    wal::split(&data, &[first]);
    fs::remove_file(wal::segments(&data).remove(0)).unwrap();
    fs::remove_file(data.join("member/snap/db")).unwrap();
    (copy, first)
}

#[test]
fn objects_of_kubernetes_keep_their_revisions_and_values() {
    let truth = live(&data_dir("k8s-1.20-etcd35"));
    for part in [(1, 20), (1, 2), (9, 10)] {
        let (copy, first) = tail_of("k8s-1.20-etcd35", part);
        let backup = salvage(&copy.data_dir(), &[]);
        assert_eq!(backup.exit, 3, "{}", backup.stderr);
        let lost = &backup.list("unrecoverable")[0];
        let what = lost["what"].as_str().unwrap();
        assert!(what.contains(&format!("begins at entry {first}")), "{what}");
        let base = lost["last_revision"].as_i64().unwrap();
        let found = live(&backup.out);
        let of_tail = |row: &&Value| mod_revision(row) > base;
        let wanted: Vec<&Value> = truth.values().filter(of_tail).collect();
        assert!(wanted.len() > 20, "{}", wanted.len());
        assert_eq!(found.len(), wanted.len(), "{part:?}: {}", backup.stderr);
        for row in wanted {
            let key = row["key"].to_string();
            let one = found.get(&key).cloned();
            let one = one.unwrap_or_else(|| panic!("{part:?}: no {key}: {}", backup.stderr));
            let is_created_by_log = row["create_revision"].as_i64().unwrap() > base;
            for (field, value) in row.as_object().unwrap() {
                let is_count = matches!(field.as_str(), "create_revision" | "version");
                // What else an API server adds to an object depends on its release, which the whole data says better.
                if field == "object" {
                    assert_eq!(one[field]["metadata"], value["metadata"], "{part:?}: {key}");
                } else if is_created_by_log || !is_count {
                    assert_eq!(one[field], *value, "{part:?}: {field} of {key}");
                }
            }
        }
        assert!(backup.stderr.contains("later transactions name revisions"));
    }
}

/// Plain puts say nothing of revisions: their values and their order are kept, and each release serves them.
#[test]
fn values_of_plain_keys_are_restored_and_served_by_each_release() {
    for name in ["etcd-3.4.23", "etcd-3.5.16", "etcd-3.5.30"] {
        let truth = live(&data_dir(name));
        let (copy, first) = tail_of(name, (1, 2));
        let backup = salvage(&copy.data_dir(), &[]);
        assert_eq!(backup.exit, 3, "{name}: {}", backup.stderr);
        let found = live(&backup.out);
        let base = revision_before(&data_dir(name), first);
        let given = backup.list("unrecoverable")[0]["last_revision"]
            .as_i64()
            .unwrap();
        assert!(given >= base, "{name}: {given}, {base}");
        let wanted = truth.values().filter(|row| mod_revision(row) > base);
        let wanted: BTreeMap<String, &Value> =
            wanted.map(|row| (row["key"].to_string(), row)).collect();
        assert!(wanted.len() > 5, "{name}: {}", wanted.len());
        // The fixture has transactions on keys that were written before: which branch they took is not in the log.
        let doubtful: BTreeSet<String> = ["stale", "maybe_deleted", "unrecoverable"]
            .iter()
            .flat_map(|list| backup.list(list))
            .map(|one| one["key"].to_string())
            .collect();
        for (key, row) in &wanted {
            let Some(one) = found.get(key) else {
                assert!(doubtful.contains(key), "{name}: no {key}: {}", backup.json);
                continue;
            };
            if doubtful.contains(key) {
                continue;
            }
            assert_eq!(one["value"], row["value"], "{name}: {key}");
            assert_eq!(one["lease"], row["lease"], "{name}: {key}");
        }
        let extra: Vec<&String> = found
            .keys()
            .filter(|key| !wanted.contains_key(*key))
            .collect();
        assert!(extra.is_empty(), "{name}: {extra:?}");
        let order = |rows: &mut dyn Iterator<Item = (&String, i64)>| {
            let rows = rows.filter(|(key, _)| !doubtful.contains(*key));
            let mut rows: Vec<_> = rows.map(|(key, main)| (main, key.clone())).collect();
            rows.sort();
            rows.into_iter().map(|(_, key)| key).collect::<Vec<_>>()
        };
        assert_eq!(
            order(&mut found.iter().map(|(key, row)| (key, mod_revision(row)))),
            order(&mut wanted.iter().map(|(key, row)| (key, mod_revision(row)))),
            "{name}"
        );
        let Some(binaries) = Binaries::newest(&name[5..8]) else {
            eprintln!("no etcd {} here", &name[5..8]);
            continue;
        };
        let into = copy.data_dir().with_extension("restored");
        let server = served::restored(&binaries, &backup.out, &into);
        let all = server.json(&["get", "--prefix", "", "--keys-only"]);
        assert_eq!(
            all["count"].as_i64(),
            i64::try_from(found.len()).ok(),
            "{all}"
        );
        served::lives(&binaries, server, &into, backup.number("revision"));
    }
}

/// A peer with a db is the better source, even if the tail of the other log reaches as far.
#[test]
fn a_tail_is_used_alone_only_if_no_copy_has_a_db() {
    let name = "k8s-1.20-cluster3";
    let copies =
        ["m1", "m2"].map(|member| testkit::copy_of(&data_dir(&format!("{name}/{member}"))));
    let [whole, tail] = [copies[0].to_path_buf(), copies[1].to_path_buf()];
    let middle = Log::read(&tail).entries();
    let middle = middle[middle.len() / 2].index;
    wal::split(&tail, &[middle]);
    fs::remove_file(wal::segments(&tail).remove(0)).unwrap();
    fs::remove_file(tail.join("member/snap/db")).unwrap();
    let alone = salvage(&whole, &[]);
    let both = crate::peers::together(&[&whole, &tail]);
    assert_eq!(
        crate::hash(&both.out, &[]),
        crate::hash(&alone.out, &[]),
        "{}",
        both.stderr
    );
}
