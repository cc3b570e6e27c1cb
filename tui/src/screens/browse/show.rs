//! How the preview looks.

use etcd_inspect::export::yaml;
use etcd_inspect::text::{escape, number};
use ratatui::layout::Rect;

use super::blamed::LineWriter;
use super::loaded::{Body, LoadedVersion, hex, name};
use super::preview::Preview;
use crate::paint::{Line, Pen, cells};
use crate::session::Session;
use crate::theme::Role;

/// Cells of the blame column: a writer, a revision and a time.
const BLAME: u16 = 39;

impl Preview {
    /// Whether lines have their writers beside them in such a width.
    fn shows_blame(&self, width: u16) -> bool {
        let loaded = self.loaded.as_ref();
        let is_yaml = |loaded: &LoadedVersion| matches!(loaded.body, Body::Yaml(_));
        let has_lines = loaded.is_some_and(|loaded| is_yaml(loaded) && loaded.is_object());
        !self.look.no_blame && width >= 84 && has_lines
    }

    pub(super) fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session, focused: bool) {
        if area.width == 0 || area.height == 0 {
            return;
        }
        let title = self.title(session);
        let inner = pen.frame(area, &title, focused);
        let len = self.len();
        let Some(loaded) = &self.loaded else { return };
        let mut body = inner;
        let blame = self.shows_blame(inner.width);
        if blame {
            body = self.draw_blame_head(inner, pen);
        }
        if self.find.is_on() {
            let top = Rect { height: 1, ..area };
            pen.right(top, 0, &Line::piece(Role::Match, self.find.status()));
        }
        let (cursor, left) = (self.look.list.cursor(), self.look.left);
        let mut before = None;
        let width = body.width.saturating_sub(if blame { BLAME + 2 } else { 0 });
        let rows_of = |at: usize| loaded.rows_of(at, self.look.wrap, width);
        let fits = match self.look.wrap {
            true => fitting(cursor.min(len.saturating_sub(1)), body.height, &rows_of),
            false => body.height,
        };
        let first = self.look.list.window(fits, len).map(|(_, at)| at).next();
        let (mut below, mut end) = (0, 0);
        for at in first.unwrap_or(0)..len {
            let (y, rows) = (below, rows_of(at));
            if y >= body.height {
                break;
            }
            below = y.saturating_add(rows);
            match &loaded.body {
                Body::Hex | Body::Lines(_) => loaded.put_plain(at, pen, body, (y, rows), left),
                Body::Yaml(lines) => {
                    let number = loaded.shown.get(at).copied().unwrap_or(usize::MAX);
                    let Some(line) = lines.get(number) else {
                        continue;
                    };
                    let mut text = body;
                    if blame {
                        let who = self.blamed.writer(line, loaded.number(number));
                        let shown = match who == before && y > 0 {
                            true => Line::piece(Role::Dim, if who.is_some() { "." } else { "" }),
                            false => blamed(who),
                        };
                        text = put_blame(pen, body, y, &shown);
                        before = who;
                    }
                    let folded = self.look.folds.contains(&name(&line.path)) && line.opens;
                    put_rows(pen, text, (y, rows), &coloured(line, folded), left);
                }
            }
            self.mark_row(at, pen, body, (y, rows), (blame, focused));
            end = at.saturating_add(1);
        }
        pen.note_cut(inner, (first.unwrap_or(0), end), len, &[]);
    }

    /// Marks what is looked for in a line, and the line of the cursor.
    fn mark_row(
        &self,
        at: usize,
        pen: &mut Pen<'_>,
        body: Rect,
        (y, rows): (u16, u16),
        (blame, focused): (bool, bool),
    ) {
        if focused && at == self.look.list.cursor() {
            for row in y..y.saturating_add(rows) {
                pen.highlight(body, row, Role::Cursor);
            }
        }
        if let Some(loaded) = self.loaded.as_ref().filter(|_| self.find.is_on()) {
            let skip = if blame { BLAME + 2 } else { 0 };
            let text = Rect {
                x: body.x.saturating_add(skip),
                width: body.width.saturating_sub(skip),
                ..body
            };
            let line = loaded.line(at);
            self.find.mark(pen, text, y, &line, at, self.look.left);
        }
    }

    /// The names of the columns; returns what is left below them.
    fn draw_blame_head(&self, inner: Rect, pen: &mut Pen<'_>) -> Rect {
        let head = format!("{:<17} {:>10} {:<9}", "who", "rev", "when~");
        pen.line(inner, 0, &Line::piece(Role::Dim, head), 0);
        let form = format!("│ YAML   {}", self.look.neat.name());
        pen.put(inner, BLAME, 0, &form, Role::Dim);
        Rect {
            y: inner.y.saturating_add(1),
            height: inner.height.saturating_sub(1),
            ..inner
        }
    }

    fn title(&self, session: &Session) -> Line {
        let Some(loaded) = &self.loaded else {
            return Line::from("object");
        };
        let data = session.rows();
        let key = data.and_then(|data| data.layout().parse(&loaded.stamp.key));
        let name = match key {
            Some(key) => key.name.to_owned(),
            None => escape::bytes(&loaded.stamp.key, session.charset()).into_owned(),
        };
        let mut title = Line::piece(Role::Name, name);
        if let Some(object) = &loaded.object {
            if let Some(kind) = object.kind() {
                title = title.text(format!(" · {kind}"));
            }
            let (which, of) = loaded.versions;
            let size = object.version.value().len();
            // The number that etcd counts, and how many of the versions are kept.
            let number = object.version.key_value().map_or(0, |kv| kv.version);
            let counted = i64::try_from(which).is_ok_and(|which| which == number);
            if loaded.stamp.complete {
                title = title.text(match counted {
                    true => format!(" · v{which} of {of}"),
                    false => format!(" · v{number}, kept {which} of {of}"),
                });
            }
            title = title.text(format!(
                " · {} {}",
                number::size(size as u64),
                object.encoding
            ));
        }
        let version = loaded.object.as_ref().map(|object| &object.version);
        if let Some(origin) = version.and_then(|version| session.origin(version)) {
            title = title.with(
                Role::Warning,
                format!(" · {} {}", origin.letter, origin.text),
            );
        }
        if session.is_revealed(&loaded.stamp.key) {
            title = title.with(Role::Warning, " · revealed");
        }
        title
    }
}

