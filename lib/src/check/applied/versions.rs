//! Every version of a key that is anywhere.

use super::logged::Logged;
use crate::member::Origin;
use crate::mvcc::{Keyspace, Version};

/// Every version of a key, oldest first: those that only the WAL has among the db's.
pub fn versions<'v>(
    key: &[u8],
    keyspace: &Keyspace<'v>,
    logged: Option<&'v Logged>,
) -> Vec<(Origin, Version<'v>)> {
    let of_db = |version: Version<'v>| match version.offset {
        Some(_) => (Origin::Db, version),
        None => (Origin::Wal(None), version),
    };
    let mut all: Vec<_> = keyspace.records_of(key).iter().map(of_db).collect();
    let Some(logged) = logged else {
        return all;
    };
    let replayed: Vec<_> = all.iter().map(|(_, version)| version.revision).collect();
    let new = logged.keyspace().records_of(key);
    let new = new
        .iter()
        .filter(|version| !replayed.contains(&version.revision));
    all.extend(new.map(|version| {
        let index = logged.index_of(version.revision.main);
        (Origin::Wal(index), version)
    }));
    all.sort_by_key(|(_, version)| version.revision);
    let value = |version: &Version<'v>| version.key_value().ok().map(|kv| kv.value);
    let unplaced = logged.unplaced().records_of(key);
    let mut before: Vec<_> = unplaced
        .iter()
        // What stands in the db with its revision is not shown once more without.
        .filter(|version| {
            version.tombstone
                || all
                    .iter()
                    .all(|(_, known)| known.tombstone || value(known) != value(version))
        })
        .map(|version| {
            let origin = Origin::Unplaced {
                index: version.revision.main.unsigned_abs(),
                conditional: logged.is_conditional(version.revision.main),
            };
            (origin, version)
        })
        .collect();
    before.extend(all);
    before
}
