//! What vouches for a record.

use std::fmt;

/// The source of a record, and with it what protects it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// An entry of the log: rolling CRC-32C, index and term.
    Log,
    /// Reached from the root of the db: page header, order of the keys, a message that decodes.
    Db,
    /// The db and the log agree.
    DbLog,
    /// In a page that no tree reaches, or in the slack of one: it decodes, and its key is its own revision.
    Carved,
    /// Of another member's copy.
    Peer,
}

impl Provenance {
    /// All of them, in the order of a table.
    pub const ALL: [Self; 5] = [Self::DbLog, Self::Db, Self::Log, Self::Peer, Self::Carved];

    /// `db+log`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Db => "db",
            Self::DbLog => "db+log",
            Self::Carved => "carved",
            Self::Peer => "peer",
        }
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
