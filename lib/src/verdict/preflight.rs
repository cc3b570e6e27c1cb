//! A plan restricted to one action: may it be done with these copies, what does each lose, and is something better.

use std::borrow::Borrow;

use super::acknowledged::Foundation;
use super::action::Action;
use super::actions::{self, Forced};
use super::copies::{Majority, clean_majority, gathered, note_majority, only_in_other_histories};
use super::difference::Difference;
use super::facts::Facts;
use super::outcome::Loss;
use super::plan;
use super::step::Step;
use crate::check::{Depth, Report, check};
use crate::member::Member;
use crate::progress::Progress;
use crate::start::{Level, Line, is_go};
use crate::wal::boot::Release;
use located::Command;

/// One copy, judged for one action.
#[derive(Clone, Debug)]
pub struct Judged {
    /// As the user gave it.
    pub path: String,
    /// What does the action, in order; empty if it is a start as the machine is set up for.
    pub commands: Vec<Command>,
    /// Its position among the copies that were given.
    pub position: usize,
    /// 1 is the copy to use.
    pub rank: usize,
    /// Whether nothing prevents the action, and no better one is possible.
    pub go: bool,
    /// Whether its member was removed while a majority of the others has clean copies: it has no part in the action.
    pub is_left_out: bool,
    /// Of a start: that of all clean copies together, if they are a majority.
    pub together: Option<Step>,
    /// What to know before.
    pub lines: Vec<Line>,
    /// The action with its outcome; `None` if it cannot be done with this kind of evidence.
    pub step: Option<Step>,
    /// An action that loses less, or as little for a whole cluster.
    pub better: Option<Step>,
    /// What `--force-new-cluster` makes of it, if that was asked.
    pub forced: Option<Forced>,
    /// The newest revision that any of the copies reached.
    pub reached: Option<i64>,
    /// Errors that a check finds in it, alarms left out.
    pub errors: usize,
    /// Whether a part of it cannot be read, so that nothing is known about etcd's fate.
    pub is_unreadable: bool,
}

impl Judged {
    /// Whether the action makes the data of other members worthless: it is never a plain GO.
    pub fn is_last_resort(&self) -> bool {
        let forced = self.forced.as_ref();
        forced.is_some_and(|forced| !forced.removed_members.is_empty())
    }
}

/// Judges copies for one action. All of them are judged; they are in the order in which they should be used.
pub fn preflight<M: Borrow<Member> + Sync>(
    members: &[M],
    action: Action,
    release: Option<Release>,
    progress: &dyn Progress,
) -> Vec<Judged> {
    let members: Vec<&Member> = members.iter().map(Borrow::borrow).collect();
    let reports: Vec<Report> = members
        .iter()
        .map(|member| check(member, Depth::Default, progress))
        .collect();
    let mut facts = gathered(&members, &reports, release, progress);
    note_majority(&mut facts);
    let others = Others::new(&facts);
    let mut judged: Vec<Judged> = facts
        .iter()
        .enumerate()
        .map(|(at, facts)| Judged {
            position: at,
            ..judge_one(facts, action, &others)
        })
        .collect();
    let mut order: Vec<usize> = (0..judged.len()).collect();
    order.sort_by_key(|&at| judged.get(at).map(weight));
    for (rank, at) in order.into_iter().enumerate() {
        if let Some(one) = judged.get_mut(at) {
            one.rank = rank.saturating_add(1);
        }
    }
    judged.sort_by_key(|one| one.rank);
    judged
}

/// What makes a copy the better one.
fn weight(one: &Judged) -> impl Ord + use<> {
    let step = one.step.as_ref();
    let harm = step.map_or(u64::MAX, Step::harm);
    let possibly = step.map_or(u64::MAX, |step| step.possibly_lost.writes.value);
    let revision = step.and_then(|step| step.outcome.revision);
    (
        one.errors > 0,
        !step.is_some_and(Step::is_usable),
        step.is_some_and(|step| step.has_obstacle),
        harm,
        possibly,
        std::cmp::Reverse(one.forced.as_ref().map(|forced| forced.commit)),
        std::cmp::Reverse(revision),
    )
}

/// The copy that has the acknowledged state: of those that have all of it the one without errors.
pub(super) fn best<'f, 'a>(facts: &'f [Facts<'a>]) -> Option<&'f Facts<'a>> {
    let reach = |facts: &Facts<'_>| {
        let state = facts.acknowledged.keyspace();
        (
            facts.acknowledged.unreadable().is_zero(),
            facts.sound.errors() == 0,
            state.revision(),
            facts.acknowledged.possibly.writes.value,
        )
    };
    let members = facts.iter().filter(|facts| facts.standing.is_member());
    members.max_by_key(|facts| reach(facts))
}

