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
    /// Whether what is too long loses its middle: names, whose ends tell them apart.
    pub middle: bool,
}

impl Column {
    /// Text of a width; 0: what the others leave.
    pub const fn left(heading: &'static str, width: u16) -> Self {
        Self {
            heading,
            width,
            right: false,
            from_width: 0,
            middle: false,
        }
    }

    /// A number of a width.
    pub const fn right(heading: &'static str, width: u16) -> Self {
        Self {
            heading,
            width,
            right: true,
            from_width: 0,
            middle: false,
        }
    }

    /// Names: what is too long loses its middle.
    #[must_use]
    pub const fn middle(mut self) -> Self {
        self.middle = true;
        self
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
        if pen.takes_rows() {
            let columns = self.columns.iter().map(|column| column.heading);
            return pen.take_rows(columns, (0..len).map(row));
        }
        let body = Rect {
            y: area.y.saturating_add(1),
            height: area.height.saturating_sub(1),
            ..area
        };
        let rows: Vec<(u16, usize, Vec<Line>)> = list
            .window(body.height, len)
            .map(|(y, at)| (y, at, pen.all_spelled(row(at))))
            .collect();
        let places = self.places(area.width, &rows);
        for (column, (x, width)) in self.columns.iter().zip(&places) {
            let heading = Line::piece(Role::Heading, column.heading);
            cell(pen, area, 0, (*x, *width), column, &heading);
        }
        for (y, at, cells) in &rows {
            let wide = cells.len() < self.columns.len();
            let last = cells.len().saturating_sub(1);
            let columns = self.columns.iter().zip(&places).zip(cells);
            for (number, ((column, (x, width)), line)) in columns.enumerate() {
                match wide && number == last {
                    true => {
                        let rest = (*x, body.width.saturating_sub(*x));
                        cell(pen, body, *y, rest, &Column::left("", 0), line);
                    }
                    false => cell(pen, body, *y, (*x, *width), column, line),
                }
            }
            if *at == list.cursor() {
                let role = match self.focused {
                    true => Role::Cursor,
                    false => Role::Shadow,
                };
                pen.highlight(body, *y, role);
                pen.put(body, 0, *y, ">", Role::Heading);
            }
        }
        pen.note_cut(area, list.span(), len, &self.hidden(area.width));
    }

    /// The headings that have no room in a width.
    fn hidden(&self, width: u16) -> Vec<&str> {
        let hidden = self
            .columns
            .iter()
            .filter(|column| column.from_width > width);
        let headings = hidden.map(|column| column.heading);
        headings.filter(|heading| !heading.is_empty()).collect()
    }

    /// Column and width of each, 0 for those that are left out; a cell stays free between them and before the first.
    fn places(&self, width: u16, rows: &[(u16, usize, Vec<Line>)]) -> Vec<(u16, u16)> {
        let widths = self.widths(width, rows);
        let mut x = 1u16;
        let mut places = Vec::with_capacity(self.columns.len());
        for width in widths {
            places.push((x, width.unwrap_or(0)));
            if let Some(width) = width {
                x = x.saturating_add(width).saturating_add(1);
            }
        }
        places
    }

