//! Logs that contradict each other in what both call committed: two histories, of which one is the cluster's. One member was started
//! with `--force-new-cluster` while the others went on, or was restored and written to.

use std::collections::BTreeSet;

use super::log_entries::Entries;
use crate::member::Member;
use crate::progress::Progress;
use crate::recover::commit;
use crate::verdict::facts::Facts;
use located::{ClusterId, RaftIndex};

/// That the log of a copy goes on differently from another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::verdict) struct Parted {
    /// The first entry that differs.
    pub(in crate::verdict) index: RaftIndex,
    /// Position of a copy of the other history.
    pub(in crate::verdict) from: usize,
    /// The path of that copy.
    pub(in crate::verdict) name: String,
    /// Whether a majority of the voters has the other history; if not, no copy says which one counts.
    pub(in crate::verdict) is_of_minority: bool,
}

/// The log of a copy.
pub(super) struct CopyLog<'a> {
    pub(super) entries: Entries<'a>,
    /// The last entry that is committed by its own files.
    pub(super) commit: RaftIndex,
    cluster: Option<ClusterId>,
}

impl<'a> CopyLog<'a> {
    /// `applied`: the last entry that the db beside it has, 0 if that says nothing.
    pub(super) fn read(
        member: &'a Member,
        applied: RaftIndex,
        progress: &dyn Progress,
    ) -> Option<Self> {
        let wal = member.wal_with(progress)?;
        let metadata = wal.log().metadata.first();
        Some(Self {
            commit: commit(&wal, applied),
            cluster: metadata.map(|metadata| metadata.cluster_id),
            entries: Entries::from_wal(wal),
        })
    }

    /// Whether both are of one cluster, and nothing that both call committed differs.
    pub(super) fn is_of_history(&self, other: &Self) -> bool {
        self.cluster == other.cluster && self.parts_from(other).is_none()
    }

    /// The first entry that both call committed and have differently.
    fn parts_from(&self, other: &Self) -> Option<RaftIndex> {
        if self.cluster != other.cluster {
            return None;
        }
        let (first, _) = self.entries.different(&other.entries).next()?;
        (first.index <= self.commit.min(other.commit)).then_some(first.index)
    }
}

/// Of each copy, whether its history is not the one that counts.
pub(super) fn parted(facts: &[Facts<'_>]) -> Vec<Option<Parted>> {
    let none = || facts.iter().map(|_| None).collect();
    if facts.len() < 2 {
        return none();
    }
    let logs: Vec<Option<CopyLog<'_>>> = facts
        .iter()
        .map(|facts| CopyLog::read(facts.member, facts.applied, facts.progress))
        .collect();
    let between = |one: usize, other: usize| {
        let log = |at: usize| logs.get(at).and_then(Option::as_ref);
        log(one)?.parts_from(log(other)?)
    };
    let mut histories: Vec<Vec<usize>> = Vec::new();
    for at in 0..facts.len() {
        let fits = |history: &&mut Vec<usize>| {
            let mut others = history.iter();
            others.all(|&other| between(at, other).is_none())
        };
        match histories.iter_mut().find(fits) {
            Some(history) => history.push(at),
            None => histories.push(vec![at]),
        }
    }
    if histories.len() < 2 {
        return none();
    }
    let mut of_majority = histories
        .iter()
        .filter(|history| is_of_majority(facts, history));
    // Two clusters that were made of one both have a majority of their own.
    let counts = of_majority.next().filter(|_| of_majority.next().is_none());
    let parted = |at: usize| {
        if counts.is_some_and(|counts| counts.contains(&at)) {
            return None;
        }
        let all: Vec<usize> = (0..facts.len()).collect();
        let others = counts.unwrap_or(&all).iter();
        let mut parting = others.filter_map(|&other| Some((between(at, other)?, other)));
        let (index, from) = parting.next()?;
        Some(Parted {
            index,
            from,
            name: facts.get(from)?.member.evidence().name().to_string(),
            is_of_minority: counts.is_some(),
        })
    };
    (0..facts.len()).map(parted).collect()
}

/// Whether more than half of the voters of a cluster of several have this history.
fn is_of_majority(facts: &[Facts<'_>], history: &[usize]) -> bool {
    let copies = || history.iter().filter_map(|&at| facts.get(at));
    let furthest = copies().max_by_key(|facts| facts.acknowledged.through);
    let voters = furthest.map_or(&[] as &[u64], |facts| facts.conf.voters.as_slice());
    let own = copies().map(|facts| facts.own.get());
    let own: BTreeSet<u64> = own.filter(|own| voters.contains(own)).collect();
    voters.len() > 1 && own.len().saturating_mul(2) > voters.len()
}
