//! Releases of Helm, which it keeps in Secrets or ConfigMaps: base64 of gzip of JSON (Helm 2: of protobuf), in a Secret once
//! more in base64.
//!
//! Source: helm `pkg/storage/driver/util.go` and `pkg/release/release.go`, v3.16.0.

mod v2;

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::Value;

use super::apply::{PLACEHOLDER, Secrets};
use super::decode::json;
use super::mask::Mask;
use super::object::{MAX_VALUE_DEPTH, VALUE_MEMORY_BYTES};
use super::yaml;

/// The type of a Secret that has a release.
const TYPE: &str = "helm.sh/release.v1";
/// Maximum size of an unpacked release: a Secret of 1 MiB packs no more text than this.
const MOST: u64 = 64 << 20;

/// One revision of a release.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HelmRelease {
    /// Its name.
    pub name: String,
    /// The namespace of what it installs.
    pub namespace: String,
    /// 1 for an installation; each upgrade and rollback adds one.
    pub revision: i64,
    /// `deployed`, `superseded`, `failed`, `pending-upgrade`, `uninstalled`, …
    pub status: String,
    /// When it was last deployed, as it is stored.
    pub updated: String,
    /// The description that Helm wrote: `Upgrade complete`.
    pub description: String,
    /// `web-1.2.3`: name and version of the chart.
    pub chart: String,
    /// The version of what the chart installs.
    pub app_version: String,
    /// The objects, as one YAML stream.
    pub manifest: String,
    /// The values that the user gave.
    pub values: Value,
    /// The notes of the chart, for people.
    pub notes: String,
    /// Parts that Helm always writes and that are not there, or are not of their type: `the manifest`.
    pub missing: Vec<&'static str>,
}

/// Why a release cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the release in {name} cannot be read: {why}")]
pub struct HelmError {
    name: String,
    why: String,
}

/// Whether an object has a release of Helm in it.
pub fn is_release(object: &Value) -> bool {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let is_labelled = text("/metadata/labels/owner") == Some("helm") || is_of_tiller(object);
    match text("/kind") {
        Some("Secret") if text("/type") == Some(TYPE) => true,
        Some("Secret" | "ConfigMap") => is_labelled && object.pointer("/data/release").is_some(),
        _ => false,
    }
}

/// Whether Helm 2 wrote a release.
fn is_of_tiller(object: &Value) -> bool {
    let owner = object.pointer("/metadata/labels/OWNER");
    owner.and_then(Value::as_str) == Some("TILLER")
}

impl HelmRelease {
    /// Reads the release in a Secret or ConfigMap whose values are not hidden.
    ///
    /// # Errors
    /// The data are no base64, no gzip, no JSON, or too large.
    pub fn from_object(object: &Value) -> Result<Self, HelmError> {
        let name = object.pointer("/metadata/name").and_then(Value::as_str);
        let name = name.unwrap_or_default().to_owned();
        let failed = |why: String| HelmError {
            name: name.clone(),
            why,
        };
        let data = object.pointer("/data/release").and_then(Value::as_str);
        let mut packed = data
            .ok_or_else(|| failed("it has no data.release".to_owned()))?
            .as_bytes()
            .to_vec();
        // Twice in a Secret, once in a ConfigMap; old releases were not packed.
        for _ in 0..2 {
            if let Ok(plain) = STANDARD.decode(&packed) {
                packed = plain;
            }
        }
        let text = unpacked(packed).map_err(|error| failed(error.to_string()))?;
        if is_of_tiller(object) {
            return match v2::release(&text) {
                (_, Some(error)) => Err(failed(error.to_string())),
                (mut release, None) => {
                    if release.manifest.is_empty() {
                        release.missing.push("the manifest");
                    }
                    Ok(release)
                }
            };
        }
        let release = json::tree(&text, MAX_VALUE_DEPTH, VALUE_MEMORY_BYTES)
            .map_err(|fault| failed(fault.to_string()))?;
        Ok(Self::from_json(&release))
    }

    fn from_json(release: &Value) -> Self {
        let text = |pointer: &str| {
            let found = release.pointer(pointer).and_then(Value::as_str);
            found.unwrap_or_default().to_owned()
        };
        let (chart, version) = (
            text("/chart/metadata/name"),
            text("/chart/metadata/version"),
        );
        Self {
            name: text("/name"),
            namespace: text("/namespace"),
            revision: release.get("version").and_then(Value::as_i64).unwrap_or(0),
            status: text("/info/status"),
            updated: text("/info/last_deployed"),
            description: text("/info/description"),
            chart: format!("{chart}-{version}").trim_matches('-').to_owned(),
            app_version: text("/chart/metadata/appVersion"),
            manifest: text("/manifest"),
            values: release.get("config").cloned().unwrap_or(Value::Null),
            notes: text("/info/notes"),
            missing: missing(release),
        }
    }

