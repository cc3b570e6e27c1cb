//! Rules of raft: no gap between indexes, terms that only increase, one vote in a term, commits that never decrease.

use super::{Evidence, Tally, entries_text, verb};
use crate::codes::wal as codes;
use std::collections::BTreeSet;

use crate::raft::{EntryType, Payload};
use crate::wal::{GapCause, LogEntry};
use located::{Finding, MemberId, RaftIndex, Severity, Sink, Term};

/// Number of terms between two entries from which on elections failed repeatedly.
const MAX_TERMS_BETWEEN_ENTRIES: u64 = 100;
/// Limit of a record in etcd 3.4.10 and later 3.4 releases, and 3.5.0 to 3.5.4 (`server/wal/decoder.go`, v3.5.4). A record that
/// was written is larger if `--max-request-bytes` was raised (etcd#14114).
const OLD_RECORD_LIMIT_BYTES: u32 = 10 << 20;

/// Reports gaps between indexes, and terms that decrease or increase too fast.
///
/// etcd returns `wal: slice bounds out of range` at a gap (ErrSliceOutOfRange in `server/wal/wal.go`, v3.5.30); before it
/// panicked (etcd#11793).
pub(super) fn indexes(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let mut gaps = Tally::new(&codes::INDEX_GAP);
    for gap in &log.log.gaps {
        // A missing segment and a damaged record are reported on their own. A snapshot that the leader sent leaves a gap
        // in a healthy log.
        if gap.cause != GapCause::Unexplained {
            continue;
        }
        let Some(entry) = log.log.entries.get(gap.entry) else {
            continue;
        };
        gaps.add(|code| {
            let (low, high) = (gap.after.saturating_add(1), gap.next.saturating_sub(1));
            let message = format!(
                "{} {} missing in the log",
                entries_text(low, high),
                verb(low, high)
            );
            let place = log.record(entry.record as usize).with_index(gap.next);
            Finding::new(code, place, message).seen(
                format!("index {}", gap.next),
                format!("index {}", gap.after.saturating_add(1)),
            )
        });
    }
    gaps.report(report);
    let mut back = Tally::new(&codes::TERM_BACK);
    let mut storm = Tally::new(&codes::TERM_STORM);
    let mut before: Option<(RaftIndex, Term)> = None;
    for entry in log.log.surviving() {
        if let Some((index, term)) = before {
            let place = || log.record(entry.record as usize).with_index(entry.index);
            if entry.term < term {
                back.add(|code| {
                    let message = format!(
                        "entry {} has a lower term than entry {index}, which has term {term}",
                        entry.index
                    );
                    Finding::new(code, place(), message).seen(
                        format!("term {}", entry.term),
                        format!("term {term} or higher"),
                    )
                });
            } else if entry.term.since(term) > MAX_TERMS_BETWEEN_ENTRIES {
                storm.add(|code| {
                    let terms = entry.term.since(term);
                    let message =
                        format!("{terms} terms passed between entry {index} and the next");
                    Finding::new(code, place(), message)
                });
            }
        }
        before = Some((entry.index, entry.term));
    }
    back.report(report);
    storm.report(report);
}

/// Reports entries that were overwritten although raft forbids it.
/// A follower replaces entries from the first that conflicts: `findConflict` in `raft/log.go`, v3.5.30; one that is committed
/// never does.
pub(super) fn overwritten(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let mut term = Tally::new(&codes::OVERWRITE_TERM);
    let mut committed = Tally::new(&codes::OVERWRITE_COMMITTED);
    let mut states = log.log.states.iter().peekable();
    let mut commit = RaftIndex(0);
    // Entries are in the order written; so are those that overwrite.
    let mut pairs: Vec<_> = log
        .log
        .entries
        .iter()
        .filter_map(|old| {
            let new = log.log.entries.get(old.superseded_by? as usize)?;
            Some((new, old))
        })
        .collect();
    pairs.sort_by_key(|(new, old)| (new.record, old.index));
    for (new, old) in pairs {
        while let Some(state) = states.next_if(|state| state.record < new.record as usize) {
            commit = state.state.commit.max(commit);
        }
        let place = || log.record(new.record as usize).with_index(old.index);
        if new.term <= old.term && !(commit < old.index && is_forced(log, new)) {
            term.add(|code| {
                let message = format!("entry {} of term {} was overwritten", old.index, old.term);
                Finding::new(code, place(), message).seen(
                    format!("term {}", new.term),
                    format!("higher than {}", old.term),
                )
            });
        }
        if commit >= old.index {
            committed.add(|code| {
                let message = format!(
                    "entry {} of term {} was committed (commit {commit}) and overwritten in term {}",
                    old.index, old.term, new.term
                );
                Finding::new(code, place(), message)
            });
            if let Some(data) = log.log.data(log.files, old) {
                let payload = crate::raft::Payload::decode(old.kind, data);
                for key in payload.user_keys() {
                    committed.key(key);
                }
            }
        }
    }
    term.report(report);
    committed.report(report);
}

