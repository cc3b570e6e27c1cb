//! Sections 7 and 9: the log of this member, and the members.

use serde_json::Value;

use super::model::{
    Block, DataTable, FactList, Section, document, heads, plain_heads, table_document,
};
use super::subject::Subject;
use super::{ReportQuestion, svg};
use crate::answers::compare::CompareAnswer;
use crate::answers::snap::snaps;
use crate::answers::wal::{segments, terms};
use crate::verdict::Comparison;
use located::{Command, EvidenceOperand};

/// Lanes of a chart.
const LANES: usize = 40;

// The columns and fields: head, and name or place in the document; `+` marks numbers.
const LOG: &[(&str, &str)] = &[
    ("term", "/raft/term"),
    ("commit", "/raft/commit"),
    ("applied", "/raft/applied"),
    ("first index", "/raft/first_index"),
    ("last index", "/raft/last_index"),
    ("newest .snap", "/raft/snapshot_index"),
];
const MEMBERS: &[(&str, &str)] = &[
    ("NAME", "name"),
    ("ID", "id"),
    ("PEER URLS", "peer_urls"),
    ("CLIENT URLS", "client_urls"),
    ("LEARNER", "is_learner"),
];
const COPIES: &[(&str, &str)] = &[
    ("PATH", "path"),
    ("MEMBER", "member_id"),
    ("+REV", "revision"),
    ("+COMPACTED", "compact_revision"),
    ("+APPLIED", "applied"),
    ("+LAST", "last_index"),
    ("+TERM", "term"),
    ("+KEYS", "keys"),
    ("+HASHKV", "hashkv"),
    ("+ERRORS", "errors"),
    ("+WARNINGS", "warnings"),
    ("VERDICT", "remark"),
];
const COMPARED: &[(&str, &str)] = &[
    ("compared at revision", "/common_revision"),
    ("the same there", "/same"),
    ("records differ since revision", "/first_divergent_revision"),
    ("best copy", "/best"),
];
const DIFFERING: &[(&str, &str)] = &[
    ("KEY", "key"),
    ("+FIRST REV", "first_revision"),
    ("REVISIONS", "mod_revisions"),
];
const TOGETHER: &[(&str, &str)] = &[
    ("CODE", "code"),
    ("SEVERITY", "severity"),
    ("MESSAGE", "message"),
    ("FILE", "file"),
    ("+TIMES", "count"),
];
const TODO: &[(&str, &str)] = &[
    ("DO", "action"),
    ("PATH", "path"),
    ("EFFECT", "effect"),
    ("COMMANDS", "command"),
];

pub(super) fn section(subject: &Subject<'_>) -> Section {
    let mut section = Section::new("raft", "Raft");
    let Some(wal) = subject.member.wal() else {
        section.say("There is no write-ahead log in what was given.");
        return section;
    };
    ladder(subject, &mut section);
    let fields = LOG;
    section.push(FactList::new(
        &subject.status,
        subject.command(Command::inspect("status")),
        fields,
    ));
    let table = terms(&wal);
    let answer = table_document(&table);
    let title = "Terms: the entries of each leader";
    lanes(title, &answer, "term", "term", &mut section);
    let limit = subject.question.limit(60);
    let command = subject.command(Command::inspect("wal").arg("--terms"));
    section.push(DataTable::new(
        "Terms",
        &answer,
        "/rows",
        command,
        heads(table.columns),
        limit,
    ));
    let table = segments(&wal);
    let answer = table_document(&table);
    let title = "Segments of the log, with how each ends";
    lanes(title, &answer, "segment", "seq", &mut section);
    let command = subject.command(Command::inspect("wal").arg("--segments"));
    section.push(DataTable::new(
        "Segments",
        &answer,
        "/rows",
        command,
        heads(table.columns),
        limit,
    ));
    if let Some(answer) = snaps(subject.member, Some(&wal)) {
        let columns = heads(answer.table.columns);
        let answer = table_document(&answer.table);
        let command = subject.command(Command::inspect("snap"));
        section.push(DataTable::new(
            "Raft snapshots",
            &answer,
            "/rows",
            command,
            columns,
            limit,
        ));
    }
    section
}

