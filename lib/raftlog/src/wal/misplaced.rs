//! Records that are intact and are not what etcd wrote where they are: copies of other records, and records of another type.
//!
//! The checksum of a record rolls on from the records before it, so a copy of a part of the log fits nowhere but where it was written. A
//! disk that writes a sector to a wrong place leaves whole records of another part in the log. They continue each other, and nothing
//! before them. Read as part of the log they would overwrite every entry after the place they are from: `ReadAll` in
//! `server/wal/wal.go`, v3.5.30. The type of a record is outside its checksum: `encode` in `server/wal/encoder.go`, v3.5.30. A
//! HardState that is read as an entry has the vote, the id of a member, for a term.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::damage::OddityKind;
use super::log::{Crc, Log, Record};
use super::record::RecordKind;
use crate::raft::Entry;
use located::{Bytes, Term};

/// The records of a log that are not what was written there, by their positions in [`Log::records`], each with what it is.
pub(super) fn misplaced(log: &Log, files: &[Bytes<'_>]) -> BTreeMap<usize, OddityKind> {
    let mut found = copies(log, files);
    let of_term = impossible_terms(log).filter(|(record, _)| is_state(log, files, *record));
    found.extend(of_term.map(|(record, term)| (record, OddityKind::ImpossibleTerm(term))));
    found
}

/// Records that continue each other: positions in [`Log::records`].
type Island = std::ops::Range<usize>;

/// The parts of the log within which every record is intact and continues the one before it.
fn islands(log: &Log) -> Vec<Island> {
    let mut islands: Vec<Island> = Vec::new();
    for (number, record) in log.records.iter().enumerate() {
        let next = number.saturating_add(1);
        match (record.crc, islands.last_mut()) {
            (Crc::Mismatch, _) => {}
            (Crc::Verified | Crc::CrcField, Some(last)) if last.end == number => last.end = next,
            _ => islands.push(number..next),
        }
    }
    islands
}

/// The records of islands of which every record is in a longer island, too.
fn copies(log: &Log, files: &[Bytes<'_>]) -> BTreeMap<usize, OddityKind> {
    let islands = islands(log);
    let mut found = BTreeMap::new();
    if islands.len() < 2 {
        return found;
    }
    let originals = originals(log, &islands);
    // The record that begins a segment has no payload, and the checksum of the record before it.
    let has_payload = |number: &usize| {
        let record = log.records.get(*number);
        record.is_some_and(|record| record.kind != RecordKind::Crc)
    };
    for island in &islands {
        let original = |number: usize| {
            let record = log.records.get(number)?;
            let (len, other) = *originals.get(&record.crc_stored)?;
            let is_longer = len > island.len() && is_same(log, files, record, other);
            is_longer.then_some((number, OddityKind::CopyOf(other)))
        };
        let pairs: Option<Vec<_>> = island.clone().filter(has_payload).map(original).collect();
        found.extend(pairs.into_iter().flatten());
    }
    found
}

/// For each stored checksum the record in the longest island that has it, with the length of that island. The rolling checksum of two
/// records is the same by chance only.
fn originals(log: &Log, islands: &[Island]) -> HashMap<u32, (usize, usize)> {
    let mut originals: HashMap<u32, (usize, usize)> = HashMap::new();
    for island in islands {
        for number in island.clone() {
            let record = log.records.get(number);
            let Some(record) = record.filter(|record| record.kind != RecordKind::Crc) else {
                continue;
            };
            let longest = originals.entry(record.crc_stored).or_insert((0, number));
            if island.len() > longest.0 {
                *longest = (island.len(), number);
            }
        }
    }
    originals
}

/// Whether another record has the type and the payload of this one.
fn is_same(log: &Log, files: &[Bytes<'_>], record: &Record, other: usize) -> bool {
    let Some(other) = log.records.get(other) else {
        return false;
    };
    record.kind == other.kind
        && record.payload_len == other.payload_len
        && log.payload(files, record) == log.payload(files, other)
}

/// The records of entries with a term that the log had not reached when it wrote a later HardState.
fn impossible_terms(log: &Log) -> impl Iterator<Item = (usize, Term)> {
    let highest = log.states.iter().map(|state| state.state.term).max();
    let last = log.states.last().map_or(0, |state| state.record);
    let votes: OnceCell<HashSet<u64>> = OnceCell::new();
    let is_vote = move |term: Term| {
        let states = log.states.iter();
        let all = || states.map(|state| state.state.vote.get()).collect();
        votes.get_or_init(all).contains(&term.get())
    };
    let entries = log
        .entries
        .iter()
        .map(|entry| (entry.record as usize, entry.term));
    entries.filter(move |(record, term)| {
        let is_above = highest.is_some_and(|highest| *term > highest);
        *term == Term(0) || is_above && (*record < last || is_vote(*term))
    })
}

/// Whether the payload of a record has the fields of a HardState, and no others: an entry without data may have them.
fn is_state(log: &Log, files: &[Bytes<'_>], record: usize) -> bool {
    let record = log.records.get(record);
    let record =
        record.filter(|record| record.kind == RecordKind::Entry && record.crc.is_trusted());
    let payload = record.and_then(|record| log.payload(files, record));
    let entry = payload.and_then(|payload| Entry::parse(payload).ok());
    entry.is_some_and(|entry| entry.data.is_empty() && !entry.foreign_fields)
}
