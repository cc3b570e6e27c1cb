//! The keys of a screen, from the one table: type to filter, ⏎ runs one.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use super::popup::centred;
use crate::act::Act;
use crate::keys::{self, Binding};
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
}

impl Help {
    fn rows(&self, screen: ScreenId, session: &Session) -> Vec<&'static Binding> {
        let wanted = self.filter.value().to_lowercase();
        let matches = |binding: &&Binding| {
            binding.help.to_lowercase().contains(&wanted)
                || binding.command.contains(&wanted)
                || binding.shown().contains(&wanted)
        };
        keys::bindings(screen, &session.tabs)
            .filter(matches)
            .collect()
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
        let whole = pen.area();
        let area = centred(whole, whole.width.min(118), whole.height.saturating_sub(2));
        pen.clear(area);
        let title = Line::piece(
            Role::Heading,
            format!("? help · {} · type to filter: ", screen.title()),
        )
        .with(Role::Match, self.filter.value().to_owned());
        let inner = pen.frame(area, &title, true);
        let rows = self.rows(screen, session);
        let list = Rect {
            height: inner.height.saturating_sub(1),
            ..inner
        };
        let wide = inner.width >= 100;
        for (y, at) in self.list.window(list.height, rows.len()) {
            let Some(row) = rows.get(at) else { continue };
            pen.put(list, 1, y, &row.shown(), Role::Key);
            let half = if wide { 60 } else { list.width };
            let text = Rect {
                width: half.min(list.width),
                ..list
            };
            pen.put(text, 15, y, row.help, Role::Plain);
            if wide && !row.cli.is_empty() {
                pen.put(list, half, y, &session.twin(row.cli), Role::Dim);
            }
            if at == self.list.cursor() {
                pen.highlight(list, y, Role::Cursor);
            }
        }
        let foot = Line::piece(Role::Dim, " ⏎ run the key · ↑ ↓ choose · Esc close");
        pen.line(inner, inner.height.saturating_sub(1), &foot, 0);
    }
}
