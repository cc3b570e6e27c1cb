//! How far back each source of the evidence reaches: the db, the log, and records that no tree reaches.

use std::collections::BTreeSet;

use super::clocks::clock_near;
use crate::check::Logged;
use crate::clock::WriteTime;
use crate::member::{Member, Objects};
use crate::progress::Progress;
use crate::salvage::carve::carve;
use located::RaftIndex;

/// The first and the last revision of a source, and when they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevisionReach {
    /// The first revision.
    pub first: i64,
    /// The last revision.
    pub last: i64,
    /// When the first one was written; `None` if nothing says it.
    pub from: Option<WriteTime>,
    /// When the last one was written; `None` if nothing says it.
    pub to: Option<WriteTime>,
}

/// The reach of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WalReach {
    /// The index of its first entry.
    pub first_index: RaftIndex,
    /// The index of its last entry.
    pub last_index: RaftIndex,
    /// The revisions that its entries made; `None` if none of them is known.
    pub revisions: Option<RevisionReach>,
    /// Damaged ranges of its segments.
    pub damaged_ranges: usize,
}

/// What each source has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReachAnswer {
    /// The revisions of the db of which nothing is compacted; `None` without a readable record.
    pub db: Option<RevisionReach>,
    /// The compaction revision; `None` if the db was never compacted.
    pub compacted: Option<i64>,
    /// The log; `None` if there is none.
    pub log: Option<WalReach>,
}

impl ReachAnswer {
    /// Of a member. `logged`: what only the log has.
    pub fn new(member: &Member, objects: &Objects<'_>, logged: Option<&Logged>) -> Self {
        let keyspace = objects.keyspace();
        let compacted = keyspace.compact_revision().filter(|at| *at > 0);
        let of_db = keyspace
            .newest_revision()
            .map(|_| (compacted.unwrap_or(1), keyspace.revision()));
        let of_log = logged.and_then(Logged::revisions);
        let ends = of_db.into_iter().chain(of_log);
        let clock = clock_near(objects, logged, ends.flat_map(<[i64; 2]>::from), None);
        let reach = |(first, last)| RevisionReach {
            first,
            last,
            from: clock.time_of(first),
            to: clock.time_of(last),
        };
        let log = member.wal_ends().and_then(|ends| {
            Some(WalReach {
                first_index: ends.first_index?,
                last_index: ends.last_index,
                revisions: of_log.map(reach),
                damaged_ranges: member.wal().map_or(0, |wal| wal.log().damages.len()),
            })
        });
        Self {
            db: of_db.map(reach),
            compacted,
            log,
        }
    }
}

/// What was carved and is in no tree: how many records, and their revisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CarvedReach {
    /// Number of records that neither the db nor the log has.
    pub records: usize,
    /// The first and the last of their revisions; `None` if none of them is known.
    pub revisions: Option<(i64, i64)>,
}

impl CarvedReach {
    /// Looks through the pages that no tree reaches. All of the file is read.
    pub fn new(
        member: &Member,
        objects: &Objects<'_>,
        logged: Option<&Logged>,
        progress: &dyn Progress,
    ) -> Self {
        let carvings = carve(member, progress);
        let keyspace = objects.keyspace();
        let known = |main: i64| {
            keyspace.between(main..=main).next().is_some()
                || logged.is_some_and(|logged| logged.index_of(main).is_some())
        };
        let mut revisions = BTreeSet::new();
        let mut records = 0usize;
        for carved in carvings.iter() {
            match carved.revision {
                Some(revision) if known(revision.main) => continue,
                Some(revision) => _ = revisions.insert(revision.main),
                None => {}
            }
            records = records.saturating_add(1);
        }
        Self {
            records,
            revisions: revisions.first().copied().zip(revisions.last().copied()),
        }
    }
}
