//! Checks a log: which damage it has, and what etcd does with it.
//!
//! [`chain`] checks files, frames and checksums; [`entries`] decodes every payload; [`all`] does both.

mod chain;
mod damage;
mod entries;
mod state;

use std::collections::HashSet;

use super::Log;
use located::codes::Code;
use located::{Bytes, FileName, Finding, Place, RaftIndex, Sink};

/// Checks everything that concerns the log alone. `files` are those that it was read from.
pub fn all(log: &Log, files: &[Bytes<'_>], report: &mut Sink<'_>) {
    chain(log, files, report);
    entries(log, files, report);
}

/// Checks names, sequence, segment heads, checksums, damage, HardState and indexes, without decoding payloads.
pub fn chain(log: &Log, files: &[Bytes<'_>], report: &mut Sink<'_>) {
    let Some(log) = Evidence::new(log, files) else {
        return;
    };
    chain::names(&log, report);
    chain::sequence(&log, report);
    chain::heads(&log, report);
    chain::links(&log, report);
    chain::ends(&log, report);
    chain::broken(&log, report);
    damage::damages(&log, report);
    damage::oddities(&log, report);
    state::indexes(&log, report);
    state::overwritten(&log, report);
    state::hard_states(&log, report);
    state::snapshots(&log, report);
    state::entry_types(&log, report);
}

/// Decodes the payload of every entry and checks requests and membership changes.
pub fn entries(log: &Log, files: &[Bytes<'_>], report: &mut Sink<'_>) {
    if let Some(evidence) = Evidence::new(log, files) {
        entries::payloads(&evidence, report);
    }
}

/// A log and the files that it was read from.
struct Evidence<'l, 'a> {
    log: &'l Log,
    files: &'l [Bytes<'a>],
    /// The first file: the place of what belongs to no record.
    first: &'l FileName,
}

impl<'l, 'a> Evidence<'l, 'a> {
    /// `None` if there is no file: then there is nothing to report.
    fn new(log: &'l Log, files: &'l [Bytes<'a>]) -> Option<Self> {
        let first = files.first()?.file();
        Some(Self { log, files, first })
    }

    fn file(&self, segment: usize) -> Option<&FileName> {
        let segment = self.log.segments.get(segment)?;
        Some(self.files.get(segment.file)?.file())
    }

    fn position(&self, segment: usize, offset: u64) -> Place {
        match self.file(segment) {
            Some(file) => Place::at(file, offset),
            None => Place::file(self.first),
        }
    }

    fn whole_segment(&self, segment: usize) -> Place {
        Place::file(self.file(segment).unwrap_or(self.first))
    }

    fn record(&self, record: usize) -> Place {
        let place = self.log.place(self.files, record);
        place.unwrap_or_else(|| Place::file(self.first))
    }

    fn is_last(&self, segment: usize) -> bool {
        segment.saturating_add(1) == self.log.segments.len()
    }
}

/// Returns `entry 7` or `entries 7–9`.
fn entries_text(low: RaftIndex, high: RaftIndex) -> String {
    if low == high {
        format!("entry {low}")
    } else {
        format!("entries {low}–{high}")
    }
}

/// Returns ` is` or ` are`, after [`entries_text`].
fn verb(low: RaftIndex, high: RaftIndex) -> &'static str {
    if low == high { "is" } else { "are" }
}

/// Collects the occurrences of one code in one finding: the place of the first one and the number of all.
struct Tally {
    code: &'static Code,
    first: Option<Finding>,
    keys: HashSet<Vec<u8>>,
    count: u64,
}

impl Tally {
    fn new(code: &'static Code) -> Self {
        Self {
            code,
            first: None,
            keys: HashSet::new(),
            count: 0,
        }
    }

    fn add(&mut self, finding: impl FnOnce(&'static Code) -> Finding) {
        self.count = self.count.saturating_add(1);
        if self.first.is_none() {
            self.first = Some(finding(self.code));
        }
    }

    fn key(&mut self, key: &[u8]) {
        if let Some(finding) = &mut self.first
            && self.keys.insert(key.to_vec())
        {
            finding.keys.push(key.to_vec());
        }
    }

    fn report(self, report: &mut Sink<'_>) {
        if let Some(finding) = self.first {
            report(finding.count(self.count));
        }
    }
}
