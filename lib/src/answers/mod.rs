//! What the verbs of the command line answer, as values: computed here, drawn elsewhere.
//!
//! **Invariants.** Every answer carries its damage ([`Answer`]). Nothing here prints, colours or measures a terminal.

mod answer;
mod finding;
mod key;

pub use answer::{Answer, Damage, Partial};
pub use finding::{FindingRow, key_json};
pub use key::Key;
