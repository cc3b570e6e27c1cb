//! Differences for people.

use etcd_inspect::answers::diff::DiffRow;
use etcd_inspect::kubernetes::changed::side_by_side as columns;
use etcd_inspect::text::escape;

use crate::output::{Label, Line};
use crate::ui::Ui;

/// Width of both columns together where there is no terminal.
const WIDTH: usize = 130;

/// Unified differences, as `diff -u` has them.
pub(super) fn unified(rows: &[DiffRow], ui: &mut Ui) -> std::io::Result<()> {
    for row in rows {
        let diff = row.unified();
        if diff.is_empty() {
            // The same value at another revision.
            let line = format!("{}: {}", row.title(), row.op.as_str());
            ui.line(Line::new().with(Label::Dim, line))?;
        }
        for line in diff.lines() {
            let label = match line.as_bytes().first() {
                _ if line.starts_with("--- ") || line.starts_with("+++ ") => Label::Heading,
                Some(b'@') => Label::Dim,
                Some(b'+') => Label::Good,
                Some(b'-') => Label::Warning,
                _ => Label::Plain,
            };
            ui.line(Line::new().with(label, line))?;
        }
    }
    Ok(())
}

/// Two columns.
pub(super) fn side_by_side(rows: &[DiffRow], ui: &mut Ui) -> std::io::Result<()> {
    let width = ui.terminal.size.map_or(WIDTH, |(width, _)| width);
    let half = width.saturating_sub(3) / 2;
    for row in rows {
        let head = format!("{} | {}", fit(&row.header(0), half, ui), row.header(1));
        ui.line(Line::new().with(Label::Heading, head))?;
        for pair in columns(&row.before, &row.after, row.context) {
            let Some(pair) = pair else {
                ui.line(Line::new().with(Label::Dim, "..."))?;
                continue;
            };
            let (sign, left, right) = match (pair.before, pair.after) {
                (Some(_), Some(_)) if pair.differs => ('|', Label::Warning, Label::Good),
                (Some(_), None) => ('<', Label::Warning, Label::Plain),
                (None, Some(_)) => ('>', Label::Plain, Label::Good),
                _ => (' ', Label::Plain, Label::Plain),
            };
            let after = pair.after.unwrap_or_default();
            let line = Line::new()
                .with(left, fit(pair.before.unwrap_or_default(), half, ui))
                .text(format!(" {sign} "));
            ui.line(line.with(right, fit(after, half, ui).trim_end()))?;
        }
    }
    Ok(())
}

/// A text that takes exactly so many columns once it is escaped; what does not fit is left out, and marked.
fn fit(text: &str, width: usize, ui: &Ui) -> String {
    let columns = |text: &str| escape::width(&escape::text(text, ui.terminal.charset));
    // A line may be a megabyte long: no more of it is looked at than may fit.
    let mut fitted: String = text.chars().take(width.saturating_add(1)).collect();
    if fitted.len() < text.len() || columns(&fitted) > width {
        let mark = if ui.terminal.charset.ascii {
            "~"
        } else {
            "…"
        };
        while columns(&fitted) >= width && fitted.pop().is_some() {}
        fitted.push_str(mark);
    }
    let missing = width.saturating_sub(columns(&fitted));
    fitted.push_str(&" ".repeat(missing));
    fitted
}