    /// The parts that can be written; those with hidden values as `secrets` says. `mask`: `None` if everything is to be written.
    pub fn parts(&self, secrets: Secrets, mask: Option<&Mask>) -> HelmParts {
        let mut parts = HelmParts {
            missing: self.missing.clone(),
            notes: Some(self.notes.clone()).filter(|notes| !notes.is_empty()),
            ..HelmParts::default()
        };
        let Some(mask) = mask else {
            parts.manifest.clone_from(&self.manifest);
            parts.values = Some(written(&self.values));
            return parts;
        };
        self.manifest(secrets, mask, &mut parts);
        let mut values = self.values.clone();
        let hidden = replaced(&mut values);
        parts.values = match (hidden, secrets) {
            (0, _) | (_, Secrets::Placeholder) => Some(written(&values)),
            (_, Secrets::Omit) => None,
        };
        parts.hidden_values += hidden;
        if self.have_secret_notes(mask) {
            parts.notes = None;
            parts.hidden_notes = true;
            parts.hidden_values += 1;
        }
        parts
    }

    /// Whether the notes have what the mask hides, a value that the user gave, or one that the manifest has in a Secret or under
    /// the name of a secret. Charts print generated passwords in prose: what comes after such a word is never written either.
    fn have_secret_notes(&self, mask: &Mask) -> bool {
        let mut secrets = Vec::new();
        texts_of(&self.values, &mut secrets);
        for document in documents(&self.manifest) {
            let Ok(object) = serde_saphyr::from_str::<Value>(document) else {
                continue;
            };
            let mut masked = object.clone();
            mask.object(&mut masked);
            hidden_texts(&object, &masked, &mut secrets);
        }
        let is_public = |text: &str| {
            let plain = [self.name.as_str(), self.namespace.as_str(), "true", "false"];
            text.len() < SHORT
                || plain.contains(&text)
                || text
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        };
        let has_value = secrets
            .iter()
            .any(|text| !is_public(text) && self.notes.contains(text.as_str()));
        has_value || mask.text(&self.notes) != self.notes || has_secret_prose(&self.notes)
    }

    fn manifest(&self, secrets: Secrets, mask: &Mask, parts: &mut HelmParts) {
        for document in documents(&self.manifest) {
            let mut object: Value = match serde_saphyr::from_str(document) {
                Ok(Value::Null) => continue,
                Ok(object) => object,
                Err(_) => {
                    parts.unreadable.push(first_line(document));
                    continue;
                }
            };
            match mask.count(&object) {
                0 => parts.manifest.push_str(document),
                _ => match secrets.apply(mask, &mut object) {
                    Ok(count) => {
                        parts.hidden_values += count;
                        parts.manifest.push_str("---\n");
                        parts.manifest.push_str(&written(&object));
                    }
                    Err(count) => {
                        parts.hidden_values += count;
                        parts.left_out.push(named(&object));
                    }
                },
            }
        }
    }
}

/// Values of a chart shorter than this are in every text.
const SHORT: usize = 4;

/// What is written of a release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HelmParts {
    /// The objects.
    pub manifest: String,
    /// The values that the user gave; `None` if they are left out because any of them may be secret.
    pub values: Option<String>,
    /// The notes.
    pub notes: Option<String>,
    /// Whether the notes are left out because something secret is, or may be, in them.
    pub hidden_notes: bool,
    /// Objects of the manifest that are left out because of hidden values.
    pub left_out: Vec<String>,
    /// Documents of the manifest that are left out because they are no YAML: what is secret in them cannot be hidden.
    pub unreadable: Vec<String>,
    /// Parts that the release does not have: [`HelmRelease::missing`].
    pub missing: Vec<&'static str>,
    /// How many values are hidden.
    pub hidden_values: usize,
}

impl HelmParts {
    /// Whether everything that a release has is written.
    pub fn is_whole(&self) -> bool {
        let nothing_left_out = self.left_out.is_empty() && self.unreadable.is_empty();
        nothing_left_out && !self.hidden_notes && self.missing.is_empty() && self.values.is_some()
    }
}

