//! How the Search screen looks.

use std::rc::Rc;

use etcd_inspect::text::{escape, number};
use ratatui::layout::Rect;

use super::look::{LocatedHit, Origin, SearchEnd};
use super::{Log, Search};
use crate::paint::{Line, Pen};
use crate::session::Session;
use crate::theme::Role;
use crate::widgets::Column;

const COLUMNS: [Column; 5] = [
    Column::left("WHERE", 8),
    Column::right("REV", 12),
    Column::left("KEY", 0).middle(),
    Column::left("FIELD", 24).middle().from(100),
    Column::left("MATCH", 0),
];

/// What a hit was found in.
pub(super) fn place(found: &LocatedHit) -> &'static str {
    match (found.of, &found.hit.field, found.hit.live) {
        (Origin::Log(_) | Origin::Unplaced(_), _, _) => "WAL",
        (Origin::Db, None, true) => "key",
        (Origin::Db, None, false) => "deleted",
        (Origin::Db, Some(_), true) => "live",
        (Origin::Db, Some(_), false) => "history",
    }
}

impl Search {
    pub(super) fn draw_all(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let title = self.view.title(self.title(), self.hits.len());
        let inner = pen.frame(area, &title, true);
        if self.hits.is_empty() {
            return self.draw_nothing(inner, pen);
        }
        let hits = Rc::clone(&self.hits);
        let charset = session.charset();
        let parse = |key| session.data().and_then(|data| data.layout().parse(key));
        let named = |key| match parse(key) {
            Some(parsed) => parsed.to_string(),
            None => escape::bytes(key, charset).into_owned(),
        };
        let mut view = std::mem::take(&mut self.view);
        view.draw_rows(inner, pen, &COLUMNS, hits.len(), |row| {
            let Some(found) = hits.get(row) else {
                return Vec::new();
            };
            let hit = &found.hit;
            let role = match found.of {
                Origin::Db => Role::Dim,
                Origin::Log(_) | Origin::Unplaced(_) => Role::Warning,
            };
            let revision = match found.of {
                Origin::Unplaced(index) => format!("entry {index}"),
                _ => number::thousands(hit.revision.into()),
            };
            vec![
                Line::piece(role, place(found)),
                Line::piece(Role::Number, revision),
                Line::piece(Role::Name, named(&hit.key)),
                Line::from(hit.field.clone().unwrap_or_default()),
                Line::piece(Role::Match, self.text_of(found, session)),
            ]
        });
        self.view = view;
    }

    fn draw_nothing(&self, inner: Rect, pen: &mut Pen<'_>) {
        let runs = self.is_running();
        let lines: &[&str] = match (self.text.is_empty(), runs) {
            (false, _) if self.awaits_index => &["searched as soon as the index is there…"],
            (true, _) => &[
                "⏎ asks what to search for: text or regex, in small letters both cases.",
                "Looked through: keys, deleted ones too; every field of every version",
                "that is retained; writes that only the log has. What is found in",
                "secrets stays hidden: X shows it for ten seconds.",
            ],
            (false, true) => &["searching…"],
            (false, false) => &["nothing found in keys, values, history and log"],
        };
        for (y, text) in (0..inner.height).zip(lines) {
            pen.put(inner, 1, y, text, Role::Dim);
        }
    }

    fn title(&self) -> Line {
        if self.text.is_empty() {
            return Line::from("search");
        }
        if self.awaits_index {
            let text = self.text.clone();
            return Line::from("search ")
                .with(Role::Match, text)
                .text(" · waits for the index");
        }
        let word = |end: Option<SearchEnd>, runs: bool| match (end, runs) {
            (Some(SearchEnd::Whole), _) => "done",
            (Some(SearchEnd::Full), _) => "stopped at this many",
            (Some(SearchEnd::Stopped), _) | (None, false) => "stopped",
            (None, true) => "searching…",
        };
        let log = match &self.log {
            Log::Idle => "not looked at",
            Log::Awaited => "being read…",
            Log::Running(_) => "searching…",
            Log::Ended(end) => word(Some(*end), false),
            Log::None(why) => why,
        };
        let whole = self.end == Some(SearchEnd::Whole)
            && matches!(self.log, Log::Ended(SearchEnd::Whole) | Log::None(_));
        let more = if whole { "" } else { "≥" };
        let of_log = |found: &&LocatedHit| found.of != Origin::Db;
        let logged = self.hits.iter().filter(of_log).count();
        Line::from("search ")
            .with(Role::Match, self.text.clone())
            .text(format!(
                " · {more}{} hits · kept versions {} · log {log}",
                number::thousands(self.hits.len() as i128),
                word(self.end, self.job.is_some()),
            ))
            .with(
                Role::Warning,
                match logged {
                    0 => String::new(),
                    logged => format!(" · {} only there", number::thousands(logged as i128)),
                },
            )
            .with(Role::Dim, " · s search again")
    }
}
