//! A line of text that is being typed: the filter, a command, an answer.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use crate::paint::{Pen, cells};
use crate::theme::Role;

/// What the text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The filter of the list: given on with every key.
    Filter,
    /// A command.
    Command,
    /// The argument of the command of that name.
    Argument(&'static str),
}

/// What a key did to the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// Another text.
    Changed,
    /// The text is whole.
    Done,
    /// It is not wanted any more.
    Cancelled,
    /// Complete it.
    Complete,
}

/// An open prompt.
#[derive(Debug)]
pub(crate) struct Prompt {
    pub(crate) asked: Asked,
    input: Input,
    /// Lines typed before, oldest first.
    history: Vec<String>,
    recalled: usize,
    /// What the text can become.
    pub(crate) completions: Vec<String>,
    chosen: Option<usize>,
}

impl Prompt {
    pub(crate) fn new(asked: Asked, text: &str, history: Vec<String>) -> Self {
        let recalled = history.len();
        Self {
            asked,
            input: Input::new(text.to_owned()),
            history,
            recalled,
            completions: Vec::new(),
            chosen: None,
        }
    }

    pub(crate) fn text(&self) -> &str {
        self.input.value()
    }

    pub(crate) fn set(&mut self, text: String) {
        self.input = Input::new(text);
    }

    pub(crate) fn key(&mut self, key: KeyEvent) -> Typed {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => Typed::Done,
            KeyCode::Esc => Typed::Cancelled,
            KeyCode::Char('c') if control => Typed::Cancelled,
            KeyCode::Backspace if self.text().is_empty() => Typed::Cancelled,
            KeyCode::Tab => Typed::Complete,
            KeyCode::Up if self.asked != Asked::Filter => self.recall(self.recalled.checked_sub(1)),
            KeyCode::Down if self.asked != Asked::Filter => self.recall(Some(self.recalled + 1)),
            _ => {
                self.input.handle_event(&Event::Key(key));
                self.chosen = None;
                Typed::Changed
            }
        }
    }

    fn recall(&mut self, at: Option<usize>) -> Typed {
        if let Some(at) = at.filter(|at| *at <= self.history.len()) {
            self.recalled = at;
            self.set(self.history.get(at).cloned().unwrap_or_default());
        }
        Typed::Changed
    }

    /// Puts the next completion in.
    pub(crate) fn complete(&mut self) {
        if self.completions.is_empty() {
            return;
        }
        let next = self.chosen.map_or(0, |at| at + 1) % self.completions.len();
        self.chosen = Some(next);
        if let Some(text) = self.completions.get(next).cloned() {
            self.set(text);
        }
    }

    /// Draws it on a row; gives the column of the cursor.
    pub(crate) fn draw(&self, area: Rect, y: u16, pen: &mut Pen<'_>) -> u16 {
        let sign = match self.asked {
            Asked::Filter => "/",
            Asked::Command => ":",
            Asked::Argument(name) => name,
        };
        let mut x = pen.put(area, 1, y, sign, Role::Key);
        if matches!(self.asked, Asked::Argument(_)) {
            x = x.saturating_add(1);
        }
        let room = usize::from(area.width.saturating_sub(x).saturating_sub(1));
        let skip = self.input.visual_scroll(room);
        let shown: String = self.text().chars().skip(skip).collect();
        let end = pen.put(area, x, y, &shown, Role::Plain);
        // Of lines that begin alike only the last word.
        let last = |line: &'_ String| line.split_whitespace().next_back().map(str::to_owned);
        let others: Vec<_> = self.completions.iter().take(12).filter_map(last).collect();
        pen.put(
            area,
            end.saturating_add(3),
            y,
            &others.join("  "),
            Role::Dim,
        );
        x.saturating_add(cells(self.input.visual_cursor().saturating_sub(skip)))
    }
}
