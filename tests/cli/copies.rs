//! Copies of several members judged together: what is advised is possible with what these copies have, and all verbs say the same.

use serde_json::Value;
use testkit::places::wal::{self, Log};
use testkit::{Copy, copy_of, data_dir};

use crate::run::etcd_inspect;

const FIXTURE: &str = "cluster3-3.4.23";

fn copies() -> [Copy; 3] {
    ["m1", "m2", "m3"].map(|member| copy_of(&data_dir(&format!("{FIXTURE}/{member}"))))
}

fn about(verb: &str, copies: &[&Copy], flags: &[&str]) -> (i32, Value) {
    let paths = copies.iter().map(|copy| copy.to_str().unwrap());
    let words = std::iter::once(verb).chain(paths);
    let said = etcd_inspect(words.chain(flags.iter().copied()).chain(["-o", "json"]));
    (said.code, said.json())
}

/// Overwrites three bytes of an entry, `before_end` entries before the last one.
fn damage_log(copy: &Copy, before_end: usize) {
    let log = Log::read(copy);
    let entries = log.entries();
    let entry = &entries[entries.len() - before_end];
    let segment = &log.segments[entry.segment];
    let at = segment.frames[entry.frame].data.end - 3;
    let mut bytes = segment.bytes.clone();
    for byte in &mut bytes[at..at + 3] {
        *byte ^= 0x55;
    }
    std::fs::write(&segment.path, bytes).unwrap();
}

/// Writes the last request that has a payload once more at the end of the log: no HardState says that it is committed.
fn append_uncommitted(copy: &Copy) {
    let log = Log::read(copy);
    let entries = log.entries();
    let last = entries.last().unwrap();
    let put = entries.iter().rev().find(|entry| entry.data.len() > 20);
    let entry = wal::entry(0, last.term, last.index + 1, &put.unwrap().data);
    let newest = log.segments.len() - 1;
    log.rewrite(|segment, records| {
        if segment == newest {
            records.push((2, entry.clone()));
        }
    });
}

#[test]
fn with_two_of_three_voters_damaged_every_verb_leads_to_a_salvage_of_all_copies() {
    let [m1, m2, m3] = copies();
    // A write that only the logs of m2 and m3 have: m1 lags.
    append_uncommitted(&m2);
    append_uncommitted(&m3);
    damage_log(&m1, 5);
    damage_log(&m3, 8);
    let all = [&m1, &m2, &m3];
    for purpose in ["start", "restore", "force-new-cluster"] {
        let (code, said) = about("preflight", &all, &["--for", purpose]);
        assert!(!said.to_string().contains("member remove"), "{said}");
        assert_eq!((code, &said["go"]), (1, &false.into()), "{purpose}: {said}");
        let better = &said["candidates"][0]["better"];
        assert_eq!(better["action"], "salvage", "{purpose}: {said}");
        assert_eq!(better["lost"]["writes"], 0, "{purpose}: {said}");
        let command = better["command"][0].as_str().unwrap();
        for copy in all {
            assert!(command.contains(copy.to_str().unwrap()), "{command}");
        }
    }
    let (_, start) = about("preflight", &[&m1, &m2, &m3], &["--for", "start"]);
    assert_eq!(start["starts"], false, "{start}");
    let (_, compared) = about("compare", &all, &[]);
    let steps = compared["plan"].as_array().unwrap().iter();
    let actions: Vec<&str> = steps.map(|step| step["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["salvage", "none", "salvage"], "{compared}");
    let next = compared["next"][0].as_str().unwrap();
    assert!(next.starts_with("etcd-inspect salvage "), "{next}");
    let page = tempfile::tempdir().unwrap();
    let page = page.path().join("page.html");
    let (_, report) = about("report", &all, &["--out", page.to_str().unwrap()]);
    let verdict = report["verdict"].as_str().unwrap();
    assert!(
        verdict.starts_with("2 of 3 copies are damaged"),
        "{verdict}"
    );
    // The other two may be healthy as long as nothing is known of one of them.
    let (_, two) = about("compare", &[&m2, &m3], &[]);
    assert_eq!(two["plan"][1]["action"], "rejoin", "{two}");
}

#[test]
fn an_entry_of_the_newest_term_that_a_majority_holds_is_acknowledged() {
    let served = |copies: &[Copy; 3]| {
        let (_, said) = about("compare", &[&copies[0], &copies[1], &copies[2]], &[]);
        let rows = said["members"].as_array().unwrap();
        let served = |row: &Value| row["served_revision"].as_i64().unwrap();
        rows.iter().map(served).collect::<Vec<_>>()
    };
    let copies = copies();
    let before = served(&copies)[1];
    append_uncommitted(&copies[1]);
    assert_eq!(served(&copies)[1], before, "one of three has it");
    append_uncommitted(&copies[2]);
    assert_eq!(served(&copies)[1..], [before + 1, before + 1]);
    let all = [&copies[0], &copies[1], &copies[2]];
    let (_, force) = about("preflight", &all, &["--for", "force-new-cluster"]);
    assert_eq!(force["step"]["lost"]["writes"], 1, "{force}");
    assert_eq!(force["step"]["possibly_lost"]["writes"], 0, "{force}");
    assert_eq!(
        force["better"]["outcome"]["revision"],
        before + 1,
        "{force}"
    );
}

#[test]
fn a_db_whose_log_is_elsewhere_is_first_put_together_with_it() {
    let copies = copies();
    for copy in &copies {
        std::fs::remove_dir_all(copy.join("member/wal")).unwrap();
    }
    let (_, check) = about("check", &[&copies[0]], &[]);
    assert_eq!(check["plan"][0]["action"], "reunite", "{check}");
    let (_, compared) = about("compare", &[&copies[0], &copies[1], &copies[2]], &[]);
    let plan = compared["plan"].as_array().unwrap();
    let is_asked = |step: &Value| step["action"] == "reunite";
    assert!(plan.len() == 3 && plan.iter().all(is_asked), "{compared}");
}
