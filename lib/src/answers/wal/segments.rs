//! `wal --segments`: the files of the log and how they continue each other.

use crate::answers::{Cell, Column, Label, Row, Table};
use crate::member::Wal;
use crate::wal::{Ending, Link, Log, RecordKind, Segment, WalFile};
use located::RaftIndex;

static COLUMNS: [Column; 13] = [
    Column::right("SEQ", "seq"),
    Column::right("FIRST", "first_index"),
    Column::right("LAST", "last_index"),
    Column::right("ENTRIES", "entries"),
    Column::right("RECORDS", "records"),
    Column::right("SIZE", "size_bytes"),
    Column::right("USED", "used_bytes"),
    Column::left("HEAD", "head"),
    Column::left("END", "end"),
    Column::left("FILE", "file"),
    Column::data("name_index"),
    Column::left("MEMBER", "member_id").wide(),
    Column::data("cluster_id"),
];

/// One file of the log.
#[derive(Clone, Debug)]
pub enum SegmentRow<'w> {
    /// A segment.
    Segment(SegmentFile<'w>),
    /// A file that is not part of the log.
    Other {
        /// What it is.
        what: &'static str,
        /// Its size in bytes.
        size_bytes: u64,
        /// Its name.
        file: String,
    },
}

/// A segment, or one that a repair set aside.
#[derive(Clone, Debug)]
pub struct SegmentFile<'w> {
    log: &'w Log,
    /// The segment.
    pub segment: &'w Segment,
    is_last: bool,
    /// Whether a repair set it aside.
    pub set_aside: bool,
    /// Its name.
    pub file: String,
}

impl Row for SegmentRow<'_> {
    fn cells(&self) -> Vec<Cell> {
        match self {
            Self::Segment(segment) => segment.cells(),
            Self::Other {
                what,
                size_bytes,
                file,
            } => {
                let known = |at| match at {
                    5 => Cell::size(*size_bytes),
                    7 => Cell::text(*what).label(Label::Dim),
                    9 => Cell::text(file.as_str()),
                    _ => Cell::unknown(),
                };
                (0..COLUMNS.len()).map(known).collect()
            }
        }
    }
}

impl SegmentFile<'_> {
    /// How its records end.
    fn end(&self) -> Cell {
        let (log, segment) = (self.log, self.segment);
        let damaged = log.damages.iter().any(|damage| {
            log.segments
                .get(damage.segment)
                .is_some_and(|other| other.file == segment.file)
        });
        match segment.ending {
            _ if damaged => Cell::text("damaged").label(Label::Error),
            Ending::Damage => Cell::text("damaged").label(Label::Error),
            Ending::Exact => Cell::text("exact"),
            Ending::Zeros if self.is_last => Cell::text("zeros"),
            Ending::Zeros => Cell::text("zeros").label(Label::Warning),
            Ending::Garbage { .. } => Cell::text("zeros, then other bytes").label(Label::Note),
        }
    }
}

impl Row for SegmentFile<'_> {
    fn cells(&self) -> Vec<Cell> {
        let (log, segment) = (self.log, self.segment);
        let records = log.records.get(segment.records.clone()).unwrap_or_default();
        let before = |record: usize| {
            log.entries
                .partition_point(|e| (e.record as usize) < record)
        };
        let range = before(segment.records.start)..before(segment.records.end);
        let own = log.entries.get(range).unwrap_or_default().iter();
        let first = own.clone().map(|entry| entry.index).min();
        let last = own.map(|entry| entry.index).max();
        let entries = records
            .iter()
            .filter(|record| record.kind == RecordKind::Entry);
        let metadata = log
            .metadata
            .iter()
            .find(|metadata| segment.records.contains(&metadata.record));
        let head = match segment.link {
            _ if self.set_aside => Cell::text("set aside by a repair").label(Label::Note),
            Link::First => Cell::text("first read"),
            Link::Continues => Cell::text("continues").label(Label::Good),
            Link::Broken { .. } => Cell::text("does not continue").label(Label::Error),
            Link::HeadDamaged { .. } => Cell::text("checksum damaged").label(Label::Error),
            Link::Unknown => Cell::text("unknown").label(Label::Warning),
            Link::NoHead => Cell::text("no checksum record").label(Label::Error),
        };
        let end = self.end();
        let optional = |index: Option<RaftIndex>| index.map(Cell::number).unwrap_or_default();
        vec![
            segment
                .name
                .map(|name| Cell::plain(name.seq))
                .unwrap_or_default(),
            optional(first),
            optional(last),
            Cell::count(entries.count()),
            Cell::count(records.len()),
            Cell::size(segment.len_bytes),
            Cell::size(segment.end),
            head,
            end,
            Cell::text(self.file.as_str()),
            optional(segment.name.map(|name| name.index)),
            metadata
                .map(|m| Cell::id(m.node_id.get()))
                .unwrap_or_default(),
            metadata
                .map(|m| Cell::id(m.cluster_id.get()))
                .unwrap_or_default(),
        ]
    }
}

/// Every file of the log: the segments in order, those that were set aside, others.
pub fn segments<'w>(wal: &'w Wal<'_>) -> Table<SegmentRow<'w>> {
    let log = wal.log();
    let mut rows = Vec::new();
    let last = log.segments.len().saturating_sub(1);
    for (number, segment) in log.segments.iter().enumerate() {
        rows.push(SegmentRow::Segment(SegmentFile {
            log,
            segment,
            is_last: number == last,
            set_aside: false,
            file: name(wal, segment.file),
        }));
    }
    for other in &log.others {
        let file = name(wal, other.file);
        match (&other.log, other.kind) {
            (Some(broken), _) => {
                let set_aside = |segment| {
                    SegmentRow::Segment(SegmentFile {
                        log: broken,
                        segment,
                        is_last: true,
                        set_aside: true,
                        file: file.clone(),
                    })
                };
                rows.extend(broken.segments.iter().map(set_aside));
            }
            (None, kind) => rows.push(SegmentRow::Other {
                what: match kind {
                    WalFile::Tmp => "next segment, prepared",
                    _ => "ignored by etcd",
                },
                size_bytes: wal
                    .files()
                    .get(other.file)
                    .map_or(0, |bytes| bytes.len() as u64),
                file,
            }),
        }
    }
    Table::new(&COLUMNS, rows)
}

fn name(wal: &Wal<'_>, file: usize) -> String {
    let file = wal.files().get(file);
    file.map_or(String::new(), |bytes| bytes.file().to_string())
}
