//! What real etcd would do and hold after an action, and what that costs against the acknowledged state.

use std::fmt;

use crate::salvage::Lost;
use crate::start::counted;
use crate::text::number::thousands;

/// A count that is exact, or the least that is certain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Count {
    /// How many.
    pub value: u64,
    /// Whether there may be more.
    pub at_least: bool,
}

impl Count {
    /// Exactly so many.
    pub fn exactly(value: u64) -> Self {
        Self {
            value,
            at_least: false,
        }
    }

    /// So many or more.
    pub fn at_least(value: u64) -> Self {
        Self {
            value,
            at_least: true,
        }
    }

    /// Whether nothing is known of it: there may be none, and there may be any number.
    pub fn is_unknown(self) -> bool {
        self == Self::at_least(0)
    }

    /// Whether it is certain that there are none.
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }

    /// The sum of both; exact if both are.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            value: self.value.saturating_add(other.value),
            at_least: self.at_least || other.at_least,
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // "At least none" says nothing.
        if self.is_unknown() {
            return f.pad("?");
        }
        let sign = if self.at_least { "≥" } else { "" };
        f.pad(&format!("{sign}{}", thousands(self.value.into())))
    }
}

/// Writes that are gone, or may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// How many writes: main revisions, or raft entries if their revisions are not known.
    pub writes: Count,
    /// The user keys that they wrote or deleted, ascending; all that are known.
    pub keys: Vec<Vec<u8>>,
    /// The first of their revisions.
    pub first_revision: Option<i64>,
    /// The last of their revisions.
    pub last_revision: Option<i64>,
}

impl Loss {
    /// Whether it is certain that nothing is lost.
    pub fn is_none(&self) -> bool {
        self.writes.is_zero()
    }

    /// Adds a write of a key at a revision.
    pub(super) fn add(&mut self, revision: i64, key: &[u8]) {
        if self.last_revision != Some(revision) {
            self.writes.value = self.writes.value.saturating_add(1);
        }
        self.first_revision = Some(self.first_revision.map_or(revision, |r| r.min(revision)));
        self.last_revision = Some(self.last_revision.map_or(revision, |r| r.max(revision)));
        if self.keys.last().is_none_or(|last| last != key) {
            self.keys.push(key.to_vec());
        }
    }

    /// Both together.
    #[must_use]
    pub(super) fn and(mut self, other: &Self) -> Self {
        let both = |one: Option<i64>, other: Option<i64>, pick: fn(i64, i64) -> i64| match other {
            Some(other) => Some(one.map_or(other, |one| pick(one, other))),
            None => one,
        };
        self.writes = self.writes.plus(other.writes);
        self.first_revision = both(self.first_revision, other.first_revision, i64::min);
        self.last_revision = both(self.last_revision, other.last_revision, i64::max);
        self.keys.extend(other.keys.iter().cloned());
        self.settle()
    }

    /// Adds what a salvage could not recover.
    #[must_use]
    pub(super) fn with(mut self, lost: &Lost) -> Self {
        let span = |steps: u64| steps.saturating_add(1);
        let count = match (lost.revisions, lost.indexes) {
            (Some((first, last)), _) => Count::exactly(span(
                last.unsigned_abs().saturating_sub(first.unsigned_abs()),
            )),
            // Of each entry one write is assumed, as in the acknowledged state; what came after them is not known.
            (None, Some((first, last))) => Count::at_least(span(last.since(first))),
            // The end of a log, or a page, that cannot be read: how many writes it had is not known.
            (None, None) if lost.place.is_some() => Count::at_least(0),
            // A note about a lease, or about entries that may not have been acknowledged.
            (None, None) => Count::default(),
        };
        self.writes = self.writes.plus(count);
        if let Some((first, last)) = lost.revisions {
            self.first_revision = Some(self.first_revision.map_or(first, |known| known.min(first)));
            self.last_revision = Some(self.last_revision.map_or(last, |known| known.max(last)));
        }
        self.keys.extend(lost.key.clone());
        self
    }

    /// Sorts the keys, and keeps each once.
    pub(super) fn settle(mut self) -> Self {
        self.keys.sort_unstable();
        self.keys.dedup();
        self
    }
}

/// What becomes of writes that clients make after the action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LaterWrites {
    /// They are applied and survive a restart.
    Kept,
    /// So many raft entries are skipped, because consistent_index is ahead of the log: these writes time out, are in the log,
    /// and are never in the store.
    Vanish(u64),
    /// They are refused until an alarm is disarmed.
    Refused,
    /// Nothing serves, so that there are none.
    None,
    /// Not known.
    #[default]
    Unknown,
}

impl LaterWrites {
    /// How many entries are skipped.
    pub fn vanish(self) -> u64 {
        match self {
            Self::Vanish(entries) => entries,
            _ => 0,
        }
    }

    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Vanish(_) => "vanish",
            Self::Refused => "refused",
            Self::None => "none",
            Self::Unknown => "unknown",
        }
    }
}

/// The sentence about a member that waits for others.
pub(super) fn alone_it_never_serves(others: usize) -> String {
    format!(
        "alone it never serves: it waits for at least {} of its cluster",
        counted(others as u64, "other voter", "other voters")
    )
}

/// What etcd does and holds after an action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it comes up and serves; `None` if that is not known.
    pub starts: Option<bool>,
    /// The last thing that it logs if it does not.
    pub message: Option<String>,
    /// The revision afterwards, if known.
    pub revision: Option<i64>,
    /// The number of live keys afterwards, if known.
    pub keys: Option<usize>,
    /// What becomes of later writes.
    pub later_writes: LaterWrites,
    /// How many other voters of its cluster must run until it serves; 0 if it serves alone.
    pub needs_others: usize,
}

impl Outcome {
    /// Whether it serves when nothing else is done; `None` if that depends on other members, or is not known.
    pub fn starts_alone(&self) -> Option<bool> {
        self.starts
            .filter(|starts| !starts || self.needs_others == 0)
    }

    /// The last thing that it logs if it does not serve, or whom it waits for.
    pub fn reason(&self) -> Option<String> {
        let waits = self.starts == Some(true) && self.needs_others > 0;
        let waits = waits.then(|| alone_it_never_serves(self.needs_others));
        self.message.clone().or(waits)
    }

    /// It does not serve, and why.
    pub fn refuses(message: impl Into<String>) -> Self {
        Self {
            starts: Some(false),
            message: Some(message.into()),
            later_writes: LaterWrites::None,
            ..Self::default()
        }
    }

    /// Nothing is known about it.
    pub fn unknown() -> Self {
        Self::default()
    }
}
