//! Build a backup from everything that is readable, and restore that.

use super::restore;
use crate::codes::cross;
use crate::recover::{ApplyRules, State};
use crate::salvage::{Restore, Salvage, SalvageOptions, Sources, received_snapshots};
use crate::text::number::thousands;
use crate::verdict::acknowledged::Acknowledged;
use crate::verdict::action::Action;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::{Count, LaterWrites, Outcome};
use crate::verdict::step::Step;
use located::{Command, EvidenceOperand, RaftIndex};

pub(super) fn step(facts: &Facts<'_>) -> Option<Step> {
    let mut step = Step::new(Action::Salvage, facts.release);
    let restored_db = facts.source.db();
    let mut evidence = facts.source.given();
    let mut carved = false;
    let restore = if facts.restored.is_some() {
        // The old log is the history that the restore took back: only the db is evidence of the state that was wanted, and every
        // record of that state is in it.
        known(facts, &mut step);
        step.commands = facts.source.unpacked();
        evidence = EvidenceOperand::from(restored_db.as_path());
        restore::of_db(facts, bump(facts, &step))
    } else if facts.sound.is_whole(facts) {
        // Everything that is readable is everything that was acknowledged: no need to build it twice.
        known(facts, &mut step);
        restore::of_db(facts, bump(facts, &step))
    } else {
        built(facts, &mut step, &mut carved)?
    };
    let backup = facts.source.backup();
    let mut salvage = Command::inspect("salvage").on_evidence(evidence);
    if carved {
        salvage = salvage.arg("--include").arg("carved");
    }
    step.commands.push(salvage.arg("--out").path(&backup));
    let restored = restore.commands_into(&backup, &restore::target(facts));
    let members = restore::of_members(restored.len());
    step.commands.extend(restored);
    let revision = step.outcome.revision.unwrap_or(0);
    let content = match carved {
        true => " of records that no tree reaches: which of them had been deleted is not known",
        false => "",
    };
    step.effect = format!(
        "a backup with revision {}{content}{members}",
        thousands(revision.into())
    );
    let raised = restore.bump_revision.unwrap_or(0);
    step.outcome.revision = Some(revision.saturating_add(raised));
    Some(step)
}

/// Of a db that was restored beside its old log: the history of that log, for whoever did not mean to take it back.
pub(super) fn of_old_log(facts: &Facts<'_>) -> Option<Step> {
    let restored = facts.restored.as_ref()?;
    // Inside an archive the log has no path of its own.
    let segment = facts.member.evidence().wal().first()?;
    if !facts.source.unpacked().is_empty() {
        return None;
    }
    let log = std::path::Path::new(segment.name().as_str()).parent()?;
    let whole = Acknowledged::build(
        facts.member,
        false,
        0,
        RaftIndex(0),
        ApplyRules::of_release(facts.release),
        facts.progress,
    );
    let keyspace = whole.keyspace();
    let mut step = Step::new(Action::Salvage, facts.release);
    step.outcome = Outcome {
        starts: Some(true),
        revision: Some(keyspace.revision()),
        keys: Some(keyspace.live_count()),
        later_writes: LaterWrites::Kept,
        ..Outcome::default()
    };
    step.undone = restored.undone.writes;
    let backup = facts.source.backup();
    let salvage = Command::inspect("salvage").on_evidence(EvidenceOperand::from(log));
    step.commands = vec![salvage.arg("--out").path(&backup)];
    let restore = restore::of_db(facts, None);
    let commands = restore.commands_into(&backup, &restore::target(facts));
    let members = restore::of_members(commands.len());
    step.commands.extend(commands);
    step.effect = format!(
        "if the restore was not meant: the history of the old log alone, up to revision {}{members}",
        thousands(keyspace.revision().into())
    );
    Some(step)
}

/// By how much the restore of the backup raises the revision: by the same rule as that of the db.
fn bump(facts: &Facts<'_>, step: &Step) -> Option<i64> {
    let unknown = step.lost.writes.at_least || step.possibly_lost.writes.at_least;
    restore::bump(facts, step.outcome.revision?, unknown)
}

/// Builds it, also from records that no tree reaches if there is nothing else, and returns how it is restored.
fn built(facts: &Facts<'_>, step: &mut Step, carved: &mut bool) -> Option<Restore> {
    let received = received_snapshots(facts.member);
    let copies = [facts.member].into_iter().chain(&received);
    let sources = Sources::read(copies, facts.progress);
    let options = |carved| SalvageOptions {
        carved,
        ..SalvageOptions::default()
    };
    let built = |carved| sources.salvage(&options(carved), facts.progress).ok();
    let salvage = built(false).or_else(|| {
        *carved = true;
        built(true).filter(|salvage| salvage.keys > 0)
    })?;
    salvaged(&salvage, step);
    // Which of the carved records were deleted later is not known, nor what a log of another history wrote.
    step.lost.writes.at_least |= *carved || facts.is_undecided();
    step.wrong = wrong_in_own_buckets(facts, salvage.state());
    // A key in doubt may be wrong or back, and so may any of a copy that is not what was saved.
    let in_doubt = [&salvage.uncertain_numbers, &salvage.maybe_deleted];
    step.wrong.at_least |=
        !salvage.sha256_failed.is_empty() || in_doubt.iter().any(|keys| !keys.is_empty());
    let by = salvage.restore.bump_revision.or_else(|| bump(facts, step));
    let mut restore = salvage.restore;
    restore.release = facts.release;
    Some(restore.bumped(by))
}

/// Records of etcd's own buckets that the log contradicts and that the backup has from the db all the same: only a log that begins
/// with the empty store can make them again.
pub(super) fn wrong_in_own_buckets(facts: &Facts<'_>, state: &State) -> Count {
    // What a start makes of them: those of the db, and what the log does after it.
    let started = facts.start.as_ref().and_then(|start| start.state.as_ref());
    let of_db = match started {
        Some(started) => started.state.clone(),
        None => facts
            .member
            .db()
            .map(|db| State::read(&db))
            .unwrap_or_default(),
    };
    facts.sound.wrong_in_own_buckets(|code| match code {
        code if std::ptr::eq(code, &cross::USERS_DIFFER) => state.users == of_db.users,
        code if std::ptr::eq(code, &cross::LEASES_DIFFER) => state.leases == of_db.leases,
        _ => state.alarms == of_db.alarms,
    })
}

fn known(facts: &Facts<'_>, step: &mut Step) {
    let acknowledged = facts.acknowledged.keyspace();
    step.outcome = Outcome {
        starts: Some(true),
        revision: Some(acknowledged.revision()),
        keys: Some(acknowledged.live_count()),
        later_writes: LaterWrites::Kept,
        ..Outcome::default()
    };
    step.possibly_lost = facts.acknowledged.possibly.clone();
}

/// What the backup holds, and what could not be recovered.
pub(super) fn salvaged(salvage: &Salvage<'_>, step: &mut Step) {
    step.outcome = Outcome {
        starts: Some(true),
        revision: Some(salvage.revision),
        keys: usize::try_from(salvage.keys).ok(),
        later_writes: LaterWrites::Kept,
        ..Outcome::default()
    };
    step.possibly_lost.writes = Count::exactly(salvage.possibly_acknowledged);
    for lost in &salvage.unrecoverable {
        let list = match lost.possibly {
            true => &mut step.possibly_lost,
            false => &mut step.lost,
        };
        *list = std::mem::take(list).with(lost);
    }
}
