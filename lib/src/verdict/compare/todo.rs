//! What to do with each copy: keep it, copy it again, remove the member and add it again; and what next.

use std::collections::BTreeSet;

use super::{Comparison, MemberRow};
use crate::Severity;
use crate::codes::cross;
use crate::start::StartOutcome;
use crate::text::number::thousands;
use crate::verdict::action::Action;
use crate::verdict::actions;
use crate::verdict::copies::{only_here, unaccounted};
use crate::verdict::facts::Facts;
use crate::verdict::outcome::{LaterWrites, Outcome};
use crate::verdict::plan;
use crate::verdict::preflight;
use crate::verdict::source::Source;
use crate::verdict::step::Step;
use located::{Command, MemberId};

/// Whether a copy may be kept: no error in it, and it holds what most hold.
pub(super) fn is_clean(row: &MemberRow) -> bool {
    let is_member = row.removed_by.is_none() && row.parts_at.is_none();
    row.errors == 0 && !row.is_minority && row.revision.is_some() && is_member
}

/// The step for each copy: keep it, or what is done with it.
pub(super) fn steps(
    rows: &[MemberRow],
    facts: &[Facts<'_>],
    best: Option<usize>,
    majority: bool,
    joined: Option<&Step>,
) -> Vec<(usize, Step)> {
    let source = best.and_then(|at| Some((rows.get(at)?, facts.get(at)?)));
    let all = facts;
    let mut steps = Vec::new();
    for (at, (row, facts)) in rows.iter().zip(all).enumerate() {
        let parted = facts.standing.parted.as_ref();
        let is_undecided = parted.is_some_and(|parted| !parted.is_of_minority);
        if let Some(newer) = &facts.standing.older_than {
            let mut step = kept(row, facts);
            step.effect = format!("older copy of the same member as {newer}: never start it");
            steps.push((at, step));
            continue;
        }
        if is_clean(row) || is_undecided {
            steps.push((at, kept(row, facts)));
            continue;
        }
        // A backup that is not what was saved is restored for nothing if another copy is clean.
        if facts.member.fails_sha256() && rows.iter().any(is_clean) {
            continue;
        }
        if facts.standing.removed.is_some() || parted.is_some() {
            steps.push((at, rejoined(facts, source, all)));
            continue;
        }
        let mut plan = actions::all(facts);
        plan::rank(&mut plan);
        let copied = plan.iter().find(|step| step.action == Action::CopyAgain);
        let own = match majority {
            true => copied
                .cloned()
                .or_else(|| Some(rejoined(facts, source, all))),
            false => match joined.filter(|joined| is_preferred(joined, plan.first())) {
                Some(joined) => Some(with_the_others(joined, &steps)),
                None => plan.first().cloned(),
            },
        };
        steps.extend(own.map(|step| (at, step)));
    }
    steps
}

/// A backup of all copies together, if not all are clean and no majority is.
pub(super) fn joined(rows: &[MemberRow], facts: &[Facts<'_>], majority: bool) -> Option<Step> {
    if majority || rows.iter().all(is_clean) {
        return None;
    }
    actions::salvage_together(facts, preflight::best(facts))
}

/// Whether the backup of all copies is to be preferred to what is best for one alone. What others can be asked for comes first, and
/// so does what keeps the member and costs no more.
fn is_preferred(joined: &Step, own: Option<&Step>) -> bool {
    let Some(own) = own else { return true };
    let keeps_member = matches!(own.action, Action::Start | Action::Correct | Action::None);
    match own.action.asks_others() {
        true => false,
        false if keeps_member => joined.costs_less_than(own),
        false => !own.costs_less_than(joined),
    }
}

/// The backup of all copies, with its commands where it is named first.
fn with_the_others(joined: &Step, before: &[(usize, Step)]) -> Step {
    let mut step = joined.clone();
    if before.iter().any(|(_, other)| *other == step) {
        step.commands.clear();
        "together with the other copies, as above".clone_into(&mut step.effect);
    }
    step
}

/// The copy is left as it is.
fn kept(row: &MemberRow, facts: &Facts<'_>) -> Step {
    let mut step = Step::new(Action::None, facts.release);
    let refuted = facts.standing.quorum.refutes_start();
    let serves = |start: &StartOutcome<'_>| start.serves() && refuted.is_none();
    step.outcome = Outcome {
        starts: facts.start.as_ref().map(serves),
        message: refuted.clone(),
        revision: row.served_revision.or(row.revision),
        keys: row.served_keys.or(row.keys),
        later_writes: LaterWrites::Kept,
        needs_others: facts
            .start
            .as_ref()
            .map_or(0, |start| start.quorum.saturating_sub(1)),
    };
    step.effect = "keep it".to_owned();
    step
}

/// The member gets its data from the majority: nothing is lost but what only it has. `source`: the best of the others.
fn rejoined(
    facts: &Facts<'_>,
    source: Option<(&MemberRow, &Facts<'_>)>,
    all: &[Facts<'_>],
) -> Step {
    let mut step = actions::rejoin_step(facts);
    let best = source.map(|(row, _)| row);
    step.outcome = Outcome {
        starts: Some(true),
        revision: best.and_then(|best| best.served_revision),
        keys: best.and_then(|best| best.served_keys),
        later_writes: LaterWrites::Kept,
        ..Outcome::default()
    };
    if facts.standing.removed.is_some() {
        return step;
    }
    if let Some((_, source)) = source {
        step.commands = remove_and_add(facts, source, all);
    }
    step.effect = match (&facts.standing.parted, facts.own.get()) {
        (Some(parted), _) => {
            if let Some((_, source)) = source {
                step.lost = only_here(facts, source);
            }
            format!(
                "from entry {} on it has another history than {}, which a majority has: keep a copy, salvage from it what the majority lacks, then remove this member and add it again with an empty directory",
                thousands(parted.index.into()),
                parted.name
            )
        }
        (None, 0) if facts.sound.is_never_used() => {
            "nothing was ever stored here: remove this directory; if its cluster knows the member, remove the member and add it again, with an empty directory"
                .to_owned()
        }
        (None, 0) if step.commands.is_empty() => {
            "no file here says which member this is: find it with `etcdctl member list`, remove it and add it again with an empty directory: a majority of clean copies has everything"
                .to_owned()
        }
        _ => "remove this member and add it again with an empty directory: a majority of clean copies has everything"
            .to_owned(),
    };
    step
}

/// By what the source knows: which member a copy without a log must be of, and where it was reached.
fn remove_and_add(facts: &Facts<'_>, source: &Facts<'_>, all: &[Facts<'_>]) -> Vec<Command> {
    let missing = (facts.own.get() == 0)
        .then(|| unaccounted(source, all))
        .flatten();
    let (id, name, urls) = match (facts.own.get(), missing) {
        (0, None) => return Vec::new(),
        (0, Some((id, info))) => (id, info.name, info.peer_urls),
        (_, _) => {
            let identity = facts.member.identity();
            let own = identity.own().cloned();
            own.map_or_else(
                || (facts.own, String::new(), Vec::new()),
                |own| (facts.own, own.name, own.peer_urls),
            )
        }
    };
    let others = actions::etcdctl(&actions::voter_urls(source.member, id.get()));
    actions::remove_and_add(&others, id, Some((name.as_str(), urls.as_slice())))
}

/// The safest next command.
pub(super) fn next(
    compared: &Comparison,
    facts: &[Facts<'_>],
    with_keys: bool,
    joined: Option<&Step>,
) -> Command {
    let all = |command: Command| {
        let sources = facts.iter().map(|facts| &facts.source);
        Source::all_of(sources, command)
    };
    let one = |verb: &str, at: usize| {
        let command = Command::inspect(verb);
        match facts.get(at) {
            Some(facts) => command.on_evidence(facts.source.given()),
            None => command,
        }
    };
    let is_error = |code: &'static located::codes::Code| {
        compared
            .findings
            .iter()
            .any(|finding| std::ptr::eq(finding.code, code) && finding.severity == Severity::Error)
    };
    if is_error(&cross::CLUSTER_ID) {
        return one("status", 0);
    }
    if compared.same == Some(false) && !with_keys {
        return all(Command::inspect("compare")).arg("--keys");
    }
    let is_planned = |joined: &Step| compared.repairs().any(|(_, step)| step == joined);
    if let Some(best) = preflight::best(facts).filter(|_| joined.is_some_and(is_planned)) {
        return actions::salvage_of(facts, best).arg("--dry-run");
    }
    // What a check of such a copy alone says is not what the others know of it.
    let is_judged_alone = |at: usize| {
        let facts = facts.get(at);
        facts.is_some_and(|facts| facts.standing.is_member() && !facts.sound.is_never_used())
    };
    let mut repairs = compared.repairs().filter(|(at, _)| is_judged_alone(*at));
    if let Some((at, _)) = repairs.next() {
        let any_clean = compared.members.iter().any(is_clean);
        // Two copies of one member are no two members.
        let directories = facts.iter().filter(|facts| facts.start.is_some());
        let members: BTreeSet<MemberId> = directories.map(|facts| facts.own).collect();
        if compared.clean_majority || any_clean || members.len() < 2 {
            return one("check", *at);
        }
        let force = all(Command::inspect("preflight")).arg("--for");
        return force.arg(Action::ForceNewCluster.as_str());
    }
    let best = compared.best.unwrap_or(0);
    let action = match facts.get(best).is_some_and(|facts| facts.start.is_some()) {
        true => Action::Start,
        false => Action::Restore,
    };
    one("preflight", best).arg("--for").arg(action.as_str())
}
