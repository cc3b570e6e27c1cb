//! `wal` and `snap`.

use serde_json::Value;
use testkit::{data_dir, incidents, truth};

use crate::run::{RunResult, sealed};

const CLUSTER: &str = "k8s-1.20-cluster3/m1";

fn wal(name: &str, args: &[&str]) -> RunResult {
    let dir = data_dir(name);
    let mut all = vec!["wal", "-o", "json"];
    all.extend(args);
    all.push(dir.to_str().unwrap());
    sealed(&dir, all)
}

#[test]
fn entries_run_from_the_first_to_the_last_index_without_gaps() {
    for name in ["etcd-3.4.23", "etcd-3.5.16", "etcd-3.6.14", "etcd-3.7.1"] {
        let said = wal(name, &[]);
        assert_eq!(said.code, 0, "{name}: {}", said.err);
        let rows = said.rows();
        for (at, row) in rows.iter().enumerate() {
            assert_eq!(row["index"], at as u64 + 1, "{name}");
            assert!(
                row["offset"].is_u64() && row["size_bytes"].is_u64(),
                "{name} {row}"
            );
        }
        let truth = truth(name);
        let last = truth["status"]["raftIndex"].as_u64().unwrap();
        assert!((rows.len() as u64).abs_diff(last) <= 5, "{name}");
        assert_eq!(rows[0]["type"], "conf_change", "{name}");
        assert_eq!(rows[1]["type"], "empty", "{name}");
        let publishes = if name < "etcd-3.6" {
            "v2_put"
        } else {
            "cluster_member_attr_set"
        };
        assert!(rows.iter().any(|row| row["request"] == publishes), "{name}");
    }
}

#[test]
fn terms_tell_whose_entries_were_overwritten() {
    let rows = wal(CLUSTER, &["--terms"]).rows();
    let numbers = |field: &str| {
        rows.iter()
            .map(|row| row[field].clone())
            .collect::<Vec<Value>>()
    };
    assert_eq!(numbers("term"), [1, 2, 3, 4, 5, 6]);
    assert_eq!(numbers("first_index"), [1, 4, 2097, 2940, 2963, 3523]);
    assert_eq!(numbers("last_index"), [3, 2096, 2939, 2962, 3522, 4050]);
    assert_eq!(rows[1]["vote"], "41852dd6fc5ae6ad");
    assert_eq!(rows[2]["overwritten"], 5);
}

#[test]
fn overwritten_entries_show_only_when_asked_for() {
    let some = wal(CLUSTER, &["--index", "2940..2944"]);
    assert_eq!(some.rows().len(), 5);
    assert!(some.err.contains("5 entries"), "{}", some.err);
    let all = wal(CLUSTER, &["--index", "2940..2944", "--all"]).rows();
    let overwritten: Vec<_> = all
        .iter()
        .filter(|row| row["state"] == "overwritten")
        .collect();
    assert_eq!((all.len(), overwritten.len()), (10, 5));
    assert!(overwritten.iter().all(|row| {
        row["keys"][0]
            .as_str()
            .unwrap()
            .starts_with("/uncommitted/")
    }));
}

#[test]
fn filters_by_key_and_type_agree() {
    let rows = wal(CLUSTER, &["--key", "/registry/ranges/serviceips"]).rows();
    assert!(rows.len() > 2 && rows.iter().all(|row| row["request"] == "txn"));
    let below = wal(CLUSTER, &["--key", "/after/", "--type", "put"]).rows();
    assert_eq!(below.len(), 20);
    let changes = wal(CLUSTER, &["--type", "conf_change"]).rows();
    assert_eq!(changes.len(), 3);
    let states = wal(CLUSTER, &["--type", "state"]).rows();
    assert!(
        states
            .iter()
            .all(|row| row["type"] == "state" && row["crc_state"] == "ok")
    );
    assert_eq!(wal(CLUSTER, &["--type", "nonsense"]).code, 2);
}

