//! Watches: the first state, then the history that is retained, then nothing more, because nothing is written.

use std::time::Duration;

use etcd_inspect::answers::Version;
use etcd_inspect::member::Objects;
use serde_json::{Value, json};

use super::list::{List, ranges, selects};
use super::query::Form;
use super::shape::{Shape, metadata_text};
use super::table::Printed;
use crate::net::body::{Gone, Writer};
use crate::net::status::Status;

/// Interval of bookmarks.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);

/// Time after which a watch ends if the client names none.
const WATCH_SECONDS: u64 = 3600;

/// Longest time of a watch.
const MAX_WATCH_SECONDS: u64 = 24 * 3600;

/// What is left to do when the history is written.
#[derive(Debug)]
pub struct Idle {
    bookmark: Option<String>,
    time: Duration,
}

impl List<'_> {
    /// Writes the events that there are. To be called from a thread that may wait.
    ///
    /// # Errors
    /// The client is gone.
    pub fn watch(&self, objects: &Objects<'_>, out: &mut Writer) -> Result<Option<Idle>, Gone> {
        let own = self.moment.revision;
        let table = (self.accept.form == Form::Table)
            .then(|| Printed::new(objects, self.served, own, self.query.include));
        let events = Events {
            list: self,
            objects,
            table,
        };
        match self.query.resource_version {
            Some(version) if !self.query.initial_events => {
                let compacted = objects.keyspace().compact_revision().unwrap_or(0);
                if version < compacted {
                    let message = format!("too old resource version: {version} ({compacted})");
                    let expired = Status::new(hyper::StatusCode::GONE, "Expired", message);
                    out.write(line("ERROR", &expired.json().to_string()).as_bytes())?;
                    out.send()?;
                    return Ok(None);
                }
                events.history(version, out)?;
            }
            _ => events.first_state(out)?,
        }
        if self.query.initial_events {
            out.write(events.bookmark(true).as_bytes())?;
        }
        out.send()?;
        let seconds = self.query.timeout_seconds.unwrap_or(WATCH_SECONDS);
        Ok(Some(Idle {
            bookmark: self.query.bookmarks.then(|| events.bookmark(false)),
            time: Duration::from_secs(seconds.min(MAX_WATCH_SECONDS)),
        }))
    }
}

impl Idle {
    /// Waits until the time is over or the client is gone; nothing happens but bookmarks.
    pub async fn wait(self, mut out: Writer) {
        let end = tokio::time::Instant::now() + self.time;
        loop {
            let next = (tokio::time::Instant::now() + BOOKMARK_INTERVAL).min(end);
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = out.closed() => return,
            }
            if next == end {
                return;
            }
            if let Some(bookmark) = &self.bookmark
                && out.push(bookmark.as_bytes()).await.is_err()
            {
                return;
            }
        }
    }
}

struct Events<'e, 'l, 'a> {
    list: &'e List<'l>,
    objects: &'e Objects<'a>,
    table: Option<Printed>,
}

impl<'a> Events<'_, '_, 'a> {
    /// Every object of the moment, as if it were added now.
    fn first_state(&self, out: &mut Writer) -> Result<(), Gone> {
        let own = self.list.moment.revision;
        let Ok(versions) = self.list.versions(self.objects, own) else {
            return Ok(());
        };
        for version in &versions {
            if let Some(object) = self.selected(version) {
                out.write(self.event("ADDED", &object).as_bytes())?;
            }
        }
        Ok(())
    }

    /// What was written after a revision, until the moment.
    fn history(&self, after: i64, out: &mut Writer) -> Result<(), Gone> {
        let list = self.list;
        let ranges = ranges(self.objects, list.served, list.path.namespace.as_deref());
        let mains = after.saturating_add(1)..=list.moment.revision;
        for version in self.objects.keyspace().between(mains) {
            let parsed = self.objects.parse(version.key);
            let fits = parsed.is_some_and(|parsed| {
                parsed.path == list.served.target.path
                    && list
                        .path
                        .name
                        .as_deref()
                        .is_none_or(|name| parsed.name == name)
            });
            if !fits || !ranges.iter().any(|range| range.contains(version.key)) {
                continue;
            }
            if let Some(event) = self.written(&version) {
                out.write(event.as_bytes())?;
            }
        }
        Ok(())
    }

