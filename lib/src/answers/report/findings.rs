//! Sections 3, 5 and 11: what is wrong, the keys that it is about, and what somebody noted.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::model::{
    Block, DataTable, FindingCard, LONGEST, Section, heads, key_of, plain_heads, table_document,
    text_of,
};
use super::subject::Subject;
use super::{ReportQuestion, SHOWN_ROWS};
use crate::answers::history::{RevisionSpan, history};
use crate::check::Report;
use crate::member::{Objects, content_in, mask_ranges};
use located::{Command, Finding, FindingRow};

/// Findings that are shown in full.
const SHOWN_FINDINGS: usize = 60;
/// Keys that a finding names.
const SHOWN_KEYS: usize = 8;
/// Keys whose versions are shown.
const SHOWN_OBJECTS: usize = 8;
/// Versions of each.
const SHOWN_VERSIONS: usize = 10;
/// Bytes of a line of an excerpt.
const LINE_BYTES: usize = 16;

// The columns and fields: head, and name or place in the document; `+` marks numbers.
const FINDINGS: &[(&str, &str)] = &[
    ("ID", "id"),
    ("SEVERITY", "severity"),
    ("CODE", "code"),
    ("FILE", "file"),
    ("+OFFSET", "offset"),
    ("+PAGE", "page"),
    ("+TIMES", "count"),
    ("MESSAGE", "message"),
];
const NOTES: &[(&str, &str)] = &[
    ("WRITTEN", "written"),
    ("KIND", "kind"),
    ("KEY", "key"),
    ("+REV", "revision"),
    ("WHERE", "place"),
    ("TEXT", "text"),
];

pub(super) fn section(subject: &Subject<'_>) -> Section {
    let mut section = Section::new("findings", "Findings");
    let check = subject.command(subject.checking());
    let limit = subject.question.limit(200);
    section.push(DataTable::new(
        "All findings, worst first",
        &subject.check,
        "/findings",
        check,
        plain_heads(FINDINGS),
        limit,
    ));
    let findings = &subject.report.findings;
    let shown = subject.question.limit(SHOWN_FINDINGS);
    for (at, finding) in findings.iter().enumerate().take(shown) {
        section.push(Block::Finding(Box::new(card(subject, at, finding))));
    }
    if findings.len() > shown {
        section.say(format!(
            "{shown} of {} findings are shown in full; all of them:",
            findings.len()
        ));
        let all = subject.checking().arg("-v");
        section.push(Block::Next(subject.advice(all)));
    }
    section
}

fn card(subject: &Subject<'_>, at: usize, finding: &Finding) -> FindingCard {
    let row = FindingRow::from(finding);
    let keys = finding.keys.iter().take(SHOWN_KEYS);
    FindingCard {
        id: Report::id(at),
        severity: finding.severity,
        code: finding.code.id,
        title: finding.code.title,
        message: finding.message.clone(),
        place: finding.place.to_string(),
        means: finding.code.what,
        seen: row.seen.map(|seen| (seen, row.expected)),
        keys: keys.map(|key| key_of(key)).collect(),
        all_keys: finding.keys.len(),
        count: finding.count,
        next: finding
            .advice()
            .iter()
            .map(|advice| advice.parts(subject.operand()))
            .collect(),
        bytes: excerpt(subject, finding).unwrap_or_default(),
    }
}

/// The bytes around the place of a finding; stored content is shown as `*`.
fn excerpt(
    subject: &Subject<'_>,
    finding: &Finding,
) -> Option<Vec<(String, String, String, String)>> {
    let at = usize::try_from(finding.place.offset?).ok()?;
    let mut files = subject.member.evidence().files().iter();
    let file = files.find(|file| *file.name() == finding.place.file)?;
    let bytes = file.bytes().ok()?;
    let line = at.checked_div(LINE_BYTES)?.checked_mul(LINE_BYTES)?;
    let from = line.saturating_sub(LINE_BYTES).min(bytes.len());
    let to = from
        .saturating_add(LINE_BYTES.saturating_mul(3))
        .min(bytes.len());
    let hidden = content_in(&bytes, from..to, at);
    let (shown, _) = mask_ranges(bytes.as_slice().get(from..to)?, &hidden);
    let is_hidden = |offset: usize| {
        hidden
            .iter()
            .any(|range| range.contains(&offset.saturating_sub(from)))
    };
    let byte = |offset: usize| match (shown.get(offset.checked_sub(from)?), is_hidden(offset)) {
        (Some(_), true) => Some("**".to_owned()),
        (Some(byte), false) => Some(format!("{byte:02x}")),
        (None, _) => None,
    };
    let joined = |range: std::ops::Range<usize>| {
        let bytes: Vec<String> = range.filter_map(byte).collect();
        bytes.join(" ")
    };
    let lines = (from..to.max(from.saturating_add(1))).step_by(LINE_BYTES);
    let lines = lines.map(|start| {
        let end = start.saturating_add(LINE_BYTES).min(to);
        let offset = format!("{start:08X}");
        match (start..end.max(start.saturating_add(1))).contains(&at) {
            true => {
                let marked = byte(at).unwrap_or_else(|| "end of file".to_owned());
                let before = joined(start..at.min(end));
                let gap = if before.is_empty() { "" } else { " " };
                (
                    offset,
                    format!("{before}{gap}"),
                    marked,
                    format!(" {}", joined(at.saturating_add(1)..end)),
                )
            }
            false => (offset, joined(start..end), String::new(), String::new()),
        }
    });
    Some(lines.collect())
}

