//! Section 1, what to do, and the appendix.

use serde_json::Value;

use super::model::{Block, DataTable, FactList, Section, document, plain_heads};
use super::subject::Subject;
use crate::answers::compare::CompareAnswer;
use crate::verdict::Comparison;
use located::text::number::thousands;
use located::{Advice, Command, Severity};

/// Findings of damage that are named where the answers are called partial.
const SHOWN_LOSSES: usize = 3;

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
    ("COMMANDS", "command"),
    ("+LOST WRITES", "/lost/writes"),
    ("+LOST KEYS", "/lost/keys"),
    ("+WRONG", "wrong"),
    ("EXACT", "exact"),
];
const RARE_EFFECTS: &[(&str, &str)] = &[
    ("+MAY BE LOST", "/possibly_lost/writes"),
    ("+APPLIED TWICE", "/duplicated"),
    ("+UNDONE", "/undone"),
];
const CAUSES: &[(&str, &str)] = &[
    ("CODE", "code"),
    ("SEVERITY", "severity"),
    ("MESSAGE", "message"),
    ("FINDINGS", "findings"),
    ("EXPLAINS", "explains"),
];
const ACKNOWLEDGED: &[(&str, &str)] = &[("acknowledged up to revision", "/acknowledged_revision")];
const ENCRYPTED: &[(&str, &str)] = &[
    ("RESOURCE", "resource"),
    ("PROVIDER", "provider"),
    ("KEY", "key"),
    ("+VALUES", "values"),
    ("+OPENED", "opens"),
];
const SKIPPED: &[(&str, &str)] = &[("WHAT", "what"), ("WHY", "why")];

/// The verdict on all copies, or on the one that there is.
pub(super) fn headline(subject: &Subject<'_>, compared: Option<&Comparison>) -> String {
    let of_all = compared.and_then(Comparison::headline);
    of_all.unwrap_or_else(|| subject.verdict.headline())
}

