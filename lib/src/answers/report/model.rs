//! What a page consists of: sections of facts, tables and charts, each with the command that answers the same.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

use super::super::{Align, Cell, Column, Content, Row, Show, Table};
use crate::kubernetes::mask::without_token;
use located::text::escape::{self, Charset};
use located::text::number::{size, thousands};
use located::{AdvicePart, Command, EvidenceOperand, Severity};

/// A section of the page.
#[derive(Clone, Debug)]
pub(super) struct Section {
    /// Its anchor.
    pub(super) id: &'static str,
    pub(super) title: String,
    pub(super) blocks: Vec<Block>,
}

impl Section {
    pub(super) fn new(id: &'static str, title: impl Into<String>) -> Self {
        Self {
            id,
            title: title.into(),
            blocks: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, block: impl Into<Block>) {
        self.blocks.push(block.into());
    }

    /// A sentence.
    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Text(text.into()));
    }
}

/// A part of a section.
#[derive(Clone, Debug)]
pub(super) enum Block {
    Text(String),
    /// The first thing to read.
    Headline(Option<Severity>, String),
    /// A line that says what the reader does next.
    Next(Vec<AdvicePart>),
    Facts(FactList),
    Table(DataTable),
    /// A chart with its title; the table after it says the same.
    Chart(String, maud::Markup),
    Finding(Box<FindingCard>),
    /// Terms with their meaning.
    Glossary(Vec<(&'static str, &'static str)>),
}

impl From<FactList> for Block {
    fn from(facts: FactList) -> Self {
        Self::Facts(facts)
    }
}

impl From<DataTable> for Block {
    fn from(table: DataTable) -> Self {
        Self::Table(table)
    }
}

/// A finding in full.
#[derive(Clone, Debug)]
pub(super) struct FindingCard {
    pub(super) id: String,
    pub(super) severity: Severity,
    pub(super) code: &'static str,
    pub(super) title: &'static str,
    pub(super) message: String,
    pub(super) place: String,
    pub(super) means: &'static str,
    pub(super) seen: Option<(String, Option<String>)>,
    pub(super) keys: Vec<String>,
    pub(super) all_keys: usize,
    pub(super) count: u64,
    pub(super) next: Vec<Vec<AdvicePart>>,
    /// Lines of bytes: offset, bytes before the marked one, the marked one, bytes after it.
    pub(super) bytes: Vec<(String, String, String, String)>,
}

/// Fields of one document.
#[derive(Clone, Debug)]
pub(super) struct FactList {
    pub(super) command: String,
    /// Name, place in the document, shown text, number.
    pub(super) rows: Vec<NamedFact>,
}

#[derive(Clone, Debug)]
pub(super) struct NamedFact {
    pub(super) name: String,
    pub(super) pointer: String,
    pub(super) shown: String,
    pub(super) number: Option<String>,
}

impl FactList {
    /// The fields of a document that are there.
    pub(super) fn new(document: &Value, command: String, fields: &[(&str, &str)]) -> Self {
        let fact = |(name, pointer): &(&str, &str)| {
            let value = document.pointer(pointer).filter(|value| !value.is_null())?;
            let field = pointer.rsplit('/').next().unwrap_or(pointer);
            Some(NamedFact {
                name: (*name).to_owned(),
                pointer: (*pointer).to_owned(),
                shown: shown(field, value),
                number: value.as_number().map(ToString::to_string),
            })
        };
        Self {
            command,
            rows: fields.iter().filter_map(fact).collect(),
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(super) struct TableHead {
    pub(super) head: String,
    pub(super) field: String,
    pub(super) right: bool,
}

/// Rows of a list in a document.
#[derive(Clone, Debug)]
pub(super) struct DataTable {
    pub(super) caption: String,
    pub(super) command: String,
    /// Where the list is in the document.
    pub(super) pointer: String,
    pub(super) heads: Vec<TableHead>,
    /// Position in the list, and the row.
    pub(super) rows: Vec<(usize, Value)>,
    pub(super) total: usize,
    /// The command that gives all rows, if the one beside it does not.
    pub(super) full: Option<String>,
    /// Whether it is folded until it is asked for.
    pub(super) folded: bool,
}

impl DataTable {
    /// The list at a place of a document; at most `limit` rows of it.
    pub(super) fn new(
        caption: impl Into<String>,
        document: &Value,
        pointer: &str,
        command: String,
        heads: Vec<TableHead>,
        limit: usize,
    ) -> Self {
        let list = document.pointer(pointer).and_then(Value::as_array);
        let list = list.map(Vec::as_slice).unwrap_or_default();
        Self {
            caption: caption.into(),
            command,
            pointer: pointer.to_owned(),
            heads,
            total: list.len(),
            rows: list.iter().take(limit).cloned().enumerate().collect(),
            full: None,
            folded: false,
        }
    }

    /// The list is the start of a longer one, which another command gives.
    pub(super) fn start_of(mut self, total: usize, full: String) -> Self {
        self.total = self.total.max(total);
        self.full = Some(full);
        self
    }

    pub(super) fn folded(mut self) -> Self {
        self.folded = true;
        self
    }
}

/// The columns that a terminal shows.
pub(super) fn heads(columns: &[Column]) -> Vec<TableHead> {
    let shown = columns.iter().filter(|column| column.show == Show::Always);
    shown
        .map(|column| TableHead {
            head: column.head.to_string(),
            field: column.field.to_string(),
            right: column.align == Align::Right,
        })
        .collect()
}

/// Columns of a list that has no table of its own: `+` marks numbers.
pub(super) fn plain_heads(columns: &[(&str, &str)]) -> Vec<TableHead> {
    let head = |(head, field): &(&str, &str)| TableHead {
        head: (*head).trim_start_matches('+').to_owned(),
        field: (*field).to_owned(),
        right: head.starts_with('+'),
    };
    columns.iter().map(head).collect()
}

/// A value by itself, for people.
pub(super) fn shown(field: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text_of(text),
        Value::Bool(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(bytes), _) if is_bytes(field) => {
                format!("{} ({})", size(bytes), thousands(bytes.into()))
            }
            // As `compare` prints it.
            (Some(hash), _) if field == "hashkv" => format!("{hash:08x}"),
            (_, Some(number)) if is_plain(field) => number.to_string(),
            (_, Some(number)) => thousands(number.into()),
            (Some(number), _) => thousands(number.into()),
            _ => number.to_string(),
        },
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| shown(field, item)).collect();
            items.join(", ")
        }
        Value::Object(fields) => {
            let known = ["key", "message", "name", "b64"]
                .iter()
                .find_map(|name| fields.get(*name));
            match known {
                Some(value) => shown(field, value),
                None => text_of(&value.to_string()),
            }
        }
    }
}

