//! Damaged ranges in segments: a torn write, bit rot, or damage that a start makes worse.

use std::collections::HashSet;

use super::{Evidence, Tally, entries_text, verb};
use crate::codes::wal as codes;
use crate::raft::{Entry, Payload};
use crate::wal::frame::LengthWord;
use crate::wal::{Damage, DamageKind, IntactAfter, LogEntry, OddityKind, Record, RecordKind};
use located::codes::Code;
use located::{Finding, RaftIndex, Sink, Term};

/// Maximum number of damaged ranges that are reported individually.
const MAX_RANGES_REPORTED: usize = 100;

pub(super) fn damages(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let intact = log.log.intact_after_damages();
    let mut more = Tally::new(&codes::CRC);
    for (number, (damage, intact)) in log.log.damages.iter().zip(intact).enumerate() {
        if number >= MAX_RANGES_REPORTED {
            more.add(|_| judge(log, damage, intact));
        } else {
            report(judge(log, damage, intact));
        }
    }
    more.report(report);
}

/// Returns the code of a damaged range, which depends on what etcd does with it.
fn code_of(log: &Evidence<'_, '_>, damage: &Damage, intact: IntactAfter) -> &'static Code {
    let last = log.is_last(damage.segment);
    let torn = damage.torn && last;
    let len_bytes = log
        .log
        .segments
        .get(damage.segment)
        .map_or(0, |segment| segment.len_bytes);
    match damage.kind {
        // A zero length is the end of the log for etcd (decodeRecord in server/wal/decoder.go, v3.5.30), and ReadAll in
        // server/wal/wal.go then overwrites the rest of the file with zeros.
        DamageKind::ZeroLength | DamageKind::Length { word: 0, .. } => &codes::LENGTH_ZERO,
        // A length within the file is read as a record, whose checksum then fails.
        DamageKind::Length { word, .. }
            if LengthWord(word).record_bytes() <= len_bytes.saturating_sub(damage.from) =>
        {
            &codes::CRC
        }
        // Repair opens only the last file: server/wal/repair.go, v3.5.30.
        DamageKind::Overrun { .. } | DamageKind::Stub | DamageKind::Length { .. } if !last => {
            &codes::CUT_INSIDE
        }
        // Since 3.5.7 (etcd#15068) a length beyond the file counts as an unexpected EOF, which Repair truncates; before, etcd
        // stopped with "max entry size limit exceeded".
        DamageKind::Length { .. } => &codes::REPAIR_DROPS,
        DamageKind::Overrun { .. } | DamageKind::Stub if intact.records == 0 => &codes::CUT,
        DamageKind::Overrun { .. } | DamageKind::Stub => &codes::REPAIR_DROPS,
        // isTornEntry in server/wal/decoder.go, v3.5.30, takes a record for torn if one of its 512-byte sectors is all zero.
        // A damaged record with a long run of zeros is taken for torn too, and Repair discards every record after it.
        DamageKind::Crc { .. } | DamageKind::CrcField { .. } | DamageKind::Unparsable(_) => {
            match (torn, intact.records) {
                (false, _) => &codes::CRC,
                (true, 0) => &codes::TORN,
                (true, _) => &codes::REPAIR_DROPS,
            }
        }
    }
}

fn judge(log: &Evidence<'_, '_>, damage: &Damage, intact: IntactAfter) -> Finding {
    let code = code_of(log, damage, intact);
    let own = damage.record.and_then(|record| entry_of(log, record));
    let missing = missing_entries(log, damage);
    let mut place = log.position(damage.segment, damage.from);
    if let Some(entry) = own {
        place = place.with_index(entry.index);
    } else if let Some((low, _)) = missing {
        place = place.with_index(low);
    }
    let missing = match (own, missing) {
        (None, Some((low, high))) => {
            format!(
                "; {} {} in this range",
                entries_text(low, high),
                verb(low, high)
            )
        }
        _ => String::new(),
    };
    let what = description(log, damage, own);
    let following = following(damage, intact);
    let finding = Finding::new(code, place, format!("{what}{missing}; {following}"));
    let mut finding = match damage.kind {
        DamageKind::Crc { stored, computed } | DamageKind::CrcField { stored, computed } => finding
            .seen(
                format!("crc {stored:#010x}"),
                format!("crc {computed:#010x}"),
            ),
        DamageKind::Length { word, record_bytes } => finding.seen(
            format!("length word {word:#018x}"),
            format!("length {record_bytes}"),
        ),
        _ => finding,
    };
    finding.keys = keys(log, damage, code);
    finding
}

