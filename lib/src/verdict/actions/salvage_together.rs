//! Build one backup from all copies of a cluster together, and restore that.

use std::collections::BTreeSet;
use std::path::Path;

use super::{restore, salvage};
use crate::member::Member;
use crate::salvage::{SalvageOptions, Sources, received_snapshots};
use crate::text::number::thousands;
use crate::verdict::action::Action;
use crate::verdict::copies::cluster;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::Count;
use crate::verdict::source::Source;
use crate::verdict::step::Step;
use located::Command;

/// The backup, in the working directory.
const BACKUP: &str = "cluster.db";
/// What it is restored into.
const RESTORED: &str = "cluster-restored";

/// The step, if there are copies of several members. `best`: the copy that has the acknowledged state.
pub(in crate::verdict) fn salvage_together<'f, 'a>(
    all: &'f [Facts<'a>],
    best: Option<&'f Facts<'a>>,
) -> Option<Step> {
    let best = best.filter(|best| best.has_peers())?;
    let copies: Vec<&Facts<'_>> = joined(all, best).collect();
    let owners: BTreeSet<u64> = copies.iter().map(|facts| facts.own.get()).collect();
    if owners.len() < 2 {
        return None;
    }
    let received: Vec<Member> = copies
        .iter()
        .flat_map(|facts| received_snapshots(facts.member))
        .collect();
    let members = copies.iter().map(|facts| facts.member);
    let sources = Sources::read(members.chain(&received), best.progress);
    let salvage = sources
        .salvage(&SalvageOptions::default(), best.progress)
        .ok()?;
    let mut step = Step::new(Action::Salvage, best.release);
    salvage::salvaged(&salvage, &mut step);
    let in_buckets = salvage::wrong_in_own_buckets(best, salvage.state());
    step.wrong = step.wrong.plus(in_buckets);
    let newest = best.acknowledged.keyspace().revision();
    let missing = newest.saturating_sub(salvage.revision).max(0);
    if step.lost.writes.value < missing.unsigned_abs() {
        step.lost.writes = Count::at_least(missing.unsigned_abs());
    }
    let unknown = step.lost.writes.at_least || step.possibly_lost.writes.at_least;
    let own_bump = salvage.restore.bump_revision;
    let raised = own_bump.or_else(|| restore::bump(best, salvage.revision, unknown));
    let revision = salvage.revision;
    let mut restore = salvage.restore;
    restore.release = best.release;
    let restored = restore
        .bumped(raised)
        .commands_into(Path::new(BACKUP), Path::new(RESTORED));
    let command = salvage_of(all, best);
    step.commands = vec![command.arg("--out").path(Path::new(BACKUP))];
    let members = restore::of_members(restored.len());
    step.commands.extend(restored);
    step.effect = format!(
        "a backup with revision {} from the copies of {} members together{members}",
        thousands(revision.into()),
        owners.len()
    );
    step.outcome.revision = Some(revision.saturating_add(raised.unwrap_or(0)));
    Some(step)
}

/// The copies that it is built from.
fn joined<'f, 'a>(
    all: &'f [Facts<'a>],
    best: &'f Facts<'a>,
) -> impl Iterator<Item = &'f Facts<'a>> + Clone {
    all.iter().filter(move |facts| {
        facts.own.get() != 0
            && cluster(facts) == cluster(best)
            && facts.standing.is_member()
            && facts.sound.not_read().is_none()
    })
}

/// The command that builds it, without what is to be written.
pub(in crate::verdict) fn salvage_of<'f, 'a>(all: &'f [Facts<'a>], best: &'f Facts<'a>) -> Command {
    let given = joined(all, best).map(|facts| &facts.source);
    Source::all_of(given, Command::inspect("salvage"))
}
