//! Build a backup from everything that is readable, and restore that.

use std::path::PathBuf;

use super::restore;
use crate::salvage::{Lost, Salvage, SalvageOptions, Sources};
use crate::text::number::thousands;
use crate::verdict::action::Action;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::{Count, LaterWrites, Loss, Outcome};
use crate::verdict::step::Step;
use located::Command;

pub(super) fn step(facts: &Facts<'_>) -> Option<Step> {
    let mut step = Step::new(Action::Salvage, facts.release);
    let mut bump = None;
    let mut evidence = facts.source.given().to_owned();
    if facts.restored.is_some() {
        // The old log is the history that the restore took back: only the db is evidence of the state that was wanted, and every
        // record of that state is in it.
        known(facts, &mut step);
        bump = restore::bump(facts);
        step.commands = facts.source.unpacked();
        evidence = facts.source.db();
    } else if facts.sound.is_whole(facts) {
        // Everything that is readable is everything that was acknowledged: no need to build it twice.
        known(facts, &mut step);
    } else {
        let sources = Sources::read([facts.member], facts.progress);
        let options = SalvageOptions::default();
        let salvage = sources.salvage(&options, facts.progress).ok()?;
        bump = salvage.restore.bump_revision;
        salvaged(&salvage, &mut step);
    }
    let backup = PathBuf::from(format!("{}.db", facts.source.name()));
    let salvage = Command::inspect("salvage")
        .path(&evidence)
        .arg("--out")
        .path(&backup);
    step.commands.push(salvage);
    step.commands.push(restore::command(facts, &backup, bump));
    let revision = step.outcome.revision.unwrap_or(0);
    step.effect = format!("a backup with revision {}", thousands(revision.into()));
    let raised = bump.filter(|_| restore::knows_bump(facts.release));
    step.outcome.revision = Some(revision.saturating_add(raised.unwrap_or(0)));
    Some(step)
}

fn known(facts: &Facts<'_>, step: &mut Step) {
    let acknowledged = facts.acknowledged.keyspace();
    step.outcome = Outcome {
        starts: Some(true),
        revision: Some(acknowledged.revision()),
        keys: Some(acknowledged.live_count()),
        later_writes: LaterWrites::Kept,
        message: None,
    };
    step.possibly_lost = facts.acknowledged.possibly.clone();
}

/// What the backup holds, and what could not be recovered.
fn salvaged(salvage: &Salvage<'_>, step: &mut Step) {
    step.outcome = Outcome {
        starts: Some(true),
        revision: Some(salvage.revision),
        keys: usize::try_from(salvage.keys).ok(),
        later_writes: LaterWrites::Kept,
        message: None,
    };
    for lost in &salvage.unrecoverable {
        step.lost = with(std::mem::take(&mut step.lost), lost);
    }
    step.possibly_lost.writes = Count::exactly(salvage.possibly_acknowledged);
}

fn with(mut loss: Loss, lost: &Lost) -> Loss {
    let span = |first: u64, last: u64| last.saturating_sub(first).saturating_add(1);
    let count = match (lost.revisions, lost.indexes) {
        (Some((first, last)), _) => Count::exactly(span(first.unsigned_abs(), last.unsigned_abs())),
        // Not every entry is a write.
        (None, Some((first, last))) => Count::at_least(span(first, last)),
        // A note about a lease, or about entries that may not have been acknowledged.
        (None, None) => Count::default(),
    };
    loss.writes = loss.writes.plus(count);
    if let Some((first, last)) = lost.revisions {
        loss.first_revision = Some(loss.first_revision.map_or(first, |known| known.min(first)));
        loss.last_revision = Some(loss.last_revision.map_or(last, |known| known.max(last)));
    }
    loss.keys.extend(lost.key.clone());
    loss
}
