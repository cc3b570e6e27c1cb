//! Sums of keys by resource, namespace or folder.

use std::collections::HashMap;

use etcd_inspect::kubernetes::resources::Resource;
use etcd_inspect::member::{Mark, Objects, Reading, Space};
use etcd_inspect::mvcc::{Counts, KeyRange};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::{KeysArgs, Within};
use crate::output::{Cell, Column, Label, Tail, number, time};
use crate::ui::Ui;
use crate::view::View;

/// The sums of a group; the first column is the group's own.
macro_rules! sums {
    ($name:ident, $head:literal, $field:literal) => {
        static $name: [Column; 12] = [
            Column::left($head, $field),
            Column::right("KEYS", "keys"),
            Column::right("REVS", "revisions"),
            Column::right("DEL", "deleted"),
            Column::right("LIVE", "live_bytes"),
            Column::right("HISTORY", "history_bytes"),
            Column::right("%DB", "db_percent"),
            Column::left("LAST-WRITE~", "last_write"),
            Column::right("TOMBSTONES", "tombstones").wide(),
            Column::right("LAST-REV", "last_revision").wide(),
            Column::left("KIND", "kind").wide(),
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

/// Keys of a resource that are asked for their kind.
const TRIED: usize = 8;

/// What keys are summed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Group<'k> {
    Bytes(&'k [u8]),
    Cluster,
    Others,
}

pub(super) fn sums(
    args: &KeysArgs,
    view: &View<'_>,
    objects: &Objects<'_>,
    within: &Within<'_>,
    range: &KeyRange,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let keyspace = view.keyspace();
    let revision = view.revision(&args.at, ui)?;
    let layout = objects.layout();
    let depth = args.by_prefix.unwrap_or(1);
    let group = |key| -> Option<Group<'_>> {
        if !range.contains(key) || !within.has(key) {
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
    let groups: HashMap<Option<Group<'_>>, Counts> = match revision {
        None if args.by_resource && *range == KeyRange::all() && within.is_everything() => {
            let resource = |resource: Option<_>| resource.map_or(Group::Others, Group::Bytes);
            let of_folder = |folder| layout.resource_of_folder(folder);
            keyspace.counts_by_folder(
                |folder| of_folder(folder).map(|found| Some(resource(found))),
                group,
            )
        }
        None => keyspace.counts_by(group),
        // As of a revision: what was live then. What else the file held then cannot be known.
        Some(_) => {
            let mut groups: HashMap<Option<Group<'_>>, Counts> = HashMap::new();
            for version in keyspace.live(range, revision)?.iter() {
                let counts = groups.entry(group(version.key)).or_default();
                counts.keys += 1;
                counts.live_bytes = counts.live_bytes.saturating_add(version.stored_bytes);
                counts.last_revision = counts.last_revision.max(version.revision.main);
            }
            groups
        }
    };
    let space = match revision {
        None => {
            let mut all = Counts::default();
            groups.values().for_each(|counts| add(&mut all, counts));
            view.space_of(&all)?
        }
        Some(_) => view.space()?,
    };
    let mut groups: Vec<(Group<'_>, Counts)> = groups
        .into_iter()
        .filter_map(|(group, counts)| Some((group?, counts)))
        .collect();
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
    let written: Vec<Option<Mark>> = groups
        .iter()
        .map(|(_, counts)| objects.time_of(counts.last_revision))
        .collect();
    let newest = written.iter().flatten().map(|mark| mark.time).max();
    let zone = time::zone(ui.global.local);
    let mut total = Counts::default();
    let mut rows = ui.rows("keys", columns)?;
    rows.head("revision", keyspace.at(revision)?);
    for ((group, counts), mark) in groups.iter().zip(&written) {
        add(&mut total, counts);
        let (name, kind) = group.name(args.by_resource, objects);
        let mut row = vec![name.label(Label::Name)];
        row.extend(count_cells(counts, &space, revision.is_some()));
        row.insert(7, when(*mark, newest, &zone));
        row.push(kind.map(Cell::text).unwrap_or_default());
        row.push(group.path(args.by_resource));
        rows.push(row)?;
    }
    let stored = total.live_bytes.saturating_add(total.history_bytes);
    let mut fields = Map::new();
    if revision.is_none() {
        fields.insert("total".to_owned(), total_json(&total, &space));
    }
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

fn add(total: &mut Counts, counts: &Counts) {
    total.keys += counts.keys;
    total.revisions += counts.revisions;
    total.tombstones += counts.tombstones;
    total.deleted_keys += counts.deleted_keys;
    total.live_bytes += counts.live_bytes;
    total.history_bytes += counts.history_bytes;
    total.last_revision = total.last_revision.max(counts.last_revision);
}

/// The time in the newest write of a group, without its date where it is the day of the newest of all.
fn when(mark: Option<Mark>, newest: Option<Timestamp>, zone: &TimeZone) -> Cell {
    mark.map(|mark| {
        Cell::shown(
            time::short(mark.time, newest.unwrap_or(mark.time), zone),
            time::rfc3339(mark.time),
        )
    })
    .unwrap_or_default()
}

/// KEYS to %DB, TOMBSTONES and LAST-REV. In the past only what was live then is known.
fn count_cells(counts: &Counts, space: &Space, past: bool) -> [Cell; 8] {
    let stored = counts.live_bytes.saturating_add(counts.history_bytes);
    let now = |cell: Cell| if past { Cell::unknown() } else { cell };
    [
        Cell::number(counts.keys),
        now(Cell::number(counts.revisions)),
        now(Cell::number(counts.deleted_keys)),
        Cell::size(counts.live_bytes),
        now(Cell::size(counts.history_bytes)),
        Cell::percent(stored, space.size_bytes()),
        now(Cell::number(counts.tombstones)),
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

impl Group<'_> {
    /// The group's name, and for a resource its kind.
    fn name(&self, resource: bool, objects: &Objects<'_>) -> (Cell, Option<String>) {
        match self {
            Self::Bytes(path) if resource => resource_name(path, objects),
            Self::Bytes(b"") => (Cell::shown("(no slash)", ""), None),
            Self::Bytes(bytes) => (Cell::bytes(*bytes), None),
            Self::Cluster => (Cell::text(CLUSTER), None),
            Self::Others => (Cell::text(OTHERS), None),
        }
    }

    fn path(&self, resource: bool) -> Cell {
        match self {
            Self::Bytes(path) if resource => Cell::bytes(*path),
            _ => Cell::unknown(),
        }
    }
}

/// `services/specs` → `services`, `example.com/widgets` → `widgets.example.com`. Where neither the table nor a stored CRD
/// says what lies under a path, the newest value does.
fn resource_name(path: &[u8], objects: &Objects<'_>) -> (Cell, Option<String>) {
    let text = String::from_utf8_lossy(path);
    if let Some(resource) = Resource::at(&text) {
        return (Cell::text(resource.plural), Some(resource.kind.to_owned()));
    }
    let name = match text.split_once('/') {
        Some((group, plural)) => format!("{plural}.{group}"),
        None => text.to_string(),
    };
    if let Some(crd) = objects.layout().crd(&text) {
        return (Cell::text(name), Some(crd.kind.clone()));
    }
    match kind_of(&text, objects) {
        Some(kind) => (Cell::shown(format!("{name} ({kind})"), name), Some(kind)),
        None => (Cell::text(name), None),
    }
}

/// The kind that values below a registry path name.
fn kind_of(path: &str, objects: &Objects<'_>) -> Option<String> {
    objects.layout().prefixes().find_map(|prefix| {
        let range = KeyRange::prefix(format!("{prefix}/{path}/").as_bytes());
        let all = objects.keyspace().all(&range);
        let mut kinds = all.iter().take(TRIED).filter_map(|newest| {
            let records = objects.keyspace().records_of(newest.key);
            let put = records.iter().rfind(|version| !version.tombstone)?;
            let object = objects.json(&put, Reading::default()).ok()?;
            Some(object.get("kind")?.as_str()?.to_owned())
        });
        kinds.next()
    })
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
