//! A log that begins after the start of the store, without a db: the end of a history whose beginning is lost.
//!
//! Which revisions its entries made is not in the log. Transactions that demand "this key was written last at revision N" say it, as
//! soon as one names a write of the log itself; Kubernetes writes nothing else. Without one, entries are numbered as high as they can
//! be: an entry makes one revision at most, and the first entry of a cluster makes revision 2 at the earliest.

use super::super::extra::Extra;
use super::super::timeline::{LogReplay, LostEntries, ReplayFrom};
use super::super::{Lost, Point};
use super::hole_sizes::HoleSizes;
use super::join::{LoggedRevisions, join};
use super::shown::timeline_by_later_entries;
use super::{MemberRecords, Wanted};
use crate::check::applied::{presumed, runs};
use crate::member::Wal;
use crate::raft::{Operation, Payload};
use crate::recover::{BeforeLog, ReplayedLease, State, TailNumbers, operation, tail_numbers};
use located::{RaftIndex, Term};

/// Time to live of a lease that was granted before the log begins, if the log grants none: an hour, as events of Kubernetes have.
const PRESUMED_TTL: i64 = 3600;

/// The revision before the first entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbering {
    /// As many demands fit it.
    Proven { base: i64, demands: usize },
    /// The highest it can be.
    Highest(i64),
}

impl Numbering {
    /// What the demands of transactions prove.
    fn proven_by(numbers: &TailNumbers<'_>, highest: i64) -> Self {
        match numbers.is_proven() {
            true => Self::Proven {
                base: numbers.base,
                demands: numbers.demands,
            },
            false => Self::Highest(highest),
        }
    }

    fn base(self) -> i64 {
        match self {
            Self::Proven { base, .. } | Self::Highest(base) => base,
        }
    }
}

impl<'a> MemberRecords<'a> {
    /// From a log alone that begins somewhere in a history. `false`: it has no entry that writes.
    pub(super) fn of_log_tail(
        &mut self,
        wal: &Wal<'a>,
        extra: &'a Extra<'a>,
        wanted: &Wanted,
    ) -> bool {
        let Some(first) = wal.log().first().map(|entry| entry.index) else {
            return false;
        };
        let entries = wal.log().surviving();
        let payloads: Vec<(RaftIndex, Payload)> = entries
            .map(|entry| (entry.index, wal.payload(entry)))
            .collect();
        let highest = i64::try_from(first.get()).unwrap_or(i64::MAX);
        let highest = highest.max(lower_bound(&payloads));
        let numbers = tail_numbers(&payloads, highest);
        let numbering = Numbering::proven_by(&numbers, highest);
        let base = numbering.base();
        let log = payloads.iter().map(|(_, payload)| payload);
        let mut before = BeforeLog::of_entries(log, base);
        before.add(numbers.existing.iter().copied(), base);
        let state = state_before(wal, &payloads);
        let start = ReplayFrom {
            index: first.previous(),
            revision: base,
            compacted: -1,
        };
        let span = (start, wanted.end);
        let holes = HoleSizes::with_unseen(
            numbers.unseen.clone(),
            numbers.undecided.keys().copied().collect(),
        );
        let line = timeline_by_later_entries(wal, extra, &before, &state, span, holes);
        if line.changes.is_empty() {
            return false;
        }
        self.note_tail(first, numbering);
        self.note_presumed_leases(&state, &payloads);
        self.take_lost_revisions(line.lost.iter());
        self.take_shown(&line);
        self.note_undecodable(&line);
        self.note_damaged_writes(wal, &line.lost, extra);
        for lost in &line.lost {
            self.note_lost_of_tail(&line, lost, &numbers);
        }
        self.take_tail(line, wanted);
        true
    }

    fn take_tail(&mut self, line: LogReplay<'a>, wanted: &Wanted) {
        self.is_tail = true;
        self.revision = line.to;
        self.compacted = line.compacted;
        self.applied = line.last.unwrap_or((RaftIndex(0), Term(0)));
        let told = LoggedRevisions::new(&[&line]);
        self.records = join(
            Vec::new(),
            &told,
            &line.confirmed,
            &line.changes,
            wanted.source,
        );
        self.state = line.state;
        self.source.changes = line.changes;
        self.source.written = line.written;
        if let Point::Revision(_) = wanted.point {
            self.cut(wanted.point);
        }
    }

