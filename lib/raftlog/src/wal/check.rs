//! Judges a log: what to believe, what real etcd would do with it.
//!
//! [`chain`] is about files, frames and checksums, and cheap; [`entries`] decodes every payload; [`all`] does both.

mod chain;
mod damage;
mod entries;
mod state;

use super::Log;
use located::codes::Code;
use located::{Bytes, FileName, Finding, Place, Sink};

/// Everything that concerns the log alone. `files` are those it was read from.
pub fn all(log: &Log, files: &[Bytes<'_>], report: &mut Sink<'_>) {
    chain(log, files, report);
    entries(log, files, report);
}

/// Names, sequence, segment heads, checksums, damage, HardState, indexes: everything that needs no payload decoded.
pub fn chain(log: &Log, files: &[Bytes<'_>], report: &mut Sink<'_>) {
    let log = Evidence { log, files };
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
}

/// Decodes the payload of every entry and judges requests and membership changes.
pub fn entries(log: &Log, files: &[Bytes<'_>], report: &mut Sink<'_>) {
    entries::payloads(&Evidence { log, files }, report);
}

/// A log beside the files it was read from.
struct Evidence<'l, 'a> {
    log: &'l Log,
    files: &'l [Bytes<'a>],
}

impl Evidence<'_, '_> {
    fn file(&self, segment: usize) -> Option<&FileName> {
        let segment = self.log.segments.get(segment)?;
        Some(self.files.get(segment.file)?.file())
    }

    /// A place in a segment; `wal` where there is none.
    fn at(&self, segment: usize, offset: u64) -> Place {
        match self.file(segment) {
            Some(file) => Place::at(file, offset),
            None => Place::file(&FileName::new("wal")),
        }
    }

    fn whole(&self, segment: usize) -> Place {
        match self.file(segment) {
            Some(file) => Place::file(file),
            None => Place::file(&FileName::new("wal")),
        }
    }

    fn record(&self, record: usize) -> Place {
        let place = self.log.place(self.files, record);
        place.unwrap_or_else(|| Place::file(&FileName::new("wal")))
    }

    fn is_last(&self, segment: usize) -> bool {
        segment.saturating_add(1) == self.log.segments.len()
    }
}

/// Occurrences of one code under one finding: the first with its place, the others counted.
struct Tally {
    code: &'static Code,
    first: Option<Finding>,
    count: u64,
}

impl Tally {
    fn new(code: &'static Code) -> Self {
        Self {
            code,
            first: None,
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
        const KEYS: usize = 32;
        if let Some(finding) = &mut self.first
            && finding.keys.len() < KEYS
            && !finding.keys.iter().any(|known| known == key)
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
