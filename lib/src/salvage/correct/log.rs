//! The log: frames prove lengths, checksums prove bits, and the order of entries proves types.

use super::super::single_bit;
use super::Correction;
use crate::evidence::File;
use crate::member::{Member, Wal};
use crate::progress::Progress;
use crate::raft::{Entry, HardState};
use crate::wal::frame::LengthWord;
use crate::wal::{Crc, Damage, DamageKind, Link, Log, Record, RecordKind, Segment};

pub(super) fn of_log(member: &Member, progress: &dyn Progress) -> Vec<Correction> {
    let Some(wal) = member.wal_with(progress) else {
        return Vec::new();
    };
    let log = wal.log();
    let file = |segment: usize| {
        let file = log.segments.get(segment)?.file;
        member.evidence().wal().get(file)
    };
    let mut found = Vec::new();
    for damage in &log.damages {
        let Some(file) = file(damage.segment) else {
            continue;
        };
        let correction = match damage.kind {
            DamageKind::Length { word, record_bytes } => Some(Correction {
                file: file.relative().to_owned(),
                offset: damage.from,
                old: word.to_le_bytes().to_vec(),
                new: LengthWord::encode(record_bytes).0.to_le_bytes().to_vec(),
                proof: format!(
                    "the record is {record_bytes} bytes long by its own fields, and its checksum continues into the record after it"
                ),
            }),
            DamageKind::CrcField { stored, computed } => {
                crc_field(file, damage.from, stored, computed)
            }
            _ => None,
        };
        found.extend(correction);
    }
    found.extend(flipped_bits(member, &wal));
    found.extend(kinds(member, &wal));
    found.extend(heads(member, &wal));
    found
}

pub(super) fn segment_file<'m>(member: &'m Member, log: &Log, segment: usize) -> Option<&'m File> {
    let file = log.segments.get(segment)?.file;
    member.evidence().wal().get(file)
}

/// Records whose stored checksum says which bit of their payload is flipped.
fn flipped_bits(member: &Member, wal: &Wal<'_>) -> Vec<Correction> {
    let log = wal.log();
    let of_damage = |damage: &Damage| {
        let DamageKind::Crc { stored, computed } = damage.kind else {
            return None;
        };
        let record = log.records.get(damage.record?)?;
        let payload = log.payload(wal.files(), record)?;
        let (byte, bit) = single_bit::flipped_bit(payload, stored ^ computed)?;
        let mut right = payload.to_vec();
        *right.get_mut(byte)? ^= 1 << bit;
        let what = right_payload(log, record.kind, &right)?;
        let at = usize::try_from(record.payload_at).ok()?.checked_add(byte)?;
        let file = segment_file(member, log, record.segment as usize)?;
        let old = *file.bytes().ok()?.as_slice().get(at)?;
        Some(Correction {
            file: file.relative().to_owned(),
            offset: at as u64,
            old: vec![old],
            new: vec![old ^ (1 << bit)],
            proof: format!(
                "{what}: with this bit flipped back, and no other, the record has its stored checksum"
            ),
        })
    };
    log.damages.iter().filter_map(of_damage).collect()
}

/// What a payload is after the correction; `None` if it is nothing that fits.
pub(super) fn right_payload(log: &Log, kind: RecordKind, payload: &[u8]) -> Option<String> {
    match kind {
        RecordKind::Entry => {
            let entry = Entry::parse(payload).ok()?;
            log.entry(entry.index)
                .is_none()
                .then(|| format!("entry {}", entry.index))
        }
        RecordKind::State => {
            let state = HardState::parse(payload).ok()?;
            Some(format!("HardState with commit {}", state.commit))
        }
        RecordKind::Metadata => Some("metadata".to_owned()),
        RecordKind::Snapshot => Some("snapshot record".to_owned()),
        RecordKind::Crc | RecordKind::Unknown => None,
    }
}

/// Records of another type whose payload is intact, and is the entry that the log misses: the checksum does not cover the type.
fn kinds(member: &Member, wal: &Wal<'_>) -> Vec<Correction> {
    let log = wal.log();
    let of_record = |record: &Record| {
        let entry = Entry::parse(log.payload(wal.files(), record)?).ok()?;
        let before = entry.index.checked_sub(1)?;
        // No other message has the field that holds the data of an entry.
        let fits = (record.kind == RecordKind::Unknown || !entry.data.is_empty())
            && log.entry(entry.index).is_none()
            && log
                .entry(before)
                .is_some_and(|before| before.term <= entry.term);
        let file = segment_file(member, log, record.segment as usize)?;
        let at = usize::try_from(record.offset).ok()?.checked_add(8)?;
        let head = file.bytes().ok()?.as_slice().get(at..at.checked_add(2)?)?;
        // `08 type`: the type is the first field, and a small number.
        let [0x08, old] = *head else { return None };
        (fits && old < 0x80).then(|| Correction {
            file: file.relative().to_owned(),
            offset: at as u64 + 1,
            old: vec![old],
            new: vec![2],
            proof: format!(
                "the payload has its stored checksum and is entry {}, which the log misses: its type is 2",
                entry.index
            ),
        })
    };
    let other = |record: &&Record| {
        !matches!(record.kind, RecordKind::Entry | RecordKind::Crc) && record.crc == Crc::Verified
    };
    log.records
        .iter()
        .filter(other)
        .filter_map(of_record)
        .collect()
}

/// Checksum records at the start of a segment, which the segment before and the records after continue without them.
fn heads(member: &Member, wal: &Wal<'_>) -> Vec<Correction> {
    let log = wal.log();
    let of_segment = |segment: &Segment| {
        let Link::HeadDamaged { running, stored } = segment.link else {
            return None;
        };
        let record = log.records.get(segment.records.start)?;
        let file = member.evidence().wal().get(segment.file)?;
        let mut correction = crc_field(file, record.offset, stored, running)?;
        correction.proof =
            "the segment before it ends with this checksum, and the records of this one continue it"
                .to_owned();
        Some(correction)
    };
    log.segments.iter().filter_map(of_segment).collect()
}

/// The checksum field of a record, if the right one takes as many bytes.
fn crc_field(file: &File, frame: u64, stored: u32, computed: u32) -> Option<Correction> {
    let (old, new) = (varint(stored), varint(computed));
    let at = usize::try_from(frame).ok()?.checked_add(8)?;
    let bytes = file.bytes().ok()?;
    let record = bytes.as_slice().get(at..)?;
    // `08 type 10 checksum`: both fields are always written, in this order.
    let head = record.get(..3)?;
    let is_record = head.first() == Some(&0x08) && head.get(2) == Some(&0x10);
    let there = record.get(3..3usize.checked_add(old.len())?)?;
    (is_record && there == old && old.len() == new.len()).then(|| Correction {
        file: file.relative().to_owned(),
        offset: at.saturating_add(3) as u64,
        old,
        new,
        proof: "the payload is whole: the records after it continue from its computed checksum"
            .to_owned(),
    })
}

fn varint(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
