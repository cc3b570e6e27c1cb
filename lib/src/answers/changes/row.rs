//! One change as a row.

use jiff::Timestamp;
use serde_json::Value;

use super::super::history::write_time;
use super::super::{Cell, Column, Label, Row};
use super::{ChangeOp, ChangesQuery};
use crate::clock::WriteTime;
use crate::kubernetes::blame::writer;
use crate::kubernetes::changed::Change;
use crate::kubernetes::yaml::Step;
use crate::member::{DescribedVersion, Objects, Origin, Reading};
use crate::mvcc::Version;

pub(super) static COLUMNS: [Column; 16] = [
    Column::left("WHEN~", "time"),
    Column::json("uncertainty_s"),
    Column::left("TIME SOURCE", "time_source").wide(),
    Column::right("REV", "revision"),
    Column::left("SRC", "source"),
    Column::left("OP", "op"),
    Column::left("KIND", "kind"),
    Column::left("NAMESPACE/NAME", "name"),
    Column::left("WHO", "who"),
    Column::json("who_source"),
    Column::left("CHANGED", "changed"),
    Column::json("cause"),
    Column::right("KEYS", "keys").wide(),
    Column::right("V", "version").wide(),
    Column::right("INDEX", "raft_index").wide(),
    Column::left("KEY", "key").wide(),
];

/// Changed fields that a line of a table names.
const SHOWN_FIELDS: usize = 3;

/// What is written all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noise {
    Lease,
    Event,
    Status,
}

/// What a writer is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhoSource {
    /// The write changed the field set of this manager.
    Changed,
    /// This manager owns the field that was changed; someone else may have written it.
    Owner,
    /// The holder of a Lease, the reporter of an Event.
    Signed,
}

impl WhoSource {
    fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "managed_fields",
            Self::Owner => "owner",
            Self::Signed => "object",
        }
    }
}

/// One change: of a key, or the deletion of several keys by one request.
#[derive(Clone, Debug)]
pub struct ChangeRow<'a> {
    version: Version<'a>,
    origin: Origin,
    /// When.
    pub time: Option<WriteTime>,
    /// What.
    pub op: ChangeOp,
    /// The kind of the object, or the resource of its key.
    pub kind: String,
    /// Namespace and name, or the key.
    pub name: String,
    /// The namespace.
    pub namespace: Option<String>,
    /// Who, if anything says so.
    pub who: Option<String>,
    /// What says so.
    pub who_source: WhoSource,
    /// What changed, or the request that deleted the key.
    pub changed: String,
    paths: Vec<String>,
    cause: Option<String>,
    /// Number of keys.
    pub keys: usize,
    /// The version of the key; of a deletion that of what it deleted.
    number: Option<i64>,
    index: Option<u64>,
    pub(super) noise: Option<Noise>,
    pub(super) newest: Option<Timestamp>,
}

impl<'a> ChangeRow<'a> {
    /// The main revision.
    pub fn revision(&self) -> i64 {
        self.version.revision.main
    }

