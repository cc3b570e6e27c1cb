//! A line of text that is being typed: the filter, a command, an answer.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use super::picker::{self, Candidate};
use crate::paint::{Pen, cells};
use crate::theme::Role;

/// What the text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The filter of the list: given on with every key.
    Filter,
    /// The filter of all keys.
    All,
    /// What is looked for in the text that has the focus.
    Find,
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
    /// A candidate is in its place.
    Chosen,
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
    pub(crate) candidates: Vec<Candidate>,
    /// What of the text is not understood.
    pub(crate) trouble: Option<String>,
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
            candidates: Vec::new(),
            trouble: None,
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
            KeyCode::Tab => self.choose(true),
            KeyCode::BackTab => self.choose(false),
            // Candidates are below what was typed before.
            KeyCode::Up if self.chosen.is_some_and(|at| at > 0) => self.choose(false),
            KeyCode::Up if self.is_line() => self.recall(self.recalled.checked_sub(1)),
            KeyCode::Down if self.is_line() && self.recalled < self.history.len() => {
                self.recall(Some(self.recalled + 1))
            }
            KeyCode::Down if self.is_line() => self.choose(true),
            _ => {
                self.input.handle_event(&Event::Key(key));
                self.chosen = None;
                Typed::Changed
            }
        }
    }

    /// Whether lines that were typed before are known.
    fn is_line(&self) -> bool {
        matches!(self.asked, Asked::Command | Asked::Argument(_))
    }

    fn recall(&mut self, at: Option<usize>) -> Typed {
        if let Some(at) = at.filter(|at| *at <= self.history.len()) {
            self.recalled = at;
            self.set(self.history.get(at).cloned().unwrap_or_default());
        }
        Typed::Changed
    }

    /// Puts the next candidate in, or the one before.
    fn choose(&mut self, forward: bool) -> Typed {
        let last = self.candidates.len().saturating_sub(1);
        let next = match (self.chosen, forward) {
            (None, true) => 0,
            (None, false) => last,
            (Some(at), true) => {
                if at >= last {
                    0
                } else {
                    at + 1
                }
            }
            (Some(at), false) => at.checked_sub(1).unwrap_or(last),
        };
        if let Some(found) = self.candidates.get(next) {
            let line = found.line.clone();
            self.chosen = Some(next);
            self.set(line);
        }
        Typed::Chosen
    }

    /// The keys that mean something while it is typed.
    pub(crate) fn hints(&self) -> &'static [(&'static str, &'static str)] {
        match self.asked {
            Asked::Command => &[
                ("⏎", "run"),
                ("Tab", "candidate"),
                ("↑", "typed before"),
                ("Esc", "cancel"),
            ],
            Asked::Argument(_) => &[("⏎", "done"), ("↑", "typed before"), ("Esc", "cancel")],
            Asked::Filter => &[
                ("⏎", "keep"),
                ("/", "all keys"),
                ("!", "not"),
                ("~", "fuzzy"),
                ("Esc", "all rows"),
            ],
            Asked::All => &[
                ("⏎", "keep"),
                ("ns:", "namespace"),
                ("!", "not"),
                ("~", "fuzzy"),
                ("Esc", "all keys"),
            ],
            Asked::Find => &[
                ("⏎", "keep, then n N"),
                ("/", "all keys"),
                ("Esc", "cancel"),
            ],
        }
    }

    /// Draws the candidates above the line.
    pub(crate) fn draw_picker(&self, body: Rect, pen: &mut Pen<'_>) {
        let empty = self.text().is_empty() && self.asked == Asked::Command;
        picker::draw(body, pen, &self.candidates, self.chosen, empty);
    }

    /// Draws it on a row; gives the column of the cursor.
    pub(crate) fn draw(&self, area: Rect, y: u16, pen: &mut Pen<'_>) -> u16 {
        let sign = match self.asked {
            Asked::Filter => "/",
            Asked::All => "//",
            Asked::Find => "/",
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
        if let Some(trouble) = &self.trouble {
            pen.put(area, end.saturating_add(3), y, trouble, Role::Warning);
        }
        x.saturating_add(cells(self.input.visual_cursor().saturating_sub(skip)))
    }
}
