//! What a piece of text means, and how each meaning looks: the one table of colours.

use ratatui::style::{Color, Modifier, Style};

/// The meaning of a piece of text. Meaning is never by colour alone: marks (`✕ ! + -`) stand beside it.
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

impl Role {
    /// How it looks. Sixteen colours only: the terminal's own theme decides what they are, so that both dark and light
    /// backgrounds work.
    pub(crate) fn style(self) -> Style {
        let plain = Style::new();
        match self {
            Self::Plain => plain,
            Self::Dim => plain.fg(Color::DarkGray),
            Self::Heading => plain.add_modifier(Modifier::BOLD),
            Self::Name => plain.fg(Color::Cyan),
            Self::Number => plain.fg(Color::Blue),
            Self::Good => plain.fg(Color::Green),
            Self::Warning => plain.fg(Color::Yellow),
            Self::Error => plain.fg(Color::Red).add_modifier(Modifier::BOLD),
            Self::Added => plain.fg(Color::Green),
            Self::Removed => plain.fg(Color::Red),
            Self::Key => plain.fg(Color::Magenta).add_modifier(Modifier::BOLD),
            Self::Cursor | Self::Tab => plain.add_modifier(Modifier::REVERSED),
            Self::Shadow => plain.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            Self::Match => plain
                .fg(Color::Yellow)
                .add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            Self::Struck => plain
                .fg(Color::DarkGray)
                .add_modifier(Modifier::CROSSED_OUT),
        }
    }
}
