//! Section 8: what each page of the db file is used for.

use std::collections::BTreeSet;

use serde_json::Value;

use super::model::{Block, DataTable, FactList, Section, document, plain_heads};
use super::subject::Subject;
use super::svg;
use crate::answers::page::{commonest, map};
use crate::bolt::PageUse;
use located::Command;

/// Cells of the strip.
const CELLS: usize = 480;

// The columns and fields: head, and name or place in the document; `+` marks numbers.
const PAGES: &[(&str, &str)] = &[
    ("page size", "/page_size"),
    ("used pages", "/counts/used_pages"),
    ("free pages", "/counts/free_pages"),
    ("used or free", "/counts/unknown_pages"),
    ("never used", "/counts/outside_pages"),
];
const RUNS: &[(&str, &str)] = &[("+FROM", "from"), ("+TO", "to"), ("USE", "use")];

pub(super) fn section(subject: &Subject<'_>) -> Section {
    let mut section = Section::new("pages", "Page map");
    let Ok(db) = subject.member.db() else {
        section.say("The db cannot be opened.");
        return section;
    };
    // What cannot be followed is among the findings.
    let (map, _) = map(&db).into_parts();
    let pages = map.used_pages();
    let damaged: BTreeSet<usize> = subject
        .report
        .findings
        .iter()
        .filter_map(|finding| usize::try_from(finding.place.page?).ok())
        .collect();
    let cells = pages.len().clamp(1, CELLS);
    let edge = |at: usize| {
        pages
            .len()
            .saturating_mul(at)
            .checked_div(cells)
            .unwrap_or(0)
    };
    let class = |at: usize| {
        let (from, to) = (edge(at), edge(at.saturating_add(1)));
        if damaged
            .range(from..to.max(from.saturating_add(1)))
            .next()
            .is_some()
        {
            return "p-damaged";
        }
        class_of(commonest(pages.get(from..to).unwrap_or_default()))
    };
    let strip: Vec<&'static str> = (0..cells).map(class).collect();
    let title = "Pages up to the high-water mark, in the order of the file: leaf green, branch blue, overflow teal, meta violet, free grey, with a finding red";
    section.push(Block::Chart(title.to_owned(), svg::strip(title, &strip)));
    section.say(map.summary.clone());
    let answer: Value = document(&map);
    let command = subject.command(Command::inspect("page").arg("--map"));
    let fields = PAGES;
    section.push(FactList::new(&answer, command.clone(), fields));
    let columns = plain_heads(RUNS);
    let limit = subject.question.limit(200);
    section.push(
        DataTable::new(
            "Runs of pages with one use",
            &answer,
            "/runs",
            command,
            columns,
            limit,
        )
        .folded(),
    );
    section
}

fn class_of(usage: PageUse) -> &'static str {
    match usage {
        PageUse::Free => "p-free",
        PageUse::Unknown => "p-unknown",
        PageUse::Meta => "p-meta",
        PageUse::Freelist => "p-freelist",
        PageUse::Branch => "p-branch",
        PageUse::Leaf => "p-leaf",
        PageUse::Overflow => "p-overflow",
        PageUse::Outside => "p-outside",
    }
}
