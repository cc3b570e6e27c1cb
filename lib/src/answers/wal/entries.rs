//! `wal`: the entries of the log, a row each.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Filter, short_place};
use crate::answers::{Cell, Column, Label, Row, key_json};
use crate::kubernetes::key::Layout;
use crate::kubernetes::mask::{text_without_tokens, without_token};
use crate::member::{Wal, mask_ranges, secrets_in_entry};
use crate::raft::{EntryType, Payload, Reveal};
use crate::wal::LogEntry;
use located::{RaftIndex, Term};

/// Columns of entries.
pub static COLUMNS: [Column; 13] = [
    Column::right("TERM", "term"),
    Column::right("INDEX", "index"),
    Column::left("TYPE", "type"),
    Column::left("STATE", "state"),
    Column::left("REQUEST", "request"),
    Column::right("SIZE", "size_bytes"),
    Column::left("FILE+OFFSET", "at").table_only(),
    Column::left("FILE", "file").wide(),
    Column::right("OFFSET", "offset").wide(),
    Column::data("summary"),
    Column::data("keys"),
    Column::left("PROPOSER", "proposer").wide(),
    Column::json("decoded"),
];

/// One entry.
#[derive(Clone, Debug)]
pub struct EntryRow<'w, 'a> {
    wal: &'w Wal<'a>,
    /// The entry.
    pub entry: &'w LogEntry,
    /// What it asks for.
    pub payload: Payload,
    commit: RaftIndex,
    members: Arc<BTreeSet<u64>>,
    with_decoded: bool,
}

impl Row for EntryRow<'_, '_> {
    fn cells(&self) -> Vec<Cell> {
        let (wal, entry, payload) = (self.wal, self.entry, &self.payload);
        let place = wal.place(entry);
        let file = place.as_ref().map_or("", |place| place.file.as_str());
        let offset = place.as_ref().and_then(|place| place.offset).unwrap_or(0);
        let state = match (entry.survives, entry.superseded_by) {
            (true, _) if self.commit >= entry.index => Cell::text("committed").label(Label::Dim),
            (true, _) => Cell::text("uncommitted").label(Label::Note),
            (false, Some(_)) => Cell::text("overwritten").label(Label::Warning),
            (false, None) => Cell::text("damaged").label(Label::Error),
        };
        let summary = payload.summary();
        let shown = text_without_tokens(&summary);
        let (summary, keys, decoded) = if self.with_decoded {
            let keys = payload.user_keys();
            let keys: Vec<_> = keys
                .iter()
                .map(|key| key_json(&without_token(key)))
                .collect();
            let keys = if keys.is_empty() {
                Cell::unknown()
            } else {
                Cell::shown("", keys)
            };
            let mut decoded = payload.to_json(Reveal::default());
            hide_tokens(&mut decoded);
            let decoded = Cell::shown("", decoded);
            (Cell::text(shown.as_ref()), keys, decoded)
        } else {
            (Cell::unknown(), Cell::unknown(), Cell::unknown())
        };
        let proposer = payload.proposer().map(|proposer| {
            match self
                .members
                .iter()
                .find(|&&id| proposer.is_member(located::MemberId(id)))
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
            Cell::shown(shown.as_ref(), payload.name()),
            Cell::size(u64::from(entry.data_len)),
            Cell::text(short_place(file, offset)).label(Label::Dim),
            Cell::text(file),
            Cell::plain(offset),
            summary,
            keys,
            proposer.unwrap_or_default(),
            decoded,
        ]
    }
}

/// What is reported of all entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRange {
    /// The first index of the log.
    pub first: RaftIndex,
    /// The last one.
    pub last: RaftIndex,
    /// The commit index of the newest HardState.
    pub commit: RaftIndex,
    /// Number of entries of the log as it reads now.
    pub entries: usize,
}

/// How far the log reaches; `None` for a log without entries.
pub fn reach(wal: &Wal<'_>) -> Option<LogRange> {
    let log = wal.log();
    Some(LogRange {
        first: log.first()?.index,
        last: log.last()?.index,
        commit: log.hard_state().unwrap_or_default().commit,
        entries: log.surviving.len(),
    })
}

