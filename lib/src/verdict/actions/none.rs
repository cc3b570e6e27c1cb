//! Repair nothing: a server has the directory, or it is a learner's that serves with its cluster, and nothing in it is damaged.

use crate::verdict::action::Action;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::{LaterWrites, Outcome};
use crate::verdict::step::Step;

pub(super) fn step(facts: &Facts<'_>) -> Option<Step> {
    let worst = facts.sound.worst();
    if worst.is_some_and(|worst| worst > crate::Severity::Note) {
        return None;
    }
    let keyspace = facts.db()?;
    let mut step = Step::new(Action::None, facts.release);
    step.effect = match facts.member.evidence().holders().first() {
        Some(holder) => format!("{} runs on it: leave it as it is", holder.process()),
        None if facts.is_learner() => {
            let voters: Vec<String> = facts
                .conf
                .voters
                .iter()
                .map(|id| format!("{id:x}"))
                .collect();
            let is_one = voters.len() == 1;
            format!(
                "start it together with its {} {}: it is a learner, nothing in it is damaged, and alone it never serves",
                if is_one { "voter" } else { "voters" },
                voters.join(", ")
            )
        }
        None => return None,
    };
    step.outcome = Outcome {
        starts: Some(true),
        revision: Some(keyspace.revision()),
        keys: Some(keyspace.live_count()),
        later_writes: LaterWrites::Kept,
        message: None,
        needs_others: match facts.is_learner() {
            true => (facts.conf.voters.len() / 2).saturating_add(1),
            false => 0,
        },
    };
    Some(step)
}
