//! Compaction revisions, and the rules that differ between releases of etcd.

use super::revision::Revision;

/// The two compaction revisions of the `meta` bucket.
///
/// A compaction at C writes `scheduledCompactRev`, deletes in batches, and writes `finishedCompactRev` with the last batch:
/// between the two it can be interrupted, and is resumed at the next start. Source: `server/mvcc/kvstore_compaction.go,
/// v3.5.30`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compaction {
    /// `scheduledCompactRev`; absent in a db that was never compacted.
    pub scheduled: Option<i64>,
    /// `finishedCompactRev`.
    pub finished: Option<i64>,
}

impl Compaction {
    /// Returns the compaction revision in force: the one that etcd reports after a start, when it has resumed an interrupted
    /// compaction. `None` if nothing was ever compacted; etcd then reports -1.
    pub fn revision(&self) -> Option<i64> {
        self.scheduled.max(self.finished)
    }

    /// Returns whether a compaction was started and not finished, so that records which it removes may still be there.
    pub fn is_interrupted(&self) -> bool {
        self.scheduled > self.finished
    }

    /// Returns the current revision of a store: that of its newest record, or of a compaction that removed a newer one.
    pub fn current(&self, newest: Option<Revision>, rules: Rules) -> i64 {
        // A crash after the last batch but before finishedCompactRev leaves a db without the newest revisions: etcd#17780.
        // Releases without the fix (etcd#17865 in 3.5.14, etcd#17864 in 3.4.32) then go back to an older revision.
        let scheduled = self.scheduled.filter(|_| rules.scheduled_counts);
        let known = [
            newest.map(|revision| revision.main),
            self.finished,
            scheduled,
        ];
        known.into_iter().flatten().fold(1, i64::max)
    }
}

/// Rules that changed between patch releases of etcd.
///
/// A db does not name the release that wrote it: from 3.6 on there is `storageVersion`, in 3.5 the `term` in `meta`, before
/// neither. The default, all rules as they are since 3.4.34, 3.5.16 and 3.6.0, returns the numbers of every release except
/// for the few cases that the fields describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// A compaction at C keeps a tombstone written at C, and HashKV leaves it out: since 3.4.34, 3.5.16, 3.6. Without the
    /// tombstone a watch that starts at C never gets the delete event (etcd#18089, etcd#18274).
    pub keeps_tombstones: bool,
    /// `scheduledCompactRev` counts for the current revision: since 3.4.32, 3.5.14, 3.6 (etcd#17780).
    pub scheduled_counts: bool,
    /// HashKV at exactly the compaction revision returns a hash, not `ErrCompacted`: since 3.4.27, 3.5.10, 3.6 (etcd#16047,
    /// etcd#16048).
    pub hashes_at_compaction: bool,
}

impl Rules {
    /// The rules of every release since 3.4.34, 3.5.16 and 3.6.0.
    pub const NEWEST: Self = Self {
        keeps_tombstones: true,
        scheduled_counts: true,
        hashes_at_compaction: true,
    };

    /// Returns the rules of one release; releases before 3.4 have the oldest.
    ///
    /// ```
    /// use etcd_inspect::mvcc::Rules;
    /// assert!(!Rules::of_release(3, 4, 23).keeps_tombstones);
    /// assert_eq!(Rules::of_release(3, 6, 0), Rules::NEWEST);
    /// ```
    pub fn of_release(major: u64, minor: u64, patch: u64) -> Self {
        let since = |three_four, three_five| match (major, minor) {
            (0..=2, _) | (3, 0..=3) => false,
            (3, 4) => patch >= three_four,
            (3, 5) => patch >= three_five,
            _ => true,
        };
        Self {
            keeps_tombstones: since(34, 16),
            scheduled_counts: since(32, 14),
            hashes_at_compaction: since(27, 10),
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::NEWEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheduled_compaction_beyond_the_last_record_counts_since_3_5_14() {
        let compaction = Compaction {
            scheduled: Some(90),
            finished: Some(40),
        };
        let newest = Some(Revision::new(70, 2));
        assert_eq!(compaction.current(newest, Rules::of_release(3, 5, 13)), 70);
        assert_eq!(compaction.current(newest, Rules::of_release(3, 5, 14)), 90);
        assert!(compaction.is_interrupted());
        assert_eq!(compaction.revision(), Some(90));
    }

    #[test]
    fn an_empty_store_is_at_revision_one_and_was_never_compacted() {
        let compaction = Compaction::default();
        assert_eq!(
            (
                compaction.current(None, Rules::NEWEST),
                compaction.revision()
            ),
            (1, None)
        );
        assert!(!compaction.is_interrupted());
    }
}
