//! Entries in bytes that no reader of the log reaches: after its end, in damaged ranges, in preallocated files, in a piece of a
//! segment that does not begin at a frame.
//!
//! The fields of a record determine its length without the length word (`08 type 10 crc 1a length payload`), so a record is
//! found also if the word before it is zero or damaged. What vouches for it is the record before: its stored checksum, continued
//! with this payload, is the checksum that this record stores. A record alone proves nothing but its form.

use super::frame::{HEAD_BYTES, LengthWord};
use super::record::{self, RawRecord, RecordKind};
use crate::raft::{Entry, EntryType, Payload, Request};
use located::RaftIndex;

/// What vouches for an entry outside of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Proof {
    /// The checksum of the record before it, continued with its payload, is the one that it stores.
    Checksum,
    /// Nothing but its form: the record before it is not there.
    Form,
}

/// An entry that was found outside of the log.
#[derive(Clone, Copy, Debug)]
pub struct Remnant<'d> {
    /// Offset of its record, which follows the length word.
    pub at: usize,
    /// The entry.
    pub entry: Entry<'d>,
    /// What vouches for it.
    pub proof: Proof,
}

/// The record before the next one.
#[derive(Clone, Copy)]
struct Before {
    /// Offset at which the next record begins if it follows.
    next: usize,
    crc: u32,
    index: Option<RaftIndex>,
}

/// Searches the bytes of a file. Work is bounded: each byte is parsed and summed a few times at most.
struct Search<'d> {
    data: &'d [u8],
    budget: usize,
    before: Option<Before>,
    gave_up: bool,
}

/// A record of the log's form.
struct Candidate<'d> {
    /// Where the search goes on after it.
    end: usize,
    /// The entry, if it is one and nothing speaks against it.
    found: Option<Remnant<'d>>,
}

/// Calls `each` with every entry in `data[from..to]`; stops if it answers `false`. Returns whether all bytes were looked at:
/// hostile ones that claim each other again and again are given up.
pub fn remnants<'d>(
    data: &'d [u8],
    from: usize,
    to: usize,
    each: &mut dyn FnMut(Remnant<'d>) -> bool,
) -> bool {
    let to = to.min(data.len());
    let bytes = to.saturating_sub(from);
    let mut search = Search {
        data,
        budget: bytes.saturating_mul(4).saturating_add(1 << 20),
        before: None,
        gave_up: false,
    };
    let mut at = from;
    while let Some(hit) = data.get(at..to).and_then(|rest| memchr::memchr(0x08, rest)) {
        let here = at.saturating_add(hit);
        let candidate = search.candidate(here);
        if search.gave_up {
            return false;
        }
        at = candidate
            .as_ref()
            .map_or_else(|| here.saturating_add(1), |candidate| candidate.end);
        if let Some(found) = candidate.and_then(|candidate| candidate.found)
            && !each(found)
        {
            return true;
        }
    }
    true
}

impl<'d> Search<'d> {
    /// The record at an offset, if its checksum, its length word or its content shows that it is one.
    fn candidate(&mut self, here: usize) -> Option<Candidate<'d>> {
        let (raw, len) = self.record(here)?;
        let Some(left) = self.budget.checked_sub(len) else {
            self.gave_up = true;
            return None;
        };
        self.budget = left;
        let adjacent = self.before.filter(|before| before.next == here);
        let proven = adjacent.is_some_and(|before| raw.roll(before.crc) == raw.crc);
        let framed = self.is_framed(here, len);
        let entry = (raw.kind() == RecordKind::Entry)
            .then(|| Entry::parse(raw.data).ok())
            .flatten()
            .filter(is_likely);
        let next = next_record(here, len);
        let is_record = proven
            || framed
            || entry.is_some_and(|entry| self.continues(next, raw.crc) || decodes(&entry));
        if !is_record {
            return None;
        }
        // The next index after the record before it, and another checksum: its payload is damaged.
        let damaged = adjacent.is_some_and(|before| {
            let follows = before.index.and_then(|index| index.checked_add(1));
            !proven && entry.is_some_and(|entry| follows == Some(entry.index))
        });
        self.before = Some(Before {
            next,
            crc: raw.crc,
            index: entry
                .map(|entry| entry.index)
                .or_else(|| adjacent.and_then(|before| before.index)),
        });
        let proof = if proven { Proof::Checksum } else { Proof::Form };
        Some(Candidate {
            end: here.saturating_add(len),
            found: entry.filter(|_| !damaged).map(|entry| Remnant {
                at: here,
                entry,
                proof,
            }),
        })
    }

    /// The record that begins at an offset, with its length.
    fn record(&self, at: usize) -> Option<(RawRecord<'d>, usize)> {
        let rest = self.data.get(at..)?;
        if !matches!(rest, [0x08, 1..=5, 0x10, ..]) {
            return None;
        }
        let len = record::own_length(rest)?;
        let raw = RawRecord::parse(rest.get(..len)?).ok()?;
        Some((raw, len))
    }

    /// Whether the length word before the record is the one that etcd writes for it.
    fn is_framed(&self, at: usize, len: usize) -> bool {
        let word = at
            .checked_sub(HEAD_BYTES)
            .and_then(|from| self.data.get(from..)?.first_chunk());
        word.is_some_and(|word| u64::from_le_bytes(*word) == LengthWord::encode(len as u64).0)
    }

    /// Whether the record at an offset continues a checksum.
    fn continues(&mut self, at: usize, crc: u32) -> bool {
        let Some((raw, len)) = self.record(at) else {
            return false;
        };
        self.budget = self.budget.saturating_sub(len);
        raw.kind() != RecordKind::Crc && raw.roll(crc) == raw.crc
    }
}