    /// The event of one write: an object that comes to fit the selectors is added, one that ceases to is deleted.
    fn written(&self, version: &Version<'a>) -> Option<String> {
        let main = version.revision.main;
        let before = self.before(version);
        let old = before.as_ref().and_then(|before| self.selected(before));
        if version.tombstone {
            let known = before.is_some();
            let mut gone = match old {
                Some(old) => old,
                // The value is compacted: the key alone says what was deleted.
                None if !known && !self.list.query.selects => self.by_key(version)?,
                None => return None,
            };
            set_version(&mut gone, main);
            return Some(self.event("DELETED", &gone));
        }
        let is_new = version.key_value().is_ok_and(|kv| kv.version == 1);
        match (self.selected(version), old) {
            (Some(new), Some(_)) => Some(self.event("MODIFIED", &new)),
            (Some(new), None) => {
                let is_added = is_new || before.is_some();
                Some(self.event(if is_added { "ADDED" } else { "MODIFIED" }, &new))
            }
            (None, Some(mut old)) => {
                set_version(&mut old, main);
                Some(self.event("DELETED", &old))
            }
            (None, None) => None,
        }
    }

    /// The version that a write replaced.
    fn before(&self, version: &Version<'a>) -> Option<Version<'a>> {
        let all = self.objects.keyspace().records_of(version.key);
        let before = all.iter().rfind(|other| other.revision < version.revision);
        before.filter(|before| !before.tombstone)
    }

    fn selected(&self, version: &Version<'_>) -> Option<Value> {
        let shape = Shape {
            served: self.list.served,
            mask: self.list.moment.source.mask(false),
        };
        let object = shape.object(self.objects, version).ok()?;
        selects(self.list.query, &object).then_some(object)
    }

    fn by_key(&self, version: &Version<'_>) -> Option<Value> {
        let key = self.objects.parse(version.key)?;
        let served = self.list.served;
        let mut metadata = json!({ "name": key.name });
        if let (Some(namespace), Some(fields)) = (key.namespace, metadata.as_object_mut()) {
            fields.insert("namespace".to_owned(), json!(namespace));
        }
        Some(
            json!({ "apiVersion": served.of.api_version(), "kind": served.target.kind, "metadata": metadata }),
        )
    }

    fn event(&self, kind: &str, object: &Value) -> String {
        match (&self.table, self.list.accept.form) {
            (Some(table), _) => line(kind, &table.of_one(object)),
            (None, Form::Metadata) => line(kind, &metadata_text(object)),
            (None, _) => line(kind, &object.to_string()),
        }
    }

    fn bookmark(&self, is_end_of_first_state: bool) -> String {
        let served = self.list.served;
        let mut metadata = json!({ "resourceVersion": self.list.moment.revision.to_string(), "creationTimestamp": null });
        if let (true, Some(fields)) = (is_end_of_first_state, metadata.as_object_mut()) {
            fields.insert(
                "annotations".to_owned(),
                json!({ "k8s.io/initial-events-end": "true" }),
            );
        }
        let (api_version, kind) = match self.list.accept.form {
            Form::Object => (served.of.api_version(), served.target.kind.clone()),
            Form::Metadata => (
                "meta.k8s.io/v1".to_owned(),
                "PartialObjectMetadata".to_owned(),
            ),
            Form::Table => {
                let row = json!({ "cells": [], "object": { "kind": "PartialObjectMetadata",
                    "apiVersion": "meta.k8s.io/v1", "metadata": metadata } });
                let table = json!({ "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
                    "columnDefinitions": [], "rows": [row] });
                return line("BOOKMARK", &table.to_string());
            }
        };
        line(
            "BOOKMARK",
            &json!({ "kind": kind, "apiVersion": api_version, "metadata": metadata }).to_string(),
        )
    }
}

fn set_version(object: &mut Value, main: i64) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("resourceVersion".to_owned(), json!(main.to_string()));
    }
}

fn line(kind: &str, object: &str) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}
