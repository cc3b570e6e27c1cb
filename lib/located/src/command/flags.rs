//! Flags with which evidence was opened: a command that is shown needs them to answer the same.

use std::ffi::{OsStr, OsString};

/// Verbs that read values in every form, and so take the flags with files of keys in each.
pub const VERBS_WITH_KEYS: [&str; 12] = [
    "blame", "certs", "changes", "check", "describe", "diff", "export", "get", "history", "search",
    "sql", "timeline",
];

/// A flag with which evidence was opened, or values are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingFlag {
    /// `--encryption-config`.
    pub name: &'static str,
    /// What it was given.
    pub value: OsString,
    /// Which verbs need it.
    pub read_by: ReadBy,
}

/// Which verbs a flag is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadBy {
    /// Every verb that opens a db: `--meta`.
    Every,
    /// Those that read values: files of keys.
    Values,
    /// Those that read names of keys: prefixes. Who builds such a command adds it.
    Names,
}

impl ReadingFlag {
    /// Whether a command of ours with this verb and these words lacks it.
    pub(super) fn is_lacking(&self, verb: &str, has: impl Fn(&str) -> bool) -> bool {
        let is_read = match self.read_by {
            ReadBy::Every => !verb.is_empty(),
            ReadBy::Values => VERBS_WITH_KEYS.contains(&verb),
            ReadBy::Names => false,
        };
        is_read && !has(self.name)
    }

    /// A path as the value: a leading dash would be read as a flag.
    pub(super) fn value(&self) -> &OsStr {
        &self.value
    }
}
