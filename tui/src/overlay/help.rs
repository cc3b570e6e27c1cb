//! The keys of a screen, from the one table: type to filter, ⏎ runs one.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use crate::act::Act;
use crate::keys::{self, Binding, Section};
use crate::paint::{Line, Pen, cells};
use crate::screen::ScreenId;
use crate::session::Session;
use crate::theme::Role;
use crate::widgets::List;

/// The open help.
#[derive(Debug, Default)]
pub(crate) struct Help {
    filter: Input,
    list: List,
    /// Which lines are shown, headings among them.
    window: List,
}

impl Help {
    fn rows(&self, screen: ScreenId, session: &Session) -> Vec<&'static Binding> {
        let wanted = self.filter.value().to_lowercase();
        let matches = |binding: &&Binding| {
            binding.help.to_lowercase().contains(&wanted)
                || binding.command.contains(&wanted)
                || binding.shown().contains(&wanted)
        };
        let mut rows: Vec<_> = keys::bindings(screen, &session.tabs)
            .filter(matches)
            .collect();
        rows.sort_by_key(|row| row.section());
        rows
    }

    /// A key while the help is open: what to run, and whether it stays open.
    pub(crate) fn key(
        &mut self,
        key: KeyEvent,
        screen: ScreenId,
        session: &Session,
    ) -> (Option<Act>, bool) {
        let rows = self.rows(screen, session);
        match (key.code, key.modifiers.contains(KeyModifiers::CONTROL)) {
            (KeyCode::Esc, _) | (KeyCode::Char('c'), true) => return (None, false),
            (KeyCode::Enter, _) => return (rows.get(self.list.cursor()).map(|row| row.act), false),
            (KeyCode::Char('?'), _) if self.filter.value().is_empty() => return (None, false),
            (KeyCode::Up, _) => _ = self.list.act(Act::Up, rows.len()),
            (KeyCode::Down, _) => _ = self.list.act(Act::Down, rows.len()),
            (KeyCode::PageUp, _) => _ = self.list.act(Act::PageUp, rows.len()),
            (KeyCode::PageDown, _) => _ = self.list.act(Act::PageDown, rows.len()),
            _ => {
                self.filter.handle_event(&Event::Key(key));
                self.list.select(0);
            }
        }
        (None, true)
    }

    pub(crate) fn draw(&mut self, screen: ScreenId, pen: &mut Pen<'_>, session: &Session) {
        let area = pen.area();
        pen.clear(area);
        let rows = self.rows(screen, session);
        let title = Line::piece(
            Role::Heading,
            format!(
                "? help · {} · {} keys · type to filter: ",
                screen.title(),
                rows.len()
            ),
        )
        .with(Role::Match, self.filter.value().to_owned());
        let inner = pen.frame(area, &title, true);
        let list = Rect {
            height: inner.height.saturating_sub(1),
            ..inner
        };
        let lines = with_headings(&rows);
        let texts = rows.iter().map(|row| row.help.chars().count());
        let longest = cells(texts.max().unwrap_or(0));
        // The window is over the lines, so that a heading is seen with its first row.
        let cursor = lines
            .iter()
            .position(|line| *line == HelpLine::Row(self.list.cursor()));
        let mut window = self.window;
        window.select(cursor.unwrap_or(0));
        for (y, at) in window.window(list.height, lines.len()) {
            match lines.get(at) {
                Some(HelpLine::Heading(section)) => {
                    _ = pen.put(list, 1, y, section.title(), Role::Heading);
                }
                Some(HelpLine::Row(row)) => {
                    if let Some(binding) = rows.get(*row) {
                        draw_row(list, y, pen, (binding, longest), session);
                    }
                    if *row == self.list.cursor() {
                        pen.highlight(list, y, Role::Cursor);
                    }
                }
                None => {}
            }
        }
        self.window = window;
        // As high as the window, for PgUp and PgDn.
        _ = self.list.window(list.height, rows.len());
        let foot = " ⏎ run the key · ↑ ↓ PgUp PgDn choose · Esc close";
        let last = inner.height.saturating_sub(1);
        pen.line(inner, last, &Line::piece(Role::Dim, foot), 0);
    }
}

/// A line of the help: the title of a group, or a row by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HelpLine {
    Heading(Section),
    Row(usize),
}

fn with_headings(rows: &[&'static Binding]) -> Vec<HelpLine> {
    let mut lines = Vec::with_capacity(rows.len() + 8);
    let mut before = None;
    for (at, row) in rows.iter().enumerate() {
        let section = row.section();
        if before != Some(section) {
            lines.push(HelpLine::Heading(section));
            before = Some(section);
        }
        lines.push(HelpLine::Row(at));
    }
    lines
}

/// Keys, what they mean, and the command line that answers the same: of this program, or of `:`.
/// `longest`: cells of the longest text.
fn draw_row(
    list: Rect,
    y: u16,
    pen: &mut Pen<'_>,
    (binding, longest): (&Binding, u16),
    session: &Session,
) {
    let key = match binding.keys {
        [] => format!(":{}", binding.command),
        _ => binding.shown(),
    };
    pen.put(list, 2, y, &key, Role::Key);
    // A digit means the screen that this directory has there.
    let tab = match binding.act {
        Act::Tab(number) if number > 0 => session.tabs.get(usize::from(number)),
        _ => None,
    };
    let help = match tab {
        Some(screen) => format!("{}: {}", binding.help, screen.title()),
        None => binding.help.to_owned(),
    };
    let twin = match (binding.cli, binding.command) {
        ("", "") => tab.map_or_else(String::new, |screen| {
            format!(":{}", screen.title().to_lowercase())
        }),
        ("", command) => format!(":{command}"),
        (cli, _) => session.twin(cli),
    };
    let wide = list.width >= WIDE;
    let most = list.width.saturating_mul(3) / 5;
    let half = longest.saturating_add(16).clamp(list.width / 2, most);
    // A text that is longer than its half has the room that the line has: no line of the help is cut while there is some.
    let used = pen.put(list, TEXT, y, &help, Role::Plain);
    let at = match wide {
        true => used.saturating_add(2).max(half.saturating_add(1)),
        false => used.saturating_add(2),
    };
    if !twin.is_empty() {
        pen.put(list, at, y, &twin, Role::Dim);
    }
}

/// Where the texts begin, after the keys.
const TEXT: u16 = 15;

/// Columns from which on command lines have a half of their own.
const WIDE: u16 = 100;
