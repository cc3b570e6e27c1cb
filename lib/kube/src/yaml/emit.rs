//! Where the lines of a document begin and end: maps and lists as kubectl lays them out.

use std::io;

use serde_json::{Map, Value};

use super::{Line, Step};

/// A key that is longer, in bytes, is written after `?`.
const LONGEST_SIMPLE_KEY: usize = 128;

/// So many bytes of a line are written before it ends.
const LONG_LINE: usize = 64 << 10;

/// What ends a line in YAML 1.1; a key with one of them is written after `?`.
const BREAKS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

/// Takes the finished lines.
pub(super) enum Lines<'l> {
    /// The text alone, and the first error of writing it.
    Text(&'l mut dyn io::Write, io::Result<()>),
    /// Each line with the path of its value.
    Paths(&'l mut Vec<Line>),
}

/// Writes one document.
pub(super) struct Emitter<'l> {
    lines: Lines<'l>,
    line: String,
    column: usize,
    path: Vec<Step>,
}

impl<'l> Emitter<'l> {
    pub(super) fn new(lines: Lines<'l>) -> Self {
        Self {
            lines,
            line: String::new(),
            column: 0,
            path: Vec::new(),
        }
    }

    /// Whether everything could be written.
    pub(super) fn written(self) -> io::Result<()> {
        match self.lines {
            Lines::Text(_, written) => written,
            Lines::Paths(_) => Ok(()),
        }
    }

    /// The whole document, to the end of its last line.
    pub(super) fn document(&mut self, value: &Value) {
        match value {
            Value::Object(fields) if !fields.is_empty() => self.map(fields, 0, true),
            Value::Array(items) if !items.is_empty() => self.list(items, 0, true),
            other => {
                self.leaf(other, 0);
                self.end_line(false);
            }
        }
    }

    /// The fields of a map at column `indent`. `is_begun`: the first one goes on in the line that is there.
    fn map(&mut self, fields: &Map<String, Value>, indent: usize, is_begun: bool) {
        for (at, (name, value)) in fields.iter().enumerate() {
            if at > 0 || !is_begun {
                self.indent(indent);
            }
            self.step(|| Step::Field(name.clone()));
            if name.len() > LONGEST_SIMPLE_KEY || name.contains(BREAKS) {
                self.word("? ");
                self.text(name, below(indent), false);
                self.end_line(true);
                self.indent(indent);
                self.put(':');
                self.item(value, indent);
            } else {
                self.text(name, below(indent), true);
                self.put(':');
                self.field(value, indent);
            }
            self.back();
        }
    }

    /// A value after `name:`. A list is not indented below its name.
    fn field(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                self.end_line(true);
                self.map(fields, below(indent), false);
            }
            Value::Array(items) if !items.is_empty() => {
                self.end_line(true);
                self.list(items, indent, false);
            }
            other => {
                self.put(' ');
                self.leaf(other, below(indent));
                self.end_line(false);
            }
        }
    }

    /// The items of a list, their dashes at column `indent`.
    fn list(&mut self, items: &[Value], indent: usize, is_begun: bool) {
        for (at, item) in items.iter().enumerate() {
            if at > 0 || !is_begun {
                self.indent(indent);
            }
            self.step(|| Step::Item(at));
            self.put('-');
            self.item(item, indent);
            self.back();
        }
    }

    /// A value after a dash, or the colon of a long key: what it holds begins on the same line.
    fn item(&mut self, value: &Value, indent: usize) {
        self.put(' ');
        match value {
            Value::Object(fields) if !fields.is_empty() => self.map(fields, below(indent), true),
            Value::Array(items) if !items.is_empty() => self.list(items, below(indent), true),
            other => {
                self.leaf(other, below(indent));
                self.end_line(false);
            }
        }
    }

    fn leaf(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Null => self.word("null"),
            Value::Bool(value) => self.word(if *value { "true" } else { "false" }),
            Value::Number(number) => self.word(&number_of(number)),
            Value::String(text) => self.text(text, indent, false),
            Value::Array(_) => self.word("[]"),
            Value::Object(_) => self.word("{}"),
        }
    }

    fn step(&mut self, step: impl FnOnce() -> Step) {
        if let Lines::Paths(_) = self.lines {
            self.path.push(step());
        }
    }

    fn back(&mut self) {
        self.path.pop();
    }

    pub(super) fn column(&self) -> usize {
        self.column
    }

    pub(super) fn put(&mut self, c: char) {
        self.line.push(c);
        self.column = self.column.saturating_add(1);
        self.write_long_line();
    }

    pub(super) fn word(&mut self, text: &str) {
        self.column = self.column.saturating_add(text.chars().count());
        // A value may be one line of many megabytes: it is written from where it is.
        if text.len() >= LONG_LINE
            && let Lines::Text(out, written) = &mut self.lines
        {
            let line = self.line.as_bytes();
            if written.is_ok() {
                *written = out
                    .write_all(line)
                    .and_then(|()| out.write_all(text.as_bytes()));
            }
            self.line.clear();
            return;
        }
        self.line.push_str(text);
        self.write_long_line();
    }

    /// Writes what there is of a line that is long.
    fn write_long_line(&mut self) {
        if self.line.len() >= LONG_LINE
            && let Lines::Text(out, written) = &mut self.lines
        {
            if written.is_ok() {
                *written = out.write_all(self.line.as_bytes());
            }
            self.line.clear();
        }
    }

    pub(super) fn indent(&mut self, columns: usize) {
        self.line.extend(std::iter::repeat_n(' ', columns));
        self.column = self.column.saturating_add(columns);
    }

    /// Ends the line; `opens`: what its value holds is below.
    pub(super) fn end_line(&mut self, opens: bool) {
        match &mut self.lines {
            Lines::Text(out, written) => {
                self.line.push('\n');
                if written.is_ok() {
                    *written = out.write_all(self.line.as_bytes());
                }
                self.line.clear();
            }
            Lines::Paths(lines) => lines.push(Line {
                text: std::mem::take(&mut self.line),
                path: self.path.clone(),
                opens,
            }),
        }
        self.column = 0;
    }
}

fn below(indent: usize) -> usize {
    indent.saturating_add(2)
}

/// Whole numbers as they are; others as Go's `FormatFloat` writes them with `'g'` and the fewest digits: `1e+20`, `1.5e-07`.
fn number_of(number: &serde_json::Number) -> String {
    let text = number.to_string();
    let is_whole = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    let Some(value) = number.as_f64().filter(|_| !is_whole) else {
        return text;
    };
    // Rust's shortest digits are those of Go: `1.5e-7`.
    let shortest = format!("{value:e}");
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let power: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&power) {
        return format!("{value}");
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", power.unsigned_abs())
}
