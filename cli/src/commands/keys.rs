use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;

use base64::Engine as _;
use etcd_inspect::kubernetes::key::Layout;
use etcd_inspect::member::{Member, Space};
use etcd_inspect::mvcc::{Counts, KeyRange, Keyspace, Version};
use serde_json::{Map, Value};

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
    /// Keys whose newest retained revision is a delete
    #[arg(long, conflicts_with_all = ["sums", "rev"])]
    deleted: bool,
    /// Where kube-apiserver keeps its keys (its flag --etcd-prefix); default: detected
    #[arg(long, value_name = "P", hide_short_help = true)]
    etcd_prefix: Option<String>,
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

/// The sums of a group; the first column is the group's own.
macro_rules! sums {
    ($name:ident, $head:literal, $field:literal) => {
        static $name: [Column; 10] = [
            Column::left($head, $field),
            Column::right("KEYS", "keys"),
            Column::right("REVS", "revisions"),
            Column::right("DEL", "deleted"),
            Column::right("LIVE", "live_bytes"),
            Column::right("HISTORY", "history_bytes"),
            Column::right("%DB", "db_percent"),
            Column::right("TOMBSTONES", "tombstones").wide(),
            Column::right("LAST-REV", "last_revision").wide(),
            Column::json("path"),
        ];
    };
}
sums!(BY_RESOURCE, "RESOURCE", "resource");
sums!(BY_NAMESPACE, "NAMESPACE", "namespace");
sums!(BY_PREFIX, "PREFIX", "prefix");

/// The row of keys that Kubernetes did not write.
const OTHERS: &str = "(non-k8s)";

/// The row of objects that belong to no namespace.
const CLUSTER: &str = "(cluster)";

pub(crate) fn run(args: &KeysArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let member = ui.member(args.path.as_deref())?;
    let view = View::open(&member, args.at.side, ui)?;
    let keyspace = view.keyspace();
    let range = match &args.prefix {
        Some(prefix) => KeyRange::prefix(&what::unescape(prefix)),
        None => KeyRange::all(),
    };
    if args.values {
        return with_values(args, &member, &view, &range, ui);
    }
    if args.deleted {
        deleted(&keyspace, &range, ui)?;
    } else if args.by_resource || args.by_namespace || args.by_prefix.is_some() {
        let layout = match &args.etcd_prefix {
            Some(prefix) => Layout::with_prefixes([prefix.as_str()]),
            None => view.layout()?,
        };
        sums(args, &view, &layout, &range, ui)?;
    } else {
        let revision = view.revision(&args.at, ui)?;
        live(&keyspace, &range, revision, ui)?;
    }
    view.finish(ui)
}

/// Every key with its decoded value.
fn with_values(
    args: &KeysArgs,
    member: &Member,
    view: &View<'_>,
    range: &KeyRange,
    ui: &mut Ui,
) -> anyhow::Result<Exit> {
    let keyspace = view.keyspace();
    let revision = view.revision(&args.at, ui)?;
    let layout = LayoutArgs {
        etcd_prefix: args.etcd_prefix.iter().cloned().collect(),
    };
    let objects = kube::open(member, keyspace, &layout, &args.keys)?;
    let mask = args.showing.mask(false, ui)?;
    let kube = KubeArgs {
        stored: args.stored,
        ..KubeArgs::default()
    };
    let values = Values::new(&objects, &kube, mask);
    let found = if args.deleted {
        keyspace.deleted(range)
    } else {
        keyspace.live(range, revision)?
    };
    super::get::rows("keys", found.iter(), &values, ui)?;
    view.finish(ui)
}

