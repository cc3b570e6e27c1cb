//! Rows as an aligned table.

use std::borrow::Cow;
use std::io::{self, Write};

use etcd_inspect::answers::{Align, Style};

use super::escape;
use super::line::write_labelled;
use super::terminal::Terminal;
use super::{Cell, Column, Label};

/// Rows seen before the widths are fixed; a longer table streams on with these widths.
const ROWS_TO_MEASURE: usize = 4096;

const GAP: usize = 2;

/// No column is cut shorter than this.
const NARROWEST: usize = 8;

/// Collects rows, finds widths, writes; streams after [`ROWS_TO_MEASURE`] rows.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    style: Style,
    gap: usize,
    least: usize,
    cuts: bool,
    headings: bool,
    waiting: Vec<Vec<Cell>>,
    widths: Option<Vec<usize>>,
}

impl Table {
    /// A table of these columns.
    pub(crate) fn new(columns: Vec<Column>, style: Style, headings: bool) -> Self {
        Self {
            columns,
            style,
            gap: GAP,
            least: 0,
            cuts: true,
            headings,
            waiting: Vec::new(),
            widths: None,
        }
    }

    /// The same with so many blanks between columns.
    pub(crate) fn gap(mut self, gap: usize) -> Self {
        self.gap = gap;
        self
    }

    /// The same with columns that are at least so wide, also without a head line.
    pub(crate) fn least(mut self, width: usize) -> Self {
        self.least = width;
        self
    }

    /// The same, wider than the terminal if it must.
    pub(crate) fn uncut(mut self) -> Self {
        self.cuts = false;
        self
    }

    /// One more row, its cells in the order of the columns.
    pub(crate) fn push(
        &mut self,
        row: Vec<Cell>,
        out: &mut dyn Write,
        terminal: Terminal,
    ) -> io::Result<()> {
        if let Some(widths) = &self.widths {
            return self.write_row(out, terminal, widths, &row);
        }
        self.waiting.push(row);
        if self.waiting.len() >= ROWS_TO_MEASURE {
            self.flush(out, terminal)?;
        }
        Ok(())
    }

    /// Writes what waits. An empty table writes nothing, not even heads.
    pub(crate) fn flush(&mut self, out: &mut dyn Write, terminal: Terminal) -> io::Result<()> {
        if self.widths.is_none() && !self.waiting.is_empty() {
            let widths = self.measure(terminal);
            if self.headings {
                let heads: Vec<_> = self
                    .columns
                    .iter()
                    .map(|column| Cell::text(column.head.as_ref()).label(Label::Heading))
                    .collect();
                self.write_row(out, terminal, &widths, &heads)?;
            }
            for row in std::mem::take(&mut self.waiting) {
                self.write_row(out, terminal, &widths, &row)?;
            }
            self.widths = Some(widths);
        }
        Ok(())
    }

    fn measure(&self, terminal: Terminal) -> Vec<usize> {
        let mut widths: Vec<usize> = self
            .columns
            .iter()
            .map(|column| {
                let head = if self.headings {
                    escape::width(&column.head)
                } else {
                    0
                };
                head.max(self.least)
            })
            .collect();
        for row in &self.waiting {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(escape::width(&cell.human(&self.style)));
            }
        }
        for width in &mut widths {
            *width = (*width).min(WIDEST);
        }
        if let Some((available, _)) = terminal.size.filter(|_| self.cuts) {
            fit(&mut widths, &self.columns, self.gap, available);
        }
        widths
    }

    fn write_row(
        &self,
        out: &mut dyn Write,
        terminal: Terminal,
        widths: &[usize],
        row: &[Cell],
    ) -> io::Result<()> {
        let columns = &self.columns;
        let last = columns.len().saturating_sub(1);
        let mut owed = 0; // blanks are written before the next text, so that no line ends in them
        for (at, ((column, cell), width)) in columns.iter().zip(row).zip(widths).enumerate() {
            let text = cell.human(&self.style);
            let text = match terminal.is_tty && self.cuts {
                true => cut(text, *width, terminal),
                false => text,
            };
            let blanks = width.saturating_sub(escape::width(&text));
            let (before, after) = match column.align {
                Align::Left => (0, blanks),
                Align::Right => (blanks, 0),
            };
            if !text.is_empty() {
                write!(out, "{:1$}", "", owed + before)?;
                write_labelled(out, terminal, cell.label, &text)?;
                owed = 0;
            } else {
                owed += before;
            }
            if at != last {
                owed += after + self.gap;
            }
        }
        out.write_all(b"\n")
    }
}

