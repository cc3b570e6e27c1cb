//! Every code with What / Why / Next: the one table behind findings, errors and `etcd-inspect explain`.
//!
//! Ids are stable and never reused. Finding ids are those of the corruption catalogue (`BOLT-007`, `WAL-006`, …); error ids
//! are `E` and four digits. Each crate declares its own codes; the joined library lists them all.

pub mod error;

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
#[macro_export]
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $severity:ident, $title:literal,
        what: $what:literal, why: $why:literal, next: $next:literal;)*) => {
        $($(#[$doc])* #[doc = concat!("`", $id, "`: ", $title, ".")]
        pub static $name: $crate::codes::Code = $crate::codes::Code {
            id: $id, severity: $crate::Severity::$severity, title: $title,
            what: $what, why: $why, next: $next,
        };)*
        /// All codes of this room, in order.
        pub static ALL: &[&$crate::codes::Code] = &[$(&$name),*];
    };
}
