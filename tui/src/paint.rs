//! Drawing text into cells. Everything that is drawn passes through here and is escaped here, so that no screen can forget it.

use std::borrow::Cow;

use etcd_inspect::text::escape::{self, Charset};
use etcd_inspect::text::number;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthChar;

use crate::plain;
use crate::theme::{Role, Theme};

/// Bytes of one line that are looked at: a line of a megabyte costs no more than one that fills the widest terminal.
const LINE_BYTES: usize = 8192;

/// The mark of what was cut.
pub(crate) const CUT: &str = "…";

/// Pieces of text with their meanings: one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line(pub Vec<(Role, String)>);

impl Line {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// A line of one piece.
    pub fn piece(role: Role, text: impl Into<String>) -> Self {
        Self::new().with(role, text)
    }

    /// With one more piece.
    #[must_use]
    pub fn with(mut self, role: Role, text: impl Into<String>) -> Self {
        self.0.push((role, text.into()));
        self
    }

    /// With one more piece that means nothing special.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.with(Role::Plain, text)
    }

    /// The text without meanings.
    pub fn plain(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// The same in lines of at most so many cells, broken anywhere: paths and keys have no spaces.
    pub fn wrapped(&self, room: usize) -> Vec<Self> {
        let mut lines = Vec::new();
        let (mut line, mut left) = (Self::new(), room.max(1));
        for (role, text) in &self.0 {
            let mut piece = String::new();
            for c in head(text).chars() {
                let width = escape::width(c.encode_utf8(&mut [0; 4]));
                if width > left {
                    line = line.with(*role, std::mem::take(&mut piece));
                    lines.push(std::mem::take(&mut line));
                    left = room.max(1);
                }
                left = left.saturating_sub(width);
                piece.push(c);
            }
            line = line.with(*role, piece);
        }
        lines.push(line);
        lines
    }

    /// The same in lines of at most so many cells, broken between words; a word that is wider is broken anywhere.
    pub(crate) fn in_words(&self, room: usize) -> Vec<Self> {
        let (mut lines, mut own, mut used) = (Vec::new(), Self::new(), 0);
        for (role, text) in &self.0 {
            for word in text.split_inclusive(' ') {
                let width = escape::width(word);
                if used > 0 && used + escape::width(word.trim_end()) > room {
                    lines.push(std::mem::take(&mut own).trimmed());
                    used = 0;
                }
                own = own.with(*role, if used == 0 { word.trim_start() } else { word });
                used += width;
            }
        }
        lines.push(own.trimmed());
        lines.iter().flat_map(|line| line.wrapped(room)).collect()
    }

    /// Without the spaces at its end.
    fn trimmed(mut self) -> Self {
        if let Some((_, last)) = self.0.last_mut() {
            last.truncate(last.trim_end().len());
        }
        self
    }

    /// The same in at most so many cells: a longer one loses its middle, so that both ends stay.
    #[must_use]
    pub fn without_middle(&self, room: usize) -> Self {
        if self.width() <= room {
            return self.clone();
        }
        let chars: Vec<(Role, char, usize)> = self
            .0
            .iter()
            .flat_map(|(role, text)| head(text).chars().map(|c| (*role, c)))
            .map(|(role, c)| (role, c, escape::width(c.encode_utf8(&mut [0; 4]))))
            .collect();
        let end_room = room.saturating_sub(1) / 2;
        let mut end = chars.len();
        let mut left = end_room;
        while let Some((_, _, width)) = end.checked_sub(1).and_then(|at| chars.get(at)) {
            let Some(rest) = left.checked_sub(*width) else {
                break;
            };
            (left, end) = (rest, end - 1);
        }
        let mut left = room.saturating_sub(1).saturating_sub(end_room);
        let mut line = Self::new();
        for (role, c, width) in &chars {
            let Some(rest) = left.checked_sub(*width) else {
                break;
            };
            left = rest;
            line = line.and(*role, *c);
        }
        // A piece of its own: the plain form of the mark alone takes one cell.
        line.0.push((Role::Dim, CUT.to_owned()));
        let rest = chars.get(end..).unwrap_or_default().iter();
        rest.fold(line, |line, (role, c, _)| line.and(*role, *c))
    }

    /// With one more character.
    fn and(mut self, role: Role, c: char) -> Self {
        match self.0.last_mut() {
            Some((last, text)) if *last == role && text != CUT => text.push(c),
            _ => self.0.push((role, c.to_string())),
        }
        self
    }

    /// Cells that it takes.
    pub fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| escape::width(text)).sum()
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::piece(Role::Plain, text)
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::piece(Role::Plain, text)
    }
}

