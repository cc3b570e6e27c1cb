//! What only the WAL still has: versions that compaction has taken from the db, and those the db does not have yet.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::RangeInclusive;

use super::anchor::{Anchor, beginning, presumed};
use super::fast_path::anchor_of_all;
use super::lease_spans::{LeaseSpan, LeaseSpans};
use super::record_match::{key_or_value_matches, record_matches};
use super::shown::{ShownWrites, shown_writes};
use super::{RunEntry, runs};
use crate::clock::ElapsedTime;
use crate::member::{Member, Wal};
use crate::mvcc::{KeyValue, Keyspace, Overlay, Revision, Rules, Version};
use crate::raft::kv::{Op, PutRequest, RequestOp, TxnRequest};
use crate::raft::{Operation, Payload, Request};
use crate::recover::{Applied, Base, Change, Nothing, Replay, State, Stored, commit};
use located::progress::Progress;
use located::{Error, RaftIndex};

/// Committed writes of the WAL that the db does not have, in two keyspaces of their own.
///
/// An entry has no revision. Those after the first one whose write is found in the store, or after the very first entry, get
/// theirs by applying them once more; they are in [`keyspace`](Self::keyspace). Of those before it only the raft index is
/// known, and of a transaction not even whether it wrote: they are in [`unplaced`](Self::unplaced).
#[derive(Debug)]
pub struct Logged {
    placed: Overlay<'static>,
    unplaced: Overlay<'static>,
    conditional: HashSet<i64>,
    /// Unplaced puts that keep the value which the key had.
    keeps_value: HashSet<Revision>,
    indexes: BTreeMap<i64, RaftIndex>,
    /// Revisions that the db lacks though it has newer ones.
    lacking: BTreeSet<i64>,
    stopped: Option<RaftIndex>,
    /// The newest entry that the store has applied; 0 if no record of it is readable.
    applied: RaftIndex,
    lease_spans: Vec<LeaseSpan>,
}

impl Logged {
    fn empty() -> Self {
        Self {
            applied: RaftIndex(0),
            placed: Overlay::empty(Rules::NEWEST),
            unplaced: Overlay::empty(Rules::NEWEST),
            conditional: HashSet::new(),
            keeps_value: HashSet::new(),
            indexes: BTreeMap::new(),
            lacking: BTreeSet::new(),
            stopped: None,
            lease_spans: Vec::new(),
        }
    }

