//! `snap`: the raft snapshots of a member.

use serde_json::{Value, json};

use super::{Cell, Column, Label, Row, Table};
use crate::evidence::Role;
use crate::member::{Member, Wal};
use crate::snap::{SnapFile, SnapPart, Snaps, Store, check};
use located::{FileName, Finding};

static COLUMNS: [Column; 16] = [
    Column::right("TERM", "term"),
    Column::right("INDEX", "index"),
    Column::left("STATE", "state"),
    Column::right("VOTERS", "voters"),
    Column::right("LEARNERS", "learners"),
    Column::left("MEMBERS", "members"),
    Column::left("VERSION", "cluster_version"),
    Column::right("V2-KEYS", "v2_keys"),
    Column::right("SIZE", "size_bytes"),
    Column::left("CRC", "crc").wide(),
    Column::left("WAL", "in_wal"),
    Column::left("FILE", "file"),
    Column::json("removed"),
    Column::json("custom"),
    Column::json("auto_leave"),
    Column::json("error"),
];

/// One file.
#[derive(Clone, Debug)]
pub enum SnapRow {
    /// A `.snap` file that was read.
    Read(Box<SnapRead>),
    /// A file of which only the name and size are known.
    Bare {
        /// Its name.
        file: FileName,
        /// What it is.
        state: &'static str,
        /// Its size in bytes.
        size_bytes: Option<u64>,
        /// What that means.
        label: Label,
    },
}

/// A `.snap` file.
#[derive(Clone, Debug)]
pub struct SnapRead {
    /// What it says.
    pub snap: SnapFile,
    /// Whether the WAL has a record of it; `None` without a WAL.
    pub in_wal: Option<bool>,
}

impl Row for SnapRow {
    fn cells(&self) -> Vec<Cell> {
        match self {
            Self::Read(read) => read.cells(),
            Self::Bare {
                file,
                state,
                size_bytes,
                label,
            } => bare(file, state, *size_bytes, *label),
        }
    }
}

impl Row for SnapRead {
    fn cells(&self) -> Vec<Cell> {
        let snap = &self.snap;
        let renamed = matches!(SnapPart::from_path(snap.file.as_str()), SnapPart::Broken(_));
        let state = match (renamed, snap.is_intact()) {
            (true, _) => Cell::text("set aside").label(Label::Note),
            (false, true) => Cell::text("ok").label(Label::Good),
            (false, false) => Cell::text("crc damaged").label(Label::Error),
        };
        let ids = |ids: &[u64]| {
            let ids: Vec<Value> = ids
                .iter()
                .map(|id| Value::from(format!("{id:016x}")))
                .collect();
            Cell::shown(ids.len().to_string(), ids)
        };
        let store = Store::parse(&snap.store_json);
        let known = store.as_ref().ok();
        let members = known.map(members);
        let crc = format!("{:08x}", snap.crc_stored);
        vec![
            Cell::plain(snap.term),
            Cell::number(snap.index),
            state,
            ids(&snap.conf_state.voters),
            ids(&snap.conf_state.learners),
            members.unwrap_or_default(),
            known
                .and_then(|store| store.cluster_version.clone())
                .map(Cell::text)
                .unwrap_or_default(),
            known
                .map(|store| Cell::count(store.custom.len()))
                .unwrap_or_default(),
            Cell::size(snap.len_bytes),
            Cell::shown(crc, snap.crc_stored),
            self.in_wal.map(Cell::flag).unwrap_or_default(),
            Cell::text(snap.file.as_str()),
            known
                .map(|store| Cell::list(store.removed.iter().map(|id| format!("{id:016x}"))))
                .unwrap_or_default(),
            known
                .map(|store| Cell::list(store.custom.clone()))
                .unwrap_or_default(),
            Cell::flag(snap.conf_state.auto_leave),
            store
                .as_ref()
                .err()
                .map(|error| Cell::text(error.to_string()))
                .unwrap_or_default(),
        ]
    }
}

/// The members of a store: their names for people.
fn members(store: &Store) -> Cell {
    let names: Vec<_> = store
        .members
        .iter()
        .map(|member| match member.name.as_str() {
            "" => format!("{:016x}", member.id),
            name => name.to_owned(),
        })
        .collect();
    let json: Vec<_> = store
        .members
        .iter()
        .map(|member| {
            json!({
                "id": format!("{:016x}", member.id), "name": member.name,
                "peer_urls": member.peer_urls, "client_urls": member.client_urls,
                "is_learner": member.is_learner,
            })
        })
        .collect();
    Cell::shown(names.join(","), json)
}

fn bare(file: &FileName, state: &str, size: Option<u64>, label: Label) -> Vec<Cell> {
    let part = SnapPart::from_path(file.as_str());
    let (term, index) = match part {
        SnapPart::Snap(Some(name)) | SnapPart::Broken(Some(name)) => {
            (Some(name.term), Some(name.index))
        }
        SnapPart::SnapDb(index) => (None, Some(index)),
        _ => (None, None),
    };
    let mut cells = vec![Cell::unknown(); COLUMNS.len()];
    for (at, cell) in [
        (0, term.map(Cell::plain)),
        (1, index.map(Cell::number)),
        (2, Some(Cell::text(state).label(label))),
        (8, size.map(Cell::size)),
        (11, Some(Cell::text(file.as_str()))),
    ] {
        if let (Some(slot), Some(cell)) = (cells.get_mut(at), cell) {
            *slot = cell;
        }
    }
    cells
}

/// The raft snapshots of a member with what is wrong with them; `None` if there is none.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SnapAnswer {
    /// A row for each file.
    pub table: Table<SnapRow>,
    /// What is wrong with them, alone and against the WAL.
    pub findings: Vec<Finding>,
    /// Whether a file could not be read: the answer is partial.
    pub is_partial: bool,
}

/// Lists the raft snapshots of a member; `None` if there is none.
pub fn snaps(member: &Member, wal: Option<&Wal<'_>>) -> Option<SnapAnswer> {
    let mut findings = Vec::new();
    let snaps: Snaps = member.snaps(&mut |finding| findings.push(finding));
    let received = member.evidence().with_role(Role::SnapDb);
    if snaps.files.is_empty() && snaps.unreadable.is_empty() && received.is_empty() {
        return None;
    }
    if let Some(wal) = wal {
        check::against_log(&snaps, wal.log(), wal.files(), &mut |finding| {
            findings.push(finding);
        });
    }
    let in_wal = |snap: &SnapFile| {
        let same = |record: &crate::wal::LogSnapshot| {
            (record.index, record.term) == (snap.index, snap.term)
        };
        wal.map(|wal| wal.log().snapshots.iter().any(same))
    };
    let is_partial = !snaps.unreadable.is_empty();
    let mut rows = Vec::new();
    for snap in &snaps.files {
        rows.push(SnapRow::Read(Box::new(SnapRead {
            in_wal: in_wal(snap),
            snap: snap.clone(),
        })));
    }
    for file in &snaps.unreadable {
        rows.push(SnapRow::Bare {
            file: file.clone(),
            state: "unreadable",
            size_bytes: None,
            label: Label::Error,
        });
    }
    for file in received {
        rows.push(SnapRow::Bare {
            file: file.name().clone(),
            state: "db sent by a leader",
            size_bytes: Some(file.size()),
            label: Label::Note,
        });
    }
    Some(SnapAnswer {
        table: Table::new(&COLUMNS, rows),
        findings,
        is_partial,
    })
}
