//! Leases along the fast path: which exist before which entry, and which keys are attached when they are revoked.

use std::collections::HashMap;

use rayon::prelude::*;

use super::super::RunEntry;
use super::super::anchor::{beginning, presumed};
use crate::mvcc::index::NONE;
use crate::mvcc::{KeyValue, Keyspace};
use crate::raft::{Operation, Payload, Request};
use crate::recover::{Applied, CORRUPT, NOSPACE, Nothing, Replay, State};

/// Which leases exist before which entry.
pub(super) struct Timeline {
    /// The entry at which the fast path ends for another reason than keys: users, an alarm, an entry at which etcd stops.
    pub(super) until: usize,
    /// For each lease, the positions at which it was granted (`true`) and revoked.
    events: HashMap<i64, Vec<(usize, bool)>>,
    /// Whether a lease of which nothing is known exists: if the path begins in the middle of the log.
    unknown: bool,
}

impl Timeline {
    /// Collects the grants and revocations of the entries.
    pub(super) fn new(entries: &[RunEntry<'_>], from_the_beginning: bool) -> Self {
        let mut timeline = Self {
            until: entries.len(),
            events: HashMap::new(),
            unknown: !from_the_beginning,
        };
        let state = if from_the_beginning {
            beginning()
        } else {
            State::default()
        };
        let mut replay = Replay::new(&Nothing, state, 1, -1);
        for (position, entry) in entries.iter().enumerate() {
            if entry.entry.is_plain {
                continue;
            }
            let payload = entry.payload();
            let (lease, revokes) = match &payload {
                Payload::Request(Request::Internal(request)) => match request.operation() {
                    Some(Operation::LeaseGrant(grant)) => (Some(grant.id), false),
                    Some(Operation::LeaseRevoke(revoke)) => (Some(revoke.id), true),
                    Some(Operation::Put(_) | Operation::DeleteRange(_) | Operation::Txn(_)) => {
                        timeline.until = position;
                        return timeline;
                    }
                    _ => (None, false),
                },
                _ => (None, false),
            };
            let exists = |replay: &Replay<'_, '_>| {
                lease.is_some_and(|id| replay.state().leases.contains(id))
            };
            let before = exists(&replay);
            if let Applied::Stops(_) = replay.apply(entry.entry.index, entry.data, &payload) {
                timeline.until = position;
                return timeline;
            }
            let after = exists(&replay);
            let revokes_unknown = revokes && !before && timeline.unknown;
            if let Some(lease) = lease.filter(|_| before != after || revokes_unknown) {
                let events = timeline.events.entry(lease).or_default();
                events.push((position, after));
            }
            let state = replay.state();
            let refuses = state.alarms.any(NOSPACE) || state.alarms.any(CORRUPT);
            if state.users.enabled || refuses {
                timeline.until = position;
                return timeline;
            }
        }
        timeline
    }

    /// Whether a lease exists before an entry; there is always none to attach to.
    pub(super) fn may_attach(&self, lease: i64, position: usize) -> bool {
        if lease == 0 {
            return true;
        }
        let events = self.events.get(&lease).map_or(&[][..], Vec::as_slice);
        let before = events.partition_point(|(at, _)| *at < position);
        let last = before.checked_sub(1).and_then(|last| events.get(last));
        last.map_or(self.unknown, |(_, granted)| *granted)
    }
}

/// Returns everything beside keys after `on_it`, for a comparison that goes on to the end of `rest`.
pub(super) fn state(
    rest: &[RunEntry<'_>],
    on_it: &[RunEntry<'_>],
    from_the_beginning: bool,
) -> State {
    let state = if from_the_beginning {
        beginning()
    } else {
        presumed(rest)
    };
    let mut replay = Replay::new(&Nothing, state, 1, -1);
    for entry in on_it.iter().filter(|entry| !entry.entry.is_plain) {
        let _ = replay.apply(entry.entry.index, entry.data, &entry.payload());
    }
    replay.into_parts().1
}

/// A lease that was revoked.
#[derive(Clone, Copy)]
pub(super) struct Revoked {
    /// The entry.
    pub(super) position: usize,
    /// The lease.
    pub(super) lease: i64,
    /// The revision that its deletions have, or would have.
    pub(super) main: i64,
    /// Keys that were deleted with it.
    pub(super) keys: usize,
}

impl Revoked {
    /// Returns the position of the first one that deleted fewer keys than were attached to the lease.
    pub(super) fn first_that_differs(revoked: &[Self], keyspace: &Keyspace<'_>) -> Option<usize> {
        if revoked.is_empty() {
            return None;
        }
        let index = keyspace.index();
        let mut of_lease: HashMap<i64, Vec<&Self>> = HashMap::new();
        for one in revoked {
            of_lease.entry(one.lease).or_default().push(one);
        }
        // A version is attached to a lease that is revoked after its own revision and not after that of the next.
        let attached = |newest: u32, found: &mut HashMap<usize, usize>| {
            let mut next = i64::MAX;
            for (_, record) in index.chain(newest) {
                let first = revoked.partition_point(|one| one.main <= record.main);
                let is_during = revoked.get(first).is_some_and(|one| one.main <= next);
                let end = std::mem::replace(&mut next, record.main);
                if !is_during || record.is_tombstone() {
                    continue;
                }
                let Ok(kv) = KeyValue::parse(record.message(keyspace.bytes)) else {
                    continue;
                };
                let ones = of_lease.get(&kv.lease).into_iter().flatten();
                for one in ones.filter(|one| one.main > record.main && one.main <= end) {
                    *found.entry(one.position).or_default() += 1;
                }
            }
        };
        let parts: Vec<HashMap<usize, usize>> = index
            .parts
            .par_iter()
            .map(|part| {
                let mut found = HashMap::new();
                let keys = part.keys.iter().filter(|key| key.newest != NONE);
                keys.for_each(|key| attached(key.newest, &mut found));
                found
            })
            .collect();
        let hung = |one: &Self| {
            let counts = parts.iter().filter_map(|found| found.get(&one.position));
            counts.sum::<usize>()
        };
        let differs = |one: &&Self| hung(one) != one.keys;
        revoked.iter().find(differs).map(|one| one.position)
    }
}
