//! `objects`, `events` and `managed_fields`: what the values of live keys say, decoded.

use etcd_inspect::answers::Damage;
use etcd_inspect::kubernetes::Value as Stored;
use etcd_inspect::kubernetes::key::Key;
use etcd_inspect::kubernetes::mask::{shown_name, without_token};
use etcd_inspect::member::{Objects, Reading, Undecodable};
use etcd_inspect::mvcc::Version;
use rayon::prelude::*;
use serde_json::Value as Json;

use super::{Writer, live};
use crate::definition::{Column, Kind, NumberedRow, Pushed, Rows, Table, Wanted};
use crate::filter::{Filter, resource_name};
use crate::source::{Source, TableError, Values};
use crate::value::{Row, Value};

static OBJECTS: [Column; 14] = [
    Column::text("key", "the etcd key").pushed(Pushed::Key),
    Column::text("resource", "pods, widgets.example.com").pushed(Pushed::Resource),
    Column::text("namespace", "NULL if it has none").pushed(Pushed::Namespace),
    Column::text("name", "metadata.name").pushed(Pushed::Name),
    Column::text("kind", "Pod"),
    Column::text("api_version", "as it is stored: apps/v1"),
    Column::text("uid", "metadata.uid"),
    Column::text("owner", "kind/name of the controller that owns it"),
    Column::integer("create_revision", "at which the key last came to life"),
    Column::integer("mod_revision", "of the last write: its resourceVersion"),
    Column::new("created", Kind::Time, "metadata.creationTimestamp"),
    Column::text("encoding", "protobuf, json, cbor, encrypted, other"),
    Column::text("problem", "why there is no json; NULL if there is"),
    Column::new(
        "json",
        Kind::Json,
        "the object as the API server would give it, its secrets hidden",
    ),
];

pub(crate) static TABLE: Table = Table {
    name: "objects",
    about: "every Kubernetes object that exists at the revision asked for",
    columns: &OBJECTS,
    key: &["key"],
    parent: Some("keys"),
    on_demand: false,
    rows: Rows::Read {
        select: of_kubernetes,
        read: |source, numbers, wanted, out| {
            decoded(source, numbers, out, &|found| {
                vec![object_row(source, found, wanted)]
            })
        },
    },
};

static EVENTS: [Column; 15] = [
    Column::text("key", "the etcd key").pushed(Pushed::Key),
    Column::text("namespace", "of the event").pushed(Pushed::Namespace),
    Column::text("name", "of the event").pushed(Pushed::Name),
    Column::text("type", "Normal or Warning"),
    Column::text("reason", "FailedScheduling"),
    Column::text("object_kind", "of the object that it is about"),
    Column::text("object_namespace", "of the object that it is about"),
    Column::text("object_name", "of the object that it is about"),
    Column::text("message", "its text"),
    Column::text("source", "the component that reported it"),
    Column::integer("count", "how often it happened"),
    Column::new("first_seen", Kind::Time, "firstTimestamp, else eventTime"),
    Column::new(
        "last_seen",
        Kind::Time,
        "lastTimestamp, else that of the series, else eventTime",
    ),
    Column::integer("mod_revision", "of the last write"),
    Column::text("uid", "metadata.uid"),
];

pub(crate) static EVENTS_TABLE: Table = Table {
    name: "events",
    about: "every Kubernetes Event that exists at the revision asked for",
    columns: &EVENTS,
    key: &["key"],
    parent: Some("objects"),
    on_demand: false,
    rows: Rows::Read {
        select: |source, filter| {
            let only = filter
                .resource
                .clone()
                .unwrap_or_else(|| "events".to_owned());
            of_kubernetes(
                source,
                &Filter {
                    resource: Some(only),
                    ..filter.clone()
                },
            )
        },
        read: |source, numbers, wanted, out| {
            decoded(source, numbers, out, &|found| {
                found
                    .object
                    .as_ref()
                    .map(|object| event_row(found, object, wanted))
                    .into_iter()
                    .collect()
            })
        },
    },
};

