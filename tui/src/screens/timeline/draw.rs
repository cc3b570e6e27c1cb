//! How the timeline looks.

use etcd_inspect::text::{escape, number, time};
use jiff::Timestamp;
use ratatui::layout::Rect;

use super::Timeline;
use super::events::{LoadedTimeline, cell_of};
use crate::paint::{Line, Pen, cells};
use crate::session::Session;
use crate::theme::Role;
use crate::widgets::{Column, Table};

static COLUMNS: [Column; 4] = [
    Column::right("REV", 10),
    Column::left("WHEN~", 9).from(60),
    Column::left("", 3),
    Column::left("KEY", 0).middle(),
];

/// Heights of a bar, by eighths.
const BARS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// A place of the axis.
pub(super) fn moment(loaded: &LoadedTimeline, at: i64, session: &Session) -> String {
    if !loaded.timed {
        return format!("revision {}", number::thousands(at.into()));
    }
    let newest = Timestamp::from_second(loaded.span().1).unwrap_or_default();
    match Timestamp::from_second(at) {
        Ok(moment) => format!("~{}", time::short(moment, newest, &session.options.zone)),
        Err(_) => at.to_string(),
    }
}

impl Timeline {
    pub(super) fn draw_all(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        self.panes = self.split.panes(area, 66);
        // The graph wants the width, whatever there is of it.
        if area.width >= 110 && !self.split.full && area.height >= 16 {
            let high = area.height * 3 / 5;
            self.panes.list = Rect {
                height: high,
                ..area
            };
            self.panes.detail = Rect {
                y: area.y.saturating_add(high),
                height: area.height - high,
                ..area
            };
        }
        let (list, pane) = (self.panes.list, self.panes.detail);
        if list.width > 0 && list.height > 0 {
            self.draw_graph(list, pen, session);
        }
        if pane.width > 0 && pane.height > 0 {
            self.draw_records(pane, pen, session);
        }
    }

    fn draw_graph(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let Some(loaded) = self.loaded.clone() else {
            let inner = pen.frame(area, &Line::from("timeline"), !self.split.detail);
            let why = match session.data() {
                Some(_) => Line::piece(Role::Dim, "reading the times of writes…"),
                None => session.why_no_data(),
            };
            pen.wrapped(inner, &why);
            return;
        };
        let (from, to) = (self.look.from, self.look.to);
        let label = if area.width >= 100 { 30 } else { 18 };
        let label = label.min(area.width.saturating_sub(2) / 3);
        let total = 8u16;
        let inner_width = area.width.saturating_sub(2);
        let width = inner_width.saturating_sub(label + total + 1).max(1);
        let title = self.graph_title(&loaded, width, session);
        let inner = pen.frame(area, &title, !self.split.detail);
        let graph = Rect {
            x: inner.x.saturating_add(1 + label),
            width: width.min(inner.width.saturating_sub(1 + label)),
            ..inner
        };
        if self.graph.width != graph.width {
            self.graph = graph;
            self.picture = super::Picture::draw(&loaded, from, to, usize::from(graph.width.max(1)));
            self.list_records(&loaded);
        }
        let cell_count = usize::from(graph.width);
        let mut y = 0;
        if inner.height >= 6 {
            self.draw_terms(inner, graph, pen, &loaded, cell_count);
            self.draw_flags(inner, graph, pen, &loaded, session, cell_count);
            y = 2;
        }
        let body = Rect {
            y: inner.y.saturating_add(y),
            height: inner.height.saturating_sub(y),
            ..inner
        };
        self.graph = Rect {
            y: body.y,
            height: body.height,
            ..graph
        };
        self.draw_rows((body, label), graph, pen, &loaded, session);
    }

