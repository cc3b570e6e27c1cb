//! Cursor and window of a list of any length: only what is in the window is ever asked for.

use ratatui::layout::{Position, Rect};

use crate::act::Act;

/// Rows kept visible above and below the cursor, where there is room.
const MARGIN: usize = 2;

/// Where the cursor is, and which rows are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct List {
    cursor: usize,
    top: usize,
    height: usize,
}

impl List {
    /// The row of the cursor.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// The first row that is shown.
    pub fn top(&self) -> usize {
        self.top
    }

    /// The first row of the window, and the one after its last.
    pub fn span(&self) -> (usize, usize) {
        (self.top, self.top.saturating_add(self.height))
    }

    /// Puts the cursor on a row.
    pub fn select(&mut self, row: usize) {
        self.cursor = row;
    }

    /// Puts the cursor on a row without moving it on the screen: what was inserted or removed above it stays out of sight.
    pub fn anchor(&mut self, row: usize) {
        let offset = self.cursor.saturating_sub(self.top);
        self.cursor = row;
        self.top = row.saturating_sub(offset);
    }

    /// Moves the cursor among `len` rows; `false`: the key does not move it.
    pub fn act(&mut self, act: Act, len: usize) -> bool {
        let last = len.saturating_sub(1);
        let page = self.height.max(2) - 1;
        let to = match act {
            Act::Down => self.cursor.saturating_add(1),
            Act::Up => self.cursor.saturating_sub(1),
            Act::HalfDown => self.cursor.saturating_add(page.div_ceil(2)),
            Act::HalfUp => self.cursor.saturating_sub(page.div_ceil(2)),
            Act::PageDown => self.cursor.saturating_add(page),
            Act::PageUp => self.cursor.saturating_sub(page),
            Act::Top => 0,
            Act::Bottom => last,
            _ => return false,
        };
        self.cursor = to.min(last);
        true
    }

    /// Fits the window to a height and a number of rows; gives the rows in it as `(y, row)`.
    pub fn window(
        &mut self,
        height: u16,
        len: usize,
    ) -> impl Iterator<Item = (u16, usize)> + use<> {
        self.height = usize::from(height);
        self.cursor = self.cursor.min(len.saturating_sub(1));
        let margin = MARGIN.min(self.height.saturating_sub(1) / 2);
        let lowest = self
            .cursor
            .saturating_add(margin)
            .saturating_add(1)
            .saturating_sub(self.height);
        let highest = self.cursor.saturating_sub(margin);
        self.top = self.top.clamp(lowest.min(highest), highest);
        self.top = self.top.min(len.saturating_sub(self.height));
        (0..height).zip(self.top..len)
    }

    /// A click at a place of the rows that were drawn at `body`: the cursor goes there. `true`: it was there already, and the
    /// row is to be opened.
    pub fn click(&mut self, at: Position, body: Rect, len: usize) -> bool {
        if !body.contains(at) {
            return false;
        }
        let Some(row) = self.row_at(at.y.saturating_sub(body.y), len) else {
            return false;
        };
        let open = row == self.cursor();
        self.select(row);
        open
    }

    /// The row at a height of the window that was drawn last.
    pub fn row_at(&self, y: u16, len: usize) -> Option<usize> {
        let row = self.top.checked_add(usize::from(y))?;
        (row < len).then_some(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_stays_within_the_rows_and_the_window_around_it() {
        let mut list = List::default();
        assert!(list.window(5, 0).next().is_none());
        for (act, want) in [
            (Act::Bottom, 99),
            (Act::Down, 99),
            (Act::Up, 98),
            (Act::PageUp, 94),
            (Act::Top, 0),
            (Act::Up, 0),
        ] {
            assert!(list.act(act, 100));
            let rows: Vec<_> = list.window(5, 100).map(|(_, row)| row).collect();
            assert_eq!(list.cursor(), want);
            assert!(rows.contains(&want) && rows.len() == 5);
        }
    }

    #[test]
    fn fewer_rows_than_before_leave_no_gap() {
        let mut list = List::default();
        list.act(Act::Bottom, 100);
        let _ = list.window(10, 100);
        assert_eq!(list.window(10, 4).count(), 4);
        assert_eq!(list.cursor(), 3);
    }

    #[test]
    fn rows_that_come_above_do_not_move_the_cursor_on_the_screen() {
        let mut list = List::default();
        list.select(50);
        let _ = list.window(10, 100);
        let before = list.cursor() - list.top();
        list.anchor(70);
        let _ = list.window(10, 120);
        assert_eq!((list.cursor(), list.cursor() - list.top()), (70, before));
    }
}
