//! One change as a row.

use jiff::Timestamp;
use located::{RaftIndex, text::escape};
use serde_json::Value;

use super::super::audit::Audited;
use super::super::history::{audit, is_placed, write_time, writer};
use super::super::{Cell, Column, Label, Row};
use super::{ChangeOp, ChangesQuery, DeletionCause};
use crate::clock::WriteTime;
use crate::kubernetes::changed::Change;
use crate::kubernetes::mask::{shown_name, without_token};
use crate::member::{DescribedVersion, Objects, Origin, Reading, Undecodable, VersionWriter};
use crate::mvcc::Version;

pub(super) static COLUMNS: [Column; 19] = [
    Column::left("WHEN~", "time"),
    Column::right("±", "uncertainty_s").wide(),
    Column::left("TIME SOURCE", "time_source").wide(),
    Column::left("BOUND", "time_bound").wide(),
    Column::right("REV", "revision"),
    Column::left("SRC", "source"),
    Column::left("OP", "op"),
    Column::left("KIND", "kind"),
    Column::left("NAMESPACE/NAME", "name"),
    Column::left("NAMESPACE", "namespace").wide(),
    Column::left("WHO", "who"),
    Column::left("WHO SOURCE", "who_source").wide(),
    Column::left("CHANGED", "changed"),
    Column::json("cause"),
    Column::right("KEYS", "keys").wide(),
    Column::right("V", "version").wide(),
    Column::right("INDEX", "raft_index").wide(),
    Column::left("KEY", "key").wide(),
    Column::json("audit"),
];

/// Changed fields that a line of a table names.
const SHOWN_FIELDS: usize = 3;

/// What a write that changed no byte is called.
pub(in crate::answers) const SAME_VALUE: &str = "the same value again";

/// What is written all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noise {
    Lease,
    Event,
    Status,
    Unshown,
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
    /// Namespace and name, or the key, escaped.
    pub name: String,
    /// The namespace.
    pub namespace: Option<String>,
    /// Who, if anything says so.
    pub who: Option<VersionWriter>,
    /// The request of the audit log.
    pub audit: Option<Value>,
    /// What changed, or the request that deleted the key.
    pub changed: String,
    paths: Vec<String>,
    cause: Option<DeletionCause>,
    /// Whether the value is encrypted and no key at hand opens it.
    pub is_sealed: bool,
    /// Number of keys.
    pub keys: usize,
    /// The version of the key; of a deletion that of what it deleted.
    number: Option<i64>,
    index: Option<RaftIndex>,
    pub(super) noise: Option<Noise>,
    pub(super) newest: Option<Timestamp>,
}

impl<'a> ChangeRow<'a> {
    /// The main revision.
    pub fn revision(&self) -> i64 {
        self.version.revision.main
    }

