mod sums;

use std::ffi::OsString;
use std::path::PathBuf;

use base64::Engine as _;
use etcd_inspect::member::Objects;
use etcd_inspect::mvcc::{KeyRange, Keyspace, Version};
use serde_json::Value;

use crate::at::At;
use crate::exit::Exit;
use crate::kube::{self, KubeArgs, LayoutArgs, Values};
use crate::output::{Cell, Column, Label, Tail, number};
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;
use crate::view::View;
use crate::what;

/// List the keys: all, one prefix, the deleted ones, or sums by resource or namespace
///
/// Sums count stored bytes: LIVE is the newest version of every key that exists, HISTORY all older versions and deletes that
/// compaction has not removed yet, %DB both of them in the file's size.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect keys --by-resource /copy/m1
  etcd-inspect keys --by-resource -n shop /copy/m1
  etcd-inspect keys --by-resource --sort-by history --limit 5 /copy/m1
  etcd-inspect keys --prefix /registry/pods/shop/ /copy/m1
  etcd-inspect keys --deleted /copy/m1           what was deleted, and what survives of it
  etcd-inspect keys --rev -1000 -o jsonl /copy/m1")]
pub(crate) struct KeysArgs {
    /// Data directory, db or snapshot
    path: Option<PathBuf>,
    /// Sums for every Kubernetes resource; keys outside Kubernetes are one row
    #[arg(long, group = "sums")]
    by_resource: bool,
    /// Sums for every namespace
    #[arg(long, group = "sums")]
    by_namespace: bool,
    /// Sums for folders of the key, at most N deep
    #[arg(long, value_name = "N", group = "sums")]
    by_prefix: Option<usize>,
    /// Only keys that begin so
    #[arg(long, value_name = "P")]
    prefix: Option<OsString>,
    /// Only keys of Kubernetes objects in this namespace
    #[arg(short, long, value_name = "NS")]
    namespace: Option<String>,
    /// Keys whose newest retained revision is a delete
    #[arg(long, conflicts_with_all = ["sums", "rev", "at"])]
    deleted: bool,
    #[command(flatten)]
    layout: LayoutArgs,
    /// With the values, Kubernetes objects decoded (-o jsonl)
    #[arg(long, conflicts_with = "sums")]
    values: bool,
    /// With --values: exactly what the stored bytes hold, without the resourceVersion that an API server adds
    #[arg(long, requires = "values", hide_short_help = true)]
    stored: bool,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    showing: Showing,
    #[command(flatten)]
    at: At,
}

static KEYS: [Column; 6] = [
    Column::left("KEY", "key"),
    Column::right("CREATED", "create_revision").wide(),
    Column::right("REV", "mod_revision"),
    Column::right("VERSION", "version"),
    Column::left("LEASE", "lease"),
    Column::right("SIZE", "value_bytes"),
];

static DELETED: [Column; 5] = [
    Column::left("KEY", "key"),
    Column::right("DELETED-AT", "deleted_revision"),
    Column::right("SURVIVING", "surviving_versions"),
    Column::right("NEWEST-REV", "newest_surviving_revision"),
    Column::right("SIZE", "newest_surviving_value_bytes"),
];

/// Which keys are meant beside the range: those of a namespace, or all.
struct Within<'q> {
    objects: &'q Objects<'q>,
    namespace: Option<&'q str>,
}

impl Within<'_> {
    /// Whether no key is left out.
    fn is_everything(&self) -> bool {
        self.namespace.is_none()
    }

    fn has(&self, key: &[u8]) -> bool {
        self.namespace.is_none_or(|namespace| {
            let parsed = self.objects.parse(key);
            parsed.is_some_and(|parsed| parsed.namespace == Some(namespace))
        })
    }
}

pub(crate) fn run(args: &KeysArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let member = ui.member(args.path.as_deref())?;
    let view = View::open(&member, args.at.side, ui)?;
    let range = match &args.prefix {
        Some(prefix) => KeyRange::prefix(&what::unescape(prefix)),
        None => KeyRange::all(),
    };
    let objects = kube::open(&member, view.keyspace(), &args.layout, &args.keys)?;
    let within = Within {
        objects: &objects,
        namespace: args.namespace.as_deref(),
    };
    if args.values {
        with_values(args, &view, &within, &range, ui)?;
    } else if args.deleted {
        deleted(&view.keyspace(), &within, &range, ui)?;
    } else if args.by_resource || args.by_namespace || args.by_prefix.is_some() {
        sums::sums(args, &view, &objects, &within, &range, ui)?;
    } else {
        let revision = view.revision(&args.at, ui)?;
        live(&view.keyspace(), &within, &range, revision, ui)?;
    }
    view.finish(ui)
}

