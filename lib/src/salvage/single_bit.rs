//! Entries whose payload has one flipped bit: the stored checksum says which.
//!
//! CRC-32C is linear: flipping one bit changes the sum by a number that depends only on how many bytes follow it. If the
//! difference of the stored and the computed sum is such a number, and the entry then is the one that the log misses, the
//! bit is known. The records after it continue from the stored sum, so the stored sum is right.

use crate::member::Wal;
use crate::raft::{Entry, EntryType};
use crate::wal::{DamageKind, Log};
use located::{RaftIndex, Term};

/// Longest payload that is tried, in bytes: a longer one has more bits than a checksum can tell apart with confidence.
const MAX_PAYLOAD_BYTES: usize = 4 << 20;

/// An entry with one bit put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RepairedEntry {
    pub(super) index: RaftIndex,
    pub(super) term: Term,
    pub(super) kind: EntryType,
    pub(super) data: Vec<u8>,
    /// The byte of the record's payload that is wrong.
    pub(super) byte: usize,
    pub(super) bit: u8,
}

/// The damaged entries of a log that one bit puts right.
pub(super) fn repaired(wal: &Wal<'_>) -> Vec<RepairedEntry> {
    let log = wal.log();
    let crc_only = |damage: &crate::wal::Damage| match (damage.kind, damage.record) {
        (DamageKind::Crc { stored, computed }, Some(record)) => Some((record, stored ^ computed)),
        _ => None,
    };
    log.damages
        .iter()
        .filter_map(crc_only)
        .filter_map(|(record, difference)| repair(wal, log, record, difference))
        .collect()
}

fn repair(wal: &Wal<'_>, log: &Log, record: usize, difference: u32) -> Option<RepairedEntry> {
    let payload = log.payload(wal.files(), log.records.get(record)?)?;
    let (byte, bit) = flipped_bit(payload, difference)?;
    let mut right = payload.to_vec();
    *right.get_mut(byte)? ^= 1 << bit;
    let entry = Entry::parse(&right).ok()?;
    let mended = RepairedEntry {
        index: entry.index,
        term: entry.term,
        kind: entry.kind,
        data: entry.data.to_vec(),
        byte,
        bit,
    };
    fits(log, &mended).then_some(mended)
}

/// Whether the entry is one that the log misses, in a term that its neighbours allow.
fn fits(log: &Log, mended: &RepairedEntry) -> bool {
    let before = mended
        .index
        .checked_sub(1)
        .and_then(|index| log.entry(index));
    let after = mended
        .index
        .checked_add(1)
        .and_then(|index| log.entry(index));
    log.entry(mended.index).is_none()
        && (before.is_some() || after.is_some())
        && before.is_none_or(|before| before.term <= mended.term)
        && after.is_none_or(|after| mended.term <= after.term.get())
}

/// The bit whose flipping changes the CRC-32C of the payload by `difference`.
pub(super) fn flipped_bit(payload: &[u8], difference: u32) -> Option<(usize, u8)> {
    if difference == 0 || payload.len() > MAX_PAYLOAD_BYTES {
        return None;
    }
    // What a set bit of the last byte adds; each byte that follows it steps that on.
    let mut sums: [u32; 8] = std::array::from_fn(|bit| step(1 << bit));
    for byte in (0..payload.len()).rev() {
        if let Some(bit) = sums.iter().position(|sum| *sum == difference) {
            return Some((byte, u8::try_from(bit).ok()?));
        }
        sums = sums.map(step);
    }
    None
}

/// The register after one more byte of zeros.
fn step(register: u32) -> u32 {
    (0..8).fold(register, |value, _| {
        let low = value & 1;
        (value >> 1) ^ (if low == 1 { 0x82F6_3B78 } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_is_found_by_the_checksum_alone() {
        let payload: Vec<u8> = (0..60u8).map(|n| n.wrapping_mul(37)).collect();
        let right = crc32c::crc32c(&payload);
        for byte in 0..payload.len() {
            for bit in 0..8 {
                let mut wrong = payload.clone();
                wrong[byte] ^= 1 << bit;
                let found = flipped_bit(&wrong, right ^ crc32c::crc32c(&wrong));
                assert_eq!(found, Some((byte, bit)));
            }
        }
        assert_eq!(flipped_bit(&payload, 0), None);
    }
}
