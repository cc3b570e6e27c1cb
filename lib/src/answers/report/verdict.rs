//! Section 1, what to do, and the appendix.

use serde_json::Value;

use super::model::{Block, DataTable, FactList, Section, document, plain_heads};
use super::subject::Subject;
use crate::answers::compare::CompareAnswer;
use crate::verdict::Comparison;
use located::{Command, Severity};

// The columns and fields: head, and name or place in the document; `+` marks numbers.
const STATUS: &[(&str, &str)] = &[
    ("revision", "/revision"),
    ("written", "/newest_time"),
    ("± seconds", "/newest_time_uncertainty_s"),
    ("compacted at", "/compact_revision"),
    ("live keys", "/keys"),
    ("stored versions", "/revisions"),
    ("deletions", "/tombstones"),
    ("leases", "/leases"),
    ("raft term", "/raft/term"),
    ("applied index", "/raft/applied"),
    ("last index of the log", "/raft/last_index"),
    ("db", "/db/size_bytes"),
    ("cluster", "/cluster_id"),
    ("member", "/member_id"),
    ("etcd", "/etcd_version"),
];
const PLAN: &[(&str, &str)] = &[
    ("DO", "action"),
    ("EFFECT", "effect"),
    ("+LOST WRITES", "/lost/writes"),
    ("+LOST KEYS", "/lost/keys"),
    ("+WRONG", "wrong"),
    ("COMMANDS", "command"),
    ("EXACT", "exact"),
];
const SKIPPED: &[(&str, &str)] = &[("WHAT", "what"), ("WHY", "why")];

pub(super) fn section(subject: &Subject<'_>, compared: Option<&Comparison>) -> Section {
    let mut section = Section::new("verdict", "Verdict");
    let worst = subject
        .report
        .findings
        .iter()
        .map(|finding| finding.severity)
        .max();
    section.push(Block::Headline(
        worst.filter(|worst| *worst > Severity::Note),
        subject.verdict.headline(),
    ));
    let counts = [
        (Severity::Error, "error", "errors"),
        (Severity::Warning, "warning", "warnings"),
        (Severity::Note, "note", "notes"),
    ];
    let counts = counts.map(|(severity, one, many)| {
        crate::start::counted(subject.report.count(severity) as u64, one, many)
    });
    section.say(format!("{} (section 3).", counts.join(", ")));
    if let Some(compared) = compared {
        let compared = document(&CompareAnswer::new(compared, &[]));
        let best = compared
            .get("best")
            .and_then(Value::as_str)
            .unwrap_or("none of them");
        section.say(format!("Best copy: {best} (section 9)."));
        section.blocks.extend(
            compared
                .pointer("/next/0")
                .and_then(Value::as_str)
                .map(|next| Block::Next(next.to_owned())),
        );
    } else {
        section.push(Block::Next(subject.verdict.next.to_string()));
    }
    let status = subject.command(Command::inspect("status"));
    section.push(FactList::new(&subject.status, status, STATUS));
    let check = subject.command(Command::inspect("check"));
    section.push(DataTable::new(
        "Plan: what can be done, the best first",
        &subject.check,
        "/plan",
        check.clone(),
        plain_heads(PLAN),
        usize::MAX,
    ));
    let heads = plain_heads(SKIPPED);
    section.push(DataTable::new(
        "What we could not see",
        &subject.check,
        "/skipped",
        check,
        heads,
        usize::MAX,
    ));
    unseen(subject, &mut section);
    section
}

/// What could not be read.
fn unseen(subject: &Subject<'_>, section: &mut Section) {
    if let Some(unread) = &subject.unread {
        section.say(format!(
            "The db cannot be read ({unread}): sections about its content say nothing."
        ));
    }
    if !subject.damage().is_empty() {
        section.say(format!(
            "The answers are partial: {}.",
            subject.damage().summary()
        ));
    }
    let sealed = subject
        .status
        .pointer("/secrets/closed")
        .and_then(Value::as_object);
    for (provider, count) in sealed.into_iter().flatten() {
        section.say(format!("{count} Secrets are encrypted with {provider}: their values are not readable without the key."));
    }
}

pub(super) fn appendix(subject: &Subject<'_>) -> Section {
    let mut section = Section::new("appendix", "Appendix: method, limits, words");
    section.say("Every number is that of the command beside it, asked of the same files; run it with -o json to get the same as data. Times are those of writes that have a time in their value, and of the writes between them; etcd itself stores none. Nothing here was read from a running cluster.");
    section.say("Limits: tables are cut where they say so. Values of Secrets, tokens and passwords in URLs are hidden; keys and names of objects are not. Excerpts of bytes show stored content as *.");
    let heads = plain_heads(&[("CHECKED", "")]);
    let checked = subject.check.get("checked").and_then(Value::as_array);
    let rows: Vec<Value> = checked
        .into_iter()
        .flatten()
        .map(|line| serde_json::json!({ "": line }))
        .collect();
    let rows = serde_json::json!({ "rows": rows });
    section.push(DataTable::new(
        "What was checked",
        &rows,
        "/rows",
        String::new(),
        heads,
        usize::MAX,
    ));
    section.push(Block::Glossary(vec![
        ("revision", "a number that etcd raises with every transaction that changes anything"),
        ("compaction", "the revision up to which etcd has removed old versions: history reaches back to it"),
        ("tombstone", "the record of a deletion"),
        ("db", "the bbolt file with all keys: entries of the log after its applied index are applied at the next start"),
        ("WAL", "the log of raft entries of one member; a write is acknowledged once a majority has it there"),
        ("term, election", "the time of one leader, and the vote that begins it"),
        ("applied index", "index of the last raft entry whose effect is in the db"),
        (".snap, backup", "a file from which index a member reads its log; a whole copy made by etcdctl snapshot save"),
        ("free page", "room in the db file that no tree uses; a defragmentation gives it back"),
        ("HashKV", "a checksum over keys, values and revisions by which members are compared"),
    ]));
    section
}
