//! Remove this member from its cluster, and add it again with an empty directory: its peers have the data.

use crate::verdict::action::Action;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::{LaterWrites, Outcome};
use crate::verdict::step::Step;
use located::Command;

pub(super) fn step(facts: &Facts<'_>) -> Option<Step> {
    // No step if there is nothing to repair, if there is no peer to copy from, or if the copy is at fault and not the member.
    let start = facts.start.as_ref()?;
    // That a learner never serves alone is no damage.
    let serves = start.serves() || facts.is_learner();
    let damaged = facts.sound.worst() == Some(crate::Severity::Error) || !serves;
    if !facts.has_peers() || !damaged || facts.sound.torn_copy().is_some() {
        return None;
    }
    Some(rejoined(facts))
}

/// The step, whether it is needed or not.
pub(in crate::verdict) fn rejoined(facts: &Facts<'_>) -> Step {
    let mut step = Step::new(Action::Rejoin, facts.release);
    step.commands = commands(facts);
    // Only copies of the others could say what they hold.
    step.outcome = Outcome {
        later_writes: LaterWrites::Kept,
        ..Outcome::unknown()
    };
    step.effect = format!(
        "if the other {} members are healthy: remove this one, add it again with an empty directory",
        facts.conf.voters.len().saturating_sub(1)
    );
    step
}

fn commands(facts: &Facts<'_>) -> Vec<Command> {
    let own = facts.own;
    let remove = super::etcdctl::of_others(facts).args(["member", "remove"]);
    let mut commands = vec![remove.arg(format!("{own:x}"))];
    let known = facts.member.identity();
    if let Some(me) = known
        .own()
        .filter(|me| !me.name.is_empty() && !me.peer_urls.is_empty())
    {
        let add = super::etcdctl::of_others(facts).args(["member", "add"]);
        let add = add.arg(&me.name);
        commands.push(add.arg(format!("--peer-urls={}", me.peer_urls.join(","))));
    }
    commands
}
