//! The first bytes of WAL records, which no checksum covers: `08 type 10 checksum 1a length`, then the payload.
//!
//! A record whose head has one flipped bit has one reading in which it is exactly as long as its frame, its payload continues the
//! checksum of the record before it, and the payload is what the log misses.

use super::Correction;
use super::log::{right_payload, segment_file};
use crate::evidence::File;
use crate::member::{Member, Wal};
use crate::progress::Progress;
use crate::wal::frame::{self, Step};
use crate::wal::{Crc, DamageKind, Log, RawRecord, RecordKind, own_length};

/// Longest head: three tags, a type, a checksum and a length.
const HEAD_BYTES: usize = 3 + 1 + 5 + 5;
/// Maximum number of heads that are looked at: each costs one checksum of its record.
const MAX_HEADS: usize = 1000;

/// Where a record begins that is not read as what it is.
struct MisreadRecord {
    segment: usize,
    offset: u64,
}

pub(super) fn of_log(member: &Member, progress: &dyn Progress) -> Vec<Correction> {
    let Some(wal) = member.wal_with(progress) else {
        return Vec::new();
    };
    let log = wal.log();
    let of_suspect = |suspect: &MisreadRecord| {
        let file = segment_file(member, log, suspect.segment)?;
        correction(&wal, file, suspect)
    };
    let suspects = suspects(log);
    suspects
        .iter()
        .take(MAX_HEADS)
        .filter_map(of_suspect)
        .collect()
}

/// Frames without a record in them, and records whose type is none or whose payload is missing.
fn suspects(log: &Log) -> Vec<MisreadRecord> {
    let damaged = log.damages.iter().filter_map(|damage| {
        matches!(
            damage.kind,
            DamageKind::Unparsable(_) | DamageKind::Crc { .. }
        )
        .then_some(MisreadRecord {
            segment: damage.segment,
            offset: damage.from,
        })
    });
    let odd = log.records.iter().filter_map(|record| {
        let is_odd = record.kind == RecordKind::Unknown
            || (record.payload_len == 0 && record.kind != RecordKind::Crc);
        is_odd.then_some(MisreadRecord {
            segment: record.segment as usize,
            offset: record.offset,
        })
    });
    damaged.chain(odd).collect()
}

/// The one bit of the head that makes the record whole.
fn correction(wal: &Wal<'_>, file: &File, suspect: &MisreadRecord) -> Option<Correction> {
    let log = wal.log();
    let bytes = file.bytes().ok()?;
    let at = usize::try_from(suspect.offset).ok()?;
    let Step::Frame(frame) = frame::step(bytes.as_slice(), at) else {
        return None;
    };
    let before = checksum_before(log, suspect)?;
    let mut record = frame.record.to_vec();
    let mut found = None;
    for byte in 0..HEAD_BYTES.min(record.len()) {
        for bit in 0..8u8 {
            *record.get_mut(byte)? ^= 1 << bit;
            if let Some(what) = what(log, &record, before)
                && found.replace((byte, bit, what)).is_some()
            {
                return None;
            }
            *record.get_mut(byte)? ^= 1 << bit;
        }
    }
    let (byte, bit, what) = found?;
    let old = record.get(byte).copied()?;
    Some(Correction {
        file: file.relative().to_owned(),
        offset: suspect.offset.checked_add(8)?.checked_add(byte as u64)?,
        old: vec![old],
        new: vec![old ^ (1 << bit)],
        proof: format!(
            "{what}: with this bit flipped back, and no other, the record is as long as its frame and has its stored checksum"
        ),
    })
}

/// What a record is, if it is whole and continues the checksum.
fn what(log: &Log, record: &[u8], before: u32) -> Option<String> {
    if own_length(record) != Some(record.len()) {
        return None;
    }
    let raw = RawRecord::parse(record).ok()?;
    let continues = raw.kind() != RecordKind::Crc && raw.roll(before) == raw.crc;
    continues
        .then(|| right_payload(log, raw.kind(), raw.data))
        .flatten()
}

/// The checksum that the record continues: that of the last intact record before it in its segment.
fn checksum_before(log: &Log, suspect: &MisreadRecord) -> Option<u32> {
    let segment = log.segments.get(suspect.segment)?;
    let records = log.records.get(segment.records.clone())?;
    let last = records
        .iter()
        .rfind(|record| record.offset < suspect.offset)?;
    matches!(last.crc, Crc::Verified | Crc::Unverified).then_some(last.crc_stored)
}