/// The copies that every copy is compared with.
struct Others<'f, 'a> {
    /// It has the acknowledged state.
    best: Option<&'f Facts<'a>>,
    /// It has the writes that may have been acknowledged.
    newest: Option<&'f Facts<'a>>,
    /// The clean copies of a majority, and the start of all of them.
    together: Option<(Majority, Step)>,
    /// What only copies of another history have.
    elsewhere: Loss,
    /// A backup of all copies together, where no majority is clean.
    salvage: Option<Step>,
}

impl<'f, 'a> Others<'f, 'a> {
    fn new(facts: &'f [Facts<'a>]) -> Self {
        let best = best(facts);
        let elsewhere = best.map(|best| only_in_other_histories(facts, best));
        let elsewhere = elsewhere.unwrap_or_default();
        let majority = clean_majority(facts, |_| true);
        let together = majority.and_then(|majority| {
            let mut step = actions::together(facts, &majority)?;
            step.lost = elsewhere.clone();
            Some((majority, step))
        });
        let salvage = match together {
            Some(_) => None,
            None => actions::salvage_together(facts, best),
        };
        let salvage = salvage.map(|step| Step {
            lost: step.lost.clone().and(&elsewhere),
            ..step
        });
        Self {
            best,
            newest: newest(facts),
            together,
            elsewhere,
            salvage,
        }
    }
}

/// The copy with the newest log by term and index, also if its db is damaged: what follows the committed entries in it may have
/// been acknowledged, and no copy with an older log can contradict it.
fn newest<'f, 'a>(facts: &'f [Facts<'a>]) -> Option<&'f Facts<'a>> {
    let known = facts
        .iter()
        .filter(|facts| facts.standing.is_member())
        .filter(|facts| facts.acknowledged.foundation != Foundation::Nothing);
    known.max_by_key(|facts| {
        let wal = facts.member.wal_with(facts.progress);
        let last = wal.and_then(|wal| wal.log().last().map(|last| (last.term, last.index)));
        (last, facts.acknowledged.possibly.writes.value)
    })
}

fn judge_one(facts: &Facts<'_>, action: Action, others: &Others<'_, '_>) -> Judged {
    let (mut step, plan) = planned(facts, action, others);
    let forced = (action == Action::ForceNewCluster).then(|| actions::forced(facts));
    let mut lines = actions::lines(facts, action, step.as_ref());
    let makes_another = matches!(action, Action::ForceNewCluster | Action::Restore);
    let together = others.together.as_ref().filter(|_| makes_another);
    lines.splice(0..0, together.map(of_majority));
    if let Some(step) = &mut step {
        step.has_obstacle = !is_go(&lines);
    }
    let costs_less = better(&plan, step.as_ref());
    let of_all = others.salvage.as_ref();
    let costs_less = of_all
        .filter(|of_all| is_best_of(of_all, step.as_ref(), costs_less))
        .or(costs_less);
    // What makes a cluster of its own is no alternative to a majority that loses nothing.
    let costs = |step: &Step| step.harm() > 0 || !step.possibly_lost.is_none();
    let is_worse = action == Action::ForceNewCluster || step.as_ref().is_none_or(costs);
    let is_best = costs_less.is_none() && !(together.is_some() && is_worse);
    let is_older = facts.standing.older_than.is_some();
    let is_left_alone = (is_older || !facts.standing.is_member()) && !makes_another;
    let started = others.together.as_ref().map(|(_, step)| step);
    let without_it = started.filter(|_| makes_another || is_left_alone);
    let better = without_it.or(costs_less).cloned();
    let is_removed = facts.standing.removed.as_ref();
    let is_removed = is_removed.is_some_and(|removed| removed.by.is_some());
    // Unknown is not GO.
    let usable =
        (step.as_ref()).is_some_and(|step| step.is_usable() && step.outcome.starts.is_some());
    if step.is_none() && lines.is_empty() {
        let text = format!("{action} cannot be done with this evidence");
        lines.push(Line::new(Level::Fail, "KIND", text));
    }
    Judged {
        path: facts.member.evidence().name().to_string(),
        commands: step
            .as_ref()
            .map_or_else(Vec::new, |step| step.commands.clone()),
        position: 0,
        rank: 0,
        is_left_out: action == Action::Start && (is_removed || is_older) && started.is_some(),
        together: started.filter(|_| action == Action::Start).cloned(),
        go: usable && is_go(&lines) && is_best,
        lines,
        step,
        better,
        forced,
        reached: (facts.reached > 0).then_some(facts.reached),
        errors: facts.sound.errors(),
        is_unreadable: facts.sound.not_read().is_some(),
    }
}

