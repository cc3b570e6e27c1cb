//! What was salvaged, from what, and what was not.

use std::path::Path;

use etcd_inspect::salvage::backup::{Backup, Out};
use etcd_inspect::salvage::{Doubtful, Dropped, Lost, Provenance};
use serde_json::{Map, Value, json};

use super::SalvageArgs;
use crate::output::number::thousands;
use crate::output::{Label, Line, escape};
use crate::ui::Ui;
use etcd_inspect::Command;
use etcd_inspect::answers::key_json;
use etcd_inspect::answers::salvage::SalvageAnswer;

/// Lines of a list that people are shown; the JSON has all.
const SHOWN_LINES: usize = 20;
/// Keys that are named if only their age puts them in doubt.
const SHOWN_OLDER: usize = 5;

/// Prints the plan or what was written.
pub(super) fn show(
    salvage: &SalvageAnswer,
    args: &SalvageArgs,
    out: Option<&Out>,
    backup: Option<&Backup>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let fields = fields(salvage, args, out, backup, ui);
    for note in &salvage.notes {
        ui.note(note.clone())?;
    }
    dropped(&salvage.dropped, ui)?;
    // In a table it belongs to the answer, which -q leaves as it is.
    let left_out = salvage.left_out_text();
    if let Some(text) = left_out.filter(|_| !ui.global.format().is_table()) {
        ui.warn(text)?;
    }
    if !salvage.unrecoverable.is_empty() {
        ui.warn(match salvage.unrecoverable.len() {
            1 => "one thing could not be recovered: the list of what is lost names it".to_owned(),
            count => format!(
                "{} things could not be recovered: the list of what is lost names them",
                thousands(i128::try_from(count).unwrap_or(i128::MAX))
            ),
        })?;
    }
    ui.answer("salvage", &fields, |ui| {
        sheet(salvage, out, backup, &fields, ui)
    })
}

/// What is left out on purpose: each reason once, with the names it is about.
fn dropped(all: &[Dropped], ui: &mut Ui) -> anyhow::Result<()> {
    for same in all.chunk_by(|a, b| (a.kind, a.why) == (b.kind, b.why)) {
        let Some(first) = same.first() else { continue };
        let names: Vec<String> = same
            .iter()
            .take(SHOWN_OLDER)
            .map(|dropped| escape::text(&dropped.name, ui.terminal.charset).to_string())
            .collect();
        let (kind, names) = (first.kind, names.join(", "));
        let what = match same.len() {
            1 => format!("{kind} {names} is"),
            count if count > SHOWN_OLDER => {
                format!(
                    "{kind} {names} and {} more (-o json has all) are",
                    count - SHOWN_OLDER
                )
            }
            _ => format!("{kind} {names} are"),
        };
        match kind {
            // Acknowledged writes of a copy that was named: an operator has to choose.
            "history" => ui.warn(format!(
                "the copies are of two histories: {names} not in the backup: {}",
                first.why
            ))?,
            _ => ui.note(format!("{what} not in the backup: {}", first.why))?,
        }
    }
    Ok(())
}

fn fields(
    salvage: &SalvageAnswer,
    args: &SalvageArgs,
    out: Option<&Out>,
    backup: Option<&Backup>,
    ui: &Ui,
) -> Map<String, Value> {
    let count = |label: Provenance| {
        let of_label = salvage.sources.iter().find(|row| row.source == label);
        of_label.map_or(0, |row| row.records)
    };
    let records = json!({
        "db": count(Provenance::Db),
        "log": count(Provenance::Log),
        "db_log": count(Provenance::DbLog),
        "carved": count(Provenance::Carved),
        "peer": count(Provenance::Peer),
    });
    let lost: Vec<Value> = salvage.unrecoverable.iter().map(lost_json).collect();
    let stale: Vec<Value> = salvage.stale.iter().map(doubtful_json).collect();
    let numbers: Vec<Value> = salvage
        .uncertain_numbers
        .iter()
        .map(doubtful_json)
        .collect();
    let deleted: Vec<Value> = salvage.maybe_deleted.iter().map(doubtful_json).collect();
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put(
        "out",
        json!(out.map(|out| out.path().display().to_string())),
    );
    put("sha256", json!(backup.map(|backup| &backup.sha256)));
    put("revision", json!(salvage.revision));
    put("compact_revision", json!(salvage.compact_revision));
    put("keys", json!(salvage.keys));
    put("records", records);
    put("stale", Value::from(stale));
    put("maybe_deleted", Value::from(deleted));
    put("uncertain_numbers", Value::from(numbers));
    put("unrecoverable", Value::from(lost));
    put(
        "possibly_acknowledged",
        json!(salvage.possibly_acknowledged),
    );
    put("left_out", json!(salvage.left_out));
    put(
        "store_revision",
        json!(salvage.part_of.unwrap_or(salvage.revision)),
    );
    put("sha256_failed", json!(salvage.sha256_failed));
    put("dropped", json!(salvage.dropped));
    put("notes", json!(salvage.notes));
    put("next", json!(next(salvage, args, backup, ui)));
    fields
}