/// Gives every entry that is asked for to `each`, until that fails; counts those that are left out because they were overwritten or
/// are damaged. `all`: these too. `with_decoded`: with what only JSON shows.
///
/// # Errors
/// That of `each`.
pub fn entries<E>(
    wal: &Wal<'_>,
    filter: &Filter,
    all: bool,
    with_decoded: bool,
    each: &mut dyn FnMut(EntryRow<'_, '_>) -> Result<(), E>,
) -> Result<u64, E> {
    let reader = EntryReader::new(wal, with_decoded);
    let mut hidden = 0u64;
    for entry in &wal.log().entries {
        if !filter.index(entry.index) {
            continue;
        }
        let row = reader.row(entry);
        if !filter.payload(&row.payload) {
            continue;
        }
        if !all && !entry.survives {
            hidden = hidden.saturating_add(1);
            continue;
        }
        each(row)?;
    }
    Ok(hidden)
}

/// Makes rows of entries: what is the same for all of them is found once.
#[derive(Debug)]
pub struct EntryReader<'w, 'a> {
    wal: &'w Wal<'a>,
    commit: RaftIndex,
    members: Arc<BTreeSet<u64>>,
    with_decoded: bool,
}

impl<'w, 'a> EntryReader<'w, 'a> {
    /// For the entries of a log; `with_decoded`: with what only JSON shows.
    pub fn new(wal: &'w Wal<'a>, with_decoded: bool) -> Self {
        Self {
            wal,
            commit: reach(wal).map_or(RaftIndex(0), |reach| reach.commit),
            members: Arc::new(members(wal)),
            with_decoded,
        }
    }

    /// The row of an entry.
    pub fn row(&self, entry: &'w LogEntry) -> EntryRow<'w, 'a> {
        EntryRow {
            wal: self.wal,
            entry,
            payload: self.wal.payload(entry),
            commit: self.commit,
            members: Arc::clone(&self.members),
            with_decoded: self.with_decoded,
        }
    }
}

/// Every member the log knows of: proposers are named by the end of their ids only.
fn members(wal: &Wal<'_>) -> BTreeSet<u64> {
    let log = wal.log();
    let mut members: BTreeSet<u64> = log.metadata.iter().map(|m| m.node_id.get()).collect();
    for conf in log.snapshots.iter().filter_map(|s| s.conf_state.as_ref()) {
        members.extend(conf.voters.iter().chain(&conf.learners));
    }
    for entry in &log.entries {
        if entry.kind == EntryType::ConfChange
            && let Payload::ConfChange(change) = wal.payload(entry)
        {
            members.insert(change.node_id);
        }
    }
    members
}

/// The data of an entry as it is stored, and which bytes of it are secret.
#[derive(Clone, Debug)]
pub struct EntryData {
    /// The raft index.
    pub index: RaftIndex,
    /// The term.
    pub term: Term,
    /// Offset of the data in its file.
    pub offset: u64,
    /// The data; secrets are `*` unless they are to be revealed.
    pub data: Vec<u8>,
    /// Number of bytes that are hidden.
    pub hidden: usize,
}

/// The data of every entry that is asked for.
pub fn data<'w>(
    wal: &'w Wal<'_>,
    filter: &'w Filter,
    all: bool,
    reveal: bool,
) -> impl Iterator<Item = EntryData> + 'w {
    let layout = Layout::default();
    let wanted = move |entry: &&LogEntry| {
        filter.index(entry.index) && (all || entry.survives) && filter.payload(&wal.payload(entry))
    };
    wal.log().entries.iter().filter(wanted).map(move |entry| {
        let stored = wal.data(entry);
        let secrets = match reveal {
            true => Vec::new(),
            false => secrets_in_entry(&layout, &wal.payload(entry), stored),
        };
        let (data, hidden) = mask_ranges(stored, &secrets);
        let record = wal.log().records.get(entry.record as usize);
        let start = record.map_or(0, |record| record.payload_at);
        EntryData {
            index: entry.index,
            term: entry.term,
            offset: start.saturating_add(u64::from(entry.data_at)),
            data,
            hidden,
        }
    })
}

/// Hides the tokens that keys are named after.
fn hide_tokens(json: &mut serde_json::Value) {
    match json {
        serde_json::Value::String(text) => {
            if let Cow::Owned(shown) = text_without_tokens(text) {
                *text = shown;
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(hide_tokens),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(hide_tokens),
        _ => {}
    }
}
