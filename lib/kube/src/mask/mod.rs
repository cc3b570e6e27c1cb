//! Secrets are hidden unless somebody asks for them.
//!
//! What is hidden becomes `•••• fp 9c41e07a`: the fingerprint is HMAC-SHA256 of the plaintext under a key that lives as long
//! as the run (or comes from `--fp-key`), so equal values can be compared within a run and short ones cannot be guessed.
//!
//! Hidden are: `data` and `stringData` of Secrets, copies of a Secret in annotations in any form (`copies.rs`),
//! `.dockerconfigjson` and `.dockercfg` wherever they are, OAuth secrets of OpenShift, every field of a kind that is secret by
//! nature and has no known schema, the releases that Helm keeps in ConfigMaps, values with the name of a secret (`DB_PASSWORD` in env,
//! `password` in a ConfigMap or a custom resource, `--token X` in args: `names.rs`), and in any text of any kind: private
//! keys, passwords, tokens and signatures of URLs, signed tokens (JWT), tokens with the prefix of who issues them, elements of XML
//! (`forms.rs`), values after the name of a secret (`named.rs`) to their end (`extent.rs`), lists and mappings of YAML below one
//! (`blocks.rs`), passwords that commands are given (`commands.rs`), and all of these where managed fields repeat them (`managed.rs`).
//! A reference such as `password=$(DB_PASSWORD)` is no secret (`public.rs`). A secret under a name that says nothing, in a form that
//! nothing tells from other text, is shown.

mod blocks;
mod commands;
mod copies;
mod extent;
mod forms;
mod managed;
mod named;
mod names;
mod public;
mod stored;
mod texts;
mod token_names;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::Sha256;

pub use self::stored::secret_places;
pub use self::token_names::{shown_name, text_without_tokens, token, without_token};

use self::copies::OwnValues;
use self::names::{Around, is_public_value, is_secret_name, is_secret_setting, is_secret_value};
use super::decode::json;
use super::key::Layout;
use super::object::{MAX_VALUE_DEPTH, VALUE_MEMORY_BYTES};
use super::secret_kinds::{has_numbers, is_hidden_whole, is_named_after_token, is_secret_kind};

/// The text that replaces a hidden value.
pub const BULLETS: &str = "••••";

/// Hides secrets; owns the key of the fingerprints.
///
/// ```
/// use etcd_inspect_kube::mask::Mask;
/// let mask = Mask::new(b"a random key of this run");
/// let mut secret = serde_json::json!({"kind": "Secret", "apiVersion": "v1", "data": {"password": "aHVudGVyMg=="}});
/// mask.object(&mut secret);
/// assert_eq!(secret["data"]["password"], mask.hidden(b"hunter2"));
/// assert_eq!(mask.text("postgres://web:hunter2@db"), format!("postgres://web:{}@db", mask.hidden(b"hunter2")));
/// ```
#[derive(Clone)]
pub struct Mask {
    mac: Option<Hmac<Sha256>>,
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mask")
    }
}

impl Mask {
    /// A mask whose fingerprints are made with this key: random bytes for one run, a file's content to compare runs.
    pub fn new(key: &[u8]) -> Self {
        Self {
            mac: Hmac::new_from_slice(key).ok(),
        }
    }

