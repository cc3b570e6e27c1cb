//! Every incident of the field: found or not, and what etcd would do.

use std::fmt::Write as _;
use std::sync::OnceLock;

use etcd_inspect::Severity;
use etcd_inspect::check::{Depth, check};
use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use etcd_inspect::start::{Ending, StartMode, simulate_start};
use testkit::incidents::{Starts, all};

/// Cases in which the prediction is known to differ from what etcd did in the reference.
const MISJUDGED: [&str; 0] = [];

/// Nothing is lost or wrong in these; W17 leaves no trace but a note (WAL-035).
const HARMLESS: [&str; 8] = ["W17", "W31", "W39", "S13", "S15", "D39", "D43", "F01"];

pub(crate) struct Judged {
    pub(crate) id: &'static str,
    pub(crate) class: &'static str,
    what: &'static str,
    etcd: &'static str,
    /// Codes of warnings and errors.
    pub(crate) codes: Vec<&'static str>,
    /// Code, severity and file of every finding.
    pub(crate) found: Vec<(&'static str, Severity, String)>,
    starts: bool,
    unknown: bool,
    message: String,
}

/// What we say of every incident; asked once.
pub(crate) fn judged() -> &'static [Judged] {
    static JUDGED: OnceLock<Vec<Judged>> = OnceLock::new();
    JUDGED.get_or_init(judge_all)
}

fn judge_all() -> Vec<Judged> {
    let mut judged = Vec::new();
    for incident in all() {
        let copy = incident.reproduce();
        let member = Member::open(copy.data_dir()).unwrap();
        let predicted = simulate_start(&member, StartMode::AsItIs, "3.5.30".parse().ok(), &Silent);
        let report = check(&member, Depth::Default, &Silent);
        let mut codes: Vec<_> = report
            .findings
            .iter()
            .filter(|finding| finding.severity > Severity::Note)
            .map(|finding| finding.code.id)
            .collect();
        codes.sort_unstable();
        codes.dedup();
        judged.push(Judged {
            id: incident.id,
            class: incident.class,
            what: incident.what,
            etcd: match incident.starts {
                Starts::Yes => "starts",
                Starts::WritesBlocked => "starts, writes blocked",
                Starts::Hangs => "never serves",
                Starts::No => "refuses",
            },
            codes,
            found: report
                .findings
                .iter()
                .map(|finding| {
                    let file = finding.place.file.as_str().to_owned();
                    (finding.code.id, finding.severity, file)
                })
                .collect(),
            starts: predicted.serves(),
            unknown: matches!(predicted.ending, Ending::Unknown(_)),
            message: predicted.message().unwrap_or_default().to_owned(),
        });
    }
    judged
}

fn table(judged: &[Judged]) -> String {
    let mut table = String::from(
        "| case | damage | real etcd 3.5.30 | predicted | found by us |\n|---|---|---|---|---|\n",
    );
    for one in judged {
        let predicted = match (one.starts, one.unknown) {
            (true, _) => "starts",
            (false, true) => "unknown",
            (false, false) => "refuses",
        };
        let codes = if one.codes.is_empty() {
            "-".to_owned()
        } else {
            one.codes.join(" ")
        };
        writeln!(
            table,
            "| {} {} | {} | {} | {predicted} | {codes} |",
            one.id,
            one.class,
            one.what.replace('|', "/"),
            one.etcd
        )
        .unwrap();
    }
    table
}

#[test]
fn every_incident_is_judged_as_etcd_does() {
    let judged = judged();
    crate::page::holds("incidents", &table(judged));
    let wrong: Vec<String> = judged
        .iter()
        .filter(|one| one.starts != one.etcd.starts_with("starts") && !MISJUDGED.contains(&one.id))
        .map(|one| {
            format!(
                "{} {}: etcd {}, predicted {} {:?}",
                one.id, one.class, one.etcd, one.starts, one.message
            )
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let unseen: Vec<&str> = judged
        .iter()
        .filter(|one| one.codes.is_empty() && one.class != "CONTROL" && !HARMLESS.contains(&one.id))
        .map(|one| one.id)
        .collect();
    assert!(unseen.is_empty(), "{unseen:?}");
}