fn is_bytes(field: &str) -> bool {
    field.ends_with("bytes") || ["live", "history", "tree", "free", "outside"].contains(&field)
}

/// Numbers that are names.
fn is_plain(field: &str) -> bool {
    [
        "term",
        "txid",
        "page",
        "version",
        "sub",
        "page_size",
        "seq",
        "offset",
        "mode",
    ]
    .contains(&field)
}

/// Longest text of one cell, sentence or command, in bytes: keys and messages of others have no bound.
pub(super) const LONGEST: usize = 2_000;

/// Room for the words that say what was cut.
const CUT_WORDS: usize = 64;

/// Text of the evidence: control characters and those that change the direction of text are escaped, and what is longer than
/// [`LONGEST`] is cut, which it says.
pub(super) fn text_of(text: &str) -> String {
    escape::text(&cut(text), Charset::default()).into_owned()
}

/// At most [`LONGEST`] bytes of a text, and how many it has if that is not all.
pub(super) fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST.saturating_add(CUT_WORDS) {
        return Cow::Borrowed(text);
    }
    let start = (0..=LONGEST).rev().find_map(|end| text.get(..end));
    let all = i128::try_from(text.len()).unwrap_or(i128::MAX);
    Cow::Owned(format!(
        "{}… (cut: {} bytes)",
        start.unwrap_or_default(),
        thousands(all)
    ))
}

/// A key of the evidence, as [`text_of`] has texts.
pub(super) fn key_of(key: &[u8]) -> String {
    let key = &*without_token(key);
    match key.get(..LONGEST) {
        None => escape::bytes(key, Charset::default()).into_owned(),
        Some(start) => {
            let all = i128::try_from(key.len()).unwrap_or(i128::MAX);
            let start = escape::bytes(start, Charset::default());
            cut(&format!("{start}… (cut: {} bytes)", thousands(all))).into_owned()
        }
    }
}

/// A document as the command line prints it, but for what is too long for a page.
pub(super) fn document<T: Serialize>(answer: &T) -> Value {
    let mut document = serde_json::to_value(answer).unwrap_or_default();
    shorten(&mut document);
    document
}

/// As [`document`]; what is too long is cut before it becomes JSON, because one key may be as large as the file.
pub(super) fn table_document<R: Row>(table: &Table<R>) -> Value {
    let mut around = Table::<&R>::new(table.columns, Vec::new());
    around.head.clone_from(&table.head);
    around.tail.clone_from(&table.tail);
    let mut whole = document(&around);
    let row = |row: &R| {
        let mut object = Map::new();
        for (column, cell) in table.columns.iter().zip(row.cells()) {
            if column.show != Show::Table {
                short(cell).put(&column.field, &mut object);
            }
        }
        let mut object = Value::Object(object);
        shorten(&mut object);
        object
    };
    if let Some(rows) = whole.pointer_mut("/rows").and_then(Value::as_array_mut) {
        rows.extend(table.rows.iter().map(row));
    }
    whole
}

fn short(cell: Cell) -> Cell {
    match cell.content {
        Content::Text(text) => Cell::text(cut(&text)),
        Content::Bytes(bytes) if bytes.len() > LONGEST => Cell::text(key_of(&bytes)),
        _ => cell,
    }
}

fn shorten(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(short) = cut(text) {
                *text = short;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A command about a path.
pub(super) fn on<'e>(command: Command, evidence: impl Into<EvidenceOperand<'e>>) -> String {
    cut(&command.evidence().on(evidence)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, cut, key_of, text_of};

    #[test]
    fn what_is_too_long_for_a_page_is_cut_once_and_says_so() {
        let long = "ä".repeat(LONGEST);
        let once = cut(&long);
        assert!(once.len() <= LONGEST + 64 && once.ends_with("… (cut: 4,000 bytes)"));
        assert_eq!(cut(&once), once);
        assert_eq!(text_of("\u{202e}short"), "\\u{202e}short");
        assert!(key_of(&vec![0xff; 1 << 20]).len() <= LONGEST + 64);
    }
}