/// Returns the entry in a record.
fn entry_of<'l>(log: &Evidence<'l, '_>, record: usize) -> Option<&'l LogEntry> {
    let entries = &log.log.entries;
    let position = entries.binary_search_by_key(&record, |entry| entry.record as usize);
    entries.get(position.ok()?)
}

/// Describes what is wrong.
fn description(log: &Evidence<'_, '_>, damage: &Damage, own: Option<&LogEntry>) -> String {
    let skipped = damage.to.saturating_sub(damage.from);
    match damage.kind {
        DamageKind::Crc { .. } => match damage.record.and_then(|r| log.log.records.get(r)) {
            Some(record) if record.kind == RecordKind::Entry => match own {
                Some(entry) => format!("the entry at index {} is damaged", entry.index),
                None => "an entry is damaged".into(),
            },
            Some(record) => format!("a {} record is damaged", record.kind.name()),
            None => format!("{skipped} bytes are damaged"),
        },
        DamageKind::CrcField { .. } => {
            "only the stored checksum is wrong, the payload is intact".into()
        }
        DamageKind::Unparsable(why) => format!("{why}: {skipped} bytes skipped"),
        DamageKind::Overrun { .. } if damage.record.is_some() => {
            "the file ends in the padding of its last record, which is intact".into()
        }
        DamageKind::Overrun { record_bytes } => {
            format!("a length of {record_bytes} bytes ends beyond the end of the file")
        }
        DamageKind::Stub => format!("the file ends with {skipped} bytes of a length word"),
        DamageKind::ZeroLength => {
            format!("the length word is zero, but records follow after {skipped} bytes")
        }
        DamageKind::Length { .. } => match own {
            Some(entry) => format!(
                "only the length word of the entry at index {} is wrong, the record is intact",
                entry.index
            ),
            None => "only the length word is wrong, the record is intact".into(),
        },
    }
}

/// Describes the intact records after a damaged range: they distinguish damage from a torn write.
fn following(damage: &Damage, intact: IntactAfter) -> String {
    let records = match intact.records {
        1 => "1 intact record follows".to_owned(),
        records => format!("{records} intact records follow"),
    };
    let mut text = match (intact.records, intact.indexes, damage.lone_record) {
        (0, _, None) => "no verifiable record follows".to_owned(),
        (0, _, Some(_)) => "one well-formed record follows, which cannot be verified".to_owned(),
        (_, Some((low, high)), _) => format!("{records}, {}", entries_text(low, high)),
        (_, None, _) => format!("{records}, no entries"),
    };
    if damage.gave_up {
        text.push_str("; the search for more was stopped: these bytes are made to be costly");
    }
    text
}

/// Returns the indexes of the entries that are in the damaged range, inferred from the entries before and after it.
fn missing_entries(log: &Evidence<'_, '_>, damage: &Damage) -> Option<(RaftIndex, RaftIndex)> {
    let segment = u32::try_from(damage.segment).ok()?;
    let gap = log.log.gaps.iter().find(|gap| {
        let record = log
            .log
            .entries
            .get(gap.entry)
            .and_then(|entry| log.log.records.get(entry.record as usize));
        let before = gap
            .entry
            .checked_sub(1)
            .and_then(|before| log.log.entries.get(before))
            .map_or(0, |before| before.record as usize);
        record.is_some_and(|record| (record.segment, record.offset) >= (segment, damage.to))
            && before < damage.records_before.saturating_add(1)
    })?;
    Some((gap.after.saturating_add(1), gap.next.saturating_sub(1)))
}