    fn draw_rows(
        &mut self,
        (body, label): (Rect, u16),
        graph: Rect,
        pen: &mut Pen<'_>,
        loaded: &LoadedTimeline,
        session: &Session,
    ) {
        let cursor = cells(self.cell());
        let focused = !self.split.detail;
        let shown = self.shown.len(self.picture.rows.len());
        if shown == 0 {
            let text = "no row has that; Esc shows all again";
            pen.put(body, 1, 0, text, Role::Dim);
        }
        for (y, place) in self.look.rows.window(body.height, shown) {
            let row = self.shown.row(place).unwrap_or(0);
            let Some(counts) = self.picture.rows.get(row) else {
                continue;
            };
            let line = Rect {
                y: body.y.saturating_add(y),
                height: 1,
                ..graph
            };
            self.draw_row((row, counts), (body, y, label), line, pen, loaded, session);
            if place == self.look.rows.cursor() {
                let role = if focused { Role::Cursor } else { Role::Shadow };
                let left = Rect {
                    width: label,
                    ..body
                };
                pen.highlight(left, y, role);
                pen.put(body, 0, y, ">", Role::Heading);
            }
            let cell = Rect {
                x: line.x.saturating_add(cursor),
                width: 1,
                ..line
            };
            pen.highlight(cell, 0, Role::Cursor);
        }
        pen.note_cut(body, self.look.rows.span(), shown, &[]);
    }

    /// The span that is shown, how much a cell is, and the filter.
    fn graph_title(&self, loaded: &LoadedTimeline, width: u16, session: &Session) -> Line {
        let (from, to) = (self.look.from, self.look.to);
        let span = to.saturating_sub(from).saturating_add(1);
        let title = Line::from(format!(
            "{} – {}",
            moment(loaded, from, session),
            moment(loaded, to, session)
        ));
        let title = match loaded.timed {
            true => {
                let tenths = i128::from(span) * 10 / i128::from(width.max(1));
                title.text(format!(" · {}.{} s a cell", tenths / 10, tenths % 10))
            }
            false => title.text(" · no object has a time: the axis shows revisions"),
        };
        let title = match self.shown.is_on() {
            true => Line::piece(Role::Match, format!("/{}", self.shown.text()))
                .text(" · ")
                .text(title.plain()),
            false => title,
        };
        title.with(Role::Dim, " · z Z zoom · ⏎ Browse then")
    }

    /// One row of the graph: its name, a bar for each cell, its sum.
    fn draw_row(
        &self,
        (row, counts): (usize, &[u32]),
        (body, y, label): (Rect, u16, u16),
        line: Rect,
        pen: &mut Pen<'_>,
        loaded: &LoadedTimeline,
        session: &Session,
    ) {
        let (name, role) = match row {
            0 => ("writes".to_owned(), Role::Heading),
            1 => ("deletes".to_owned(), Role::Heading),
            row => {
                let name = loaded.resources.get(row - 2);
                let name = name.map(Vec::as_slice).unwrap_or_default();
                (
                    escape::bytes(name, session.charset()).into_owned(),
                    Role::Name,
                )
            }
        };
        let left = Rect {
            width: label,
            ..body
        };
        pen.put(left, 1, y, &name, role);
        let most = counts.iter().copied().max().unwrap_or(0);
        let bars: String = counts.iter().map(|count| bar(*count, most)).collect();
        let role = if row == 1 { Role::Removed } else { Role::Good };
        pen.put(line, 0, 0, &bars, role);
        let sum: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        pen.right(
            body,
            y,
            &Line::piece(Role::Dim, number::thousands(sum.into())),
        );
    }

    fn draw_terms(
        &self,
        inner: Rect,
        graph: Rect,
        pen: &mut Pen<'_>,
        loaded: &LoadedTimeline,
        cell_count: usize,
    ) {
        let (from, to) = (self.look.from, self.look.to);
        pen.put(inner, 1, 0, "raft term", Role::Dim);
        if loaded.terms.is_empty() {
            pen.put(
                graph,
                0,
                0,
                match loaded.has_log {
                    true => {
                        "none of the log's writes is found in the db: their revisions are not known"
                    }
                    false => "there is no log here",
                },
                Role::Dim,
            );
            return;
        }
        pen.put(graph, 0, 0, &"─".repeat(cell_count), Role::Dim);
        let before = loaded.terms.iter().rev().find(|(at, _)| *at <= from);
        if let Some((_, term)) = before {
            pen.put(graph, 0, 0, &term.to_string(), Role::Number);
        }
        for (at, term) in &loaded.terms {
            if *at > from
                && let Some(cell) = cell_of(from, to, cell_count, *at)
            {
                pen.put(graph, cells(cell), 0, &term.to_string(), Role::Number);
            }
        }
    }

