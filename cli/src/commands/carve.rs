//! `carve`.

use std::ffi::OsString;
use std::path::PathBuf;

use etcd_inspect::answers::Version;
use etcd_inspect::answers::values::{Shown, Values};
use etcd_inspect::member::Reading;
use etcd_inspect::salvage::carve::{CarveOrigin, CarveState, Carved, carve};

use crate::exit::Exit;
use crate::kube::{self, LayoutArgs};
use crate::output::{Cell, Column, Format, Label, Rows, Tail, number};
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;
use crate::view::View;
use crate::what;

/// List records that no tree reaches: in free pages, cut-off leaves, page slack
///
/// bbolt never wipes a page: what a commit replaced, and what compaction or a delete removed, stays until the page is used
/// again. STATE says what a record is to the store: a live copy, an older version, compacted, deleted, or unknown. The commit
/// before the last one is in the tree of the other meta page: --last-commit lists only what the last commit changed.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect carve /copy/m1
  etcd-inspect carve --state deleted --prefix /registry/secrets/ /copy/m1
  etcd-inspect carve --last-commit /copy/m1
  etcd-inspect carve -o jsonl /copy/m1")]
pub(crate) struct CarveArgs {
    /// Data directory, db or snapshot
    path: Option<PathBuf>,
    /// Only keys that begin so
    #[arg(long, value_name = "P")]
    prefix: Option<OsString>,
    /// Only records of this state
    #[arg(long, value_name = "STATE")]
    state: Vec<StateArg>,
    /// What the last commit changed: records that only one of the two meta pages' trees has
    #[arg(long)]
    last_commit: bool,
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

static COLUMNS: [Column; 12] = [
    Column::left("SRC", "source"),
    Column::right("REV", "revision"),
    Column::right("SUB", "sub").wide(),
    Column::left("OP", "op"),
    Column::left("KEY", "key"),
    Column::right("SIZE", "value_bytes"),
    Column::left("PLACE", "place").table_only(),
    Column::left("STATE", "state"),
    Column::right("PAGE", "page").wide(),
    Column::right("OFFSET", "offset").wide(),
    Column::json("object"),
    Column::json("value"),
];

pub(crate) fn run(args: &CarveArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let member = ui.member(args.path.as_deref())?;
    let view = View::open(&member, crate::at::Side::default(), ui)?;
    let objects = kube::open(&member, view.keyspace(), &args.layout, &args.keys)?;
    let mask = args.showing.mask(false, ui)?;
    let values = Values::new(&objects, Reading::default(), mask);
    let carvings = carve(&member, &*ui.progress())?;
    let prefix = args.prefix.as_deref().map(what::unescape);
    let wanted = |carved: &Carved<'_>| {
        prefix
            .as_deref()
            .is_none_or(|prefix| carved.key.starts_with(prefix))
            && (args.state.is_empty() || args.state.iter().any(|s| s.state() == carved.state))
            && (!args.last_commit || carved.origin == CarveOrigin::OtherMeta)
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
        rows.push(row(&carved, &values, tables))?;
    }
    rows.finish(Tail {
        all: Some(format!(
            "{} records, {} bytes",
            number::thousands(all.into()),
            number::thousands(bytes.into())
        )),
        ..Tail::default()
    })?;
    if all == 0 {
        ui.note("nothing that was asked for is left in free pages: they were used again, or the db was defragmented")?;
    }
    Ok(Exit::negative_if(all == 0))
}

fn row(carved: &Carved<'_>, values: &Values<'_, '_>, tables: bool) -> Vec<Cell> {
    let version = Version {
        key: carved.key,
        revision: carved.revision,
        tombstone: carved.tombstone,
        offset: carved.place.offset,
        stored_bytes: carved.message.len() as u64,
        message: &carved.message,
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
    let optional = |number: Option<u64>| number.map(Cell::plain).unwrap_or_default();
    vec![
        Cell::text(carved.origin.as_str()),
        Cell::number(carved.revision.main),
        Cell::number(carved.revision.sub),
        Cell::text(if carved.tombstone { "delete" } else { "put" }),
        Cell::key(carved.key).label(Label::Name),
        Cell::size(kv.value.len() as u64),
        Cell::text(carved.place.to_string()),
        Cell::text(carved.state.as_str()).label(label),
        optional(carved.place.page),
        optional(carved.place.offset),
        object,
        value,
    ]
}