    /// Eight hex digits that are equal for equal plaintexts of one run.
    pub fn fingerprint(&self, plain: &[u8]) -> String {
        let Some(mut mac) = self.mac.clone() else {
            return "????????".to_owned();
        };
        mac.update(plain);
        let tag = mac.finalize().into_bytes();
        tag.iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// `•••• fp 9c41e07a`.
    pub fn hidden(&self, plain: &[u8]) -> String {
        format!("{BULLETS} fp {}", self.fingerprint(plain))
    }

    /// Hides everything secret in an object or a `List`.
    pub fn object(&self, object: &mut Value) {
        let names = !has_numbers(object);
        let Value::Object(fields) = object else {
            return;
        };
        if let Some(Value::Array(items)) = fields.get_mut("items") {
            for item in items {
                self.object(item);
            }
        }
        let text = |name| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let (api_version, mut kind) = (text("apiVersion").to_owned(), text("kind").to_owned());
        if kind.eq_ignore_ascii_case("secret") {
            "Secret".clone_into(&mut kind);
        }
        self.name_of_token(&kind, fields);
        if is_secret_kind(&kind) {
            copies::hide(self, &OwnValues::new(fields), fields);
        }
        // A name is none of a secret, but for those of tokens; "htpasswd:bob" is one.
        let named = |fields: &Map<String, Value>| fields.get("metadata")?.get("name").cloned();
        let name_before = named(fields);
        managed::hide(self, &kind, fields);
        match kind.as_str() {
            kind if is_hidden_whole(&api_version, kind, names) => self.whole(fields),
            "Secret" => self.secret(fields),
            "ConfigMap" if is_helm_release(fields) => {
                self.fields(fields, &["data", "binaryData"]);
            }
            "OAuthClient" | "OAuthAccessToken" | "OAuthAuthorizeToken" | "Route" => {
                self.of_openshift(&kind, fields);
            }
            _ => {}
        }
        let public = public::Public::take(&kind, fields);
        let is_of_openshift = !api_version.contains('/') || api_version.contains("openshift.io/");
        for (name, value) in fields.iter_mut() {
            let around = match (kind.as_str(), name.as_str()) {
                ("ConfigMap", "data") => Around::Setting,
                ("ConfigMap", "binaryData") => {
                    self.binary(value);
                    Around::Setting
                }
                // OpenShift's have none; those of other groups may have passwords.
                ("User" | "Identity" | "UserIdentityMapping", name)
                    if is_of_openshift && !["metadata", "extra"].contains(&name) =>
                {
                    continue;
                }
                _ => Around::Field,
            };
            self.walk(name, value, around);
        }
        public.put(fields);
        let metadata = fields.get_mut("metadata").and_then(Value::as_object_mut);
        if let (Some(metadata), Some(name)) = (metadata, name_before) {
            metadata.insert("name".to_owned(), name);
        }
    }

    /// Every field of an object of which it is not known where its secret is; what every object has stays.
    fn whole(&self, fields: &mut Map<String, Value>) {
        for (name, value) in fields.iter_mut() {
            // A list has been looked at item by item.
            if !matches!(name.as_str(), "apiVersion" | "kind" | "metadata" | "items") {
                self.leaves(value, &|text| text.into());
            }
        }
    }

    /// Fields of kinds of OpenShift that have nothing but a secret, whatever their text: a part of a private key is one too.
    fn of_openshift(&self, kind: &str, fields: &mut Map<String, Value>) {
        let names: &[&str] = match kind {
            "OAuthClient" => &["secret", "additionalSecrets"],
            "Route" => {
                let tls = fields.get_mut("spec").and_then(|spec| spec.get_mut("tls"));
                if let Some(key) = tls.and_then(|tls| tls.get_mut("key")) {
                    self.leaves(key, &|text| text.into());
                }
                return;
            }
            _ => &["authorizeToken", "refreshToken", "codeChallenge", "state"],
        };
        self.fields(fields, names);
    }

    fn name_of_token(&self, kind: &str, fields: &mut Map<String, Value>) {
        let metadata = fields.get_mut("metadata").and_then(Value::as_object_mut);
        let Some(Value::String(name)) = metadata.and_then(|metadata| metadata.get_mut("name"))
        else {
            return;
        };
        if is_named_after_token(kind, name) && !name.starts_with(BULLETS) {
            *name = self.hidden(name.as_bytes());
        }
    }

    /// Counts the values of an object that [`object`](Self::object) hides, whole or in part.
    pub fn count(&self, object: &Value) -> usize {
        let mut masked = object.clone();
        self.object(&mut masked);
        differing_leaves(object, &masked)
    }

    fn secret(&self, fields: &mut Map<String, Value>) {
        // What a newer release or another program added may be secret too; only these are known not to be.
        for (name, value) in fields.iter_mut() {
            match name.as_str() {
                "apiVersion" | "kind" | "type" | "immutable" | "data" | "stringData" | "items"
                | "partial" => {}
                "metadata" => self.numbered(value),
                _ => self.leaves(value, &|text| text.into()),
            }
        }
        if let Some(data) = fields.get_mut("data") {
            self.leaves(data, &|text| {
                STANDARD.decode(text).unwrap_or_else(|_| text.into())
            });
        }
        if let Some(data) = fields.get_mut("stringData") {
            self.leaves(data, &|text| text.into());
        }
    }

    /// Fields of which only the number is known.
    fn numbered(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.numbered(item)),
            Value::Object(fields) => {
                for (name, field) in fields {
                    match name.bytes().all(|byte| byte.is_ascii_digit()) {
                        true => self.leaves(field, &|text| text.into()),
                        false => self.numbered(field),
                    }
                }
            }
            _ => {}
        }
    }

    /// Values of which the base64 is a text with secrets in it.
    fn binary(&self, values: &mut Value) {
        for value in values.as_object_mut().into_iter().flat_map(Map::values_mut) {
            let plain = value.as_str().and_then(|text| STANDARD.decode(text).ok());
            if let Some(plain) = plain
                && let Ok(text) = str::from_utf8(&plain)
                && let Cow::Owned(_) = self.text(text)
            {
                *value = Value::String(self.hidden(&plain));
            }
        }
    }

    fn fields(&self, fields: &mut Map<String, Value>, names: &[&str]) {
        for name in names {
            if let Some(value) = fields.get_mut(*name) {
                self.leaves(value, &|text| text.into());
            }
        }
    }

    /// Hides every leaf below; `plain` returns the plaintext of a string.
    fn leaves(&self, value: &mut Value, plain: &dyn Fn(&str) -> Vec<u8>) {
        match value {
            Value::Null => {}
            Value::Array(items) => items.iter_mut().for_each(|item| self.leaves(item, plain)),
            Value::Object(fields) => fields
                .values_mut()
                .for_each(|field| self.leaves(field, plain)),
            Value::String(text) if text.starts_with(BULLETS) => {}
            Value::String(text) => *text = self.hidden(&plain(text)),
            Value::Bool(_) | Value::Number(_) => {
                *value = Value::String(self.hidden(value.to_string().as_bytes()))
            }
        }
    }

    fn walk(&self, name: &str, value: &mut Value, around: Around) {
        match value {
            Value::Array(items) => {
                if matches!(name, "args" | "command") {
                    self.arguments(items);
                }
                // `passwords: [x, y]`.
                let of_item = name.strip_suffix('s').unwrap_or(name);
                for item in items {
                    self.walk(if item.is_string() { of_item } else { "" }, item, around);
                }
            }
            Value::Object(fields) => {
                if is_webhook(name) && fields.contains_key("secret") {
                    self.fields(fields, &["secret"]);
                }
                if fields.get("kind").is_some_and(Value::is_string)
                    && fields.contains_key("apiVersion")
                {
                    return self.object(value);
                }
                self.pair(fields);
                if ["command", "args"]
                    .iter()
                    .any(|name| fields.contains_key(*name))
                {
                    commands::hide_arguments(fields, &|plain| self.hidden(plain));
                }
                if is_secret_name(name, Around::Field) && fields.contains_key("type") {
                    self.fields(fields, &["default", "example"]);
                }
                let has_reference = public::has_reference(fields);
                for (name, field) in fields {
                    if !(has_reference && name == "secretKey") {
                        self.walk(name, field, around);
                    }
                }
            }
            Value::String(text) if text.starts_with(BULLETS) => {}
            Value::String(text) if is_docker_config(name, text) => {
                *text = self.hidden(text.as_bytes());
            }
            Value::String(text) if is_secret_value(name, text, around) => {
                *text = self.hidden(text.as_bytes());
            }
            Value::String(text) => {
                if let Some(masked) = self.embedded(name, text) {
                    *text = masked;
                } else if let Cow::Owned(masked) = self.text(text) {
                    *text = masked;
                }
            }
            _ => {}
        }
    }

    /// A variable, a header or a parameter: `{name: DB_PASSWORD, value: …}`.
    fn pair(&self, fields: &mut Map<String, Value>) {
        let name = fields.get("name").or_else(|| fields.get("key"));
        let secret = name
            .and_then(Value::as_str)
            .filter(|name| {
                is_secret_name(name, Around::Setting) || name.eq_ignore_ascii_case("cookie")
            })
            // `{type: password, value: …}`.
            .or_else(|| {
                let kind = fields.get("type").and_then(Value::as_str);
                kind.filter(|kind| is_secret_name(kind, Around::Field))
            })
            .map(str::to_owned);
        if let Some(Value::String(value)) = fields.get_mut("value")
            && let Some(name) = secret
            && is_secret_setting(&name, value)
            && !value.starts_with(BULLETS)
            && !is_public_value(value)
        {
            *value = self.hidden(value.as_bytes());
        }
    }

    /// `--token X` as two arguments; `--token=X` is a text like any other.
    fn arguments(&self, arguments: &mut [Value]) {
        let mut is_secret = false;
        for argument in arguments {
            let Value::String(text) = argument else {
                continue;
            };
            let is_flag = text.starts_with('-');
            if is_secret && !is_flag && !text.starts_with(BULLETS) && !is_public_value(text) {
                *text = self.hidden(text.as_bytes());
            }
            is_secret = is_flag && is_secret_name(text, Around::Setting);
        }
    }

    /// An object, a list of objects or such a string, written as JSON into a string, as `kubectl apply` does; the whole string if
    /// it is that of a Secret and cannot be read.
    fn embedded(&self, name: &str, text: &str) -> Option<String> {
        let json = copies::trimmed(text);
        let is_object = json.starts_with(['{', '[', '"']) && json.contains("kind");
        if !is_object || !texts::has_sign(text.as_bytes()) {
            return None;
        }
        match json::tree(json.as_bytes(), MAX_VALUE_DEPTH, VALUE_MEMORY_BYTES) {
            Ok(mut object) => {
                let before = object.clone();
                self.within(&mut object);
                (object != before).then(|| object.to_string())
            }
            Err(_) if !has_secret_kind(text) => None,
            Err(fault) if fault.is_limit() => Some(self.hidden(text.as_bytes())),
            Err(_) if name.contains("last-applied") => Some(self.hidden(text.as_bytes())),
            _ => None,
        }
    }

    /// Hides what is secret in JSON that was a text.
    fn within(&self, json: &mut Value) {
        match json {
            Value::Array(items) => items.iter_mut().for_each(|item| self.within(item)),
            Value::String(text) => {
                if let Some(masked) = self.embedded("", text) {
                    *text = masked;
                }
            }
            _ => self.object(json),
        }
    }

    /// A text with URL passwords and tokens hidden.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match texts::hide(self, text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // Only whole matches of text were replaced, by text.
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// Hides secrets in the cells of a table's row, such as the message of an Event.
    pub fn cells(&self, cells: &mut [String]) {
        for cell in cells {
            if let Cow::Owned(hidden) = self.text(cell) {
                *cell = hidden;
            }
        }
    }

    /// A stored value with its secrets hidden, also those that only the decoded object shows.
    pub fn bytes<'t>(&self, bytes: &'t [u8]) -> Cow<'t, [u8]> {
        texts::hide_places(self, bytes, stored::secret_places(bytes))
    }

    /// Whether something of a stored value may be hidden: `false` says that [`object`](Self::object) and [`bytes`](Self::bytes)
    /// change nothing of a value with these bytes. Not for values that are compressed or encrypted.
    pub fn may_hide(bytes: &[u8]) -> bool {
        texts::has_sign(bytes)
    }

    /// What to print for the raw value of a secret key (`/registry/secrets/…`, k3s's `/bootstrap/…`), hex and base64
    /// included. `None`: the key is not secret; [`bytes`](Self::bytes) still applies.
    pub fn raw(&self, layout: &Layout, key: &[u8], value: &[u8]) -> Option<String> {
        is_secret_key(layout, key)
            .then(|| format!("{} ({} bytes)", self.hidden(value), value.len()))
    }
}