/// A lane for each row, from its first entry to its last.
fn lanes(title: &str, answer: &Value, what: &str, named: &str, section: &mut Section) {
    let lane = |row: &Value| {
        let number = |field: &str| row.get(field).and_then(Value::as_u64);
        let end = row.get("end").and_then(Value::as_str).unwrap_or_default();
        let name = format!("{what} {} {end}", number(named)?);
        Some((name, number("first_index")?, number("last_index")?))
    };
    let rows = answer.pointer("/rows").and_then(Value::as_array);
    let lanes: Vec<(String, u64, u64)> = rows.into_iter().flatten().filter_map(lane).collect();
    let shown = lanes.get(lanes.len().saturating_sub(LANES)..);
    if let Some(shown) = shown.filter(|shown| !shown.is_empty()) {
        let title = match shown.len() < lanes.len() {
            true => format!("{title} (the last {} of {})", shown.len(), lanes.len()),
            false => title.to_owned(),
        };
        let chart = svg::lanes(&title, shown);
        section.push(Block::Chart(title, chart));
    }
}

/// How far log, commit, db and `.snap` are.
fn ladder(subject: &Subject<'_>, section: &mut Section) {
    let number = |pointer: &str| subject.status.pointer(pointer).and_then(Value::as_u64);
    let (first, last) = (number("/raft/first_index"), number("/raft/last_index"));
    let mut ladder = Vec::new();
    let mut step = |name: &str, from: Option<u64>, to: Option<u64>| {
        if let (Some(from), Some(to)) = (from, to) {
            ladder.push((format!("{name} {to}"), from.min(to), to));
        }
    };
    step("log, last entry", first, last);
    step("commit", first, number("/raft/commit"));
    step("db, applied", first, number("/raft/applied"));
    step("newest .snap", first, number("/raft/snapshot_index"));
    let title = "Index ladder: how far log, commit, db and .snap are";
    section.push(Block::Chart(title.to_owned(), svg::lanes(title, &ladder)));
}

/// Copies side by side, what differs, and what to do with each.
fn copies(question: &ReportQuestion<'_>, compared: &Comparison, section: &mut Section) {
    let answer = document(&CompareAnswer::new(compared, &[]));
    let paths = question.paths.iter();
    let command = paths
        .fold(Command::inspect("compare"), |command, path| {
            command.path(path)
        })
        .arg("--keys")
        .opened_with(EvidenceOperand::default().with_flags(&question.flags))
        .to_string();
    let mut columns = plain_heads(COPIES);
    if let Some(common) = compared.common_revision {
        let hashes = columns.iter_mut().filter(|column| column.field == "hashkv");
        hashes.for_each(|column| column.head = format!("HASHKV@{common}"));
    }
    section.push(DataTable::new(
        "Copies side by side",
        &answer,
        "/members",
        command.clone(),
        columns,
        usize::MAX,
    ));
    let fields = COMPARED;
    section.push(FactList::new(&answer, command.clone(), fields));
    let columns = plain_heads(DIFFERING);
    section.push(DataTable::new(
        "Keys that differ",
        &answer,
        "/differing_keys",
        command.clone(),
        columns,
        question.limit(50),
    ));
    let columns = plain_heads(TOGETHER);
    section.push(DataTable::new(
        "What is wrong with them together",
        &answer,
        "/findings",
        command.clone(),
        columns,
        question.limit(50),
    ));
    let columns = plain_heads(TODO);
    section.push(DataTable::new(
        "What to do with each copy",
        &answer,
        "/plan",
        command,
        columns,
        usize::MAX,
    ));
}

pub(super) fn members(
    question: &ReportQuestion<'_>,
    subject: &Subject<'_>,
    compared: Option<&Comparison>,
) -> Section {
    let mut section = Section::new("members", "Members");
    let status = subject.command(Command::inspect("status"));
    let is_unknown = subject.status.get("members").is_some_and(Value::is_null);
    if is_unknown {
        section.say("The members are unknown: nothing that can be read here lists them, which does not mean that there were none. The log may have their changes:");
        let changes = Command::inspect("wal").args(["--type", "conf_change"]);
        section.push(Block::Next(subject.advice(changes)));
    }
    let columns = plain_heads(MEMBERS);
    let known = (!is_unknown).then(|| {
        DataTable::new(
            "Members of the cluster, as this copy has them",
            &subject.status,
            "/members",
            status,
            columns,
            usize::MAX,
        )
    });
    section.blocks.extend(known.map(Block::Table));
    let Some(compared) = compared else {
        section.say("One copy was given: with several PATHs they are compared here.");
        return section;
    };
    copies(question, compared, &mut section);
    section
}
