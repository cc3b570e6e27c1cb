//! A plan restricted to one action: may it be done with these copies, what does each lose, and is something better.

use std::borrow::Borrow;

use super::acknowledged::Foundation;
use super::action::Action;
use super::actions::{self, Forced};
use super::copies::{Majority, clean_majority, note_standing};
use super::difference::Difference;
use super::facts::Facts;
use super::plan;
use super::soundness::Soundness;
use super::step::Step;
use crate::check::{Depth, Report, check};
use crate::member::Member;
use crate::progress::Progress;
use crate::recover::commit;
use crate::start::{Level, Line, is_go};
use crate::wal::boot::Release;
use located::{Command, RaftIndex};

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
    let committed = committed(&members, &reports, progress);
    let mut facts: Vec<Facts<'_>> = members
        .iter()
        .zip(&reports)
        .map(|(member, report)| Facts::gather(member, report, release, committed, progress))
        .collect();
    let reached = facts.iter().map(|facts| facts.reached).max().unwrap_or(0);
    for facts in &mut facts {
        facts.reached = reached;
    }
    note_standing(&mut facts);
    let majority = clean_majority(&facts, |_| true);
    let others = Others {
        best: best(&facts),
        newest: newest(&facts),
        together: majority.and_then(|majority| {
            let step = actions::together(&facts, &majority)?;
            Some((majority, step))
        }),
    };
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
        harm,
        possibly,
        std::cmp::Reverse(one.forced.as_ref().map(|forced| forced.commit)),
        std::cmp::Reverse(revision),
    )
}

/// The highest entry that any copy proves to be committed.
pub(super) fn committed(
    members: &[&Member],
    reports: &[Report],
    progress: &dyn Progress,
) -> RaftIndex {
    let of = |(member, report): (&&Member, &Report)| {
        let wal = member.wal_with(progress)?;
        // What a db of another history has applied is no entry of this log.
        let is_own = !Soundness::from_report(report).two_histories();
        let meta = member.meta().ok().filter(|_| is_own);
        let applied = meta
            .and_then(|meta| meta.consistent_index)
            .unwrap_or_default();
        Some(commit(&wal, applied))
    };
    let all = members.iter().zip(reports);
    all.filter_map(of).max().unwrap_or_default()
}

/// The copy that has the acknowledged state: of those without errors the one that reaches furthest.
pub(super) fn best<'f, 'a>(facts: &'f [Facts<'a>]) -> Option<&'f Facts<'a>> {
    let reach = |facts: &Facts<'_>| {
        let state = facts.acknowledged.keyspace();
        (
            facts.sound.errors() == 0,
            facts.acknowledged.unreadable().is_zero(),
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
    let mut plan = actions::all(facts);
    plan::rank(&mut plan);
    let mut step = match action {
        Action::ForceNewCluster => actions::forced_step(facts),
        Action::Upgrade => actions::upgrade_step(facts),
        _ => plan.iter().find(|step| step.action == action).cloned(),
    };
    // A member that lags its peers gets from them what it lacks: its start loses nothing of the cluster.
    let catches_up =
        action == Action::Start && (facts.start.as_ref()).is_some_and(|start| start.quorum > 1);
    if let Some(step) = step.as_mut().filter(|_| !catches_up) {
        against_others(step, facts, others);
    }
    let forced = (action == Action::ForceNewCluster).then(|| actions::forced(facts));
    let mut lines = actions::lines(facts, action, step.as_ref());
    let makes_another = matches!(action, Action::ForceNewCluster | Action::Restore);
    let together = others.together.as_ref().filter(|_| makes_another);
    if let Some((majority, _)) = together {
        let text = format!(
            "{} of the {} voters have a clean copy here: started together they are a majority, and nothing is lost",
            majority.clean.len(),
            majority.voters
        );
        lines.insert(0, Line::new(Level::Warn, "MAJORITY", text));
    }
    if let Some(step) = &mut step {
        step.has_obstacle = !is_go(&lines);
    }
    let costs_less = better(&plan, step.as_ref());
    // What makes a cluster of its own is no alternative to a majority that loses nothing.
    let costs = |step: &Step| step.harm() > 0 || !step.possibly_lost.is_none();
    let is_worse = action == Action::ForceNewCluster || step.as_ref().is_none_or(costs);
    let is_best = costs_less.is_none() && !(together.is_some() && is_worse);
    let together = together.map(|(_, step)| step);
    let better = together.or(costs_less).cloned();
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
