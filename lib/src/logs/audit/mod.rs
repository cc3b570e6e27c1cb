//! The audit log of kube-apiserver: who asked for which write. Source of the fields: `staging/src/k8s.io/apiserver/pkg/apis/audit`
//! of Kubernetes, `v1` and `v1beta1` (the same fields).
//!
//! An audit log can have several events for one request, one for each stage; they have the same `auditID`.

mod event;
mod matching;
mod offset;
mod request;
#[cfg(test)]
mod tests;
mod write;

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;

pub use matching::{AuditMatch, AuditMatches, Confidence, match_requests};
pub use offset::LogOffset;
pub use request::{AuditRequest, AuditVerb};
pub use write::{FieldSet, ObjectWrite, WriteKind};

use super::{LineCounts, LogError, read_lines};

/// The requests of audit logs that can have written something.
#[derive(Clone, Debug, Default)]
pub struct AuditLog {
    /// By the time at which they were received.
    pub requests: Vec<AuditRequest>,
    /// Lines that were read.
    pub counts: LineCounts,
    /// When the first and the last event of all were logged: the time that the log covers.
    pub covers: Option<(Timestamp, Timestamp)>,
    /// How far its clock was from that of the objects, if that was corrected.
    pub offset: Option<LogOffset>,
}

impl AuditLog {
    /// Reads logs, in any order, plain or packed with gzip.
    ///
    /// # Errors
    /// The first file that cannot be opened or read, or has lines and not one audit event.
    pub fn read<P: AsRef<Path>>(paths: &[P]) -> Result<Self, (std::path::PathBuf, LogError)> {
        let mut log = Self::default();
        let mut known: HashMap<String, usize> = HashMap::new();
        for path in paths {
            let path = path.as_ref();
            let counts = read_lines(path, &mut |line| log.add(line, &mut known));
            let counts = counts.and_then(|counts| counts.of_its_kind(path, "no audit events"));
            let counts = counts.map_err(|error| (path.to_owned(), error))?;
            log.counts.lines = log.counts.lines.saturating_add(counts.lines);
            log.counts.unreadable = log.counts.unreadable.saturating_add(counts.unreadable);
        }
        log.requests.sort_by_key(|request| request.received);
        Ok(log)
    }

    /// Corrects the times of a log whose clock differs from that of the API server's times in the objects.
    pub fn set_clock(&mut self, writes: &[ObjectWrite]) {
        self.offset = LogOffset::new(self, writes);
        let Some(offset) = self.offset else {
            return;
        };
        for request in &mut self.requests {
            request.received = offset.corrected(request.received);
            request.finished = request.finished.map(|finished| offset.corrected(finished));
        }
        let covers = self.covers.as_mut();
        if let Some((first, last)) = covers {
            (*first, *last) = (offset.corrected(*first), offset.corrected(*last));
        }
    }

    /// Adds one event; returns whether it is one.
    fn add(&mut self, line: &[u8], known: &mut HashMap<String, usize>) -> bool {
        let Some(event) = event::parse(line) else {
            return false;
        };
        for time in [Some(event.received), event.logged].into_iter().flatten() {
            let (first, last) = self.covers.unwrap_or((time, time));
            self.covers = Some((first.min(time), last.max(time)));
        }
        let Some(request) = event.request else {
            return true;
        };
        match known
            .get(&request.audit_id)
            .and_then(|at| self.requests.get_mut(*at))
        {
            Some(earlier) => earlier.complete(request),
            None => {
                known.insert(request.audit_id.clone(), self.requests.len());
                self.requests.push(request);
            }
        }
        true
    }
}
