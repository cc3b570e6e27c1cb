//! Sums of keys by resource, namespace or folder.

use std::collections::HashMap;

use jiff::Timestamp;
use located::text::number::{percent, size, thousands};
use serde_json::Value;

use super::keys::Within;
use super::{Cell, Column, Label, Row, Table};
use crate::clock::WriteTime;
use crate::kubernetes::key::group_and_plural;
use crate::kubernetes::resources::Resource;
use crate::member::{Objects, Reading, Space};
use crate::mvcc::{Counts, KeyRange};
use located::Error;

/// The sums of a group; the first columns are the group's own.
macro_rules! sums {
    ($name:ident, $count:literal, $(($head:literal, $field:literal)),+) => {
        static $name: [Column; $count] = [
            $(Column::left($head, $field),)+
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
sums!(BY_RESOURCE, 12, ("RESOURCE", "resource"));
sums!(BY_NAMESPACE, 12, ("NAMESPACE", "namespace"));
sums!(BY_PREFIX, 12, ("PREFIX", "prefix"));
// Several API servers share the etcd: each has a prefix of its own.
sums!(
    BY_SERVER_AND_RESOURCE,
    13,
    ("PREFIX", "prefix"),
    ("RESOURCE", "resource")
);
sums!(
    BY_SERVER_AND_NAMESPACE,
    13,
    ("PREFIX", "prefix"),
    ("NAMESPACE", "namespace")
);

/// The row of keys that Kubernetes did not write.
const OTHERS: &str = "(non-k8s)";

/// The row of objects that belong to no namespace.
const CLUSTER: &str = "(cluster)";

/// Keys of a resource that are asked for their kind.
const TRIED: usize = 8;

/// The group that a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Group<'k> {
    /// A folder of keys.
    Folder(&'k [u8]),
    /// Objects of the API server with this prefix: of a resource or a namespace; `None` if they belong to no namespace.
    Objects {
        prefix: &'k str,
        of: Option<&'k [u8]>,
    },
    /// Keys that Kubernetes did not write.
    Others,
}

/// What keys are summed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The resource of a Kubernetes object.
    Resource,
    /// Its namespace.
    Namespace,
    /// The folder of the key, at most so many deep.
    Prefix(usize),
}

impl By {
    /// The columns; `shared` if API servers with prefixes of their own share the etcd.
    fn columns(self, shared: bool) -> &'static [Column] {
        match (self, shared) {
            (Self::Resource, false) => &BY_RESOURCE,
            (Self::Resource, true) => &BY_SERVER_AND_RESOURCE,
            (Self::Namespace, false) => &BY_NAMESPACE,
            (Self::Namespace, true) => &BY_SERVER_AND_NAMESPACE,
            (Self::Prefix(_), _) => &BY_PREFIX,
        }
    }
}

/// The sums of one group of keys.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SumRow {
    /// The prefix of the API server, if several share the etcd; unknown for keys that are not of Kubernetes.
    prefix: Option<Cell>,
    name: Cell,
    path: Cell,
    /// The kind of the resource, if the group is one and its kind is known.
    pub kind: Option<String>,
    /// Keys, revisions and bytes; only those of live keys if `past`.
    pub counts: Counts,
    /// The time in the newest write of the group.
    pub last_write: Option<Timestamp>,
    /// The newest of these times of all groups.
    newest: Option<Timestamp>,
    /// Size of the db file in bytes; `None` if the keys are of the log.
    pub db_bytes: Option<u64>,
    /// Whether the sums are those of a past revision: only what was live then is known.
    pub past: bool,
}

impl SumRow {
    /// The name of the group, as people read it.
    pub fn name(&self) -> String {
        self.name.human(&super::Style::default()).into_owned()
    }
}

impl Row for SumRow {
    fn cells(&self) -> Vec<Cell> {
        let counts = &self.counts;
        let stored = counts.live_bytes.saturating_add(counts.history_bytes);
        let now = |cell: Cell| if self.past { Cell::unknown() } else { cell };
        let when = |at| Cell::moment_near(at, self.newest);
        let mut cells: Vec<Cell> = self.prefix.iter().cloned().collect();
        cells.extend([
            self.name.clone().label(Label::Name),
            Cell::number(counts.keys),
            now(Cell::number(counts.revisions)),
            now(Cell::number(counts.deleted_keys)),
            Cell::size(counts.live_bytes),
            now(Cell::size(counts.history_bytes)),
            self.db_bytes
                .map_or_else(Cell::unknown, |bytes| Cell::percent(stored, bytes)),
            self.last_write.map(when).unwrap_or_default(),
            now(Cell::number(counts.tombstones)),
            Cell::number(counts.last_revision),
            self.kind.as_deref().map(Cell::text).unwrap_or_default(),
            self.path.clone(),
        ]);
        cells
    }
}

