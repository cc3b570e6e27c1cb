//! Which entries and records are asked for.

use std::str::FromStr;

use crate::answers::glob::matches;
use crate::raft::{KeySpan, OPERATIONS, Payload};
use crate::wal::RecordKind;
use located::RaftIndex;

/// `N`, `A..B` (both included), `A..`, `..B`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexRange {
    from: RaftIndex,
    to: RaftIndex,
}

impl IndexRange {
    /// Whether an index is in it.
    pub fn contains(self, index: RaftIndex) -> bool {
        (self.from..=self.to).contains(&index)
    }
}

impl FromStr for IndexRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bound = |text: &str, open: RaftIndex| match text.replace([',', '_'], "").as_str() {
            "" => Ok(open),
            digits => digits
                .parse()
                .map_err(|_| format!("{text:?} is no raft index")),
        };
        let range = match text.split_once("..") {
            Some((from, to)) => Self {
                from: bound(from, RaftIndex(0))?,
                to: bound(to.trim_start_matches('='), RaftIndex::MAX)?,
            },
            None if text.is_empty() => return Err("empty".into()),
            None => Self {
                from: bound(text, RaftIndex(0))?,
                to: bound(text, RaftIndex(0))?,
            },
        };
        if range.from > range.to {
            return Err("the first index is above the last".into());
        }
        Ok(range)
    }
}

/// A type that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum TypeFilter {
    Any,
    /// `normal`, `put`, …
    Payload(String),
    Record(RecordKind),
}

/// Which keys entries must name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keys {
    /// Any, or none.
    #[default]
    Any,
    /// This key; with a slash at its end also those below it.
    Exact(Vec<u8>),
    /// Keys that match a pattern.
    Glob(Vec<u8>),
}

/// That no entry or record has a type of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no entry has the type {0:?}")]
pub struct NoSuchType(pub String);

/// All conditions together.
#[derive(Debug)]
pub struct Filter {
    kind: TypeFilter,
    key: Keys,
    index: Option<IndexRange>,
}

const RECORDS: [RecordKind; 6] = [
    RecordKind::Metadata,
    RecordKind::Entry,
    RecordKind::State,
    RecordKind::Crc,
    RecordKind::Snapshot,
    RecordKind::Unknown,
];

const PAYLOADS: [&str; 16] = [
    "normal",
    "empty",
    "conf_change",
    "conf_change_v2",
    "add_node",
    "remove_node",
    "update_node",
    "add_learner_node",
    "promote_learner",
    "v2_put",
    "v2_post",
    "v2_delete",
    "v2_qget",
    "v2_sync",
    "undecodable",
    "unknown",
];

impl Filter {
    /// Entries of a type, with a key, of a range of indexes. `raw`: the name of a record's type wins.
    ///
    /// # Errors
    /// If no type has that name.
    pub fn new(
        kind: Option<&str>,
        raw: bool,
        key: Keys,
        index: Option<IndexRange>,
    ) -> Result<Self, NoSuchType> {
        let kind = match kind.map(|name| name.replace('-', "_")) {
            None => TypeFilter::Any,
            Some(name) => {
                let record = RECORDS.into_iter().find(|kind| kind.name() == name);
                let payload = PAYLOADS.contains(&name.as_str())
                    || OPERATIONS.iter().any(|(_, operation)| *operation == name);
                match record {
                    Some(record) if !payload || raw => TypeFilter::Record(record),
                    _ if payload => TypeFilter::Payload(name),
                    _ => return Err(NoSuchType(name)),
                }
            }
        };
        Ok(Self { kind, key, index })
    }

    /// Whether records of another type than entries are asked for.
    pub fn wants_records(&self) -> bool {
        matches!(self.kind, TypeFilter::Record(_))
    }

    /// Whether an index is asked for.
    pub fn index(&self, index: RaftIndex) -> bool {
        self.index.is_none_or(|range| range.contains(index))
    }

    /// Whether records of a type are asked for.
    pub fn record(&self, kind: RecordKind) -> bool {
        match &self.kind {
            TypeFilter::Any => true,
            TypeFilter::Record(wanted) => *wanted == kind,
            TypeFilter::Payload(_) => kind == RecordKind::Entry,
        }
    }

    /// Whether only entries can be meant.
    pub fn entries_only(&self) -> bool {
        self.index.is_some() || self.key != Keys::Any
    }

    /// Whether an entry with this payload is asked for.
    pub fn payload(&self, payload: &Payload) -> bool {
        let kind = match &self.kind {
            TypeFilter::Payload(name) => payload.name() == name || payload.type_name() == name,
            TypeFilter::Any | TypeFilter::Record(_) => true,
        };
        kind && match &self.key {
            Keys::Any => true,
            Keys::Exact(key) => {
                let below = |span: &KeySpan<'_>| key.ends_with(b"/") && span.key.starts_with(key);
                payload
                    .key_spans()
                    .iter()
                    .any(|span| span.contains(key) || below(span))
            }
            Keys::Glob(pattern) => payload
                .key_spans()
                .iter()
                .any(|span| matches(pattern, span.key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_ranges_include_both_ends() {
        let range = |text: &str| text.parse::<IndexRange>();
        let (from, to) = (RaftIndex(2), RaftIndex(5));
        assert_eq!(range("2..5"), Ok(IndexRange { from, to }));
        assert_eq!(range("5"), Ok(IndexRange { from: to, to }));
        assert!(range("2,109,264..").is_ok_and(|range| range.contains(RaftIndex::MAX)));
        assert!(
            range("..5")
                .is_ok_and(|range| range.contains(RaftIndex(0)) && !range.contains(to.next()))
        );
        assert!(range("5..2").is_err() && range("a").is_err() && range("").is_err());
    }
}
