//! What the findings of a check say of the parts: whether the db may be believed, whether db and log are of one history.

use super::outcome::Count;
use crate::check::Report;
use crate::codes::{Code, backend, bolt, cross, dir, mvcc, wal};
use crate::{Finding, Severity};

/// Codes of records that are missing in the store although the log, or the arithmetic of revisions, says that they were there.
const MISSING: [&Code; 4] = [
    &cross::MISSING,
    &cross::SKIPPED,
    &mvcc::MAIN_GAP,
    &mvcc::SUB_GAP,
];

/// Codes of records that are in the store and are not what was written.
const WRONG: [&Code; 4] = [
    &cross::DIFFERS,
    &cross::OLD_VALUE,
    &mvcc::PUT_FIELDS,
    &mvcc::VALUE_UNPARSABLE,
];

/// Codes of pages and elements with which records may be lost that no reader reaches.
const HIDING: [&Code; 9] = [
    &bolt::FILE_SHORT,
    &bolt::PAGE_OUT_OF_RANGE,
    &bolt::PAGE_ID,
    &bolt::PAGE_TYPE,
    &bolt::ELEMENT,
    &bolt::PAGE_SHARED,
    &bolt::OVERFLOW,
    &bolt::TREE_DEPTH,
    &mvcc::OVERLAPPING,
];

/// Codes which say that db and log are of two histories.
const TWO_HISTORIES: [&Code; 2] = [&cross::FOREIGN_DB, &cross::DISAGREE];

/// Codes which say that the db is of another cluster than the log.
const FOREIGN_DB: [&Code; 1] = [&cross::FOREIGN_DB];

/// Codes which say that a start applies entries a second time.
const TWICE: [&Code; 1] = [&cross::TWICE];

/// Codes of a copy that is torn, short, or was taken while etcd was writing.
const TORN_COPY: [&Code; 4] = [
    &bolt::TORN_COPY,
    &bolt::FILE_SHORT,
    &dir::SHRANK,
    &wal::LAST_EMPTY,
];

/// Codes of a copy that was taken while etcd was writing.
const LIVE_COPY: [&Code; 2] = [&bolt::TORN_COPY, &dir::SHRANK];

/// Codes of a `.snap` file that is newer than log and db.
const SNAP_AFTER_END: [&Code; 1] = [&cross::SNAP_AFTER_END];

/// Codes of a db in which nothing was ever stored.
const NEVER_USED: [&Code; 1] = [&backend::NEVER_USED];

/// Codes of what the check itself could not read: nothing may be concluded about etcd.
const NOT_READ: [&Code; 4] = [
    &dir::UNREADABLE,
    &dir::UNREADABLE_RANGE,
    &dir::ARCHIVE_DAMAGED,
    &dir::ARCHIVE_ENCRYPTED,
];

/// Codes of the meta bucket after which the records of the key bucket are not what etcd would serve.
const BUCKETS: [&Code; 3] = [
    &backend::META_LENGTH,
    &backend::BUCKET_MISSING,
    &backend::META_COMPACTION,
];

/// Codes of etcd's own buckets whose records are not what the log made them, and are served: users, leases, alarms. Not the members:
/// up to 3.5 a start takes them from the v2 store and writes the bucket again, and a restore makes new ones. Source: `Recover` in
/// `server/etcdserver/api/membership/cluster.go`, v3.5.30.
const OWN_BUCKETS: [&Code; 3] = [
    &cross::USERS_DIFFER,
    &cross::LEASES_DIFFER,
    &cross::ALARMS_DIFFER,
];

fn is_one_of(code: &Code, codes: &[&Code]) -> bool {
    codes.iter().any(|other| std::ptr::eq(*other, code))
}

/// What a report says of the parts of one member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Soundness<'r> {
    report: &'r Report,
}

impl<'r> Soundness<'r> {
    pub(super) fn from_report(report: &'r Report) -> Self {
        Self { report }
    }