/// The action that was asked for, and everything else that can be done with this copy, best first.
fn planned(
    facts: &Facts<'_>,
    action: Action,
    others: &Others<'_, '_>,
) -> (Option<Step>, Vec<Step>) {
    let mut plan = actions::all(facts);
    plan::rank(&mut plan);
    let mut step = match action {
        Action::ForceNewCluster => actions::forced_step(facts),
        Action::Upgrade => actions::upgrade_step(facts),
        _ => plan.iter().find(|step| step.action == action).cloned(),
    };
    // A member that lags its peers gets from them what it lacks: its start loses nothing of the cluster.
    let is_start = matches!(action, Action::Start | Action::Upgrade);
    let catches_up = is_start && (facts.start.as_ref()).is_some_and(|start| start.quorum > 1);
    if let Some(step) = step.as_mut().filter(|_| !catches_up) {
        against_others(step, facts, others);
    }
    if let Some(step) = step.as_mut().filter(|_| facts.standing.is_member()) {
        lose_elsewhere(step, others);
    }
    plan_with_others(&mut plan, facts, others);
    (step, plan)
}

/// That a majority can be started.
fn of_majority((majority, step): &(Majority, Step)) -> Line {
    let lost = match step.lost.is_none() {
        true => "and nothing is lost",
        false => "and what only a copy of another history has is lost with it",
    };
    let text = format!(
        "{} of the {} voters have a clean copy here: started together they are a majority, {lost}",
        majority.clean.len(),
        majority.voters
    );
    Line::new(Level::Warn, "MAJORITY", text)
}

/// Whether a backup of all copies costs less than what was asked for and than what is better for this copy alone. What others can be
/// asked for comes first.
fn is_best_of(of_all: &Step, own: Option<&Step>, better: Option<&Step>) -> bool {
    let is_asked = better.is_some_and(|better| better.action.asks_others());
    let costs_less = |step: Option<&Step>| step.is_none_or(|step| of_all.costs_less_than(step));
    !is_asked && costs_less(own) && costs_less(better)
}

/// What each step on this copy costs, known what the others have. A backup of this copy alone gives way to that of all.
fn plan_with_others(plan: &mut Vec<Step>, facts: &Facts<'_>, others: &Others<'_, '_>) {
    let is_member = facts.standing.is_member();
    if others.salvage.is_some() && is_member {
        plan.retain(|step| step.action != Action::Salvage);
    }
    if facts.standing.older_than.is_some() {
        plan.retain(|step| step.action != Action::Start);
    }
    for step in plan {
        let catches_up = step.action == Action::Start && step.outcome.needs_others > 0;
        if step.outcome.starts == Some(true) && !catches_up {
            against_others(step, facts, others);
        }
        if is_member {
            lose_elsewhere(step, others);
        }
    }
}

/// What only copies of another history have is lost with everything that is done with this one.
fn lose_elsewhere(step: &mut Step, others: &Others<'_, '_>) {
    if step.outcome.starts == Some(true) {
        step.lost = std::mem::take(&mut step.lost).and(&others.elsewhere);
    }
}

/// Another copy may have more: what the best of all has and this one will not, and what only the newest log has.
fn against_others(step: &mut Step, facts: &Facts<'_>, others: &Others<'_, '_>) {
    let Some(held) = actions::held(facts, step.action) else {
        return;
    };
    let is_other = |other: &&Facts<'_>| !std::ptr::eq(other.member, facts.member);
    if let Some(best) = others.best.filter(is_other) {
        let acknowledged = best.acknowledged.keyspace();
        let difference = Difference::between(&acknowledged, &held.keyspace(), 0);
        step.lost = difference.lost;
        step.wrong = difference.wrong;
    }
    if let Some(newest) = others.newest.filter(is_other) {
        step.possibly_lost = newest.acknowledged.possibly.clone();
    }
    if step.action == Action::Restore && step.outcome.starts == Some(true) {
        step.wrong.at_least |= facts.member.fails_sha256();
        step.effect = actions::effect_of_restore(facts, step);
    }
}

/// The step that costs less than the one that was asked for; if that one must not be taken, also a step that others must help
/// with.
fn better<'p>(plan: &'p [Step], own: Option<&Step>) -> Option<&'p Step> {
    let is_other = |step: &&Step| own.is_none_or(|own| own.action != step.action);
    let is_better = |step: &&Step| own.is_none_or(|own| step.badness() < own.badness());
    let known = |step: &&Step| step.outcome.starts == Some(true);
    let is_refused = own.is_none_or(|own| own.has_obstacle || own.outcome.starts != Some(true));
    // What is asked of the original comes before what loses something: the same first line as that of the plan.
    let of_plan = plan.first().filter(is_other).filter(|_| is_refused);
    if let Some(asked) = of_plan.filter(|step| step.is_usable() && step.action.asks_others()) {
        return Some(asked);
    }
    let first = plan.iter().find(known);
    let least = plan.iter().filter(known).filter(is_better);
    let least = first
        .filter(is_better)
        .or_else(|| least.min_by_key(|step| step.badness()));
    if let Some(least) = least.filter(is_other) {
        return Some(least);
    }
    let asked = |step: &&Step| step.outcome.starts.is_none() && step.action.asks_others();
    plan.iter()
        .find(asked)
        .filter(|_| is_refused)
        .filter(is_other)
}
