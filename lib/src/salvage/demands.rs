//! What transactions after lost entries show of them: how many revisions they made, and which keys they wrote.
//!
//! A transaction that demands "this key was written last at revision N" has seen the store as it was; Kubernetes writes nothing else. If
//! revision N is that of a lost entry, that entry wrote the key. If it is that of an entry after it, but by another count, the lost
//! entries made fewer revisions than were counted: a lease, a membership change or a transaction that failed makes none. Without this a
//! single lost entry would let the replay refuse nearly every write after it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::member_records::HoleSizes;
use super::timeline::LostEntries;
use crate::raft::kv::TxnRequest;
use crate::raft::{Operation, Payload};
use crate::recover::{
    Replay, ReplayedLease, compared_revisions, is_absence, key_writes, operation,
};
use located::RaftIndex;

/// Time to live of a lease whose grant is lost, if nothing was granted before: an hour, as events of Kubernetes have.
const PRESUMED_TTL: i64 = 3600;
/// Of the demands that name revisions after lost entries, those of so many first revisions say how many the lost ones made.
const FIRST_DEMANDS: usize = 9;
/// Of a hundred demands, so many must fit.
const MUST_FIT: usize = 95;

/// What is shown of lost entries.
#[derive(Debug, Default)]
pub(super) struct Demands {
    /// The runs of lost entries, ascending.
    pub(super) holes: Vec<ShownOfHole>,
    /// Entries that created a key which the replay takes to be there: a lost entry had deleted it.
    pub(super) recreated: BTreeSet<RaftIndex>,
    /// Entries whose transaction failed though the replay takes it to hold, for a lost entry had written the key at that revision.
    pub(super) refuted: BTreeMap<RaftIndex, i64>,
    /// Leases whose grant is lost.
    pub(super) leases: BTreeSet<i64>,
    /// The writes of each key after the first lost entries.
    writes: HashMap<Vec<u8>, WritesOfKey>,
    /// The entry that tried to create a key which was there before the lost entries.
    refused: HashMap<Vec<u8>, RaftIndex>,
    /// Time to live of leases whose grant is lost: the longest that was granted before.
    presumed_ttl: Option<i64>,
    /// Keys that lost entries deleted.
    deleted: Vec<Vec<u8>>,
    revoked: HashSet<i64>,
}

/// The writes of a key after the first lost entries.
#[derive(Debug)]
struct WritesOfKey {
    /// The entry that wrote it first, and the revision it had before.
    first: (RaftIndex, i64),
    /// Without the newest.
    revisions: BTreeSet<i64>,
}

/// What is shown of one run of lost entries.
#[derive(Debug)]
pub(super) struct ShownOfHole {
    /// Its first entry.
    pub(super) first: RaftIndex,
    /// The last revision before it, and the last that is taken to be its own.
    revisions: (i64, i64),
    /// Demands of revisions after it: the revision by this count, and by how much the demand is higher.
    demands: Vec<(i64, i64)>,
    /// Keys that it wrote, each with its revision.
    pub(super) writes: Vec<(Vec<u8>, i64)>,
}

impl ShownOfHole {
    /// By how much the count of the revisions after it is to be corrected, if demands show it: those of its first successors do, for the
    /// count of later ones may be wrong for other reasons.
    pub(super) fn correction(&self) -> Option<i64> {
        let mut first = self.demands.clone();
        first.sort_unstable();
        let mut fit: BTreeMap<i64, usize> = BTreeMap::new();
        for (_, by) in first.iter().take(FIRST_DEMANDS) {
            *fit.entry(*by).or_default() += 1;
        }
        let best = fit
            .iter()
            .max_by_key(|(by, demands)| (**demands, -by.abs()));
        best.map(|(by, _)| *by)
    }

    /// Whether nearly all demands fit the count of its revisions.
    pub(super) fn is_counted(&self) -> bool {
        let fit = self.demands.iter().filter(|(_, by)| *by == 0).count();
        fit > 0 && fit.saturating_mul(100) >= self.demands.len().saturating_mul(MUST_FIT)
    }
}

/// The entry that is to be applied.
pub(super) struct NextEntry<'p> {
    pub(super) index: RaftIndex,
    pub(super) payload: &'p Payload,
}

impl Demands {
    /// The keys that lost entries wrote or deleted, each with its revision. Of a deletion only the run is known: it is given a revision
    /// that no other key has.
    pub(super) fn written(&self) -> Vec<(&[u8], i64)> {
        let of_holes = self.holes.iter().flat_map(|hole| &hole.writes);
        let mut written: Vec<(&[u8], i64)> = of_holes
            .map(|(key, revision)| (key.as_slice(), *revision))
            .collect();
        let used: HashSet<i64> = written.iter().map(|(_, revision)| *revision).collect();
        let [hole] = self.holes.as_slice() else {
            return written;
        };
        let (before, last) = hole.revisions;
        let free = (before.saturating_add(1)..=last).filter(|revision| !used.contains(revision));
        written.extend(self.deleted.iter().map(Vec::as_slice).zip(free));
        written
    }

    /// Notes lost entries, with what is known of their writes.
    pub(super) fn lose(&mut self, lost: LostEntries, writes: Vec<(Vec<u8>, i64)>) {
        let (first, last) = lost.revisions;
        self.holes.push(ShownOfHole {
            first: lost.first,
            revisions: (first.saturating_sub(1), last),
            demands: Vec::new(),
            writes,
        });
    }

