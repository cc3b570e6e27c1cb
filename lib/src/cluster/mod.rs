//! Several members, and what may be done with them: compare, and preflight of a start, a forced new cluster, a restore, an
//! upgrade.

mod compare;
mod force;
mod restore;
mod start;
mod upgrade;

pub use compare::{Comparison, DifferingKey, MemberRow, compare};
pub use force::{Candidate, force_new_cluster};
pub use restore::{Restore, restore};
pub use start::{Applied, Ending, Erased, LaterWrites, Outcome, Start, simulate_start, start};
pub use upgrade::upgrade;

/// How one line of a preflight ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// In order.
    Pass,
    /// To be known before.
    Warn,
    /// Must not be done.
    Fail,
}

/// One line of a preflight.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Line {
    /// Whether it is in order.
    pub level: Level,
    /// The finding's code, or a word for the rule.
    pub code: String,
    /// One sentence.
    pub text: String,
}

impl Line {
    pub(crate) fn new(level: Level, code: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            level,
            code: code.into(),
            text: text.into(),
        }
    }
}

/// `1 entry`, `2 entries`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    }
}

/// Whether nothing failed.
pub fn is_go(lines: &[Line]) -> bool {
    lines.iter().all(|line| line.level != Level::Fail)
}
