//! A text to read, and a question that only a typed `yes` answers.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;

use super::{Asked, Popup, Prompt, Typed};
use crate::act::Act;
use crate::paint::{Line, Pen};

/// The word that means yes; nothing else does.
const YES: &str = "yes";

/// What a key did to the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// It is still open.
    NotYet,
    /// `yes` was typed.
    Yes,
    /// Something else was, or the question was left.
    No,
}

/// An open question.
#[derive(Debug)]
pub(crate) struct Confirm {
    popup: Popup,
    prompt: Prompt,
}

impl Confirm {
    /// `question` is before what is typed.
    pub(crate) fn new(title: String, lines: Vec<Line>, question: &'static str) -> Self {
        Self {
            popup: Popup::new(title, lines),
            prompt: Prompt::new(Asked::Argument(question), "", Vec::new()),
        }
    }

    pub(crate) fn key(&mut self, key: KeyEvent) -> Answered {
        let scrolls = match key.code {
            KeyCode::Up => Some(Act::Up),
            KeyCode::Down => Some(Act::Down),
            KeyCode::PageUp => Some(Act::PageUp),
            KeyCode::PageDown => Some(Act::PageDown),
            _ => None,
        };
        if let Some(act) = scrolls {
            self.popup.act(act);
            return Answered::NotYet;
        }
        match self.prompt.key(key) {
            Typed::Done if self.prompt.text().trim() == YES => Answered::Yes,
            Typed::Done | Typed::Cancelled => Answered::No,
            Typed::Changed | Typed::Chosen => Answered::NotYet,
        }
    }

    /// Draws the text, and the question on the row of messages; gives the column of the cursor.
    pub(crate) fn draw(&self, body: Rect, message: Rect, pen: &mut Pen<'_>) -> u16 {
        self.popup.draw_in(body, pen);
        self.prompt.draw(message, 0, pen)
    }
}