/// Lists user keys of the damaged entry, and of the entries that a start would discard with it.
fn keys(log: &Evidence<'_, '_>, damage: &Damage, code: &Code) -> Vec<Vec<u8>> {
    let dropped = *code == codes::REPAIR_DROPS || *code == codes::LENGTH_ZERO;
    let from = damage.record.unwrap_or(damage.records_before);
    let first = log
        .log
        .entries
        .partition_point(|entry| (entry.record as usize) < from);
    // What the first damage of a segment drops contains what a later one would.
    let of_segment = |other: &&Damage| other.segment == damage.segment;
    let is_first = log.log.damages.iter().find(of_segment);
    let is_first = is_first.is_some_and(|first| std::ptr::eq(first, damage));
    let count = match dropped && is_first {
        true => usize::MAX,
        false => usize::from(damage.record.is_some()),
    };
    let (mut keys, mut known) = (Vec::new(), HashSet::new());
    for entry in log.log.entries.iter().skip(first).take(count) {
        let own = damage.record == Some(entry.record as usize);
        let Some(data) = log.log.data(log.files, entry).filter(|_| own || dropped) else {
            continue;
        };
        for key in Payload::decode(entry.kind, data).user_keys() {
            if known.insert(key.to_vec()) {
                keys.push(key.to_vec());
            }
        }
    }
    keys
}

/// Reports what is unusual in records that could be read.
pub(super) fn oddities(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let mut bits = Tally::new(&codes::LENGTH_BITS);
    let mut padding = Tally::new(&codes::PADDING);
    let mut payload = Tally::new(&codes::PAYLOAD);
    let mut copies = Tally::new(&codes::COPIED);
    for oddity in &log.log.oddities {
        let place = log.record(oddity.record);
        let record = log.log.records.get(oddity.record);
        let kind = record.map_or("unknown", |record| record.kind.name());
        match &oddity.kind {
            OddityKind::LengthBits(word) => bits.add(|code| {
                let canonical = LengthWord::encode(LengthWord(*word).record_bytes());
                let message = "reserved bits or padding bits of a length word are wrong";
                Finding::new(code, place, message)
                    .seen(format!("{word:#018x}"), format!("{:#018x}", canonical.0))
            }),
            OddityKind::Padding => padding.add(|code| {
                let message = "the padding between two records is not zero";
                Finding::new(code, place, message).seen("other bytes", "zeros")
            }),
            OddityKind::Payload(why) => payload.add(|code| {
                let message = format!("the payload of a {kind} record cannot be parsed: {why}");
                Finding::new(code, place, message)
            }),
            OddityKind::ForeignFields => payload.add(|code| {
                let message = format!("a {kind} record has fields that its message does not have");
                Finding::new(code, place, message)
            }),
            OddityKind::ImpossibleTerm(term) => payload.add(|code| {
                let message = format!(
                    "an entry record without data has the term {term}, which the log had not reached: it is a HardState of the wrong type"
                );
                Finding::new(code, place, message).seen("2 entry", "3 state")
            }),
            OddityKind::CopyOf(original) => copies.add(|code| {
                let message = match log.record(*original).offset {
                    Some(offset) => format!("a {kind} record is a copy of the one at {offset:#x}, whose checksum it continues"),
                    None => format!("a {kind} record is a copy of another one, whose checksum it continues"),
                };
                Finding::new(code, place, message)
            }),
        }
    }
    for tally in [bits, padding, payload, copies] {
        tally.report(report);
    }
    unknown_types(log, report);
}

/// Reports records of an unknown type: ReadAll stops at them (`unexpected block type`).
fn unknown_types(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let mut unknown = Tally::new(&codes::RECORD_TYPE);
    for (number, record) in log.log.records.iter().enumerate() {
        if record.kind == RecordKind::Unknown {
            unknown.add(|code| {
                let message = match as_entry(log, record) {
                    Some((index, term)) => format!(
                        "etcd stops at this record; its payload is that of the entry at index {index}, term {term}"
                    ),
                    None => "etcd stops at this record".into(),
                };
                Finding::new(code, log.record(number), message).seen(
                    "another type",
                    "1 metadata, 2 entry, 3 state, 4 crc or 5 snapshot",
                )
            });
        }
    }
    unknown.report(report);
}

/// Returns index and term if the payload of a record can be parsed as an entry.
fn as_entry(log: &Evidence<'_, '_>, record: &Record) -> Option<(RaftIndex, Term)> {
    let entry = Entry::parse(log.log.payload(log.files, record)?).ok()?;
    let plausible = entry.term > Term(0) && entry.index > 0 && !entry.foreign_fields;
    plausible.then_some((entry.index, entry.term))
}