/// Parts that a release of Helm 3 lacks. A release without values or notes is whole.
fn missing(release: &Value) -> Vec<&'static str> {
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let is_map = |value: &Value| value.is_object();
    let is_optional_map = |value: &Value| value.is_null() || value.is_object();
    let is_optional_text = |value: &Value| value.is_null() || value.is_string();
    type Part<'p> = (&'p str, &'p dyn Fn(&Value) -> bool, &'static str);
    let parts: [Part<'_>; 6] = [
        ("/manifest", &is_text, "the manifest"),
        ("/info", &is_map, "status and times"),
        ("/chart/metadata", &is_map, "name and version of the chart"),
        ("/version", &Value::is_number, "the revision"),
        ("/config", &is_optional_map, "the values"),
        ("/info/notes", &is_optional_text, "the notes"),
    ];
    let lacks = parts
        .iter()
        .filter(|(pointer, fits, _)| !fits(release.pointer(pointer).unwrap_or(&Value::Null)));
    lacks.map(|(_, _, name)| *name).collect()
}

/// Every text of a value.
fn texts_of(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| texts_of(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| texts_of(field, texts)),
        Value::String(text) => texts.push(text.clone()),
        _ => {}
    }
}

/// The texts that a mask changes; those of a Secret's data also decoded.
fn hidden_texts(plain: &Value, masked: &Value, texts: &mut Vec<String>) {
    match (plain, masked) {
        (Value::Object(fields), Value::Object(others)) => {
            for (name, field) in fields {
                hidden_texts(field, others.get(name).unwrap_or(&Value::Null), texts);
            }
        }
        (Value::Array(items), Value::Array(others)) => {
            let pairs = items.iter().zip(others);
            pairs.for_each(|(item, other)| hidden_texts(item, other, texts));
        }
        (Value::String(text), other) if other.as_str() != Some(text) => {
            let decoded = STANDARD.decode(text).ok();
            texts.extend(decoded.and_then(|plain| String::from_utf8(plain).ok()));
            texts.push(text.clone());
        }
        _ => {}
    }
}

/// Whether prose gives a secret after its name: "admin password is X". A command that reads it, and a reference, is none.
fn has_secret_prose(notes: &str) -> bool {
    notes.lines().any(|line| {
        let lower = line.to_ascii_lowercase();
        let words = [
            "password",
            "passwd",
            "passphrase",
            "token",
            "secret",
            "credential",
            "api key",
            "apikey",
            "access key",
        ];
        let after = words
            .iter()
            .filter_map(|word| lower.find(word).and_then(|at| lower.get(at..)));
        after
            .map(|after| after.split(' ').skip(1))
            .any(|mut words| {
                let is_said = words.any(|word| ["is", "is:", "was", "=", ":"].contains(&word));
                is_said
                    && words.next().is_some_and(|value| {
                        !value.starts_with(['$', '<', '{'])
                            && ![
                                "stored",
                                "in",
                                "the",
                                "not",
                                "set",
                                "generated",
                                "required",
                                "a",
                            ]
                            .contains(&value)
                    })
            })
    })
}

fn unpacked(packed: Vec<u8>) -> std::io::Result<Vec<u8>> {
    if !packed.starts_with(&[0x1f, 0x8b]) {
        return Ok(packed);
    }
    let mut text = Vec::new();
    GzDecoder::new(packed.as_slice())
        .take(MOST + 1)
        .read_to_end(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|len| len > MOST) {
        return Err(std::io::Error::other("it unpacks to more than 64 MiB"));
    }
    Ok(text)
}

/// The documents of a stream, each with the line that begins it.
fn documents(stream: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = Vec::new();
    let mut at = 0;
    for line in stream.split_inclusive('\n') {
        if line.trim_end() == "---" || line.starts_with("--- ") || at == 0 {
            starts.push(at);
        }
        at += line.len();
    }
    starts.push(stream.len());
    let pairs = starts.windows(2);
    pairs
        .filter_map(|pair| match pair {
            [from, to] => stream.get(*from..*to),
            _ => None,
        })
        .collect()
}

fn first_line(document: &str) -> String {
    let mut lines = document.lines().map(str::trim);
    let line = lines.find(|line| !line.is_empty() && *line != "---");
    line.unwrap_or_default().to_owned()
}

fn named(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let kind = text("/kind").unwrap_or("object").to_lowercase();
    format!("{kind}/{}", text("/metadata/name").unwrap_or_default())
}

fn written(value: &Value) -> String {
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = yaml::write(&mut text, value);
    String::from_utf8_lossy(&text).into_owned()
}

