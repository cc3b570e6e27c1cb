//! Rows in columns whose widths come from their content: what is too wide loses its middle, and what has no room is left out.

use etcd_inspect::text::escape;
use ratatui::layout::Rect;

use super::list::List;
use crate::paint::{Line, Pen, cells};
use crate::theme::Role;

/// Cells between two columns.
const GAP: usize = 2;

/// A text that is cut keeps at least so many cells.
const LEAST: usize = 9;

/// Rows that widths are measured of.
const MEASURED: usize = 5_000;

/// A column of a grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GridColumn {
    /// Its heading.
    pub heading: String,
    /// Whether it ends at its right edge: numbers.
    pub right: bool,
    /// Cells of its widest text.
    pub width: usize,
    /// How soon it is left out if there is no room: 0 never, then the highest first.
    pub spare: u8,
    /// The letter that orders the rows by it.
    pub letter: Option<char>,
}

impl GridColumn {
    /// A column that is never left out.
    pub fn new(heading: impl Into<String>, right: bool) -> Self {
        Self::spare(heading, right, 0)
    }

    /// A column that is left out sooner the higher `spare` is.
    pub fn spare(heading: impl Into<String>, right: bool, spare: u8) -> Self {
        let heading = heading.into();
        Self {
            // A number's heading has room for the sign of its order.
            width: escape::width(&heading) + usize::from(right),
            heading,
            right,
            spare,
            letter: None,
        }
    }

    /// Shows the letter that orders the rows by it.
    pub fn set_letter(&mut self, letter: Option<char>) {
        self.letter = letter;
        let heading = escape::width(&self.head("").plain());
        self.width = self.width.max(heading + usize::from(self.right));
    }

    /// Its heading with the sign of its order; its letter underlined, or after it if it is not one of its own.
    fn head(&self, sign: &str) -> Line {
        let line = Line::new();
        let Some(letter) = self.letter else {
            return line.with(Role::Heading, format!("{}{sign}", self.heading));
        };
        match self.heading.split_once(letter) {
            Some((before, after)) => line
                .with(Role::Heading, before)
                .with(Role::Match, letter.to_string())
                .with(Role::Heading, format!("{after}{sign}")),
            None => line
                .with(Role::Heading, format!("{}·", self.heading))
                .with(Role::Match, letter.to_string())
                .with(Role::Heading, sign),
        }
    }
}

/// Makes columns as wide as their texts.
pub fn measure(columns: &mut [GridColumn], rows: usize, mut row: impl FnMut(usize) -> Vec<usize>) {
    for at in 0..rows.min(MEASURED) {
        for (column, width) in columns.iter_mut().zip(row(at)) {
            column.width = column.width.max(width);
        }
    }
}

/// The widths that fit into so many cells; 0: left out.
fn widths(columns: &[GridColumn], room: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = columns.iter().map(|column| column.width).collect();
    let total = |widths: &[usize]| -> usize {
        let shown = widths.iter().filter(|width| **width > 0);
        shown
            .map(|width| width + GAP)
            .sum::<usize>()
            .saturating_sub(GAP)
    };
    // First the widest are cut a little, then columns are cut to what is left or go, then the widest are cut to their least.
    for floor in [32, LEAST] {
        shrink(&mut widths, columns, room, floor, &total);
        while floor > LEAST && total(&widths) > room {
            let shown = columns.iter().zip(&widths).enumerate();
            let gone = shown
                .filter(|(_, (column, width))| column.spare > 0 && **width > 0)
                .max_by_key(|(_, (column, _))| column.spare)
                .map(|(at, _)| at);
            let Some(at) = gone else { break };
            if let Some(width) = widths.get_mut(at) {
                *width = 0;
            }
            let left = room.saturating_sub(total(&widths).saturating_add(GAP));
            if let (Some(width), Some(column)) = (widths.get_mut(at), columns.get(at))
                && !column.right
                && left >= LEAST.max(escape::width(&column.heading))
            {
                *width = left;
            }
        }
    }
    widths
}

/// Takes cells from the widest columns until all fit or none is wider than `floor`.
fn shrink(
    widths: &mut [usize],
    columns: &[GridColumn],
    room: usize,
    floor: usize,
    total: &impl Fn(&[usize]) -> usize,
) {
    while total(widths) > room {
        let widest = widths
            .iter_mut()
            .zip(columns)
            .filter(|(width, column)| **width > floor.max(escape::width(&column.heading)))
            .max_by_key(|(width, _)| **width);
        let Some((width, _)) = widest else { return };
        *width -= 1;
    }
}