/// The versions of keys that findings or notes name.
pub(super) fn objects(subject: &Subject<'_>) -> Section {
    let mut section = Section::new("objects", "Objects of interest");
    let Some(objects) = subject.objects() else {
        section.say(subject.unreadable());
        return section;
    };
    let of_findings = subject
        .report
        .findings
        .iter()
        .flat_map(|finding| finding.keys.iter().cloned());
    let of_notes = subject
        .question
        .notes
        .as_deref()
        .map(noted)
        .unwrap_or_default();
    let of_notes = of_notes.iter().flat_map(|note| keys_of(note, &objects));
    let mut seen = BTreeSet::new();
    let mut keys: Vec<Vec<u8>> = of_notes.chain(of_findings).collect();
    keys.retain(|key| seen.insert(key.clone()));
    if keys.is_empty() {
        section.say("No finding names a key, and no word of a note is a key that is stored.");
    }
    let all = keys.len();
    for key in keys.iter().take(SHOWN_OBJECTS) {
        section.push(versions_of(subject, &objects, key));
    }
    if all > SHOWN_OBJECTS {
        section.say(format!(
            "{SHOWN_OBJECTS} of {all} keys that findings and notes name; the keys of each finding:"
        ));
        let all = subject.checking().args(["-o", "json"]);
        section.push(Block::Next(subject.advice(all)));
    }
    section
}

/// The last versions of a key.
fn versions_of(subject: &Subject<'_>, objects: &Objects<'_>, key: &Vec<u8>) -> DataTable {
    let name = key_of(key);
    let table = history(
        std::slice::from_ref(key),
        objects,
        subject.logged(),
        RevisionSpan::default(),
        Some(subject.question.mask),
        None,
        None,
    );
    // A shell takes no word of that length: the key has no command of its own.
    let command = (key.len() <= LONGEST).then(|| {
        let history = subject.reading(Command::inspect("history").key(key));
        subject.command(history.arg("-d"))
    });
    let columns = heads(table.columns);
    let answer = table_document(&table);
    let shown = answer
        .pointer("/rows")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    let mut table = DataTable::new(
        name,
        &answer,
        "/rows",
        command.unwrap_or_default(),
        columns,
        usize::MAX,
    );
    let limit = subject.question.limit(SHOWN_VERSIONS);
    table.rows.drain(..shown.saturating_sub(limit));
    table
}

/// The keys that a note is about: the one under the cursor, and words of its text that are keys.
fn keys_of(note: &Value, objects: &Objects<'_>) -> Vec<Vec<u8>> {
    let text = |name: &str| note.get(name).and_then(Value::as_str).unwrap_or_default();
    let words = text("text").split_whitespace();
    let words =
        words.map(|word| word.trim_matches(['"', '\'', '`', ',', ';', ':', '.', '(', ')', '?']));
    let is_stored = |word: &&str| {
        word.contains('/') && !objects.keyspace().records_of(word.as_bytes()).is_empty()
    };
    let named = Some(text("key")).filter(|key| !key.is_empty());
    let all = named.into_iter().chain(words.filter(is_stored));
    all.map(|key| key.as_bytes().to_vec()).collect()
}

/// The lines of a file of notes, without marks that were taken back.
fn noted(text: &str) -> Vec<Value> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let parsed = |line: &str| match serde_json::from_str::<Value>(line) {
        Ok(value) if value.is_object() => value,
        _ => json!({ "text": line }),
    };
    let mut kept: Vec<Value> = Vec::new();
    for line in lines.map(parsed) {
        let kind = line.get("kind").and_then(Value::as_str);
        if !matches!(kind, Some("mark" | "unmark")) {
            kept.push(line);
            continue;
        }
        // The last line about a version counts.
        kept.retain(|before| {
            let is_mark = before.get("kind").and_then(Value::as_str) == Some("mark");
            let is_same = |name: &str| before.get(name) == line.get(name);
            !(is_mark && is_same("key") && is_same("revision"))
        });
        if kind == Some("mark") {
            kept.push(line);
        }
    }
    kept
}

pub(super) fn notes(question: &ReportQuestion<'_>) -> Section {
    let mut section = Section::new("notes", "Notes and marks");
    let Some(notes) = &question.notes else {
        section.say("None were given (--notes FILE: lines of text, or the notes of the browser).");
        return section;
    };
    let rows = json!({ "rows": noted(notes) });
    let limit = question.limit(SHOWN_ROWS.saturating_mul(8));
    let mut table = DataTable::new(
        "Notes",
        &rows,
        "/rows",
        String::new(),
        plain_heads(NOTES),
        limit,
    );
    for (_, row) in &mut table.rows {
        if let Some(Value::String(text)) = row.get_mut("text") {
            *text = text_of(&question.mask.text(text));
        }
    }
    section.push(table);
    section
}