/// Replaces every text and number: nothing says which value of a chart is secret. Returns how many.
fn replaced(value: &mut Value) -> usize {
    match value {
        Value::Array(items) => items.iter_mut().map(replaced).sum(),
        Value::Object(fields) => fields.values_mut().map(replaced).sum(),
        Value::String(_) | Value::Number(_) => {
            *value = Value::from(PLACEHOLDER);
            1
        }
        Value::Null | Value::Bool(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use serde_json::json;

    use super::*;

    fn packed(release: &Value) -> String {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(release.to_string().as_bytes()).unwrap();
        STANDARD.encode(gzip.finish().unwrap())
    }

    fn release() -> Value {
        json!({"name": "web", "namespace": "shop", "version": 3, "config": {"db": {"password": "hunter2"}, "on": true},
            "info": {"status": "deployed", "last_deployed": "2026-11-21T01:14:44.5Z", "notes": "It runs.", "description": "Upgrade complete"},
            "chart": {"metadata": {"name": "web", "version": "1.2.3", "appVersion": "9.1"}},
            "manifest": "---\n# Source: a\napiVersion: v1\nkind: Secret\nmetadata:\n  name: db\nstringData:\n  p: hunter2\n---\n# Source: b\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\n"})
    }

    fn secret() -> Value {
        json!({"kind": "Secret", "type": "helm.sh/release.v1", "metadata": {"name": "sh.helm.release.v1.web.v3"},
            "data": {"release": STANDARD.encode(packed(&release()))}})
    }

    #[test]
    fn a_release_is_read_from_either_driver() {
        let map = json!({"kind": "ConfigMap", "metadata": {"name": "m", "labels": {"owner": "helm"}}, "data": {"release": packed(&release())}});
        assert!(is_release(&secret()) && is_release(&map));
        assert!(!is_release(&json!({"kind": "Secret", "type": "Opaque"})));
        let found = HelmRelease::from_object(&secret()).unwrap();
        assert_eq!(found, HelmRelease::from_object(&map).unwrap());
        assert_eq!(
            (
                found.name.as_str(),
                found.revision,
                found.chart.as_str(),
                found.status.as_str()
            ),
            ("web", 3, "web-1.2.3", "deployed")
        );
        let broken =
            json!({"kind": "Secret", "metadata": {"name": "x"}, "data": {"release": "H4sIAAAA"}});
        assert!(HelmRelease::from_object(&broken).is_err());
    }

    #[test]
    fn parts_that_are_missing_or_of_another_type_are_named() {
        let mut damaged = release();
        damaged["manifest"] = json!(null);
        damaged["config"] = json!("a text");
        damaged["info"] = json!({"notes": 3});
        let found = HelmRelease::from_json(&damaged);
        assert_eq!(found.missing, ["the manifest", "the values", "the notes"]);
        assert!(!found.parts(Secrets::Omit, None).is_whole());
        let mut without_values = release();
        without_values.as_object_mut().unwrap().remove("config");
        let found = HelmRelease::from_json(&without_values);
        assert!(found.missing.is_empty() && found.parts(Secrets::Omit, None).is_whole());
    }

    #[test]
    fn a_document_that_is_no_yaml_is_left_out_for_that_reason() {
        let mut odd = release();
        odd["manifest"] =
            json!("---\nkind: Service\nmetadata: {name: a}\n---\npassword: [unclosed\n");
        let parts = HelmRelease::from_json(&odd).parts(Secrets::Omit, Some(&Mask::new(b"run")));
        assert_eq!(parts.unreadable, ["password: [unclosed"]);
        assert!(parts.left_out.is_empty() && !parts.is_whole());
        assert!(parts.manifest.contains("kind: Service"));
    }

    #[test]
    fn nothing_secret_of_a_release_is_written_without_being_asked_for() {
        let found = HelmRelease::from_object(&secret()).unwrap();
        let mask = Mask::new(b"run");
        let omitted = found.parts(Secrets::Omit, Some(&mask));
        assert_eq!(omitted.left_out, ["secret/db"]);
        assert!(
            omitted
                .manifest
                .contains("# Source: b\napiVersion: v1\nkind: Service"),
            "{omitted:?}"
        );
        assert_eq!((omitted.values, omitted.hidden_values), (None, 2));
        let replaced = found.parts(Secrets::Placeholder, Some(&mask));
        assert!(!format!("{replaced:?}").contains("hunter2"), "{replaced:?}");
        assert_eq!(
            replaced.values.as_deref(),
            Some("db:\n  password: REPLACE_ME\n\"on\": true\n")
        );
        for notes in [
            "Your admin password is correcthorse now.",
            "user web, password: hunter2",
            "It runs. hunter2 opens it.",
        ] {
            let mut noted = release();
            noted["info"]["notes"] = json!(notes);
            for secrets in [Secrets::Omit, Secrets::Placeholder] {
                let parts = HelmRelease::from_json(&noted).parts(secrets, Some(&mask));
                assert_eq!(
                    (parts.notes.as_deref(), parts.is_whole()),
                    (None, false),
                    "{notes}"
                );
            }
        }
        let shown = found.parts(Secrets::Omit, None);
        assert_eq!(shown.manifest, found.manifest);
        assert!(shown.values.unwrap().contains("hunter2"));
        assert_eq!(shown.notes.as_deref(), Some("It runs."));
    }
}
