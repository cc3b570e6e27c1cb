//! A text over the screen.

use ratatui::layout::Rect;

use crate::act::Act;
use crate::paint::{Line, Pen, cells};

/// A text to read.
#[derive(Debug)]
pub(crate) struct Popup {
    pub(crate) title: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) top: usize,
    /// What `c` copies: its name and the text.
    pub(crate) copies: Option<(&'static str, String)>,
}

impl Popup {
    pub(crate) fn new(title: String, lines: Vec<Line>) -> Self {
        Self {
            title,
            lines,
            top: 0,
            copies: None,
        }
    }

    /// With a text that `c` copies.
    pub(crate) fn copying(mut self, what: &'static str, text: String) -> Self {
        self.copies = Some((what, text));
        self
    }

    /// Scrolls; `false`: not a key for scrolling.
    pub(crate) fn act(&mut self, act: Act) -> bool {
        let last = self.lines.len().saturating_sub(1);
        self.top = match act {
            Act::Down => self.top.saturating_add(1),
            Act::Up => self.top.saturating_sub(1),
            Act::PageDown | Act::HalfDown => self.top.saturating_add(10),
            Act::PageUp | Act::HalfUp => self.top.saturating_sub(10),
            Act::Top => 0,
            Act::Bottom => last,
            _ => return false,
        }
        .min(last);
        true
    }

    pub(crate) fn draw(&self, pen: &mut Pen<'_>) {
        self.draw_in(pen.area(), pen);
    }

    /// Draws it in the middle of an area.
    pub(crate) fn draw_in(&self, area: Rect, pen: &mut Pen<'_>) {
        let room = usize::from(area.width).saturating_sub(4).max(1);
        let lines: Vec<Line> = self
            .lines
            .iter()
            .flat_map(|line| line.wrapped(room))
            .collect();
        let widest = self
            .lines
            .iter()
            .map(Line::width)
            .max()
            .unwrap_or(0)
            .max(self.title.len() + 4);
        let area = centred(
            area,
            cells(widest).saturating_add(4),
            cells(lines.len()).saturating_add(2),
        );
        pen.clear(area);
        let inner = pen.frame(area, &Line::from(self.title.as_str()), true);
        for (y, line) in (0..inner.height).zip(lines.iter().skip(self.top)) {
            pen.line(
                Rect {
                    x: inner.x.saturating_add(1),
                    width: inner.width.saturating_sub(1),
                    ..inner
                },
                y,
                line,
                0,
            );
        }
        let end = self.top.saturating_add(usize::from(inner.height));
        pen.note_cut(inner, (self.top, end), lines.len(), &[]);
    }
}

/// An area of at most that size in the middle of another.
pub(crate) fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect {
        x: area.x.saturating_add((area.width - width) / 2),
        y: area.y.saturating_add((area.height - height) / 2),
        width,
        height,
    }
}