/// Sums of the keys of a range, the largest group first. `space` gives where the bytes of the db are, of the counts of all keys if
/// those were counted anyway; `None` if the keys are of the log.
///
/// # Errors
/// As [`Keyspace::at`](crate::mvcc::Keyspace::at), and those of `space`.
pub fn sums(
    objects: &Objects<'_>,
    within: &Within<'_, '_>,
    range: &KeyRange,
    by: By,
    revision: Option<i64>,
    space: impl FnOnce(Option<&Counts>) -> Result<Option<Space>, Error>,
) -> Result<Table<SumRow>, Error> {
    let keyspace = objects.keyspace();
    let groups = counted(objects, within, range, by, revision)?;
    let space = match revision {
        None => {
            let mut all = Counts::default();
            groups.values().for_each(|counts| add(&mut all, counts));
            space(Some(&all))?
        }
        Some(_) => space(None)?,
    };
    let db_bytes = space.map(|space| space.size_bytes());
    let groups = largest_first(groups);
    let revisions: Vec<i64> = groups.iter().map(|(_, one)| one.last_revision).collect();
    let clock = within.dating.clock(objects, &revisions);
    let times = revisions.iter().map(|revision| clock.time_of(*revision));
    let written: Vec<Option<WriteTime>> = times.collect();
    let newest = written.iter().flatten().map(|mark| mark.time).max();
    let of_resources = by == By::Resource;
    let shared = are_shared(groups.iter().map(|(group, _)| group));
    let mut total = Counts::default();
    let mut rows = Vec::with_capacity(groups.len());
    for ((group, counts), mark) in groups.iter().zip(&written) {
        add(&mut total, counts);
        let (name, kind) = group.name(of_resources, objects);
        rows.push(SumRow {
            prefix: shared.then(|| group.prefix()),
            name,
            path: group.path(of_resources),
            kind,
            counts: *counts,
            last_write: mark.map(|mark| mark.time),
            newest,
            db_bytes,
            past: revision.is_some(),
        });
    }
    let stored = total.live_bytes.saturating_add(total.history_bytes);
    let share = db_bytes.map(|bytes| format!(", {} of the file", percent(stored, bytes)));
    let table = Table::new(by.columns(shared), rows)
        .head("revision", keyspace.at(revision)?)
        .all(format!(
            "{} keys, {}{}",
            thousands(total.keys.into()),
            size(stored),
            share.unwrap_or_default()
        ));
    Ok(match revision {
        None => table.tail("total", total_json(&total, space.as_ref())),
        Some(_) => table,
    })
}

/// The groups that are asked for, the largest first; equal ones by name, so that two runs agree.
fn largest_first(groups: HashMap<Option<Group<'_>>, Counts>) -> Vec<(Group<'_>, Counts)> {
    let mut groups: Vec<(Group<'_>, Counts)> = groups
        .into_iter()
        .filter_map(|(group, counts)| Some((group?, counts)))
        .collect();
    groups.sort_by(|(a, one), (b, other)| {
        let bytes = |counts: &Counts| counts.live_bytes.saturating_add(counts.history_bytes);
        bytes(other).cmp(&bytes(one)).then(a.cmp(b))
    });
    groups
}

/// What the keys of every group sum up to; `None` is the group of the keys that are not asked for.
fn counted<'a>(
    objects: &'a Objects<'a>,
    within: &Within<'_, '_>,
    range: &KeyRange,
    by: By,
    revision: Option<i64>,
) -> Result<HashMap<Option<Group<'a>>, Counts>, Error> {
    let keyspace = objects.keyspace();
    let layout = objects.layout();
    let resource = |key: &'a [u8], path: Option<&'a [u8]>| match path {
        Some(path) => Group::Objects {
            prefix: layout.prefix_of(key).unwrap_or_default(),
            of: Some(path),
        },
        None => Group::Others,
    };
    let group = |key: &'a [u8]| -> Option<Group<'a>> {
        if !range.contains(key) || !within.has(key) {
            return None;
        }
        Some(match by {
            By::Resource => resource(key, layout.resource(key)),
            By::Namespace => match layout.parse(key) {
                Some(parsed) => Group::Objects {
                    prefix: parsed.prefix,
                    of: parsed.namespace.map(str::as_bytes),
                },
                None => Group::Others,
            },
            By::Prefix(depth) => Group::Folder(first_parts(key, depth)),
        })
    };
    let whole = *range == KeyRange::all() && within.is_everything();
    Ok(match revision {
        None if by == By::Resource && whole => {
            let of_folder = |folder| {
                let path = layout.resource_of_folder(folder)?;
                Some(Some(resource(folder, path)))
            };
            keyspace.counts_by_folder(of_folder, group)
        }
        None => keyspace.counts_by(group),
        // As of a revision: what was live then. What else the file held then cannot be known.
        Some(_) => {
            let mut groups: HashMap<Option<Group<'_>>, Counts> = HashMap::new();
            for version in keyspace.live(range, revision)?.iter() {
                let counts = groups.entry(group(version.key)).or_default();
                counts.keys = counts.keys.saturating_add(1);
                counts.live_bytes = counts.live_bytes.saturating_add(version.stored_bytes);
                counts.last_revision = counts.last_revision.max(version.revision.main);
            }
            groups
        }
    })
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

