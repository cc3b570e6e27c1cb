//! Entries before the first one that is found in the store: their revisions follow from what the log itself shows.
//!
//! A transaction that demands "this key was written last at revision N" names the revision of an earlier entry; Kubernetes writes nothing
//! else. Without one the entries are counted back from the first that is found in the store. What the store still has of these revisions
//! must be what the entries wrote.

use std::collections::{BTreeMap, BTreeSet};

use super::RunEntry;
use super::anchor::{Anchor, presumed};
use super::shown_versions::set_versions;
use crate::mvcc::{Keyspace, Version};
use crate::raft::kv::{Op, TxnRequest};
use crate::raft::{Operation, Payload, Request};
use crate::recover::{Applied, BeforeLog, Change, Replay, TailNumbers, tail_numbers};
use located::RaftIndex;
use located::progress::Progress;

/// Minimum number of demands that name a write of the log, if nothing of it is in the store.
const MIN_DEMANDS: usize = 4;
/// Minimum number of records of the store that fit, if no demand proves the numbers.
const MIN_RECORDS: usize = 4;
/// Of a hundred records of the store, so many must fit a numbering that demands prove: the rest may be damage.
const MUST_FIT: usize = 90;

/// The writes of entries whose revisions the log shows.
pub(super) struct ShownWrites<'a> {
    /// Position of the first entry whose revision is known.
    pub(super) first: usize,
    pub(super) changes: Vec<Change<'a>>,
    /// Entries of which is not known what they wrote.
    pub(super) undecided: BTreeSet<RaftIndex>,
    /// The revisions that the store has of such entries, each with its entry.
    pub(super) decided: Vec<(i64, RaftIndex)>,
    /// From where on the store is whole; `None` if the run ends before.
    pub(super) anchor: Option<Anchor>,
}

/// Entries as their own transactions number them.
struct NumberedRun<'a> {
    changes: Vec<Change<'a>>,
    /// The revision before each entry, and after the last.
    before: Vec<i64>,
    /// The revisions of entries of which is not known what they wrote.
    undecided: BTreeMap<i64, RaftIndex>,
}

/// Returns the writes of the entries of a run before `later`; `older` has what is known of entries before the run, and `later` is where the store begins to have what they wrote. `None` if nothing shows
/// their revisions, or if the store contradicts it.
pub(super) fn shown_writes<'a>(
    (older, keyspace): (&Keyspace<'_>, &Keyspace<'_>),
    entries: &[RunEntry<'a>],
    later: Option<Anchor>,
    progress: &dyn Progress,
) -> Option<ShownWrites<'a>> {
    let first = entries.first()?.entry.index;
    let payloads: Vec<(RaftIndex, Payload)> = entries
        .iter()
        .map(|entry| (entry.entry.index, without_values(entry.payload())))
        .collect();
    let highest = i64::try_from(first.get()).unwrap_or(i64::MAX);
    let numbers = tail_numbers(&payloads, highest);
    let is_proven = numbers.is_proven();
    let number = |base: i64| numbered(entries, &payloads, &numbers, base);
    let mut numbered = number(numbers.base)?;
    let mut is_demanded = is_proven || numbers.demands > 0 && later.is_none();
    if let Some(later) = later {
        let counted = numbered.before.get(later.at()).copied()?;
        let by = later.revision().saturating_sub(counted);
        if by != 0 {
            is_demanded = false;
            numbered = number(numbers.base.saturating_add(by))?;
        }
    }
    if progress.cancelled() || *numbered.before.first()? < 1 {
        return None;
    }
    let found = found_in(keyspace, &numbered);
    let start = match found.tried {
        0 if is_demanded && is_proven && numbers.demands >= MIN_DEMANDS => 0,
        _ if is_demanded && found.fit >= MIN_RECORDS && found.is_mostly_right() => 0,
        _ if later.is_some() && found.fit_at_end >= MIN_RECORDS => {
            counted_back(entries, found.first_at_end?)
        }
        _ => return None,
    };
    Some(numbered.into_writes((older, keyspace), entries, (start, later), &numbers))
}

/// Applies the entries with their numbers.
fn numbered<'a>(
    entries: &[RunEntry<'a>],
    payloads: &[(RaftIndex, Payload)],
    numbers: &TailNumbers<'_>,
    base: i64,
) -> Option<NumberedRun<'a>> {
    let mut known = BeforeLog::of_entries(payloads.iter().map(|(_, payload)| payload), base);
    known.add(numbers.existing.iter().copied(), base);
    let mut replay = Replay::new(&known, presumed(entries), base, -1);
    let (mut before, mut undecided) = (vec![base], BTreeMap::new());
    for entry in entries {
        let index = entry.entry.index;
        let mut made = numbers.unseen.get(&index).copied().unwrap_or(0);
        if numbers.undecided.contains_key(&index) {
            made = made.saturating_add(1);
            undecided.insert(replay.revision().saturating_add(made), index);
        } else if let Applied::Stops(_) = entry.apply(&mut replay) {
            return None;
        }
        replay.skip_to(replay.revision().saturating_add(made));
        before.push(replay.revision());
    }
    let (changes, _) = replay.into_parts();
    Some(NumberedRun {
        changes,
        before,
        undecided,
    })
}

