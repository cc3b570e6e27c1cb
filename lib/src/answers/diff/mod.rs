//! `diff`: what differs between two states: two revisions of a member, or two members, backups or dbs.
//!
//! Both states are walked key by key in byte order. Keys of which both states have the same bytes are never decoded.

mod relation;
mod row;
mod side;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rayon::prelude::*;
use serde_json::{Map, Value};

pub use self::relation::Relation;
pub use self::row::{DiffOp, DiffRow};
pub use self::side::{DiffState, StatePair};
use super::{Answer, Damage, Table};
use crate::kubernetes::mask::Mask;
use crate::mvcc::Version;
use located::Error;

/// Keys that are compared with each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiffKeys {
    /// Every key.
    All,
    /// The objects of a namespace, and the namespace itself.
    Namespace(String),
    /// These.
    Named(Vec<Vec<u8>>),
}

/// How states are compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiffOptions<'m> {
    /// Hides secrets; `None` if they are shown.
    pub mask: Option<&'m Mask>,
    /// Also what is left out as noise: renewals, heartbeats, Events, managedFields.
    pub all: bool,
    /// Whether Events are no noise, because they were asked for.
    pub events: bool,
    /// Lines around each change of the unified difference.
    pub context: usize,
}

/// What differs between two states.
#[derive(Clone, Debug)]
pub struct DiffAnswer {
    /// Keys that differ, in byte order.
    pub rows: Vec<DiffRow>,
    /// What was left out as noise, and how many keys each.
    pub folded: BTreeMap<&'static str, u64>,
    /// Keys that both states have with the same bytes.
    pub equal: u64,
    /// Keys of which it is not certain that this is their version in that state: writes of them may be lost.
    pub uncertain: u64,
    /// Keys whose values cannot be compared: encrypted, and no key at hand opens them.
    pub closed: u64,
}

impl DiffAnswer {
    /// Keys with this operation.
    pub fn count(&self, op: DiffOp) -> usize {
        self.rows.iter().filter(|row| row.op == op).count()
    }

    /// `3 changed, 1 added, 2 removed`.
    pub fn summary(&self) -> String {
        let parts = [
            DiffOp::Changed,
            DiffOp::Added,
            DiffOp::Removed,
            DiffOp::Rewritten,
            DiffOp::Closed,
        ];
        let parts = parts.into_iter().filter_map(|op| {
            let count = self.count(op);
            (count > 0).then(|| format!("{count} {}", op.as_str()))
        });
        let text = parts.collect::<Vec<_>>().join(", ");
        if text.is_empty() {
            return "no differences".to_owned();
        }
        text
    }

    /// What was left out: `12 renewals of Leases, 3 updates of Events`.
    pub fn noise(&self) -> Option<String> {
        let parts = self
            .folded
            .iter()
            .map(|(what, count)| format!("{count} {what}"));
        let text = parts.collect::<Vec<_>>().join(", ");
        (!text.is_empty()).then_some(text)
    }

    /// As a table: one row for each key.
    pub fn into_table(self) -> Table<DiffRow> {
        let folded: Map<String, Value> = self
            .folded
            .iter()
            .map(|(what, count)| ((*what).to_owned(), Value::from(*count)))
            .collect();
        let all = self.summary();
        let count = |op| Value::from(self.count(op));
        let counts =
            [DiffOp::Added, DiffOp::Removed, DiffOp::Changed].map(|op| (op.as_str(), count(op)));
        let mut table = Table::new(&row::COLUMNS, self.rows).all(all);
        for (field, count) in counts {
            table = table.tail(field, count);
        }
        table
            .tail("equal_keys", self.equal)
            .tail("uncertain_keys", self.uncertain)
            .tail("encrypted_keys", self.closed)
            .tail("folded", Value::Object(folded))
    }
}

/// One key that was compared.
enum KeyOutcome {
    Equal,
    Noise(&'static str),
    Differs(Box<DiffRow>),
}

/// Compares two states.
///
/// # Errors
/// As [`Keyspace::at`](crate::mvcc::Keyspace::at).
pub fn diff(
    before: &DiffState<'_, '_>,
    after: &DiffState<'_, '_>,
    keys: &DiffKeys,
    how: DiffOptions<'_>,
) -> Result<Answer<DiffAnswer>, Error> {
    let pairs = pairs(before.versions(keys)?, after.versions(keys)?);
    let compared = StatePair { before, after, how };
    let uncertain = pairs
        .par_iter()
        .filter(|pair| compared.is_uncertain(pair))
        .count();
    let outcomes: Vec<KeyOutcome> = pairs
        .par_iter()
        .map(|(old, new)| compared.outcome(old.as_ref(), new.as_ref()))
        .collect();
    let mut found = DiffAnswer {
        rows: Vec::new(),
        folded: BTreeMap::new(),
        equal: 0,
        uncertain: u64::try_from(uncertain).unwrap_or(u64::MAX),
        closed: 0,
    };
    for outcome in outcomes {
        match outcome {
            KeyOutcome::Equal => found.equal = found.equal.saturating_add(1),
            KeyOutcome::Noise(what) => {
                let count = found.folded.entry(what).or_default();
                *count = count.saturating_add(1);
            }
            KeyOutcome::Differs(row) => {
                found.closed = found
                    .closed
                    .saturating_add(u64::from(row.op == DiffOp::Closed));
                found.rows.push(*row);
            }
        }
    }
    let skipped = found.uncertain.saturating_add(found.closed);
    Ok(Answer::new(found, Damage::new(Vec::new(), skipped)))
}

/// A key with its version in each of the states.
type Pair<'a, 'b> = (Option<Version<'a>>, Option<Version<'b>>);

/// Joins two lists that are in byte order of their keys.
fn pairs<'a, 'b>(before: Vec<Version<'a>>, after: Vec<Version<'b>>) -> Vec<Pair<'a, 'b>> {
    let mut pairs = Vec::with_capacity(before.len().max(after.len()));
    let (mut old, mut new) = (before.into_iter().peekable(), after.into_iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some(old), Some(new)) => old.key.cmp(new.key),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return pairs,
        };
        pairs.push(match order {
            Ordering::Less => (old.next(), None),
            Ordering::Greater => (None, new.next()),
            Ordering::Equal => (old.next(), new.next()),
        });
    }
}
