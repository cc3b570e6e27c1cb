//! When entries were applied, by the lines of etcd's log that name them.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::log::ClockOffset;
use crate::check::Logged;
use crate::clock::{Clock, Measurement, TimeSource};
use crate::logs::etcd::{EtcdLine, EtcdLog, EtcdTopic};
use crate::member::Wal;
use located::RaftIndex;

/// How long after an entry was applied etcd may log what it means: a snapshot file is written first.
const LOG_DELAY: SignedDuration = SignedDuration::from_secs(2);

/// The entry that a line names: the newest that a snapshot has, or the first of a term.
pub(super) fn entry_of(line: &EtcdLine, wal: Option<&Wal<'_>>) -> Option<RaftIndex> {
    let of_snapshot = line
        .raft_index
        .filter(|_| line.topic == EtcdTopic::Snapshot);
    let of_term = line.term.and_then(|wanted| {
        let terms = wal?.log().terms();
        let term = terms.iter().find(|term| term.term == wanted)?;
        term.first_index
    });
    of_snapshot.or(of_term)
}

/// The times of the writes beside the entries that etcd's log names, by the clock of `known`: the log's own clock is corrected by how far
/// it is from that one, if both know the same moments.
pub fn etcd_measurements(
    log: &EtcdLog,
    wal: Option<&Wal<'_>>,
    logged: &Logged,
    known: &Clock,
) -> Vec<Measurement> {
    let revisions: BTreeMap<RaftIndex, i64> = logged.entries().collect();
    let named: Vec<(&EtcdLine, RaftIndex)> = log
        .lines
        .iter()
        .filter_map(|line| Some((line, entry_of(line, wal)?)))
        .collect();
    let offset = ClockOffset::new(&offsets(&named, &revisions, known));
    let (ahead, within) = match offset {
        Some(offset) => (offset.offset, offset.uncertainty),
        // The two clocks cannot be compared: to mix them would be a guess.
        None if !known.is_empty() => return Vec::new(),
        None => (SignedDuration::ZERO, SignedDuration::ZERO),
    };
    let mut found = Vec::new();
    for (line, index) in named {
        let early = ahead.saturating_add(within).saturating_add(LOG_DELAY);
        let Ok(time) = line.time.checked_sub(early) else {
            continue;
        };
        let is_snapshot = line.topic == EtcdTopic::Snapshot;
        let mut add = |revision: i64, delay| {
            found.push(Measurement {
                revision,
                time,
                precision: LOG_DELAY.saturating_add(within.saturating_mul(2)),
                delay,
                source: TimeSource::EtcdLog,
            });
        };
        // A snapshot is made when its newest entry was applied: a write in that entry has the time of the line.
        if let Some(revision) = revisions.get(&index).filter(|_| is_snapshot) {
            add(*revision, Some(SignedDuration::ZERO));
        }
        if let Some((_, next)) = revisions.range(index.saturating_add(1)..).next() {
            add(*next, None);
        }
    }
    found
}

/// How far lines are from the times of the entries that they name, and how far that may be wrong.
fn offsets(
    named: &[(&EtcdLine, RaftIndex)],
    revisions: &BTreeMap<RaftIndex, i64>,
    known: &Clock,
) -> Vec<(SignedDuration, SignedDuration)> {
    let one = |(line, index): &(&EtcdLine, RaftIndex)| {
        let (_, before) = revisions.range(..=*index).next_back()?;
        let (_, after) = revisions.range(*index..).next()?;
        let from = known.time_of(*before)?.not_before?;
        let to = known.time_of(*after)?.not_after?;
        let half = SignedDuration::from_millis(
            i64::try_from(to.duration_since(from).as_millis() / 2).ok()?,
        );
        let middle = from.checked_add(half).ok()?;
        Some((line.time.duration_since(middle), half))
    };
    named.iter().filter_map(one).collect()
}
