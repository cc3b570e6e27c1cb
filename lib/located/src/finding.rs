//! Damage is data.

use std::fmt;

use crate::codes::Code;
use crate::place::Place;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; healthy directories have some.
    Note,
    /// Suspicious; no data is known to be lost.
    Warning,
    /// Data is lost or wrong, or etcd will not start.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One piece of damage, or one thing worth knowing, with its place.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The stable code; its What / Why / Next stand in [`codes`](crate::codes).
    pub code: &'static Code,
    /// Usually the code's own severity; raised or lowered where the context decides.
    pub severity: Severity,
    /// The first place where it shows.
    pub place: Place,
    /// One sentence about this occurrence.
    pub message: String,
    /// What stands there.
    pub seen: Option<String>,
    /// What should stand there.
    pub expected: Option<String>,
    /// Page ids from the root of the tree to the damaged page.
    pub page_stack: Vec<u64>,
    /// User keys that are affected, as far as they are known.
    pub keys: Vec<Vec<u8>>,
    /// How many occurrences this finding stands for.
    pub count: u64,
    /// Commands to run next, `{path}` standing for the evidence; empty: the code's own.
    pub next: Vec<String>,
}

impl Finding {
    /// A finding with the severity of its code.
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

    /// With what stands there and what should.
    #[must_use]
    pub fn seen(mut self, seen: impl Into<String>, expected: impl Into<String>) -> Self {
        self.seen = Some(seen.into());
        self.expected = Some(expected.into());
        self
    }

    /// With the pages from the root to here.
    #[must_use]
    pub fn stack(mut self, pages: impl IntoIterator<Item = u64>) -> Self {
        self.page_stack = pages.into_iter().collect();
        self
    }

    /// With an affected user key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// With another severity than the code's.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Standing for `count` occurrences.
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.count = count;
        self
    }
}

/// Where parsers and checks leave what they find.
pub type Sink<'s> = dyn FnMut(Finding) + 's;
