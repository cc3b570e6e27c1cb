//! What only people are given: findings in full, paragraphs, hints, bytes around a place.

use std::io::{self, Write};

use etcd_inspect::member::{content_in, mask_ranges};
use etcd_inspect::{Advice, Bytes, Finding};
use serde_json::Value;

use super::terminal::Terminal;
use super::{Label, Line, escape, hex};
use crate::ui::Ui;

/// Keys of a finding that people are shown; programs get all.
const KEYS_SHOWN: usize = 3;

/// A finding, as people read it.
pub(crate) fn finding(finding: &Finding, ui: &mut Ui) -> io::Result<()> {
    let terminal = ui.terminal;
    let advice: Vec<String> = (finding.advice().into_iter())
        .map(|advice| ui.advice(advice))
        .collect();
    let out = ui.out();
    let label = Label::from(finding.severity);
    let mut title = Line::new()
        .with(label, format!("{}[{}]", finding.severity, finding.code.id))
        .text(format!(": {}", finding.message));
    if finding.count > 1 {
        title = title.with(Label::Dim, format!("  ({} times)", finding.count));
    }
    title.write(out, terminal)?;
    Line::from(format!("  --> {}", finding.place)).write(out, terminal)?;
    if !finding.page_stack.is_empty() {
        let stack: Vec<_> = finding.page_stack.iter().map(u64::to_string).collect();
        field(
            out,
            terminal,
            "pages",
            &format!("{} (root to here)", stack.join(" → ")),
        )?;
    }
    if let Some(seen) = &finding.seen {
        field(out, terminal, "seen", seen)?;
    }
    if let Some(expected) = &finding.expected {
        field(out, terminal, "wanted", expected)?;
    }
    for (at, key) in finding.keys.iter().take(KEYS_SHOWN).enumerate() {
        let key = escape::bytes(key, terminal.charset);
        field(out, terminal, if at == 0 { "key" } else { "" }, &key)?;
    }
    if finding.keys.len() > KEYS_SHOWN {
        field(
            out,
            terminal,
            "",
            &format!(
                "… {} keys more (-o json has all)",
                finding.keys.len() - KEYS_SHOWN
            ),
        )?;
    }
    for (at, command) in advice.iter().enumerate() {
        field(out, terminal, if at == 0 { "try" } else { "" }, command)?;
    }
    Ok(())
}

/// What to ask next; only if a person reads both streams.
pub(crate) fn hint(advice: impl Into<Advice>, why: &str, ui: &mut Ui) -> io::Result<()> {
    if ui.global.quiet || !ui.terminal.is_tty || !ui.global.format().is_table() {
        return Ok(());
    }
    let mut line = Line::new()
        .with(Label::Dim, "next: ")
        .with(Label::Command, ui.advice(advice));
    if !why.is_empty() {
        line = line.text("     ").with(Label::Dim, why);
    }
    ui.line(line)
}

/// A named paragraph, its lines broken at words.
pub(crate) fn paragraph(name: &str, text: &str, ui: &mut Ui) -> io::Result<()> {
    let terminal = ui.terminal;
    let width = terminal.size.map_or(100, |(width, _)| width.min(100));
    let width = width.saturating_sub(9);
    let mut line = String::new();
    let mut name = name;
    for word in text.split_whitespace() {
        if !line.is_empty() && escape::width(&line) + 1 + escape::width(word) > width {
            let (name, line) = (std::mem::take(&mut name), std::mem::take(&mut line));
            field(ui.out(), terminal, name, &line)?;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    field(ui.out(), terminal, name, &line)
}

/// Stored bytes as they are; on a terminal escaped, newlines and tabs excepted.
pub(crate) fn raw(bytes: &[u8], ui: &mut Ui) -> io::Result<()> {
    if ui.terminal.is_tty {
        let text = escape::lines(bytes, ui.terminal.charset);
        return ui.out().write_all(text.as_bytes());
    }
    ui.out().write_all(bytes)
}

/// A Kubernetes object or a list of them as YAML, with its fields in kubectl's order unless they are to stay as `stored`.
pub(crate) fn object(value: Value, stored: bool, ui: &mut Ui) -> io::Result<()> {
    match stored {
        true => yaml(&value, ui),
        false => yaml(&etcd_inspect::export::yaml::sorted(value), ui),
    }
}

/// YAML; on a terminal without the characters that hide or reorder text.
pub(crate) fn yaml(value: &Value, ui: &mut Ui) -> io::Result<()> {
    if !ui.terminal.is_tty {
        return etcd_inspect::export::yaml::write_value(ui.out(), value);
    }
    let mut text = Vec::new();
    etcd_inspect::export::yaml::write_value(&mut text, value)?;
    raw(&text, ui)
}

/// A named line below a heading.
pub(super) fn field(
    out: &mut dyn Write,
    terminal: Terminal,
    name: &str,
    text: &str,
) -> io::Result<()> {
    Line::new()
        .with(Label::Dim, format!("  {name:<7}"))
        .text(text)
        .write(out, terminal)
}

/// The bytes around `offset`: those of structure, and with `--reveal=all` the stored ones too.
pub(super) fn bytes_around(
    out: &mut dyn Write,
    terminal: Terminal,
    file: &Bytes<'_>,
    offset: u64,
    reveal: bool,
) -> io::Result<()> {
    let at = usize::try_from(offset).unwrap_or(usize::MAX);
    let from = (at & !15).saturating_sub(16).min(file.len());
    let to = from.saturating_add(32).min(file.len());
    let content = if reveal {
        Vec::new()
    } else {
        content_in(file, from..to, at)
    };
    let (bytes, hidden) = mask_ranges(file.as_slice().get(from..to).unwrap_or_default(), &content);
    hex::dump(out, terminal, "   ", from as u64, &bytes)?;
    let said = if at >= to { "end of file" } else { "here" };
    let note = if hidden > 0 {
        " (stored bytes are shown as *)"
    } else {
        ""
    };
    hex::caret(
        out,
        terminal,
        "   ",
        at.min(to) as u64,
        &format!("{said}{note}"),
    )
}
