//! What could not be read of the db is unknown in every verb and in every form: it is no 0, no "none", no "free", no hash over a part.

use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::places::bolt::Db;

use crate::run::{RunResult, sealed};

/// A copy of a healthy member with other bytes in its db.
struct Damaged {
    _copy: testkit::Copy,
    data: PathBuf,
}

fn damaged(change: impl FnOnce(&mut Db)) -> Damaged {
    let copy = testkit::fixture_copy("etcd-3.5.30");
    let data = copy.data_dir();
    let path = data.join("member/snap/db");
    let mut db = Db::read(&path);
    change(&mut db);
    db.write(&path);
    Damaged { _copy: copy, data }
}

fn zero_page(db: &mut Db, page: u64) {
    let at = db.at(page);
    db.put(at, &[0; 4096]);
}

/// The root page, the root of the keys, a leaf of the keys, and the buckets of the log index and of the leases.
fn lost_root() -> Damaged {
    damaged(|db| zero_page(db, db.root()))
}

fn lost_keys() -> Damaged {
    damaged(|db| {
        let root = db.nodes("key")[0].page;
        zero_page(db, root);
    })
}

fn lost_leaf() -> Damaged {
    damaged(|db| {
        let leaves = db.leaves("key");
        zero_page(db, leaves[leaves.len() / 2]);
    })
}

fn lost_bucket(name: &'static str) -> Damaged {
    damaged(move |db| {
        let bucket = db.bucket(name).unwrap();
        let value = bucket.value.clone();
        // An inline bucket: its head is 16 bytes, the page follows. Elements that point nowhere.
        let page = value.start + 16;
        let room = value.end - page;
        db.put(page + 16, &vec![0xff; room - 16]);
    })
}

fn ask(data: &Path, verb: &[&str], format: &str) -> RunResult {
    let path = data.to_str().unwrap();
    sealed(data, verb.iter().copied().chain([path, "-o", format]))
}

/// The answer, which must be marked as partial in text and in JSON.
#[track_caller]
fn partial(data: &Path, verb: &[&str]) -> Value {
    let text = ask(data, verb, "table");
    assert_eq!(text.code, 3, "{verb:?}: {}\n{}", text.out, text.err);
    let said = ask(data, verb, "json");
    assert_eq!(said.code, 3, "{verb:?}: {}\n{}", said.out, said.err);
    let json = said.json();
    assert!(json.get("partial").is_some(), "{verb:?}: {json}");
    json
}

#[test]
fn pages_that_a_damaged_tree_does_not_reach_are_not_called_free() {
    for lost in [lost_root(), lost_keys(), lost_leaf()] {
        let list = partial(&lost.data, &["page"]);
        assert_eq!(list["total"]["free_pages"], 0, "{}", list["total"]);
        assert!(list["total"]["unknown_pages"].as_u64() > Some(0));
        let rows = list["rows"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["state"] != "free"));
        let map = partial(&lost.data, &["page", "--map"]);
        assert_eq!(map["counts"]["free_pages"], 0, "{}", map["counts"]);
        let status = partial(&lost.data, &["status"]);
        assert!(status["db"]["free_bytes"].is_null(), "{}", status["db"]);
        assert!(status["db"]["in_use_bytes"].is_null(), "{}", status["db"]);
        let query = "select count(*) as n from pages where state = 'free'";
        let rows = ask(&lost.data, &["sql", query, "-d"], "json");
        assert_eq!(rows.code, 3, "{}", rows.err);
        assert_eq!(rows.json()["rows"][0]["n"], 0);
    }
}

#[test]
fn what_a_compaction_or_a_defragmentation_frees_is_unknown_if_a_part_cannot_be_read() {
    let lost = lost_leaf();
    let space = partial(&lost.data, &["space"]);
    assert!(space["compaction"]["frees_bytes"].is_null(), "{space}");
    let defrag = &space["defragmentation"];
    assert!(defrag["gives_back_bytes"].is_null(), "{space}");
    assert!(defrag["after_compaction_bytes"].is_null(), "{space}");
    let rows = space["rows"].as_array().unwrap();
    let sum: u64 = rows.iter().filter_map(|row| row["bytes"].as_u64()).sum();
    assert_eq!(Some(sum), space["size_bytes"].as_u64(), "{space}");
    let text = ask(&lost.data, &["space"], "table").out;
    assert!(text.contains("not known what it would free"), "{text}");
}

#[test]
fn a_hash_over_a_part_of_the_keys_is_never_the_hash() {
    for lost in [lost_leaf(), lost_bucket("meta")] {
        let hash = partial(&lost.data, &["hashkv"]);
        assert!(hash["hash"].is_null(), "{hash}");
        let healthy = testkit::data_dir("etcd-3.5.30");
        let (one, other) = (lost.data.to_str().unwrap(), healthy.to_str().unwrap());
        let compared = sealed(&lost.data, ["compare", one, other, "-o", "json"]);
        assert_eq!(compared.code, 3, "{}", compared.err);
        let compared = compared.json();
        assert!(compared["members"][0]["hashkv"].is_null(), "{compared}");
        assert!(compared["members"][0]["keys"].is_null(), "{compared}");
        assert!(compared["same"].is_null(), "{compared}");
        assert_eq!(compared["differing_keys"].as_array().unwrap().len(), 0);
    }
}

