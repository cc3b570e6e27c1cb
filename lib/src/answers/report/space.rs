//! Section 6: where the bytes of the db are.

use serde_json::Value;

use super::model::{Block, DataTable, FactList, Section, document, plain_heads};
use super::subject::Subject;
use super::{SHOWN_ROWS, svg};
use crate::answers::space::{DEFAULT_QUOTA_BYTES, Metric, SpaceAnswer, SpaceBy, SpaceQuestion};
use located::Command;
use located::text::number::size;

/// Parts of the treemap.
const BOXES: usize = 24;

// The columns and fields: head, and name or place in the document; `+` marks numbers.
const SPACE: &[(&str, &str)] = &[
    ("file", "/size_bytes"),
    ("live", "/bytes/live"),
    ("history", "/bytes/history"),
    ("tree", "/bytes/tree"),
    ("free", "/bytes/free"),
    ("used or free", "/bytes/unknown"),
    ("never used", "/bytes/outside"),
    ("counts against the quota", "/quota/counted_bytes"),
    ("default quota", "/quota/quota_bytes"),
    ("quota exceeded", "/quota/exceeded"),
    ("a compaction frees", "/compaction/frees_bytes"),
    (
        "a defragmentation gives back",
        "/defragmentation/gives_back_bytes",
    ),
    (
        "after a compaction",
        "/defragmentation/after_compaction_bytes",
    ),
];
const GROUPS: &[(&str, &str)] = &[
    ("NAME", "name"),
    ("+BYTES", "bytes"),
    ("+KEYS", "keys"),
    ("+REVISIONS", "revisions"),
    ("+DELETED", "deleted"),
    ("+LIVE", "live_bytes"),
    ("+HISTORY", "history_bytes"),
];
const LARGEST: &[(&str, &str)] = &[
    ("KEY", "key"),
    ("+REV", "mod_revision"),
    ("+VALUE", "value_bytes"),
    ("+STORED", "stored_bytes"),
];
const BUSIEST: &[(&str, &str)] = &[
    ("KEY", "key"),
    ("+REVISIONS", "revisions"),
    ("+HISTORY", "history_bytes"),
];

pub(super) fn section(subject: &Subject<'_>) -> Section {
    let mut section = Section::new("space", "Space");
    let Some(objects) = subject.objects() else {
        section.say(subject.unreadable());
        return section;
    };
    if let (Some(unread), Some(_)) = (&subject.unread, &subject.reach) {
        section.say(format!(
            "The db cannot be read ({unread}): what its bytes are used for is not known."
        ));
        return section;
    }
    let all = usize::try_from(objects.keyspace().counts().revisions).unwrap_or(usize::MAX);
    let top = subject.question.limit(SHOWN_ROWS).min(all.max(1));
    let read = SpaceAnswer::read(
        subject.member,
        &objects,
        SpaceQuestion {
            by: SpaceBy::Resource,
            metric: Metric::Total,
            top,
            quota_bytes: DEFAULT_QUOTA_BYTES,
        },
    );
    let (answer, totals) = match read {
        Ok(answer) => (document(&answer), (answer.live_keys, answer.busy_keys)),
        Err(error) => {
            section.say(format!("{error}"));
            return section;
        }
    };
    let asked = |top: usize| {
        let command = Command::inspect("space").arg("--top").arg(top.to_string());
        subject.command(subject.naming(command))
    };
    let command = asked(top);
    bar(&answer, &mut section);
    section.push(FactList::new(&answer, command.clone(), SPACE));
    treemap(&answer, &mut section);
    let limit = subject.question.limit(SHOWN_ROWS);
    let columns = plain_heads(GROUPS);
    let groups = DataTable::new(
        "Groups of keys; with what is around them they add up to the file",
        &answer,
        "/rows",
        command.clone(),
        columns,
        limit,
    );
    section.push(groups.start_of(0, asked(0)));
    top_lists(&answer, limit, (command, totals), &asked, &mut section);
    section
}

/// The largest values and the busiest keys, of as many as there are.
fn top_lists(
    answer: &Value,
    limit: usize,
    (command, totals): (String, (usize, usize)),
    asked: &dyn Fn(usize) -> String,
    section: &mut Section,
) {
    let columns = plain_heads(LARGEST);
    let largest = DataTable::new(
        "Largest values",
        answer,
        "/largest",
        command.clone(),
        columns,
        limit,
    );
    section.push(largest.start_of(totals.0, asked(totals.0)));
    let columns = plain_heads(BUSIEST);
    let busiest = DataTable::new(
        "Keys with the most versions",
        answer,
        "/churn",
        command,
        columns,
        limit,
    );
    section.push(busiest.start_of(totals.1, asked(totals.1)));
}

/// The bytes of the file as one bar.
fn bar(answer: &Value, section: &mut Section) {
    let mut parts = vec!["live", "history", "tree", "free", "outside"];
    if answer.pointer("/bytes/unknown").is_some() {
        parts.insert(4, "unknown");
    }
    let part = |name: &&str| {
        let bytes = answer
            .pointer(&format!("/bytes/{name}"))
            .and_then(Value::as_u64)
            .unwrap_or(0);
        (format!("{name} {}", size(bytes)), bytes)
    };
    let parts: Vec<(String, u64)> = parts.iter().map(part).collect();
    let names: Vec<String> = parts.iter().map(|(name, _)| name.clone()).collect();
    let title = "The file: live values, history, tree, free pages, room that was never used";
    let bar = svg::stacked_bar(title, &parts);
    let legend = svg::legend(&names);
    section.push(Block::Chart(
        title.to_owned(),
        maud::html! { (bar) (legend) },
    ));
}

/// Groups of keys as rectangles.
fn treemap(answer: &Value, section: &mut Section) {
    let rows = answer.pointer("/rows").and_then(Value::as_array);
    let boxes = rows.into_iter().flatten().filter_map(|row| {
        let bytes = row.get("bytes")?.as_u64()?;
        row.get("keys")?;
        Some((super::model::text_of(row.get("name")?.as_str()?), bytes))
    });
    let mut boxes: Vec<(String, u64)> = boxes.collect();
    if !boxes.is_empty() {
        let groups = boxes.len();
        boxes.truncate(BOXES);
        let of = match groups > boxes.len() {
            true => format!(" ({} of {groups})", boxes.len()),
            false => String::new(),
        };
        let title = format!("Bytes of the largest groups of keys{of}, live and history");
        let chart = svg::treemap(&title, &boxes);
        section.push(Block::Chart(title, chart));
    }
}
