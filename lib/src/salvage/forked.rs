//! Copies of two histories that nothing but their records tells apart: one was restored or copied twice, and both were written to.

use std::collections::BTreeSet;

use super::Dropped;
use super::contradicted::{common, differs};
use super::member_records::MemberRecords;
use super::record::{KeyRecord, RecordSet};
use crate::member::Member;
use located::MemberId;

/// Number of newest common records that are compared.
const COMPARED: usize = 64;

/// The first revision at which another copy has another record, if both go on differently from there. One value that differs among
/// equal ones is damage of one copy, and no other history.
pub(super) fn forks_at(
    set: &RecordSet<'_>,
    best: &[KeyRecord],
    other: &[KeyRecord],
) -> Option<i64> {
    let differs = |pair: (usize, usize)| differs(set, best, other, pair);
    let at: Vec<(usize, usize)> = common(best, other).collect();
    let newest = at.get(at.len().saturating_sub(COMPARED)..)?;
    let differing = newest.iter().filter(|pair| differs(**pair)).count();
    let last_differs = newest.last().is_some_and(|pair| differs(*pair));
    if !last_differs || differing.saturating_mul(2) < newest.len().min(2) {
        return None;
    }
    // After a fork nearly every revision differs: the first one is found in halves, and then looked for before it.
    let mut first = at.partition_point(|pair| !differs(*pair));
    while let Some(before) = at.get(first.saturating_sub(COMPARED)..first) {
        match before.iter().position(|pair| differs(*pair)) {
            Some(position) => first = first.saturating_sub(before.len()) + position,
            None => break,
        }
    }
    let (position, _) = at.get(first)?;
    Some(best.get(*position)?.revision.main)
}

/// Positions of the copies that more than half of the voters agree with, if the copies have two histories.
pub(super) fn of_majority(parts: &[MemberRecords<'_>], set: &RecordSet<'_>) -> BTreeSet<usize> {
    let mut histories: Vec<Vec<(usize, &MemberRecords<'_>)>> = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let fits = histories.iter().position(|history| {
            let mut others = history.iter();
            others.all(|(_, other)| forks_at(set, &other.records, &part.records).is_none())
        });
        match fits.and_then(|fits| histories.get_mut(fits)) {
            Some(history) => history.push((at, part)),
            None => histories.push(vec![(at, part)]),
        }
    }
    let mut agreed = histories.iter().filter(|history| {
        let own = |(_, part): &(usize, &MemberRecords<'_>)| part.member.identity().member_id;
        let voters: BTreeSet<MemberId> = history.iter().filter_map(own).collect();
        let all = history.iter().map(|(_, part)| part.state.members.voters());
        let all = all.max().unwrap_or(0);
        all > 1 && voters.len().saturating_mul(2) > all
    });
    match (agreed.next(), agreed.next()) {
        (Some(history), None) if histories.len() > 1 => history.iter().map(|(at, _)| *at).collect(),
        _ => BTreeSet::new(),
    }
}

/// Which of several histories the backup has.
pub(super) fn taken(of: &Member, is_of_majority: bool) -> String {
    let name = of.evidence().name();
    match is_of_majority {
        true => format!(
            "the copies have different histories: this backup has that of {name}, which a majority of the voters has"
        ),
        false => format!(
            "the copies have different histories, and no majority of the voters says which one counts: this backup has that of {name}, which reaches furthest"
        ),
    }
}

/// What the backup does not have of a copy that forks from the best one.
pub(super) fn left_out(other: &str, newest: i64, best: &str, first: i64) -> Dropped {
    let range = match newest == first {
        true => format!("revision {first}"),
        false => format!("revisions {first}–{newest}"),
    };
    Dropped::new(
        "history",
        format!("{range} of {other} ({best} has other writes there)"),
        "both copies were written to after they had been the same, and this backup has the history of one; salvage the other copy alone to have the other",
    )
}
