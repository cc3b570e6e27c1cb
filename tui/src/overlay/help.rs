//! The keys of a screen, from the one table: type to filter, ⏎ runs one.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use crate::act::Act;
use crate::keys::{self, Binding, Section};
use crate::paint::{Line, Pen};
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
    /// The first line of each row, and lines of a page, as drawn last.
    starts: Vec<usize>,
    page: usize,
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
            (KeyCode::PageUp, _) => self.turn(false, rows.len()),
            (KeyCode::PageDown, _) => self.turn(true, rows.len()),
            _ => {
                self.filter.handle_event(&Event::Key(key));
                self.list.select(0);
            }
        }
        (None, true)
    }

    /// A page on or back, by lines: a row may have several.
    fn turn(&mut self, forward: bool, rows: usize) {
        let cursor = self.list.cursor();
        let here = self.starts.get(cursor).copied().unwrap_or(0);
        let to = match forward {
            true => {
                let line = here.saturating_add(self.page);
                let end = self.starts.partition_point(|start| *start <= line);
                end.saturating_sub(1).max(cursor.saturating_add(1))
            }
            false => {
                let line = here.saturating_sub(self.page);
                let first = self.starts.partition_point(|start| *start < line);
                first.min(cursor.saturating_sub(1))
            }
        };
        self.list.select(to.min(rows.saturating_sub(1)));
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
        let lines = lines_of(&rows, list.width, pen, session);
        // The window is over the lines, so that a heading is seen with its first row, and all lines of the row of the cursor.
        let chosen = |line: &HelpLine| line.row == Some(self.list.cursor());
        let mut window = self.window;
        let last = lines.iter().rposition(chosen).unwrap_or(0);
        window.select(last);
        _ = window.window(list.height, lines.len());
        window.select(lines.iter().position(chosen).unwrap_or(0));
        for (y, at) in window.window(list.height, lines.len()) {
            let Some(line) = lines.get(at) else { continue };
            pen.line(list, y, &line.text, 0);
            if chosen(line) {
                pen.highlight(list, y, Role::Cursor);
            }
        }
        pen.note_cut(inner, window.span(), lines.len(), &[]);
        self.window = window;
        self.page = usize::from(list.height).saturating_sub(2).max(1);
        let first = |row: usize| lines.iter().position(|line| line.row == Some(row));
        self.starts = (0..rows.len()).filter_map(first).collect();
        let foot = " ⏎ run the key · ↑ ↓ PgUp PgDn choose · Esc close";
        let last = inner.height.saturating_sub(1);
        pen.line(inner, last, &Line::piece(Role::Dim, foot), 0);
    }
}

/// A line of the help: the title of a group, or one of those of a row.
#[derive(Debug)]
struct HelpLine {
    row: Option<usize>,
    text: Line,
}

/// The lines of all rows, each group with its title.
fn lines_of(
    rows: &[&'static Binding],
    width: u16,
    pen: &Pen<'_>,
    session: &Session,
) -> Vec<HelpLine> {
    let width = usize::from(width);
    let rows: Vec<HelpRow> = rows.iter().map(|row| HelpRow::new(row, session)).collect();
    let longest = rows.iter().map(|row| row.help.chars().count()).max();
    let most = width.saturating_mul(3) / 5;
    let half = match width >= WIDE {
        true => longest
            .unwrap_or(0)
            .saturating_add(TEXT + 2)
            .clamp(width / 2, most),
        false => 0,
    };
    let mut lines = Vec::with_capacity(rows.len() + 8);
    let mut before: Option<Section> = None;
    for (at, row) in rows.iter().enumerate() {
        if before != Some(row.section) {
            let title = Line::piece(Role::Heading, format!(" {}", row.section.title()));
            lines.push(HelpLine {
                row: None,
                text: title,
            });
            before = Some(row.section);
        }
        let own = row.lines(width, half, pen).into_iter();
        lines.extend(own.map(|text| HelpLine {
            row: Some(at),
            text,
        }));
    }
    lines
}

/// Keys, what they mean, and the command line that answers the same: of this program, or of `:`.
struct HelpRow {
    section: Section,
    key: String,
    help: String,
    twin: String,
}

impl HelpRow {
    fn new(binding: &Binding, session: &Session) -> Self {
        // A digit means the screen that this directory has there.
        let tab = match binding.act {
            Act::Tab(number) if number > 0 => session.tabs.get(usize::from(number)),
            _ => None,
        };
        Self {
            section: binding.section(),
            key: match binding.keys {
                [] => format!(":{}", binding.command),
                _ => binding.shown(),
            },
            help: match tab {
                Some(screen) => format!("{}: {}", binding.help, screen.title()),
                None => binding.help.to_owned(),
            },
            twin: match (binding.cli, binding.command) {
                ("", "") => tab.map_or_else(
                    || NO_COMMAND.to_owned(),
                    |screen| format!(":{}", screen.title().to_lowercase()),
                ),
                ("", command) => format!(":{command}"),
                (cli, _) => session.twin(cli),
            },
        }
    }

    /// In a width: nothing is cut. The command line begins at `half`, after the text, or on a line of its own.
    fn lines(&self, width: usize, half: usize, pen: &Pen<'_>) -> Vec<Line> {
        let indent = || Line::from(" ".repeat(TEXT));
        let room = width.saturating_sub(TEXT);
        let help = pen.spelled(&Line::from(self.help.as_str()));
        let keys = pen.spelled(&Line::piece(Role::Key, format!("  {}", self.key)));
        let mut lines: Vec<Line> = Vec::new();
        for (number, part) in help.in_words(room).into_iter().enumerate() {
            let mut line = match number {
                0 => keys.clone(),
                _ => indent(),
            };
            let gap = TEXT
                .saturating_sub(line.width())
                .max(usize::from(number == 0));
            line = line.text(" ".repeat(gap));
            line.0.extend(part.0);
            lines.push(line);
        }
        let used = lines.last().map_or(0, Line::width);
        let twin = Line::piece(Role::Dim, self.twin.clone());
        let fits = |at: usize| at.saturating_add(twin.width()) <= width;
        let after = used.saturating_add(2);
        let at = [half.max(after), after].into_iter().find(|at| fits(*at));
        match (at, lines.last_mut()) {
            (Some(at), Some(last)) => {
                last.0
                    .push((Role::Plain, " ".repeat(at.saturating_sub(used))));
                last.0.extend(twin.0);
            }
            _ => lines.extend(twin.in_words(room).into_iter().map(|part| {
                let mut line = indent();
                line.0.extend(part.0);
                line
            })),
        }
        lines
    }
}

/// Of a key that only moves or changes what this screen shows.
const NO_COMMAND: &str = "(in the browser only)";

/// Where the texts begin, after the keys.
const TEXT: usize = 15;

/// Columns from which on command lines have a half of their own.
const WIDE: usize = 100;