/// How the records of the store at these revisions compare with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct FoundRecords {
    tried: usize,
    fit: usize,
    /// Those that fit after the last one that does not.
    fit_at_end: usize,
    /// The entry of the first of them.
    first_at_end: Option<RaftIndex>,
}

impl FoundRecords {
    fn is_mostly_right(&self) -> bool {
        self.fit.saturating_mul(100) >= self.tried.saturating_mul(MUST_FIT)
    }
}

/// Compares all records that the store has of these revisions: below the compaction only some are left, and each must fit.
fn found_in(keyspace: &Keyspace<'_>, numbered: &NumberedRun<'_>) -> FoundRecords {
    let mut found = FoundRecords::default();
    let (Some(base), Some(last)) = (numbered.before.first(), numbered.before.last()) else {
        return found;
    };
    let changes = &numbered.changes;
    for record in keyspace.between(base.saturating_add(1)..=*last) {
        if numbered.undecided.contains_key(&record.revision.main) {
            continue;
        }
        found.tried = found.tried.saturating_add(1);
        let from = changes.partition_point(|change| change.revision < record.revision);
        let change = changes
            .get(from)
            .filter(|change| change.revision == record.revision);
        match change.filter(|change| is_write_of(change, &record)) {
            Some(change) => {
                found.fit = found.fit.saturating_add(1);
                found.fit_at_end = found.fit_at_end.saturating_add(1);
                found.first_at_end = found.first_at_end.or(Some(change.index));
            }
            None => (found.fit_at_end, found.first_at_end) = (0, None),
        }
    }
    found
}

/// Whether a record is what a change wrote; how often its key was written before is not compared.
fn is_write_of(change: &Change<'_>, record: &Version<'_>) -> bool {
    let same_value = match &change.put {
        None => record.tombstone,
        Some(put) => {
            let stored = record.key_value().ok().filter(|_| !record.tombstone);
            stored.is_some_and(|stored| stored.value == &*put.value)
        }
    };
    same_value && record.key == &*change.key
}

/// The first of the entries before one that make a revision each, or surely none.
fn counted_back(entries: &[RunEntry<'_>], index: RaftIndex) -> usize {
    let at = entries.partition_point(|entry| entry.entry.index < index);
    let before = entries.get(..at).unwrap_or_default();
    let is_counted = |entry: &&RunEntry<'_>| {
        let is_put = match &entry.payload() {
            Payload::Request(Request::Internal(request)) => {
                matches!(request.operation(), Some(Operation::Put(_)))
            }
            _ => false,
        };
        is_put || !entry.may_write()
    };
    at.saturating_sub(before.iter().rev().take_while(is_counted).count())
}

impl<'a> NumberedRun<'a> {
    /// The writes below the place from which on the store is whole, from the entry at `start` on.
    fn into_writes(
        mut self,
        (older, keyspace): (&Keyspace<'_>, &Keyspace<'_>),
        entries: &[RunEntry<'a>],
        (start, later): (usize, Option<Anchor>),
        numbers: &TailNumbers<'_>,
    ) -> ShownWrites<'a> {
        let compacted = keyspace.compact_revision().unwrap_or(-1);
        let has_records = keyspace.newest_revision().is_some();
        let whole = self.before.iter().position(|before| *before >= compacted);
        let whole = whole.filter(|position| has_records && *position < entries.len());
        let anchor = later.or_else(|| {
            let position = whole?;
            let revision = *self.before.get(position)?;
            Some(Anchor::At { position, revision })
        });
        let index_at = |position: usize| entries.get(position).map(|entry| entry.entry.index);
        let until = anchor.and_then(|anchor| index_at(anchor.at()));
        let from = index_at(start).unwrap_or(RaftIndex::MAX);
        let known = (older, keyspace);
        set_versions(&mut self.changes, entries, known, anchor.is_some());
        self.changes.retain(|change| {
            change.index >= from && until.is_none_or(|until| change.index < until)
        });
        let is_before = |index: RaftIndex| index >= from && until.is_none_or(|until| index < until);
        let (mut undecided, mut decided) = (BTreeSet::new(), Vec::new());
        for (main, index) in self
            .undecided
            .into_iter()
            .filter(|(_, index)| is_before(*index))
        {
            let keys = numbers.undecided.get(&index).map_or(&[][..], Vec::as_slice);
            let mut records = keyspace.between(main..=main);
            match records.any(|record| keys.contains(&record.key)) {
                true => decided.push((main, index)),
                false => {
                    undecided.insert(index);
                }
            }
        }
        ShownWrites {
            first: start,
            changes: self.changes,
            undecided,
            decided,
            anchor,
        }
    }
}

/// What a request does to keys, without the values: of a long log they do not fit into memory.
fn without_values(mut payload: Payload) -> Payload {
    fn strip(txn: &mut TxnRequest) {
        for operation in txn.success.iter_mut().chain(&mut txn.failure) {
            match &mut operation.request {
                Some(Op::Put(put)) => put.value = Vec::new(),
                Some(Op::Txn(nested)) => strip(nested),
                _ => {}
            }
        }
    }
    if let Payload::Request(Request::Internal(request)) = &mut payload {
        if let Some(put) = &mut request.put {
            put.value = Vec::new();
        }
        if let Some(txn) = &mut request.txn {
            strip(txn);
        }
    }
    payload
}
