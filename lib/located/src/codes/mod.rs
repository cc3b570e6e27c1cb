//! Codes with What, Why and Next: the table from which findings, errors and `etcd-inspect explain` take their texts.
//!
//! Ids are stable and never reused. Finding ids are those of the corruption catalogue (`BOLT-007`, `WAL-006`, …); error ids
//! are `E` and four digits. Each crate declares its own codes; the joined library lists them all.

pub mod error;

use crate::severity::Severity;

/// One code and its description.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The id, such as `BOLT-007`.
    pub id: &'static str,
    /// The usual severity.
    pub severity: Severity,
    /// A title of a few words.
    pub title: &'static str,
    /// What it is, and what etcd does with it.
    pub what: &'static str,
    /// The usual causes.
    pub why: &'static str,
    /// What to do next; commands contain `{path}` for the evidence.
    pub next: &'static str,
}

/// Declares a static for each code and `ALL`, the slice of them, so that no code is missing in the table.
#[macro_export]
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $severity:ident, $title:literal,
        what: $what:literal, why: $why:literal, next: $next:literal;)*) => {
        $($(#[$doc])* #[doc = concat!("`", $id, "`: ", $title, ".")]
        pub static $name: $crate::codes::Code = $crate::codes::Code {
            id: $id, severity: $crate::Severity::$severity, title: $title,
            what: $what, why: $why, next: $next,
        };)*
        /// All codes of this module, in order.
        pub static ALL: &[&$crate::codes::Code] = &[$(&$name),*];
    };
}
