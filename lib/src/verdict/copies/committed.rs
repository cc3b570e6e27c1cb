//! What copies together prove to be committed.

use std::collections::BTreeMap;

use super::history::CopyLog;
use crate::check::Report;
use crate::member::Member;
use crate::progress::Progress;
use crate::recover::voters;
use crate::salvage::held_by_majority;
use crate::verdict::soundness::Soundness;
use crate::wal::Log;
use located::RaftIndex;

/// Of each copy, the last entry that is committed in its history, by its own files or by those of another copy.
pub(super) fn committed(
    members: &[&Member],
    reports: &[Report],
    progress: &dyn Progress,
) -> Vec<RaftIndex> {
    let all = members.iter().copied().zip(reports);
    let logs: Vec<Option<CopyLog<'_>>> = all
        .map(|(member, report)| log_of(member, report, progress))
        .collect();
    let of = |own: &Option<CopyLog<'_>>| {
        let Some(own) = own else {
            return RaftIndex::default();
        };
        let all = members.iter().copied().zip(&logs);
        let all = all.filter_map(|(member, log)| Some((member, log.as_ref()?)));
        let one: Vec<(&Member, &CopyLog<'_>)> =
            all.filter(|(_, log)| own.is_of_history(log)).collect();
        of_history(&one)
    };
    logs.iter().map(of).collect()
}

fn log_of<'a>(member: &'a Member, report: &Report, progress: &dyn Progress) -> Option<CopyLog<'a>> {
    // What a db of another history has applied is no entry of this log.
    let is_own = !Soundness::from_report(report).two_histories();
    let meta = member.meta().ok().filter(|_| is_own);
    let applied = meta
        .and_then(|meta| meta.consistent_index)
        .unwrap_or_default();
    CopyLog::read(member, applied, progress)
}

/// What one of them knows to be committed, and what a majority of the voters has in the newest term.
fn of_history(copies: &[(&Member, &CopyLog<'_>)]) -> RaftIndex {
    let furthest = copies.iter().max_by_key(|(_, log)| log.commit);
    let Some((member, furthest)) = furthest else {
        return RaftIndex::default();
    };
    let known = furthest.commit;
    let voters = voters(member, &furthest.entries.wal, known).voters;
    let mut owners: BTreeMap<u64, &Log> = BTreeMap::new();
    for (_, copy) in copies {
        let log = copy.entries.wal.log();
        let own = log.metadata.first().map(|own| own.node_id.get());
        let Some(own) = own.filter(|own| voters.contains(own)) else {
            continue;
        };
        let end = |log: &Log| log.last().map(|last| (last.term, last.index));
        let newest = owners.get(&own).copied();
        if newest.is_none_or(|newest| end(newest) < end(log)) {
            owners.insert(own, log);
        }
    }
    let logs: Vec<&Log> = owners.into_values().collect();
    if voters.len() < 2 || may_have_a_newer_leader(&logs, voters.len()) {
        return known;
    }
    known.max(held_by_majority(&logs, voters.len()))
}

/// Whether a voter of which no copy is here may have entries of a later term: one of these took part in a later election.
fn may_have_a_newer_leader(logs: &[&Log], voters: usize) -> bool {
    let newest = logs
        .iter()
        .filter_map(|log| log.last())
        .map(|last| last.term);
    let newest = newest.max();
    let voted = logs.iter().filter_map(|log| log.hard_state());
    let voted = voted.map(|state| state.term).max();
    logs.len() < voters && voted > newest
}
