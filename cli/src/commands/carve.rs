//! `carve`.

use std::ffi::OsString;
use std::path::PathBuf;

use etcd_inspect::answers::values::{Shown, Values};
use etcd_inspect::answers::{Keyspace, Version};
use etcd_inspect::member::{Member, Objects, Reading};
use etcd_inspect::salvage::carve::{CarveState, Carved, Carvings, carve, carve_piece};

use crate::exit::Exit;
use crate::kube::LayoutArgs;
use crate::output::{Cell, Column, Format, Label, Rows, Tail, number};
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;
use crate::what;

/// List what is left beside tree and log: free pages, old WAL segments, .broken files
///
/// Also the cut tail of a log. bbolt never wipes a page, and etcd copies a log before it cuts it: what a commit replaced, and what compaction, a delete or a
/// repair removed, stays until its place is used again. Also read: cut-off leaves, page slack, the tree of the other meta page,
/// .snap.db and db.tmp files, v2 keys in .snap files. PATH may be a db without a usable meta page or bucket, or any piece of a
/// file or disk: it need not begin at a page.
///
/// STATE says what a record is to the store: a live copy, an older version, compacted, deleted, or unknown. REV of an entry is
/// computed as etcd would, from a point of which index and revision are known, else it is "-". PROOF (-o wide) is checksum if
/// the rolling checksum of the log covers the record, or form: it decodes, and its numbers agree.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect carve /copy/m1
  etcd-inspect carve --state deleted --prefix /registry/secrets/ /copy/m1
  etcd-inspect carve -o wide --sort-by source /copy/m1
  etcd-inspect carve -o jsonl piece-of-a-disk.bin
  etcd-inspect page --diff-metas /copy/m1     what the last commit changed")]
pub(crate) struct CarveArgs {
    /// Data directory, db, snapshot, or a piece of one
    path: Option<PathBuf>,
    /// Only keys that begin so
    #[arg(long, value_name = "P")]
    prefix: Option<OsString>,
    /// Only records of this state
    #[arg(long, value_name = "STATE")]
    state: Vec<StateArg>,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    showing: Showing,
}

/// `--state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum StateArg {
    /// A copy of the live version.
    LiveCopy,
    /// A copy of a version that the store has.
    OlderVersion,
    /// Removed by compaction; its key is live.
    Compacted,
    /// Its key is not live any more.
    Deleted,
    /// Not explained by the store.
    Unknown,
}

impl StateArg {
    fn state(self) -> CarveState {
        match self {
            Self::LiveCopy => CarveState::LiveCopy,
            Self::OlderVersion => CarveState::OlderVersion,
            Self::Compacted => CarveState::Compacted,
            Self::Deleted => CarveState::Deleted,
            Self::Unknown => CarveState::Unknown,
        }
    }
}

static COLUMNS: [Column; 16] = [
    Column::left("SRC", "source"),
    Column::right("REV", "revision"),
    Column::right("SUB", "sub").wide(),
    Column::left("OP", "op"),
    Column::left("KEY", "key"),
    Column::right("SIZE", "value_bytes"),
    Column::left("PLACE", "place").table_only(),
    Column::left("STATE", "state"),
    Column::left("PROOF", "proof").wide(),
    Column::json("file"),
    Column::right("PAGE", "page").wide(),
    Column::right("OFFSET", "offset").wide(),
    Column::right("INDEX", "raft_index").wide(),
    Column::json("conditional"),
    Column::json("object"),
    Column::json("value"),
];

pub(crate) fn run(args: &CarveArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let (member, is_piece) = ui.member_or_piece(args.path.as_deref())?;
    let carvings = if is_piece {
        ui.note("nothing of etcd is recognised at the start of this file: it is searched as a piece of one")?;
        carve_piece(member.db_file()?.bytes()?, &*ui.progress())
    } else {
        carve(&member, &*ui.progress())
    };
    ui.needs_log(&member);
    let found = carvings.overlay();
    let keyspace = keyspace(&member, is_piece, found.keyspace(), ui)?;
    let objects = objects(&member, keyspace, args)?;
    let mask = args.showing.mask(false, ui)?;
    let values = Values::new(&objects, Reading::default(), mask);
    let all = list(args, &carvings, &values, ui)?;
    if carvings.is_cut {
        ui.warn("bytes that claim each other again and again were not searched to the end")?;
    }
    if all == 0 {
        let log = ui.advice("etcd-inspect salvage {path} --dry-run");
        let why = why_nothing(args, &member, !carvings.is_empty(), &log);
        match ui.damage().is_empty() {
            true => ui.note(why)?,
            false => ui.note("nothing is left in what could be read")?,
        }
    }
    Ok(Exit::negative_if(all == 0))
}

/// Why nothing is listed, as far as the files say.
fn why_nothing(args: &CarveArgs, member: &Member, found_others: bool, log: &str) -> String {
    let has_log = !member.evidence().wal().is_empty();
    let left = match (
        member.evidence().db().is_some(),
        member.readable_keyspace().is_ok(),
    ) {
        _ if found_others => return "what is left is none of what was asked for".to_owned(),
        (false, _) if !has_log => return "there is no db, and no log".to_owned(),
        (false, _) => "there is no db",
        (true, false) => "no record is in what is left of the db",
        _ if args.prefix.is_some() || !args.state.is_empty() => {
            return "nothing that was asked for is left: pages were used again, or the db was defragmented".to_owned();
        }
        (true, true) => {
            return "nothing is left: pages were used again, or the db was defragmented".to_owned();
        }
    };
    match has_log {
        true => format!("{left}, and nothing beside the log; what the log itself has: {log}"),
        false => left.to_owned(),
    }
}

