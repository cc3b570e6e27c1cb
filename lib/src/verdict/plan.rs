//! The order of a plan.

use super::action::Action;
use super::outcome::LaterWrites;
use super::step::Step;
use crate::Severity;
use crate::check::Report;

/// Sorts the best first: what serves before what does not, then by what is lost, wrong, duplicated or undone, then by risk and
/// effort.
///
/// Never first: what destroys evidence or a quorum while something lossless exists. Such a step loses something, so its tier comes
/// after that of the lossless one.
pub(super) fn rank(steps: &mut [Step]) {
    // With peers the cluster goes on; a restore or a backup starts a new cluster.
    let peers = steps.iter().any(|step| step.action == Action::Rejoin);
    steps.sort_by_cached_key(|step| {
        (
            !step.is_usable(),
            is_last_resort(step),
            tier(step, peers),
            step.lost.writes.value,
            step.lost.writes.at_least,
            step.wrong.value,
            step.duplicated.value.saturating_add(step.undone.value),
            step.possibly_lost.writes.value,
            step.possibly_lost.writes.at_least,
            // A restore keeps the alarm that refuses writes, a salvage leaves it out.
            step.action == Action::Restore && step.outcome.later_writes == LaterWrites::Refused,
            step.action.effort(),
        )
    });
}

/// Removes the steps that cost something from the plan of healthy evidence: nothing has to be repaired, and the first step loses
/// nothing. `preflight` judges them when they are asked for.
pub(super) fn drop_losses(steps: &mut Vec<Step>, report: &Report) {
    let mut findings = report.findings.iter();
    let is_healthy = findings.all(|finding| finding.severity < Severity::Error);
    let is_lossless = steps
        .first()
        .is_some_and(|first| is_known(first) && first.is_lossless() && !first.has_obstacle);
    if is_healthy && is_lossless {
        let least = steps.first().map(|first| first.possibly_lost.writes);
        let least = least.unwrap_or_default();
        steps.retain(|step| step.harm() == 0 && step.possibly_lost.writes <= least);
    }
}

/// What certainly loses nothing comes first, then what is asked of the original or of peers and loses nothing if it can be had,
/// then what `preflight` refuses, then what loses something.
fn tier(step: &Step, peers: bool) -> u8 {
    let anew = matches!(
        step.action,
        Action::Restore | Action::Salvage | Action::Correct
    );
    // A copy that was taken while etcd was writing says nothing about the member that it was taken from, and has lost what was
    // written after it. A file that is short may be short on the original, too. A db without a log lacks what the log has.
    if step.asks_first {
        return 0;
    }
    if is_known(step) && step.is_lossless() && step.has_obstacle {
        return 3;
    }
    match (is_known(step), step.is_lossless()) {
        (true, true) if peers && anew => 2,
        (true, true) => 0,
        (false, _) => 1,
        (true, false) => 4,
    }
}

/// Whether the outcome follows from these files, and not from what somebody still may have.
fn is_known(step: &Step) -> bool {
    step.outcome.starts.is_some()
}

/// It makes the other members' data worthless.
fn is_last_resort(step: &Step) -> bool {
    step.action == Action::ForceNewCluster
}

/// The steps that people are shown: those after which etcd serves, or all if after none it does.
pub fn shown_steps(steps: &[Step]) -> Vec<&Step> {
    let usable: Vec<&Step> = steps.iter().filter(|step| step.is_usable()).collect();
    match usable.is_empty() {
        true => steps.iter().collect(),
        false => usable,
    }
}
