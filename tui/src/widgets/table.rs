//! Rows in columns, the visible ones only.

use ratatui::layout::Rect;

use super::list::List;
use crate::paint::{Line, Pen, cells};
use crate::theme::Role;

/// A column: its heading and its width.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its heading.
    pub heading: &'static str,
    /// Cells; 0: what the others leave.
    pub width: u16,
    /// Whether it ends at its right edge: numbers.
    pub right: bool,
    /// It is left out where the table is narrower than this.
    pub from_width: u16,
}

impl Column {
    /// Text of a width; 0: what the others leave.
    pub const fn left(heading: &'static str, width: u16) -> Self {
        Self {
            heading,
            width,
            right: false,
            from_width: 0,
        }
    }

    /// A number of a width.
    pub const fn right(heading: &'static str, width: u16) -> Self {
        Self {
            heading,
            width,
            right: true,
            from_width: 0,
        }
    }

    /// Left out where the table is narrower than this.
    #[must_use]
    pub const fn from(mut self, width: u16) -> Self {
        self.from_width = width;
        self
    }
}

/// Columns without rows: rows are asked for as they are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Table<'c> {
    /// The columns.
    pub columns: &'c [Column],
    /// Whether the table has the focus.
    pub focused: bool,
}

impl Table<'_> {
    /// Draws headings and the rows in the window of `list`, of `len`. `row` gives as many cells as there are columns; where it
    /// gives fewer, the last one reaches to the right edge.
    pub fn draw(
        &self,
        area: Rect,
        pen: &mut Pen<'_>,
        list: &mut List,
        len: usize,
        mut row: impl FnMut(usize) -> Vec<Line>,
    ) {
        let places = self.places(area.width);
        for (column, (x, width)) in self.columns.iter().zip(&places) {
            cell(
                pen,
                area,
                0,
                *x,
                *width,
                column.right,
                &Line::piece(Role::Heading, column.heading),
            );
        }
        let body = Rect {
            y: area.y.saturating_add(1),
            height: area.height.saturating_sub(1),
            ..area
        };
        for (y, at) in list.window(body.height, len) {
            let cells = row(at);
            let wide = cells.len() < self.columns.len();
            let last = cells.len().saturating_sub(1);
            let columns = self.columns.iter().zip(&places).zip(&cells);
            for (number, ((column, (x, width)), line)) in columns.enumerate() {
                match wide && number == last {
                    true => cell(pen, body, y, *x, body.width.saturating_sub(*x), false, line),
                    false => cell(pen, body, y, *x, *width, column.right, line),
                }
            }
            if at == list.cursor() {
                pen.highlight(
                    body,
                    y,
                    if self.focused {
                        Role::Cursor
                    } else {
                        Role::Shadow
                    },
                );
                pen.put(body, 0, y, ">", Role::Heading);
            }
        }
    }

    /// Column and width of each, 0 for those that are left out; a cell stays free between them and before the first.
    fn places(&self, width: u16) -> Vec<(u16, u16)> {
        let shown = |column: &&Column| column.from_width <= width;
        let fixed: u16 = self
            .columns
            .iter()
            .filter(shown)
            .map(|column| column.width.saturating_add(1))
            .sum();
        let open = self
            .columns
            .iter()
            .filter(shown)
            .filter(|column| column.width == 0)
            .count();
        let rest = width
            .saturating_sub(1)
            .saturating_sub(fixed)
            .checked_div(cells(open))
            .unwrap_or(0);
        let mut x = 1u16;
        let mut places = Vec::with_capacity(self.columns.len());
        for column in self.columns {
            let width = if !shown(&column) {
                places.push((x, 0));
                continue;
            } else if column.width == 0 {
                rest
            } else {
                column.width
            };
            places.push((x, width));
            x = x.saturating_add(width).saturating_add(1);
        }
        places
    }
}

fn cell(pen: &mut Pen<'_>, area: Rect, y: u16, x: u16, width: u16, right: bool, line: &Line) {
    let x = x.min(area.width);
    let place = Rect {
        x: area.x.saturating_add(x),
        width: width.min(area.width - x),
        ..area
    };
    let text = line.width();
    if text > usize::from(place.width) && place.width > 1 {
        pen.line(
            Rect {
                width: place.width - 1,
                ..place
            },
            y,
            line,
            0,
        );
        pen.put(place, place.width - 1, y, "…", Role::Dim);
    } else if right {
        pen.right(place, y, line);
    } else {
        pen.line(place, y, line, 0);
    }
}
