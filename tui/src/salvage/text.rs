//! What people read before they type `yes`, and after.

use std::path::Path;

use etcd_inspect::answers::salvage::{
    SalvageAnswer, Written, correction_text, doubtful_text, lost_text,
};
use etcd_inspect::salvage::Doubtful;
use etcd_inspect::text::number;

use super::{Plan, Request};
use crate::paint::Line;
use crate::theme::Role;

/// Rows of one list that are shown; the command line has all.
const SHOWN: usize = 20;

fn fact(name: &str, text: impl Into<String>) -> Line {
    Line::piece(Role::Dim, format!("{name:<8} ")).text(text)
}

/// What would be written, and what is lost.
pub(crate) fn of_plan(plan: &Plan, request: &Request, out: &Path) -> Vec<Line> {
    let mut lines = vec![
        Line::piece(Role::Heading, "dry run: nothing has been written"),
        fact("file", out.display().to_string()),
    ];
    match plan {
        Plan::Backup(answer) => of_backup(answer, &mut lines),
        Plan::Corrected(corrections) => {
            for correction in corrections.iter().take(SHOWN) {
                lines.push(fact("corrects", correction_text(correction)));
            }
            cut(corrections.len(), &mut lines);
            if corrections.is_empty() {
                lines.push(fact("corrects", "nothing: no byte is proven to be wrong"));
            }
        }
    }
    lines.push(Line::new());
    lines.push(Line::piece(Role::Dim, request.command(out)));
    lines
}

fn of_backup(answer: &SalvageAnswer, lines: &mut Vec<Line>) {
    lines.push(fact("backup", answer.headline()));
    lines.push(Line::piece(
        Role::Dim,
        format!("{:<8} {:>12} {:>12}", "SOURCE", "RECORDS", "KEYS"),
    ));
    for row in &answer.sources {
        lines.push(Line::from(format!(
            "{:<8} {:>12} {:>12}",
            row.source.as_str(),
            number::thousands(row.records.into()),
            number::thousands(row.keys.into())
        )));
    }
    for lost in answer.unrecoverable.iter().take(SHOWN) {
        lines.push(Line::piece(Role::Warning, format!("{:<8} ", "lost")).text(lost_text(lost)));
    }
    cut(answer.unrecoverable.len(), lines);
    of_doubtful("stale", &answer.stale, lines);
    of_doubtful("deleted?", &answer.maybe_deleted, lines);
    of_doubtful("numbers?", &answer.uncertain_numbers, lines);
    if answer.is_whole() {
        lines.push(fact("lost", "").with(Role::Good, "nothing"));
    }
    for dropped in answer.dropped.iter().take(SHOWN) {
        let text = format!("{} {}: {}", dropped.kind, dropped.name, dropped.why);
        lines.push(fact("left out", text));
    }
    cut(answer.dropped.len(), lines);
    for note in &answer.notes {
        lines.push(fact("note", note.clone()));
    }
    if let Some(why) = answer.why_bump() {
        lines.push(fact("note", why));
    }
    lines.push(fact(
        "secrets",
        "are written as stored; mode 0600: only the owner reads them",
    ));
}

fn of_doubtful(name: &str, keys: &[Doubtful], lines: &mut Vec<Line>) {
    for key in keys.iter().take(SHOWN) {
        lines.push(Line::piece(Role::Warning, format!("{name:<8} ")).text(doubtful_text(key)));
    }
    cut(keys.len(), lines);
}

fn cut(all: usize, lines: &mut Vec<Line>) {
    if all > SHOWN {
        let text = format!("         {SHOWN} of {all}; the command below with --dry-run lists all");
        lines.push(Line::piece(Role::Dim, text));
    }
}

/// What was written, and what to run next.
pub(crate) fn of_written(written: &Written) -> Vec<Line> {
    let mut lines = vec![fact("wrote", written.path.display().to_string())];
    if let Some(backup) = &written.backup {
        lines.push(fact(
            "size",
            format!(
                "{} bytes, mode 0600: secrets are in it as they are stored",
                number::thousands(backup.size_bytes.into())
            ),
        ));
        lines.push(fact("sha256", backup.sha256.clone()));
    }
    lines.push(Line::new());
    for command in &written.next {
        lines.push(fact("next", "").with(Role::Key, command.clone()));
    }
    lines.push(Line::new());
    let what = match written.next.len() {
        0 | 1 => "c copies this command · any other key closes",
        _ => "c copies these commands · any other key closes",
    };
    lines.push(Line::piece(Role::Dim, what));
    lines
}
