//! Findings: damage as data.

use crate::codes::Code;
use crate::command::Advice;
use crate::place::Place;
use crate::severity::Severity;

/// One piece of damage or information, with its place.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The stable code, which contains What, Why and Next: see [`codes`](mod@crate::codes).
    pub code: &'static Code,
    /// The severity of the code, unless the context raises or lowers it.
    pub severity: Severity,
    /// The place of the first occurrence.
    pub place: Place,
    /// One sentence about the occurrence.
    pub message: String,
    /// What was found.
    pub seen: Option<String>,
    /// What was expected.
    pub expected: Option<String>,
    /// Page ids from the root of the tree to the damaged page.
    pub page_stack: Vec<u64>,
    /// Known user keys that are affected, each once; all of them.
    pub keys: Vec<Vec<u8>>,
    /// Number of occurrences.
    pub count: u64,
    /// What to do next, if this occurrence decides more of it than the code does: see [`advice`](Self::advice).
    pub next: Vec<Advice>,
}

impl Finding {
    /// Whether it says that something is damaged: a note does not, and a limit of ours does not.
    pub fn is_damage(&self) -> bool {
        self.severity > Severity::Note && self.code.id != crate::codes::error::LIMIT.id
    }

    /// Creates a finding with the severity of its code.
    pub fn new(code: &'static Code, place: Place, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity,
            place,
            message: message.into(),
            seen: None,
            expected: None,
            page_stack: Vec::new(),
            keys: Vec::new(),
            count: 1,
            next: Vec::new(),
        }
    }

    /// Sets what was found and what was expected.
    #[must_use]
    pub fn seen(mut self, seen: impl Into<String>, expected: impl Into<String>) -> Self {
        self.seen = Some(seen.into());
        self.expected = Some(expected.into());
        self
    }

    /// Sets the page ids from the root to the damaged page.
    #[must_use]
    pub fn stack(mut self, pages: impl IntoIterator<Item = u64>) -> Self {
        self.page_stack = pages.into_iter().collect();
        self
    }

    /// Adds an affected user key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// Sets the severity.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// What to do next: of this occurrence, or of its code.
    pub fn advice(&self) -> Vec<Advice> {
        match self.next.is_empty() {
            true => vec![Advice::from(self.code.next)],
            false => self.next.clone(),
        }
    }

    /// Sets the number of occurrences.
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.count = count;
        self
    }
}

/// Receives the findings of parsers and checks.
pub type Sink<'s> = dyn FnMut(Finding) + 's;

/// Returns a sink for a second reading of bytes: `first` names the reading of the same bytes that reports their damage.
///
/// A finding is never dropped without a name: `.ci/layers` refuses an empty closure as a sink.
///
/// ```
/// use etcd_inspect_located::reported_by;
/// let sink = &mut reported_by("bbolt::check");
/// # let _ = sink;
/// ```
pub fn reported_by(first: &'static str) -> impl FnMut(Finding) {
    move |finding| drop((first, finding))
}
