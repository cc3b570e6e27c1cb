//! Findings of one comparison: one per code, with its number of records, their revisions and their keys.

use std::collections::HashSet;

use crate::bolt::Db;
use crate::codes::{Code, cross};
use crate::mvcc::Version;
use located::{Advice, Finding, Sink};
use located::{FileName, Place};

/// Findings so far, one for each code.
pub(super) struct FindingSet {
    groups: Vec<Occurrences>,
    file: FileName,
    page_size: u64,
}

/// All occurrences of one code.
struct Occurrences {
    /// The first occurrence; its count and keys are those of all.
    finding: Finding,
    /// First and last main revision.
    revisions: (i64, i64),
    keys: HashSet<Vec<u8>>,
    occurrences: u64,
}

impl FindingSet {
    /// An empty set for that db.
    pub(super) fn new(db: &Db<'_>) -> Self {
        Self {
            groups: Vec::new(),
            file: db.file().file().clone(),
            page_size: db.page_size(),
        }
    }

    /// An empty set for the same db.
    pub(super) fn empty(&self) -> Self {
        Self {
            groups: Vec::new(),
            file: self.file.clone(),
            page_size: self.page_size,
        }
    }

    /// Adds an occurrence at the main revisions from the first to the last of `revisions`.
    pub(super) fn add(&mut self, finding: Finding, revisions: (i64, i64)) {
        self.join(Occurrences {
            revisions,
            keys: finding.keys.iter().cloned().collect(),
            occurrences: 1,
            finding,
        });
    }

    /// Adds all findings of another set.
    pub(super) fn extend(&mut self, other: Self) {
        for group in other.groups {
            self.join(group);
        }
    }

    fn join(&mut self, group: Occurrences) {
        let known = self
            .groups
            .iter_mut()
            .find(|known| std::ptr::eq(known.finding.code, group.finding.code));
        let Some(known) = known else {
            self.groups.push(group);
            return;
        };
        let (first, last) = known.revisions;
        known.revisions = (first.min(group.revisions.0), last.max(group.revisions.1));
        known.occurrences = known.occurrences.saturating_add(group.occurrences);
        known.finding.count = known.finding.count.saturating_add(group.finding.count);
        for key in group.finding.keys {
            if known.keys.insert(key.clone()) {
                known.finding.keys.push(key);
            }
        }
    }

    /// The db.
    pub(super) fn db_place(&self) -> Place {
        Place::file(&self.file)
    }

    /// The file offset and page of a record in the db.
    pub(super) fn place_of(&self, version: &Version<'_>) -> Place {
        let Some(offset) = version.offset else {
            return Place::file(&self.file);
        };
        let place = Place::at(&self.file, offset);
        match offset.checked_div(self.page_size) {
            Some(page) => place.on_page(page),
            None => place,
        }
    }

    /// Reports every finding, with a message about all its occurrences.
    pub(super) fn report(self, sink: &mut Sink<'_>) {
        for group in self.groups {
            sink(group.finished());
        }
    }
}

impl Occurrences {
    fn finished(self) -> Finding {
        let mut finding = self.finding;
        if self.occurrences > 1 {
            let (first, last) = self.revisions;
            finding.message = match all_of(finding.code) {
                Some(what) => format!("{} {what}, at revisions {first}–{last}", finding.count),
                None => format!(
                    "{}; the same at {} more places, up to revision {last}",
                    finding.message,
                    self.occurrences.saturating_sub(1)
                ),
            };
        }
        if finding.next.is_empty() && is_about_values(finding.code) {
            // KEY is filled in with all advice of the report.
            let key = finding.keys.first();
            let with_log = key.map(|_| Advice::from("etcd-inspect history KEY -d {path}"));
            finding.next = with_log.into_iter().collect();
            finding.next.push(finding.code.next.into());
        }
        finding
    }
}

/// What the message about several records of a code says after their number.
fn all_of(code: &'static Code) -> Option<&'static str> {
    let is = |other: &'static Code| std::ptr::eq(code, other);
    if is(&cross::DIFFERS) {
        Some("records differ from what the WAL wrote")
    } else if is(&cross::MISSING) {
        Some("records that the WAL wrote are missing in the store")
    } else if is(&cross::OLD_VALUE) {
        Some("values differ in one bit from what the WAL wrote")
    } else {
        None
    }
}

/// Whether the WAL has the right value of each key that the finding names.
fn is_about_values(code: &'static Code) -> bool {
    [&cross::DIFFERS, &cross::MISSING, &cross::OLD_VALUE]
        .into_iter()
        .any(|other| std::ptr::eq(code, other))
}