    fn draw_flags(
        &self,
        inner: Rect,
        graph: Rect,
        pen: &mut Pen<'_>,
        loaded: &LoadedTimeline,
        session: &Session,
        cell_count: usize,
    ) {
        let (from, to) = (self.look.from, self.look.to);
        pen.put(inner, 1, 1, "flags", Role::Dim);
        pen.put(graph, 0, 1, &"·".repeat(cell_count), Role::Dim);
        let report = session.slot().and_then(|slot| slot.report.as_ref());
        let keyspace = loaded.data.keyspace();
        for finding in report.into_iter().flat_map(|report| &report.findings) {
            // A finding about a key is shown where the key was written last.
            let newest = finding.keys.iter().take(16).filter_map(|key| {
                let records = keyspace.records_of(key);
                records.get(records.len().checked_sub(1)?)
            });
            for version in newest {
                let at = loaded.at(version.revision.main);
                if let Some(cell) = cell_of(from, to, cell_count, at) {
                    pen.put(graph, cells(cell), 1, "!", Role::Error);
                }
            }
        }
        for (main, deleted) in &session.ruler.marks {
            if let Some(cell) = cell_of(from, to, cell_count, loaded.at(*main)) {
                let (mark, role) = match deleted {
                    true => ("✕", Role::Error),
                    false => ("▪", Role::Key),
                };
                pen.put(graph, cells(cell), 1, mark, role);
            }
        }
        let at = loaded.at(session.ruler.revision());
        if let Some(cell) = cell_of(from, to, cell_count, at) {
            pen.put(graph, cells(cell), 1, "●", Role::Warning);
        }
    }

    /// The row, how many records it has there, and when.
    fn records_title(&self, loaded: &LoadedTimeline, session: &Session) -> Line {
        let (from, to) = self.stretch();
        let count = self.listed.versions.len() + self.listed.more;
        let mut title = Line::from(format!(
            "{} · {} · {}",
            self.row_name(loaded, session),
            number::thousands(count as i128),
            moment(loaded, from, session)
        ));
        if to > from {
            title = title.text(format!(" – {}", moment(loaded, to, session)));
        }
        if !self.wanted.is_empty() {
            title = Line::piece(Role::Match, format!("/{}", self.wanted))
                .text(" · ")
                .text(title.plain());
        }
        title
    }

    fn draw_records(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let Some(loaded) = self.loaded.clone() else {
            pen.frame(area, &Line::from("records"), self.split.detail);
            return;
        };
        let title = self.records_title(&loaded, session);
        let inner = pen.frame(area, &title, self.split.detail);
        self.records = Rect {
            y: inner.y.saturating_add(1),
            height: inner.height.saturating_sub(1),
            ..inner
        };
        if self.listed.versions.is_empty() {
            let text = match self.wanted.is_empty() {
                true => "nothing was written then; { } go to the next cell with anything",
                false => "no record has that; Esc shows all again",
            };
            pen.put(inner, 1, 0, text, Role::Dim);
            return;
        }
        let versions = &self.listed.versions;
        let table = Table {
            columns: &COLUMNS,
            focused: self.split.detail,
        };
        let is_file = pen.takes_rows();
        table.draw(inner, pen, &mut self.look.list, versions.len(), |at| {
            let Some(version) = versions.get(at) else {
                return Vec::new();
            };
            let second = || Timestamp::from_second(loaded.at(version.revision.main)).ok();
            let when = match loaded.timed {
                true if is_file => second().map(time::rfc3339).unwrap_or_default(),
                true => moment(&loaded, loaded.at(version.revision.main), session),
                false => String::new(),
            };
            let (op, role) = match version.tombstone {
                true => ("✕", Role::Error),
                false => ("put", Role::Dim),
            };
            vec![
                Line::piece(
                    Role::Number,
                    number::thousands(version.revision.main.into()),
                ),
                Line::piece(Role::Dim, when.trim_start_matches('~').to_owned()),
                Line::piece(role, op),
                Line::from(escape::bytes(&version.key, session.charset()).into_owned()),
            ]
        });
    }
}

fn bar(count: u32, most: u32) -> &'static str {
    if count == 0 {
        return "·";
    }
    let eighth = u64::from(count)
        .saturating_mul(8)
        .div_ceil(u64::from(most.max(1)));
    let at = usize::try_from(eighth.saturating_sub(1)).unwrap_or(0);
    BARS.get(at).or(BARS.last()).copied().unwrap_or("█")
}
