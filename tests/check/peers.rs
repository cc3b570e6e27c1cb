//! The reference's matrix of what peers miss on damage: what we say.

use std::fmt::Write as _;

use etcd_inspect::Severity;
use etcd_inspect::check::{Depth, check};
use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use testkit::damage::{Case, peers};
use testkit::fixture_copy;

const BASE: &str = "etcd-3.5.30";

/// What no check of one copy can see, and why that is so.
const UNSEEN: [&str; 0] = [];

fn rows(file: &str, cases: Vec<Case>, table: &mut String, unseen: &mut Vec<String>) {
    let copy = fixture_copy(BASE);
    let damaged = copy.data_dir().join(file);
    let healthy = testkit::data_dir(BASE).join(file);
    for case in cases {
        testkit::restore(&healthy, &damaged);
        case.apply(&damaged);
        let report = check(
            &Member::open(copy.data_dir()).unwrap(),
            Depth::Default,
            &Silent,
        );
        let codes = |wanted: fn(Severity) -> bool| {
            let of_it = report
                .findings
                .iter()
                .filter(|finding| wanted(finding.severity));
            let mut codes: Vec<_> = of_it.map(|finding| finding.code.id).collect();
            codes.sort_unstable();
            codes.dedup();
            codes.join(" ")
        };
        let loud = codes(|severity| severity > Severity::Note);
        // The schema of 3.5 is a note about every 3.5 db.
        let notes = codes(|severity| severity == Severity::Note).replace("META-007", "");
        let found = match (loud.is_empty(), notes.trim()) {
            (false, _) => loud,
            (true, "") => {
                unseen.push(case.name.clone());
                "-".to_owned()
            }
            (true, notes) => format!("{notes} (a note)"),
        };
        let part = if file.ends_with("db") { "db" } else { "WAL" };
        writeln!(
            table,
            "| {part}: {} | {found} |",
            case.name.replace('|', "/")
        )
        .unwrap();
    }
}

#[test]
fn every_row_of_the_matrix_of_peers_is_found() {
    let mut table = String::from("| damage | found by us |\n|---|---|\n");
    let mut unseen = Vec::new();
    rows("member/snap/db", peers::db(), &mut table, &mut unseen);
    let segment = "member/wal/0000000000000000-0000000000000000.wal";
    rows(segment, peers::wal(), &mut table, &mut unseen);
    crate::page::holds("peers", &table);
    assert_eq!(unseen, UNSEEN);
}
