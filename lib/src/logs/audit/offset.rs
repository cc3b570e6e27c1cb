//! How far the clock of an audit log is from the times that the API server noted in the objects of the same requests.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::{AuditLog, AuditRequest, ObjectWrite};

/// Fewest requests that measure an offset.
const LEAST_REQUESTS: usize = 3;

/// How far a log is ahead of the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOffset {
    /// How far it is ahead; negative if it is late.
    pub ahead: SignedDuration,
    /// How far the true offset may be from that.
    pub within: SignedDuration,
    /// The requests that were compared.
    pub requests: usize,
}

impl LogOffset {
    /// Measures it with the requests whose response names the revision that they wrote; `None` if most of them fit as they are, or if no
    /// offset fits most of them.
    pub(super) fn new(log: &AuditLog, writes: &[ObjectWrite]) -> Option<Self> {
        let mut answered: HashMap<i64, Vec<&AuditRequest>> = HashMap::new();
        for request in log.requests.iter().filter(|request| request.succeeded()) {
            if let Some(revision) = request.written {
                answered.entry(revision).or_default().push(request);
            }
        }
        let mut spans = Vec::new();
        for write in writes {
            let requests = answered.get(&write.revision.main);
            for request in requests.into_iter().flatten() {
                spans.extend(noted(write, request).and_then(|second| span(second, request)));
            }
        }
        let fitting = |ahead: SignedDuration| {
            let fits = move |(from, to): &&(SignedDuration, SignedDuration)| {
                *from <= ahead && ahead <= *to
            };
            spans.iter().filter(fits)
        };
        let is_most = |count: usize| count.saturating_mul(2) > spans.len();
        if spans.len() < LEAST_REQUESTS || is_most(fitting(SignedDuration::ZERO).count()) {
            return None;
        }
        let starts = spans.iter().map(|(from, _)| *from);
        let best = starts.max_by_key(|from| fitting(*from).count())?;
        let requests = fitting(best).count();
        let from = fitting(best).map(|(from, _)| *from).max()?;
        let to = fitting(best).map(|(_, to)| *to).min()?;
        let within = to.saturating_sub(from) / 2;
        is_most(requests).then_some(Self {
            ahead: from.saturating_add(within),
            within,
            requests,
        })
    }

    /// A moment of the log, by the clock of the objects.
    pub(super) fn corrected(self, moment: Timestamp) -> Timestamp {
        moment.checked_sub(self.ahead).unwrap_or(moment)
    }

    /// `its clock is 1.0 s ahead (±0.1 s, 72 requests compared), which is corrected`.
    pub fn sentence(self) -> String {
        let seconds = |duration: SignedDuration| format!("{:.1} s", duration.abs().as_secs_f64());
        let side = if self.ahead.is_negative() {
            "late"
        } else {
            "ahead"
        };
        format!(
            "its clock is {} {side} (±{}, {} requests compared), which is corrected",
            seconds(self.ahead),
            seconds(self.within),
            self.requests
        )
    }
}

/// The second that the API server noted for a request in the object that it wrote.
fn noted(write: &ObjectWrite, request: &AuditRequest) -> Option<Timestamp> {
    let is_own = request.resource == write.resource
        && request.namespace == write.namespace
        && request.name.as_ref() == Some(&write.name);
    let mut entries = write.changed.iter().flatten();
    let entry = entries.find(|(manager, _)| *manager == request.manager);
    let noted = write.created.or(entry.and_then(|(_, time)| *time));
    noted.filter(|_| is_own)
}

/// The offsets with which a second was noted while a request was under way.
fn span(second: Timestamp, request: &AuditRequest) -> Option<(SignedDuration, SignedDuration)> {
    let end = second.checked_add(SignedDuration::from_secs(1)).ok()?;
    let finished = request.finished?;
    Some((
        request.received.duration_since(end),
        finished.duration_since(second),
    ))
}
