//! `page --key`: on which pages the versions of a key stand.

use std::collections::HashMap;

use etcd_inspect::bolt::{Db, PageType};
use etcd_inspect::member::Member;
use etcd_inspect::mvcc::Version;
use serde_json::Value;

use crate::at::Side;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Cell, Column, Label, Tail, escape};
use crate::ui::Ui;
use crate::view::View;

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

/// Where a record stands.
struct Standing {
    page: u64,
    item: usize,
    overflow: u32,
    stack: Vec<u64>,
}

/// Lists the records of a key with the way from the bucket's root to each of them.
pub(super) fn places(
    member: &Member,
    db: &Db<'_>,
    key: &[u8],
    ui: &mut Ui,
) -> anyhow::Result<Exit> {
    let view = View::open(member, Side::default(), ui)?;
    let keyspace = view.keyspace();
    let records = keyspace.records_of(key);
    if records.is_empty() {
        let shown = escape::bytes(key, ui.terminal.charset).into_owned();
        return Err(
            Failure::not_found(format!("no version of {shown} is retained in the db"))
                .next("etcd-inspect keys {path}")
                .into(),
        );
    }
    let wanted: HashMap<u64, Version<'_>> = records
        .iter()
        .filter_map(|version| Some((version.offset?, version)))
        .collect();
    let mut found: HashMap<u64, Standing> = HashMap::new();
    let bucket = db.bucket(b"key", &mut |_| {})?;
    bucket.walk(&mut |_| {}, &mut |seen| {
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
    let mut rows = ui.rows("page", &COLUMNS)?;
    for version in records.iter() {
        let standing = version.offset.and_then(|at| found.get(&at));
        rows.push(row(&version, standing))?;
    }
    rows.finish(Tail::default())?;
    ui.hint("etcd-inspect page ID -d {path}", "every field of one page")?;
    Ok(Exit::Ok)
}

fn row(version: &Version<'_>, standing: Option<&Standing>) -> Vec<Cell> {
    let cell = |make: fn(&Standing) -> Cell| standing.map(make).unwrap_or_default();
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
