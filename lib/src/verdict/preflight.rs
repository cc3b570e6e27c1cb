//! A plan restricted to one action: may it be done with these copies, what does each lose, and is something better.

use std::borrow::Borrow;

use super::acknowledged::Foundation;
use super::action::Action;
use super::actions::{self, Forced};
use super::difference::Difference;
use super::facts::Facts;
use super::outcome::{Count, Loss};
use super::plan;
use super::step::Step;
use crate::check::{Depth, Report, check};
use crate::member::Member;
use crate::progress::Progress;
use crate::recover::commit;
use crate::start::{Level, Line, counted, is_go};
use crate::wal::boot::Release;

/// One copy, judged for one action.
#[derive(Clone, Debug)]
pub struct Judged {
    /// As the user gave it.
    pub path: String,
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
    /// An action that loses less.
    pub better: Option<Step>,
    /// What `--force-new-cluster` makes of it, if that was asked.
    pub forced: Option<Forced>,
    /// The newest revision that any of the copies reached.
    pub reached: Option<i64>,
    /// Errors that a check finds in it, alarms left out.
    pub errors: usize,
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
    let committed = committed(&members, progress);
    let mut facts: Vec<Facts<'_>> = members
        .iter()
        .zip(&reports)
        .map(|(member, report)| Facts::gather(member, report, release, committed, progress))
        .collect();
    let reached = facts.iter().map(|facts| facts.reached).max().unwrap_or(0);
    for facts in &mut facts {
        facts.reached = reached;
    }
    let others = Others {
        best: best(&facts),
        newest: newest(&facts),
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
pub(super) fn committed(members: &[&Member], progress: &dyn Progress) -> u64 {
    let of = |member: &&Member| {
        let wal = member.wal_with(progress)?;
        let meta = member.meta().ok();
        let applied = meta.and_then(|meta| meta.consistent_index).unwrap_or(0);
        Some(commit(&wal, applied))
    };
    members.iter().filter_map(of).max().unwrap_or(0)
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
    facts.iter().max_by_key(|facts| reach(facts))
}

/// The copies that every copy is compared with.
struct Others<'f, 'a> {
    /// It has the acknowledged state.
    best: Option<&'f Facts<'a>>,
    /// It has the writes that may have been acknowledged.
    newest: Option<&'f Facts<'a>>,
}

/// The copy with the newest log by term and index, also if its db is damaged: what follows the committed entries in it may have
/// been acknowledged, and no copy with an older log can contradict it.
fn newest<'f, 'a>(facts: &'f [Facts<'a>]) -> Option<&'f Facts<'a>> {
    let known = facts
        .iter()
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
    let mut lines = match action {
        Action::ForceNewCluster => forced
            .as_ref()
            .map(|forced| actions::forced_lines(facts, forced)),
        Action::Start => facts
            .start
            .as_ref()
            .map(|start| actions::start_lines(facts, start)),
        Action::Restore => Some(actions::restore_lines(facts, step.as_ref())),
        Action::Upgrade => Some(actions::upgrade_lines(facts)),
        _ => None,
    }
    .unwrap_or_default();
    lost_lines(step.as_ref(), &mut lines);
    let better = better(&plan, step.as_ref()).cloned();
    // Unknown is not GO.
    let usable =
        (step.as_ref()).is_some_and(|step| step.is_usable() && step.outcome.starts.is_some());
    if step.is_none() && lines.is_empty() {
        let text = format!("{action} cannot be done with this evidence");
        lines.push(Line::new(Level::Fail, "KIND", text));
    }
    Judged {
        path: facts.member.evidence().name().to_string(),
        position: 0,
        rank: 0,
        go: usable && is_go(&lines) && better.is_none(),
        lines,
        step,
        better,
        forced,
        reached: (facts.reached > 0).then_some(facts.reached),
        errors: facts.sound.errors(),
    }
}

/// Another copy may have more: what the best of all has and this one will not, and what only the newest log has.
fn against_others(step: &mut Step, facts: &Facts<'_>, others: &Others<'_, '_>) {
    let Some(held) = actions::held(facts, step.action) else {
        return;
    };
    let is_other = |other: &&Facts<'_>| !std::ptr::eq(*other, facts);
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

/// Says what is lost, with numbers.
fn lost_lines(step: Option<&Step>, lines: &mut Vec<Line>) {
    let Some(step) = step else { return };
    let said = [
        (
            "LOST",
            "acknowledged write would be lost",
            "acknowledged writes would be lost",
            &step.lost,
        ),
        (
            "POSSIBLY-LOST",
            "write that may have been acknowledged would be lost",
            "writes that may have been acknowledged would be lost",
            &step.possibly_lost,
        ),
    ];
    for (code, one, many, loss) in said {
        if !loss.is_none() {
            let text = format!("{}{}", count_text(loss.writes, one, many), revisions(loss));
            lines.push(Line::new(Level::Warn, code, text));
        }
    }
    let counts = [
        (
            "WRONG",
            "record would be served that is not what was written",
            "records would be served that are not what was written",
            step.wrong,
        ),
        (
            "DUPLICATED",
            "write would be applied a second time",
            "writes would be applied a second time",
            step.duplicated,
        ),
        (
            "UNDONE",
            "write that the restore had taken back would come back",
            "writes that the restore had taken back would come back",
            step.undone,
        ),
    ];
    for (code, one, many, count) in counts {
        if !count.is_zero() {
            lines.push(Line::new(Level::Fail, code, count_text(count, one, many)));
        }
    }
}

fn count_text(count: Count, one: &str, many: &str) -> String {
    let sign = if count.at_least { "at least " } else { "" };
    format!("{sign}{}", counted(count.value, one, many))
}

fn revisions(loss: &Loss) -> String {
    let keys = counted(loss.keys.len() as u64, "key", "keys");
    match (loss.first_revision, loss.last_revision) {
        (Some(first), Some(last)) if first == last => format!(" ({keys}, revision {first})"),
        (Some(first), Some(last)) => format!(" ({keys}, revisions {first}–{last})"),
        _ => String::new(),
    }
}

/// The first step of the plan, if it costs less than the one that was asked for.
fn better<'p>(plan: &'p [Step], own: Option<&Step>) -> Option<&'p Step> {
    let harm = |step: &Step| {
        let is_unknown = step.outcome.starts.is_none();
        (!step.is_usable(), is_unknown, step.harm())
    };
    let first = plan.iter().find(|step| step.outcome.starts == Some(true))?;
    match own {
        Some(own) if harm(own) <= harm(first) || own.action == first.action => None,
        _ => Some(first),
    }
}