/// The store that tells how keys are read: that of the db, or what was carved if the db cannot be read.
fn keyspace<'k>(
    member: &'k Member,
    is_piece: bool,
    found: Keyspace<'k>,
    ui: &mut Ui,
) -> anyhow::Result<Keyspace<'k>> {
    if is_piece || member.evidence().db().is_none() {
        return Ok(found);
    }
    match member.keyspace() {
        Ok(answer) => Ok(ui.take(answer)),
        Err(error) => {
            ui.warn(format!(
                "{error}: what a record is to the store is not known"
            ))?;
            Ok(found)
        }
    }
}

fn objects<'k>(
    member: &Member,
    keyspace: Keyspace<'k>,
    args: &CarveArgs,
) -> anyhow::Result<Objects<'k>> {
    let keyring = args.keys.keyring()?;
    let evidence = member.evidence();
    let name = evidence.db().map_or(evidence.name(), |file| file.name());
    let limits = &member.options().evidence.limits;
    let layout = args.layout.layout();
    Ok(Objects::new(keyspace, name, layout, keyring, limits))
}

/// Prints what was asked for, and returns how much that is.
fn list(
    args: &CarveArgs,
    carvings: &Carvings<'_>,
    values: &Values<'_, '_>,
    ui: &mut Ui,
) -> anyhow::Result<u64> {
    let prefix = args.prefix.as_deref().map(what::unescape);
    let wanted = |carved: &Carved<'_>| {
        prefix
            .as_deref()
            .is_none_or(|prefix| carved.key.starts_with(prefix))
            && (args.state.is_empty() || args.state.iter().any(|s| s.state() == carved.state))
    };
    let tables = !matches!(
        ui.global.format(),
        Format::Json | Format::Jsonl | Format::Yaml
    );
    let (mut all, mut bytes) = (0u64, 0u64);
    let mut rows = Rows::begin(ui, "carve", &COLUMNS)?;
    for carved in carvings.iter().filter(wanted) {
        all = all.saturating_add(1);
        bytes = bytes.saturating_add(carved.message.len() as u64);
        if rows.is_full() {
            rows.skip(1);
            continue;
        }
        rows.push(row(&carved, values, tables))?;
    }
    rows.finish(Tail {
        all: Some(format!(
            "{} records, {} bytes",
            number::thousands(all.into()),
            number::thousands(bytes.into())
        )),
        ..Tail::default()
    })?;
    Ok(all)
}

fn row(carved: &Carved<'_>, values: &Values<'_, '_>, tables: bool) -> Vec<Cell> {
    let version = Version {
        key: carved.key,
        revision: carved.revision.unwrap_or_default(),
        tombstone: carved.tombstone,
        offset: carved.place.offset,
        stored_bytes: carved.message.len() as u64,
        message: carved.message,
    };
    let kv = version.key_value().unwrap_or_default();
    let shown = (!tables && !carved.tombstone).then(|| values.shown(&version, &kv));
    let (object, value) = match shown {
        Some(Shown::Object(object)) => (Cell::shown("", *object), Cell::unknown()),
        Some(Shown::Hidden(text)) => (Cell::unknown(), Cell::text(text)),
        Some(Shown::Bytes(bytes)) => (Cell::unknown(), Cell::bytes(bytes.into_owned())),
        None => (Cell::unknown(), Cell::unknown()),
    };
    let label = match carved.state {
        CarveState::Deleted | CarveState::Unknown => Label::Warning,
        _ => Label::Dim,
    };
    let op = match (carved.tombstone, carved.conditional) {
        (false, false) => Cell::text("put"),
        (false, true) => Cell::shown("put?", "put").label(Label::Note),
        (true, false) => Cell::text("delete"),
        (true, true) => Cell::shown("delete?", "delete").label(Label::Note),
    };
    let optional = |number: Option<u64>| number.map(Cell::plain).unwrap_or_default();
    let revision = |cell: fn(i64) -> Cell, number: Option<i64>| match number {
        Some(number) => cell(number),
        None => Cell::shown("-", serde_json::Value::Null),
    };
    vec![
        Cell::text(carved.origin.as_str()),
        revision(Cell::number, carved.revision.map(|revision| revision.main)),
        revision(Cell::plain, carved.revision.map(|revision| revision.sub)),
        op,
        Cell::key(carved.key).label(Label::Name),
        if carved.tombstone {
            Cell::unknown()
        } else {
            Cell::size(kv.value.len() as u64)
        },
        Cell::text(carved.place.to_string()),
        Cell::text(carved.state.as_str()).label(label),
        Cell::text(carved.proof.as_str()),
        Cell::text(carved.place.file.as_str()),
        optional(carved.place.page),
        optional(carved.place.offset),
        carved.index.map(Cell::plain).unwrap_or_default(),
        Cell::shown("", carved.conditional),
        object,
        value,
    ]
}