/// Every key with its decoded value.
fn with_values(
    args: &KeysArgs,
    view: &View<'_>,
    within: &Within<'_>,
    range: &KeyRange,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let keyspace = view.keyspace();
    let revision = view.revision(&args.at, ui)?;
    let mask = args.showing.mask(false, ui)?;
    let kube = KubeArgs {
        stored: args.stored,
        ..KubeArgs::default()
    };
    let values = Values::new(within.objects, &kube, mask);
    let found = if args.deleted {
        keyspace.deleted(range)
    } else {
        keyspace.live(range, revision)?
    };
    let found = found.iter().filter(|version| within.has(version.key));
    super::get::rows("keys", found, &values, ui)
}

fn live(
    keyspace: &Keyspace<'_>,
    within: &Within<'_>,
    range: &KeyRange,
    revision: Option<i64>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let versions = keyspace.live(range, revision)?;
    let mut rows = ui.rows("keys", &KEYS)?;
    rows.head("revision", keyspace.at(revision)?);
    let (mut shown, mut all) = (0u64, 0u64);
    for version in versions.iter().filter(|version| within.has(version.key)) {
        all += 1;
        if rows.is_full() {
            continue;
        }
        shown += 1;
        rows.push(key_row(&version))?;
    }
    rows.skip(all.saturating_sub(shown));
    rows.finish(Tail {
        all: Some(format!("{} keys", number::thousands(all.into()))),
        ..Tail::default()
    })?;
    Ok(())
}

fn key_row(version: &Version<'_>) -> Vec<Cell> {
    let key = Cell::key(version.key).label(Label::Name);
    match version.key_value() {
        Ok(kv) => vec![
            key,
            Cell::number(kv.create_revision),
            Cell::number(kv.mod_revision),
            Cell::plain(kv.version),
            lease(kv.lease),
            Cell::size(kv.value.len() as u64),
        ],
        Err(flaw) => vec![
            key,
            Cell::unknown(),
            Cell::number(version.revision.main),
            Cell::unknown(),
            Cell::text(format!("unreadable: {}", flaw.what)).label(Label::Error),
            Cell::unknown(),
        ],
    }
}

/// A lease id; none is nothing to people and sixteen zeros to programs.
pub(crate) fn lease(id: i64) -> Cell {
    match id {
        0 => Cell::shown("", format!("{:016x}", 0)),
        id => Cell::id(id.cast_unsigned()),
    }
}

/// A key within a JSON array: text, or `{"b64": …}`.
pub(crate) fn json_key(key: &[u8]) -> Value {
    match std::str::from_utf8(key) {
        Ok(text) => Value::from(text),
        Err(_) => {
            serde_json::json!({ "b64": base64::engine::general_purpose::STANDARD.encode(key) })
        }
    }
}

fn deleted(
    keyspace: &Keyspace<'_>,
    within: &Within<'_>,
    range: &KeyRange,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let tombstones = keyspace.deleted(range);
    let found = || tombstones.iter().filter(|version| within.has(version.key));
    let mut rows = ui.rows("keys", &DELETED)?;
    rows.head("revision", keyspace.revision());
    for tombstone in found() {
        let records = keyspace.records_of(tombstone.key);
        let puts = || records.iter().filter(|version| !version.tombstone);
        let newest = puts().next_back();
        let value_bytes = newest
            .as_ref()
            .and_then(|version| Some(version.key_value().ok()?.value.len() as u64));
        rows.push(vec![
            Cell::key(tombstone.key).label(Label::Name),
            Cell::number(tombstone.revision.main),
            Cell::count(puts().count()),
            newest
                .map(|version| Cell::number(version.revision.main))
                .unwrap_or_default(),
            value_bytes.map(Cell::size).unwrap_or_default(),
        ])?;
    }
    rows.finish(Tail {
        all: Some(format!(
            "{} deleted keys",
            number::thousands(found().count() as i128)
        )),
        ..Tail::default()
    })?;
    Ok(())
}
