//! The metadata of an object without the rest.

use etcd_inspect::kubernetes::FlatValue;
use serde_json::{Map, Value};

/// The metadata of an object.
#[derive(Debug)]
pub struct BriefMetadata {
    /// Version, kind and metadata, without the managed fields.
    pub object: Value,
    /// The managed fields as JSON text. They are most of the metadata, and nothing selects by them.
    managers: Option<String>,
}

impl BriefMetadata {
    /// Of an object of which at least these were read.
    pub fn new(root: FlatValue<'_>) -> Self {
        let mut managers = None;
        let mut object = Map::new();
        for part in root.members() {
            let mut fields = Map::new();
            for member in part.members() {
                if (part.name(), member.name()) == ("metadata", "managedFields") {
                    let mut text = Vec::new();
                    write(member, &mut text);
                    managers = String::from_utf8(text).ok();
                    continue;
                }
                fields.insert(member.name().to_owned(), tree(member));
            }
            let value = match part.is_object() {
                true => Value::Object(fields),
                false => tree(part),
            };
            object.insert(part.name().to_owned(), value);
        }
        Self {
            object: Value::Object(object),
            managers,
        }
    }

    /// Whether the managed fields repeat items of sets: a mask has to see those.
    pub fn repeats_values(&self) -> bool {
        let managers = self.managers.as_deref().unwrap_or_default();
        managers.contains("\"v:") || managers.contains("\\\"v:")
    }

    /// As `PartialObjectMetadata`.
    pub fn text(&self) -> String {
        let metadata = self.object.get("metadata").unwrap_or(&Value::Null);
        let mut metadata = metadata.to_string();
        if let Some(managers) = &self.managers
            && metadata.pop() == Some('}')
        {
            if metadata != "{" {
                metadata.push(',');
            }
            metadata.push_str("\"managedFields\":");
            metadata.push_str(managers);
            metadata.push('}');
        }
        format!(
            "{{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{metadata}}}"
        )
    }
}

/// A value as a tree.
fn tree(value: FlatValue<'_>) -> Value {
    if value.is_object() {
        let members = value.members();
        let members = members.map(|member| (member.name().to_owned(), tree(member)));
        return Value::Object(members.collect());
    }
    if value.is_list() {
        return Value::Array(value.items().map(tree).collect());
    }
    let text = value.text().map(Value::from);
    let number = || value.number().cloned().map(Value::Number);
    let flag = || value.flag().map(Value::Bool);
    text.or_else(number).or_else(flag).unwrap_or(Value::Null)
}

/// Writes a value as JSON.
fn write(value: FlatValue<'_>, out: &mut Vec<u8>) {
    if value.is_object() {
        out.push(b'{');
        for (number, member) in value.members().enumerate() {
            separate(number, out);
            quote(member.name(), out);
            out.push(b':');
            write(member, out);
        }
        out.push(b'}');
    } else if value.is_list() {
        out.push(b'[');
        for (number, item) in value.items().enumerate() {
            separate(number, out);
            write(item, out);
        }
        out.push(b']');
    } else if let Some(text) = value.text() {
        quote(text, out);
    } else {
        out.extend_from_slice(tree(value).to_string().as_bytes());
    }
}

fn separate(number: usize, out: &mut Vec<u8>) {
    if number > 0 {
        out.push(b',');
    }
}

fn quote(text: &str, out: &mut Vec<u8>) {
    // Writing a text to memory does not fail.
    let _ = serde_json::to_writer(out, text);
}
