//! Damage inside segments: torn write, rot, or something that a start would make worse?

use super::{Evidence, Tally};
use crate::codes::wal as codes;
use crate::raft::Payload;
use crate::wal::frame::LengthWord;
use crate::wal::{Behind, Damage, DamageKind, OddityKind, RecordKind};
use located::codes::Code;
use located::{Finding, Sink, Term};

/// Most damaged stretches that are told one by one.
const TOLD: usize = 100;

pub(super) fn damages(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let behind = log.log.behind();
    let mut more = Tally::new(&codes::CRC);
    for (number, (damage, behind)) in log.log.damages.iter().zip(behind).enumerate() {
        if number >= TOLD {
            more.add(|_| judge(log, damage, behind));
        } else {
            report(judge(log, damage, behind));
        }
    }
    more.report(report);
}

/// Which rule a damaged stretch breaks: what etcd does decides.
fn code_of(log: &Evidence<'_, '_>, damage: &Damage, behind: Behind) -> &'static Code {
    let last = log.is_last(damage.segment);
    let torn = damage.torn && last;
    let len_bytes = log
        .log
        .segments
        .get(damage.segment)
        .map_or(0, |segment| segment.len_bytes);
    match damage.kind {
        DamageKind::ZeroLength | DamageKind::Length { word: 0, .. } => &codes::LENGTH_ZERO,
        // etcd never looks behind a length that is too large; a smaller one it finds by the checksum.
        DamageKind::Length { word, .. }
            if LengthWord(word).record_bytes() <= len_bytes.saturating_sub(damage.from) =>
        {
            &codes::CRC
        }
        DamageKind::Overrun { .. } | DamageKind::Stub | DamageKind::Length { .. } if !last => {
            &codes::CUT_INSIDE
        }
        DamageKind::Length { .. } => &codes::BEHIND_REPAIR,
        DamageKind::Overrun { .. } | DamageKind::Stub if behind.records == 0 => &codes::CUT,
        DamageKind::Overrun { .. } | DamageKind::Stub => &codes::BEHIND_REPAIR,
        DamageKind::Crc { .. } | DamageKind::CrcField { .. } | DamageKind::Unparsable(_) => {
            match (torn, behind.records) {
                (false, _) => &codes::CRC,
                (true, 0) => &codes::TORN,
                (true, _) => &codes::BEHIND_REPAIR,
            }
        }
    }
}