    /// An entry that is lost, or a transaction of which is not known what it did: the keys of its branches are in doubt.
    fn note_lost_of_tail(
        &mut self,
        line: &LogReplay<'a>,
        lost: &LostEntries,
        numbers: &TailNumbers<'_>,
    ) {
        let mut one = Self::lost_entries(line, lost);
        if let Some(keys) = numbers.undecided.get(&lost.first) {
            one.what = format!(
                "entry {} is a transaction with a condition on keys that the log does not have: neither of its branches is in the backup; it is taken to be the write of revision {}",
                lost.first, lost.revisions.0
            );
            let is_written_later = |key: &[u8]| {
                let later = line.changes.iter().rev();
                let mut later = later.take_while(|change| change.index > lost.first);
                later.any(|change| change.key.as_ref() == key)
            };
            let in_doubt: Vec<&[u8]> = keys
                .iter()
                .copied()
                .filter(|key| !is_written_later(key))
                .collect();
            let doubt = |key: &&[u8]| (key.to_vec(), lost.revisions.0, None);
            self.damaged_writes.extend(in_doubt.iter().map(doubt));
            self.lost.extend(in_doubt.into_iter().map(|key| Lost {
                what: format!("the key may have been written by entry {}, a transaction of which is not known what it did", lost.first),
                key: Some(key.to_vec()),
                indexes: Some((lost.first, lost.last)),
                possibly: true,
                ..Lost::default()
            }));
        }
        self.lost.push(one);
    }

    fn note_tail(&mut self, first: RaftIndex, numbering: Numbering) {
        self.lost.push(Lost {
            what: format!(
                "the log begins at entry {first}, and there is no db to begin with: keys that were written last before it are not in the backup"
            ),
            revisions: Some((2, numbering.base())),
            indexes: Some((RaftIndex(1), first.previous())),
            ..Lost::default()
        });
        if let Numbering::Highest(base) = numbering {
            self.uncounted_from = Some(base);
        }
        self.notes.push(match numbering {
            Numbering::Proven { base, demands } => format!(
                "the first write of the log is revision {}: {demands} later transactions name revisions of its writes; create revisions and versions of keys that are older than the log are the lowest they can be",
                base.saturating_add(1)
            ),
            Numbering::Highest(base) => format!(
                "no entry says which revisions the log made: its first write is taken to be revision {}, the highest it can be unless the cluster was restored with a higher one; values and their order are those of the log",
                base.saturating_add(1)
            ),
        });
    }

    /// Leases that the log uses and does not grant.
    fn note_presumed_leases(&mut self, before: &State, payloads: &[(RaftIndex, Payload)]) {
        let ttl = presumed_ttl(payloads);
        let leases = match before.leases.0.len() {
            0 => String::new(),
            1 => format!("1 lease was granted before the log begins and is given {ttl} seconds; "),
            count => {
                format!(
                    "{count} leases were granted before the log begins and are given {ttl} seconds; "
                )
            }
        };
        self.notes.push(format!(
            "{leases}users and roles are only those that the log changed"
        ));
    }
}

/// The lowest that the revision before the first entry can be: a compaction names a revision that was there.
fn lower_bound(payloads: &[(RaftIndex, Payload)]) -> i64 {
    let first = payloads.first().map_or(RaftIndex(0), |(index, _)| *index);
    let bound = |(index, payload): &(RaftIndex, Payload)| match operation(payload) {
        Some(Operation::Compaction(compaction)) => {
            let since = i64::try_from(index.since(first)).unwrap_or(i64::MAX);
            compaction.revision.checked_sub(since)
        }
        _ => None,
    };
    payloads.iter().filter_map(bound).max().unwrap_or(1)
}

/// What is presumed of leases before the first entry.
fn state_before(wal: &Wal<'_>, payloads: &[(RaftIndex, Payload)]) -> State {
    let mut state = State::default();
    let lease = ReplayedLease {
        ttl: presumed_ttl(payloads),
        remaining_ttl: 0,
    };
    for run in runs(wal) {
        let used = presumed(&run).leases.0.into_keys();
        state.leases.0.extend(used.map(|id| (id, lease)));
    }
    for id in granted(payloads) {
        state.leases.0.remove(&id);
    }
    state
}

fn granted(payloads: &[(RaftIndex, Payload)]) -> impl Iterator<Item = i64> {
    payloads
        .iter()
        .filter_map(|(_, payload)| match operation(payload) {
            Some(Operation::LeaseGrant(grant)) => Some(grant.id),
            _ => None,
        })
}

/// The longest time to live that the log grants.
fn presumed_ttl(payloads: &[(RaftIndex, Payload)]) -> i64 {
    let ttl = |(_, payload): &(RaftIndex, Payload)| match operation(payload) {
        Some(Operation::LeaseGrant(grant)) => Some(grant.ttl),
        _ => None,
    };
    payloads
        .iter()
        .filter_map(ttl)
        .max()
        .unwrap_or(PRESUMED_TTL)
}
