//! A summary of one object: metadata, conditions, the chain of owners, the events that mention it.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::table::{Table, human_duration};
use super::written::observed;

/// Longest chain of owners that is followed; real ones have three links.
const OWNERS: usize = 10;

/// What `get --describe` shows of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Name, namespace, labels, times, finalizers and the cells of kubectl's wide table, as `(heading, text)`.
    pub fields: Vec<(String, String)>,
    /// `status.conditions`, in stored order.
    pub conditions: Vec<Condition>,
    /// `ReplicaSet/web-5857fdf4bf`, `Deployment/web`: the controlling owner, its owner, and so on.
    pub owners: Vec<Owner>,
    /// Events that mention the object, newest first.
    pub events: Vec<Event>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False`, `Unknown`.
    pub status: String,
    /// Why.
    pub reason: String,
    /// Since when, as kubectl prints ages.
    pub age: String,
    /// In words.
    pub message: String,
}

/// One link of the chain of owners.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// `apps/v1`.
    pub api_version: String,
    /// `ReplicaSet`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Whether it is stored; a missing owner means that the garbage collector will delete what it owned.
    pub found: bool,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// How long ago it was last seen.
    pub age: String,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `Pulled`.
    pub reason: String,
    /// How often.
    pub count: i64,
    /// What happened.
    pub message: String,
}

/// Summarises an object. `events` are all Event objects of its namespace (or of all), `owner` finds the object that an owner
/// reference of a namespace means.
pub fn describe<'e>(
    object: &Value,
    table: &Table,
    now: Timestamp,
    events: impl IntoIterator<Item = &'e Value>,
    owner: &dyn Fn(&Owner, Option<&str>) -> Option<Value>,
) -> Summary {
    Summary {
        fields: fields(object, table, now),
        conditions: conditions(object, now),
        owners: owners(object, owner),
        events: mentions(object, events, now),
    }
}

fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn age(time: &str, now: Timestamp) -> String {
    let parsed = time.parse::<Timestamp>();
    parsed.map_or("<unknown>".to_owned(), |time| {
        human_duration(now.duration_since(time).as_secs())
    })
}

fn fields(object: &Value, table: &Table, now: Timestamp) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut add = |heading: &str, text: String| {
        if !text.is_empty() {
            fields.push((heading.to_owned(), text));
        }
    };
    add("Name", text(object, "/metadata/name").to_owned());
    add("Namespace", text(object, "/metadata/namespace").to_owned());
    add(
        "Kind",
        [text(object, "/apiVersion"), text(object, "/kind")]
            .join(" ")
            .trim()
            .to_owned(),
    );
    for (heading, path) in [
        ("Labels", "/metadata/labels"),
        ("Annotations", "/metadata/annotations"),
    ] {
        for (number, pair) in pairs(object, path).enumerate() {
            add(if number == 0 { heading } else { "" }, pair);
        }
    }
    add("UID", text(object, "/metadata/uid").to_owned());
    for (heading, path) in [
        ("Created", "/metadata/creationTimestamp"),
        ("Deleted", "/metadata/deletionTimestamp"),
    ] {
        let time = text(object, path);
        if !time.is_empty() {
            add(heading, format!("{time} ({} ago)", age(time, now)));
        }
    }
    let finalizers = object
        .pointer("/metadata/finalizers")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    add(
        "Finalizers",
        finalizers
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(", "),
    );
    for (heading, cell) in table.headings(true).zip(table.row(object, now, true)) {
        if !matches!(heading, "NAME" | "AGE" | "CREATED AT")
            && !matches!(cell.as_str(), "<none>" | "<unset>")
        {
            add(&capitalised(heading), cell);
        }
    }
    fields
}

/// `app=web` for each entry of a map, without the copy of the object that `kubectl apply` keeps.
fn pairs<'o>(object: &'o Value, path: &str) -> impl Iterator<Item = String> + use<'o> {
    let map = object.pointer(path).and_then(Value::as_object);
    map.into_iter()
        .flatten()
        .filter(|(name, _)| !name.ends_with("last-applied-configuration"))
        .map(|(name, value)| format!("{name}={}", super::jsonpath::text(value)))
}

/// `NOMINATED NODE` as `Nominated node`.
fn capitalised(heading: &str) -> String {
    let (first, rest) = heading.split_at_checked(1).unwrap_or((heading, ""));
    format!("{first}{}", rest.to_lowercase())
}

fn conditions(object: &Value, now: Timestamp) -> Vec<Condition> {
    let all = object
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    all.map(|condition| Condition {
        kind: text(condition, "/type").to_owned(),
        status: text(condition, "/status").to_owned(),
        reason: text(condition, "/reason").to_owned(),
        age: age(text(condition, "/lastTransitionTime"), now),
        message: text(condition, "/message").to_owned(),
    })
    .collect()
}

/// The controlling owner reference, or the first.
fn controller(object: &Value) -> Option<Owner> {
    let all = object.pointer("/metadata/ownerReferences")?.as_array()?;
    let controls = |owner: &&Value| owner.get("controller").and_then(Value::as_bool) == Some(true);
    let owner = all.iter().find(controls).or(all.first())?;
    Some(Owner {
        api_version: text(owner, "/apiVersion").to_owned(),
        kind: text(owner, "/kind").to_owned(),
        name: text(owner, "/name").to_owned(),
        found: false,
    })
}

fn owners(object: &Value, find: &dyn Fn(&Owner, Option<&str>) -> Option<Value>) -> Vec<Owner> {
    let namespace =
        Some(text(object, "/metadata/namespace")).filter(|namespace| !namespace.is_empty());
    let mut chain: Vec<Owner> = Vec::new();
    let mut next = controller(object);
    while let Some(mut owner) = next.take() {
        if chain.len() >= OWNERS {
            break;
        }
        let stored = find(&owner, namespace);
        owner.found = stored.is_some();
        chain.push(owner);
        next = stored.as_ref().and_then(controller);
    }
    chain
}

/// The Events that mention an object, the oldest first.
pub fn events_of<'e>(
    object: &Value,
    events: impl IntoIterator<Item = &'e Value>,
) -> Vec<&'e Value> {
    let of = |path| text(object, path);
    let mentioned = |event: &&Value| {
        let Some(subject) = event
            .get("involvedObject")
            .or_else(|| event.get("regarding"))
        else {
            return false;
        };
        let uid = text(subject, "/uid");
        let same_uid = !uid.is_empty() && uid == of("/metadata/uid");
        let same_name = text(subject, "/kind") == of("/kind")
            && text(subject, "/name") == of("/metadata/name")
            && text(subject, "/namespace") == of("/metadata/namespace");
        // A node's events have its name as uid, so the name decides where there is no uid match.
        same_uid || same_name
    };
    let mut found: Vec<_> = events.into_iter().filter(mentioned).collect();
    found.sort_by_key(|event| observed(event));
    found
}

fn mentions<'e>(
    object: &Value,
    events: impl IntoIterator<Item = &'e Value>,
    now: Timestamp,
) -> Vec<Event> {
    events_of(object, events)
        .into_iter()
        .rev()
        .map(|event| (observed(event), event))
        .map(|(time, event)| Event {
            age: time.map_or("<unknown>".to_owned(), |time| {
                human_duration(now.duration_since(time).as_secs())
            }),
            kind: text(event, "/type").to_owned(),
            reason: text(event, "/reason").to_owned(),
            count: event
                .get("count")
                .or_else(|| event.pointer("/series/count"))
                .and_then(Value::as_i64)
                .unwrap_or(1),
            message: [text(event, "/message"), text(event, "/note")]
                .concat()
                .trim()
                .to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn owners_are_followed_to_the_top_and_missing_ones_are_said() {
        let reference = |kind: &str, name: &str| json!({"metadata": {"ownerReferences": [{"apiVersion": "apps/v1", "kind": kind, "name": name, "controller": true}]}});
        let find = |owner: &Owner, _: Option<&str>| {
            (owner.kind == "ReplicaSet").then(|| reference("Deployment", "web"))
        };
        let chain: Vec<_> = owners(&reference("ReplicaSet", "web-1"), &find)
            .into_iter()
            .map(|owner| (owner.name, owner.found))
            .collect();
        assert_eq!(
            chain,
            [("web-1".to_owned(), true), ("web".to_owned(), false)]
        );
        let endless = |_: &Owner, _: Option<&str>| Some(reference("A", "a"));
        assert_eq!(owners(&reference("A", "a"), &endless).len(), OWNERS);
    }

    #[test]
    fn events_that_mention_the_object_come_newest_first() {
        let now = "2026-11-21T02:00:00Z".parse().unwrap();
        let pod =
            json!({"kind": "Pod", "metadata": {"name": "web", "namespace": "shop", "uid": "u1"}});
        let event = |name: &str, reason: &str, time: &str| {
            json!({"kind": "Event", "type": "Normal", "reason": reason, "lastTimestamp": time,
            "involvedObject": {"kind": "Pod", "namespace": "shop", "name": name}})
        };
        let events = [
            event("web", "Old", "2026-11-21T01:00:00Z"),
            event("other", "No", "2026-11-21T01:00:00Z"),
            event("web", "New", "2026-11-21T01:59:00Z"),
        ];
        let summary = describe(&pod, &Table::of_kind("", "Pod"), now, &events, &|_, _| None);
        let shown: Vec<_> = summary
            .events
            .iter()
            .map(|event| (event.reason.as_str(), event.age.as_str()))
            .collect();
        assert_eq!(shown, [("New", "60s"), ("Old", "60m")]);
        assert!(
            summary
                .fields
                .contains(&("Namespace".to_owned(), "shop".to_owned()))
        );
    }
}
