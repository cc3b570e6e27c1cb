//! The text about a finding, and about a check.

use etcd_inspect::Finding;
use etcd_inspect::check::Report;
use etcd_inspect::text::{escape, number};
use etcd_inspect::verdict::Verdict;

use crate::paint::Line;
use crate::session::Session;
use crate::theme::Role;

/// Keys of one finding that are named.
const KEYS: usize = 50;

/// What it is, what causes it, what to do next.
pub(in crate::screens) fn of_finding(
    finding: &Finding,
    width: usize,
    session: &Session,
) -> Vec<Line> {
    let code = finding.code;
    let mut lines = Vec::new();
    wrapped(&mut lines, Role::Plain, &finding.message, width);
    let fact = |name: &str| Line::piece(Role::Dim, format!(" {name:<9}"));
    lines.push(fact("where").text(finding.place.to_string()));
    if let Some(seen) = &finding.seen {
        lines.push(fact("seen").with(Role::Removed, seen.clone()));
    }
    if let Some(expected) = &finding.expected {
        lines.push(fact("expected").with(Role::Added, expected.clone()));
    }
    if finding.count > 1 {
        lines.push(fact("places").text(number::thousands(finding.count.into())));
    }
    if !finding.page_stack.is_empty() {
        let stack: Vec<String> = finding.page_stack.iter().map(u64::to_string).collect();
        lines.push(fact("pages").text(format!("{} from the root", stack.join(" › "))));
    }
    for (number, key) in finding.keys.iter().take(KEYS).enumerate() {
        let name = if number == 0 { "keys" } else { "" };
        lines.push(fact(name).with(Role::Name, escape::bytes(key, session.charset())));
    }
    if finding.keys.len() > KEYS {
        lines.push(fact("").text(format!("… {} keys more", finding.keys.len() - KEYS)));
    }
    for (heading, text) in [("What it is", code.what), ("What causes it", code.why)] {
        lines.push(Line::new());
        lines.push(Line::piece(Role::Heading, format!(" {heading}")));
        wrapped(&mut lines, Role::Plain, text, width);
    }
    lines.push(Line::new());
    lines.push(Line::piece(Role::Heading, " What to do next"));
    for advice in finding.advice() {
        let text = advice.on(session.operand());
        wrapped(&mut lines, Role::Plain, &text, width);
    }
    lines.push(Line::new());
    lines.push(Line::piece(
        Role::Dim,
        format!(" etcd-inspect explain {}", code.id),
    ));
    lines
}

/// Causes, what was looked at, and what was not.
pub(super) fn of_report(
    report: &Report,
    verdict: Option<&Verdict>,
    width: usize,
    session: &Session,
) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(verdict) = verdict {
        of_causes(verdict, width, &mut lines);
    }
    for checked in &report.checked {
        wrapped(
            &mut lines,
            Role::Plain,
            &format!("looked at  {checked}"),
            width,
        );
    }
    for skipped in &report.skipped {
        let text = format!("skipped    {}: {}", skipped.what, skipped.why);
        wrapped(&mut lines, Role::Warning, &text, width);
    }
    lines.push(Line::new());
    let next = match verdict {
        Some(verdict) => (verdict.next.clone())
            .opened_with(session.operand())
            .to_string(),
        None => report.next.on(session.operand()),
    };
    wrapped(&mut lines, Role::Dim, &format!("next: {next}"), width);
    lines
}

fn of_causes(verdict: &Verdict, width: usize, lines: &mut Vec<Line>) {
    for cause in &verdict.causes {
        let explains = match cause.explains.len() {
            0 => String::new(),
            count => format!(" (explains {count} more)"),
        };
        let text = format!("cause  {}: {}{explains}", cause.code.title, cause.message);
        wrapped(lines, Role::Error, &text, width);
    }
    if !verdict.causes.is_empty() {
        lines.push(Line::new());
    }
}

/// A text in lines of a width, a cell free at each side.
pub(super) fn wrapped(lines: &mut Vec<Line>, role: Role, text: &str, width: usize) {
    let room = width.saturating_sub(2).max(10);
    let mut line = String::new();
    for word in text.split(' ') {
        let taken = escape::width(&line);
        if taken > 0 && taken + 1 + escape::width(word) > room {
            lines.push(Line::piece(role, format!(" {line}")));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(Line::piece(role, format!(" {line}")));
    }
}