static MANAGED_FIELDS: [Column; 10] = [
    Column::text("key", "the etcd key").pushed(Pushed::Key),
    Column::text("resource", "pods, widgets.example.com").pushed(Pushed::Resource),
    Column::text("namespace", "NULL if it has none").pushed(Pushed::Namespace),
    Column::text("name", "metadata.name").pushed(Pushed::Name),
    Column::text("manager", "who set the fields: kubectl-client-side-apply"),
    Column::text("operation", "Apply or Update"),
    Column::text("subresource", "status, scale; NULL for the object itself"),
    Column::text("api_version", "of the fields").of("apiVersion"),
    Column::new("time", Kind::Time, "of the manager's last change"),
    Column::new("fields", Kind::Json, "the fields, as fieldsV1 has them").of("fieldsV1"),
];

pub(crate) static MANAGED_FIELDS_TABLE: Table = Table {
    name: "managed_fields",
    about: "every entry of metadata.managedFields: who set which fields of which object",
    columns: &MANAGED_FIELDS,
    key: &[],
    parent: Some("objects"),
    on_demand: false,
    rows: Rows::Read {
        select: of_kubernetes,
        read: |source, numbers, wanted, out| {
            decoded(source, numbers, out, &|found| managed(found, wanted))
        },
    },
};

/// The live keys of Kubernetes objects that a filter leaves.
pub(super) fn of_kubernetes(source: &Source, filter: &Filter) -> Result<Vec<u32>, TableError> {
    let objects = source.objects()?;
    let keyspace = objects.keyspace();
    let numbers = live(source, filter)?;
    let is_object = |number: &u32| {
        let version = keyspace.record(*number);
        version.is_some_and(|version| objects.parse(version.key).is_some())
    };
    Ok(numbers.into_iter().filter(is_object).collect())
}

/// A live object, as far as it could be read.
pub(super) struct Found<'a> {
    pub(super) version: Version<'a>,
    pub(super) key: Key<'a>,
    /// Its value, secrets hidden where they are to be.
    pub(super) object: Option<Json>,
    problem: Option<String>,
}

