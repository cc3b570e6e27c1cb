//! What one keyspace holds against another: records that are missing, and records that are not the same.

use super::outcome::{Count, Loss};
use crate::mvcc::{Keyspace, Version};

/// What is held against the acknowledged state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// Acknowledged writes that are not held.
    pub(super) lost: Loss,
    /// Acknowledged records that are held with another content.
    pub(super) wrong: Count,
    /// Their keys, ascending.
    pub(super) wrong_keys: Vec<Vec<u8>>,
    /// Main revisions after the newest acknowledged one: writes that were applied a second time.
    pub(super) extra: u64,
}

impl Difference {
    /// Holds one against the other, from a revision on; both are walked once in the order of revisions.
    ///
    /// Up to the newer compaction revision of both only the version that is live there is expected: the others may be compacted.
    pub(super) fn between(acknowledged: &Keyspace<'_>, held: &Keyspace<'_>, from: i64) -> Self {
        let compacted = acknowledged.compact_revision().max(held.compact_revision());
        Self::above(acknowledged, held, from, compacted.unwrap_or(0))
    }

    /// The same of a store of another history: what that compacted, and what it has beside, says nothing about the acknowledged writes.
    pub(super) fn of_another_history(acknowledged: &Keyspace<'_>, held: &Keyspace<'_>) -> Self {
        let compacted = acknowledged.compact_revision().unwrap_or(0);
        Self {
            extra: 0,
            ..Self::above(acknowledged, held, 0, compacted)
        }
    }

    fn above(acknowledged: &Keyspace<'_>, held: &Keyspace<'_>, from: i64, compacted: i64) -> Self {
        let mut difference = Self::default();
        let mut theirs = held.between(from..=i64::MAX).peekable();
        let mut end = 0;
        for version in acknowledged.between(from..=i64::MAX) {
            end = version.revision.main;
            while theirs
                .next_if(|their| their.revision < version.revision)
                .is_some()
            {}
            let their = theirs.next_if(|their| their.revision == version.revision);
            if version.revision.main <= compacted && !is_live(acknowledged, &version, compacted) {
                continue;
            }
            match their {
                None => difference.lost.add(version.revision.main, version.key),
                // Another key at the revision is no other content of this one.
                Some(their) if their.key != version.key => {
                    difference.lost.add(version.revision.main, version.key);
                }
                Some(their) if !is_same_record(&version, &their) => difference.differs(&version),
                Some(_) => {}
            }
        }
        let mut last = end;
        for version in theirs.filter(|version| version.revision.main > end) {
            if version.revision.main != last {
                difference.extra = difference.extra.saturating_add(1);
                last = version.revision.main;
            }
        }
        difference.lost = difference.lost.settle();
        difference.wrong_keys.sort_unstable();
        difference.wrong_keys.dedup();
        difference
    }

    fn differs(&mut self, version: &Version<'_>) {
        self.wrong.value = self.wrong.value.saturating_add(1);
        self.wrong_keys.push(version.key.to_vec());
    }
}

fn is_same_record(one: &Version<'_>, other: &Version<'_>) -> bool {
    one.tombstone == other.tombstone && one.message == other.message
}

/// Whether it is the version that a compaction at `revision` must leave.
fn is_live(keyspace: &Keyspace<'_>, version: &Version<'_>, revision: i64) -> bool {
    // A store that ends before the compaction of the other is asked for its end.
    let revision = revision.min(keyspace.revision());
    let live = keyspace.get(version.key, Some(revision)).ok().flatten();
    !version.tombstone && live.is_some_and(|live| live.revision == version.revision)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mvcc::{KeyValue, Overlay, Revision, Rules};

    fn store(writes: &[(i64, &[u8], &[u8])]) -> Overlay<'static> {
        let mut overlay = Overlay::empty(Rules::NEWEST);
        for (revision, key, value) in writes {
            let kv = KeyValue {
                key,
                value,
                create_revision: *revision,
                mod_revision: *revision,
                version: 1,
                ..KeyValue::default()
            };
            assert!(overlay.put(Revision::new(*revision, 0), &kv));
        }
        overlay
    }

    #[test]
    fn missing_wrong_and_repeated_writes_are_told_apart() {
        let acknowledged = store(&[(2, b"a", b"1"), (3, b"b", b"1"), (4, b"c", b"1")]);
        let held = store(&[
            (2, b"a", b"1"),
            (4, b"c", b"2"),
            (5, b"a", b"1"),
            (6, b"b", b"1"),
        ]);
        let found = Difference::between(&acknowledged.keyspace(), &held.keyspace(), 0);
        assert_eq!(found.lost.writes, Count::exactly(1));
        assert_eq!(found.lost.keys, [b"b".to_vec()]);
        assert_eq!(
            (found.lost.first_revision, found.lost.last_revision),
            (Some(3), Some(3))
        );
        assert_eq!((found.wrong, found.extra), (Count::exactly(1), 2));
        assert_eq!(found.wrong_keys, [b"c".to_vec()]);
    }

    #[test]
    fn a_store_of_another_history_has_none_of_the_writes_whatever_it_compacted() {
        let acknowledged = store(&[(2, b"a", b"1"), (3, b"a", b"2"), (4, b"c", b"1")]);
        let mut held = store(&[(2, b"x", b"1"), (4, b"y", b"2"), (9, b"z", b"1")]);
        held.compact(9);
        let (acknowledged, held) = (acknowledged.keyspace(), held.keyspace());
        let found = Difference::of_another_history(&acknowledged, &held);
        assert_eq!(found.lost.writes, Count::exactly(3));
        assert_eq!(found.lost.keys, [b"a".to_vec(), b"c".to_vec()]);
        assert_eq!((found.wrong, found.extra), (Count::default(), 0));
    }

    #[test]
    fn what_a_compaction_took_is_not_lost() {
        let acknowledged = store(&[(2, b"a", b"1"), (3, b"b", b"1")]);
        let mut held = store(&[(2, b"a", b"1"), (3, b"b", b"1")]);
        assert!(held.delete(Revision::new(4, 0), b"a"));
        held.compact(4);
        let found = Difference::between(&acknowledged.keyspace(), &held.keyspace(), 0);
        // At the compaction `a` is live in the acknowledged state, which never saw the deletion.
        assert_eq!(found.lost.keys, [b"a".to_vec()]);
        let same = Difference::between(&held.keyspace(), &held.keyspace(), 0);
        assert!(same.lost.is_none() && same.extra == 0);
    }
}
