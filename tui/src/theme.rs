//! What a piece of text means, and how each meaning looks: the one table of colours.

use ratatui::style::{Color, Modifier, Style};

/// The meaning of a piece of text. Meaning is never by colour alone: marks (`✕ ! + -`) are beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// Nothing special.
    #[default]
    Plain,
    /// Units, borders, what is not needed at first sight.
    Dim,
    /// Titles of panes and headings of columns.
    Heading,
    /// Names of keys and objects.
    Name,
    /// Numbers that one looks for.
    Number,
    /// Whole, added, newest.
    Good,
    /// Suspicious, in the past.
    Warning,
    /// Damaged, deleted.
    Error,
    /// A line that was added.
    Added,
    /// A line that was removed.
    Removed,
    /// A key of the keyboard.
    Key,
    /// The row under the cursor of the pane that has the focus.
    Cursor,
    /// The row under the cursor of another pane.
    Shadow,
    /// The tab that is open.
    Tab,
    /// A match of a filter or search.
    Match,
    /// Something that does not exist at this revision.
    Struck,
}

/// Which colours the meanings have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Theme {
    /// Sixteen colours that the terminal's own theme decides on: readable on dark and on light.
    #[default]
    Terminal,
    /// Bright ones, for a dark background.
    Dark,
    /// Dark ones, for a light background.
    Light,
    /// Blue and orange, which nearly everyone can tell apart.
    ColorBlind,
    /// None.
    Mono,
}

impl Theme {
    /// The colours of: what is not needed, names, numbers, good, warning, bad, keys.
    fn colors(self) -> [Color; 7] {
        use Color::{Black, Blue, DarkGray, Gray, Green, Indexed, Magenta, Red, Reset};
        use Color::{LightBlue, LightCyan, LightGreen, LightMagenta, LightRed, LightYellow};
        match self {
            // Cyan, green and yellow are not readable on white, blue not on black: contrast below 3 in one of the four palettes of
            // tests/tui/terminal/pictures.py. What is left is the terminal's own colour, which is readable on its background.
            Self::Terminal => [Reset, Reset, Reset, Reset, Magenta, Red, Magenta],
            Self::Dark => [
                Gray,
                LightCyan,
                LightBlue,
                LightGreen,
                LightYellow,
                LightRed,
                LightMagenta,
            ],
            Self::Light => [DarkGray, Blue, Black, Green, Magenta, Red, Blue],
            // Sky blue, blue, orange, vermilion of Okabe and Ito, as near as 256 colours come.
            Self::ColorBlind => [
                Indexed(244),
                Indexed(74),
                Indexed(74),
                Indexed(32),
                Indexed(214),
                Indexed(202),
                Indexed(74),
            ],
            Self::Mono => [Reset; 7],
        }
    }
}

impl Role {
    /// How it looks.
    pub(crate) fn style(self, theme: Theme) -> Style {
        let plain = Style::new();
        let [dim, name, number, good, warning, bad, key] = theme.colors();
        match self {
            Self::Plain => plain,
            Self::Dim => faint(dim),
            Self::Heading => plain.add_modifier(Modifier::BOLD),
            Self::Name => plain.fg(name),
            Self::Number => plain.fg(number),
            // Without a colour of its own it is bold.
            Self::Good | Self::Added if good == Color::Reset => plain.add_modifier(Modifier::BOLD),
            Self::Good | Self::Added => plain.fg(good),
            Self::Warning => plain.fg(warning),
            Self::Error => plain.fg(bad).add_modifier(Modifier::BOLD),
            Self::Removed => plain.fg(bad),
            Self::Key => plain.fg(key).add_modifier(Modifier::BOLD),
            Self::Cursor | Self::Tab => bar(),
            Self::Shadow => plain.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            Self::Match => plain
                .fg(warning)
                .add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            Self::Struck => faint(dim).add_modifier(Modifier::CROSSED_OUT),
        }
    }
}

/// What is not needed at first sight. Where the theme has no colour for it, the terminal dims its own: bright black, which others
/// take, is the background of Solarized.
fn faint(color: Color) -> Style {
    match color {
        Color::Reset => Style::new().add_modifier(Modifier::DIM),
        color => Style::new().fg(color),
    }
}

/// One even bar, whatever the pieces below it look like.
fn bar() -> Style {
    Style::new()
        .fg(Color::Reset)
        .bg(Color::Reset)
        .add_modifier(Modifier::REVERSED)
        .remove_modifier(Modifier::DIM | Modifier::UNDERLINED | Modifier::CROSSED_OUT)
}