    /// Writes whose revision is known, without those of which the db has the record.
    pub fn keyspace(&self) -> Keyspace<'_> {
        self.placed.keyspace()
    }

    /// Writes of unknown revision: their raft index takes its place, and creation and version are 0.
    pub fn unplaced(&self) -> Keyspace<'_> {
        self.unplaced.keyspace()
    }

    /// Whether the unplaced write of that raft index was part of a transaction or a delete, so that it may not have happened.
    pub fn is_conditional(&self, index: i64) -> bool {
        self.conditional.contains(&index)
    }

    /// Whether the unplaced put of that raft index and operation keeps the value that the key had (`ignore_value`): which one that
    /// was is not known, and the record has none.
    pub fn keeps_value(&self, revision: Revision) -> bool {
        self.keeps_value.contains(&revision)
    }

    /// The times that passed at least between revisions, by the leases that the log grants and ends. `is_of_api_server`: whether a key
    /// is one that an API server wrote. Only leases of such keys count by their end: other clients may revoke theirs early.
    pub fn elapsed(&self, is_of_api_server: impl Fn(&[u8]) -> bool) -> Vec<ElapsedTime> {
        let is_evidence = |span: &&LeaseSpan| match &span.revoked {
            Some(key) => key.as_deref().is_some_and(&is_of_api_server),
            None => true,
        };
        let spans = self.lease_spans.iter().filter(is_evidence);
        spans.map(|span| span.elapsed.clone()).collect()
    }

    /// The raft index of the entry that made a revision.
    pub fn index_of(&self, revision: i64) -> Option<RaftIndex> {
        self.indexes.get(&revision).copied()
    }

    /// The raft indexes of the entries that made revisions, each with its revision, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = (RaftIndex, i64)> + '_ {
        self.indexes
            .iter()
            .map(|(revision, index)| (*index, *revision))
    }

    /// First and last revision that an entry of the WAL made.
    pub fn revisions(&self) -> Option<(i64, i64)> {
        let (first, _) = self.indexes.first_key_value()?;
        let (last, _) = self.indexes.last_key_value()?;
        Some((*first, *last))
    }

    /// First and last revision of each run of revisions that entries of the WAL made, ascending.
    pub fn revision_runs(&self) -> Vec<(i64, i64)> {
        let mut runs: Vec<(i64, i64)> = Vec::new();
        for revision in self.indexes.keys() {
            match runs.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(*revision) => *last = *revision,
                _ => runs.push((*revision, *revision)),
            }
        }
        runs
    }

    /// Revisions above the compaction that the log wrote and the db lacks, though it has newer ones: the db lost them.
    pub fn lacking(&self) -> impl ExactSizeIterator<Item = i64> + '_ {
        self.lacking.iter().copied()
    }

    /// The entry from which on the store has other records than the WAL: revisions are not known there either.
    pub fn stopped(&self) -> Option<RaftIndex> {
        self.stopped
    }

    /// Adds the newest entries of a run.
    fn add_end(
        &mut self,
        keyspace: &Keyspace<'_>,
        wal: &Wal<'_>,
        entries: &[RunEntry<'_>],
        consistent_index: RaftIndex,
        progress: &dyn Progress,
    ) {
        self.applied = consistent_index;
        let anchor = Self::anchor(keyspace, wal, entries, consistent_index, progress);
        let until = commit(wal, consistent_index);
        self.place_from(keyspace, entries, anchor, until);
    }

    /// Adds a run of entries.
    fn add(
        &mut self,
        keyspace: &Keyspace<'_>,
        wal: &Wal<'_>,
        entries: &[RunEntry<'_>],
        consistent_index: RaftIndex,
        progress: &dyn Progress,
    ) {
        self.applied = consistent_index;
        let until = commit(wal, consistent_index);
        let anchor = Self::anchor(keyspace, wal, entries, consistent_index, progress);
        let end = entries.partition_point(|entry| entry.entry.index <= until);
        let committed = entries.get(..end).unwrap_or_default();
        let shown = match anchor.is_some_and(|anchor| anchor.at() == 0) {
            true => None,
            false => {
                let older = self.placed.keyspace();
                shown_writes((&older, keyspace), committed, anchor, progress)
            }
        };
        match shown {
            Some(shown) => self.place_shown(keyspace, entries, &shown, until),
            None => self.place_from(keyspace, entries, anchor, until),
        }
    }

    /// Where the store begins to have what a run wrote.
    fn anchor(
        keyspace: &Keyspace<'_>,
        wal: &Wal<'_>,
        entries: &[RunEntry<'_>],
        consistent_index: RaftIndex,
        progress: &dyn Progress,
    ) -> Option<Anchor> {
        let whole = wal.log().gaps.is_empty() && wal.log().damages.is_empty();
        // Nearly always every record proves it; looking for it otherwise applies all entries.
        let proven = match whole {
            true => anchor_of_all(keyspace, entries, consistent_index, progress),
            false => None,
        };
        let found =
            || Anchor::find_or_beginning(keyspace, entries, consistent_index, whole, progress);
        proven.or_else(found)
    }

    /// Entries of unknown revision up to the anchor, and what follows it.
    fn place_from(
        &mut self,
        keyspace: &Keyspace<'_>,
        entries: &[RunEntry<'_>],
        anchor: Option<Anchor>,
        until: RaftIndex,
    ) {
        match anchor {
            Some(anchor) => {
                self.set_aside(entries.get(..anchor.at()).unwrap_or_default(), until);
                self.place(keyspace, entries, anchor, until);
            }
            None => self.set_aside(entries, until),
        }
    }

    /// The same, if the log itself shows the revisions of entries before the anchor.
    fn place_shown(
        &mut self,
        keyspace: &Keyspace<'_>,
        entries: &[RunEntry<'_>],
        shown: &ShownWrites<'_>,
        until: RaftIndex,
    ) {
        self.set_aside(entries.get(..shown.first).unwrap_or_default(), until);
        for entry in entries {
            if shown.undecided.contains(&entry.entry.index) {
                self.set_aside(std::slice::from_ref(entry), until);
            }
        }
        let compacted = keyspace.compact_revision().unwrap_or(-1);
        self.keep(&shown.changes, keyspace, compacted..=keyspace.revision());
        self.indexes.extend(shown.decided.iter().copied());
        if let Some(anchor) = shown.anchor {
            self.place(keyspace, entries, anchor, until);
        }
    }

    /// Whether the newest entries have no known revision.
    pub fn has_open_end(&self) -> bool {
        self.indexes.is_empty() || self.stopped.is_some()
    }

    /// Whether an unplaced write of an entry is newer than all whose revision is known: from there on none is.
    pub fn is_after_the_placed(&self, index: RaftIndex) -> bool {
        self.indexes.is_empty() || self.stopped.is_some_and(|stopped| index >= stopped)
    }

    /// Whether an unplaced write of an entry is newer than every record of the store: the store has not applied that entry. Of entries
    /// that it has applied the revisions may be unknown, but it has newer ones.
    pub fn is_after_the_store(&self, index: RaftIndex) -> bool {
        self.is_after_the_placed(index) && index > self.applied
    }

    fn place(
        &mut self,
        keyspace: &Keyspace<'_>,
        entries: &[RunEntry<'_>],
        anchor: Anchor,
        until: RaftIndex,
    ) {
        let mut spans = LeaseSpans::new(anchor.revision());
        self.apply(keyspace, entries, anchor, until, &mut spans);
        let last = self.indexes.last_key_value().map_or(0, |(last, _)| *last);
        self.lease_spans.extend(spans.until(last));
    }

    fn apply(
        &mut self,
        keyspace: &Keyspace<'_>,
        entries: &[RunEntry<'_>],
        anchor: Anchor,
        until: RaftIndex,
        spans: &mut LeaseSpans,
    ) {
        let rest = entries.get(anchor.at()..).unwrap_or_default();
        let from = anchor.revision();
        let stored = Stored::new(*keyspace, from);
        let (base, state): (&dyn Base, State) = match anchor {
            Anchor::Beginning => (&Nothing, beginning()),
            Anchor::At { .. } => (&stored, presumed(rest)),
        };
        let compacted = keyspace.compact_revision().unwrap_or(-1);
        let newest = keyspace.newest_revision().map_or(1, |newest| newest.main);
        let mut replay = Replay::new(base, state, from, -1);
        let mut made = 0usize;
        // The first entry whose records the store lacks, and its first change: the count goes on if a later entry fits.
        let mut doubtful: Option<(usize, usize)> = None;
        let until_commit = rest
            .iter()
            .take_while(|entry| entry.entry.index <= until)
            .enumerate();
        for (at, entry) in until_commit {
            let applied = entry.apply(&mut replay);
            let new = replay.changes().get(made..).unwrap_or_default();
            spans.add(entry, new);
            let first = std::mem::replace(&mut made, replay.changes().len());
            let main = new.first().map(|change| change.revision.main);
            let known = main.filter(|main| *main > compacted && *main <= newest);
            let found = match (known, main) {
                (Some(main), _) => Found::compare(keyspace, main, new),
                (None, Some(main)) if main > newest && doubtful.is_some() => Found::Other,
                (None, _) => Found::Unknown,
            };
            if found == Found::Other || matches!(applied, Applied::Stops(_)) {
                let at = doubtful.map_or(at, |(at, _)| at);
                self.stopped = rest.get(at).map(|entry| entry.entry.index);
                self.set_aside(rest.get(at..).unwrap_or_default(), until);
                return;
            }
            if matches!(found, Found::None | Found::Altered) {
                doubtful = doubtful.or(Some((at, first)));
            } else if doubtful.is_none() || found != Found::Unknown {
                let first = doubtful.take().map_or(first, |(_, first)| first);
                let fitting = replay.changes().get(first..).unwrap_or_default();
                self.keep(fitting, keyspace, compacted..=newest);
            }
        }
        if let Some((at, _)) = doubtful {
            self.stopped = rest.get(at).map(|entry| entry.entry.index);
            self.set_aside(rest.get(at..).unwrap_or_default(), until);
        }
    }

    /// Keeps changes of known revision that the store does not have, and the entries of those that it has.
    fn keep(
        &mut self,
        changes: &[Change<'_>],
        keyspace: &Keyspace<'_>,
        stored: RangeInclusive<i64>,
    ) {
        for change in changes {
            let main = change.revision.main;
            if keyspace
                .between(main..=main)
                .any(|version| version.revision == change.revision)
            {
                self.indexes.insert(main, change.index);
                continue;
            }
            let kept = match &change.put {
                Some(_) => self.placed.put(change.revision, &change.key_value()),
                None => self.placed.delete(change.revision, &change.key),
            };
            if kept {
                self.indexes.insert(main, change.index);
                if main > *stored.start() && main <= *stored.end() {
                    self.lacking.insert(main);
                }
            }
        }
    }

    /// Keeps writes of which no revision is known.
    fn set_aside(&mut self, entries: &[RunEntry<'_>], until: RaftIndex) {
        for entry in entries
            .iter()
            .take_while(|entry| entry.entry.index <= until)
        {
            let Ok(index) = i64::try_from(entry.entry.index.get()) else {
                continue;
            };
            let payload = entry.payload();
            let mut writes = Vec::new();
            let conditional = writes_of(&payload, &mut writes);
            for (sub, write) in (0i64..).zip(&writes) {
                let revision = Revision::new(index, sub);
                match write {
                    LoggedWrite::Put(put) => {
                        let value = KeyValue {
                            key: &put.key,
                            value: &put.value,
                            lease: put.lease,
                            mod_revision: index,
                            ..KeyValue::default()
                        };
                        // `storeTxnWrite.put` in `server/mvcc/kvstore_txn.go`, v3.5.30, is given the value that was there.
                        if self.unplaced.put(revision, &value) && put.ignore_value {
                            self.keeps_value.insert(revision);
                        }
                    }
                    LoggedWrite::Delete(key) => {
                        self.unplaced.delete(revision, key);
                    }
                }
            }
            if conditional {
                self.conditional.insert(index);
            }
        }
    }
}

/// What the store has of the records that an entry made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// All of them, or some and nothing else.
    Some,
    /// None of them, and nothing else of that revision: they are lost, or the count is wrong.
    None,
    /// Records with their key or their value: damaged ones, or those of another history.
    Altered,
    /// Other records.
    Other,
    /// The store need not have them.
    Unknown,
}

impl Found {
    fn compare(keyspace: &Keyspace<'_>, main: i64, made: &[Change<'_>]) -> Self {
        let stored: Vec<Version<'_>> = keyspace.between(main..=main).collect();
        let are = |fits: fn(&Change<'_>, &Version<'_>) -> bool| {
            let mut stored = stored.iter();
            stored.all(|version| made.iter().any(|change| fits(change, version)))
        };
        match stored.is_empty() {
            true => Self::None,
            false if are(record_matches) => Self::Some,
            false if are(key_or_value_matches) => Self::Altered,
            false => Self::Other,
        }
    }
}

/// One write that an entry asks for.
pub(crate) enum LoggedWrite<'p> {
    Put(&'p PutRequest),
    Delete(&'p [u8]),
}

/// What an entry writes to single keys, in every branch; whether that depends on something.
pub(crate) fn writes_of<'p>(payload: &'p Payload, writes: &mut Vec<LoggedWrite<'p>>) -> bool {
    fn of_txn<'p>(txn: &'p TxnRequest, writes: &mut Vec<LoggedWrite<'p>>) {
        for RequestOp { request } in txn.success.iter().chain(&txn.failure) {
            match request {
                Some(Op::Put(put)) => writes.push(LoggedWrite::Put(put)),
                Some(Op::DeleteRange(delete)) if delete.range_end.is_empty() => {
                    writes.push(LoggedWrite::Delete(&delete.key));
                }
                Some(Op::Txn(nested)) => of_txn(nested, writes),
                _ => {}
            }
        }
    }
    let Payload::Request(Request::Internal(request)) = payload else {
        return false;
    };
    match request.operation() {
        Some(Operation::Put(put)) => writes.push(LoggedWrite::Put(put)),
        Some(Operation::DeleteRange(delete)) if delete.range_end.is_empty() => {
            writes.push(LoggedWrite::Delete(&delete.key));
            return true;
        }
        Some(Operation::Txn(txn)) => {
            of_txn(txn, writes);
            return true;
        }
        _ => {}
    }
    false
}

/// Applies the committed entries of a member's WAL once more, to know what they wrote and when; `None` if there is no
/// WAL. Overwritten and uncommitted entries are left out: etcd never answered for them.
///
/// ```
/// use etcd_inspect::check::logged;
/// use etcd_inspect::member::Member;
/// use etcd_inspect::progress::Silent;
/// let member = Member::open("../fixtures/etcd-3.5.30.tar.zst")?;
/// if let Some(logged) = logged(&member, &Silent)? {
///     // Compacted in the db.
///     for version in logged.keyspace().records_of(b"/registry/pods/shop/web-1").iter() {
///         println!("{} by entry {:?}", version.revision, logged.index_of(version.revision.main));
///     }
/// }
/// # Ok::<(), etcd_inspect::Error>(())
/// ```
///
/// # Errors
/// As [`Member::keyspace`].
pub fn logged(member: &Member, progress: &dyn Progress) -> Result<Option<Logged>, Error> {
    let keyspace = member.readable_keyspace()?;
    Ok(logged_beside(&keyspace, member, progress))
}

/// As [`logged`], beside a keyspace that was read already, or an empty one if the db cannot be read.
pub fn logged_beside(
    keyspace: &Keyspace<'_>,
    member: &Member,
    progress: &dyn Progress,
) -> Option<Logged> {
    let wal = member.wal_with(progress)?;
    let applied = member.meta().ok().and_then(|meta| meta.consistent_index);
    // Without a record of it the db confirms no entry: they are applied from the first.
    let applied = applied.filter(|_| keyspace.newest_revision().is_some());
    // The store of a restored member came with the backup: if it is gone, no entry has a known revision.
    let is_unknown_store =
        member.readable_keyspace().is_err() && !wal.log().begins_with_empty_store();
    if is_unknown_store && keyspace.newest_revision().is_none() {
        let mut logged = Logged::empty();
        let until = commit(&wal, RaftIndex(0));
        for entries in runs(&wal) {
            logged.set_aside(&entries, until);
        }
        return Some(logged);
    }
    Some(of_wal(
        keyspace,
        &wal,
        applied.unwrap_or_default(),
        progress,
    ))
}

fn of_wal(
    keyspace: &Keyspace<'_>,
    wal: &Wal<'_>,
    consistent_index: RaftIndex,
    progress: &dyn Progress,
) -> Logged {
    let mut logged = Logged::empty();
    for entries in runs(wal) {
        logged.add(keyspace, wal, &entries, consistent_index, progress);
    }
    logged
}

/// What one run of entries wrote.
pub(super) fn of_entries(
    keyspace: &Keyspace<'_>,
    wal: &Wal<'_>,
    entries: &[RunEntry<'_>],
    consistent_index: RaftIndex,
    progress: &dyn Progress,
) -> Logged {
    let mut logged = Logged::empty();
    logged.add_end(keyspace, wal, entries, consistent_index, progress);
    logged
}
