//! Correct proven bytes in a copy, and start etcd on the copy.

use std::path::PathBuf;

use crate::text::number::thousands;
use crate::verdict::action::Action;
use crate::verdict::command::Command;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::{LaterWrites, Outcome};
use crate::verdict::step::Step;
use crate::wal::{Damage, DamageKind};

pub(super) fn step(facts: &Facts<'_>) -> Option<Step> {
    facts.start.as_ref()?;
    let wal = facts.member.wal_with(facts.progress)?;
    let damages = &wal.log().damages;
    // What was damaged must be proven by what was not: a record's own checksum and its successor.
    if damages.is_empty() || !damages.iter().all(is_proven) || facts.sound.db_is_damaged() {
        return None;
    }
    let copy = PathBuf::from(format!("{}-corrected", facts.source.name()));
    let command = Command::inspect("salvage")
        .path(facts.source.given())
        .arg("--correct")
        .arg("--out-dir")
        .path(&copy);
    let mut step = Step::new(Action::Correct, facts.release);
    step.commands = vec![command];
    let acknowledged = facts.acknowledged.keyspace();
    step.outcome = Outcome {
        starts: Some(true),
        revision: Some(acknowledged.revision()),
        keys: Some(acknowledged.live_count()),
        later_writes: LaterWrites::Kept,
        message: None,
    };
    step.lost = facts.irrecoverable();
    step.effect = format!(
        "{} bytes corrected in a copy, members kept; then start etcd {} on {}: revision {}",
        damages.len().saturating_mul(8),
        facts.release,
        copy.display(),
        thousands(acknowledged.revision().into())
    );
    Some(step)
}

fn is_proven(damage: &Damage) -> bool {
    matches!(
        damage.kind,
        DamageKind::Length { .. } | DamageKind::CrcField { .. }
    )
}
