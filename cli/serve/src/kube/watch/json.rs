//! Events as JSON, one in each line.

use etcd_inspect::member::Objects;
use serde_json::{Value, json};

use super::{Event, Subject};
use crate::kube::list::List;
use crate::kube::query::Form;
use crate::kube::shape::metadata_text;
use crate::kube::table::Printed;
use crate::net::status::Status;

/// Writes events.
pub struct JsonLines<'e> {
    list: &'e List<'e>,
    table: Option<Printed>,
}

impl<'e> JsonLines<'e> {
    /// Those of a list, in the form that is asked for.
    pub fn new(list: &'e List<'e>, objects: &Objects<'_>) -> Self {
        let own = list.moment.revision;
        let is_table = list.accept.form == Form::Table;
        let source = &list.moment.source;
        let shown = (list.query.include, source.mask(false));
        let table = is_table.then(|| Printed::new(source, objects, list.served, own, shown));
        Self { list, table }
    }

    /// An event.
    pub fn event(&self, event: &Event<'_>) -> Vec<u8> {
        match &event.subject {
            Subject::Stored(_, object) => self.object(event.kind, object),
            Subject::Key { namespace, name } => {
                let mut metadata = json!({ "name": name });
                if let (Some(namespace), Some(fields)) = (namespace, metadata.as_object_mut()) {
                    fields.insert("namespace".to_owned(), json!(namespace));
                }
                if let Some(fields) = metadata.as_object_mut() {
                    let version = json!(event.revision.to_string());
                    fields.insert("resourceVersion".to_owned(), version);
                }
                let served = self.list.served;
                let object = json!({ "apiVersion": served.of.api_version(), "kind": served.target.kind, "metadata": metadata });
                self.object(event.kind, &object)
            }
            Subject::Bookmark {
                is_end_of_first_state,
            } => self.bookmark(event.revision, *is_end_of_first_state),
        }
    }

    /// The event that ends a watch which cannot be answered.
    pub fn error(&self, status: &Status) -> Vec<u8> {
        line("ERROR", &status.json().to_string())
    }

    fn object(&self, kind: &str, object: &Value) -> Vec<u8> {
        match (&self.table, self.list.accept.form) {
            (Some(table), _) => line(kind, &table.of_one(object)),
            (None, Form::Metadata) => line(kind, &metadata_text(object)),
            (None, _) => line(kind, &object.to_string()),
        }
    }

    fn bookmark(&self, revision: i64, is_end_of_first_state: bool) -> Vec<u8> {
        let served = self.list.served;
        let mut metadata =
            json!({ "resourceVersion": revision.to_string(), "creationTimestamp": null });
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

fn line(kind: &str, object: &str) -> Vec<u8> {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n").into_bytes()
}
