//! Objects that are text when they are printed.

use std::io;

use serde_json::{Value, json};

use crate::output::{Format, escape, json as output_json, rows};
use crate::ui::Ui;

/// What a template made; a terminal is protected from what the evidence contains.
pub(super) fn rendered(text: String, ui: &mut Ui) -> io::Result<()> {
    let text = match ui.terminal.is_tty {
        true => escape::lines(text.as_bytes(), ui.terminal.charset),
        false => text,
    };
    ui.out().write_all(text.as_bytes())
}

pub(super) fn text_of(
    document: &Value,
    write: fn(&mut dyn io::Write, &Value) -> io::Result<()>,
) -> String {
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = write(&mut text, document);
    String::from_utf8(text).unwrap_or_default()
}

/// Documents that are text already: a line each, or the items of a List.
pub(super) fn texts(
    format: &Format,
    texts: Vec<String>,
    single: bool,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    if *format == Format::Jsonl || single && texts.len() == 1 {
        for text in &texts {
            ui.out().write_all(text.as_bytes())?;
            ui.out().write_all(b"\n")?;
        }
        let damage = ui.damage();
        if *format == Format::Jsonl && !single && !damage.is_empty() {
            output_json::compact(ui.out(), &json!({ "partial": damage }))?;
            ui.out().write_all(b"\n")?;
        }
        return Ok(());
    }
    // The list around them is written as any other, and cut where they belong.
    let list = text_of(&listed(Vec::new(), false, ui), output_json::indented);
    let (head, tail) = list.split_once("[]").unwrap_or((&list, ""));
    ui.out().write_all(head.as_bytes())?;
    ui.out().write_all(b"[")?;
    for (at, text) in texts.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        // JSON strings hold no line breaks: each one here is between values.
        let text = text.replace('\n', "\n        ");
        ui.out()
            .write_all(format!("{comma}\n        {text}").as_bytes())?;
    }
    let end = if texts.is_empty() { "]" } else { "\n    ]" };
    ui.out().write_all(end.as_bytes())?;
    ui.out().write_all(tail.as_bytes())?;
    ui.out().write_all(b"\n")?;
    Ok(())
}

pub(super) fn separated(line: &[String], separator: u8, ui: &mut Ui) -> io::Result<()> {
    let charset = ui.terminal.charset;
    let cells: Vec<_> = line
        .iter()
        .map(|cell| escape::text(cell, charset).into_owned())
        .collect();
    rows::write_separated(ui.out(), separator, cells.iter().map(String::as_str))
}

/// One object as itself, several as a List; one that lacks objects says so, in a field that kubectl ignores.
pub(super) fn listed(mut documents: Vec<Value>, single: bool, ui: &Ui) -> Value {
    if single && documents.len() == 1 {
        return documents.remove(0);
    }
    let mut list = json!({ "apiVersion": "v1", "items": documents, "kind": "List", "metadata": { "resourceVersion": "" } });
    let damage = ui.damage();
    if let (false, Some(fields)) = (damage.is_empty(), list.as_object_mut()) {
        fields.insert("partial".to_owned(), output_json::value(&damage));
    }
    list
}
