//! A verdict as people read it: the same in every verb.

use std::collections::BTreeSet;

use etcd_inspect::Command;
use etcd_inspect::check::Report;
use etcd_inspect::verdict::{Cause, Count, Loss, Step, Verdict, shown_steps};

use crate::output::{Label, Line, escape};
use crate::ui::Ui;

/// Codes that the line of a cause names.
const CODES: usize = 8;
/// Keys that a line of loss names.
const KEYS: usize = 3;

/// Causes, plan and next, for people.
pub(crate) fn sheet(verdict: &Verdict, report: &Report, ui: &mut Ui) -> anyhow::Result<()> {
    causes(verdict, report, ui)?;
    plan(&verdict.plan, ui)?;
    let shown = shown_steps(&verdict.plan);
    let doubtful = shown.iter().find(|step| !step.possibly_lost.is_none());
    if let (Some(why), Some(step)) = (&verdict.more_may_be_lost, doubtful) {
        let legend = format!("{:<5}  {why}", step.lost_text());
        ui.line(Line::new().with(Label::Dim, legend))?;
        ui.line("")?;
    }
    let command = verdict.next.clone().opened_with(ui.operand());
    next(&command, ui)
}

fn causes(verdict: &Verdict, report: &Report, ui: &mut Ui) -> anyhow::Result<()> {
    for cause in &verdict.causes {
        let label = Label::from(cause.severity);
        let code = cause.code;
        ui.line(
            Line::new()
                .with(label, "cause  ")
                .text(format!("{}: {}", code.title, cause.message))
                .with(Label::Dim, format!("  {} [{}]", cause.place, code.id)),
        )?;
        if let Some(line) = folded(cause, report) {
            ui.line(Line::new().with(Label::Dim, format!("       {line}")))?;
        }
    }
    Ok(())
}

/// What a cause explains, in one line.
fn folded(cause: &Cause, report: &Report) -> Option<String> {
    let more = cause.findings.len().saturating_sub(1);
    let count = cause.explains.len();
    let same = match more {
        0 => None,
        1 => Some("1 more finding of this code".to_owned()),
        more => Some(format!("{more} more findings of this code")),
    };
    let codes: BTreeSet<&str> = cause
        .explains
        .iter()
        .filter_map(|&at| Some(report.findings.get(at)?.code.id))
        .collect();
    let mut names: Vec<&str> = codes.iter().copied().take(CODES).collect();
    if codes.len() > CODES {
        names.push("…");
    }
    let explains = match count {
        0 => None,
        1 => Some(format!("explains 1 finding ({})", names.join(", "))),
        count => Some(format!("explains {count} findings ({})", names.join(", "))),
    };
    let parts: Vec<String> = [explains, same].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("{}: -v lists all", parts.join(", ")))
}

/// The table of a plan; what does not serve is left to `-o json`, unless nothing does.
pub(crate) fn plan(steps: &[Step], ui: &mut Ui) -> anyhow::Result<()> {
    let shown = shown_steps(steps);
    if shown.is_empty() {
        return Ok(());
    }
    ui.line("")?;
    let head = Line::new()
        .with(Label::Heading, "plan   ")
        .with(Label::Heading, "loses  wrong  then");
    ui.line(head)?;
    for (number, step) in shown.iter().enumerate() {
        row(number.saturating_add(1), step, ui)?;
    }
    ui.line("")?;
    Ok(())
}

fn row(number: usize, step: &Step, ui: &mut Ui) -> anyhow::Result<()> {
    ui.shows_commands();
    let known = step.outcome.starts.is_some();
    let cell = |count: Count| match known {
        true => count.to_string(),
        false => "?".to_owned(),
    };
    let again = step.duplicated.plus(step.undone);
    let mut line = Line::new().text(format!(
        "  {number}  {:>7}  {:>5}  ",
        step.lost_text(),
        cell(step.wrong.plus(again)),
    ));
    let joined = step.command_line();
    let keys = lost_keys(&step.lost, ui);
    let room = width(ui).saturating_sub(INDENT.len());
    let fits = escape::width(&joined) <= room;
    if fits || step.commands.is_empty() {
        let gap = if step.effect.is_empty() || step.commands.is_empty() {
            ""
        } else {
            "     "
        };
        line = line.with(Label::Command, joined).text(gap);
        line = line.text(step.effect.clone());
        if let Some(keys) = keys {
            line = line.with(Label::Dim, keys);
        }
        return Ok(ui.line(line)?);
    }
    let effect = match step.effect.is_empty() {
        true => step.action.to_string(),
        false => step.effect.clone(),
    };
    line = line.text(effect);
    if let Some(keys) = keys {
        line = line.with(Label::Dim, keys);
    }
    ui.line(line)?;
    self::commands(&step.commands, INDENT, ui)
}