/// Whether an entry is a ConfChange that etcd writes itself when it starts with `--force-new-cluster`: it discards the entries
/// after the commit and appends the ConfChanges there, in the term of the HardState and without the id of a proposal
/// (`restartAsStandaloneNode` and `createConfigChangeEnts` in `server/etcdserver/raft.go`, v3.5.30).
fn is_forced(log: &Evidence<'_, '_>, entry: &LogEntry) -> bool {
    let Some(data) = log.log.data(log.files, entry) else {
        return false;
    };
    matches!(
        Payload::decode(entry.kind, data),
        Payload::ConfChange(change) if change.is_of_forced_start()
    )
}

/// Reports HardStates that decrease, and two votes in one term.
/// Term, vote and commit only grow: `reset` in `raft/raft.go`, v3.5.30, clears the vote with a new term.
pub(super) fn hard_states(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let mut back = Tally::new(&codes::STATE_BACK);
    for pair in log.log.states.windows(2) {
        let [was, is] = pair else { continue };
        if is.state.term < was.state.term || is.state.commit < was.state.commit {
            let text = |state: crate::raft::HardState| {
                format!("term {} commit {}", state.term, state.commit)
            };
            back.add(|code| {
                Finding::new(code, log.record(is.record), "etcd uses the later HardState")
                    .seen(text(is.state), format!("{} or higher", text(was.state)))
            });
        }
    }
    back.report(report);
    votes(log, report);
    commit_range(log, report);
}

/// A vote is for one candidate of a term: `Step` in `raft/raft.go`, v3.5.30.
fn votes(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let mut votes = Tally::new(&codes::TWO_VOTES);
    let members = members(log);
    for pair in log
        .log
        .states
        .iter()
        .filter(|state| state.state.vote != MemberId(0))
        .collect::<Vec<_>>()
        .windows(2)
    {
        let [was, is] = pair else { continue };
        if was.state.term == is.state.term && was.state.vote != is.state.vote {
            // An unknown member cannot become leader: the vote of this member is only lost for the term.
            let stranger = [was, is]
                .into_iter()
                .map(|state| state.state.vote)
                .find(|vote| members.as_ref().is_some_and(|known| !known.contains(vote)));
            votes.add(|code| {
                let finding = match stranger {
                    Some(id) => {
                        let message = format!(
                            "a vote in term {} names {id}, which is not a member: harmless",
                            is.state.term
                        );
                        Finding::new(code, log.record(is.record), message).severity(Severity::Note)
                    }
                    None => {
                        let message = format!("the member voted twice in term {}", is.state.term);
                        Finding::new(code, log.record(is.record), message)
                    }
                };
                finding.seen(
                    format!("a vote for {:016x}", is.state.vote),
                    format!("{:016x}, its earlier vote", was.state.vote),
                )
            });
        }
    }
    votes.report(report);
}

/// Every member that the log knows; `None` if it does not begin with the cluster and no snapshot record names voters.
fn members(log: &Evidence<'_, '_>) -> Option<BTreeSet<MemberId>> {
    let snapshots = log.log.snapshots.iter();
    let of_snapshots = snapshots.filter_map(|snapshot| snapshot.conf_state.as_ref());
    let mut members: BTreeSet<MemberId> = of_snapshots
        .flat_map(|conf| conf.voters.iter().chain(&conf.learners))
        .map(|id| MemberId::from(*id))
        .collect();
    let is_from_the_beginning = log.log.first().is_some_and(|first| first.index == 1);
    if members.is_empty() && !is_from_the_beginning {
        return None;
    }
    members.extend(log.log.metadata.iter().map(|metadata| metadata.node_id));
    for entry in log.log.entries.iter() {
        if entry.kind == EntryType::ConfChange
            && let Some(data) = log.log.data(log.files, entry)
            && let Payload::ConfChange(change) = Payload::decode(entry.kind, data)
        {
            members.insert(MemberId::from(change.node_id));
        }
    }
    Some(members)
}

