//! What a line of `:` can become, above the line: one candidate a row, with what is known of it.

use ratatui::layout::Rect;

use crate::paint::{Line, Pen, cells};
use crate::theme::Role;
use crate::widgets::List;

/// Rows of candidates that are shown at once.
const ROWS: u16 = 12;

/// What else one may type, in the last row before anything is.
const FORMS: &str = "2500 · -3 · rev N · at 03:10 · F-01 · @ENTRY · page N · /KEY · //TEXT · RESOURCE [-n NS] [-l LABELS] [-A]";

/// A line, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) line: String,
    pub(crate) note: String,
}

impl Candidate {
    pub(crate) fn new(line: String, note: String) -> Self {
        Self { line, note }
    }
}

/// Draws candidates on the last rows of an area; the chosen one is marked.
pub(crate) fn draw(
    body: Rect,
    pen: &mut Pen<'_>,
    candidates: &[Candidate],
    chosen: Option<usize>,
    empty: bool,
) {
    if candidates.is_empty() || body.height < 5 {
        return;
    }
    let foot = u16::from(empty);
    let rows = cells(candidates.len())
        .min(ROWS)
        .min(body.height - 3 - foot);
    let height = rows + 2 + foot;
    let area = Rect {
        y: body.y.saturating_add(body.height - height),
        height,
        width: body.width.min(118),
        ..body
    };
    pen.clear(area);
    let title = match candidates.len() > usize::from(rows) {
        true => format!("{} of {} · Tab ↓ ↑ choose", rows, candidates.len()),
        false => "Tab ↓ ↑ choose".to_owned(),
    };
    let inner = pen.frame(area, &Line::piece(Role::Dim, title), false);
    let mut list = List::default();
    list.select(chosen.unwrap_or(0));
    let widest = candidates
        .iter()
        .map(|found| found.line.chars().count())
        .max();
    let notes = cells(widest.unwrap_or(0)).clamp(14, 40).saturating_add(3);
    for (y, at) in list.window(rows, candidates.len()) {
        let Some(found) = candidates.get(at) else {
            continue;
        };
        let end = pen.put(inner, 2, y, &found.line, Role::Name);
        let x = notes.max(end.saturating_add(2));
        pen.put(inner, x, y, &found.note, Role::Dim);
        if chosen == Some(at) {
            pen.highlight(inner, y, Role::Cursor);
            pen.put(inner, 0, y, ">", Role::Heading);
        }
    }
    if empty {
        pen.put(inner, 2, rows, FORMS, Role::Dim);
    }
}
