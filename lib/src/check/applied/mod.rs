//! Compares the WAL with the store: what applied entries wrote must be there, and nothing else.
//!
//! bbolt protects no value. But the WAL does, with a rolling checksum, and it usually reaches back further than what the
//! last compaction left. So entries are applied once more, beginning at an entry whose revision is known, and each record
//! that they make is compared with the record stored at that revision. That finds flipped bits, lost and stale pages,
//! resurrected keys, and a consistent_index that does not fit.
//!
//! The comparison begins at an [`Anchor`]: a log from the first entry begins with the empty store; another one at the entry
//! to which counting back from consistent_index and the newest revision leads; otherwise at a put whose key and value are
//! in the store above the compaction, on top of the store as it was before that put.
//!
//! A log with gaps or damage is compared only as far as it fits: the missing entries may explain the rest.

mod anchor;
mod another_store;
mod differ;
mod end;
mod fast_path;
mod finding_set;
mod lease_spans;
mod logged;
mod logged_part;
mod positions;
mod record_findings;
mod record_match;
mod shortage;
mod shown;
mod shown_versions;
mod single_bit;
mod versions;
mod walk;

pub use logged::{Logged, logged, logged_beside};
pub use logged_part::{log_adds_nothing, log_ends_otherwise, logged_tail};
pub use versions::versions;

pub(crate) use anchor::{Anchor, beginning, presumed};
use finding_set::FindingSet;
pub(crate) use logged::{LoggedWrite, writes_of};
pub(crate) use record_match::records_match;
use shortage::{ShortageRules, shortage};
use single_bit::single_bit_mismatches;
use walk::Begin;

use crate::bolt::Db;
use crate::member::Wal;
use crate::mvcc::Keyspace;
use crate::raft::{Operation, Payload, Plain, PlainKind, Request};
use crate::recover::{Applied, Replay, State};
use crate::wal::LogEntry;
use located::progress::Progress;
use located::{RaftIndex, Sink};

/// How far the comparison of WAL and store reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ComparedRange {
    /// First and last raft index whose effect was compared with the store.
    pub indexes: Option<(RaftIndex, RaftIndex)>,
    /// The revision of the store before the first of them.
    pub from_revision: i64,
    /// Records compared.
    pub records: u64,
    /// The revision of the store after the last of them.
    pub to_revision: i64,
    /// The first applied entry that was not compared, though others were.
    pub stopped_at: Option<RaftIndex>,
}

/// One entry, with its data.
pub(crate) struct RunEntry<'a> {
    pub(crate) entry: &'a LogEntry,
    pub(crate) data: &'a [u8],
}

impl<'a> RunEntry<'a> {
    /// Applies it.
    pub(super) fn apply(&self, replay: &mut Replay<'a, '_>) -> Applied {
        replay.apply_data(self.entry.index, self.entry.kind, self.data)
    }
}

impl RunEntry<'_> {
    /// Decodes what it asks for, each time: kept for all entries it would be a second log in memory.
    pub(super) fn payload(&self) -> Payload {
        Payload::decode(self.entry.kind, self.data)
    }

    /// Whether it puts or deletes keys, or may do so.
    fn may_write(&self) -> bool {
        match &self.payload() {
            Payload::Request(Request::Internal(request)) => matches!(
                request.operation(),
                Some(
                    Operation::Put(_)
                        | Operation::DeleteRange(_)
                        | Operation::Txn(_)
                        | Operation::LeaseRevoke(_)
                )
            ),
            Payload::Request(_) | Payload::ConfChange(_) => false,
            _ => !self.data.is_empty(),
        }
    }

    /// Calls `put` with every put, in all branches of a transaction.
    pub(super) fn each_put(&self, mut put: impl FnMut(LoggedPut<'_>)) {
        if self.entry.is_plain
            && let Some(plain) = Plain::parse(self.data)
        {
            let is_conditional = matches!(plain.kind, PlainKind::Txn(_));
            plain.puts().for_each(|one| {
                put(LoggedPut {
                    key: one.key,
                    value: one.value,
                    lease: one.lease,
                    keeps_value: false,
                    is_conditional,
                });
            });
            return;
        }
        let payload = self.payload();
        let is_conditional = match &payload {
            Payload::Request(Request::Internal(request)) => {
                matches!(request.operation(), Some(Operation::Txn(_)))
            }
            _ => false,
        };
        for one in payload.puts() {
            put(LoggedPut {
                key: &one.key,
                value: &one.value,
                lease: one.lease,
                keeps_value: one.ignore_value,
                is_conditional,
            });
        }
    }
}

/// One put that an entry asks for.
pub(super) struct LoggedPut<'p> {
    pub(super) key: &'p [u8],
    pub(super) value: &'p [u8],
    pub(super) lease: i64,
    /// Whether the key keeps the value that it has.
    pub(super) keeps_value: bool,
    /// Whether it is in a transaction, so that it may not have happened.
    pub(super) is_conditional: bool,
}