    /// Makes the store what an entry after lost ones has seen of it.
    pub(super) fn believe(
        &mut self,
        entry: &NextEntry<'_>,
        replay: &mut Replay<'_, '_>,
        sizes: &HoleSizes,
    ) {
        if self.holes.is_empty() {
            return;
        }
        for put in entry.payload.puts() {
            self.believe_lease(put.lease, replay);
        }
        match operation(entry.payload) {
            Some(Operation::LeaseRevoke(revoke)) => {
                self.revoked.insert(revoke.id);
            }
            Some(Operation::Txn(txn)) => self.believe_txn(entry.index, txn, replay, sizes),
            _ => {}
        }
    }

    /// A client puts with a lease that was granted to it.
    fn believe_lease(&mut self, id: i64, replay: &mut Replay<'_, '_>) {
        let leases = &replay.state().leases;
        if id == 0 || leases.contains(id) || self.revoked.contains(&id) {
            return;
        }
        let longest = || leases.0.values().map(|lease| lease.ttl).max();
        let ttl = self.presumed_ttl.or_else(longest).unwrap_or(PRESUMED_TTL);
        self.presumed_ttl = Some(ttl);
        let lease = ReplayedLease {
            ttl,
            remaining_ttl: 0,
        };
        replay.presume_lease(id, lease);
        self.leases.insert(id);
    }

    fn believe_txn(
        &mut self,
        index: RaftIndex,
        txn: &TxnRequest,
        replay: &mut Replay<'_, '_>,
        sizes: &HoleSizes,
    ) {
        for compare in txn.compare.iter().filter(|compare| is_absence(compare)) {
            let live = replay.layer().live(&compare.key);
            if live.is_none_or(|live| self.is_after_first(live.mod_revision)) {
                continue;
            }
            if sizes.is_recreated(index) {
                replay.presume(&compare.key, None);
                self.deleted.push(compare.key.clone());
            } else {
                self.refused.insert(compare.key.clone(), index);
            }
        }
        for (key, demanded) in compared_revisions(txn) {
            if let Some(revision) = sizes.refuted(index) {
                replay.presume(key, Some(revision));
                continue;
            }
            let live = replay.layer().live(key);
            let known = live.map_or(0, |live| live.mod_revision);
            let newest = replay.revision();
            if demanded != known && demanded <= newest && self.is_true(key, (demanded, known)) {
                replay.presume(key, Some(demanded));
            } else if demanded == known {
                self.fits(known);
            }
        }
        for (key, _) in key_writes(&txn.success) {
            let live = replay.layer().live(key);
            let known = live.map_or(0, |live| live.mod_revision);
            let writes = self.writes.entry(key.to_vec());
            let writes = writes.or_insert(WritesOfKey {
                first: (index, known),
                revisions: BTreeSet::new(),
            });
            writes.revisions.insert(known);
        }
    }

    /// Whether a revision is that of an entry after the first that is lost.
    fn is_after_first(&self, revision: i64) -> bool {
        let first = self.holes.first();
        first.is_some_and(|hole| revision > hole.revisions.1)
    }

    /// A demand that is as counted.
    fn fits(&mut self, known: i64) {
        // A lost entry's own revision says nothing of how many there were before it.
        let is_lost = self
            .hole_up_to(known)
            .is_some_and(|hole| known <= hole.revisions.1);
        if let Some(hole) = self.hole_before(known).filter(|_| !is_lost) {
            hole.demands.push((known, 0));
        }
    }

    /// The last lost entries that were before a revision.
    fn hole_before(&mut self, revision: i64) -> Option<&mut ShownOfHole> {
        let after = self
            .holes
            .partition_point(|hole| hole.revisions.1 < revision);
        self.holes.get_mut(after.checked_sub(1)?)
    }

    /// The last lost entries that were before a revision, or made it.
    fn hole_up_to(&mut self, revision: i64) -> Option<&mut ShownOfHole> {
        let after = self
            .holes
            .partition_point(|hole| hole.revisions.0 < revision);
        self.holes.get_mut(after.checked_sub(1)?)
    }

    /// Whether a key was written last at the revision that a transaction demands, though another is known. A client that has not seen
    /// the newest write demands an older one: its transaction failed.
    fn is_true(&mut self, key: &[u8], (demanded, known): (i64, i64)) -> bool {
        let first = self.holes.first().map_or(i64::MAX, |hole| hole.revisions.0);
        let writes = self.writes.get(key);
        let is_older = |writes: &WritesOfKey| writes.revisions.contains(&demanded);
        if demanded <= first || writes.is_some_and(is_older) {
            return false;
        }
        let Some((before, last)) = self.hole_up_to(demanded).map(|hole| hole.revisions) else {
            return false;
        };
        if known <= before {
            return self.shown_of_key(key, (demanded, known));
        }
        let writes = self.writes.get(key).map(|writes| writes.first);
        if let Some((index, _)) = writes.filter(|(_, had)| demanded <= last && *had <= before) {
            self.refuted.insert(index, demanded);
        }
        if let Some(hole) = self.hole_before(known) {
            hole.demands.push((known, demanded.saturating_sub(known)));
        }
        true
    }

    /// A key that no entry after the last lost ones has written, and of which a later revision is demanded.
    fn shown_of_key(&mut self, key: &[u8], (demanded, known): (i64, i64)) -> bool {
        let within = self.hole_up_to(demanded).filter(|hole| {
            let (before, last) = hole.revisions;
            known <= before && demanded <= last
        });
        if let Some(hole) = within {
            hole.writes.push((key.to_vec(), demanded));
        } else if let Some(index) = self.refused.get(key) {
            self.recreated.insert(*index);
        }
        demanded > known
    }
}