/// What a step loses of the acknowledged writes, after its effect; nothing if it loses none, or if that is not known.
pub(crate) fn loses(step: &Step) -> String {
    let writes = step.lost.writes;
    if step.outcome.starts != Some(true) || writes.is_zero() {
        return String::new();
    }
    let noun = if writes == Count::exactly(1) {
        "write"
    } else {
        "writes"
    };
    format!("; loses {writes} {noun}")
}

/// What the columns before the text of a step take.
const INDENT: &str = "                     ";

/// Commands on lines of their own. Lines that are longer than the terminal end with a backslash: what is copied can be pasted.
pub(crate) fn commands(commands: &[Command], indent: &str, ui: &mut Ui) -> anyhow::Result<()> {
    ui.shows_commands();
    let room = width(ui).saturating_sub(indent.len());
    let last = commands.len().saturating_sub(1);
    for (at, command) in commands.iter().enumerate() {
        let end = if at == last { "" } else { Step::joint(command) };
        for line in wrapped(&command.quoted_words(), room, end) {
            let line = Line::new().with(Label::Command, format!("{indent}{line}"));
            ui.line(line)?;
        }
    }
    Ok(())
}

/// Columns of the terminal; without end if the output goes elsewhere.
fn width(ui: &Ui) -> usize {
    ui.terminal.size.map_or(usize::MAX, |(columns, _)| columns)
}

/// The words of a command in lines of at most `room` columns, if the words allow it; each but the last ends with a backslash.
fn wrapped(words: &[String], room: usize, end: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for (at, word) in words.iter().enumerate() {
        let is_last = at.saturating_add(1) == words.len();
        // A flag stays with its value: it begins a line if the value would not fit.
        let value = words.get(at.saturating_add(1));
        let value = value.filter(|next| word.starts_with("--") && !next.starts_with("--"));
        let both = value.map_or(0, |value| escape::width(value).saturating_add(1));
        let tail = if is_last { end.len() } else { " \\".len() };
        let needed = escape::width(&line)
            .saturating_add(1)
            .saturating_add(escape::width(word))
            .saturating_add(both)
            .saturating_add(tail);
        if !line.trim().is_empty() && needed > room {
            lines.push(format!("{line} \\"));
            line = "  ".to_owned();
        }
        if !line.trim().is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(format!("{line}{end}"));
    lines
}

/// The first keys of a loss; one lost key is named everywhere.
pub(crate) fn lost_keys(loss: &Loss, ui: &Ui) -> Option<String> {
    if loss.keys.is_empty() {
        return None;
    }
    let names: Vec<String> = loss
        .keys
        .iter()
        .take(KEYS)
        .map(|key| escape::bytes(key, ui.terminal.charset).into_owned())
        .collect();
    let more = match loss.keys.len().saturating_sub(KEYS) {
        0 => String::new(),
        more => format!(" and {more} more keys"),
    };
    Some(format!("     lost: {}{more}", names.join(", ")))
}

/// The last line.
pub(crate) fn next(next: &Command, ui: &mut Ui) -> anyhow::Result<()> {
    Ok(ui.line(
        Line::new()
            .with(Label::Dim, "next   ")
            .with(Label::Command, next.to_string()),
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_command_is_the_same_for_a_shell() {
        let command = Command::new("printf")
            .arg("%s|")
            .args(["--name", "m1", "--initial-cluster"])
            .arg("m1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380")
            .arg("--data-dir")
            .arg("a folder/it's");
        let run = |line: &str| {
            let output = std::process::Command::new("sh").args(["-c", line]).output();
            String::from_utf8(output.unwrap().stdout).unwrap()
        };
        let lines = wrapped(&command.quoted_words(), 40, " &&");
        assert!(lines.len() > 2, "{lines:?}");
        let pasted = format!("{}\nprintf end", lines.join("\n"));
        assert_eq!(run(&pasted), format!("{}end", run(&command.to_string())));
        let one = wrapped(&command.quoted_words(), usize::MAX, "");
        assert_eq!(one, [command.to_string()]);
    }
}
