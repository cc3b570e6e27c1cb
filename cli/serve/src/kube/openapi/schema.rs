//! Schemas: messages of the field tables become definitions as `kube-openapi` writes them.

use etcd_inspect::kubernetes::apply::serve_as;
use etcd_inspect::kubernetes::schema::{Field, Form, Kind, Label, Message, Rule, Type};
use etcd_inspect::member::{Objects, Reading};
use serde_json::{Map, Value, json};

use super::super::merge_keys::{Merged, merged};
use super::paths::kind_of;
use crate::catalog::Served;

const CRDS: &str = "customresourcedefinitions.apiextensions.k8s.io";

/// Definitions, each made once.
pub struct Schemas {
    prefix: &'static str,
    all: Map<String, Value>,
}

impl Schemas {
    /// Without any; `prefix` is what a reference begins with.
    pub fn new(prefix: &'static str) -> Self {
        Self {
            prefix,
            all: Map::new(),
        }
    }

    /// The definitions.
    pub fn into_all(self) -> Map<String, Value> {
        self.all
    }

    /// A reference to a definition.
    pub fn reference(&self, name: &str) -> Value {
        json!({ "$ref": format!("{}{name}", self.prefix) })
    }

    /// Adds the definition of a resource, and all that it refers to; returns its name.
    pub fn add(&mut self, served: &Served, custom: Option<Value>) -> String {
        let api_version = served.of.api_version();
        let kind = Kind::find(&api_version, &served.target.kind).filter(|_| !served.is_custom);
        let (name, mut schema) = match kind {
            Some(kind) => {
                let name = definition_name(kind.message().name);
                let schema = self.message(kind.message());
                (name, schema)
            }
            None => {
                let group: Vec<&str> = served.of.group.rsplit('.').collect();
                let name = format!(
                    "{}.{}.{}",
                    group.join("."),
                    served.of.version,
                    served.target.kind
                );
                let open =
                    json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
                (name, custom.unwrap_or(open))
            }
        };
        let meta = Message::named("k8s.io.apimachinery.pkg.apis.meta.v1.ObjectMeta");
        let meta = meta
            .map(|meta| self.refer(meta))
            .unwrap_or_else(|| json!({ "type": "object" }));
        if let Some(fields) = schema.as_object_mut() {
            let own = fields.entry("properties").or_insert_with(|| json!({}));
            if let Some(own) = own.as_object_mut() {
                let mut all = Map::new();
                all.insert("apiVersion".to_owned(), described(API_VERSION));
                all.insert("kind".to_owned(), described(KIND));
                all.insert("metadata".to_owned(), meta);
                for (name, property) in own.iter() {
                    all.entry(name.as_str()).or_insert_with(|| property.clone());
                }
                *own = all;
            }
            fields.insert(
                "x-kubernetes-group-version-kind".to_owned(),
                json!([kind_of(served)]),
            );
        }
        self.all.insert(name.clone(), schema);
        name
    }

    fn refer(&mut self, message: &'static Message) -> Value {
        let name = definition_name(message.name);
        if !self.all.contains_key(&name) {
            // First the name: messages contain themselves.
            self.all.insert(name.clone(), Value::Null);
            let schema = self.message(message);
            self.all.insert(name.clone(), schema);
        }
        self.reference(&name)
    }

    fn message(&mut self, message: &'static Message) -> Value {
        let properties = self.properties(message);
        json!({ "type": "object", "description": last_word(message.name), "properties": properties })
    }

    fn properties(&mut self, message: &'static Message) -> Map<String, Value> {
        let mut properties = Map::new();
        for field in message.fields() {
            if field.rule == Rule::Inline {
                properties.extend(self.properties(field.message()));
                continue;
            }
            let mut property = self.field(field);
            if let (Some(merged), Some(fields)) = (merged(message, field), property.as_object_mut())
            {
                fields.insert("x-kubernetes-patch-strategy".to_owned(), json!("merge"));
                if let Merged::By(key) = merged {
                    fields.insert("x-kubernetes-patch-merge-key".to_owned(), json!(key));
                }
            }
            properties.insert(field.name().to_owned(), property);
        }
        properties
    }

    fn field(&mut self, field: &Field) -> Value {
        let one = match field.kind {
            Type::String => json!({ "type": "string" }),
            Type::Bytes => json!({ "type": "string", "format": "byte" }),
            Type::Bool => json!({ "type": "boolean" }),
            Type::Int32 => json!({ "type": "integer", "format": "int32" }),
            Type::Int64 => json!({ "type": "integer", "format": "int64" }),
            Type::Double => json!({ "type": "number", "format": "double" }),
            Type::Message => self.of_form(field.message()),
        };
        match field.label {
            Label::One => one,
            Label::Repeated => json!({ "type": "array", "items": one }),
            Label::Map => json!({ "type": "object", "additionalProperties": one }),
        }
    }

    fn of_form(&mut self, message: &'static Message) -> Value {
        match message.form {
            Form::Plain => self.refer(message),
            Form::Time | Form::MicroTime => json!({ "type": "string", "format": "date-time" }),
            Form::Quantity => json!({ "type": "string" }),
            Form::IntOrString => json!({ "type": "string", "format": "int-or-string" }),
            Form::List => json!({ "type": "array", "items": { "type": "string" } }),
            _ => json!({ "type": "object" }),
        }
    }
}

const API_VERSION: &str = "The versioned schema of this representation of an object.";
const KIND: &str = "The REST resource that this object represents.";

fn described(text: &str) -> Value {
    json!({ "type": "string", "description": text })
}

/// `io.k8s.api.core.v1.Pod` for `k8s.io.api.core.v1.Pod`.
fn definition_name(message: &str) -> String {
    match message.strip_prefix("k8s.io.") {
        Some(rest) => format!("io.k8s.{rest}"),
        None => message.to_owned(),
    }
}

fn last_word(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// The schema of a custom resource: that of its CRD for this version.
pub fn of_crd(objects: &Objects<'_>, served: &Served) -> Option<Value> {
    let name = format!("{}.{}", served.target.plural, served.of.group);
    let target = objects.layout().resolve(CRDS).into_iter().next()?;
    let key = objects.keys_of(&target, None, &name);
    let version = key
        .iter()
        .find_map(|key| objects.keyspace().get(key, None).ok().flatten())?;
    let mut crd = objects.json(&version, Reading::default()).ok()?;
    // Only v1 has a schema for each version.
    let _ = serve_as(&mut crd, "apiextensions.k8s.io/v1");
    let versions = crd.pointer("/spec/versions")?.as_array()?;
    let version = versions.iter().find(|version| {
        version.get("name").and_then(Value::as_str) == Some(served.of.version.as_str())
    })?;
    version.pointer("/schema/openAPIV3Schema").cloned()
}
