//! Revisions that the index lacks although the store must have them: after the compaction every main revision has a record, and the
//! changes of one transaction are numbered without a gap.

use super::index::Index;
use crate::codes;
use located::{Finding, Place};

/// Main revision of the first write; 1 is the empty store (`NewStore` in `server/mvcc/kvstore.go, v3.5.30`).
const FIRST_MAIN: i64 = 2;

/// What is missing after the compaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MissingRecords {
    /// The first main revisions without a record, and how many there are in all.
    first: Option<(i64, i64)>,
    revisions: u64,
    /// The first main revision that lacks a change, and how many changes there are in all.
    first_change: Option<i64>,
    changes: u64,
}

impl MissingRecords {
    /// Looks for them: one pass over the records after the compaction.
    pub(crate) fn find(index: &Index, compacted: Option<i64>) -> Self {
        let compacted = compacted.unwrap_or(1).max(FIRST_MAIN - 1);
        let from = index.first_at(compacted.saturating_add(1));
        let records = index.records.get(from..).unwrap_or_default();
        let (mut missing, mut last) = (Self::default(), (compacted, i64::MAX));
        for record in records {
            let revision = record.revision();
            let (main, sub) = last;
            let expected = match revision.main == main {
                true => sub.saturating_add(1),
                false => 0,
            };
            if revision.main.saturating_sub(main) > 1 {
                missing.lacks_revisions(main.saturating_add(1), revision.main.saturating_sub(1));
            }
            if revision.sub > expected {
                missing.lacks_changes(revision.main, revision.sub.saturating_sub(expected));
            }
            last = (revision.main, revision.sub);
        }
        missing
    }

    fn lacks_revisions(&mut self, first: i64, last: i64) {
        self.first = self.first.or(Some((first, last)));
        let count = last.saturating_sub(first).saturating_add(1);
        self.revisions = self.revisions.saturating_add(count.unsigned_abs());
    }

    fn lacks_changes(&mut self, main: i64, count: i64) {
        self.first_change = self.first_change.or(Some(main));
        self.changes = self.changes.saturating_add(count.unsigned_abs());
    }

    /// The findings about them, at the bucket of a file.
    pub(crate) fn findings(&self, place: &Place) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some((first, last)) = self.first {
            let shown = last.saturating_sub(first).saturating_add(1).unsigned_abs();
            let more = match self.revisions.saturating_sub(shown) {
                0 => String::new(),
                1 => ", and 1 later one".to_owned(),
                more => format!(", and {more} later ones"),
            };
            let message = match first == last {
                true => format!(
                    "revision {first} is missing{more}: what was written then is in no answer"
                ),
                false => format!(
                    "revisions {first}–{last} are missing{more}: what was written then is in no answer"
                ),
            };
            let finding = Finding::new(&codes::mvcc::MAIN_GAP, place.clone(), message);
            findings.push(finding.count(self.revisions));
        }
        if let Some(main) = self.first_change {
            let message = match self.changes {
                1 => format!("a change of transaction {main} is missing: it is in no answer"),
                more => format!(
                    "{more} changes of transaction {main} and later ones are missing: they are in no answer"
                ),
            };
            let finding = Finding::new(&codes::mvcc::SUB_GAP, place.clone(), message);
            findings.push(finding.count(self.changes));
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mvcc::Revision;
    use crate::mvcc::index::Record;

    fn index(revisions: &[(i64, i64)]) -> Index {
        let mut index = Index::empty();
        for (main, sub) in revisions {
            let record = Record::new(Revision::new(*main, *sub), false, 0, 0, false);
            index.records.extend(record);
        }
        index
    }

    #[test]
    fn revisions_and_changes_without_a_record_after_the_compaction_are_missing() {
        let all = [(2, 0), (5, 0), (6, 0), (9, 0), (9, 2), (11, 0)];
        let missing = MissingRecords::find(&index(&all), Some(5));
        assert_eq!((missing.first, missing.revisions), (Some((7, 8)), 3));
        assert_eq!((missing.first_change, missing.changes), (Some(9), 1));
        let messages = missing.findings(&Place::file(&located::FileName::new("db")));
        let messages: Vec<&str> = messages.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "revisions 7–8 are missing, and 1 later one: what was written then is in no answer",
                "a change of transaction 9 is missing: it is in no answer",
            ]
        );
    }

    #[test]
    fn a_store_that_a_compaction_left_gaps_in_lacks_nothing() {
        for (all, compacted) in [
            (&[(2, 0), (3, 0), (3, 1), (4, 0)][..], None),
            (&[(2, 0), (40, 0), (70, 3), (71, 0)], Some(70)),
            (&[], Some(70)),
        ] {
            let missing = MissingRecords::find(&index(all), compacted);
            assert_eq!(missing, MissingRecords::default());
        }
    }
}
