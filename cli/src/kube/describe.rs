//! `get --describe`.

use etcd_inspect::answers::describe::DescribeAnswer;
use etcd_inspect::kubernetes::describe::{Owner, Summary};

use super::print::aligned;
use crate::output::{Label, Line};
use crate::ui::Ui;

/// Most events that people are shown; programs get all.
const SHOWN: usize = 20;

/// Prints a summary of every object found.
pub(crate) fn describe(described: &[DescribeAnswer], ui: &mut Ui) -> anyhow::Result<()> {
    for (at, answer) in described.iter().enumerate() {
        ui.answer("describe", answer, |ui| {
            if at > 0 {
                ui.line(Line::new())?;
            }
            sheet(&answer.summary, ui)
        })?;
    }
    Ok(())
}

fn sheet(summary: &Summary, ui: &mut Ui) -> anyhow::Result<()> {
    let mut field = |heading: &str, text: &str| {
        let heading = match heading {
            "" => String::new(),
            heading => format!("{heading}:"),
        };
        let line = Line::new().with(Label::Dim, format!("{heading:<17} "));
        ui.line(line.text(text))
    };
    for (heading, text) in &summary.fields {
        field(heading, text.trim())?;
    }
    if !summary.owners.is_empty() {
        let owner = |owner: &Owner| {
            let missing = if owner.found { "" } else { " (missing)" };
            format!("{}/{}{missing}", owner.kind, owner.name)
        };
        let chain: Vec<_> = summary.owners.iter().map(owner).collect();
        field("Controlled by", &chain.join(" ← "))?;
    }
    let conditions = summary.conditions.iter().map(|condition| {
        [
            &condition.kind,
            &condition.status,
            &condition.age,
            &condition.reason,
            &condition.message,
        ]
        .map(Clone::clone)
        .to_vec()
    });
    let headings = ["TYPE", "STATUS", "AGE", "REASON", "MESSAGE"];
    section("Conditions", &headings, conditions, ui)?;
    let events = summary.events.iter().take(SHOWN).map(|event| {
        vec![
            event.age.clone(),
            event.kind.clone(),
            event.reason.clone(),
            event.count.to_string(),
            event.message.clone(),
        ]
    });
    let headings = ["LAST SEEN", "TYPE", "REASON", "COUNT", "MESSAGE"];
    section("Events", &headings, events, ui)?;
    let older = summary.events.len().saturating_sub(SHOWN);
    if older > 0 {
        let text = format!("  … {older} older events (-o json has all)");
        ui.line(Line::new().with(Label::Dim, text))?;
    }
    Ok(())
}

fn section(
    title: &str,
    headings: &[&str],
    lines: impl Iterator<Item = Vec<String>>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let indent = |mut line: Vec<String>| {
        if let Some(first) = line.first_mut() {
            first.insert_str(0, "  ");
        }
        line
    };
    let lines: Vec<_> = lines.map(indent).collect();
    if lines.is_empty() {
        return Ok(());
    }
    ui.line(Line::new().with(Label::Dim, format!("{title}:")))?;
    aligned(
        &indent(
            headings
                .iter()
                .map(|heading| (*heading).to_owned())
                .collect(),
        ),
        &lines,
        ui,
    )?;
    Ok(())
}
