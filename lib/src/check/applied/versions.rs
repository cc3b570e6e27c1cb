//! Every version of a key that is anywhere.

use std::collections::HashSet;

use super::logged::Logged;
use crate::member::Origin;
use crate::mvcc::{Keyspace, Version};

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
    let value = |version: &Version<'v>| version.key_value().ok().map(|kv| kv.value);
    let puts = all.iter().filter(|(_, version)| !version.tombstone);
    let known: HashSet<_> = puts.map(|(_, version)| value(version)).collect();
    let unplaced = logged.unplaced().records_of(key);
    let stopped = logged.stopped().unwrap_or(u64::MAX);
    let unplaced: Vec<_> = unplaced
        .iter()
        // A write that is in the db with its revision is not shown again without one.
        .filter(|version| {
            version.tombstone
                || logged.keeps_value(version.revision)
                || !known.contains(&value(version))
        })
        .map(|version| {
            let origin = Origin::Unplaced {
                index: version.revision.main.unsigned_abs(),
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
