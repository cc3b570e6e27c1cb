//! The summary of an object, as `get --describe` has it.

use etcd_inspect::kubernetes::describe::{self, Owner};
use etcd_inspect::kubernetes::key::Key;
use etcd_inspect::kubernetes::table::Table;
use etcd_inspect::member::Reading;
use jiff::Timestamp;
use serde_json::Value;

use super::Object;
use crate::paint::Line;
use crate::session::Data;
use crate::theme::Role;

/// Events that are looked at and shown.
const EVENTS: usize = 50;

/// The lines of the summary, as of a revision.
pub(crate) fn describe(object: &Object, data: &Data, revision: i64) -> Vec<Line> {
    let value = match &object.json {
        Ok(value) => value,
        Err(why) => {
            let why = match why.is_empty() {
                true => "not a Kubernetes object",
                false => why,
            };
            return vec![Line::piece(Role::Warning, why)];
        }
    };
    let key = data.layout().parse(&object.version.key);
    let now = data.newest_time.unwrap_or(Timestamp::UNIX_EPOCH);
    let events = key
        .map(|key| events(&key, data, revision))
        .unwrap_or_default();
    let owner = |owner: &Owner, namespace: Option<&str>| {
        let target = data.layout().of_kind(&owner.api_version, &owner.kind)?;
        let keys = data.objects().keys_of(&target, namespace, &owner.name);
        keys.iter().find_map(|key| {
            let version = data
                .directory()
                .at(data.directory().position(key)?, revision)?;
            data.objects().json(&version, Reading::default()).ok()
        })
    };
    let summary = describe::describe(value, &table(key, data, value), now, &events, &owner);
    let mut lines = Vec::new();
    let mut field = |name: &str, text: &str| lines.push(field_line(name, text));
    for (name, text) in &summary.fields {
        field(name, text);
    }
    let version = object.version.key_value().map_or(0, |kv| kv.version);
    field(
        "Revision",
        &format!("{} (version {version})", object.version.revision.main),
    );
    let chain: Vec<String> = summary
        .owners
        .iter()
        .map(|owner| {
            format!(
                "{}/{}{}",
                owner.kind,
                owner.name,
                if owner.found { "" } else { " (missing)" }
            )
        })
        .collect();
    if !chain.is_empty() {
        field("Controlled by", &chain.join(" ← "));
    }
    section(
        &mut lines,
        "Conditions",
        summary.conditions.iter().map(condition_line),
    );
    section(&mut lines, "Events", summary.events.iter().map(event_line));
    lines
}

fn field_line(name: &str, text: &str) -> Line {
    let name = if name.is_empty() {
        String::new()
    } else {
        format!("{name}:")
    };
    Line::piece(Role::Dim, format!("{name:<17} ")).text(text.trim())
}

fn condition_line(of: &describe::Condition) -> Line {
    Line::from(format!(
        "  {:<20} {:<8} {:<6} {:<24} {}",
        of.kind, of.status, of.age, of.reason, of.message
    ))
}

fn event_line(of: &describe::Event) -> Line {
    let role = if of.kind == "Normal" {
        Role::Plain
    } else {
        Role::Warning
    };
    Line::piece(
        role,
        format!(
            "  {:<6} {:<8} {:<20} x{:<4} {}",
            of.age, of.kind, of.reason, of.count, of.message
        ),
    )
}

fn section(lines: &mut Vec<Line>, title: &str, rows: impl Iterator<Item = Line>) {
    let mut rows = rows.peekable();
    if rows.peek().is_some() {
        lines.push(Line::piece(Role::Heading, format!("{title}:")));
        lines.extend(rows);
    }
}

/// Events are named after the object they are about: only those are read.
fn events(key: &Key<'_>, data: &Data, revision: i64) -> Vec<Value> {
    let namespace = key.namespace.unwrap_or("default");
    let mut found = Vec::new();
    for target in data.layout().resolve("events") {
        for below in data
            .objects()
            .keys_of(&target, Some(namespace), &format!("{}.", key.name))
        {
            let part = data.directory().below(&below);
            let versions = part
                .rev()
                .filter_map(|at| data.directory().at(at, revision))
                .take(EVENTS);
            found.extend(
                versions
                    .filter_map(|version| data.objects().json(&version, Reading::default()).ok()),
            );
        }
    }
    found
}

/// kubectl's table of the object's kind.
fn table(key: Option<Key<'_>>, data: &Data, value: &Value) -> Table {
    let text = |name| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = text("apiVersion")
        .split_once('/')
        .unwrap_or(("", text("apiVersion")));
    match key.and_then(|key| data.layout().crd(key.path)) {
        Some(crd) => Table::of_crd(crd, version),
        None => Table::of_kind(group, text("kind")),
    }
}