fn total_json(total: &Counts, space: Option<&Space>) -> Value {
    let of_file = |bytes: fn(&Space) -> u64| space.map(bytes);
    let mut sums = serde_json::json!({
        "keys": total.keys,
        "revisions": total.revisions,
        "deleted": total.deleted_keys,
        "tombstones": total.tombstones,
        "live_bytes": total.live_bytes,
        "history_bytes": total.history_bytes,
        "tree_bytes": of_file(|space| space.tree_bytes),
        "free_bytes": of_file(|space| space.free_bytes),
        "outside_bytes": of_file(|space| space.outside_bytes),
        "size_bytes": of_file(Space::size_bytes),
    });
    let unknown = space.filter(|space| !space.is_known());
    if let (Some(space), Some(sums)) = (unknown, sums.as_object_mut()) {
        sums.insert("unknown_bytes".to_owned(), space.unknown_bytes.into());
    }
    sums
}

/// Whether there are objects of several API servers: each has a prefix of its own.
fn are_shared<'k>(groups: impl Iterator<Item = &'k Group<'k>>) -> bool {
    let mut prefixes = groups.filter_map(|group| match group {
        Group::Objects { prefix, .. } => Some(*prefix),
        _ => None,
    });
    let first = prefixes.next();
    prefixes.any(|prefix| Some(prefix) != first)
}

impl Group<'_> {
    /// The group's name, and for a resource its kind.
    fn name(&self, resource: bool, objects: &Objects<'_>) -> (Cell, Option<String>) {
        match self {
            Self::Objects {
                prefix,
                of: Some(path),
            } if resource => resource_name(prefix, path, objects),
            Self::Objects { of: Some(name), .. } => (Cell::bytes(*name), None),
            Self::Objects { of: None, .. } => (Cell::text(CLUSTER), None),
            Self::Folder(b"") => (Cell::shown("(no slash)", ""), None),
            Self::Folder(bytes) => (Cell::bytes(*bytes), None),
            Self::Others => (Cell::text(OTHERS), None),
        }
    }

    /// The prefix of the API server.
    fn prefix(&self) -> Cell {
        match self {
            Self::Objects { prefix, .. } => Cell::bytes(prefix.as_bytes()),
            _ => Cell::unknown(),
        }
    }

    fn path(&self, resource: bool) -> Cell {
        match self {
            Self::Objects { of: Some(path), .. } if resource => Cell::bytes(*path),
            _ => Cell::unknown(),
        }
    }
}

/// `services/specs` → `services`, `example.com/widgets` → `widgets.example.com`. If neither the table nor a stored CRD
/// names the resource of a path, the newest value does.
fn resource_name(prefix: &str, path: &[u8], objects: &Objects<'_>) -> (Cell, Option<String>) {
    let text = String::from_utf8_lossy(path);
    if let Some(resource) = Resource::by_path(&text) {
        return (Cell::text(resource.plural), Some(resource.kind.to_owned()));
    }
    let name = match group_and_plural(&text) {
        ("", plural) => plural.to_owned(),
        (group, plural) => format!("{plural}.{group}"),
    };
    if let Some(crd) = objects.layout().crd(&text) {
        return (Cell::text(name), Some(crd.kind.clone()));
    }
    match kind_of(prefix, &text, objects) {
        Some(kind) => (Cell::shown(format!("{name} ({kind})"), name), Some(kind)),
        None => (Cell::text(name), None),
    }
}

/// The kind that values below a registry path name.
fn kind_of(prefix: &str, path: &str, objects: &Objects<'_>) -> Option<String> {
    let range = KeyRange::prefix(format!("{prefix}/{path}/").as_bytes());
    let all = objects.keyspace().all(&range);
    let mut kinds = all.iter().take(TRIED).filter_map(|newest| {
        let records = objects.keyspace().records_of(newest.key);
        let put = records.iter().rfind(|version| !version.tombstone)?;
        let object = objects.json(&put, Reading::default()).ok()?;
        Some(object.get("kind")?.as_str()?.to_owned())
    });
    kinds.next()
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
