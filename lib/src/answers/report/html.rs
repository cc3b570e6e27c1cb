//! The page: one file that fetches nothing, complete without scripts.
//!
//! `maud` escapes every text; scripts and styles are allowed by their hashes alone, so that nothing of the evidence can run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::model::{Block, DataTable, FactList, FindingCard, LONGEST, Section, shown, text_of};
use crate::member::WhoSource;
use located::text::number::thousands;
use located::{AdvicePart, Severity};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// What is above the sections.
pub(super) struct PageHead {
    pub(super) title: String,
    pub(super) subtitle: String,
    pub(super) tool: String,
    pub(super) redacted: String,
}

/// The sections, numbered.
pub(super) fn body(sections: &[Section]) -> String {
    let body = html! {
        @for (at, section) in sections.iter().enumerate() {
            section id=(section.id) aria-labelledby={ "h-" (section.id) } {
                h2 id={ "h-" (section.id) } { (at.saturating_add(1)) ". " (section.title) }
                @for block in &section.blocks { (draw(block)) }
            }
        }
    };
    body.into_string()
}

/// The whole page around the sections that [`body`] drew.
pub(super) fn page(head: &PageHead, sections: &[Section], body: String) -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="generator" content=(head.tool);
                title { (head.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a class="skip" href="#verdict" { "to the verdict" }
                header {
                    h1 { (head.title) }
                    p class="dim" { (head.subtitle) }
                    p class="redacted" { (head.redacted) }
                    nav aria-label="sections" {
                        ol {
                            @for (at, section) in sections.iter().enumerate() {
                                li { a href={ "#" (section.id) } { (at.saturating_add(1)) " " (section.title) } }
                            }
                        }
                    }
                }
                main { (PreEscaped(body)) }
                footer { "Written by " (head.tool) ". The evidence was opened read-only. This file fetches nothing and runs no script but its own." }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn draw(block: &Block) -> Markup {
    match block {
        Block::Text(text) => html! { p { (text_of(text)) } },
        Block::Headline(severity, text) => {
            html! { p class={ "headline " (severity_class(*severity)) } { (text_of(text)) } }
        }
        Block::Next(next) => advice(next),
        Block::Facts(facts) => draw_facts(facts),
        Block::Table(table) if table.folded => html! {
            details { summary { (text_of(&table.caption)) " (" (thousands(table.total as i128)) " rows)" } (draw_table(table)) }
        },
        Block::Table(table) => draw_table(table),
        // On a narrow screen the chart scrolls sideways: the keyboard has to reach it, as it reaches tables.
        Block::Chart(title, chart) => html! {
            figure tabindex="0" role="group" aria-label=(text_of(title)) { figcaption { (text_of(title)) } (chart) }
        },
        Block::Finding(card) => draw_finding(card),
        Block::Glossary(terms) => {
            html! { dl { @for (term, meaning) in terms { dt { (term) } dd { (meaning) } } } }
        }
    }
}

fn severity_class(severity: Option<Severity>) -> &'static str {
    match severity {
        Some(Severity::Error) => "error",
        Some(Severity::Warning) => "warning",
        Some(Severity::Note) => "note",
        None => "good",
    }
}

fn command_line(command: &str) -> Markup {
    html! { @if !command.is_empty() { div class="cmd" { (code(command)) } } }
}

/// What to do next: only what runs as it is can be copied.
fn advice(parts: &[AdvicePart]) -> Markup {
    html! {
        p class="next" {
            b { "next" }
            span {
                @for part in parts {
                    @match part {
                        AdvicePart::Prose(text) => { (text_of(text)) },
                        AdvicePart::Command { text, is_complete: true } => { (code(text)) },
                        AdvicePart::Command { text, is_complete: false } => { code { (text_of(text)) } },
                    }
                }
            }
        }
    }
}

/// A command, to be copied unless it had to be cut.
fn code(command: &str) -> Markup {
    html! {
        @if command.len() <= LONGEST { code data-copy { (text_of(command)) } }
        @else { code { (text_of(command)) } }
    }
}

fn draw_facts(facts: &FactList) -> Markup {
    html! {
        dl data-command=[command_of(&facts.command)] {
            @for fact in &facts.rows {
                dt { (fact.name) }
                dd data-path=(fact.pointer) data-v=[fact.number.as_deref()] { (fact.shown) }
            }
        }
        (command_line(&facts.command))
    }
}

fn draw_table(table: &DataTable) -> Markup {
    let rows = table.rows.len();
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(text_of(&table.caption)) {
            table data-command=[command_of(&table.command)] data-list=(table.pointer) {
                caption { (text_of(&table.caption)) }
                thead { tr { @for head in &table.heads {
                    th scope="col" class=[head.right.then_some("r")] data-field=(head.field) { (head.head) }
                } } }
                tbody {
                    @for (at, row) in &table.rows {
                        tr data-i=(at) { @for head in &table.heads { (cell(row, &head.field, head.right)) } }
                    }
                }
            }
            @if rows == 0 { p class="cut" { "none" } }
            @if rows < table.total {
                p class="cut" { (thousands(rows as i128)) " of " (thousands(table.total as i128)) (full(table)) }
            }
        }
        (command_line(&table.command))
    }
}

