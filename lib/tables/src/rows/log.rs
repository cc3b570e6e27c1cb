//! `wal_entries`: the entries of the raft log.

use etcd_inspect::answers::Row as _;
use etcd_inspect::answers::wal::{COLUMNS as FIELDS, EntryReader};
use serde_json::{Map, Value as Json};

use super::answers::of_json;
use crate::definition::{Column, Kind, NumberedRow, Rows, Table, Wanted};
use crate::filter::Filter;
use crate::source::{Source, TableError};

static COLUMNS: [Column; 12] = [
    Column::integer("raft_index", "position in the log").of("index"),
    Column::integer("term", "term of the leader that proposed it"),
    Column::text("type", "normal, conf_change, …"),
    Column::text("state", "committed, uncommitted, overwritten, damaged"),
    Column::text("request", "put, delete_range, txn, lease_grant, …"),
    Column::text("summary", "the request in one line"),
    Column::new("keys", Kind::Json, "the keys that it names"),
    Column::integer("size_bytes", "of its data").unit("bytes"),
    Column::text("file", "the segment"),
    Column::integer("offset", "of the record in the segment").unit("bytes"),
    Column::text(
        "proposer",
        "the member that proposed it, as far as its id is known",
    ),
    Column::new(
        "decoded",
        Kind::Json,
        "the request; values of keys are left out",
    ),
];

/// Columns that need the request decoded for programs.
const DECODED: [usize; 3] = [5, 6, 11];

pub(crate) static TABLE: Table = Table {
    name: "wal_entries",
    about: "every entry of the log, overwritten ones included",
    columns: &COLUMNS,
    key: &[],
    parent: None,
    on_demand: false,
    rows: Rows::Read { select, read },
};

fn select(source: &Source, _: &Filter) -> Result<Vec<u32>, TableError> {
    let Some(wal) = source.log() else {
        return Ok(Vec::new());
    };
    let wal = source.take(wal);
    let entries = u32::try_from(wal.log().entries.len()).unwrap_or(u32::MAX);
    Ok((0..entries).collect())
}

fn read(
    source: &Source,
    numbers: &[u32],
    wanted: Wanted,
    out: &mut Vec<NumberedRow>,
) -> Result<(), TableError> {
    let Some(wal) = source.log() else {
        return Ok(());
    };
    let wal = source.take(wal);
    let reader = EntryReader::new(&wal, DECODED.iter().any(|column| wanted.has(*column)));
    for number in numbers {
        let Some(entry) = wal.log().entries.get(*number as usize) else {
            continue;
        };
        let mut object = Map::new();
        for (field, cell) in FIELDS.iter().zip(reader.row(entry).cells()) {
            cell.put(&field.field, &mut object);
        }
        out.push((*number, of_json(&COLUMNS, &Json::Object(object))));
    }
    Ok(())
}
