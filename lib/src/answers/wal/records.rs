//! `wal --raw`: every record as it is, with its checksum.

use super::{Filter, short_place};
use crate::answers::{Cell, Column, Label, Row, Table};
use crate::member::Wal;
use crate::raft::{Entry, HardState};
use crate::wal::{Crc, Record, RecordKind};

static COLUMNS: [Column; 9] = [
    Column::right("RECORD", "record"),
    Column::left("TYPE", "type"),
    Column::left("CRC", "crc"),
    Column::left("CHECK", "crc_state"),
    Column::left("CONTENT", "content"),
    Column::right("SIZE", "size_bytes"),
    Column::left("FILE+OFFSET", "at").table_only(),
    Column::left("FILE", "file").wide(),
    Column::right("OFFSET", "offset").wide(),
];

/// One record.
#[derive(Clone, Debug)]
pub struct RecordRow<'w, 'a> {
    wal: &'w Wal<'a>,
    /// Its number in the log.
    pub number: usize,
    /// The record.
    pub record: &'w Record,
}

impl Row for RecordRow<'_, '_> {
    fn cells(&self) -> Vec<Cell> {
        let (wal, number, record) = (self.wal, self.number, self.record);
        let log = wal.log();
        let place = log.place(wal.files(), number);
        let file = place.as_ref().map_or("", |place| place.file.as_str());
        let check = match record.crc {
            Crc::Verified => Cell::text("ok").label(Label::Good),
            Crc::Unverified if record.kind == RecordKind::Crc => {
                Cell::text("start").label(Label::Dim)
            }
            Crc::Unverified => Cell::text("unverified").label(Label::Warning),
            Crc::CrcField => Cell::text("crc damaged").label(Label::Error),
            Crc::Mismatch => Cell::text("damaged").label(Label::Error),
            Crc::Misplaced => Cell::text("misplaced").label(Label::Error),
        };
        vec![
            Cell::count(number),
            Cell::text(record.kind.name()),
            Cell::hash(record.crc_stored),
            check,
            Cell::text(content(wal, number, record)),
            Cell::size(u64::from(record.payload_len)),
            Cell::text(short_place(file, record.offset)).label(Label::Dim),
            Cell::text(file),
            Cell::plain(record.offset),
        ]
    }
}

/// The records that are asked for.
pub fn records<'w, 'a>(wal: &'w Wal<'a>, filter: &Filter) -> Table<RecordRow<'w, 'a>> {
    let log = wal.log();
    let mut rows = Vec::new();
    let mut entries = log.entries.iter().peekable();
    for (number, record) in log.records.iter().enumerate() {
        let entry = entries.next_if(|entry| entry.record as usize == number);
        let wanted = match entry {
            Some(entry) => filter.index(entry.index) && filter.payload(&wal.payload(entry)),
            None => !filter.entries_only(),
        };
        if wanted && filter.record(record.kind) {
            rows.push(RecordRow {
                wal,
                number,
                record,
            });
        }
    }
    Table::new(&COLUMNS, rows)
}

fn content(wal: &Wal<'_>, number: usize, record: &Record) -> String {
    let log = wal.log();
    let payload = log.payload(wal.files(), record).unwrap_or_default();
    match record.kind {
        RecordKind::Crc => "continues the segment in front".into(),
        RecordKind::Metadata => match log
            .metadata
            .binary_search_by_key(&number, |metadata| metadata.record)
            .ok()
            .and_then(|at| log.metadata.get(at))
        {
            Some(m) => format!("member {:016x} cluster {:016x}", m.node_id, m.cluster_id),
            None => "unreadable".into(),
        },
        RecordKind::Entry => match Entry::parse(payload) {
            Ok(entry) => format!("term {} index {} {:?}", entry.term, entry.index, entry.kind),
            Err(why) => format!("unreadable: {why}"),
        },
        RecordKind::State => match HardState::parse(payload) {
            Ok(state) => format!(
                "term {} vote {:016x} commit {}",
                state.term, state.vote, state.commit
            ),
            Err(why) => format!("unreadable: {why}"),
        },
        RecordKind::Snapshot => match log
            .snapshots
            .binary_search_by_key(&number, |snapshot| snapshot.record)
            .ok()
            .and_then(|at| log.snapshots.get(at))
        {
            Some(snapshot) => {
                let voters = snapshot
                    .conf_state
                    .as_ref()
                    .map_or(0, |conf| conf.voters.len());
                format!(
                    "term {} index {} voters {voters}",
                    snapshot.term, snapshot.index
                )
            }
            None => "unreadable".into(),
        },
        RecordKind::Unknown => "unknown type".into(),
    }
}