/// Blanks that line cells up end here: a key of megabytes is not to make every other row as long.
pub(crate) const WIDEST: usize = 512;

/// Takes from the widest text column, one cell at a time, until the table fits or nothing can be taken.
fn fit(widths: &mut [usize], columns: &[Column], gap: usize, available: usize) {
    let gaps = gap.saturating_mul(widths.len().saturating_sub(1));
    while widths.iter().sum::<usize>().saturating_add(gaps) > available {
        let widest = widths
            .iter_mut()
            .zip(columns)
            .filter(|(width, column)| column.align == Align::Left && **width > NARROWEST)
            .map(|(width, _)| width)
            .max();
        match widest {
            Some(width) => *width = width.saturating_sub(1),
            None => return,
        }
    }
}

/// Cuts the middle out: keys differ at their ends.
fn cut(text: Cow<'_, str>, width: usize, terminal: Terminal) -> Cow<'_, str> {
    if escape::width(&text) <= width {
        return text;
    }
    let mark = if terminal.charset.ascii { "..." } else { "…" };
    let room = width.saturating_sub(escape::width(mark));
    let head = take(text.chars(), room / 2);
    let tail: String = take(text.chars().rev(), room - room / 2)
        .chars()
        .rev()
        .collect();
    Cow::Owned(format!("{head}{mark}{tail}"))
}

fn take(chars: impl Iterator<Item = char>, room: usize) -> String {
    let mut used = 0;
    chars
        .take_while(|c| {
            used += escape::width(c.encode_utf8(&mut [0; 4]));
            used <= room
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::escape::Charset;

    fn terminal(width: Option<usize>) -> Terminal {
        Terminal {
            is_tty: width.is_some(),
            color: false,
            charset: Charset::default(),
            size: width.map(|width| (width, 24)),
        }
    }

    fn shown(width: Option<usize>, rows: &[(&str, i128)]) -> String {
        let columns = vec![Column::left("KEY", "key"), Column::right("REV", "rev")];
        let mut table = Table::new(columns, Style::default(), true);
        let mut out = Vec::new();
        for (key, rev) in rows {
            table
                .push(
                    vec![Cell::bytes(*key), Cell::number(*rev)],
                    &mut out,
                    terminal(width),
                )
                .unwrap();
        }
        table.flush(&mut out, terminal(width)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn wide_characters_and_numbers_align() {
        assert_eq!(
            shown(None, &[("日本", 7), ("abc", 1_204_902)]),
            "KEY         REV\n日本          7\nabc   1,204,902\n"
        );
    }

    #[test]
    fn a_terminal_cuts_the_middle_of_keys_and_a_pipe_cuts_nothing() {
        let key = "/registry/pods/kube-system/coredns-5d78c9869d-abcde";
        let narrow = shown(Some(30), &[(key, 12)]);
        assert!(
            narrow.lines().all(|line| escape::width(line) <= 30),
            "{narrow}"
        );
        assert!(narrow.contains("/registry/po…"), "{narrow}");
        assert!(narrow.contains("d-abcde"), "{narrow}");
        assert!(shown(None, &[(key, 12)]).contains(key));
    }

    #[test]
    fn no_line_ends_in_blanks() {
        let columns = vec![Column::left("A", "a"), Column::left("B", "b")];
        let mut table = Table::new(columns, Style::default(), true);
        let mut out = Vec::new();
        table
            .push(
                vec![Cell::text("x"), Cell::unknown()],
                &mut out,
                terminal(None),
            )
            .unwrap();
        table.flush(&mut out, terminal(None)).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "A  B\nx\n");
    }
}
