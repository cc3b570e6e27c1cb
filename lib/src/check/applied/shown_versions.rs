//! Versions of keys that are older than the entries at hand: counted back from the version that the store has of them.

use std::collections::{BTreeSet, HashMap};

use super::RunEntry;
use crate::mvcc::{Keyspace, Version};
use crate::raft::Operation;
use crate::recover::{Change, compared_revisions, is_absence, operation};
use located::RaftIndex;

/// Creation and version of a put.
type Numbers = (i64, i64);

/// Corrects creation and version of puts: the replay did not know how often a key was written before the entries. What nothing shows is 0.
/// `older`: what is known of entries before these; `reaches_store`: whether no write is missing between the entries and what the store has.
pub(super) fn set_versions(
    changes: &mut [Change<'_>],
    entries: &[RunEntry<'_>],
    (older, keyspace): (&Keyspace<'_>, &Keyspace<'_>),
    reaches_store: bool,
) {
    let creations = creations(entries);
    let mut of_key: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
    for (at, change) in changes.iter().enumerate() {
        of_key.entry(change.key.to_vec()).or_default().push(at);
    }
    let first_of = |places: &Vec<usize>| places.first().and_then(|at| changes.get(*at));
    let first = of_key.iter();
    let first = first.filter_map(|(key, places)| Some((key.as_slice(), first_of(places)?.index)));
    let before = versions_before(entries, &first.collect(), [older, keyspace]);
    for (key, places) in of_key {
        let before = before.get(&key).copied();
        let own = counted_from_creation(changes, &places, &creations, (&key, before));
        let records: Vec<Version<'_>> = keyspace.records_of(&key).iter().collect();
        let last = places.last().and_then(|at| changes.get(*at));
        let last = last.map_or(i64::MAX, |change| change.revision.main);
        let later = records.iter().find(|record| record.revision.main > last);
        let mut next = later.filter(|_| reaches_store).and_then(numbers);
        for (at, own) in places.iter().zip(own).rev() {
            let Some(change) = changes.get_mut(*at) else {
                continue;
            };
            let revision = change.revision;
            let Some(put) = &mut change.put else {
                next = None;
                continue;
            };
            let stored = records.binary_search_by_key(&revision, |record| record.revision);
            let stored = stored.ok().and_then(|at| records.get(at));
            let counted =
                next.filter(|(created, version)| *version > 1 && *created <= revision.main);
            let counted = counted.map(|(created, version)| (created, version.saturating_sub(1)));
            next = stored.and_then(numbers).or(own).or(counted);
            (put.create_revision, put.version) = next.unwrap_or((0, 0));
        }
    }
}

fn numbers(version: &Version<'_>) -> Option<Numbers> {
    let kv = version.key_value().ok().filter(|_| !version.tombstone)?;
    (kv.version > 0).then_some((kv.create_revision, kv.version))
}

/// The numbers of keys before their first write among the entries: that of the revision which its transaction demands.
fn versions_before(
    entries: &[RunEntry<'_>],
    first: &HashMap<&[u8], RaftIndex>,
    known: [&Keyspace<'_>; 2],
) -> HashMap<Vec<u8>, Numbers> {
    let mut before = HashMap::new();
    let written = |key: &[u8], revision: i64| {
        let records = known.map(|known| known.between(revision..=revision));
        let mut records = records.into_iter().flatten();
        records
            .find(|record| record.key == key)
            .as_ref()
            .and_then(numbers)
    };
    for entry in entries {
        let payload = entry.payload();
        let Some(Operation::Txn(txn)) = operation(&payload) else {
            continue;
        };
        for (key, revision) in compared_revisions(txn) {
            if first.get(key) == Some(&entry.entry.index)
                && let Some(numbers) = written(key, revision)
            {
                before.insert(key.to_vec(), numbers);
            }
        }
    }
    before
}

/// The numbers of each write of a key whose creation is among the entries, or known from before.
fn counted_from_creation(
    changes: &[Change<'_>],
    places: &[usize],
    creations: &HashMap<RaftIndex, BTreeSet<Vec<u8>>>,
    (key, before): (&[u8], Option<Numbers>),
) -> Vec<Option<Numbers>> {
    let (mut last, mut is_absent) = (before, false);
    let written = places.iter().filter_map(|at| changes.get(*at));
    let of_write = written.map(|change| {
        let main = change.revision.main;
        let Some(put) = &change.put else {
            (last, is_absent) = (None, true);
            return None;
        };
        // A key of which only a later deletion is known is taken to be there, with no creation.
        let is_first = put.create_revision == main || put.create_revision == 0;
        let created = creations.get(&change.index).filter(|_| is_first);
        let is_creation = is_absent || created.is_some_and(|keys| keys.contains(key));
        last = match (is_creation, last) {
            (true, _) => Some((main, 1)),
            (false, Some((created, version))) => Some((created, version.saturating_add(1))),
            (false, None) => None,
        };
        is_absent = false;
        last
    });
    of_write.collect()
}

/// The keys that transactions create: they demand that these do not exist.
fn creations(entries: &[RunEntry<'_>]) -> HashMap<RaftIndex, BTreeSet<Vec<u8>>> {
    let mut creations: HashMap<RaftIndex, BTreeSet<Vec<u8>>> = HashMap::new();
    for entry in entries {
        let payload = entry.payload();
        if let Some(Operation::Txn(txn)) = operation(&payload) {
            let absent = txn.compare.iter().filter(|compare| is_absence(compare));
            let keys: BTreeSet<Vec<u8>> = absent.map(|compare| compare.key.clone()).collect();
            if !keys.is_empty() {
                creations.insert(entry.entry.index, keys);
            }
        }
    }
    creations
}
