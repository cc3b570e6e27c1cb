//! `page --key`: the pages that contain the versions of a key.

use std::collections::HashMap;

use serde_json::Value;

use crate::answers::{Cell, Column, Label, Row, Table};
use crate::bolt::{Db, PageType};
use crate::mvcc::{Keyspace, Version};
use located::{Error, reported_by};

static COLUMNS: [Column; 8] = [
    Column::right("REV", "revision"),
    Column::left("OP", "op"),
    Column::right("PAGE", "page"),
    Column::right("ITEM", "item"),
    Column::right("OVERFLOW", "overflow"),
    Column::left("OFFSET", "offset"),
    Column::right("SIZE", "size_bytes"),
    Column::left("ROOT TO PAGE", "page_stack"),
];

/// Where a record is.
#[derive(Clone, Debug)]
struct Standing {
    page: u64,
    item: usize,
    overflow: u32,
    stack: Vec<u64>,
}

/// One record of a key.
#[derive(Clone, Debug)]
pub struct RecordPlaceRow<'a> {
    /// The record.
    pub version: Version<'a>,
    standing: Option<Standing>,
}

impl Row for RecordPlaceRow<'_> {
    fn cells(&self) -> Vec<Cell> {
        let version = &self.version;
        let cell =
            |make: fn(&Standing) -> Cell| self.standing.as_ref().map(make).unwrap_or_default();
        vec![
            Cell::number(version.revision.main),
            if version.tombstone {
                Cell::text("delete").label(Label::Warning)
            } else {
                Cell::text("put")
            },
            cell(|standing| Cell::plain(standing.page)),
            cell(|standing| Cell::count(standing.item)),
            cell(|standing| Cell::plain(standing.overflow)),
            version
                .offset
                .map(|at| Cell::shown(format!("{at:08X}"), at))
                .unwrap_or_default(),
            Cell::size(version.stored_bytes),
            cell(|standing| {
                let pages = standing.stack.iter().chain([&standing.page]);
                let text: Vec<_> = pages.clone().map(u64::to_string).collect();
                let json: Vec<Value> = pages.map(|page| Value::from(*page)).collect();
                Cell::shown(text.join(" → "), json)
            }),
        ]
    }
}

/// The records of a key with the pages from the bucket's root to each of them.
///
/// # Errors
/// As [`Db::bucket`].
pub fn places<'a>(
    db: &Db<'_>,
    keyspace: &Keyspace<'a>,
    key: &[u8],
) -> Result<Table<RecordPlaceRow<'a>>, Error> {
    let records = keyspace.records_of(key);
    let wanted: HashMap<u64, Version<'a>> = records
        .iter()
        .filter_map(|version| Some((version.offset?, version)))
        .collect();
    let mut found: HashMap<u64, Standing> = HashMap::new();
    let bucket = db.bucket(b"key", &mut reported_by("bbolt::check"))?;
    bucket.walk(&mut reported_by("bbolt::check"), &mut |seen| {
        if seen.page.header.page_type() != Some(PageType::Leaf) {
            return;
        }
        let from = seen.page.bytes.offset();
        let to = from.saturating_add(seen.page.bytes.len() as u64);
        if !wanted.keys().any(|at| (from..to).contains(at)) {
            return;
        }
        for item in seen.page.items().flatten() {
            if wanted.contains_key(&item.offset) {
                found.insert(
                    item.offset,
                    Standing {
                        page: seen.page.pgid.0,
                        item: item.index,
                        overflow: seen.page.header.overflow,
                        stack: seen.stack.iter().map(|page| page.0).collect(),
                    },
                );
            }
        }
    });
    let row = |version: Version<'a>| RecordPlaceRow {
        standing: version.offset.and_then(|at| found.remove(&at)),
        version,
    };
    Ok(Table::new(&COLUMNS, records.iter().map(row).collect()))
}
