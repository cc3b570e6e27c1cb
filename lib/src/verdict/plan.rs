//! The order of a plan.

use super::action::Action;
use super::step::Step;

/// Sorts the best first: what serves before what does not, then by what is lost, wrong, duplicated or undone, then by risk and
/// effort.
///
/// Never first: what destroys evidence or a quorum while something lossless exists.
pub(super) fn rank(steps: &mut [Step]) {
    let lossless = steps
        .iter()
        .any(|step| step.is_lossless() && is_known(step));
    steps.sort_by_cached_key(|step| {
        let waits = lossless && step.action.destroys_evidence() && !step.is_lossless();
        (
            !step.is_usable(),
            waits,
            is_last_resort(step),
            // What is asked of the original, or of peers, costs nothing if it can be had at all: it comes first.
            is_known(step),
            step.lost.writes.value,
            step.lost.writes.at_least,
            step.wrong.value,
            step.duplicated.value.saturating_add(step.undone.value),
            step.possibly_lost.writes.value,
            step.action.effort(),
        )
    });
}

/// Whether the outcome follows from these files, and not from what somebody still may have.
fn is_known(step: &Step) -> bool {
    step.outcome.starts.is_some()
}

/// It makes the other members' data worthless.
fn is_last_resort(step: &Step) -> bool {
    step.action == Action::ForceNewCluster
}
