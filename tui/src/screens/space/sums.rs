//! What each group of keys takes, summed beside the loop.

use std::collections::HashMap;

use etcd_inspect::answers::Counts;
use etcd_inspect::kubernetes::key::Layout;
use etcd_inspect::member::Space;

use crate::session::Data;

/// Rows of one list; the rest is summed in one.
const ROWS: usize = 2_000;

/// Why there are no parts of the file.
const OF_LOG: &str = "the db cannot be read: these rows are records of log and carved ones, and no parts of the file";

/// What keys are summed by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Group {
    /// The path of a resource: `pods`.
    Resource(Vec<u8>),
    /// A namespace.
    Namespace(String),
    /// Objects that belong to no namespace.
    Cluster,
    /// Keys that Kubernetes did not write.
    Others,
    /// One key.
    Key(Vec<u8>),
}

/// A part of the file that belongs to no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Groups too small for a row of their own.
    More(usize),
    /// Records that the shown metric leaves out.
    Records,
    /// The tree around the records.
    Tree,
    /// Free pages.
    Free,
    /// Pages that a tree that cannot be read may have.
    Unknown,
    /// After the high-water mark.
    Outside,
}

/// The groups of one level.
#[derive(Debug)]
pub(super) struct Sums {
    pub(super) groups: Vec<(Group, Counts)>,
    /// Keys and records in those that are not named.
    pub(super) more: (usize, Counts),
    pub(super) space: Result<Space, String>,
}

/// Which groups: those below a way of groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Level {
    /// Namespaces first, resources below them.
    pub(super) by_namespace: bool,
    /// Groups that were entered.
    pub(super) way: Vec<Group>,
}

impl Level {
    /// The group of a key on this level; `None`: it is elsewhere.
    fn group(&self, layout: &Layout, key: &[u8]) -> Option<Group> {
        let resource = || match layout.resource(key) {
            Some(path) => Group::Resource(path.to_vec()),
            None => Group::Others,
        };
        let namespace = || match layout.parse(key) {
            Some(parsed) => match parsed.namespace {
                Some(name) => Group::Namespace(name.to_owned()),
                None => Group::Cluster,
            },
            None => Group::Others,
        };
        let (first, second): (&dyn Fn() -> Group, &dyn Fn() -> Group) = if self.by_namespace {
            (&namespace, &resource)
        } else {
            (&resource, &namespace)
        };
        match self.way.as_slice() {
            [] => Some(first()),
            [Group::Others] => (first() == Group::Others).then(|| Group::Key(key.to_vec())),
            [one] => (first() == *one).then(second),
            [one, two, ..] => {
                (first() == *one && second() == *two).then(|| Group::Key(key.to_vec()))
            }
        }
    }

    /// The way to a key, and its own group.
    pub(super) fn to(layout: &Layout, key: &[u8]) -> (Self, Group) {
        let mut level = Self::default();
        while level.way.len() < 3 {
            match level.group(layout, key) {
                Some(group @ Group::Key(_)) => return (level, group),
                Some(group) => level.way.push(group),
                None => break,
            }
        }
        (level, Group::Key(key.to_vec()))
    }
}

/// Sums one level.
pub(super) fn sum(data: &Data, level: &Level) -> Sums {
    let keyspace = data.keyspace();
    let layout = data.layout();
    let counted: HashMap<Option<Group>, Counts> =
        keyspace.counts_by(|key| level.group(layout, key));
    let mut groups: Vec<(Group, Counts)> = counted
        .into_iter()
        .filter_map(|(group, counts)| Some((group?, counts)))
        .collect();
    groups.sort_by(|(a, one), (b, other)| stored(other).cmp(&stored(one)).then(a.cmp(b)));
    let rest = groups.split_off(ROWS.min(groups.len()));
    let mut more = Counts::default();
    rest.iter().for_each(|(_, counts)| add(&mut more, counts));
    Sums {
        groups,
        more: (rest.len(), more),
        space: match data.rebuilt() {
            // These records are not in the pages of the file.
            Some(_) => Err(OF_LOG.to_owned()),
            None => data
                .dataset()
                .member()
                .space(&keyspace.counts())
                .map_err(|error| error.to_string()),
        },
    }
}

/// Bytes of all records of a group.
pub(super) fn stored(counts: &Counts) -> u64 {
    counts.live_bytes.saturating_add(counts.history_bytes)
}

fn add(total: &mut Counts, counts: &Counts) {
    total.keys = total.keys.saturating_add(counts.keys);
    total.revisions = total.revisions.saturating_add(counts.revisions);
    total.tombstones = total.tombstones.saturating_add(counts.tombstones);
    total.deleted_keys = total.deleted_keys.saturating_add(counts.deleted_keys);
    total.live_bytes = total.live_bytes.saturating_add(counts.live_bytes);
    total.history_bytes = total.history_bytes.saturating_add(counts.history_bytes);
    total.last_revision = total.last_revision.max(counts.last_revision);
}
