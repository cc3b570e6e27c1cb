//! One file for each action: whether it fits, its commands, and its outcome.

mod copy_again;
mod correct;
mod etcdctl;
mod force_new_cluster;
mod lines;
mod none;
mod rejoin;
mod restore;
mod reunite;
mod salvage;
mod salvage_together;
mod start;
mod together;
mod upgrade;

use super::action::Action;
use super::facts::Facts;
use super::outcome::Outcome;
use super::step::Step;
use crate::mvcc::Keyspace;
use crate::recover::{Replayed, replay_through};
use crate::start::is_go;

pub(super) use etcdctl::{etcdctl, voter_urls};
pub use force_new_cluster::Forced;
pub(super) use force_new_cluster::{forced, forced_step};
pub(super) use lines::lines;
pub(super) use rejoin::{rejoined as rejoin_step, remove_and_add};
pub(super) use restore::effect as effect_of_restore;
pub(super) use salvage_together::{salvage_of, salvage_together};
pub(super) use start::no_others;
pub(super) use together::together;
pub(super) use upgrade::step as upgrade_step;

/// Every action that fits, in no order.
pub(super) fn all(facts: &Facts<'_>) -> Vec<Step> {
    let actions = [
        none::step,
        start::step,
        restore::step,
        salvage::step,
        salvage::of_old_log,
        correct::step,
        rejoin::step,
        copy_again::step,
        reunite::step,
        force_new_cluster::step,
    ];
    let mut steps: Vec<Step> = actions.iter().filter_map(|step| step(facts)).collect();
    for step in &mut steps {
        step.has_obstacle = !is_go(&lines(facts, step.action, Some(step)));
    }
    // What this user may not read says nothing about etcd's fate.
    if let Some(finding) = facts.sound.not_read() {
        steps.retain(|step| step.action == Action::Start);
        let why = format!("cannot tell: {}", finding.message);
        for step in &mut steps {
            step.effect = format!("start etcd {}: {why}", step.release);
            step.outcome = Outcome {
                message: Some(why.clone()),
                ..Outcome::unknown()
            };
        }
    }
    steps
}

/// The store that is served after an action.
pub(super) enum Held<'a> {
    Store(Keyspace<'a>),
    Replayed(Box<Replayed<'a>>),
}

impl Held<'_> {
    pub(super) fn keyspace(&self) -> Keyspace<'_> {
        match self {
            Self::Store(keyspace) => *keyspace,
            Self::Replayed(replayed) => replayed.keyspace(),
        }
    }
}

/// The store that a copy would serve after an action, of those that work on what is there.
pub(super) fn held<'f>(facts: &'f Facts<'_>, action: Action) -> Option<Held<'f>> {
    let through = |index| {
        let replayed = replay_through(facts.member, index, facts.progress).ok()?;
        Some(Held::Replayed(Box::new(replayed)))
    };
    match action {
        Action::Restore => facts.db().map(Held::Store),
        Action::ForceNewCluster => {
            let state = facts.forced_start().state.as_ref();
            state.map(|state| Held::Store(state.keyspace()))
        }
        Action::Start | Action::Upgrade => through(facts.start.as_ref()?.last_index?),
        _ => None,
    }
}