impl LoadedVersion {
    /// Draws a row of bytes, or a line of text.
    fn put_plain(
        &self,
        at: usize,
        pen: &mut Pen<'_>,
        body: Rect,
        (y, rows): (u16, u16),
        left: usize,
    ) {
        match (&self.body, &self.object) {
            (Body::Hex, Some(object)) => pen.line(body, y, &hex(object).row(at), left),
            (Body::Lines(lines), _) => {
                if let Some(line) = lines.get(at) {
                    put_rows(pen, body, (y, rows), line, left);
                }
            }
            _ => {}
        }
    }

    /// How many rows a line takes, if long lines are wrapped.
    fn rows_of(&self, at: usize, wrap: bool, width: u16) -> u16 {
        match (wrap, &self.body) {
            (true, Body::Yaml(lines)) => {
                let line = self.shown.get(at).and_then(|at| lines.get(*at));
                wrapped_rows(line.map_or(0, |line| escape::width(&line.text)), width)
            }
            (true, Body::Lines(lines)) => wrapped_rows(lines.get(at).map_or(0, Line::width), width),
            _ => 1,
        }
    }
}

/// How many lines fit: of wrapped lines fewer, so many that the one of the cursor is among them.
fn fitting(cursor: usize, height: u16, rows_of: &dyn Fn(usize) -> u16) -> u16 {
    let mut room = height;
    let fits = (0..=cursor).rev().take_while(|at| {
        let rows = rows_of(*at);
        let fits = rows <= room;
        room = room.saturating_sub(rows);
        fits
    });
    cells(fits.count()).max(1)
}

/// Draws who wrote a line; returns what is left beside it.
fn put_blame(pen: &mut Pen<'_>, body: Rect, y: u16, who: &Line) -> Rect {
    let column = Rect {
        width: BLAME.min(body.width),
        ..body
    };
    pen.line(column, y, who, 0);
    pen.put(body, BLAME, y, "│", Role::Dim);
    let gap = BLAME.saturating_add(2).min(body.width);
    Rect {
        x: body.x.saturating_add(gap),
        width: body.width - gap,
        ..body
    }
}

/// Rows that a text of a width takes where it is wrapped.
fn wrapped_rows(text: usize, width: u16) -> u16 {
    cells(text.div_ceil(usize::from(width.max(1))).clamp(1, 500))
}

/// A line over so many rows.
fn put_rows(pen: &mut Pen<'_>, area: Rect, (y, rows): (u16, u16), line: &Line, left: usize) {
    if rows == 1 {
        return pen.line(area, y, line, left);
    }
    for row in 0..rows {
        let skip = usize::from(row) * usize::from(area.width);
        pen.line(area, y.saturating_add(row), line, skip);
    }
}

fn blamed(writer: Option<&LineWriter>) -> Line {
    let Some(writer) = writer else {
        return Line::new();
    };
    let who = Line::piece(Role::Name, writer.who.as_str()).without_middle(17);
    let gap = " ".repeat(17usize.saturating_sub(who.width()));
    // Of a time of another day the date says more than the second.
    let when: String = writer.when.chars().take(10).collect();
    who.text(format!("{gap} {:>10} ", writer.revision))
        .with(Role::Dim, when)
}

/// Names apart from values.
fn coloured(line: &yaml::Line, folded: bool) -> Line {
    let text = &line.text;
    let shown = match text.split_once(": ") {
        Some((name, value)) if !line.path.is_empty() => {
            Line::piece(Role::Name, format!("{name}: ")).text(value)
        }
        _ if line.opens => Line::piece(Role::Name, text.clone()),
        _ => Line::from(text.as_str()),
    };
    if folded {
        shown.with(Role::Dim, " ▸ …")
    } else {
        shown
    }
}
