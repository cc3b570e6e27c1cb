//! The WAL against the store: what applied entries wrote must be there, and nothing else.
//!
//! bbolt protects no value. But the WAL does, with a rolling checksum, and it usually reaches back far behind the db. So
//! entries are applied once more, beginning where the revision is known, and each record they make is held against the
//! record stored under that revision. That finds flipped bits, lost and stale pages, resurrected keys, and a
//! consistent_index that does not fit.
//!
//! Where to begin: a log from the first entry begins with the empty store; another where counting back from
//! consistent_index and the newest revision leads; else at a put whose key and value stand in the store above the
//! compaction, on top of the store as it was before it.
//!
//! A log with gaps or damage is not held against the store where it does not fit: what is missing may explain it.

mod anchor;
mod differ;
mod end;
mod logged;
mod near;
mod said;
mod same;
mod state;
mod straight;
mod told;
mod versions;
mod walk;

pub use logged::{Logged, logged};
pub use versions::versions;

use anchor::Anchor;
use told::Told;
use walk::Begin;

use crate::bolt::Db;
use crate::member::Wal;
use crate::mvcc::Keyspace;
use crate::raft::{Payload, Plain};
use crate::wal::LogEntry;
use located::Sink;

/// How far the comparison of WAL and store reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// First and last raft index whose effect was held against the store.
    pub indexes: Option<(u64, u64)>,
    /// The revision of the store before the first of them.
    pub from_revision: i64,
    /// Records compared.
    pub records: u64,
}

/// One entry, with what it carries.
pub(super) struct Entry<'a> {
    pub(super) entry: &'a LogEntry,
    pub(super) data: &'a [u8],
}

impl Entry<'_> {
    /// What it asks for, decoded each time: kept for all entries it would be a second log in memory.
    pub(super) fn payload(&self) -> Payload {
        Payload::decode(self.entry.kind, self.data)
    }

    /// Gives every put, in all branches of a transaction: key, value, lease, and whether it keeps the value that was there.
    pub(super) fn each_put(&self, mut put: impl FnMut(&[u8], &[u8], i64, bool)) {
        if self.entry.is_plain
            && let Some(plain) = Plain::parse(self.data)
        {
            plain
                .puts()
                .for_each(|one| put(one.key, one.value, one.lease, false));
            return;
        }
        for one in self.payload().puts() {
            put(&one.key, &one.value, one.lease, one.ignore_value);
        }
    }
}

/// Holds the store against the WAL. `Err` says why that is not possible.
///
/// # Errors
/// A sentence for the list of what was skipped.
pub fn applied(
    db: &Db<'_>,
    keyspace: &Keyspace<'_>,
    wal: &Wal<'_>,
    consistent_index: u64,
    report: &mut Sink<'_>,
) -> Result<Reach, String> {
    let mut reach = Reach::default();
    let mut told = Told::new(db);
    let whole = wal.log().gaps.is_empty() && wal.log().damages.is_empty();
    let mut why = "no entry of the WAL is applied in the db".to_owned();
    for entries in runs(wal) {
        if entries
            .first()
            .is_none_or(|first| first.entry.index > consistent_index)
        {
            continue;
        }
        let road = straight::straight(keyspace, &entries, consistent_index);
        let found = road.map(Begin::Road).or_else(|| {
            let found = Anchor::find(keyspace, &entries, consistent_index, whole);
            found.map(Begin::Anchor)
        });
        let Some(begin) = found else {
            why = "no write in the WAL could be found in the store above the compaction revision: nothing says which revision its entries have".to_owned();
            if whole {
                near::near_misses(keyspace, &entries, consistent_index, &mut told);
            }
            continue;
        };
        let earlier = entries.get(..begin.at()).unwrap_or_default();
        if whole {
            near::near_misses(keyspace, earlier, consistent_index, &mut told);
        }
        let mut new = told.empty();
        let walked = walk::walk(
            keyspace,
            wal,
            &entries,
            begin,
            consistent_index,
            whole,
            &mut new,
        );
        if !whole && walked.lost {
            why = "entries are missing or damaged in the WAL, and what is left does not say which revisions it made".to_owned();
            continue;
        }
        told.extend(new);
        let one = walked.reach;
        if let Some(state) = walked.state.filter(|_| {
            entries
                .last()
                .is_some_and(|last| last.entry.index >= consistent_index)
        }) {
            state::compare(db, &state, report);
        }
        reach.records = reach.records.saturating_add(one.records);
        if let Some((first, last)) = one.indexes {
            if reach.indexes.is_none() {
                reach.from_revision = one.from_revision;
            }
            reach.indexes = Some((reach.indexes.map_or(first, |(known, _)| known), last));
        }
    }
    told.tell(report);
    if reach.indexes.is_some() {
        Ok(reach)
    } else {
        Err(why)
    }
}

/// The surviving entries in runs without gaps.
fn runs<'a>(wal: &Wal<'a>) -> Vec<Vec<Entry<'a>>> {
    let mut runs: Vec<Vec<Entry<'_>>> = Vec::new();
    for entry in wal.log().surviving() {
        let data = wal.data(entry);
        let entry = Entry { entry, data };
        let continues = runs
            .last()
            .and_then(|run| run.last())
            .is_some_and(|last| last.entry.index.checked_add(1) == Some(entry.entry.index));
        match runs.last_mut().filter(|_| continues) {
            Some(run) => run.push(entry),
            None => runs.push(vec![entry]),
        }
    }
    runs
}