fn live(
    keyspace: &Keyspace<'_>,
    range: &KeyRange,
    revision: Option<i64>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let versions = keyspace.live(range, revision)?;
    let mut rows = ui.rows("keys", &KEYS)?;
    rows.head("revision", keyspace.at(revision)?);
    let (mut shown, mut value_bytes) = (0, 0u64);
    for version in versions.iter() {
        if rows.is_full() {
            break;
        }
        shown += 1;
        rows.push(key_row(&version, &mut value_bytes))?;
    }
    rows.skip((versions.len() as u64).saturating_sub(shown));
    rows.finish(Tail {
        all: Some(format!(
            "{} keys",
            number::thousands(versions.len() as i128)
        )),
        ..Tail::default()
    })?;
    Ok(())
}

fn key_row(version: &Version<'_>, value_bytes: &mut u64) -> Vec<Cell> {
    let key = Cell::bytes(version.key).label(Label::Name);
    match version.key_value() {
        Ok(kv) => {
            *value_bytes += kv.value.len() as u64;
            vec![
                key,
                Cell::number(kv.create_revision),
                Cell::number(kv.mod_revision),
                Cell::plain(kv.version),
                lease(kv.lease),
                Cell::size(kv.value.len() as u64),
            ]
        }
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

fn deleted(keyspace: &Keyspace<'_>, range: &KeyRange, ui: &mut Ui) -> anyhow::Result<()> {
    let tombstones = keyspace.deleted(range);
    let mut rows = ui.rows("keys", &DELETED)?;
    rows.head("revision", keyspace.revision());
    for tombstone in tombstones.iter() {
        let records = keyspace.records_of(tombstone.key);
        let puts = || records.iter().filter(|version| !version.tombstone);
        let newest = puts().next_back();
        let value_bytes = newest
            .as_ref()
            .and_then(|version| Some(version.key_value().ok()?.value.len() as u64));
        rows.push(vec![
            Cell::bytes(tombstone.key).label(Label::Name),
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
            number::thousands(tombstones.len() as i128)
        )),
        ..Tail::default()
    })?;
    Ok(())
}

fn sums(
    args: &KeysArgs,
    view: &View<'_>,
    layout: &Layout,
    range: &KeyRange,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let keyspace = view.keyspace();
    let depth = args.by_prefix.unwrap_or(1);
    let group = |key| -> Option<Group<'_>> {
        if !range.contains(key) {
            return None;
        }
        Some(if args.by_resource {
            layout.resource(key).map_or(Group::Others, Group::Bytes)
        } else if args.by_namespace {
            match layout.parse(key) {
                Some(parsed) => parsed
                    .namespace
                    .map_or(Group::Cluster, |name| Group::Bytes(name.as_bytes())),
                None => Group::Others,
            }
        } else {
            Group::Bytes(first_parts(key, depth))
        })
    };
    let mut groups: HashMap<Option<Group<'_>>, Counts> = keyspace.counts_by(group);
    groups.remove(&None);
    let mut groups: Vec<(Group<'_>, Counts)> = groups
        .into_iter()
        .filter_map(|(group, counts)| Some((group?, counts)))
        .collect();
    let space = view.space()?;
    // The largest first; equal ones by name, so that two runs agree.
    groups.sort_by(|(a, one), (b, other)| {
        let bytes = |counts: &Counts| counts.live_bytes.saturating_add(counts.history_bytes);
        bytes(other).cmp(&bytes(one)).then(a.cmp(b))
    });
    let columns = match (args.by_resource, args.by_namespace) {
        (true, _) => &BY_RESOURCE,
        (_, true) => &BY_NAMESPACE,
        _ => &BY_PREFIX,
    };
    let mut total = Counts::default();
    let mut rows = ui.rows("keys", columns)?;
    rows.head("revision", keyspace.revision());
    for (group, counts) in &groups {
        total.keys += counts.keys;
        total.revisions += counts.revisions;
        total.tombstones += counts.tombstones;
        total.deleted_keys += counts.deleted_keys;
        total.live_bytes += counts.live_bytes;
        total.history_bytes += counts.history_bytes;
        total.last_revision = total.last_revision.max(counts.last_revision);
        let mut row = vec![group.cell(args.by_resource, layout).label(Label::Name)];
        row.extend(count_cells(counts, &space));
        row.push(group.path(args.by_resource));
        rows.push(row)?;
    }
    let stored = total.live_bytes.saturating_add(total.history_bytes);
    let mut fields = Map::new();
    fields.insert("total".to_owned(), total_json(&total, &space));
    rows.finish(Tail {
        fields,
        all: Some(format!(
            "{} keys, {}, {} of the file",
            number::thousands(total.keys.into()),
            number::size(stored),
            number::percent(stored, space.size_bytes())
        )),
    })?;
    Ok(())
}

fn count_cells(counts: &Counts, space: &Space) -> [Cell; 8] {
    let stored = counts.live_bytes.saturating_add(counts.history_bytes);
    [
        Cell::number(counts.keys),
        Cell::number(counts.revisions),
        Cell::number(counts.deleted_keys),
        Cell::size(counts.live_bytes),
        Cell::size(counts.history_bytes),
        Cell::percent(stored, space.size_bytes()),
        Cell::number(counts.tombstones),
        Cell::number(counts.last_revision),
    ]
}

fn total_json(total: &Counts, space: &Space) -> Value {
    serde_json::json!({
        "keys": total.keys,
        "revisions": total.revisions,
        "deleted": total.deleted_keys,
        "tombstones": total.tombstones,
        "live_bytes": total.live_bytes,
        "history_bytes": total.history_bytes,
        "tree_bytes": space.tree_bytes,
        "free_bytes": space.free_bytes,
        "outside_bytes": space.outside_bytes,
        "size_bytes": space.size_bytes(),
    })
}

/// What keys are summed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Group<'k> {
    Bytes(&'k [u8]),
    Cluster,
    Others,
}

impl Group<'_> {
    fn cell(&self, resource: bool, layout: &Layout) -> Cell {
        match self {
            Self::Bytes(path) if resource => Cell::text(resource_name(path, layout)),
            Self::Bytes(b"") => Cell::shown("(no slash)", ""),
            Self::Bytes(bytes) => Cell::bytes(*bytes),
            Self::Cluster => Cell::text(CLUSTER),
            Self::Others => Cell::text(OTHERS),
        }
    }

    fn path(&self, resource: bool) -> Cell {
        match self {
            Self::Bytes(path) if resource => Cell::bytes(*path),
            _ => Cell::unknown(),
        }
    }
}