pub(super) fn section(subject: &Subject<'_>, compared: Option<&Comparison>) -> Section {
    let mut section = Section::new("verdict", "Verdict");
    let worst = subject
        .report
        .findings
        .iter()
        .map(|finding| finding.severity)
        .max();
    let others = compared.and_then(Comparison::worst);
    let worst = worst.max(others);
    section.push(Block::Headline(
        worst.filter(|worst| *worst > Severity::Note),
        headline(subject, compared),
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
    }
    let next = subject.next(compared);
    section.push(Block::Next(Advice::from(next).parts(None)));
    let status = subject.command(Command::inspect("status"));
    section.push(counted(subject, status));
    if subject.unread.is_none() && subject.logged().is_some() {
        section.say("Keys, versions and deletions here are those that the db has; sections 4 and 10 count the writes of db and log together.");
    }
    judged(subject, &mut section);
    unseen(subject, &mut section);
    section
}

/// The facts of `status`; counts of a db that lost records say that they are of the rest.
fn counted(subject: &Subject<'_>, command: String) -> FactList {
    let mut facts = FactList::new(&subject.status, command, STATUS);
    if !subject.member.keyspace_loss().is_empty() {
        let counts = ["/keys", "/revisions", "/tombstones"];
        let rows = facts.rows.iter_mut();
        for fact in rows.filter(|fact| counts.contains(&fact.pointer.as_str())) {
            fact.name.push_str(", of what can be read");
        }
    }
    facts
}

/// Causes, plan, and what was not looked at.
fn judged(subject: &Subject<'_>, section: &mut Section) {
    let check = subject.command(subject.checking());
    section.push(FactList::new(&subject.check, check.clone(), ACKNOWLEDGED));
    section.push(DataTable::new(
        "Causes: what explains the findings, worst first",
        &subject.check,
        "/cause",
        check.clone(),
        plain_heads(CAUSES),
        usize::MAX,
    ));
    section.push(DataTable::new(
        "Plan: what can be done, the best first",
        &subject.check,
        "/plan",
        check.clone(),
        plain_heads(&plan_columns(&subject.check)),
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
}

/// The columns of the plan: effects that no step has are left out.
fn plan_columns(check: &Value) -> Vec<(&'static str, &'static str)> {
    let steps = check.get("plan").and_then(Value::as_array);
    let steps = steps.map(Vec::as_slice).unwrap_or_default();
    let has = |pointer: &str| {
        let is_open = |step: &Value| {
            let at_least = pointer.replace("/writes", "/at_least");
            step.pointer(&at_least).and_then(Value::as_bool) == Some(true)
        };
        let count = |step: &Value| step.pointer(pointer).and_then(Value::as_u64);
        steps
            .iter()
            .any(|step| count(step) > Some(0) || is_open(step))
    };
    let rare = RARE_EFFECTS.iter().filter(|(_, pointer)| has(pointer));
    PLAN.iter().chain(rare).copied().collect()
}

/// What could not be read.
fn unseen(subject: &Subject<'_>, section: &mut Section) {
    match (&subject.unread, &subject.reach) {
        (Some(unread), Some(reach)) => {
            section.say(format!("The db cannot be read ({unread}): {}.", reach.text));
        }
        (Some(unread), None) => section.say(format!(
            "The db cannot be read ({unread}): sections about its content say nothing."
        )),
        (None, _) => {}
    }
    let damage = subject.damage();
    if !damage.is_empty() {
        // What no key opens is counted beside it.
        let is_damage = |met: &&located::Finding| met.severity > Severity::Note;
        let all = damage.findings.iter().filter(is_damage);
        let shown: Vec<String> = all
            .clone()
            .take(SHOWN_LOSSES)
            .map(|lost| format!("{} {}: {}", lost.code.id, lost.place, lost.message))
            .collect();
        let more = all.count().saturating_sub(shown.len());
        let more = match more {
            0 => String::new(),
            more => format!("; and {more} more, in section 3"),
        };
        section.say(format!(
            "The answers are partial, and counts are of what can be read: {}.",
            damage.summary()
        ));
        if !shown.is_empty() {
            section.say(format!("{}{more}.", shown.join("; ")));
        }
    }
    encrypted(subject, section);
}

/// Values that are encrypted, and how many of them the keys that were given open.
fn encrypted(subject: &Subject<'_>, section: &mut Section) {
    let rows = subject.encryption.get("rows").and_then(Value::as_array);
    let rows = rows.map(Vec::as_slice).unwrap_or_default();
    let is_closed = |row: &&Value| row.get("provider").is_some_and(Value::is_string);
    let sum = |field: &str| -> u64 {
        let rows = rows.iter().filter(is_closed);
        rows.filter_map(|row| row.get(field)?.as_u64()).sum()
    };
    let (values, opened) = (sum("values"), sum("opens"));
    if values == 0 {
        return;
    }
    let count = crate::start::counted(
        values,
        "live value is encrypted",
        "live values are encrypted",
    );
    let text = match (
        subject.question.keyring.is_empty(),
        values.saturating_sub(opened),
    ) {
        (true, _) => "no key was given: their content is not in any section. \
            --encryption-config FILE gives the keys"
            .to_owned(),
        (false, 0) => "the keys that were given open all of them".to_owned(),
        (false, closed) => format!(
            "the keys that were given open {}; the content of {} is not in any section",
            thousands(opened.into()),
            thousands(closed.into())
        ),
    };
    section.say(format!("{count}: {text}."));
    let command = subject.reading(Command::inspect("meta").arg("--encryption"));
    let command = subject.command(command);
    // The verb reads the db alone.
    let command = if subject.reach.is_some() {
        String::new()
    } else {
        command
    };
    section.push(DataTable::new(
        "Encrypted values by resource and key",
        &subject.encryption,
        "/rows",
        command,
        plain_heads(ENCRYPTED),
        usize::MAX,
    ));
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
