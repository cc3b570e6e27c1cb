//! Leave it as it is: a server has the directory, and nothing in it is damaged.

use crate::verdict::action::Action;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::{LaterWrites, Outcome};
use crate::verdict::step::Step;

pub(super) fn step(facts: &Facts<'_>) -> Option<Step> {
    let holder = facts.member.evidence().holders().first()?;
    if facts
        .sound
        .worst()
        .is_some_and(|worst| worst > crate::Severity::Note)
    {
        return None;
    }
    let keyspace = facts.db()?;
    let mut step = Step::new(Action::None, facts.release);
    let process = holder
        .pid
        .map_or_else(String::new, |pid| format!(" (process {pid})"));
    step.effect = format!("a server{process} runs on it: leave it as it is");
    step.outcome = Outcome {
        starts: Some(true),
        revision: Some(keyspace.revision()),
        keys: Some(keyspace.live_count()),
        later_writes: LaterWrites::Kept,
        message: None,
    };
    Some(step)
}