/// Compares the store with the WAL.
///
/// # Errors
/// Why that is not possible, as a sentence for the list of what was skipped.
pub fn applied(
    db: &Db<'_>,
    keyspace: &Keyspace<'_>,
    wal: &Wal<'_>,
    consistent_index: RaftIndex,
    progress: &dyn Progress,
    report: &mut Sink<'_>,
) -> Result<ComparedRange, String> {
    let whole = wal.log().gaps.is_empty() && wal.log().damages.is_empty();
    let mut comparison = LogComparison {
        keyspace,
        wal,
        consistent_index,
        whole,
        may_refuse: {
            let state = State::read(db);
            state.users.enabled || !state.alarms.0.is_empty()
        },
        progress,
        findings: FindingSet::new(db),
        reach: ComparedRange::default(),
        stopped: "no entry of the WAL is applied in the db".to_owned(),
    };
    for entries in runs(wal) {
        if entries
            .first()
            .is_none_or(|first| first.entry.index > consistent_index)
        {
            continue;
        }
        comparison.run(&entries);
    }
    comparison.findings.report(report);
    if progress.cancelled() {
        return Err("cancelled".to_owned());
    }
    if let Some((_, last)) = comparison.reach.indexes {
        let end = consistent_index.min(wal.log().last_index());
        let next = last.saturating_add(1);
        comparison.reach.stopped_at = (next <= end).then_some(next);
        Ok(comparison.reach)
    } else {
        Err(comparison.stopped)
    }
}

/// The comparison of one db with one log.
struct LogComparison<'c, 'a> {
    keyspace: &'c Keyspace<'a>,
    wal: &'c Wal<'a>,
    consistent_index: RaftIndex,
    /// Whether no entry is missing or damaged in the log.
    whole: bool,
    /// Whether an alarm or authentication is on.
    may_refuse: bool,
    progress: &'c dyn Progress,
    findings: FindingSet,
    reach: ComparedRange,
    /// Why nothing could be compared.
    stopped: String,
}

impl<'a> LogComparison<'_, 'a> {
    /// Compares one run of entries.
    fn run(&mut self, entries: &[RunEntry<'a>]) {
        let (keyspace, consistent_index) = (self.keyspace, self.consistent_index);
        let end = entries.partition_point(|entry| entry.entry.index <= consistent_index);
        let applied = entries.get(..end).unwrap_or_default();
        let path = fast_path::fast_path(keyspace, entries, consistent_index, self.progress);
        let found = path.map(Begin::FastPath).or_else(|| {
            Anchor::find(
                keyspace,
                entries,
                consistent_index,
                self.whole,
                self.progress,
            )
            .map(Begin::Anchor)
        });
        let Some(begin) = found else {
            self.stopped = match applied.iter().any(RunEntry::may_write) {
                false => "no entry of the WAL that the db has applied writes a key",
                true => {
                    "no write in the WAL was found in the store above the compaction revision: the revisions of its entries are not known"
                }
            }
            .to_owned();
            if self.whole && !self.progress.cancelled() {
                let is_complete = entries
                    .last()
                    .is_some_and(|last| last.entry.index >= consistent_index);
                let kind = ShortageRules {
                    is_whole: self.wal.log().begins_with_empty_store(),
                    may_refuse: self.may_refuse,
                };
                if is_complete && shortage(keyspace, applied, kind, &mut self.findings) {
                    "the store ends before the writes of the WAL that it has applied"
                        .clone_into(&mut self.stopped);
                    return;
                }
                self.without_anchor(applied, is_complete);
            }
            return;
        };
        let earlier = applied.get(..begin.at()).unwrap_or_default();
        if self.whole {
            let _ = single_bit_mismatches(
                keyspace,
                earlier,
                begin.revision(),
                true,
                self.progress,
                &mut self.findings,
            );
        }
        let mut new = self.findings.empty();
        let walked = walk::walk(self, entries, begin, &mut new);
        if !self.whole && walked.lost {
            self.stopped = "entries are missing or damaged in the WAL, and the remaining ones do not fit the revisions of the store".to_owned();
            return;
        }
        self.findings.extend(new);
        self.reached(walked.reach);
    }

    /// Reports what is certain about entries that fit no revision of the store.
    fn without_anchor(&mut self, applied: &[RunEntry<'a>], is_complete: bool) {
        let mut bit_rot = self.findings.empty();
        let mut last = single_bit_mismatches(
            self.keyspace,
            applied,
            i64::MAX,
            false,
            self.progress,
            &mut bit_rot,
        );
        // If the log ends before consistent_index, the store has later writes of the same keys.
        if !is_complete {
            last = single_bit::LastWrites::default();
            bit_rot = self.findings.empty();
        }
        let another = another_store::another_store(
            self.keyspace,
            self.wal,
            applied,
            last,
            &mut self.findings,
        );
        if another {
            self.stopped = "the WAL did not write this store".to_owned();
        } else {
            self.findings.extend(bit_rot);
        }
    }

    fn reached(&mut self, one: ComparedRange) {
        self.reach.records = self.reach.records.saturating_add(one.records);
        self.reach.to_revision = one.to_revision;
        if let Some((first, last)) = one.indexes {
            if self.reach.indexes.is_none() {
                self.reach.from_revision = one.from_revision;
            }
            let first = self.reach.indexes.map_or(first, |(known, _)| known);
            self.reach.indexes = Some((first, last));
        }
    }
}

/// The surviving entries in runs without gaps.
pub(crate) fn runs<'a>(wal: &Wal<'a>) -> Vec<Vec<RunEntry<'a>>> {
    let mut runs: Vec<Vec<RunEntry<'_>>> = Vec::new();
    for entry in wal.log().surviving() {
        let data = wal.data(entry);
        let entry = RunEntry { entry, data };
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
