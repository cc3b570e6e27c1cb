//! Which entries and records are asked for.

use std::str::FromStr;

use etcd_inspect::raft::{KeySpan, OPERATIONS, Payload};
use etcd_inspect::wal::RecordKind;

use super::WalArgs;
use crate::failure::Failure;
use crate::what::{self, What, glob};

/// `N`, `A..B` (both included), `A..`, `..B`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexRange {
    from: u64,
    to: u64,
}

impl IndexRange {
    pub(super) fn contains(self, index: u64) -> bool {
        (self.from..=self.to).contains(&index)
    }
}

impl FromStr for IndexRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bound = |text: &str, open: u64| match text.replace([',', '_'], "").as_str() {
            "" => Ok(open),
            digits => digits
                .parse()
                .map_err(|_| format!("{text:?} is no raft index")),
        };
        let range = match text.split_once("..") {
            Some((from, to)) => Self {
                from: bound(from, 0)?,
                to: bound(to.trim_start_matches('='), u64::MAX)?,
            },
            None if text.is_empty() => return Err("empty".into()),
            None => Self {
                from: bound(text, 0)?,
                to: bound(text, 0)?,
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
enum Kind {
    Any,
    /// `normal`, `put`, …
    Payload(String),
    Record(RecordKind),
}

/// A key that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Any,
    /// The key; with a slash at its end also what lies below.
    Exact(Vec<u8>),
    Glob(Vec<u8>),
}

/// All conditions together.
#[derive(Debug)]
pub(super) struct Filter {
    kind: Kind,
    key: Key,
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
    pub(super) fn new(args: &WalArgs) -> Result<Self, Failure> {
        let kind = match args.kind.as_deref().map(|name| name.replace('-', "_")) {
            None => Kind::Any,
            Some(name) => {
                let record = RECORDS.into_iter().find(|kind| kind.name() == name);
                let payload = PAYLOADS.contains(&name.as_str())
                    || OPERATIONS.iter().any(|(_, operation)| *operation == name);
                match record {
                    Some(record) if !payload || args.raw => Kind::Record(record),
                    _ if payload => Kind::Payload(name),
                    _ => {
                        return Err(Failure::usage(format!("no entry has the type {name:?}"))
                            .means("types: normal, empty, conf_change, put, txn, delete_range, lease_grant, compaction, … or entry, state, snapshot, metadata, crc")
                            .next("etcd-inspect wal --type put {path}"));
                    }
                }
            }
        };
        let key = match &args.key {
            None => Key::Any,
            Some(word) => match what::parse(std::slice::from_ref(word))?.pop() {
                Some(What::Glob(pattern)) => Key::Glob(pattern),
                Some(What::Key(key)) => Key::Exact(key),
                _ => Key::Exact(what::unescape(word)),
            },
        };
        Ok(Self {
            kind,
            key,
            index: args.index,
        })
    }

    /// Whether records of another type than entries are asked for.
    pub(super) fn wants_records(&self) -> bool {
        matches!(self.kind, Kind::Record(_))
    }

    pub(super) fn index(&self, index: u64) -> bool {
        self.index.is_none_or(|range| range.contains(index))
    }

    pub(super) fn record(&self, kind: RecordKind) -> bool {
        match &self.kind {
            Kind::Any => true,
            Kind::Record(wanted) => *wanted == kind,
            Kind::Payload(_) => kind == RecordKind::Entry,
        }
    }

    /// Whether only entries can be meant.
    pub(super) fn entries_only(&self) -> bool {
        self.index.is_some() || self.key != Key::Any
    }

    pub(super) fn payload(&self, payload: &Payload) -> bool {
        let kind = match &self.kind {
            Kind::Payload(name) => payload.name() == name || payload.type_name() == name,
            Kind::Any | Kind::Record(_) => true,
        };
        kind && match &self.key {
            Key::Any => true,
            Key::Exact(key) => {
                let below = |span: &KeySpan<'_>| key.ends_with(b"/") && span.key.starts_with(key);
                payload
                    .key_spans()
                    .iter()
                    .any(|span| span.contains(key) || below(span))
            }
            Key::Glob(pattern) => payload
                .key_spans()
                .iter()
                .any(|span| glob(pattern, span.key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_ranges_include_both_ends() {
        let range = |text: &str| text.parse::<IndexRange>();
        let (from, to) = (2, 5);
        assert_eq!(range("2..5"), Ok(IndexRange { from, to }));
        assert_eq!(range("5"), Ok(IndexRange { from: 5, to }));
        assert!(range("2,109,264..").is_ok_and(|range| range.contains(u64::MAX)));
        assert!(range("..5").is_ok_and(|range| range.contains(0) && !range.contains(6)));
        assert!(range("5..2").is_err() && range("a").is_err() && range("").is_err());
    }
}