#[test]
fn passwords_are_masked_in_every_form() {
    let dir = data_dir("etcd-3.4.23");
    for format in ["table", "json", "jsonl", "yaml"] {
        let args = [
            "wal",
            "--type",
            "auth_user_add",
            "-o",
            format,
            "-d",
            dir.to_str().unwrap(),
        ];
        let said = sealed(&dir, args);
        assert_eq!(said.code, 0, "{format}: {}", said.err);
        assert!(said.out.contains("••••"), "{format}: {}", said.out);
    }
}

#[test]
fn damage_costs_its_own_entry_and_makes_the_answer_partial() {
    let copy = incidents::incident("W45").reproduce();
    let path = copy.data_dir();
    let said = sealed(&path, ["wal", "-o", "json", path.to_str().unwrap()]);
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.err.contains("WAL-006"), "{}", said.err);
    let whole = wal(incidents::KILLED, &[]).rows().len();
    assert_eq!(said.rows().len(), whole, "only a HardState is damaged");
}

#[test]
fn segments_name_what_does_not_continue() {
    let copy = incidents::incident("W43").reproduce();
    let path = copy.data_dir();
    let said = sealed(
        &path,
        ["wal", "--segments", "-o", "json", path.to_str().unwrap()],
    );
    let heads: Vec<_> = said.rows().iter().map(|row| row["head"].clone()).collect();
    assert_eq!(heads[0], "first read");
    assert_eq!(heads.last().unwrap(), "does not continue");
    assert_eq!(said.code, 1, "{}", said.err);
}

#[test]
fn one_segment_and_one_broken_file_can_be_asked_alone() {
    let file = data_dir("etcd-3.5.16").join("member/wal/0000000000000000-0000000000000000.wal");
    let said = sealed(&file, ["wal", "-o", "json", file.to_str().unwrap()]);
    assert!(said.rows().len() > 200, "{}", said.err);
    let copy = testkit::copy_of(&file);
    let broken = copy.with_extension("wal.broken");
    std::fs::rename(&*copy, &broken).unwrap();
    let said = sealed(&broken, ["wal", "-o", "json", broken.to_str().unwrap()]);
    assert!(said.rows().len() > 200, "{}", said.err);
}

#[test]
fn snapshots_list_voters_members_and_version() {
    let dir = data_dir("etcd-3.6.14");
    let said = sealed(&dir, ["snap", "-o", "json", dir.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{}", said.err);
    let rows = said.rows();
    assert_eq!(rows.len(), 2);
    let member = truth("etcd-3.6.14")["members"]["members"][0].clone();
    let id = format!("{:016x}", member["ID"].as_u64().unwrap());
    for row in rows {
        assert_eq!(row["voters"][0], id);
        assert_eq!(row["members"][0]["peer_urls"], member["peerURLs"]);
        assert_eq!(
            (row["cluster_version"].as_str(), &row["in_wal"]),
            (Some("3.6.0"), &Value::Bool(true))
        );
    }
}

#[test]
fn a_damaged_snapshot_is_listed_and_told() {
    let copy = incidents::incident("S01").reproduce();
    let path = copy.data_dir();
    let said = sealed(&path, ["snap", "-o", "json", path.to_str().unwrap()]);
    assert!(said.err.contains("SNAP-001"), "{}", said.err);
    assert!([1, 3].contains(&said.code), "{}", said.code);
}

/// Found by a tester: a request was only the word `txn`.
#[test]
fn tables_for_programs_name_the_keys_of_each_request() {
    let data = data_dir("k8s-1.20-etcd35");
    let path = data.to_str().unwrap();
    let key = "/registry/deployments/prod/web";
    let lines = |form| {
        let said = sealed(&data, ["wal", "--key", key, "-o", form, path]);
        assert_eq!(said.code, 0, "{}", said.err);
        said.out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let objects = lines("jsonl").len();
    assert!(objects > 0);
    for form in ["csv", "tsv"] {
        let rows = lines(form);
        assert_eq!(rows.len(), objects + 1, "{form}");
        assert!(
            rows[0].contains("summary") && rows[0].contains("keys"),
            "{}",
            rows[0]
        );
        assert!(rows[1..].iter().all(|row| row.contains(key)), "{form}");
    }
}
