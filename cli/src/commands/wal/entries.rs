//! One line for each entry, its request decoded.

use std::collections::BTreeSet;

use etcd_inspect::kubernetes::key::Layout;
use etcd_inspect::member::{Wal, secrets_in_entry, veiled};
use etcd_inspect::raft::{Payload, Reveal};
use etcd_inspect::wal::LogEntry;
use serde_json::Value;

use super::{Filter, at};
use crate::output::{Cell, Column, Format, Label, Tail, hex, number};
use crate::ui::Ui;

static COLUMNS: [Column; 13] = [
    Column::right("TERM", "term"),
    Column::right("INDEX", "index"),
    Column::left("TYPE", "type"),
    Column::left("STATE", "state"),
    Column::left("REQUEST", "request"),
    Column::right("SIZE", "size_bytes"),
    Column::left("FILE+OFFSET", "at").table_only(),
    Column::left("FILE", "file").wide(),
    Column::right("OFFSET", "offset").wide(),
    Column::json("summary"),
    Column::json("keys"),
    Column::left("PROPOSER", "proposer").wide(),
    Column::json("decoded"),
];

pub(super) fn print(
    wal: &Wal<'_>,
    filter: &Filter,
    all: bool,
    reveal: bool,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let log = wal.log();
    let format = ui.format();
    if matches!(format, Format::Raw | Format::Hex) {
        return bytes(wal, filter, all, reveal, ui);
    }
    let commit = log.hard_state().map_or(0, |state| state.commit);
    let members = members(wal);
    let with_decoded = format.is_json() || format == Format::Yaml;
    let mut rows = ui.rows("wal", &COLUMNS)?;
    if let (Some(first), Some(last)) = (log.first(), log.last()) {
        rows.head("first_index", first.index);
        rows.head("last_index", last.index);
        rows.head("commit", commit);
    }
    let mut hidden = 0u64;
    for entry in &log.entries {
        if !filter.index(entry.index) {
            continue;
        }
        let payload = wal.payload(entry);
        if !filter.payload(&payload) {
            continue;
        }
        if !all && !entry.survives {
            hidden += 1;
            continue;
        }
        rows.push(row(wal, entry, &payload, commit, &members, with_decoded))?;
    }
    let mut tail = Tail::default();
    if let (Some(first), Some(last)) = (log.first(), log.last()) {
        tail.all = Some(format!(
            "{} entries, indexes {}–{}",
            number::thousands(i128::try_from(log.surviving.len()).unwrap_or_default()),
            number::thousands(first.index.into()),
            number::thousands(last.index.into()),
        ));
    }
    rows.finish(tail)?;
    if hidden > 0 {
        ui.note(format!(
            "{hidden} entries that were overwritten or are damaged are left out (--all shows them)"
        ))?;
    }
    Ok(())
}

fn row(
    wal: &Wal<'_>,
    entry: &LogEntry,
    payload: &Payload,
    commit: u64,
    members: &BTreeSet<u64>,
    with_decoded: bool,
) -> Vec<Cell> {
    let place = wal.place(entry);
    let file = place.as_ref().map_or("", |place| place.file.as_str());
    let offset = place.as_ref().and_then(|place| place.offset).unwrap_or(0);
    let state = match (entry.survives, entry.superseded_by) {
        (true, _) if entry.index <= commit => Cell::text("committed").label(Label::Dim),
        (true, _) => Cell::text("uncommitted").label(Label::Note),
        (false, Some(_)) => Cell::text("overwritten").label(Label::Warning),
        (false, None) => Cell::text("damaged").label(Label::Error),
    };
    let (summary, keys, decoded) = if with_decoded {
        let keys = payload.user_keys();
        let text = |key: &&[u8]| match std::str::from_utf8(key) {
            Ok(text) => Value::from(text),
            Err(_) => serde_json::json!({ "b64": base64(key) }),
        };
        let keys: Vec<_> = keys.iter().map(text).collect();
        let keys = if keys.is_empty() {
            Cell::unknown()
        } else {
            Cell::shown("", keys)
        };
        let decoded = Cell::shown("", payload.to_json(Reveal::default()));
        (Cell::text(payload.summary()), keys, decoded)
    } else {
        (Cell::unknown(), Cell::unknown(), Cell::unknown())
    };
    let proposer = payload.proposer().map(|proposer| {
        match members
            .iter()
            .find(|&&id| proposer.is_member(etcd_inspect::MemberId(id)))
        {
            Some(&id) => Cell::id(id),
            None => Cell::text(format!("…{:04x}", proposer.member_low16)),
        }
    });
    vec![
        Cell::plain(entry.term),
        Cell::number(entry.index),
        Cell::text(payload.type_name()),
        state,
        Cell::shown(payload.summary(), payload.name()),
        Cell::size(u64::from(entry.data_len)),
        Cell::text(at(file, offset)).label(Label::Dim),
        Cell::text(file),
        Cell::plain(offset),
        summary,
        keys,
        proposer.unwrap_or_default(),
        decoded,
    ]
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Every member the log knows of: proposers are named by the end of their ids only.
fn members(wal: &Wal<'_>) -> BTreeSet<u64> {
    let log = wal.log();
    let mut members: BTreeSet<u64> = log.metadata.iter().map(|m| m.node_id.get()).collect();
    for conf in log.snapshots.iter().filter_map(|s| s.conf_state.as_ref()) {
        members.extend(conf.voters.iter().chain(&conf.learners));
    }
    for entry in &log.entries {
        if entry.kind == etcd_inspect::raft::EntryType::ConfChange
            && let Payload::ConfChange(change) = wal.payload(entry)
        {
            members.insert(change.node_id);
        }
    }
    members
}

/// The data of entries as it stands: `-o raw`, `-o hex`.
fn bytes(
    wal: &Wal<'_>,
    filter: &Filter,
    all: bool,
    reveal: bool,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let terminal = ui.terminal;
    let layout = Layout::default();
    let mut hidden = 0;
    for entry in &wal.log().entries {
        let wanted = filter.index(entry.index) && (all || entry.survives);
        if !wanted || !filter.payload(&wal.payload(entry)) {
            continue;
        }
        let stored = wal.data(entry);
        let secrets = match reveal {
            true => Vec::new(),
            false => secrets_in_entry(&layout, &wal.payload(entry), stored),
        };
        let (data, hidden_here) = veiled(stored, &secrets);
        hidden += hidden_here;
        if ui.format() == Format::Raw {
            ui.raw(&data)?;
            continue;
        }
        let record = wal.log().records.get(entry.record as usize);
        let offset = record.map_or(0, |record| record.payload_at) + u64::from(entry.data_at);
        ui.line(format!("index {} term {}", entry.index, entry.term))?;
        hex::dump(ui.out(), terminal, "", offset, &data)?;
    }
    if hidden > 0 {
        ui.note(format!(
            "{hidden} bytes of secrets are shown as * (--reveal shows them)"
        ))?;
    }
    Ok(())
}