    /// The key; of several that one request deleted the first.
    pub fn key(&self) -> &'a [u8] {
        self.version.key
    }

    /// Paths of the fields that changed.
    pub(super) fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Whether the revision is known; if not, that of [`revision`](Self::revision) is the raft index.
    pub fn is_placed(&self) -> bool {
        is_placed(self.origin)
    }

    /// Takes the user from the audit log.
    pub(super) fn ask(&mut self, audited: Option<&Audited>) {
        let Some(audited) = audited else { return };
        let revision = self.version.revision;
        self.audit = audited.json(revision);
        self.who = audited.writer(revision).or(self.who.take());
    }

    pub(super) fn of_version(
        objects: &Objects<'a>,
        (origin, version): (Origin, Version<'a>),
        described: Option<DescribedVersion<'a>>,
        before: Option<Version<'a>>,
        index: Option<RaftIndex>,
        cause: Option<&DeletionCause>,
    ) -> Self {
        let shown = if version.tombstone {
            before
        } else {
            Some(version)
        };
        let read = shown.map(|shown| objects.json(&shown, Reading::default()));
        let is_sealed = matches!(read, Some(Err(Undecodable::Closed(_))));
        let object = read.and_then(Result::ok);
        let number = shown
            .and_then(|shown| shown.key_value().ok())
            .map(|kv| kv.version)
            .filter(|number| *number > 0);
        let op = op_of((origin, &version), number);
        let (kind, namespace, name) = named(objects, version.key, object.as_ref());
        let changes = described
            .as_ref()
            .map_or(&[][..], |one| one.changed.as_slice());
        let who = described.as_ref().and_then(|one| one.writer.clone());
        let written = match version.tombstone {
            true => PutOver::Other,
            false => PutOver::find(before.as_ref(), &version),
        };
        Self {
            noise: match is_master_lease(objects, version.key) && op == ChangeOp::Update {
                true => Some(Noise::Lease),
                false => noise(op, &kind, changes, written, object.is_some()),
            },
            cause: cause.cloned(),
            changed: match (op, cause) {
                (ChangeOp::Delete, cause) => cause.map(ToString::to_string).unwrap_or_default(),
                _ if written == PutOver::Same => SAME_VALUE.to_owned(),
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
            audit: None,
            is_sealed,
            keys: 1,
            number,
            index,
            newest: None,
        }
    }

    /// Several keys that one request deleted.
    pub(super) fn of_deletions(
        objects: &Objects<'a>,
        (origin, version): (Origin, Version<'a>),
        keys: &[&[u8]],
        index: Option<RaftIndex>,
        cause: Option<&DeletionCause>,
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
            kind: common_of(keys, |key| named(objects, key, None).0).unwrap_or_default(),
            name: match folder {
                b"" => "*".to_owned(),
                folder => format!("{}*", escaped(folder)),
            },
            namespace: common_of(keys, |key| named(objects, key, None).1).flatten(),
            who: None,
            audit: None,
            is_sealed: false,
            changed,
            paths: Vec::new(),
            cause: cause.cloned(),
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
        let is_op = query.ops.contains(&self.op)
            || self.op == ChangeOp::Put && query.ops.iter().any(|op| *op != ChangeOp::Delete);
        let is_cause = match &self.cause {
            _ if self.op != ChangeOp::Delete => false,
            Some(DeletionCause::Lease(_)) => query.by_lease,
            Some(DeletionCause::Range(_)) => query.by_range,
            _ => false,
        };
        let is_any = query.ops.is_empty() && !query.by_lease && !query.by_range;
        of_namespace && (is_any || is_op || is_cause)
    }
}

/// Kind, namespace, and how the object is called.
fn named(
    objects: &Objects<'_>,
    key: &[u8],
    object: Option<&Value>,
) -> (String, Option<String>, String) {
    let Some(parsed) = objects.parse(key) else {
        return (String::new(), None, escaped(key));
    };
    let kind = object.and_then(|object| object.get("kind")?.as_str());
    let builtin = parsed.builtin.map(|resource| resource.kind);
    let kind = kind.or(builtin).unwrap_or(parsed.plural).to_owned();
    let namespace = parsed.namespace.map(str::to_owned);
    let name = match parsed.namespace {
        Some(namespace) => format!("{namespace}/{}", parsed.name),
        None => shown_name(key, parsed.name).into_owned(),
    };
    (kind, namespace, name)
}

/// A key as every verb prints it, so that it can be pasted back.
fn escaped(key: &[u8]) -> String {
    match key {
        b"" => "\"\" (empty key)".to_owned(),
        key => escape::bytes(&without_token(key), escape::Charset::default()).into_owned(),
    }
}

/// What is the same of all keys.
fn common_of<T: PartialEq>(keys: &[&[u8]], of: impl Fn(&[u8]) -> T) -> Option<T> {
    let (first, rest) = keys.split_first()?;
    let first = of(first);
    rest.iter().all(|key| of(key) == first).then_some(first)
}

/// kube-apiserver renews its own address there every ten seconds: `pkg/controlplane/reconcilers/lease.go`, v1.20.2.
fn is_master_lease(objects: &Objects<'_>, key: &[u8]) -> bool {
    objects
        .parse(key)
        .is_some_and(|key| key.path == "masterleases")
}

/// What a version of that number is; `None` if the number is not known.
fn op_of((origin, version): (Origin, &Version<'_>), number: Option<i64>) -> ChangeOp {
    match (version.tombstone, number) {
        (true, _) => ChangeOp::Delete,
        _ if !is_placed(origin) => ChangeOp::Put,
        (false, Some(1)) => ChangeOp::Create,
        (false, _) => ChangeOp::Update,
    }
}

/// What a put wrote over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PutOver {
    /// The same bytes: no API server does that.
    Same,
    /// Other bytes.
    Other,
    /// The version before is not known.
    Unknown,
}

impl PutOver {
    fn find(before: Option<&Version<'_>>, version: &Version<'_>) -> Self {
        let value = |version: &Version<'_>| version.key_value().map(|kv| kv.value.to_vec());
        match before.filter(|before| !before.tombstone).map(value) {
            Some(Ok(old)) if value(version).is_ok_and(|new| new == old) => Self::Same,
            Some(Ok(_)) => Self::Other,
            _ => Self::Unknown,
        }
    }
}

fn noise(
    op: ChangeOp,
    kind: &str,
    changes: &[Change],
    written: PutOver,
    is_object: bool,
) -> Option<Noise> {
    if op != ChangeOp::Update || written == PutOver::Same {
        return None;
    }
    match kind {
        "Lease" if changes.iter().all(|change| change.path == "spec.renewTime") => {
            Some(Noise::Lease)
        }
        "Event" => Some(Noise::Event),
        _ if !is_object || written == PutOver::Unknown => None,
        _ if changes.is_empty() => Some(Noise::Unshown),
        _ if changes.iter().all(is_status) => Some(Noise::Status),
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
        let [when, uncertainty, source, time_bound] = write_time(self.time, self.newest);
        let op = Cell::text(self.op.as_str());
        let [who, who_source] = writer(self.who.as_ref());
        let is_placed = is_placed(self.origin);
        let op = match self.origin {
            Origin::Unplaced {
                conditional: true, ..
            } => Cell::shown(format!("{}?", self.op.as_str()), self.op.as_str()),
            _ => op,
        };
        let key = Cell::key(self.version.key);
        vec![
            when,
            uncertainty,
            source,
            time_bound,
            match is_placed {
                true => Cell::number(self.revision()),
                false => Cell::unknown(),
            },
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
            self.namespace
                .as_deref()
                .map(Cell::text)
                .unwrap_or_default(),
            who,
            who_source,
            Cell::shown(self.changed.as_str(), self.paths.clone()),
            self.cause
                .as_ref()
                .filter(|_| self.op == ChangeOp::Delete)
                .map(|cause| Cell::text(cause.to_string()))
                .unwrap_or_default(),
            Cell::count(self.keys),
            self.number.map(Cell::plain).unwrap_or_default(),
            self.index.map(Cell::plain).unwrap_or_default(),
            key,
            audit(self.audit.as_ref()),
        ]
    }
}
