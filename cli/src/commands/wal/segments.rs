//! The files of the log and how they hang together: `--segments`.

use etcd_inspect::member::Wal;
use etcd_inspect::wal::{Ending, Link, Log, RecordKind, Segment, WalFile};

use crate::output::{Cell, Column, Label, Tail};
use crate::ui::Ui;

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
    Column::json("name_index"),
    Column::left("MEMBER", "member_id").wide(),
    Column::json("cluster_id"),
];

pub(super) fn print(wal: &Wal<'_>, ui: &mut Ui) -> anyhow::Result<()> {
    let log = wal.log();
    let mut rows = ui.rows("wal", &COLUMNS)?;
    for (number, segment) in log.segments.iter().enumerate() {
        let file = name(wal, segment.file);
        let last = number + 1 == log.segments.len();
        rows.push(row(log, segment, last, file))?;
    }
    for other in &log.others {
        let file = name(wal, other.file);
        let size = wal.files().get(other.file).map_or(0, |bytes| bytes.len());
        match (&other.log, other.kind) {
            (Some(broken), _) => {
                for segment in &broken.segments {
                    let mut cells = row(broken, segment, true, file.clone());
                    if let Some(head) = cells.get_mut(7) {
                        *head = Cell::text("set aside by a repair").label(Label::Note);
                    }
                    rows.push(cells)?;
                }
            }
            (None, kind) => {
                let what = match kind {
                    WalFile::Tmp => "next segment, prepared",
                    _ => "ignored by etcd",
                };
                let mut cells = vec![Cell::unknown(); COLUMNS.len()];
                for (at, cell) in [
                    (5, Cell::size(size as u64)),
                    (7, Cell::text(what).label(Label::Dim)),
                    (9, Cell::text(file)),
                ] {
                    if let Some(slot) = cells.get_mut(at) {
                        *slot = cell;
                    }
                }
                rows.push(cells)?;
            }
        }
    }
    rows.finish(Tail::default())?;
    Ok(())
}

fn name(wal: &Wal<'_>, file: usize) -> String {
    let file = wal.files().get(file);
    file.map_or(String::new(), |bytes| bytes.file().to_string())
}

fn row(log: &Log, segment: &Segment, is_last: bool, file: String) -> Vec<Cell> {
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
        Link::First => Cell::text("first read"),
        Link::Continues => Cell::text("continues").label(Label::Good),
        Link::Broken { .. } => Cell::text("does not continue").label(Label::Error),
        Link::HeadDamaged { .. } => Cell::text("checksum damaged").label(Label::Error),
        Link::Unknown => Cell::text("unknown").label(Label::Warning),
        Link::NoHead => Cell::text("no checksum record").label(Label::Error),
    };
    let damaged = log.damages.iter().any(|damage| {
        log.segments
            .get(damage.segment)
            .is_some_and(|other| other.file == segment.file)
    });
    let end = match segment.ending {
        _ if damaged => Cell::text("damaged").label(Label::Error),
        Ending::Damage => Cell::text("damaged").label(Label::Error),
        Ending::Exact => Cell::text("exact"),
        Ending::Zeros if is_last => Cell::text("zeros"),
        Ending::Zeros => Cell::text("zeros").label(Label::Warning),
        Ending::Garbage { .. } => Cell::text("zeros, then other bytes").label(Label::Note),
    };
    let optional = |value: Option<u64>| value.map(Cell::number).unwrap_or_default();
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
        Cell::text(file),
        optional(segment.name.map(|name| name.index)),
        metadata
            .map(|m| Cell::id(m.node_id.get()))
            .unwrap_or_default(),
        metadata
            .map(|m| Cell::id(m.cluster_id.get()))
            .unwrap_or_default(),
    ]
}
