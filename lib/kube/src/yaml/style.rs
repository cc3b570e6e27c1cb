//! How a text is written: without quotes, in one of two kinds of quotes, or as a block of lines.

use located::text::escape::is_hostile;

use super::resolve::is_other_type;

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Without quotes.
    Plain,
    /// In `'`: nothing in it is an escape.
    Single,
    /// In `"`: what cannot be shown is an escape.
    Double,
    /// Below `|`, its lines as they are.
    Literal,
}

/// What a text holds that decides between the styles.
#[derive(Default)]
struct Traits {
    is_multiline: bool,
    has_special: bool,
    has_indicator: bool,
    has_leading: bool,
    has_trailing_space: bool,
    has_break_after_space: bool,
}

impl Style {
    /// The style that kubectl has for a text; `is_key`: a colon follows on the same line.
    ///
    /// Source: `yaml_emitter_select_scalar_style` of goyaml.v2 (`sigs.k8s.io/yaml`). Characters that hide or reorder text are escaped
    /// here, and are not there.
    pub(super) fn of_text(text: &str, is_key: bool) -> Self {
        let traits = Traits::found_in(text);
        if traits.has_special || (is_key && traits.is_multiline) {
            return Self::Double;
        }
        if traits.is_multiline {
            let is_block = !traits.has_trailing_space && !traits.has_break_after_space;
            return if is_block {
                Self::Literal
            } else {
                Self::Double
            };
        }
        if is_other_type(text) {
            return Self::Double;
        }
        let is_plain = !traits.has_indicator && !traits.has_leading && !traits.has_trailing_space;
        if is_plain { Self::Plain } else { Self::Single }
    }
}

impl Traits {
    fn found_in(text: &str) -> Self {
        let mut traits = Self {
            has_indicator: text.starts_with("---") || text.starts_with("..."),
            has_leading: text.starts_with([' ', '\n']),
            has_trailing_space: text.ends_with(' '),
            ..Self::default()
        };
        let mut before = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let ends_word = chars
                .peek()
                .is_none_or(|next| matches!(next, ' ' | '\t' | '\n'));
            traits.has_indicator |= match (c, before) {
                (
                    '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"'
                    | '%' | '@' | '`',
                    None,
                ) => true,
                ('?' | '-', None) | (':', _) => ends_word,
                ('#', Some(before)) => matches!(before, ' ' | '\t' | '\n'),
                _ => false,
            };
            traits.has_special |= is_escaped(c) && c != '\n';
            traits.has_break_after_space |= (before, c) == (Some(' '), '\n');
            traits.is_multiline |= c == '\n';
            before = Some(c);
        }
        traits
    }
}

/// Whether a character is written as an escape, and needs `"`: what go-yaml takes for not printable, and what a reader cannot see.
pub(super) fn is_escaped(c: char) -> bool {
    is_hostile(c) || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{1_0000}'..)
}