/// `services/specs` → `services`, `example.com/widgets` → `widgets.example.com`.
fn resource_name(path: &[u8], _layout: &Layout) -> String {
    let path = String::from_utf8_lossy(path);
    match etcd_inspect::kubernetes::resources::Resource::at(&path) {
        Some(resource) => resource.plural.to_owned(),
        None => match path.split_once('/') {
            Some((group, plural)) => format!("{plural}.{group}"),
            None => path.into_owned(),
        },
    }
}

/// The folder of a key, at most `depth` deep: `/registry/pods/` is two deep. A key without a slash has none.
fn first_parts(key: &[u8], depth: usize) -> &[u8] {
    let from = usize::from(key.first() == Some(&b'/'));
    let slashes = key
        .iter()
        .enumerate()
        .skip(from)
        .filter(|(_, byte)| **byte == b'/');
    let end = slashes.take(depth).last().map_or(from, |(at, _)| at + 1);
    key.get(..end).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_count_the_parts_between_slashes() {
        assert_eq!(first_parts(b"/registry/pods/a/b", 1), b"/registry/");
        assert_eq!(first_parts(b"/registry/pods/a/b", 2), b"/registry/pods/");
        assert_eq!(first_parts(b"a/b/c", 1), b"a/");
        assert_eq!(first_parts(b"/plain/k1", 5), b"/plain/");
        assert_eq!(first_parts(b"/top", 1), b"/");
        assert_eq!(first_parts(b"plain", 1), b"");
        assert_eq!(first_parts(b"", 3), b"");
    }
}