/// Whether a stored value is secret: by its key, or because it is a Secret under another key.
pub fn is_secret(layout: &Layout, key: &[u8], value: &[u8]) -> bool {
    // One of these is in the name of every such kind, and the kind in every envelope and JSON text; the rest is seldom asked.
    let has = |word: &str| memchr::memmem::find(value, word.as_bytes()).is_some();
    is_secret_key(layout, key)
        || [
            "Secret",
            "Token",
            "Credential",
            "Pass",
            "OAuth",
            "Key",
            "ubeconfig",
            "ubeConfig",
        ]
        .into_iter()
        .any(has)
            && super::Value::parse(value)
                .ok()
                .and_then(|value| Some(is_secret_kind(&value.type_meta()?.1)))
                .unwrap_or(false)
}

/// Counts the leaves of which the texts differ.
fn differing_leaves(plain: &Value, masked: &Value) -> usize {
    match (plain, masked) {
        (Value::Object(fields), Value::Object(others)) => {
            let each = fields.iter().map(|(name, field)| {
                others
                    .get(name)
                    .map_or(1, |other| differing_leaves(field, other))
            });
            each.sum()
        }
        (Value::Array(items), Value::Array(others)) => {
            let pairs = items.iter().zip(others);
            pairs
                .map(|(item, other)| differing_leaves(item, other))
                .sum()
        }
        _ => usize::from(plain != masked),
    }
}