/// Draws into a buffer; nothing reaches beyond the area given or the buffer.
pub struct Pen<'b> {
    buffer: &'b mut Buffer,
    charset: Charset,
    theme: Theme,
    /// Whether rows are taken instead of drawn: those of the first table.
    taken: Option<TakenRows>,
    /// Without borders: for a screen reader.
    linear: bool,
}

/// All rows of a table as text: what an export of a view has.
#[derive(Clone, Debug, Default)]
pub(crate) struct TakenRows {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// Most rows that are taken.
pub(crate) const MOST_ROWS: usize = 1_000_000;

impl<'b> Pen<'b> {
    pub(crate) fn new(buffer: &'b mut Buffer, ascii: bool, theme: Theme) -> Self {
        Self {
            buffer,
            charset: Charset { ascii },
            theme,
            taken: None,
            linear: false,
        }
    }

    /// Draws no borders.
    pub(crate) fn linear(mut self, linear: bool) -> Self {
        self.linear = linear;
        self
    }

    /// Takes the rows of the first table instead of drawing it.
    pub(crate) fn taking(mut self) -> Self {
        self.taken = Some(TakenRows::default());
        self
    }

    /// The rows that were taken, if there was a table.
    pub(crate) fn taken(self) -> Option<TakenRows> {
        self.taken.filter(|taken| !taken.columns.is_empty())
    }

    /// Whether rows are taken.
    pub(crate) fn takes_rows(&self) -> bool {
        self.taken.is_some()
    }

    /// A size: in bytes in rows that are taken.
    pub(crate) fn size_form(&self) -> fn(u64) -> String {
        match self.takes_rows() {
            true => |bytes| bytes.to_string(),
            false => number::size,
        }
    }

    /// Takes rows, unless another table was taken already.
    pub(crate) fn take_rows<'c>(
        &mut self,
        columns: impl Iterator<Item = &'c str>,
        rows: impl Iterator<Item = Vec<Line>>,
    ) {
        let Some(taken) = self.taken.as_mut().filter(|taken| taken.columns.is_empty()) else {
            return;
        };
        let letter = |name: &str| match name {
            "" => "MARK".to_owned(),
            name => name.to_owned(),
        };
        taken.columns = columns.map(letter).collect();
        let charset = Charset { ascii: false };
        let text = |line: &Line| without_commas(escape::text(&line.plain(), charset).trim());
        let row = |cells: Vec<Line>| cells.iter().map(text).collect();
        taken.rows = rows.take(MOST_ROWS).map(row).collect();
    }

    /// Which characters may be drawn.
    pub fn charset(&self) -> Charset {
        self.charset
    }

