//! Every version of a key that is anywhere.

use std::collections::{HashMap, HashSet};

use super::logged::Logged;
use crate::member::Origin;
use crate::mvcc::{Keyspace, Version};
use located::RaftIndex;

/// Every version of a key, oldest first: those that only the WAL has among the db's. Those of unknown revision are before all others,
/// but after them from the entry on from which WAL and db differ.
pub fn versions<'v>(
    key: &[u8],
    keyspace: &Keyspace<'v>,
    logged: Option<&'v Logged>,
) -> Vec<(Origin, Version<'v>)> {
    let of_db = |version: Version<'v>| match version.offset {
        Some(_) => (Origin::Db, version),
        None => {
            let index = logged.and_then(|logged| logged.index_of(version.revision.main));
            (Origin::Wal(index), version)
        }
    };
    let mut all: Vec<_> = keyspace.records_of(key).iter().map(of_db).collect();
    let Some(logged) = logged else {
        return all;
    };
    let new = logged.keyspace().records_of(key);
    let known: HashSet<_> = all.iter().map(|(_, version)| version.revision).collect();
    let new: Vec<_> = new
        .iter()
        .filter(|version| !known.contains(&version.revision))
        .map(|version| {
            let index = logged.index_of(version.revision.main);
            (Origin::Wal(index), version)
        })
        .collect();
    all.extend(new);
    all.sort_by_key(|(_, version)| version.revision);
    let stopped = logged.stopped().unwrap_or(RaftIndex::MAX);
    let unplaced: Vec<_> = not_placed(&all, logged.unplaced().records_of(key).iter(), logged)
        .into_iter()
        .map(|version| {
            let origin = Origin::Unplaced {
                index: RaftIndex(version.revision.main.unsigned_abs()),
                conditional: logged.is_conditional(version.revision.main),
                keeps_value: logged.keeps_value(version.revision),
            };
            (origin, version)
        })
        .collect();
    let is_after = |(origin, _): &(Origin, Version<'v>)| matches!(origin, Origin::Unplaced { index, .. } if *index >= stopped);
    let (after, mut sorted): (Vec<_>, Vec<_>) = unplaced.into_iter().partition(is_after);
    sorted.extend(all);
    sorted.extend(after);
    sorted
}

/// The unplaced writes of a key that none of its placed versions is: one write is not listed twice.
///
/// A put is known by its value. A delete has none, but an order: both lists are in the order of the log. So it is the next tombstone after
/// the version that the write before it became, unless a later put of the log became a version before that tombstone.
fn not_placed<'v>(
    placed: &[(Origin, Version<'v>)],
    unplaced: impl Iterator<Item = Version<'v>>,
    logged: &Logged,
) -> Vec<Version<'v>> {
    let value = |version: &Version<'v>| version.key_value().ok().map(|kv| kv.value);
    let unplaced: Vec<Version<'v>> = unplaced.collect();
    // The version that each put became: the first after that of the put before, or any, because a value that is stored is no news.
    let mut after = 0usize;
    let mut of_puts: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (at, (_, version)) in placed
        .iter()
        .enumerate()
        .filter(|(_, (_, one))| !one.tombstone)
    {
        if let Some(value) = value(version) {
            of_puts.entry(value).or_default().push(at);
        }
    }
    let mut became: Vec<Option<usize>> = Vec::new();
    for version in &unplaced {
        let is_put = !version.tombstone && !logged.keeps_value(version.revision);
        let all = value(version)
            .filter(|_| is_put)
            .and_then(|value| of_puts.get(value));
        let found = all.and_then(|all| all.iter().find(|at| **at >= after).or(all.first()));
        became.push(found.copied());
        after = found.map_or(after, |at| after.max(at.saturating_add(1)));
    }
    // Where the next version after each write is, if one is known.
    let mut until: Vec<usize> = vec![placed.len(); unplaced.len()];
    let mut next = placed.len();
    for (until, became) in until.iter_mut().zip(&became).rev() {
        *until = next;
        next = became.map_or(next, |at| next.min(at));
    }
    let mut after = 0usize;
    let mut rest = Vec::new();
    for ((version, became), until) in unplaced.into_iter().zip(became).zip(until) {
        let tombstone = |at: &usize| {
            let (_, one) = placed.get(*at)?;
            (one.tombstone && logged.index_of(one.revision.main).is_none()).then_some(*at)
        };
        let found = match version.tombstone {
            true => (after..until).find_map(|at| tombstone(&at)),
            false => became,
        };
        match found {
            Some(at) => after = after.max(at.saturating_add(1)),
            None => rest.push(version),
        }
    }
    rest
}