fn judge(log: &Evidence<'_, '_>, damage: &Damage, behind: Behind) -> Finding {
    let code = code_of(log, damage, behind);
    let mut place = log.at(damage.segment, damage.from);
    let skipped = damage.to.saturating_sub(damage.from);
    let own = damage.record.and_then(|record| {
        let position = log
            .log
            .entries
            .binary_search_by_key(&record, |entry| entry.record as usize)
            .ok()?;
        log.log.entries.get(position)
    });
    let what = match damage.kind {
        DamageKind::Crc { .. } => match damage.record.and_then(|r| log.log.records.get(r)) {
            Some(record) if record.kind == RecordKind::Entry => match own {
                Some(entry) => format!("the entry at index {} is damaged", entry.index),
                None => "an entry is damaged".into(),
            },
            Some(record) => format!("a {} record is damaged", record.kind.name()),
            None => format!("{skipped} bytes are damaged"),
        },
        DamageKind::CrcField { .. } => {
            "only the stored checksum is wrong, the payload is whole".into()
        }
        DamageKind::Unparsable(why) => format!("{why}: {skipped} bytes skipped"),
        DamageKind::Overrun { .. } if damage.record.is_some() => {
            "the file ends within the padding of its last record, which is whole".into()
        }
        DamageKind::Overrun { record_bytes } => {
            format!("a length of {record_bytes} bytes reaches beyond the end of the file")
        }
        DamageKind::Stub => format!("{skipped} bytes are left where a length word should be"),
        DamageKind::ZeroLength => format!("a zero length with records {skipped} bytes behind it"),
        DamageKind::Length { .. } => match own {
            Some(entry) => format!(
                "only the length word of the entry at index {} is wrong, the record is whole",
                entry.index
            ),
            None => "only the length word is wrong, the record is whole".into(),
        },
    };
    let behind_text = match (behind.records, behind.indexes, damage.lone) {
        (0, _, None) => "no verifiable record behind it".to_string(),
        (0, _, Some(_)) => {
            "one well-formed record behind it, which nothing vouches for".to_string()
        }
        (records, Some((low, high)), _) => {
            format!("{records} intact records behind it, entries {low}–{high}")
        }
        (records, None, _) => format!("{records} intact records behind it, no entries"),
    };
    let given_up = if damage.gave_up {
        "; the search behind it was given up, the bytes are made to be costly"
    } else {
        ""
    };
    let missing = missing_entries(log, damage);
    if let Some(entry) = own {
        place = place.with_index(entry.index);
    } else if let Some((low, _)) = missing {
        place = place.with_index(low);
    }
    let missing = match (own, missing) {
        (None, Some((low, high))) if low == high => format!("; entry {low} is in it"),
        (None, Some((low, high))) => format!("; entries {low}–{high} are in it"),
        _ => String::new(),
    };
    let message = format!("{what}{missing}; {behind_text}{given_up}");
    let finding = Finding::new(code, place, message);
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

/// The entries that lie within the damage, by what stands in front of it and behind it.
fn missing_entries(log: &Evidence<'_, '_>, damage: &Damage) -> Option<(u64, u64)> {
    let segment = u32::try_from(damage.segment).ok()?;
    let gap = log.log.gaps.iter().find(|gap| {
        let record = log
            .log
            .entries
            .get(gap.entry)
            .and_then(|entry| log.log.records.get(entry.record as usize));
        let front = gap
            .entry
            .checked_sub(1)
            .and_then(|front| log.log.entries.get(front))
            .map_or(0, |front| front.record as usize);
        record.is_some_and(|record| (record.segment, record.offset) >= (segment, damage.to))
            && front < damage.records_before.saturating_add(1)
    })?;
    Some((gap.after.saturating_add(1), gap.next.saturating_sub(1)))
}

/// User keys of the damaged entry, and of those that a start would drop with it.
fn keys(log: &Evidence<'_, '_>, damage: &Damage, code: &Code) -> Vec<Vec<u8>> {
    const KEYS: usize = 32;
    let dropped = *code == codes::BEHIND_REPAIR || *code == codes::LENGTH_ZERO;
    let from = damage.record.unwrap_or(damage.records_before);
    let first = log
        .log
        .entries
        .partition_point(|entry| (entry.record as usize) < from);
    let count = if dropped {
        4 * KEYS
    } else {
        usize::from(damage.record.is_some())
    };
    let mut keys: Vec<Vec<u8>> = Vec::new();
    for entry in log.log.entries.iter().skip(first).take(count) {
        let own = damage.record == Some(entry.record as usize);
        let Some(data) = log.log.data(log.files, entry).filter(|_| own || dropped) else {
            continue;
        };
        for key in Payload::decode(entry.kind, data).user_keys() {
            if keys.len() < KEYS && !keys.iter().any(|known| known == key) {
                keys.push(key.to_vec());
            }
        }
    }
    keys
}

pub(super) fn oddities(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let mut bits = Tally::new(&codes::LENGTH_BITS);
    let mut padding = Tally::new(&codes::PADDING);
    let mut payload = Tally::new(&codes::PAYLOAD);
    for oddity in &log.log.oddities {
        let place = log.record(oddity.record);
        match &oddity.kind {
            OddityKind::LengthBits(word) => bits.add(|code| {
                let canonical = LengthWord::encode(LengthWord(*word).record_bytes());
                Finding::new(code, place, "reserved or padding bits of a length word")
                    .seen(format!("{word:#018x}"), format!("{:#018x}", canonical.0))
            }),
            OddityKind::Padding => padding.add(|code| {
                Finding::new(code, place, "bytes between two records").seen("other bytes", "zeros")
            }),
            OddityKind::Payload(why) => payload.add(|code| {
                let kind = log
                    .log
                    .records
                    .get(oddity.record)
                    .map_or("", |r| r.kind.name());
                Finding::new(code, place, format!("no {kind}: {why}"))
            }),
            OddityKind::ForeignFields => payload.add(|code| {
                let kind = log
                    .log
                    .records
                    .get(oddity.record)
                    .map_or("", |r| r.kind.name());
                let message = format!("a {kind} record has fields that no {kind} has");
                Finding::new(code, place, message)
            }),
        }
    }
    let mut unknown = Tally::new(&codes::RECORD_TYPE);
    for (number, record) in log.log.records.iter().enumerate() {
        if record.kind == RecordKind::Unknown {
            unknown.add(|code| {
                let looks = log
                    .log
                    .payload(log.files, record)
                    .and_then(|payload| crate::raft::Entry::parse(payload).ok())
                    .filter(|entry| {
                        entry.term > Term(0) && entry.index > 0 && !entry.foreign_fields
                    });
                let message = match looks {
                    Some(entry) => format!(
                        "etcd stops here; its payload reads as the entry at index {}, term {}",
                        entry.index, entry.term
                    ),
                    None => "etcd stops here".into(),
                };
                Finding::new(code, log.record(number), message).seen(
                    "another type",
                    "1 metadata, 2 entry, 3 state, 4 crc or 5 snapshot",
                )
            });
        }
    }
    for report_one in [bits, padding, payload, unknown] {
        report_one.report(report);
    }
}
