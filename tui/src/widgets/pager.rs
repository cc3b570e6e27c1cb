//! A text to scroll through. Only visible lines are drawn; long lines are scrolled sideways or wrapped.

use ratatui::layout::Rect;

use super::Find;
use crate::act::Act;
use crate::paint::{Line, Pen};
use crate::theme::Role;

/// Scroll position of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pager {
    top: usize,
    left: usize,
    height: usize,
    /// Long lines are wrapped.
    wrap: bool,
}

/// Cells that a step sideways moves.
const SIDEWAYS: usize = 8;

impl Pager {
    /// The first visible line.
    pub fn top(&self) -> usize {
        self.top
    }

    /// Cells scrolled off at the left.
    pub fn left(&self) -> usize {
        self.left
    }

    /// To the beginning of another text.
    pub fn rewind(&mut self) {
        (self.top, self.left) = (0, 0);
    }

    /// Makes a line visible, in the middle if it was not.
    pub fn reach(&mut self, line: usize) {
        let shown = self.top..self.top.saturating_add(self.height.max(1));
        if !shown.contains(&line) {
            self.top = line.saturating_sub(self.height / 2);
        }
    }

    /// Makes a line the first visible one, with a little before it.
    pub fn show(&mut self, line: usize) {
        self.top = line.saturating_sub(2);
    }

    /// Scrolls among `len` lines; `false`: not a key for scrolling.
    pub fn act(&mut self, act: Act, len: usize) -> bool {
        let page = self.height.max(2) - 1;
        let last = match self.wrap {
            true => len.saturating_sub(1),
            false => len.saturating_sub(self.height.max(1)),
        };
        match act {
            Act::Wrap => self.wrap = !self.wrap,
            Act::Left => self.left = self.left.saturating_sub(SIDEWAYS),
            Act::Right => self.left = self.left.saturating_add(SIDEWAYS).min(8000),
            _ => {
                self.top = match act {
                    Act::Down => self.top.saturating_add(1),
                    Act::Up => self.top.saturating_sub(1),
                    Act::HalfDown => self.top.saturating_add(page.div_ceil(2)),
                    Act::HalfUp => self.top.saturating_sub(page.div_ceil(2)),
                    Act::PageDown => self.top.saturating_add(page),
                    Act::PageUp => self.top.saturating_sub(page),
                    Act::Top => 0,
                    Act::Bottom => last,
                    _ => return false,
                }
                .min(last);
            }
        }
        true
    }

    /// Fits the window to a height; gives the lines in it as `(y, line)`.
    pub fn window(
        &mut self,
        height: u16,
        len: usize,
    ) -> impl Iterator<Item = (u16, usize)> + use<> {
        self.height = usize::from(height);
        let last = match self.wrap {
            true => len.saturating_sub(1),
            false => len.saturating_sub(self.height),
        };
        self.top = self.top.min(last);
        (0..height).zip(self.top..len)
    }

    /// Draws the visible ones of some lines, with what is found in them marked.
    pub fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, lines: &[Line], find: &Find) {
        let (left, wrap) = (self.left, self.wrap);
        let (mut next, mut end) = (0u16, self.top);
        for (_, at) in self.window(area.height, lines.len()) {
            let Some(line) = lines.get(at).filter(|_| next < area.height) else {
                break;
            };
            end = at.saturating_add(1);
            let width = usize::from(area.width.max(1));
            let rows = match wrap {
                true => line.width().div_ceil(width).clamp(1, 500),
                false => 1,
            };
            for row in 0..rows {
                let skip = if wrap { row * width } else { left };
                pen.line(area, next, line, skip);
                if find.is_on() {
                    find.mark(pen, area, next, &line.plain(), at, skip);
                }
                next = next.saturating_add(1);
            }
        }
        if find.is_on() {
            // On the upper border, where there is one.
            let above = Rect {
                y: area.y.saturating_sub(1),
                height: 1,
                ..area
            };
            pen.right(above, 0, &Line::piece(Role::Match, find.status()));
        }
        pen.note_cut(area, (self.top, end), lines.len(), &[]);
    }
}
