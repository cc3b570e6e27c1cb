//! What to do with each copy: keep it, copy it again, remove the member and add it again; and what next.

use std::collections::BTreeSet;

use super::{Comparison, MemberRow};
use crate::Severity;
use crate::codes::cross;
use crate::verdict::action::Action;
use crate::verdict::actions;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::{LaterWrites, Outcome};
use crate::verdict::plan;
use crate::verdict::source::Source;
use crate::verdict::step::Step;
use located::{Command, MemberId};

/// Whether a copy may be kept: no error in it, and it holds what most hold.
pub(super) fn is_clean(row: &MemberRow) -> bool {
    row.errors == 0 && !row.is_minority && row.revision.is_some()
}

/// Whether more than half of the voters of the cluster have a clean copy here.
pub(super) fn has_clean_majority(rows: &[MemberRow], facts: &[Facts<'_>]) -> bool {
    let voters = facts.iter().map(|facts| facts.conf.voters.len()).max();
    let mut clean: Vec<_> = rows
        .iter()
        .filter(|row| is_clean(row))
        .filter_map(|row| row.member_id)
        .collect();
    clean.sort_unstable();
    clean.dedup();
    // Copies of one member, or backups, are no quorum.
    voters.is_some_and(|voters| voters > 1 && clean.len().saturating_mul(2) > voters)
}

/// The step for each copy: keep it, or what is done with it.
pub(super) fn steps(
    rows: &[MemberRow],
    facts: &[Facts<'_>],
    best: Option<usize>,
) -> Vec<(usize, Step)> {
    let majority = has_clean_majority(rows, facts);
    let best = best.and_then(|at| rows.get(at));
    let mut steps = Vec::new();
    for (at, (row, facts)) in rows.iter().zip(facts).enumerate() {
        if is_clean(row) {
            steps.push((at, kept(row, facts)));
            continue;
        }
        let mut plan = actions::all(facts);
        plan::rank(&mut plan);
        let copied = plan.iter().find(|step| step.action == Action::CopyAgain);
        let own = match majority {
            true => copied.cloned().or_else(|| Some(rejoined(facts, best))),
            false => plan.first().cloned(),
        };
        steps.extend(own.map(|step| (at, step)));
    }
    steps
}

/// The copy is left as it is.
fn kept(row: &MemberRow, facts: &Facts<'_>) -> Step {
    let mut step = Step::new(Action::None, facts.release);
    step.outcome = Outcome {
        starts: facts.start.as_ref().map(|start| start.serves()),
        message: None,
        revision: row.served_revision.or(row.revision),
        keys: row.served_keys.or(row.keys),
        later_writes: LaterWrites::Kept,
    };
    step.effect = "keep it".to_owned();
    step
}

/// The member gets its data from the majority: nothing is lost.
fn rejoined(facts: &Facts<'_>, best: Option<&MemberRow>) -> Step {
    let mut step = actions::rejoin_step(facts);
    step.outcome = Outcome {
        starts: Some(true),
        message: None,
        revision: best.and_then(|best| best.served_revision),
        keys: best.and_then(|best| best.served_keys),
        later_writes: LaterWrites::Kept,
    };
    step.effect =
        "remove this member and add it again with an empty directory: a majority of clean copies has everything"
            .to_owned();
    step
}

/// The safest next command.
pub(super) fn next(
    compared: &Comparison,
    facts: &[Facts<'_>],
    with_keys: bool,
    majority: bool,
) -> Command {
    let all = |command: Command| {
        let sources = facts.iter().map(|facts| &facts.source);
        Source::all_of(sources, command)
    };
    let one = |verb: &str, at: usize| {
        let command = Command::inspect(verb);
        match facts.get(at) {
            Some(facts) => command.on_evidence(facts.source.given()),
            None => command,
        }
    };
    let is_error = |code: &'static located::codes::Code| {
        compared
            .findings
            .iter()
            .any(|finding| std::ptr::eq(finding.code, code) && finding.severity == Severity::Error)
    };
    if is_error(&cross::CLUSTER_ID) {
        return one("status", 0);
    }
    if compared.same == Some(false) && !with_keys {
        return all(Command::inspect("compare")).arg("--keys");
    }
    if let Some((at, _)) = compared.repairs().next() {
        let any_clean = compared.members.iter().any(is_clean);
        // Two copies of one member are no two members.
        let directories = facts.iter().filter(|facts| facts.start.is_some());
        let members: BTreeSet<MemberId> = directories.map(|facts| facts.own).collect();
        if majority || any_clean || members.len() < 2 {
            return one("check", *at);
        }
        let force = all(Command::inspect("preflight")).arg("--for");
        return force.arg(Action::ForceNewCluster.as_str());
    }
    let best = compared.best.unwrap_or(0);
    let action = match facts.get(best).is_some_and(|facts| facts.start.is_some()) {
        true => Action::Start,
        false => Action::Restore,
    };
    one("preflight", best).arg("--for").arg(action.as_str())
}
