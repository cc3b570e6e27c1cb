//! Two faults at once are counted as what they are together, and actions that lead to the same content cost the same.

use std::path::Path;

use serde_json::Value;
use testkit::places::bolt::Db;
use testkit::places::proto;
use testkit::places::wal::Log;
use testkit::{copy_of, data_dir};

use crate::printed::{inspect, preflight};

/// Flips one bit in the value of the last record that was put, in place.
fn wrong_value(data: &Path) {
    let file = data.join("member/snap/db");
    let mut db = Db::read(&file);
    let records = db.entries("key");
    let put = records
        .iter()
        .rev()
        .find(|record| record.key.len() == 17)
        .unwrap();
    let value = proto::field(&db.bytes[put.value.clone()], 5).unwrap();
    let at = put.value.start + value.payload.start;
    db.bytes[at] ^= 1;
    db.write(&file);
}

/// Flips one bit in an entry that the db has applied.
fn damaged_entry(data: &Path, index: u64) {
    let log = Log::read(data);
    let entry = log
        .entries()
        .into_iter()
        .find(|entry| entry.index == index)
        .unwrap();
    let segment = &log.segments[entry.segment];
    let mut bytes = segment.bytes.clone();
    bytes[segment.frames[entry.frame].data.end - 1] ^= 1;
    std::fs::write(&segment.path, bytes).unwrap();
}

fn restore(data: &Path) -> Value {
    preflight(data, "restore", "3.5.30")["step"].clone()
}

#[test]
fn a_damaged_entry_that_the_db_has_and_a_wrong_value_are_one_wrong_record() {
    let intact = copy_of(&data_dir("lagging-3.5.30"));
    let lost = restore(&intact)["lost"]["writes"].clone();
    assert!(lost.as_u64() > Some(0), "the db lags its log: {lost}");
    let both = copy_of(&intact);
    wrong_value(&both);
    damaged_entry(&both, 38);
    let step = restore(&both);
    assert_eq!(
        (&step["lost"]["writes"], &step["wrong"]),
        (&lost, &1.into()),
        "{step}"
    );
    let log_only = copy_of(&intact);
    damaged_entry(&log_only, 38);
    let step = restore(&log_only);
    assert_eq!(
        (&step["lost"]["writes"], &step["wrong"]),
        (&lost, &0.into()),
        "{step}"
    );
    let db_only = copy_of(&intact);
    wrong_value(&db_only);
    let step = restore(&db_only);
    assert_eq!(
        (&step["lost"]["writes"], &step["wrong"]),
        (&lost, &1.into()),
        "{step}"
    );
}

#[test]
fn a_restore_and_a_salvage_of_the_same_content_cost_the_same() {
    for fixture in ["etcd-3.5.30", "etcd-3.5.16", "etcd-3.4.23"] {
        let copy = copy_of(&data_dir(fixture));
        // The log is lost from within an entry that the db has.
        let log = Log::read(&copy);
        let entries = log.entries();
        let entry = &entries[entries.len() - 20];
        let segment = &log.segments[entry.segment];
        let mut bytes = segment.bytes.clone();
        bytes[segment.frames[entry.frame].data.end - 1..].fill(0);
        std::fs::write(&segment.path, bytes).unwrap();

        let said = inspect(&["check", copy.to_str().unwrap(), "-o", "json"]);
        let plan = said["plan"].as_array().unwrap();
        let of = |action: &str| plan.iter().find(|step| step["action"] == action).unwrap();
        let (restored, salvaged) = (of("restore"), of("salvage"));
        for field in ["lost", "wrong", "exact", "possibly_lost"] {
            assert_eq!(
                restored[field], salvaged[field],
                "{fixture}, {field}: {said}"
            );
        }
        let keys = |step: &Value| step["outcome"]["keys"].clone();
        assert_eq!(keys(restored), keys(salvaged), "{fixture}");
        // What is better than a start is the first line of the plan.
        let release = fixture.trim_start_matches("etcd-");
        let start = preflight(&copy, "start", release);
        assert_eq!(
            start["better"]["action"], plan[0]["action"],
            "{fixture}: {start}"
        );
    }
}
