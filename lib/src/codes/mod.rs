//! Every code with What / Why / Next: the one table behind findings, errors and `etcd-inspect explain`.
//!
//! Ids are stable and never reused. Finding ids are those of the corruption catalogue (`BOLT-007`, `WAL-006`, …); error ids
//! are `E` and four digits. A room's codes stand in the file of that room.

pub mod backend;
pub mod bolt;
pub mod cross;
pub mod dir;
pub mod error;
pub mod kubernetes;
pub mod mvcc;
pub mod snap;
pub mod wal;

use crate::finding::Severity;

/// One code and everything `explain` says about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// `BOLT-007`.
    pub id: &'static str,
    /// Usual severity.
    pub severity: Severity,
    /// A title of a few words.
    pub title: &'static str,
    /// What it is, and what real etcd does with it.
    pub what: &'static str,
    /// What usually causes it.
    pub why: &'static str,
    /// What to do next; commands carry `{path}` for the evidence.
    pub next: &'static str,
}

/// Declares statics for codes and the slice of them all, so that a code cannot be left out of the table.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $severity:ident, $title:literal,
        what: $what:literal, why: $why:literal, next: $next:literal;)*) => {
        $($(#[$doc])* #[doc = concat!("`", $id, "`: ", $title, ".")]
        pub static $name: $crate::codes::Code = $crate::codes::Code {
            id: $id, severity: $crate::finding::Severity::$severity, title: $title,
            what: $what, why: $why, next: $next,
        };)*
        /// All codes of this room, in order.
        pub static ALL: &[&$crate::codes::Code] = &[$(&$name),*];
    };
}
pub(crate) use codes;

/// Every code, room by room.
pub fn all() -> impl Iterator<Item = &'static Code> {
    [
        error::ALL,
        dir::ALL,
        wal::ALL,
        snap::ALL,
        bolt::ALL,
        backend::ALL,
        mvcc::ALL,
        cross::ALL,
        kubernetes::ALL,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The code of that id, in any letter case.
///
/// ```
/// assert_eq!(etcd_inspect::codes::find("bolt-007").map(|code| code.id), Some("BOLT-007"));
/// ```
pub fn find(id: &str) -> Option<&'static Code> {
    all().find(|code| code.id.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_code_is_used_twice() {
        let mut ids: Vec<_> = super::all().map(|code| code.id).collect();
        ids.sort_unstable();
        let before = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), before);
    }
}