/// What to run next: the restore of what was written, or the salvage that writes it.
fn next(
    salvage: &SalvageAnswer,
    args: &SalvageArgs,
    backup: Option<&Backup>,
    ui: &Ui,
) -> Vec<String> {
    match backup {
        Some(backup) => {
            let commands = salvage.restore.commands(&backup.path);
            commands.iter().map(Command::to_string).collect()
        }
        None => {
            let out = args.out.as_deref().unwrap_or(Path::new("salvaged.db"));
            vec![ui.advice(args.asked(&ui.global).arg("--out").path(out))]
        }
    }
}

fn lost_json(lost: &Lost) -> Value {
    let mut fields = Map::new();
    fields.insert("what".to_owned(), json!(lost.what));
    fields.insert("possibly".to_owned(), json!(lost.possibly));
    if let Some(key) = &lost.key {
        fields.insert("key".to_owned(), key_json(key));
    }
    if let Some((first, last)) = lost.revisions {
        fields.insert("first_revision".to_owned(), json!(first));
        fields.insert("last_revision".to_owned(), json!(last));
    }
    if let Some((first, last)) = lost.indexes {
        fields.insert("first_index".to_owned(), json!(first));
        fields.insert("last_index".to_owned(), json!(last));
    }
    if let Some(place) = &lost.place {
        fields.insert("file".to_owned(), json!(place.file.as_str()));
        fields.insert("offset".to_owned(), json!(place.offset));
        if let Some(page) = place.page {
            fields.insert("page".to_owned(), json!(page));
        }
    }
    Value::Object(fields)
}

fn doubtful_json(doubtful: &Doubtful) -> Value {
    json!({
        "key": key_json(&doubtful.key),
        "revision": doubtful.revision,
        "lost_revision": doubtful.lost_revision,
        "place": doubtful.place.as_ref().map(ToString::to_string),
    })
}