#[test]
fn without_its_bucket_nothing_is_known_of_compactions_and_of_the_applied_index() {
    let lost = lost_bucket("meta");
    let meta = partial(&lost.data, &["meta"]);
    for field in ["consistent_index", "scheduled_compact_revision", "term"] {
        let unknown = meta["unknown"].as_array().unwrap();
        assert!(unknown.iter().any(|name| name == field), "{field}: {meta}");
    }
    assert!(meta["schema_version"].is_null(), "{meta}");
    let text = ask(&lost.data, &["meta"], "table").out;
    for claim in ["scheduled never", "index none", "3.4 by its schema"] {
        assert!(!text.contains(claim), "{text}");
    }
    let status = partial(&lost.data, &["status"]);
    assert!(status["compact_revision"].is_null(), "{status}");
    let text = ask(&lost.data, &["status"], "table").out;
    assert!(!text.contains("never compacted"), "{text}");
}

#[test]
fn leases_of_a_bucket_or_of_keys_that_cannot_be_read_are_not_judged() {
    let lost = lost_bucket("lease");
    let leases = partial(&lost.data, &["leases"]);
    let rows = leases["rows"].as_array().unwrap();
    assert!(!rows.is_empty(), "{leases}");
    assert!(rows.iter().all(|row| row["state"] == "unknown"), "{leases}");
    let text = ask(&lost.data, &["leases"], "table");
    assert!(!text.err.contains("never expires"), "{}", text.err);
    let status = partial(&lost.data, &["status"]);
    assert!(status.get("leases").is_none(), "{status}");
    let text = ask(&lost.data, &["status"], "table").out;
    assert!(text.contains("leases unknown"), "{text}");
    let lost = lost_leaf();
    let leases = partial(&lost.data, &["leases"]);
    for row in leases["rows"].as_array().unwrap() {
        assert!(row["key_count"].is_null(), "{row}");
    }
}

#[test]
fn if_no_record_can_be_reached_the_log_answers_in_every_verb_and_the_cause_is_named() {
    for lost in [lost_root(), lost_keys()] {
        let counts: [&[&str]; 2] = [
            &["keys", "--by-resource"],
            &["sql", "select count(*) as keys from keys", "-d"],
        ];
        for verb in counts {
            let said = ask(&lost.data, verb, "json");
            assert_eq!(said.code, 0, "{verb:?}: {}", said.err);
            assert!(said.err.contains("the log alone answers"), "{}", said.err);
            let json = said.json();
            let keys = json.pointer("/total/keys").or(json.pointer("/rows/0/keys"));
            assert_eq!(keys, Some(&Value::from(125)), "{verb:?}: {json}");
        }
        let diff = ["diff", "--from", "200", "--to", "210", "--stat"];
        let verbs: [&[&str]; 5] = [
            &diff,
            &["get", "--prefix", "/registry/", "-d"],
            &["history", "/plain/k1", "-d"],
            &["changes", "--last", "2"],
            &["search", "nothing has this", "-d"],
        ];
        for verb in verbs {
            let said = ask(&lost.data, verb, "table");
            assert!(said.code < 2, "{verb:?}: {}", said.err);
            assert!(said.err.contains("the log alone answers"), "{verb:?}");
        }
        // What the log does not have is not answered, and the error names the page, not a bucket that is missing.
        for verb in ["hashkv", "space", "leases"] {
            let said = ask(&lost.data, &[verb], "table");
            assert_eq!((said.code, said.out.as_str()), (2, ""), "{verb}");
            assert!(said.err.contains("no record of the db can be reached"));
            assert!(!said.err.contains("no bucket of that name"), "{verb}");
        }
    }
}

#[test]
fn a_quick_look_that_cannot_read_the_newest_record_is_partial() {
    let lost = lost_keys();
    let status = partial(&lost.data, &["status", "--quick"]);
    assert!(status.get("revision").is_none_or(Value::is_null));
}

#[test]
fn a_log_that_ends_before_the_db_is_cut_and_need_not_be_of_another_member() {
    let copy = testkit::fixture_copy("etcd-3.5.30");
    let data = copy.data_dir();
    let segment = testkit::places::wal::segments(&data).remove(0);
    let file = std::fs::File::options().write(true).open(segment).unwrap();
    file.set_len(20_000).unwrap();
    let said = ask(&data, &["status"], "table");
    assert!(said.out.contains("the log is cut"), "{}", said.out);
    assert!(!said.out.contains("not of one member"), "{}", said.out);
}

#[test]
fn of_a_healthy_member_nothing_is_unknown() {
    let data = testkit::data_dir("etcd-3.5.30");
    for verb in [
        "status", "space", "page", "meta", "leases", "hashkv", "keys",
    ] {
        let said = ask(&data, &[verb], "json");
        assert_eq!(said.code, 0, "{verb}: {}", said.err);
        let json = said.json();
        assert!(json.get("unknown").is_none(), "{verb}: {json}");
        for word in ["unknown_pages", "unknown_bytes", "\"state\": \"unknown\""] {
            assert!(!said.out.contains(word), "{verb}: {}", said.out);
        }
    }
}

#[test]
fn the_variable_that_the_browser_reads_is_no_flag_of_other_verbs() {
    let data = testkit::data_dir("etcd-3.5.30");
    let mut command = crate::run::command();
    command.env("ETCD_INSPECT_A11Y", "1");
    let output = command.args(["status", "--quick"]).arg(&data).output();
    let said: RunResult = output.unwrap().into();
    assert_eq!(said.code, 0, "{}", said.err);
}
