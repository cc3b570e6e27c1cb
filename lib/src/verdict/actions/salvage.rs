//! Build a backup from everything that is readable, and restore that.

use std::path::PathBuf;

use super::restore;
use crate::text::number::thousands;
use crate::verdict::acknowledged::Foundation;
use crate::verdict::action::Action;
use crate::verdict::command::Command;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::{Count, LaterWrites, Outcome};
use crate::verdict::step::Step;

pub(super) fn step(facts: &Facts<'_>) -> Option<Step> {
    if facts.acknowledged.foundation == Foundation::Nothing {
        return None;
    }
    let backup = PathBuf::from(format!("{}.db", facts.source.name()));
    let salvage = Command::inspect("salvage")
        .path(facts.source.given())
        .arg("--out")
        .path(&backup);
    let mut step = Step::new(Action::Salvage, facts.release);
    step.commands = vec![salvage, restore::command(facts, &backup, true)];
    let acknowledged = facts.acknowledged.keyspace();
    step.outcome = Outcome {
        starts: Some(true),
        revision: Some(acknowledged.revision()),
        keys: Some(acknowledged.live_count()),
        later_writes: LaterWrites::Kept,
        message: None,
    };
    step.lost = facts.irrecoverable();
    if facts.acknowledged.is_on_db() {
        let (wrong, _) = facts.sound.wrong();
        if wrong > 0 {
            step.wrong = Count::at_least(wrong);
        }
    }
    step.effect = format!(
        "a backup with revision {}",
        thousands(acknowledged.revision().into())
    );
    Some(step)
}