    /// A text as it is drawn: our own symbols in characters that may be drawn, everything else escaped.
    fn shown<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !self.charset.ascii || text.is_ascii() {
            return escape::text(text, self.charset);
        }
        Cow::Owned(escape::text(&plain::spelled(text), self.charset).into_owned())
    }

    /// A line as it is drawn: what is measured before it is drawn is as wide as it will be.
    pub(crate) fn spelled(&self, line: &Line) -> Line {
        match self.charset.ascii {
            true => Line(
                line.0
                    .iter()
                    .map(|(role, text)| (*role, plain::spelled(text)))
                    .collect(),
            ),
            false => line.clone(),
        }
    }

    /// Several lines as they are drawn.
    pub(crate) fn all_spelled(&self, lines: Vec<Line>) -> Vec<Line> {
        match self.charset.ascii {
            true => lines.iter().map(|line| self.spelled(line)).collect(),
            false => lines,
        }
    }

    /// The whole buffer.
    pub fn area(&self) -> Rect {
        self.buffer.area
    }

    /// Draws text on row `y` of an area from column `x` on, both counted from the area's corner; returns the column after it.
    /// What does not fit is cut off.
    pub fn put(&mut self, area: Rect, x: u16, y: u16, text: &str, role: Role) -> u16 {
        self.put_styled(area, x, y, text, role.style(self.theme))
    }

    fn put_styled(&mut self, area: Rect, x: u16, y: u16, text: &str, style: Style) -> u16 {
        let area = area.intersection(self.buffer.area);
        if y >= area.height {
            return x;
        }
        let text = self.shown(head(text));
        let mut at = x;
        let mut last: Option<(u16, u16)> = None;
        for c in text.chars() {
            let width = cells(c.width().unwrap_or(0));
            if width == 0 {
                // A mark over the character before it.
                if let Some(cell) = last.and_then(|last| self.buffer.cell_mut(last)) {
                    let symbol = format!("{}{c}", cell.symbol());
                    cell.set_symbol(&symbol);
                }
                continue;
            }
            if at.saturating_add(width) > area.width {
                break;
            }
            let place = (area.x.saturating_add(at), area.y.saturating_add(y));
            if let Some(cell) = self.buffer.cell_mut(place) {
                cell.set_char(c).set_style(style);
            }
            // The second half of a wide character.
            if width == 2
                && let Some(cell) = self.buffer.cell_mut((place.0.saturating_add(1), place.1))
            {
                cell.reset();
            }
            last = Some(place);
            at = at.saturating_add(width);
        }
        at
    }

    /// Draws a line on row `y`, without its first `skip` cells.
    pub fn line(&mut self, area: Rect, y: u16, line: &Line, skip: usize) {
        let mut skip = skip;
        let mut x = 0;
        for (role, text) in &line.0 {
            let text = self.shown(head(text));
            let rest = after(&text, &mut skip);
            x = self.put(area, x, y, rest, *role);
        }
    }

    /// Draws a line over as many rows as it takes: reasons, which are never cut. Returns the rows.
    pub fn wrapped(&mut self, area: Rect, line: &Line) -> u16 {
        let lines = line.wrapped(usize::from(area.width));
        for (y, line) in (0..area.height).zip(&lines) {
            self.line(area, y, line, 0);
        }
        cells(lines.len()).min(area.height)
    }

    /// Says on the lower border of the frame around `inner` which of `of` rows are in sight if not all are, and which columns
    /// have no room.
    pub(crate) fn note_cut(
        &mut self,
        inner: Rect,
        rows: (usize, usize),
        of: usize,
        columns: &[&str],
    ) {
        let (from, end) = (rows.0, rows.1.min(of));
        let mut parts = Vec::new();
        if end.saturating_sub(from) < of && end > from {
            let (from, end) = (thousands(from.saturating_add(1)), thousands(end));
            parts.push(format!("{from}–{end} of {}", thousands(of)));
        }
        let counted = match columns.len() {
            0 => None,
            1 => Some("1 column has no room".to_owned()),
            many => Some(format!("{many} columns have no room")),
        };
        if counted.is_some() {
            parts.push(format!("no room for {}", columns.join(" ")));
        }
        let mut text = format!(" {} ", parts.join(" · "));
        if text.chars().count() > usize::from(inner.width)
            && let (Some(last), Some(counted)) = (parts.last_mut(), counted)
        {
            *last = counted;
            text = format!(" {} ", parts.join(" · "));
        }
        if parts.is_empty() || text.chars().count() > usize::from(inner.width) {
            return;
        }
        // Without borders the line of the title has it.
        let y = if self.linear {
            inner.y.checked_sub(1)
        } else {
            Some(inner.bottom())
        };
        let corner = y.and_then(|y| self.buffer.cell((inner.right(), y)));
        let is_border = corner.is_some_and(|cell| matches!(cell.symbol(), "┘" | "+"));
        if let Some(y) = y.filter(|_| self.linear || is_border) {
            let edge = Rect {
                y,
                height: 1,
                ..inner
            };
            self.right(edge, 0, &Line::piece(Role::Dim, text));
        }
    }

    /// Draws text that ends at the right edge.
    pub fn right(&mut self, area: Rect, y: u16, line: &Line) {
        let width = cells(self.spelled(line).width());
        let x = area.width.saturating_sub(width);
        let right = Rect {
            x: area.x.saturating_add(x),
            width: area.width - x,
            ..area
        };
        self.line(right, y, line, 0);
    }

    /// Gives a row the look of a role over what is drawn there.
    pub fn highlight(&mut self, area: Rect, y: u16, role: Role) {
        if y < area.height {
            let row = Rect {
                y: area.y.saturating_add(y),
                height: 1,
                ..area
            };
            self.buffer
                .set_style(row.intersection(self.buffer.area), role.style(self.theme));
        }
    }

    /// Empties an area, for what covers other things.
    pub fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        for place in area.positions() {
            if let Some(cell) = self.buffer.cell_mut(place) {
                cell.reset();
            }
        }
    }

    /// A border with a title; returns the area within. Too small for a border: all of it is within.
    pub fn frame(&mut self, area: Rect, title: &Line, focused: bool) -> Rect {
        let area = area.intersection(self.buffer.area);
        if self.linear && area.height > 1 {
            let head = Rect { height: 1, ..area };
            self.line(head, 0, title, 0);
            return Rect {
                y: area.y + 1,
                height: area.height - 1,
                ..area
            };
        }
        if area.width < 3 || area.height < 3 {
            return area;
        }
        let role = if focused { Role::Plain } else { Role::Dim };
        let (right, bottom) = (area.width - 1, area.height - 1);
        let across = "─".repeat(usize::from(area.width - 2));
        for (y, left, end) in [(0, "┌", "┐"), (bottom, "└", "┘")] {
            self.put(area, 0, y, left, role);
            self.put(area, 1, y, &across, role);
            self.put(area, right, y, end, role);
        }
        for y in 1..bottom {
            self.put(area, 0, y, "│", role);
            self.put(area, right, y, "│", role);
        }
        let inner = Rect {
            x: area.x + 1,
            y: area.y + 1,
            width: area.width - 2,
            height: area.height - 2,
        };
        if title.width() > 0 {
            let room = Rect {
                x: area.x + 1,
                y: area.y,
                width: area.width - 2,
                height: 1,
            };
            // What the border looks like is not what the title looks like.
            self.clear(Rect {
                width: cells(self.spelled(title).width().saturating_add(2)).min(room.width),
                ..room
            });
            let mut line = Line::piece(if focused { Role::Heading } else { Role::Plain }, " ");
            for (role, text) in &title.0 {
                let role = if focused && *role == Role::Plain {
                    Role::Heading
                } else {
                    *role
                };
                line = line.with(role, text.clone());
            }
            self.line(room, 0, &line.text(" "), 0);
        }
        inner
    }
}