/// Decodes the objects of some records on all cores, and makes rows of each.
pub(super) fn decoded(
    source: &Source,
    numbers: &[u32],
    out: &mut Vec<NumberedRow>,
    rows: &(dyn Fn(&Found<'_>) -> Vec<Row> + Sync),
) -> Result<(), TableError> {
    let objects = source.objects()?;
    let keyspace = objects.keyspace();
    let made: Vec<(u32, Vec<Row>, Option<etcd_inspect::Finding>)> = numbers
        .par_iter()
        .filter_map(|number| {
            let version = keyspace.record(*number)?;
            let (found, finding) = found(source, &objects, version)?;
            Some((*number, rows(&found), finding))
        })
        .collect();
    let mut damage = Damage::default();
    for (number, rows, finding) in made {
        out.extend(rows.into_iter().map(|row| (number, row)));
        if let Some(finding) = finding {
            damage.skip(finding, objects.limits().findings_per_code);
        }
    }
    source.add_damage(damage);
    Ok(())
}

fn found<'a>(
    source: &Source,
    objects: &Objects<'a>,
    version: Version<'a>,
) -> Option<(Found<'a>, Option<etcd_inspect::Finding>)> {
    let key = objects.layout().parse(version.key)?;
    let read = objects.json(&version, Reading::default());
    let (object, problem, finding) = match read {
        Ok(mut object) => {
            if let Values::Masked(mask) = source.values() {
                mask.object(&mut object);
            }
            (Some(object), None, None)
        }
        Err(cause) => {
            let is_closed = matches!(&cause, Undecodable::Closed(closed) if closed.lacks_key());
            if is_closed {
                source.note_closed();
            }
            // What is no object of Kubernetes is no damage: the row tells why it has no JSON. What no key opens, or a limit of ours
            // leaves out, is none either, and makes the answer partial as it does that of `get`.
            let is_partial = is_closed || cause.is_over_limit() || cause.is_damage(&version);
            let finding = is_partial.then(|| objects.finding(&version, &cause));
            (None, Some(cause.to_string()), finding)
        }
    };
    let found = Found {
        version,
        key,
        object,
        problem,
    };
    Some((found, finding))
}

fn text(object: &Json, pointer: &str) -> Value {
    object
        .pointer(pointer)
        .map(Value::of_json)
        .unwrap_or_default()
}

pub(super) fn put_name(row: &mut Writer<'_>, found: &Found<'_>) {
    let key = found.version.key;
    row.put("key", String::from_utf8_lossy(&without_token(key)).as_ref());
    row.put("resource", resource_name(&found.key));
    row.put("namespace", found.key.namespace);
    row.put("name", shown_name(key, found.key.name).as_ref());
}

fn object_row(source: &Source, found: &Found<'_>, wanted: Wanted) -> Row {
    let mut row = Writer::new(&OBJECTS, wanted);
    put_name(&mut row, found);
    row.put("mod_revision", found.version.revision.main);
    if let Ok(kv) = found.version.key_value() {
        row.put("create_revision", kv.create_revision);
        if row.wants(&["encoding"]) {
            let parsed = Stored::parse(kv.value);
            row.put("encoding", parsed.map_or("other", |value| value.encoding()));
        }
    }
    row.put("problem", found.problem.as_deref());
    if let Some(object) = &found.object {
        row.put("kind", text(object, "/kind"));
        row.put("api_version", text(object, "/apiVersion"));
        row.put("uid", text(object, "/metadata/uid"));
        row.put("created", text(object, "/metadata/creationTimestamp"));
        row.put("owner", owner(object));
        if row.wants(&["json"]) && !matches!(source.values(), Values::None) {
            row.put("json", object.to_string());
        }
    }
    row.finish()
}

/// `ReplicaSet/web-7d85`: the controller, else the first owner.
fn owner(object: &Json) -> Value {
    let owners = object
        .pointer("/metadata/ownerReferences")
        .and_then(Json::as_array);
    let owners = owners.map(Vec::as_slice).unwrap_or_default();
    let controls = |owner: &&Json| owner.get("controller") == Some(&Json::Bool(true));
    let owner = owners.iter().find(controls).or(owners.first());
    let part = |name: &str| {
        owner
            .and_then(|owner| owner.get(name))
            .and_then(Json::as_str)
    };
    part("kind")
        .zip(part("name"))
        .map(|(kind, name)| format!("{kind}/{name}"))
        .into()
}

fn event_row(found: &Found<'_>, event: &Json, wanted: Wanted) -> Row {
    let mut row = Writer::new(&EVENTS, wanted);
    put_name(&mut row, found);
    row.put("mod_revision", found.version.revision.main);
    let first = |pointers: &[&str]| {
        let known = pointers.iter().map(|pointer| text(event, pointer));
        known
            .into_iter()
            .find(|value| *value != Value::Null)
            .unwrap_or_default()
    };
    row.put("type", text(event, "/type"));
    row.put("reason", text(event, "/reason"));
    row.put("message", first(&["/message", "/note"]));
    row.put(
        "object_kind",
        first(&["/involvedObject/kind", "/regarding/kind"]),
    );
    row.put(
        "object_namespace",
        first(&["/involvedObject/namespace", "/regarding/namespace"]),
    );
    row.put(
        "object_name",
        first(&["/involvedObject/name", "/regarding/name"]),
    );
    row.put(
        "source",
        first(&[
            "/source/component",
            "/reportingComponent",
            "/reportingController",
        ]),
    );
    row.put(
        "count",
        first(&["/count", "/series/count", "/deprecatedCount"]),
    );
    row.put(
        "first_seen",
        first(&["/firstTimestamp", "/deprecatedFirstTimestamp", "/eventTime"]),
    );
    row.put(
        "last_seen",
        first(&[
            "/lastTimestamp",
            "/series/lastObservedTime",
            "/deprecatedLastTimestamp",
            "/eventTime",
        ]),
    );
    row.put("uid", text(event, "/metadata/uid"));
    row.finish()
}

fn managed(found: &Found<'_>, wanted: Wanted) -> Vec<Row> {
    let entries = found
        .object
        .as_ref()
        .and_then(|object| object.pointer("/metadata/managedFields"));
    let entries = entries
        .and_then(Json::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let row = |entry: &Json| {
        let mut row = Writer::new(&MANAGED_FIELDS, wanted);
        put_name(&mut row, found);
        for column in MANAGED_FIELDS.iter().skip(4) {
            let value = entry
                .get(column.field)
                .map(Value::of_json)
                .unwrap_or_default();
            row.put(column.name, value);
        }
        row.finish()
    };
    entries.iter().map(row).collect()
}
