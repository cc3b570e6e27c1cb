//! Drawing text into cells. Everything that is drawn passes through here and is escaped here, so that no screen can forget it.

use etcd_inspect::text::escape::{self, Charset};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthChar;

use crate::theme::{Role, Theme};

/// Bytes of one line that are looked at: a line of a megabyte costs no more than one that fills the widest terminal.
const LINE_BYTES: usize = 8192;

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
}

impl<'b> Pen<'b> {
    pub(crate) fn new(buffer: &'b mut Buffer, ascii: bool, theme: Theme) -> Self {
        Self {
            buffer,
            charset: Charset { ascii },
            theme,
        }
    }

    /// Which characters may be drawn.
    pub fn charset(&self) -> Charset {
        self.charset
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
        let text = escape::text(head(text), self.charset);
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
            let text = escape::text(head(text), self.charset);
            let rest = after(&text, &mut skip);
            x = self.put(area, x, y, rest, *role);
        }
    }

    /// Draws text that ends at the right edge.
    pub fn right(&mut self, area: Rect, y: u16, line: &Line) {
        let width = cells(line.width());
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

/// The last pass over a frame: `--ascii` puts plain characters for our own symbols, NO_COLOR keeps bold and reverse only.
pub(crate) fn plain(buffer: &mut Buffer, ascii: bool, color: bool) {
    for cell in &mut buffer.content {
        if ascii && let Some(c) = cell.symbol().chars().next().filter(|c| !c.is_ascii()) {
            cell.set_char(ascii_of(c));
        }
        if !color {
            cell.fg = ratatui::style::Color::Reset;
            cell.bg = ratatui::style::Color::Reset;
        }
    }
}

/// One cell each: what is in the frame keeps its place.
fn ascii_of(c: char) -> char {
    match c {
        '─' | '━' | '—' | '–' => '-',
        '│' | '▕' | '▏' | '┃' => '|',
        '═' => '=',
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' => '+',
        '┣' => '[',
        '┫' => ']',
        '●' => '@',
        '✕' | '×' => 'x',
        '▸' | '›' | '→' => '>',
        '▾' => 'v',
        '←' => '<',
        '·' => '.',
        '•' => '*',
        '…' => '~',
        '█' | '▓' | '▆' | '▇' => '#',
        '▁' | '▂' | '▃' | '░' | '▒' => '.',
        '▄' | '▅' | '▪' => ':',
        '↑' => '^',
        '↓' => 'v',
        '⏎' => '$',
        '≥' => '>',
        '±' => '+',
        _ => '?',
    }
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
    fn a_line_is_scrolled_by_cells() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        let line = Line::piece(Role::Name, "abc").text("defghij");
        Pen::new(&mut buffer, false, Theme::default()).line(Rect::new(0, 0, 6, 1), 0, &line, 4);
        let row: String = (0..6).map(|x| buffer[(x, 0)].symbol()).collect();
        assert_eq!(row, "efghij");
    }
}
