//! What was written, what was left out and why, and how to apply it.

use std::collections::BTreeSet;
use std::path::Path;

use etcd_inspect::Command;
use etcd_inspect::answers::export::Export;

use crate::output::{Label, Line};
use crate::ui::Ui;

/// Objects that a reason lists before it is cut; JSON has all.
const NAMED: usize = 3;
/// Maximum number of objects that a next step names one by one.
const MAX_REFERRED: usize = 20;

/// Draws the summary: on stdout, or on stderr if the objects are on stdout.
pub(super) fn show(
    export: &Export,
    out: Option<&Path>,
    chosen: bool,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let Some(path) = out else {
        if export.objects.is_empty() {
            let keys = ui.advice("etcd-inspect keys --by-resource {path}");
            ui.note(format!("no object is left to write; what there is: {keys}"))?;
        }
        for (heading, text) in lines(export) {
            ui.note(match heading {
                "note" => text,
                heading => format!("{heading} {text}"),
            })?;
        }
        return hidden(export, chosen, ui);
    };
    ui.answer("export", export, |ui| {
        if export.objects.is_empty() {
            ui.line(Line::new().text("nothing was written: no object is left"))?;
        } else {
            let count = counted(export.objects.len(), "object", "objects");
            let what = format!("{count} to {}, mode 0600", path.display());
            ui.line(Line::new().with(Label::Good, "wrote     ").text(what))?;
        }
        for (heading, text) in lines(export) {
            ui.line(
                Line::new()
                    .with(Label::Dim, format!("{heading:<10}"))
                    .text(text),
            )?;
        }
        if !export.objects.is_empty() {
            apply(export, path, ui)?;
        }
        Ok(())
    })?;
    hidden(export, chosen, ui)
}

/// The two commands that bring the objects back.
fn apply(export: &Export, path: &Path, ui: &mut Ui) -> anyhow::Result<()> {
    let apply = |path: &Path| {
        let apply = Command::new("kubectl").arg("apply");
        let apply = match export.large.is_empty() {
            true => apply,
            false => apply.arg("--server-side"),
        };
        apply.args(["-R", "-f"]).path(path)
    };
    let definitions = path.join("00-customresourcedefinition");
    let has_definitions = export.kinds.contains_key("CustomResourceDefinition");
    if has_definitions && path.is_dir() {
        let first = ui.advice(apply(&definitions));
        ui.line(Line::new().with(Label::Note, "next      ").text(first))?;
    }
    let all = ui.advice(apply(path));
    ui.line(Line::new().with(Label::Note, "next      ").text(all))?;
    Ok(())
}

/// The flags that would show what is hidden.
fn hidden(export: &Export, chosen: bool, ui: &mut Ui) -> anyhow::Result<()> {
    let count = export.hidden();
    if count > 0 && !chosen {
        let objects = counted(
            count,
            "object with hidden values is",
            "objects with hidden values are",
        );
        ui.warn(format!(
            "{objects} left out: --reveal=all writes the values (--reveal those of exactly named objects), --secrets placeholder writes REPLACE_ME"
        ))?;
    } else if export.is_partial() {
        ui.warn("not everything that was asked for is written: the lines \"left out\" and \"note\" say what is not")?;
    }
    if let Some(command) = referred(export) {
        let command = ui.advice(command);
        let count = counted(
            export.referred.len(),
            "object that these refer to is",
            "objects that these refer to are",
        );
        ui.note(format!(
            "{count} not written; if the cluster lacks them: {command}"
        ))?;
    }
    let maybe_changed = export.maybe_changed();
    if !maybe_changed.is_empty() {
        let command = Command::inspect("export").arg(maybe_changed.join(","));
        let command = ui.advice(command.args(["-A", "--out", "-", "-d"]).evidence());
        ui.note(format!("defaults that people may have changed: {command}"))?;
    }
    if export.has_undecodable() {
        let where_they_are = ui.advice("etcd-inspect get --undecodable -d {path}");
        ui.note(format!(
            "what does not decode, and where it is: {where_they_are}"
        ))?;
    }
    Ok(())
}

/// Exports what the objects refer to: by name, or by resource if those are many.
fn referred(export: &Export) -> Option<Command> {
    let names = &export.referred;
    if names.is_empty() {
        return None;
    }
    let mut command = Command::inspect("export");
    if names.len() <= MAX_REFERRED {
        for name in names {
            command = command.arg(name);
        }
    } else {
        let resources = names.iter().filter_map(|name| name.split('/').next());
        let resources: BTreeSet<&str> = resources.collect();
        command = command.arg(resources.into_iter().collect::<Vec<_>>().join(","));
    }
    Some(command.args(["--out", "-", "-d"]).evidence())
}

fn lines(export: &Export) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let kinds: Vec<String> = export
        .kinds
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    if !kinds.is_empty() {
        lines.push(("kinds", kinds.join(", ")));
    }
    for ((from, to), count) in &export.converted {
        lines.push(("converted", format!("{count} from {from} to {to}")));
    }
    for (what, count) in &export.moved {
        lines.push(("moved", format!("{what} ({count})")));
    }
    for row in &export.left_out {
        let named: Vec<&str> = row.objects.iter().take(NAMED).map(String::as_str).collect();
        let more = match row.count.saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        lines.push((
            "left out",
            format!("{}: {}; {}{more}", row.count, row.why, named.join(", ")),
        ));
    }
    if !export.removed.is_empty() {
        let removed = export
            .removed
            .iter()
            .map(|(what, count)| format!("{what} ({count})"));
        lines.push(("removed", removed.collect::<Vec<_>>().join(", ")));
    }
    lines.extend(export.notes.iter().map(|note| ("note", note.clone())));
    lines
}

fn counted(count: usize, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    }
}
