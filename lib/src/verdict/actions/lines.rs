//! What a preflight says of a step, line by line. A line that fails makes it NO-GO, and puts the step after those without one.

use super::{force_new_cluster, restore, start, upgrade};
use crate::codes::{backend, dir};
use crate::start::{Level, Line, counted};
use crate::text::number::thousands;
use crate::verdict::action::Action;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::{Count, Loss};
use crate::verdict::step::Step;
use crate::verdict::{Cause, causes};
use crate::{Finding, Severity};

/// The lines of an action, with what it costs; `step` is `None` if it cannot be done with this evidence.
pub(in crate::verdict) fn lines(
    facts: &Facts<'_>,
    action: Action,
    step: Option<&Step>,
) -> Vec<Line> {
    // What this user may not read says nothing about etcd's fate.
    if let Some(finding) = facts.sound.not_read() {
        let text = format!("cannot tell: {}: {}", finding.place, finding.message);
        return vec![Line::new(Level::Fail, finding.code.id, text)];
    }
    let mut lines: Vec<Line> = held(facts).into_iter().collect();
    lines.extend(standing(facts, action));
    lines.extend(match action {
        Action::ForceNewCluster => force_new_cluster::lines(facts),
        Action::Start => (facts.start.as_ref())
            .map(|started| start::lines(facts, started))
            .unwrap_or_default(),
        Action::Restore => restore::lines(facts, step),
        Action::Upgrade => upgrade::lines(facts),
        _ => Vec::new(),
    });
    if let Some(step) = step {
        costs(step, &mut lines);
    }
    lines
}

/// A server that runs on the directory, before every other line: another etcd waits for its locks, and what is read or copied
/// meanwhile mixes states of different times. Source: `flock` in `bolt_unix.go`, v1.3.11.
fn held(facts: &Facts<'_>) -> Option<Line> {
    let mut holders = facts.member.evidence().holders().iter();
    let holder = holders.find(|holder| holder.exclusive)?;
    let text = format!(
        "{} runs on this directory: nothing else can be started on it, and a copy of it is not of one moment. Stop it first, or ask it for a backup (etcdctl snapshot save)",
        holder.process()
    );
    Some(Line::new(Level::Fail, dir::LOCK_HELD.id, text))
}

/// What the other copies say against the use of this one.
fn standing(facts: &Facts<'_>, action: Action) -> Option<Line> {
    if let Some(parted) = &facts.standing.parted {
        let (other, entry) = (&parted.name, thousands(parted.index.into()));
        let text = match parted.is_of_minority {
            true => format!(
                "from entry {entry} on its log has another history than {other}, which a majority of the cluster has: what the majority wrote since then is not in it"
            ),
            false => format!(
                "from entry {entry} on its log has another history than {other}, and no majority of voters is here that says which one counts: decide whose writes are kept, and judge that copy alone"
            ),
        };
        return Some(Line::new(Level::Fail, "HISTORY", text));
    }
    let level = match action {
        Action::Start | Action::Upgrade => Level::Fail,
        _ => Level::Warn,
    };
    if let Some(newer) = &facts.standing.older_than {
        let text = format!(
            "older copy of the same member as {newer}: never start it, it lacks what its member acknowledged later"
        );
        return Some(Line::new(level, "OLDER-COPY", text));
    }
    let by = facts.standing.removed.as_ref()?.by.as_ref()?;
    let text = format!("{by} knows that the member of this copy was removed from the cluster");
    Some(Line::new(level, "REMOVED", text))
}

/// What a check found, one line for each cause; what has a line already is left out. `serves`: etcd comes up all the same.
pub(super) fn findings(facts: &Facts<'_>, serves: bool, lines: &mut Vec<Line>) {
    let said: Vec<String> = lines.iter().map(|line| line.code.clone()).collect();
    let level = |finding: &Finding| match finding.severity {
        Severity::Error if !is_alarm(finding) => Level::Fail,
        _ => Level::Warn,
    };
    for mut line in by_cause(facts, level) {
        if said.contains(&line.code) {
            continue;
        }
        if serves && line.level == Level::Fail {
            line.text = format!("etcd starts and does not notice: {}", line.text);
        }
        lines.push(line);
    }
}

/// An alarm is on in all members of a cluster: it prevents writes until it is disarmed, and nothing is lost.
fn is_alarm(finding: &Finding) -> bool {
    let alarms = [&backend::ALARM_NOSPACE, &backend::ALARM_CORRUPT];
    alarms.iter().any(|code| std::ptr::eq(*code, finding.code))
}

/// One line for each cause, at the worst level of what it consists of and what it explains.
pub(super) fn by_cause(facts: &Facts<'_>, level: impl Fn(&Finding) -> Level) -> Vec<Line> {
    let report = facts.sound.report();
    let line = |cause: &Cause| {
        let all = cause.findings.iter().chain(&cause.explains);
        let found = all.filter_map(|&at| report.findings.get(at));
        let above = found.filter(|finding| finding.severity > Severity::Note);
        let fails = above.clone().any(|finding| level(finding) == Level::Fail);
        let level = if fails { Level::Fail } else { Level::Warn };
        let more = match above.count().saturating_sub(1) as u64 {
            0 => String::new(),
            more => format!(" (and {})", counted(more, "finding more", "findings more")),
        };
        let text = format!("{}: {}{more}", cause.code.title, cause.message);
        Line::new(level, cause.code.id, text)
    };
    causes(report).iter().map(line).collect()
}

/// Says what is lost, with numbers.
fn costs(step: &Step, lines: &mut Vec<Line>) {
    let said = [
        (
            "LOST",
            "acknowledged write would be lost",
            "acknowledged writes would be lost",
            &step.lost,
        ),
        (
            "POSSIBLY-LOST",
            "write that may have been acknowledged would be lost",
            "writes that may have been acknowledged would be lost",
            &step.possibly_lost,
        ),
    ];
    for (code, one, many, loss) in said {
        if !loss.is_none() {
            let text = format!("{}{}", count_text(loss.writes, one, many), revisions(loss));
            lines.push(Line::new(Level::Warn, code, text));
        }
    }
    let counts = [
        (
            "WRONG",
            "record would be served that is not what was written",
            "records would be served that are not what was written",
            step.wrong,
        ),
        (
            "DUPLICATED",
            "write would be applied a second time",
            "writes would be applied a second time",
            step.duplicated,
        ),
        (
            "UNDONE",
            "write that the restore had taken back would come back",
            "writes that the restore had taken back would come back",
            step.undone,
        ),
    ];
    for (code, one, many, count) in counts {
        if !count.is_zero() {
            lines.push(Line::new(Level::Fail, code, count_text(count, one, many)));
        }
    }
}

fn count_text(count: Count, one: &str, many: &str) -> String {
    if count.is_unknown() {
        return format!("an unknown number of {many}");
    }
    let sign = if count.at_least { "at least " } else { "" };
    format!("{sign}{}", counted(count.value, one, many))
}

fn revisions(loss: &Loss) -> String {
    let keys = counted(loss.keys.len() as u64, "key", "keys");
    match (loss.first_revision, loss.last_revision) {
        (Some(first), Some(last)) if first == last => format!(" ({keys}, revision {first})"),
        (Some(first), Some(last)) => format!(" ({keys}, revisions {first}–{last})"),
        _ => String::new(),
    }
}