    /// The width of each column by what is in it: columns of a width have at least that, and more where it is needed and there is
    /// room; the others share the rest, each what it needs where that is possible. `None`: left out.
    fn widths(&self, width: u16, rows: &[(u16, usize, Vec<Line>)]) -> Vec<Option<u16>> {
        let of_rows = |at: usize| {
            let whole = rows
                .iter()
                .filter(|(_, _, cells)| cells.len() == self.columns.len());
            whole
                .filter_map(|(_, _, cells)| cells.get(at))
                .map(Line::width)
                .max()
        };
        let needs: Vec<Option<u16>> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| {
                let heading = column.heading.chars().count();
                let need = cells(of_rows(at).unwrap_or(0).max(heading)).min(MOST_CELLS);
                (column.from_width <= width).then_some(need)
            })
            .collect();
        let shown = cells(needs.iter().flatten().count());
        let mut left = width.saturating_sub(1).saturating_sub(shown);
        let mut widths: Vec<Option<u16>> = Vec::with_capacity(needs.len());
        for (column, need) in self.columns.iter().zip(&needs) {
            let given = need.map(|_| column.width.min(left));
            left = left.saturating_sub(given.unwrap_or(0));
            widths.push(given);
        }
        // Each gets what it needs, the smallest wants first: one long text does not take the room of the others.
        left = grow(&mut widths, &needs, left);
        // What is still left belongs to the last one without a width.
        let open = self.columns.iter().rposition(|column| column.width == 0);
        if let Some(Some(width)) = open.and_then(|at| widths.get_mut(at)) {
            *width = width.saturating_add(left);
        }
        widths
    }
}

/// Most cells that a column is given for its own sake.
const MOST_CELLS: u16 = 400;

/// Gives each column what it needs as far as cells are left, the smaller needs first; returns what is left.
fn grow(widths: &mut [Option<u16>], needs: &[Option<u16>], mut left: u16) -> u16 {
    let mut open: Vec<(u16, usize)> = widths
        .iter()
        .zip(needs)
        .enumerate()
        .filter_map(|(at, (width, need))| Some((need.as_ref()?.saturating_sub((*width)?), at)))
        .collect();
    open.sort_unstable();
    let mut others = cells(open.len());
    for (more, at) in open {
        let share = left.checked_div(others.max(1)).unwrap_or(0);
        let given = more.min(share);
        if let Some(Some(width)) = widths.get_mut(at) {
            *width = width.saturating_add(given);
        }
        left = left.saturating_sub(given);
        others = others.saturating_sub(1);
    }
    left
}

fn cell(
    pen: &mut Pen<'_>,
    area: Rect,
    y: u16,
    (x, width): (u16, u16),
    column: &Column,
    line: &Line,
) {
    let x = x.min(area.width);
    let place = Rect {
        x: area.x.saturating_add(x),
        width: width.min(area.width - x),
        ..area
    };
    let text = line.width();
    if text > usize::from(place.width) && place.width > 1 {
        if column.middle {
            return pen.line(place, y, &line.without_middle(usize::from(place.width)), 0);
        }
        let cut = Rect {
            width: place.width - 1,
            ..place
        };
        pen.line(cut, y, line, 0);
        pen.put(place, place.width - 1, y, "…", Role::Dim);
    } else if column.right {
        pen.right(place, y, line);
    } else {
        pen.line(place, y, line, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [
        Column::right("REV", 4),
        Column::left("NAME", 0).middle(),
        Column::left("WHO", 6),
        Column::left("WHAT", 0),
    ];

    fn widths(width: u16, cells: [&str; 4]) -> Vec<u16> {
        let table = Table {
            columns: &COLUMNS,
            focused: true,
        };
        let rows = vec![(0, 0, cells.map(Line::from).to_vec())];
        let widths = table.widths(width, &rows);
        widths.into_iter().flatten().collect()
    }

    #[test]
    fn columns_have_what_they_need_and_the_last_one_the_rest() {
        let row = ["7", "web-7d8547d7bb", "kube-scheduler", "created"];
        // 1 before the first, 1 after each.
        assert_eq!(widths(100, row), [4, 14, 14, 100 - 5 - 32]);
        // In a table that is too narrow no column takes the room of another one.
        let narrow = widths(30, row);
        assert_eq!(narrow[0], 4);
        assert!(narrow.iter().all(|width| *width >= 4), "{narrow:?}");
        assert_eq!(narrow.iter().sum::<u16>(), 25);
        for width in 0..120 {
            let given = widths(width, row);
            assert!(
                given.iter().sum::<u16>() + 5 <= width.max(5),
                "{width} {given:?}"
            );
        }
    }
}