/// Columns without rows: rows are asked for as they are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Grid<'g> {
    /// The columns.
    pub columns: &'g [GridColumn],
    /// The column that rows are ordered by, and whether the largest come first.
    pub sorted: Option<(usize, bool)>,
    /// Whether the grid has the focus.
    pub focused: bool,
}

impl Grid<'_> {
    /// The headings that have no room in a width.
    pub fn hidden(&self, width: u16) -> Vec<&str> {
        let widths = widths(self.columns, usize::from(width.saturating_sub(2)));
        let columns = self.columns.iter().zip(widths);
        let hidden = columns.filter(|(_, width)| *width == 0);
        hidden.map(|(column, _)| column.heading.as_str()).collect()
    }

    /// Draws headings and the rows in the window of `list`, of `len`. A row that has fewer cells than there are columns: its
    /// last one reaches to the right edge.
    pub fn draw(
        &self,
        area: Rect,
        pen: &mut Pen<'_>,
        list: &mut List,
        len: usize,
        mut row: impl FnMut(usize) -> Vec<(Role, String)>,
    ) {
        if pen.takes_rows() {
            let columns = self.columns.iter().map(|column| column.heading.as_str());
            let line = |(role, text): (Role, String)| Line::piece(role, text);
            let rows = (0..len).map(|at| row(at).into_iter().map(line).collect());
            return pen.take_rows(columns, rows);
        }
        let widths = widths(self.columns, usize::from(area.width.saturating_sub(2)));
        let heads = self.columns.iter().enumerate().map(|(at, column)| {
            let sign = match self.sorted {
                Some((by, down)) if by == at => {
                    if down {
                        "↓"
                    } else {
                        "↑"
                    }
                }
                _ => "",
            };
            column.head(sign)
        });
        self.put(area, 0, pen, &widths, heads.collect());
        let body = Rect {
            y: area.y.saturating_add(1),
            height: area.height.saturating_sub(1),
            ..area
        };
        for (y, at) in list.window(body.height, len) {
            let cells = row(at)
                .into_iter()
                .map(|(role, text)| Line::piece(role, text));
            self.put(body, y, pen, &widths, cells.collect());
            if at == list.cursor() {
                let role = if self.focused {
                    Role::Cursor
                } else {
                    Role::Shadow
                };
                pen.highlight(body, y, role);
                pen.put(body, 0, y, ">", Role::Heading);
            }
        }
        pen.note_cut(area, list.span(), len, &self.hidden(area.width));
    }

    fn put(&self, area: Rect, y: u16, pen: &mut Pen<'_>, widths: &[usize], row: Vec<Line>) {
        let short = row.len() < self.columns.len();
        let last = row.len().saturating_sub(1);
        let mut x = 1usize;
        let columns = self.columns.iter().zip(widths).zip(row);
        for (number, ((column, width), line)) in columns.enumerate() {
            if *width == 0 {
                continue;
            }
            let wide = short && number == last;
            let width = match wide {
                true => usize::from(area.width).saturating_sub(x),
                false => *width,
            };
            let place = Rect {
                x: area.x.saturating_add(cells(x)),
                width: cells(width + usize::from(y == 0)).min(area.width.saturating_sub(cells(x))),
                ..area
            };
            let line = pen.spelled(&line).without_middle(usize::from(place.width));
            match column.right && !wide {
                true => pen.right(
                    Rect {
                        width: cells(width).min(place.width),
                        ..place
                    },
                    y,
                    &line,
                ),
                false => pen.line(place, y, &line, 0),
            }
            x += width + GAP;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_names_is_cut_to_what_is_left_before_it_goes() {
        let mut columns = [
            GridColumn::new("NAME", false),
            GridColumn::spare("SIZE", true, 1),
            GridColumn::spare("BY", false, 2),
        ];
        measure(&mut columns, 1, |_| vec![30, 6, 24]);
        assert_eq!(widths(&columns, 53), [30, 6, 13]);
        // Nine cells of a name say something, fewer do not.
        assert_eq!(widths(&columns, 48), [30, 6, 0]);
    }

    #[test]
    fn columns_fit_and_the_sparest_go_first() {
        let mut columns = [
            GridColumn::new("NAME", false),
            GridColumn::spare("BY", false, 2),
            GridColumn::spare("SIZE", true, 1),
        ];
        measure(&mut columns, 1, |_| vec![60, 20, 6]);
        for room in 12..120 {
            let widths = widths(&columns, room);
            let shown = widths.iter().filter(|width| **width > 0);
            let total = shown.map(|width| width + GAP).sum::<usize>() - GAP;
            assert!(total <= room && widths[0] > 0, "{widths:?} in {room}");
            assert!(widths[1] == 0 || widths[2] > 0, "{widths:?} in {room}");
        }
        assert_eq!(widths(&columns, 120), [60, 20, 6]);
    }
}
