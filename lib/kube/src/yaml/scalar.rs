//! Texts in each style, folded at spaces after 80 columns as kubectl folds them.

use std::fmt::Write as _;

use super::emit::Emitter;
use super::style::{Style, is_escaped};

/// The column after which a line is folded at its next space.
const WIDTH: usize = 80;

impl Emitter<'_> {
    /// A text on the line that has been begun; what goes on below is indented by `indent`. A key is on one line.
    pub(super) fn text(&mut self, text: &str, indent: usize, is_key: bool) {
        match Style::of_text(text, is_key) {
            Style::Plain => self.folded(text, indent, is_key, |emitter, c| emitter.put(c)),
            Style::Single => {
                self.put('\'');
                self.folded(text, indent, is_key, |emitter, c| {
                    emitter.put(c);
                    if c == '\'' {
                        emitter.put(c);
                    }
                });
                self.put('\'');
            }
            Style::Double => {
                self.put('"');
                self.double(text, indent, is_key);
                self.put('"');
            }
            Style::Literal => self.literal(text, indent),
        }
    }

    /// Plain text and the inside of `'`: a fold is a space that became a line's end, so no other space is next to it.
    fn folded(&mut self, text: &str, indent: usize, is_key: bool, put: impl Fn(&mut Self, char)) {
        let mut chars = text.chars().peekable();
        let mut is_after_space = false;
        while let Some(c) = chars.next() {
            let is_space = c == ' ';
            let is_fold = is_space
                && !is_key
                && !is_after_space
                && self.column() > WIDTH
                && chars.peek().is_some_and(|next| *next != ' ');
            match is_fold {
                true => self.fold(indent),
                false => put(self, c),
            }
            is_after_space = is_space;
        }
    }

    fn double(&mut self, text: &str, indent: usize, is_key: bool) {
        let mut chars = text.chars().peekable();
        let mut is_first = true;
        let mut is_after_space = false;
        while let Some(c) = chars.next() {
            let is_space = c == ' ';
            let is_inside = !is_first && chars.peek().is_some();
            if is_space && !is_key && !is_after_space && is_inside && self.column() > WIDTH {
                self.fold(indent);
                if chars.peek() == Some(&' ') {
                    self.put('\\');
                }
            } else {
                self.escaped(c);
            }
            is_after_space = is_space;
            is_first = false;
        }
    }

    fn escaped(&mut self, c: char) {
        let short = match c {
            '\0' => Some('0'),
            '\u{7}' => Some('a'),
            '\u{8}' => Some('b'),
            '\t' => Some('t'),
            '\n' => Some('n'),
            '\u{b}' => Some('v'),
            '\u{c}' => Some('f'),
            '\r' => Some('r'),
            '\u{1b}' => Some('e'),
            '"' | '\\' => Some(c),
            '\u{85}' => Some('N'),
            '\u{a0}' => Some('_'),
            '\u{2028}' => Some('L'),
            '\u{2029}' => Some('P'),
            _ => None,
        };
        match (short, u32::from(c)) {
            (None, _) | (Some('_'), _) if !is_escaped(c) => self.put(c),
            (Some(short), _) => {
                self.put('\\');
                self.put(short);
            }
            (None, code @ 0..=0xff) => self.code(format_args!("\\x{code:02X}")),
            (None, code @ 0x100..=0xffff) => self.code(format_args!("\\u{code:04X}")),
            (None, code) => self.code(format_args!("\\U{code:08X}")),
        }
    }

    fn code(&mut self, code: std::fmt::Arguments<'_>) {
        let mut text = String::new();
        // Writing to memory cannot fail.
        let _ = text.write_fmt(code);
        self.word(&text);
    }

    /// The lines of a text below `|`, each after the indentation; empty lines have none.
    fn literal(&mut self, text: &str, indent: usize) {
        self.put('|');
        if text.starts_with([' ', '\n']) {
            self.put('2');
        }
        let body = text.strip_suffix('\n');
        match body {
            None => self.put('-'),
            Some(body) if body.is_empty() || body.ends_with('\n') => self.put('+'),
            Some(_) => {}
        }
        for line in body.unwrap_or(text).split('\n') {
            self.end_line(false);
            if !line.is_empty() {
                self.indent(indent);
                self.word(line);
            }
        }
    }

    fn fold(&mut self, indent: usize) {
        self.end_line(false);
        self.indent(indent);
    }
}