/// A number as other programs read it: `4271` for `4,271`.
fn without_commas(text: &str) -> String {
    let mut groups = text.split(',');
    let is_digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let first = groups.next().unwrap_or_default();
    let is_number = (1..=3).contains(&first.len())
        && is_digits(first)
        && groups.all(|group| group.len() == 3 && is_digits(group));
    match is_number {
        true => text.replace(',', ""),
        false => text.to_owned(),
    }
}

fn thousands(count: usize) -> String {
    number::thousands(i128::try_from(count).unwrap_or(i128::MAX))
}

/// Cells or rows as the terminal counts them.
pub fn cells(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// So much of a text as can matter for one line.
fn head(text: &str) -> &str {
    if text.len() <= LINE_BYTES {
        return text;
    }
    let end = (0..=LINE_BYTES).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// Text after its first `skip` cells; what it could not skip is left in `skip`.
fn after<'t>(text: &'t str, skip: &mut usize) -> &'t str {
    let mut chars = text.char_indices();
    while *skip > 0 {
        match chars.next() {
            Some((_, c)) => *skip = skip.saturating_sub(c.width().unwrap_or(0)),
            None => return "",
        }
    }
    chars.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_beyond_its_area_and_no_control_reaches_a_cell() {
        let area = Rect::new(0, 0, 8, 2);
        let mut buffer = Buffer::empty(area);
        let mut pen = Pen::new(&mut buffer, false, Theme::default());
        let end = pen.put(Rect::new(2, 0, 4, 1), 0, 0, "a\x1b[2J日本", Role::Plain);
        assert_eq!(end, 4);
        pen.put(Rect::new(2, 0, 4, 1), 0, 1, "below", Role::Plain);
        let row: String = (0..8).map(|x| buffer[(x, 0)].symbol()).collect();
        assert_eq!(row, "  a\\x1  ");
        assert!((0..8).all(|x| buffer[(x, 1)].symbol() == " "));
    }

    #[test]
    fn a_line_is_broken_by_cells_and_nothing_of_it_is_lost() {
        let line = Line::piece(Role::Name, "ab").text("日本cdefg");
        for room in 0..12 {
            let wrapped = line.wrapped(room);
            let text: String = wrapped.iter().map(Line::plain).collect();
            assert_eq!(text, "ab日本cdefg");
            assert!(room < 2 || wrapped.iter().all(|line| line.width() <= room));
        }
        assert_eq!(line.wrapped(40).len(), 1);
    }

    #[test]
    fn a_name_that_is_too_long_loses_its_middle() {
        let line = Line::piece(Role::Name, "web-7d8547d7bb").text("-l5bm4");
        assert_eq!(line.without_middle(14).plain(), "web-7d8…-l5bm4");
        assert_eq!(line.without_middle(20), line);
        for room in 1..24 {
            assert!(line.without_middle(room).width() <= room, "{room}");
            assert!(
                Line::from("日本語日本語").without_middle(room).width() <= room,
                "{room}"
            );
        }
    }

    #[test]
    fn a_line_is_scrolled_by_cells() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        let line = Line::piece(Role::Name, "abc").text("defghij");
        Pen::new(&mut buffer, false, Theme::default()).line(Rect::new(0, 0, 6, 1), 0, &line, 4);
        let row: String = (0..6).map(|x| buffer[(x, 0)].symbol()).collect();
        assert_eq!(row, "efghij");
    }
}
