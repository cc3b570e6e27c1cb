use std::path::PathBuf;

use etcd_inspect::snap::{SnapFile, SnapPart, Store, check};
use etcd_inspect::{Error, FileName, Severity};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::output::{Cell, Column, Label, Tail};
use crate::ui::Ui;

/// List raft snapshots (.snap): term and index, voters, what their v2 store says
///
/// A snapshot tells from which index etcd (up to 3.6) starts to replay the WAL. The data itself is in the db, not here.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect snap /copy/m1
  etcd-inspect snap -o json /copy/m1/member/snap/0000000000000003-00000000000000ca.snap")]
pub(crate) struct SnapArgs {
    /// Data directory, snap/ folder or one .snap file
    path: Option<PathBuf>,
}

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

pub(crate) fn run(args: &SnapArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let member = ui.member(args.path.as_deref())?;
    let mut findings = Vec::new();
    let snaps = member.snaps(&mut |finding| findings.push(finding));
    let received = member
        .evidence()
        .with_role(etcd_inspect::evidence::Role::SnapDb);
    if snaps.files.is_empty() && snaps.unreadable.is_empty() && received.is_empty() {
        return Err(Error::Missing {
            file: member.evidence().name().clone(),
            what: ".snap file (a member has none before its first --snapshot-count entries)",
        }
        .into());
    }
    let progress = ui.progress();
    let wal = member.wal_with(&*progress);
    if let Some(wal) = &wal {
        check::against_log(&snaps, wal.log(), wal.files(), &mut |finding| {
            findings.push(finding);
        });
    }
    let mut rows = ui.rows("snap", &COLUMNS)?;
    for snap in &snaps.files {
        let in_wal = wal.as_ref().map(|wal| {
            let same = |record: &etcd_inspect::wal::LogSnapshot| {
                (record.index, record.term) == (snap.index, snap.term)
            };
            wal.log().snapshots.iter().any(same)
        });
        rows.push(row(snap, in_wal))?;
    }
    for file in &snaps.unreadable {
        rows.push(bare(file, "unreadable", None, Label::Error))?;
    }
    for file in received {
        let size = Some(file.size());
        rows.push(bare(file.name(), "db sent by a leader", size, Label::Note))?;
    }
    rows.finish(Tail::default())?;
    for finding in &findings {
        let code = finding.code;
        let text = format!(
            "{} {}: {} ({})",
            code.id, code.title, finding.message, finding.place
        );
        if finding.severity >= Severity::Warning {
            ui.warn(text)?;
        } else {
            ui.note(text)?;
        }
    }
    let damaged = findings
        .iter()
        .any(|finding| finding.severity >= Severity::Warning);
    Ok(match (snaps.unreadable.is_empty(), damaged) {
        (false, _) => Exit::Partial,
        (true, damaged) => Exit::negative_if(damaged),
    })
}

fn row(snap: &SnapFile, in_wal: Option<bool>) -> Vec<Cell> {
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
    let members = known.map(|store| {
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
    });
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
        in_wal.map(Cell::flag).unwrap_or_default(),
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

/// A file of which only the name is known.
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