/// Whether the values of that etcd key are secret by nature. Outside the known prefixes any `/secrets/` in the key is enough, or the
/// name of a secret at its end.
pub fn is_secret_key(layout: &Layout, key: &[u8]) -> bool {
    match layout.parse(key) {
        Some(parsed) => parsed.is_secret(),
        None => {
            let name = key.rsplit(|byte| *byte == b'/').next();
            let name = name.and_then(|name| str::from_utf8(name).ok());
            key.starts_with(b"/bootstrap/")
                || memchr::memmem::find(key, b"/secrets/").is_some()
                || name.is_some_and(|name| is_secret_name(name, Around::Setting))
        }
    }
}

/// Whether a text has the kind of a Secret in quotes, also escaped ones.
fn has_secret_kind(text: &str) -> bool {
    ["\"Secret\"", "\"secret\"", "\"Secret\\", "\"secret\\"]
        .iter()
        .any(|kind| text.contains(kind))
}

/// Whether a text has the passwords of image registries: `{"auths":{"quay.io":{"auth":"…"}}}`.
fn is_docker_config(name: &str, text: &str) -> bool {
    matches!(name, ".dockerconfigjson" | ".dockercfg")
        || (text.trim_start().starts_with('{') && text.contains("\"auths\""))
}

/// Whether a field is that of a webhook of OpenShift's BuildConfig: its `secret` is one, `secretReference` refers to one.
fn is_webhook(name: &str) -> bool {
    matches!(name, "github" | "gitlab" | "bitbucket" | "generic")
}

/// Whether these fields of a ConfigMap are those of a release of Helm, which has whole manifests and values in it.
fn is_helm_release(fields: &Map<String, Value>) -> bool {
    let metadata = fields.get("metadata");
    let text = |pointer: &str| {
        let found = metadata.and_then(|metadata| metadata.pointer(pointer));
        found.and_then(Value::as_str).unwrap_or_default()
    };
    is_helm_name(text("/name"))
        || text("/labels/owner") == "helm"
        || text("/labels/OWNER") == "TILLER"
}

/// Whether a name is that of a stored release of Helm 3.
pub(crate) fn is_helm_name(name: &str) -> bool {
    name.starts_with("sh.helm.release.v1.")
}

#[cfg(test)]
mod tests;