    pub(super) fn of_version(
        objects: &Objects<'a>,
        (origin, version): (Origin, Version<'a>),
        described: Option<DescribedVersion<'a>>,
        before: Option<Version<'a>>,
        index: Option<u64>,
        cause: Option<&str>,
    ) -> Self {
        let shown = if version.tombstone {
            before
        } else {
            Some(version)
        };
        let object = shown.and_then(|shown| objects.json(&shown, Reading::default()).ok());
        let number = shown
            .and_then(|shown| shown.key_value().ok())
            .map(|kv| kv.version);
        let op = match (version.tombstone, number) {
            (true, _) => ChangeOp::Delete,
            (false, Some(1)) => ChangeOp::Create,
            (false, _) => ChangeOp::Update,
        };
        let (kind, namespace, name) = named(objects, version.key, object.as_ref());
        let changes = described
            .as_ref()
            .map_or(&[][..], |one| one.changed.as_slice());
        let manager = described.as_ref().and_then(|one| one.written.by.clone());
        let (who, who_source) = match object.as_ref().filter(|_| !version.tombstone) {
            Some(object) => who(manager, object, changes),
            None => (None, WhoSource::Changed),
        };
        Self {
            noise: match is_master_lease(objects, version.key) && op == ChangeOp::Update {
                true => Some(Noise::Lease),
                false => noise(op, &kind, changes, object.is_some()),
            },
            cause: cause.map(str::to_owned),
            changed: match (op, cause) {
                (ChangeOp::Delete, cause) => cause.unwrap_or_default().to_owned(),
                _ => fields(changes),
            },
            paths: changes.iter().map(|change| change.path.clone()).collect(),
            version,
            origin,
            time: None,
            op,
            kind,
            name,
            namespace,
            who,
            who_source,
            keys: 1,
            number,
            index,
            newest: None,
        }
    }

    /// Several keys that one request deleted.
    pub(super) fn of_deletions(
        (origin, version): (Origin, Version<'a>),
        keys: &[&[u8]],
        index: Option<u64>,
        cause: Option<&str>,
    ) -> Self {
        let common = keys
            .iter()
            .fold(keys.first().copied().unwrap_or_default(), |common, key| {
                let len = common.iter().zip(*key).take_while(|(a, b)| a == b).count();
                common.get(..len).unwrap_or_default()
            });
        let folder = common
            .iter()
            .rposition(|byte| *byte == b'/')
            .map_or(0, |at| at.saturating_add(1));
        let folder = common.get(..folder).unwrap_or_default();
        let changed = match cause {
            Some(cause) => format!("{} keys deleted by one request: {cause}", keys.len()),
            None => format!("{} keys deleted by one request", keys.len()),
        };
        Self {
            version,
            origin,
            time: None,
            op: ChangeOp::Delete,
            kind: String::new(),
            name: format!("{}*", String::from_utf8_lossy(folder)),
            namespace: None,
            who: None,
            who_source: WhoSource::Changed,
            changed,
            paths: Vec::new(),
            cause: cause.map(str::to_owned),
            keys: keys.len(),
            number: None,
            index,
            noise: None,
            newest: None,
        }
    }

    pub(super) fn is_wanted(&self, query: &ChangesQuery, objects: &Objects<'_>) -> bool {
        let of_namespace = query.namespace.as_deref().is_none_or(|wanted| {
            let is_it = objects
                .parse(self.version.key)
                .is_some_and(|key| key.path == "namespaces" && key.name == wanted);
            is_it || self.namespace.as_deref() == Some(wanted)
        });
        of_namespace && (query.ops.is_empty() || query.ops.contains(&self.op))
    }
}

/// Kind, namespace, and how the object is called.
fn named(
    objects: &Objects<'_>,
    key: &[u8],
    object: Option<&Value>,
) -> (String, Option<String>, String) {
    let Some(parsed) = objects.parse(key) else {
        return (
            String::new(),
            None,
            String::from_utf8_lossy(key).into_owned(),
        );
    };
    let kind = object.and_then(|object| object.get("kind")?.as_str());
    let builtin = parsed.builtin.map(|resource| resource.kind);
    let kind = kind.or(builtin).unwrap_or(parsed.plural).to_owned();
    let namespace = parsed.namespace.map(str::to_owned);
    let name = match parsed.namespace {
        Some(namespace) => format!("{namespace}/{}", parsed.name),
        None => parsed.name.to_owned(),
    };
    (kind, namespace, name)
}

/// kube-apiserver renews its own address there every ten seconds: `pkg/controlplane/reconcilers/lease.go`, v1.20.2.
fn is_master_lease(objects: &Objects<'_>, key: &[u8]) -> bool {
    objects
        .parse(key)
        .is_some_and(|key| key.path == "masterleases")
}

/// The manager whose field set changed, else who signs the object, else the owner of the first changed field.
fn who(manager: Option<String>, object: &Value, changes: &[Change]) -> (Option<String>, WhoSource) {
    if manager.is_some() {
        return (manager, WhoSource::Changed);
    }
    if let Some(signed) = signed(object) {
        return (Some(signed), WhoSource::Signed);
    }
    let mut owners = changes.iter().filter_map(|change| {
        // Items of lists have keys that a path does not hold.
        let path = Some(&change.path).filter(|path| !path.contains('['))?;
        let steps: Vec<Step> = path
            .split('.')
            .map(|name| Step::Field(name.to_owned()))
            .collect();
        Some(writer(object, &steps)?.manager.to_owned())
    });
    (owners.next(), WhoSource::Owner)
}

/// Who signs an object that has no managed fields: the holder of a Lease, the component of an Event.
fn signed(object: &Value) -> Option<String> {
    let fields: &[&str] = match object.get("kind")?.as_str()? {
        "Lease" => &["/spec/holderIdentity"],
        "Event" => &[
            "/reportingComponent",
            "/reportingController",
            "/source/component",
        ],
        _ => return None,
    };
    let mut found = fields
        .iter()
        .filter_map(|field| object.pointer(field)?.as_str());
    found.find(|text| !text.is_empty()).map(str::to_owned)
}

fn noise(op: ChangeOp, kind: &str, changes: &[Change], is_object: bool) -> Option<Noise> {
    if op != ChangeOp::Update {
        return None;
    }
    match kind {
        "Lease" if changes.iter().all(|change| change.path == "spec.renewTime") => {
            Some(Noise::Lease)
        }
        "Event" => Some(Noise::Event),
        _ if is_object && changes.iter().all(is_status) => Some(Noise::Status),
        _ => None,
    }
}

fn is_status(change: &Change) -> bool {
    change.path == "status"
        || change.path.starts_with("status.")
        || change.path.starts_with("status[")
}

fn fields(changes: &[Change]) -> String {
    let (status, rest): (Vec<&Change>, Vec<&Change>) =
        changes.iter().partition(|one| is_status(one));
    let ordered = rest.into_iter().chain(status);
    let mut text: Vec<String> = ordered.take(SHOWN_FIELDS).map(Change::summary).collect();
    if changes.len() > SHOWN_FIELDS {
        text.push(format!(
            "… {} more",
            changes.len().saturating_sub(SHOWN_FIELDS)
        ));
    }
    text.join(", ")
}

impl Row for ChangeRow<'_> {
    fn cells(&self) -> Vec<Cell> {
        let [when, uncertainty, source] = write_time(self.time, self.newest);
        let op = Cell::text(self.op.as_str());
        let who = self.who.as_deref().map(|who| match self.who_source {
            WhoSource::Owner => Cell::shown(format!("{who}?"), who),
            _ => Cell::text(who),
        });
        let who_source = who.as_ref().map(|_| Cell::text(self.who_source.as_str()));
        vec![
            when,
            uncertainty,
            source,
            Cell::number(self.revision()),
            Cell::text(match self.origin {
                Origin::Db => "db",
                _ => "wal",
            })
            .label(Label::Dim),
            match self.op {
                ChangeOp::Delete => op.label(Label::Warning),
                _ => op,
            },
            Cell::text(self.kind.as_str()),
            Cell::text(self.name.as_str()).label(Label::Name),
            who.unwrap_or_default(),
            who_source.unwrap_or_default(),
            Cell::shown(self.changed.as_str(), self.paths.clone()),
            self.cause.as_deref().map(Cell::text).unwrap_or_default(),
            Cell::count(self.keys),
            self.number.map(Cell::plain).unwrap_or_default(),
            self.index.map(Cell::plain).unwrap_or_default(),
            Cell::key(self.version.key),
        ]
    }
}
