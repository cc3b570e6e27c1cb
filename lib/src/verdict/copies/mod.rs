//! Copies of members of one cluster together: which have one history, who was removed, whether a majority is clean.

mod committed;
mod history;
mod log_entries;
mod older;
mod only_here;
mod quorum;
mod removal;

use std::collections::BTreeSet;

use super::facts::Facts;
use crate::check::Report;
use crate::member::Member;
use crate::progress::Progress;
use crate::wal::boot::Release;

pub(super) use self::history::Parted;
pub(super) use self::log_entries::Entries;
pub(super) use self::only_here::{only_here, only_in_other_histories};
pub(super) use self::quorum::Quorum;
pub(super) use self::removal::{Removal, cluster, unaccounted};

/// What other copies say of the member of a copy, or its own files.
#[derive(Clone, Debug, Default)]
pub(super) struct CopyStanding {
    /// That it was removed from its cluster.
    pub(super) removed: Option<Removal>,
    /// That its log goes on differently.
    pub(super) parted: Option<Parted>,
    /// The path of a newer copy of the same member: this one must never be started.
    pub(super) older_than: Option<String>,
    /// Whether enough voters are left beside it.
    pub(super) quorum: Quorum,
}

impl CopyStanding {
    /// Whether nothing is known against starting the copy with the others.
    pub(super) fn is_member(&self) -> bool {
        self.removed.is_none() && self.parted.is_none()
    }
}

/// Clean copies of more than half of the voters of a cluster of several.
#[derive(Clone, Debug)]
pub(super) struct Majority {
    /// Positions of the copies, one for each voter.
    pub(super) clean: Vec<usize>,
    /// How many voters there are.
    pub(super) voters: usize,
}

/// Gathers what is known of each copy, and of all of them together.
pub(super) fn gathered<'a>(
    members: &[&'a Member],
    reports: &'a [Report],
    release: Option<Release>,
    progress: &'a dyn Progress,
) -> Vec<Facts<'a>> {
    let committed = committed::committed(members, reports, progress);
    let all = members.iter().zip(reports).zip(committed);
    let mut facts: Vec<Facts<'a>> = all
        .map(|((member, report), committed)| {
            Facts::gather(member, report, release, committed, progress)
        })
        .collect();
    let reached = facts.iter().map(|facts| facts.reached).max().unwrap_or(0);
    for facts in &mut facts {
        facts.reached = reached;
    }
    note_standing(&mut facts);
    facts
}

/// Notes for each copy what the others say of its member.
pub(super) fn note_standing(facts: &mut [Facts<'_>]) {
    let older = older::older_copies(facts);
    for (facts, older) in facts.iter_mut().zip(older) {
        facts.standing.older_than = older;
    }
    let parted = history::parted(facts);
    for (facts, parted) in facts.iter_mut().zip(parted) {
        facts.standing.parted = parted;
    }
    let removed = removal::removals(facts);
    for (facts, removed) in facts.iter_mut().zip(removed) {
        facts.standing.removed = removed;
    }
    let quorums = quorum::quorums(facts);
    for (facts, quorum) in facts.iter_mut().zip(quorums) {
        facts.standing.quorum = quorum;
    }
}

/// Notes for each copy whether the logs of a majority of its voters are among the copies.
pub(super) fn note_majority(facts: &mut [Facts<'_>]) {
    let members = facts
        .iter()
        .filter(|facts| facts.standing.is_member() && facts.member.wal().is_some());
    let here: BTreeSet<u64> = members.map(|facts| facts.own.get()).collect();
    for facts in facts {
        let voters = &facts.conf.voters;
        let known = voters.iter().filter(|voter| here.contains(voter)).count();
        facts.has_majority = known.saturating_mul(2) > voters.len();
    }
}

/// The voters that have a clean copy that starts, if these are a majority of more than one. `is_clean`: what else a copy at a
/// position must be.
pub(super) fn clean_majority(
    facts: &[Facts<'_>],
    is_clean: impl Fn(usize) -> bool,
) -> Option<Majority> {
    let members = || {
        let all = facts.iter().enumerate();
        all.filter(|(_, facts)| facts.standing.is_member())
    };
    let (_, furthest) = members().max_by_key(|(_, facts)| facts.acknowledged.through)?;
    let voters = &furthest.conf.voters;
    let mut known = BTreeSet::new();
    let clean = members().filter(|(at, facts)| {
        let starts = facts.start.as_ref().is_some_and(|start| start.serves());
        let own = facts.own.get();
        starts
            && facts.standing.older_than.is_none()
            && facts.sound.errors() == 0
            && is_clean(*at)
            && voters.contains(&own)
            && known.insert(own)
    });
    let clean: Vec<usize> = clean.map(|(at, _)| at).collect();
    let is_majority = voters.len() > 1 && clean.len().saturating_mul(2) > voters.len();
    is_majority.then_some(Majority {
        clean,
        voters: voters.len(),
    })
}
