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
    next(&verdict.next, ui)
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
    let known = step.outcome.starts.is_some();
    let cell = |count: Count| match known {
        true => count.to_string(),
        false => "?".to_owned(),
    };
    let again = step.duplicated.plus(step.undone);
    let mut line = Line::new().text(format!(
        "  {number}  {:>7}  {:>5}  ",
        cell(step.lost.writes),
        cell(step.wrong.plus(again)),
    ));
    let commands: Vec<String> = step.commands.iter().map(Command::to_string).collect();
    let gap = if step.effect.is_empty() || commands.is_empty() {
        ""
    } else {
        "     "
    };
    line = line
        .with(Label::Command, commands.join(" && "))
        .text(gap)
        .text(step.effect.clone());
    if let Some(keys) = lost_keys(&step.lost, ui) {
        line = line.with(Label::Dim, keys);
    }
    Ok(ui.line(line)?)
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
