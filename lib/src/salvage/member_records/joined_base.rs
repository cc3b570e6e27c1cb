//! What entries after the db's are applied to: the db, and what the log has of its records that are lost.

use std::collections::HashMap;

use crate::mvcc::{KeyValue, Keyspace};
use crate::recover::{Base, Change, KeySpan, Stored};

/// The newest revision of a db, with changes that it lacks.
pub(super) struct JoinedBase<'a, 'l> {
    newest: i64,
    stored: Stored<'a>,
    /// The newest change of each key that the db does not have newer.
    changes: HashMap<&'l [u8], &'l Change<'l>, foldhash::fast::RandomState>,
}

impl<'a, 'l> JoinedBase<'a, 'l> {
    /// A db, and changes by ascending revision that the log wrote and the db does not have, or has otherwise.
    pub(super) fn new(keyspace: Keyspace<'a>, logged: &'l [Change<'_>]) -> Self {
        let newest = keyspace.revision();
        let mut changes: HashMap<&'l [u8], &'l Change<'l>, _> = HashMap::default();
        for change in logged {
            changes.insert(&change.key, change);
        }
        changes.retain(|key, change| {
            let records = keyspace.records_of(key);
            let newest = records.iter().next_back();
            newest.is_none_or(|record| record.revision <= change.revision)
        });
        Self {
            newest,
            stored: Stored::new(keyspace, newest),
            changes,
        }
    }

    /// The revision of the store.
    pub(super) fn revision(&self) -> i64 {
        self.newest
    }
}

impl Base for JoinedBase<'_, '_> {
    fn live(&self, key: &[u8]) -> Option<KeyValue<'_>> {
        match self.changes.get(key) {
            Some(change) => change.put.as_ref().map(|_| change.key_value()),
            None => self.stored.live(key),
        }
    }

    fn live_in(&self, span: KeySpan<'_>) -> Vec<Vec<u8>> {
        let mut keys = self.stored.live_in(span);
        if self.changes.is_empty() {
            return keys;
        }
        keys.retain(|key| !self.changes.contains_key(key.as_slice()));
        let changed = self.changes.iter();
        let live = changed.filter(|(key, change)| change.put.is_some() && span.contains(key));
        keys.extend(live.map(|(key, _)| key.to_vec()));
        keys.sort_unstable();
        keys
    }

    fn attached(&self, lease: i64) -> Vec<Vec<u8>> {
        let mut keys = self.stored.attached(lease);
        keys.retain(|key| !self.changes.contains_key(key.as_slice()));
        let changed = self.changes.iter();
        let attached =
            changed.filter(|(_, change)| change.put.as_ref().is_some_and(|put| put.lease == lease));
        keys.extend(attached.map(|(key, _)| key.to_vec()));
        keys
    }
}
