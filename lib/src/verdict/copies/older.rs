//! Older copies of a member: a newer copy of the same member is among those that were given. A start of the older one takes back
//! what its member had acknowledged, so that a majority may be counted without the writes that it had confirmed.

use super::removal::cluster;
use crate::backend::Meta;
use crate::verdict::facts::Facts;
use located::{RaftIndex, Term, reported_by};

/// How far a copy goes: the last index that is committed for sure or applied in its db, then the end of its log.
type Reach = (RaftIndex, Option<(Term, RaftIndex)>);

/// Of each copy, the path of the newest copy of the same member if that one is newer. Of equal copies none is older.
pub(super) fn older_copies(facts: &[Facts<'_>]) -> Vec<Option<String>> {
    let reaches: Vec<Reach> = facts.iter().map(reach).collect();
    let with_reach = || facts.iter().zip(&reaches);
    with_reach()
        .map(|(of, own)| {
            let same = with_reach().filter(|(other, _)| {
                of.own.get() != 0 && other.own == of.own && cluster(other) == cluster(of)
            });
            let (newest, reach) = same.max_by_key(|(_, reach)| **reach)?;
            (reach > own).then(|| newest.member.evidence().name().to_string())
        })
        .collect()
}

/// The db counts beside the log: damage of a log does not make a copy the older one.
fn reach(facts: &Facts<'_>) -> Reach {
    let wal = facts.member.wal_with(facts.progress);
    let last = wal.and_then(|wal| wal.log().last().map(|last| (last.term, last.index)));
    let applied = facts
        .member
        .db()
        .ok()
        .and_then(|db| Meta::read(&db, &mut reported_by("backend::check")).consistent_index);
    let committed = facts.acknowledged.through;
    (
        applied.map_or(committed, |applied| committed.max(applied)),
        last,
    )
}
