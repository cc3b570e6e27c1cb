//! One line of labelled text.

use std::io::{self, Write};

use super::Label;
use super::escape;
use super::label::sgr;
use super::terminal::Terminal;

/// Pieces of text with their meanings; escaped and coloured when written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line(Vec<(Label, String)>);

impl Line {
    /// An empty line.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Ordinary text.
    pub(crate) fn text(self, text: impl Into<String>) -> Self {
        self.with(Label::Plain, text)
    }

    /// Text with a meaning.
    pub(crate) fn with(mut self, label: Label, text: impl Into<String>) -> Self {
        self.0.push((label, text.into()));
        self
    }

    /// Writes it with a newline.
    pub(crate) fn write(&self, out: &mut dyn Write, terminal: Terminal) -> io::Result<()> {
        for (label, text) in &self.0 {
            write_labelled(out, terminal, *label, &escape::text(text, terminal.charset))?;
        }
        out.write_all(b"\n")
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::new().text(text)
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::new().text(text)
    }
}

/// Writes text that is already escaped, in the colour of its label.
pub(crate) fn write_labelled(
    out: &mut dyn Write,
    terminal: Terminal,
    label: Label,
    escaped: &str,
) -> io::Result<()> {
    match sgr(label).filter(|_| terminal.color) {
        Some(sgr) => write!(out, "\x1b[{sgr}m{escaped}\x1b[0m"),
        None => out.write_all(escaped.as_bytes()),
    }
}