/// Where the rows are that a table leaves out.
fn full(table: &DataTable) -> Markup {
    let command = table.full.as_deref().unwrap_or(&table.command);
    html! { @if command.is_empty() { "" } @else { " – full: " (code(command)) } }
}

/// A command of a table or of facts, for programs that read the page.
fn command_of(command: &str) -> Option<&str> {
    (!command.is_empty() && command.len() <= LONGEST).then_some(command)
}

/// A time with its bounds, and a writer with a question mark if that is a guess: as every other form of a table has them.
fn as_far_as_known(row: &Value, field: &str, text: String) -> String {
    let known = |name: &str| row.get(name).and_then(Value::as_str);
    match field {
        "who" if known("who_source") == Some(WhoSource::Owner.as_str()) => format!("{text}?"),
        "time" => match (
            known("time_bound"),
            row.get("uncertainty_s").and_then(Value::as_f64),
        ) {
            (Some("not_before"), _) => format!("≥ {text}"),
            (Some("not_after"), _) => format!("≤ {text}"),
            (_, Some(seconds)) => format!("{text} ±{seconds}s"),
            _ => text,
        },
        _ => text,
    }
}

fn cell(row: &Value, field: &str, right: bool) -> Markup {
    let value = field_of(row, field);
    let number = value.and_then(Value::as_number).map(ToString::to_string);
    let text = value.map(|value| shown(field, value)).unwrap_or_default();
    let text = match number.is_some() && is_least(row, field) {
        true => format!("≥ {text}"),
        false => as_far_as_known(row, field, text),
    };
    let is_sum = matches!(field, "sha256" | "hash");
    let class = match (right, is_sum) {
        (true, _) => Some("r"),
        (false, true) => Some("mono"),
        _ => None,
    };
    html! { td class=[class] data-v=[number] { (text) } }
}

/// A field of a row: by name, by path, or in base64.
fn field_of<'v>(row: &'v Value, field: &str) -> Option<&'v Value> {
    let direct = match field.starts_with('/') {
        true => row.pointer(field),
        false => row.get(field),
    };
    direct.or_else(|| row.get(format!("{field}_b64")))
}

/// Whether a number is the least that is known: a field beside it says so.
fn is_least(row: &Value, field: &str) -> bool {
    let beside = field
        .rsplit_once('/')
        .filter(|(parent, _)| !parent.is_empty());
    let at_least = beside.and_then(|(parent, _)| row.pointer(&format!("{parent}/at_least")));
    at_least.and_then(Value::as_bool) == Some(true)
}

fn draw_finding(card: &FindingCard) -> Markup {
    let class = severity_class(Some(card.severity));
    html! {
        article class={ "finding " (class) } id=(card.id) {
            h3 {
                a href={ "#" (card.id) } { (card.id) } " "
                span class={ "sev " (class) } { (class) } " " (card.code) " " (card.title)
            }
            p { (text_of(&card.message)) }
            dl {
                dt { "where" } dd class="mono" { (text_of(&card.place)) }
                @if card.count > 1 { dt { "times" } dd { (thousands(card.count.into())) } }
                @if let Some((seen, expected)) = &card.seen {
                    dt { "seen" } dd { (text_of(seen)) }
                    @if let Some(expected) = expected { dt { "expected" } dd { (text_of(expected)) } }
                }
                @if !card.keys.is_empty() {
                    dt { "keys" }
                    dd { (text_of(&card.keys.join(", "))) @if card.keys.len() < card.all_keys { " and " (thousands((card.all_keys - card.keys.len()) as i128)) " more" } }
                }
                dt { "means" } dd { (card.means) }
            }
            @if !card.bytes.is_empty() {
                pre tabindex="0" {
                    @for (offset, before, at, after) in &card.bytes {
                        (offset) "  " (before) @if !at.is_empty() { mark { (at) } } (after) "\n"
                    }
                }
            }
            @for next in &card.next { (advice(next)) }
        }
    }
}
