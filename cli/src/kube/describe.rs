//! `get --describe`.

use etcd_inspect::answers::find::FoundObject;
use etcd_inspect::kubernetes::describe::{Owner, Summary, describe as summarise};
use etcd_inspect::kubernetes::mask::Mask;
use etcd_inspect::member::{Objects, Reading};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::KubeArgs;
use super::print::{aligned, table_of};
use crate::output::{Label, Line};
use crate::ui::Ui;

/// Most events that people are shown; programs get all.
const SHOWN: usize = 20;

/// Prints a summary of every object found.
pub(crate) fn describe(
    objects: &Objects<'_>,
    found: Vec<FoundObject<'_>>,
    args: &KubeArgs,
    mask: Option<&Mask>,
    revision: Option<i64>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let now = args
        .now
        .or_else(|| objects.newest_time(revision))
        .unwrap_or(Timestamp::UNIX_EPOCH);
    let mut events: Vec<Value> = Vec::new();
    for target in objects.layout().resolve("events") {
        for version in objects.list(&target, None, revision)? {
            events.extend(objects.json(&version, Reading::default()).ok());
        }
    }
    let owner = |owner: &Owner, namespace: Option<&str>| {
        let target = objects.layout().of_kind(&owner.api_version, &owner.kind)?;
        let keys = objects.keys_of(&target, namespace, &owner.name);
        keys.iter().find_map(|key| {
            let version = objects.keyspace().get(key, revision).ok()??;
            objects.json(&version, Reading::default()).ok()
        })
    };
    for (at, mut found) in found.into_iter().enumerate() {
        if let Some(mask) = mask {
            mask.object(&mut found.object);
        }
        let table = table_of(objects, &found.target, &found.object);
        let mut summary = summarise(&found.object, &table, now, &events, &owner);
        let revision = format!(
            "{} (version {})",
            found.version.revision.main,
            found.version.key_value().map_or(0, |kv| kv.version)
        );
        summary.fields.push(("Revision".to_owned(), revision));
        let fields = match serde_json::to_value(&summary)? {
            Value::Object(mut fields) => {
                let pairs: Map<String, Value> = summary
                    .fields
                    .iter()
                    .filter(|(heading, _)| !heading.is_empty())
                    .map(|(heading, text)| {
                        (
                            heading.to_lowercase().replace(' ', "_"),
                            Value::from(text.as_str()),
                        )
                    })
                    .collect();
                fields.insert("fields".to_owned(), Value::Object(pairs));
                fields
            }
            _ => Map::new(),
        };
        ui.answer("describe", &fields, |ui| {
            if at > 0 {
                ui.line(Line::new())?;
            }
            sheet(&summary, ui)
        })?;
    }
    Ok(())
}

fn sheet(summary: &Summary, ui: &mut Ui) -> anyhow::Result<()> {
    for (heading, text) in &summary.fields {
        let heading = if heading.is_empty() {
            String::new()
        } else {
            format!("{heading}:")
        };
        ui.line(
            Line::new()
                .with(Label::Dim, format!("{heading:<17} "))
                .text(text.trim()),
        )?;
    }
    if !summary.owners.is_empty() {
        let chain: Vec<_> = summary
            .owners
            .iter()
            .map(|owner| {
                format!(
                    "{}/{}{}",
                    owner.kind,
                    owner.name,
                    if owner.found { "" } else { " (missing)" }
                )
            })
            .collect();
        ui.line(
            Line::new()
                .with(Label::Dim, format!("{:<17} ", "Controlled by:"))
                .text(chain.join(" ← ")),
        )?;
    }
    section(
        "Conditions",
        &["TYPE", "STATUS", "AGE", "REASON", "MESSAGE"],
        summary.conditions.iter().map(|condition| {
            [
                &condition.kind,
                &condition.status,
                &condition.age,
                &condition.reason,
                &condition.message,
            ]
            .map(Clone::clone)
            .to_vec()
        }),
        ui,
    )?;
    section(
        "Events",
        &["LAST SEEN", "TYPE", "REASON", "COUNT", "MESSAGE"],
        summary.events.iter().take(SHOWN).map(|event| {
            vec![
                event.age.clone(),
                event.kind.clone(),
                event.reason.clone(),
                event.count.to_string(),
                event.message.clone(),
            ]
        }),
        ui,
    )?;
    if summary.events.len() > SHOWN {
        ui.line(Line::new().with(
            Label::Dim,
            format!(
                "  … {} older events (-o json has all)",
                summary.events.len() - SHOWN
            ),
        ))?;
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
