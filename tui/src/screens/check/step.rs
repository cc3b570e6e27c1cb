//! A step of a plan: one row, and the text beside it.

use etcd_inspect::text::escape;
use etcd_inspect::verdict::{Action, Count, LaterWrites, Loss, Step};

use super::text::wrapped;
use crate::paint::Line;
use crate::session::Session;
use crate::theme::Role;

/// Keys of a loss that are named.
const KEYS: usize = 50;

/// What the step costs, in a few words.
pub(in crate::screens) fn cost(step: &Step) -> (Role, String) {
    if step.outcome.starts.is_none() {
        return (Role::Warning, "loss unknown".to_owned());
    }
    let again = step.duplicated.plus(step.undone);
    let counts = [
        ("loses", step.lost.writes),
        ("wrong", step.wrong),
        ("twice or undone", again),
    ];
    let parts: Vec<String> = counts
        .iter()
        .filter(|(_, count)| !count.is_zero())
        .map(|(what, count)| format!("{what} {count}"))
        .collect();
    match parts.is_empty() {
        true if !step.possibly_lost.is_none() => {
            (Role::Warning, format!("loses {}", step.lost_text()))
        }
        true => (Role::Good, "loses 0".to_owned()),
        false => (Role::Warning, parts.join(", ")),
    }
}

/// Action, cost and effect in one line.
pub(in crate::screens) fn line(step: &Step) -> String {
    let (_, cost) = cost(step);
    let parts = [step.action.to_string(), cost, step.effect.clone()];
    let parts: Vec<&str> = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(" · ")
}

/// The commands as one line of a shell.
pub(in crate::screens) fn commands(step: &Step) -> Result<String, String> {
    match step.commands.is_empty() {
        true => Err("no command of this machine does this step".to_owned()),
        false => Ok(step.command_line()),
    }
}

/// All of a step, in lines of a width.
pub(in crate::screens) fn lines(step: &Step, width: usize, session: &Session) -> Vec<Line> {
    let mut lines = Vec::new();
    let (role, cost) = cost(step);
    lines.push(
        Line::piece(Role::Heading, format!(" {} ", step.action))
            .with(role, cost)
            .with(Role::Dim, format!(" · etcd {}", step.release)),
    );
    wrapped(&mut lines, Role::Plain, &step.effect, width);
    if let Some(message) = &step.outcome.message {
        wrapped(&mut lines, Role::Error, message, width);
    }
    outcome(step, width, &mut lines);
    of_loss("lost", &step.lost, session, &mut lines);
    of_loss("perhaps", &step.possibly_lost, session, &mut lines);
    if step.commands.is_empty() {
        return lines;
    }
    lines.push(Line::new());
    for command in &step.commands {
        wrapped(&mut lines, Role::Key, &command.to_string(), width);
    }
    lines.push(Line::new());
    let hint = match step.action {
        Action::Salvage => {
            "e asks for the file, salvages as a dry run, shows what would be written and lost, and writes after a typed yes"
        }
        Action::Correct => {
            "e asks for the directory, shows the bytes that would be corrected, and writes the copy after a typed yes"
        }
        _ => "cc copies the commands",
    };
    wrapped(&mut lines, Role::Dim, hint, width);
    lines
}

fn outcome(step: &Step, width: usize, lines: &mut Vec<Line>) {
    let later = match step.outcome.later_writes {
        LaterWrites::Kept | LaterWrites::None | LaterWrites::Unknown => None,
        LaterWrites::Refused => Some("later writes are refused until an alarm is disarmed".into()),
        LaterWrites::Vanish(entries) => Some(format!(
            "the next {entries} writes time out and are never in the store"
        )),
    };
    if let Some(text) = later {
        wrapped(lines, Role::Error, &text, width);
    }
    let counts: [(&str, Count); 3] = [
        ("records are served with another content", step.wrong),
        ("writes are applied a second time", step.duplicated),
        ("writes that a restore had taken back return", step.undone),
    ];
    for (what, count) in counts.iter().filter(|(_, count)| !count.is_zero()) {
        wrapped(lines, Role::Error, &format!("{count} {what}"), width);
    }
}

fn of_loss(name: &str, loss: &Loss, session: &Session, lines: &mut Vec<Line>) {
    if loss.is_none() {
        return;
    }
    let revisions = match (loss.first_revision, loss.last_revision) {
        (Some(first), Some(last)) if first == last => format!(" at revision {first}"),
        (Some(first), Some(last)) => format!(" at revisions {first}–{last}"),
        _ => String::new(),
    };
    let writes = match loss.writes.value {
        1 => "write",
        _ => "writes",
    };
    lines.push(
        Line::piece(Role::Warning, format!(" {name:<8} "))
            .text(format!("{} {writes}{revisions}", loss.writes)),
    );
    for key in loss.keys.iter().take(KEYS) {
        let key = escape::bytes(key, session.charset()).into_owned();
        lines.push(Line::piece(Role::Dim, "          ").with(Role::Name, key));
    }
    if loss.keys.len() > KEYS {
        let text = format!("          {KEYS} of {} keys", loss.keys.len());
        lines.push(Line::piece(Role::Dim, text));
    }
}
