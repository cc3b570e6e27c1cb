//! What is reported on stderr: doubts, damage, and why there is no answer.

use std::io::{self, Write};
use std::path::Path;

use etcd_inspect::codes::dir;
use etcd_inspect::evidence::{self, Evidence};
use etcd_inspect::{Advice, Finding};

use super::person::{bytes_around, field};
use super::{Label, Line, json};
use crate::failure::Failure;
use crate::ui::Ui;

/// Findings that a warning names; `check` has them all.
const WARNED: usize = 5;
/// Doubts about one evidence that are named.
const DOUBTS: usize = 3;

/// Warns of what could not be read, with the first findings; whether there was any.
pub(crate) fn damage(ui: &mut Ui) -> io::Result<bool> {
    let damage = ui.damage();
    if damage.is_empty() {
        return Ok(false);
    }
    let summary = damage.summary();
    if ui.damage_reported.as_ref() == Some(&summary) {
        return Ok(true);
    }
    ui.warn(format!("the answer is partial: {summary}"))?;
    for finding in damage.findings.iter().take(WARNED) {
        ui.warn(format!(
            "{} {}: {}",
            finding.code.id, finding.place, finding.message
        ))?;
    }
    if ui.opened.iter().any(Evidence::is_denied) {
        let sudo = ui.advice(ui.with_sudo());
        ui.warn(format!("as a user who may read it: {sudo}"))?;
    } else if damage.is_damage() {
        ui.warn(ui.advice("what is damaged, and what to do: etcd-inspect check {path}"))?;
    } else if let Some(first) = damage.findings.first() {
        for advice in first.advice() {
            ui.warn(ui.advice(advice))?;
        }
    }
    ui.damage_reported = Some(summary);
    Ok(true)
}

/// Warns, one line each, of what makes every answer about this evidence doubtful: a server that holds it, entries that are
/// encrypted.
pub(crate) fn doubts(evidence: &Evidence, ui: &mut Ui) -> io::Result<()> {
    match evidence.wal_dir() {
        Some(wal_dir) if ui.global.wal_dir.is_empty() => {
            let taken = Advice::from("the WAL is not in member/wal: {path} is taken");
            ui.note(taken.on(wal_dir))?;
        }
        _ => {}
    }
    if evidence.unread_segments() > 0 {
        let segments = evidence.unread_segments();
        ui.warn(format!(
            "member/wal has {segments} WAL segments too; like etcd with --wal-dir, nothing reads them"
        ))?;
    }
    let mut doubts = Vec::new();
    evidence.report(&mut |finding| {
        let is_said_always = [dir::LOCK_HELD.id, dir::ARCHIVE_ENCRYPTED.id];
        if is_said_always.contains(&finding.code.id) {
            doubts.push(format!("{}: {}", finding.place, finding.message));
        }
    });
    let more = doubts.len().saturating_sub(DOUBTS);
    for doubt in doubts.into_iter().take(DOUBTS) {
        ui.warn(doubt)?;
    }
    if more > 0 {
        let check = ui.advice("etcd-inspect check {path}");
        ui.warn(format!("{more} more like this: {check}"))?;
    }
    Ok(())
}

/// What has to be done before the commands that were shown can be run, if the evidence came through a pipe.
pub(crate) fn to_be_saved(ui: &mut Ui) -> io::Result<()> {
    let Some(file) = ui.to_be_saved().map(Path::to_owned) else {
        return Ok(());
    };
    let text = "a pipe can be read only once: save it to a file first, as {path}; the commands above name that file";
    ui.note(Advice::from(text).on(file.as_path()))
}

/// What was met on the way to an answer: the first few, and who reports the rest.
pub(crate) fn findings(findings: &[Finding], ui: &mut Ui) -> io::Result<()> {
    for finding in findings.iter().take(WARNED) {
        let code = finding.code;
        ui.warn(format!(
            "{} {}: {} ({})",
            code.id, code.title, finding.message, finding.place
        ))?;
    }
    let more = findings.len().saturating_sub(WARNED);
    if more > 0 {
        let check = ui.advice("etcd-inspect check {path}");
        ui.warn(format!("{more} findings more: {check}"))?;
    }
    Ok(())
}

/// Why there is no answer: JSON if JSON was asked for.
pub(crate) fn failure(failure: &Failure, ui: &mut Ui) -> io::Result<()> {
    ui.out().flush()?;
    let terminal = ui.err_terminal;
    let mut err = io::stderr().lock();
    if ui.global.format().is_json() {
        json::compact(&mut err, &failure.json(ui.operand()))?;
        return err.write_all(b"\n");
    }
    Line::new()
        .with(Label::Error, format!("error[{}]", failure.code))
        .text(format!(": {}", failure.message))
        .write(&mut err, terminal)?;
    if let Some(place) = &failure.place {
        Line::from(format!("  --> {place}")).write(&mut err, terminal)?;
        if let Some(offset) = place.offset {
            let mut files = ui.opened.iter().flat_map(Evidence::files);
            let file = files.find(|file| *file.name() == place.file);
            if let Some(Ok(bytes)) = file.map(evidence::File::bytes) {
                bytes_around(&mut err, terminal, &bytes, offset, ui.reveal_all)?;
            }
        }
    }
    if let Some(means) = &failure.means {
        field(&mut err, terminal, "means", means)?;
    }
    for (at, advice) in failure.next.iter().enumerate() {
        let name = if at == 0 { "try" } else { "" };
        let text = ui.advice(advice.clone());
        field(&mut err, terminal, name, &text)?;
    }
    Ok(())
}