fn sheet(
    salvage: &SalvageAnswer,
    out: Option<&Out>,
    backup: Option<&Backup>,
    fields: &Map<String, Value>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    ui.line(Line::from(salvage.headline()))?;
    if let Some(text) = salvage.left_out_text() {
        ui.line(Line::new().with(Label::Warning, "part    ").text(text))?;
    }
    ui.line(Line::new().with(
        Label::Dim,
        format!("{:<8}{:>12}{:>12}", "SOURCE", "RECORDS", "KEYS"),
    ))?;
    for row in &salvage.sources {
        ui.line(Line::from(format!(
            "{:<8}{:>12}{:>12}",
            row.source.as_str(),
            thousands(row.records.into()),
            thousands(row.keys.into())
        )))?;
    }
    if salvage.sources.iter().all(|row| row.records == 0) {
        let why = "no source has a record: the store is empty, and so is a backup of it";
        ui.line(Line::new().with(Label::Dim, why))?;
    }
    doubtful("stale", &salvage.stale, ui)?;
    let (traced, older): (Vec<Doubtful>, Vec<Doubtful>) = salvage
        .maybe_deleted
        .iter()
        .cloned()
        .partition(|key| key.place.is_some());
    doubtful("maybe deleted", &traced, ui)?;
    if !older.is_empty() {
        ui.line(Line::new().with(Label::Warning, format!("{:<14}", "maybe deleted")).text(format!(
            "{} older than a lost write of which nothing says which key it changed or deleted:",
            match older.len() {
                1 => "1 key is".to_owned(),
                count => format!("{} keys are", thousands(i128::try_from(count).unwrap_or(i128::MAX))),
            }
        )))?;
        doubtful("", &older, ui)?;
    }
    numbers(salvage, ui)?;
    for lost in salvage.unrecoverable.iter().take(SHOWN_LINES) {
        let place = lost
            .place
            .as_ref()
            .map_or_else(String::new, |place| format!(" ({place})"));
        ui.line(
            Line::new()
                .with(
                    Label::Warning,
                    if lost.possibly {
                        "lost?   "
                    } else {
                        "lost    "
                    },
                )
                .text(format!("{}{place}", lost.what)),
        )?;
    }
    cut(salvage.unrecoverable.len(), SHOWN_LINES, ui)?;
    match (backup, out) {
        (Some(backup), _) => {
            ui.line(Line::from(format!(
                "wrote   {} · {} bytes · mode 0600 · secrets are in it as they are stored",
                backup.path.display(),
                thousands(backup.size_bytes.into())
            )))?;
            ui.line(Line::from(format!("sha256  {}", backup.sha256)))?;
            if let Some(why) = salvage.why_bump() {
                ui.note(why)?;
            }
        }
        (None, Some(out)) => ui.line(Line::from(format!(
            "dry run: {} was not written",
            out.path().display()
        )))?,
        (None, None) => ui.line(Line::from("dry run: nothing was written"))?,
    }
    let next = fields.get("next").and_then(Value::as_array);
    for command in next.into_iter().flatten().filter_map(Value::as_str) {
        ui.line(
            Line::new()
                .with(Label::Dim, "next    ")
                .with(Label::Command, command.to_owned()),
        )?;
    }
    Ok(())
}

fn doubtful(name: &str, keys: &[Doubtful], ui: &mut Ui) -> anyhow::Result<()> {
    let shown = if name.is_empty() {
        SHOWN_OLDER
    } else {
        SHOWN_LINES
    };
    for key in keys.iter().take(shown) {
        let text = escape::bytes(&key.key, ui.terminal.charset);
        ui.line(
            Line::new()
                .with(Label::Warning, format!("{name:<14}"))
                .text(format!(
                    "{text}: left at revision {}, lost at revision {}",
                    key.revision, key.lost_revision
                )),
        )?;
    }
    cut(keys.len(), shown, ui)
}

/// Keys whose create revision and version may be wrong, and their revision too if nothing says how many revisions lost entries made.
fn numbers(salvage: &SalvageAnswer, ui: &mut Ui) -> anyhow::Result<()> {
    let keys = &salvage.uncertain_numbers;
    let what = match salvage.uncounted_from {
        Some(_) => "revisions and version",
        None => "create revision and version",
    };
    let Some(first) = keys.first() else {
        return Ok(());
    };
    let of = match keys.len() {
        1 => format!("of {}", escape::bytes(&first.key, ui.terminal.charset)),
        count => format!(
            "of {} keys (-o json lists them)",
            thousands(i128::try_from(count).unwrap_or(i128::MAX))
        ),
    };
    ui.line(Line::new().with(Label::Warning, "numbers?  ").text(format!(
        "{what} {of} are counted on after the writes that are lost from revision {}: {} would change them",
        thousands(first.lost_revision.into()),
        match salvage.uncounted_from {
            Some(_) => "a lost write of the key, or a lost entry that wrote nothing,",
            None => "a lost write of the key",
        }
    )))?;
    Ok(())
}

fn cut(all: usize, shown: usize, ui: &mut Ui) -> anyhow::Result<()> {
    if all > shown {
        ui.line(Line::new().with(
            Label::Dim,
            format!("        {shown} of {all} (-o json has all)"),
        ))?;
    }
    Ok(())
}