    /// The report itself.
    pub(super) fn report(&self) -> &'r Report {
        self.report
    }

    fn found(&self, codes: &'static [&'static Code]) -> impl Iterator<Item = &'r Finding> {
        let found = self.report.findings.iter();
        found.filter(move |finding| is_one_of(finding.code, codes))
    }

    /// Whether some record of the store is missing, wrong or unreadable.
    pub(super) fn db_is_damaged(&self) -> bool {
        let in_format = |code: &Code| is_one_of(code, bolt::ALL) || is_one_of(code, mvcc::ALL);
        self.report.findings.iter().any(|finding| {
            finding.severity == Severity::Error
                && (in_format(finding.code)
                    || is_one_of(finding.code, &MISSING)
                    || is_one_of(finding.code, &WRONG)
                    || is_one_of(finding.code, &BUCKETS))
        })
    }

    /// Whether a code is about the records of the store: they are missing, wrong, or not served.
    pub(super) fn says_of_store(self, code: &Code) -> bool {
        is_one_of(code, &MISSING) || is_one_of(code, &WRONG) || is_one_of(code, &BUCKETS)
    }

    /// How many records of the store are missing, by the worst of the codes that say so.
    pub(super) fn missing(&self) -> u64 {
        let errors = self.found(&MISSING);
        let errors = errors.filter(|finding| finding.severity == Severity::Error);
        errors.map(|finding| finding.count).max().unwrap_or(0)
    }

    /// The records of the store that are not what was written: how many, and of which keys.
    pub(super) fn wrong(&self) -> (u64, Vec<Vec<u8>>) {
        let errors = self.found(&WRONG);
        let errors: Vec<_> = errors
            .filter(|finding| finding.severity == Severity::Error)
            .collect();
        let mut keys: Vec<Vec<u8>> = errors.iter().flat_map(|one| one.keys.clone()).collect();
        keys.sort_unstable();
        keys.dedup();
        let count = errors.iter().map(|finding| finding.count).max();
        (count.unwrap_or(0), keys)
    }

    /// The records of etcd's own buckets that are not what the log made them: of users, leases and alarms.
    ///
    /// `is_kept`: whether the records of a code are still those of the db.
    pub(super) fn wrong_in_own_buckets(&self, is_kept: impl Fn(&Code) -> bool) -> Count {
        let found = self.found(&OWN_BUCKETS);
        let kept = found.filter(|finding| is_kept(finding.code));
        match kept.map(|finding| finding.count.max(1)).sum() {
            0 => Count::default(),
            count => Count::at_least(count),
        }
    }

    /// Entries that a start would apply a second time.
    pub(super) fn twice(&self) -> u64 {
        let twice = self.found(&TWICE);
        twice.map(|finding| finding.count).max().unwrap_or(0)
    }

    /// Whether a `.snap` file says that log and db ended later once.
    pub(super) fn snap_is_after_end(&self) -> bool {
        let mut found = self.found(&SNAP_AFTER_END);
        found.any(|finding| finding.severity == Severity::Error)
    }

    /// Whether db and log are of two histories.
    pub(super) fn two_histories(&self) -> bool {
        let mut found = self.found(&TWO_HISTORIES);
        found.any(|finding| finding.severity == Severity::Error)
    }

    /// Whether the db names other members than the log.
    pub(super) fn db_is_foreign(&self) -> bool {
        self.found(&FOREIGN_DB).next().is_some()
    }

    /// Whether pages of the db are damaged: which records were on them is not known. That a copy was taken while etcd was writing
    /// says nothing of a page alone.
    pub(super) fn pages_are_damaged(&self) -> bool {
        let mut found = self.report.findings.iter();
        found.any(|finding| {
            finding.severity == Severity::Error
                && is_one_of(finding.code, bolt::ALL)
                && !std::ptr::eq(finding.code, &bolt::TORN_COPY)
        })
    }

    /// Whether a page of the tree with this root is damaged so that records may be hidden: how many is not known.
    pub(super) fn hides_records_below(&self, root: u64) -> bool {
        let mut found = self.found(&HIDING);
        found.any(|finding| {
            let is_below =
                finding.place.page == Some(root) || finding.page_stack.first() == Some(&root);
            finding.severity == Severity::Error
                && (is_below || std::ptr::eq(finding.code, &bolt::FILE_SHORT))
        })
    }

    /// Whether a first start made the db and ended before anything was stored.
    pub(super) fn is_never_used(&self) -> bool {
        self.found(&NEVER_USED).next().is_some()
    }

    /// The sign that the copy is torn, short, or was taken while etcd was writing.
    pub(super) fn torn_copy(&self) -> Option<&'r Finding> {
        self.found(&TORN_COPY)
            .find(|finding| finding.severity == Severity::Error)
    }

    /// Whether the copy was taken while etcd was writing.
    pub(super) fn is_live_copy(&self) -> bool {
        self.found(&LIVE_COPY).next().is_some()
    }

    /// What could not be read at all.
    pub(super) fn not_read(&self) -> Option<&'r Finding> {
        self.found(&NOT_READ)
            .find(|finding| finding.severity == Severity::Error)
    }

    /// Warnings and errors, in the report's order.
    pub(super) fn above_notes(&self) -> impl Iterator<Item = &'r Finding> {
        let found = self.report.findings.iter();
        found.filter(|finding| finding.severity > Severity::Note)
    }

    /// Errors that say something about this copy: alarms are on in all members of a cluster.
    pub(super) fn errors(&self) -> usize {
        let alarms = [&backend::ALARM_NOSPACE, &backend::ALARM_CORRUPT];
        let errors = self.above_notes();
        let errors = errors.filter(|finding| finding.severity == Severity::Error);
        errors
            .filter(|finding| !is_one_of(finding.code, &alarms))
            .count()
    }

    /// Whether a start serves everything that was acknowledged, without a repair before it.
    pub(super) fn is_whole(&self, facts: &super::facts::Facts<'_>) -> bool {
        let starts = facts.start.as_ref().is_none_or(|start| start.serves());
        starts
            && self.errors() == 0
            && self.wrong_in_own_buckets(|_| true).is_zero()
            && facts.acknowledged.unreadable().is_zero()
            && facts.after_end(true).is_none()
            && facts.acknowledged.is_on_db()
    }

    /// The worst severity, alarms left out: they are on in all members of a cluster, and say nothing about a copy.
    pub(super) fn worst(&self) -> Option<Severity> {
        let alarms = [&backend::ALARM_NOSPACE, &backend::ALARM_CORRUPT];
        let of_copy = self.report.findings.iter();
        let of_copy = of_copy.filter(|finding| !is_one_of(finding.code, &alarms));
        of_copy.map(|finding| finding.severity).max()
    }
}