/// Where the next record begins: after the padding of this one and its own length word.
fn next_record(at: usize, len: usize) -> usize {
    at.saturating_add(len.checked_next_multiple_of(8).unwrap_or(len))
        .saturating_add(HEAD_BYTES)
}

fn is_likely(entry: &Entry<'_>) -> bool {
    !entry.foreign_fields
        && entry.index > 0
        && entry.term.get() > 0
        && !matches!(entry.kind, EntryType::Other(_))
}

fn decodes(entry: &Entry<'_>) -> bool {
    !matches!(
        Payload::decode(entry.kind, entry.data),
        Payload::Undecodable(_)
            | Payload::Request(Request::Undecodable(_) | Request::Empty)
            | Payload::ConfChangeV2(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of a real segment, and its records as the reader of the log has them.
    fn segment() -> Vec<u8> {
        let dir = testkit::data_dir("etcd-3.5.30").join("member/wal");
        std::fs::read(dir.join("0000000000000000-0000000000000000.wal")).unwrap()
    }

    fn indexes(data: &[u8]) -> Vec<(RaftIndex, Proof)> {
        let mut all = Vec::new();
        assert!(remnants(data, 0, data.len(), &mut |found| {
            all.push((found.entry.index, found.proof));
            true
        }));
        all
    }

    #[test]
    fn every_entry_of_a_segment_is_found_and_proven_wherever_its_bytes_begin() {
        let data = segment();
        let all = indexes(&data);
        assert!(all.len() > 100);
        assert!(all.iter().all(|(_, proof)| *proof == Proof::Checksum));
        assert!(all.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1));
        let shifted = [vec![0xee; 3], data].concat();
        assert_eq!(indexes(&shifted), all);
    }

    #[test]
    fn entries_after_a_zeroed_length_word_are_found() {
        let mut data = segment();
        let all = indexes(&data);
        let mut places = Vec::new();
        let end = data.len();
        remnants(&data, 0, end, &mut |found| {
            places.push(found.at);
            true
        });
        let at = places[50];
        data[at - 8..at].fill(0);
        assert_eq!(indexes(&data), all, "the record before it proves it");
        // Without the records before it, its form alone speaks for it; it proves the next one.
        let piece = &data[at - 8..];
        let found = indexes(piece);
        assert_eq!(found[0], (all[50].0, Proof::Form));
        assert_eq!(found[1..], all[51..]);
    }

    #[test]
    fn a_damaged_payload_is_not_listed() {
        let mut data = segment();
        let all = indexes(&data);
        let mut places = Vec::new();
        let end = data.len();
        remnants(&data, 0, end, &mut |found| {
            places.push((found.at, found.entry));
            true
        });
        let (at, index) = (places[60].0, places[60].1.index);
        let last = at + record::own_length(&data[at..]).unwrap() - 1;
        data[last] ^= 1;
        let found = indexes(&data);
        assert!(found.iter().all(|(other, _)| *other != index));
        assert_eq!(found.len(), all.len() - 1);
    }

    #[test]
    fn bytes_that_claim_each_other_cost_no_more_than_their_length() {
        // Each frame says that its payload is all the rest.
        let mut data = Vec::new();
        while data.len() < 1 << 20 {
            data.extend([0x08, 2, 0x10, 1, 0x1a, 0x80, 0x80, 0x20]);
        }
        let _ = remnants(&data, 0, data.len(), &mut |_| true);
    }
}