/// Compares the last commit with the last entry and with the newest snapshot record.
///
/// raft panics if the commit is higher than the last entry (loadState in `raft/raft.go`, v3.5.30; etcd#5664, and etcd#3591
/// after a full disk).
fn commit_range(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let Some(state) = log.log.states.last() else {
        return;
    };
    let (commit, last) = (state.state.commit, log.log.last_index());
    let last_record = log.log.last().map_or(0, |entry| entry.record as usize);
    // Entries in a damaged range at the end are reported with that range.
    let damaged_tail = log
        .log
        .damages
        .iter()
        .any(|damage| damage.records_before > last_record);
    if commit > last && !damaged_tail {
        let message = format!("{} committed entries are missing", commit.since(last));
        let place = log.record(state.record).with_index(commit);
        report(
            Finding::new(&codes::COMMIT_RANGE, place, message)
                .seen(format!("commit {commit}"), format!("at most {last}")),
        );
    }
    let newest = log
        .log
        .snapshots
        .iter()
        .max_by_key(|snapshot| snapshot.index);
    if let Some(newest) = newest.filter(|newest| commit < newest.index) {
        let place = log.record(newest.record).with_index(newest.index);
        let message = format!("etcd skips the snapshot at index {}", newest.index);
        report(Finding::new(&codes::COMMIT_SNAPSHOT, place, message).seen(
            format!("commit {commit}"),
            format!("at least {}", newest.index),
        ));
    }
}

/// Reports snapshot records without voters, and with another term than the entry at their index (ErrSnapshotMismatch in
/// `server/wal/wal.go`, v3.5.30).
pub(super) fn snapshots(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let mut without = Tally::new(&codes::NO_CONF_STATE);
    let mut term = Tally::new(&codes::SNAPSHOT_TERM);
    let mut had = false;
    for snapshot in &log.log.snapshots {
        let place = || log.record(snapshot.record).with_index(snapshot.index);
        if had && snapshot.conf_state.is_none() && snapshot.index > 0 {
            without.add(|code| {
                let message = format!(
                    "the snapshot record at index {} names no voters",
                    snapshot.index
                );
                Finding::new(code, place(), message)
            });
        }
        had |= snapshot.conf_state.is_some();
        let entry = log.log.entry(snapshot.index);
        if let Some(entry) = entry.filter(|entry| entry.term != snapshot.term) {
            term.add(|code| {
                let message = format!("the snapshot record at index {}", snapshot.index);
                Finding::new(code, place(), message).seen(
                    format!("term {}", snapshot.term),
                    format!("term {}", entry.term),
                )
            });
        }
    }
    without.report(report);
    term.report(report);
}

/// Reports entries of types that etcd does not write, and records that some releases refuse to read.
/// `applyAll` and `apply` in `server/etcdserver/server.go`, v3.5.30, know EntryNormal and EntryConfChange.
pub(super) fn entry_types(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let mut types = Tally::new(&codes::ENTRY_TYPE);
    for entry in log.log.surviving() {
        if let EntryType::ConfChangeV2 | EntryType::Other(_) = entry.kind {
            types.add(|code| {
                let place = log.record(entry.record as usize).with_index(entry.index);
                Finding::new(code, place, "etcd panics when it applies this entry")
                    .seen(format!("{:?}", entry.kind), "Normal or ConfChange")
            });
        }
    }
    types.report(report);
    let mut large = Tally::new(&codes::LARGE_RECORD);
    for (number, record) in log.log.records.iter().enumerate() {
        if record.payload_len > OLD_RECORD_LIMIT_BYTES {
            large.add(|code| {
                let message = format!("the record has {} bytes", record.payload_len);
                Finding::new(code, log.record(number), message)
            });
        }
    }
    large.report(report);
}
