//! Rows beside what is under their cursor: what most screens are. Cursor, panes, filter, text, mouse, and what of it is kept for
//! the way back.

use std::any::Any;

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use etcd_inspect::text::number;
use ratatui::layout::{Position, Rect};

use super::{Column, Find, List, Pager, Panes, Sieve, Split, Table};
use crate::act::Act;
use crate::job::JobId;
use crate::paint::{Line, Pen};
use crate::screen::ScreenId;
use crate::session::Session;
use crate::theme::Role;

/// The state of such a screen. The rows themselves are the screen's: it says how many there are, and draws those it is asked for.
#[derive(Debug, Default)]
pub struct View {
    /// The cursor, among the rows that are shown.
    pub list: List,
    /// Which pane has the focus.
    pub split: Split,
    /// Where the text of the second pane is.
    pub pager: Pager,
    /// What is looked for in that text.
    pub find: Find,
    /// Which rows are shown.
    pub sieve: Sieve,
    /// Where the panes were drawn.
    pub panes: Panes,
    /// Where the rows were drawn.
    pub body: Rect,
}

/// What the back stack keeps: rows by their numbers, whatever the filter showed.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    list: List,
    split: Split,
    pager: Pager,
}

/// What a mouse event meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Click {
    /// Nothing here.
    None,
    /// Another row, another pane.
    Moved,
    /// The row that was under the cursor already.
    Open,
}

impl View {
    /// The number of the row under the cursor; `None`: there is none.
    pub fn row(&self, rows: usize) -> Option<usize> {
        let row = self.sieve.row(self.list.cursor())?;
        (row < rows).then_some(row)
    }

    /// Puts the cursor on a row; where the filter leaves it out, the filter ends.
    pub fn select(&mut self, row: usize, session: &mut Session) {
        if self.sieve.place(row).is_none() {
            self.sieve.clear(session);
        }
        self.list.select(self.sieve.place(row).unwrap_or(row));
    }

    /// Back to the first row of new rows.
    pub fn reset(&mut self, session: &mut Session) {
        self.sieve.clear(session);
        self.list = List::default();
        self.pager.rewind();
        self.find.restart();
    }

    /// Keys of the cursor, the panes, the text of so many lines, and `n` `N`; `false`: another key.
    pub fn act(&mut self, act: Act, rows: usize, lines: usize, session: &mut Session) -> bool {
        if self.split.detail && self.pager.act(act, lines) {
            return true;
        }
        if self.split.act(act) {
            return true;
        }
        let shown = self.sieve.len(rows);
        match act {
            Act::Wrap => return self.pager.act(act, lines),
            Act::Right => self.split.detail = true,
            Act::Left => self.split.detail = false,
            Act::NextHit | Act::PrevHit if self.find.is_on() => {
                self.find.step(act == Act::NextHit);
            }
            Act::NextHit | Act::PrevHit if !self.sieve.is_on() => {
                session.say(Role::Dim, "no filter is set: / begins one");
            }
            Act::NextHit => return self.list.act(Act::Down, shown),
            Act::PrevHit => return self.list.act(Act::Up, shown),
            act => return self.list.act(act, shown),
        }
        true
    }

    /// Filters `rows`; the row under the cursor stays there where it can.
    pub fn filter(
        &mut self,
        text: &str,
        rows: usize,
        line: impl Fn(usize) -> String + Send + 'static,
        screen: ScreenId,
        session: &mut Session,
    ) {
        if text == self.sieve.text() {
            return;
        }
        let row = self.row(rows);
        self.sieve.set(text, rows, line, screen, session);
        let place = row.and_then(|row| self.sieve.place(row));
        self.list.select(place.unwrap_or(0));
        self.split.detail = false;
    }

    /// Looks for a text in the second pane.
    pub fn look_for(&mut self, text: &str) {
        let from = self.pager.top();
        self.find.set(text, from);
    }

    /// Takes what the job of the filter gives; `false`: this is the answer of another one.
    pub fn answer(&mut self, job: JobId, value: &dyn Any, last: bool) -> bool {
        self.sieve.answer(job, value, last)
    }

    /// For the back stack.
    pub fn seen(&self) -> Seen {
        let mut list = self.list;
        if let Some(row) = self.sieve.row(list.cursor()) {
            list.select(row);
        }
        Seen {
            list,
            split: self.split,
            pager: self.pager,
        }
    }

    /// As it was.
    pub fn restore(&mut self, seen: Seen, session: &mut Session) {
        self.sieve.clear(session);
        (self.list, self.split, self.pager) = (seen.list, seen.split, seen.pager);
    }

    /// A click on one of `rows`, on a pane, or the splitter dragged. The wheel gives the focus to the pane it turns over.
    pub fn mouse(&mut self, event: MouseEvent, rows: usize) -> Click {
        if self.split.drag(event, &self.panes) {
            return Click::Moved;
        }
        let at = Position::new(event.column, event.row);
        let detail = self.panes.detail.contains(at);
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => {
                let had = self.split.detail;
                self.split.detail = detail;
                let shown = self.sieve.len(rows);
                match self.list.click(at, self.body, shown) && !had {
                    true => Click::Open,
                    false => Click::Moved,
                }
            }
            MouseEventKind::ScrollDown | MouseEventKind::ScrollUp => {
                self.split.detail = detail;
                Click::None
            }
            _ => Click::None,
        }
    }

    /// Draws headings and rows within an area; the number of a row says which one is wanted.
    pub fn draw_rows(
        &mut self,
        area: Rect,
        pen: &mut Pen<'_>,
        columns: &[Column],
        rows: usize,
        mut row: impl FnMut(usize) -> Vec<Line>,
    ) {
        self.body = Rect {
            y: area.y.saturating_add(1),
            height: area.height.saturating_sub(1),
            ..area
        };
        let shown = self.sieve.len(rows);
        let (sieve, focused) = (&self.sieve, !self.split.detail);
        let table = Table { columns, focused };
        table.draw(area, pen, &mut self.list, shown, |place| {
            sieve.row(place).map_or_else(Vec::new, &mut row)
        });
        if shown == 0 && sieve.is_on() {
            let text = match sieve.is_looking() {
                true => "nothing yet…",
                false => "no row has that; Esc shows all again",
            };
            pen.put(self.body, 1, 0, text, Role::Dim);
        }
    }

    /// Draws the text of the second pane.
    pub fn draw_text(&mut self, area: Rect, pen: &mut Pen<'_>, title: &Line, lines: &[Line]) {
        let inner = pen.frame(area, title, self.split.detail);
        let line = |at: usize| lines.get(at).map(Line::plain).unwrap_or_default();
        if let Some(line) = self.find.look(lines.len(), line) {
            self.pager.reach(line);
        }
        self.pager.draw(inner, pen, lines, &self.find);
    }

    /// A title with the filter and how many of `rows` it leaves.
    pub fn title(&self, title: Line, rows: usize) -> Line {
        if !self.sieve.is_on() {
            return title;
        }
        let more = if self.sieve.is_looking() { "≥" } else { "" };
        let shown = number::thousands(self.sieve.len(rows) as i128);
        Line::piece(Role::Match, format!("/{}", self.sieve.text()))
            .text(format!(
                " {more}{shown} of {} · ",
                number::thousands(rows as i128)
            ))
            .with(Role::Plain, title.plain())
    }
}
