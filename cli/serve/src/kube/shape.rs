//! A stored object as a client sees it: in the version that was asked for, with the defaults of reading, secrets masked.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use etcd_inspect::answers::Version;
use etcd_inspect::kubernetes::apply::serve_as;
use etcd_inspect::kubernetes::mask::{BULLETS, Mask};
use etcd_inspect::kubernetes::{ObjectParts, has_read_defaults, set_read_defaults};
use etcd_inspect::member::{Objects, Reading};
use serde_json::{Map, Value, json};

use super::brief::BriefMetadata;
use super::events;
use crate::catalog::Served;

/// What [`Shape::metadata`] reads.
static METADATA: ObjectParts = ObjectParts::only(&[
    ("apiVersion", ObjectParts::WHOLE),
    ("kind", ObjectParts::WHOLE),
    ("metadata", ObjectParts::WHOLE),
]);

/// How objects are shown.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'s> {
    /// The resource in the version that was asked for.
    pub served: &'s Served,
    /// Over secrets.
    pub mask: Option<&'s Mask>,
}

impl Shape<'_> {
    /// The object of a version.
    ///
    /// # Errors
    /// Why it cannot be shown.
    pub fn object(&self, objects: &Objects<'_>, version: &Version<'_>) -> Result<Value, String> {
        let read = objects.json(version, Reading::default());
        let mut object = read.map_err(|cause| cause.to_string())?;
        let api_version = self.served.of.api_version();
        if self.served.is_custom {
            // A CRD without a conversion webhook changes the version alone: `nopConverter` in apiextensions, v0.34.0.
            set(&mut object, "apiVersion", json!(api_version));
        } else if self.served.is_view_of_events() {
            events::convert(&mut object, &api_version);
        } else {
            serve_as(&mut object, &api_version)?;
        }
        if let Some(mask) = self.mask {
            hide(mask, &mut object);
        }
        Ok(object)
    }

    /// The metadata of the object of a version, with its version and kind, made without the rest; `None` if only the whole object tells
    /// what a client sees of it.
    pub fn metadata(
        &self,
        objects: &Objects<'_>,
        version: &Version<'_>,
    ) -> Option<Result<BriefMetadata, String>> {
        let served = self.served;
        let kind = served.target.kind.as_str();
        // What the mask hides of these depends on other fields.
        let is_secret = kind == "Secret" || kind.starts_with("OAuth");
        if served.is_custom || served.is_view_of_events() || self.mask.is_some() && is_secret {
            return None;
        }
        let flat = match objects.flat(version, Reading::default(), &METADATA) {
            Ok(flat) => flat,
            Err(cause) => return Some(Err(cause.to_string())),
        };
        let root = flat.root()?;
        let text = |name: &str| root.get(name)?.text();
        if text("apiVersion") != Some(&served.of.api_version()) || text("kind") != Some(kind) {
            return None;
        }
        let mut metadata = BriefMetadata::new(root);
        if let Some(mask) = self.mask {
            if metadata.repeats_values() {
                return None;
            }
            hide(mask, &mut metadata.object);
        }
        Some(Ok(metadata))
    }

    /// Whether a client sees the object as it is stored, but for its revision: nothing is masked, and no default is set.
    pub fn is_as_stored(&self, objects: &Objects<'_>, version: &Version<'_>) -> bool {
        let as_stored = Reading {
            stored: true,
            ..Reading::default()
        };
        let Ok(stored) = objects.json(version, as_stored) else {
            return false;
        };
        let mut object = stored.clone();
        if let Some(mask) = self.mask {
            hide(mask, &mut object);
        }
        if object != stored {
            return false;
        }
        set_read_defaults(&mut object);
        phases(&object) == phases(&stored)
    }

    /// Whether values of its objects are hidden.
    pub fn hides(&self) -> bool {
        self.mask.is_some() && self.served.target.kind == "Secret"
    }
}

/// Hides secrets. What a client decodes as base64 stays base64.
fn hide(mask: &Mask, object: &mut Value) {
    mask.object(object);
    if object.get("kind").and_then(Value::as_str) != Some("Secret") {
        return;
    }
    let data = object.get_mut("data").and_then(Value::as_object_mut);
    for value in data.into_iter().flat_map(Map::values_mut) {
        if let Value::String(text) = value
            && text.starts_with(BULLETS)
        {
            *text = STANDARD.encode(text.as_bytes());
        }
    }
}

/// Whether an API server sets anything when it reads an object of a kind: the stored bytes alone do not say it.
pub fn has_defaults(kind: &str) -> bool {
    ["v1", "apps/v1"]
        .iter()
        .any(|api_version| has_read_defaults(api_version, kind))
}

/// Phases: the only default of reading that is a field of the message.
fn phases(object: &Value) -> Vec<Option<&Value>> {
    let claims = object
        .pointer("/spec/volumeClaimTemplates")
        .and_then(Value::as_array);
    let all = claims.into_iter().flatten().chain(std::iter::once(object));
    all.map(|claim| claim.pointer("/status/phase")).collect()
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// Which object cannot be shown, and why: some reasons name it.
pub fn failure(version: &Version<'_>, reason: &str) -> String {
    let key = version.key.escape_ascii().to_string();
    match reason.starts_with(&key) {
        true => reason.to_owned(),
        false => format!("{key}: {reason}"),
    }
}

/// The metadata alone, as JSON text: it is not copied.
pub fn metadata_text(object: &Value) -> String {
    let metadata = object.get("metadata").unwrap_or(&Value::Null);
    format!(
        "{{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{metadata}}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_value_is_base64_and_shows_nothing() {
        let mut secret =
            json!({"kind": "Secret", "apiVersion": "v1", "data": {"password": "aHVudGVyMg=="}});
        hide(&Mask::new(b"key"), &mut secret);
        let shown = secret["data"]["password"].as_str().unwrap();
        let plain = String::from_utf8(STANDARD.decode(shown).unwrap()).unwrap();
        assert!(
            plain.starts_with(BULLETS) && !plain.contains("hunter2"),
            "{plain}"
        );
    }
}
