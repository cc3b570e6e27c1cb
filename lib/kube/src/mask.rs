//! Secrets are hidden unless somebody asks for them.
//!
//! What is hidden becomes `•••• fp 9c41e07a`: the fingerprint is HMAC-SHA256 of the plaintext under a key that lives as long
//! as the run (or comes from `--fp-key`), so equal values can be compared within a run and short ones cannot be guessed.
//!
//! Hidden are: `data` and `stringData` of Secrets, copies of a Secret in annotations (`last-applied-configuration`),
//! `.dockerconfigjson` and `.dockercfg` wherever they are, OAuth secrets of OpenShift, every field of a kind that is secret by
//! nature and has no known schema, the releases that Helm keeps in ConfigMaps, and in any text of any kind: PEM private keys (also
//! in base64), passwords of URLs (`user:password@`, `password=`), signed tokens (JWT) and bootstrap tokens. A reference such as
//! `password=$(DB_PASSWORD)` is no secret. Text that looks like nothing of that kind is shown: a mask by name would hide what an
//! operator has to restore.

use std::borrow::Cow;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use regex::bytes::{Captures, Regex};
use serde_json::{Map, Value};
use sha2::Sha256;

use super::decode::json;
use super::key::Layout;
use super::object::MAX_VALUE_DEPTH;
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
        let (api_version, kind) = (text("apiVersion").to_owned(), text("kind").to_owned());
        self.name_of_token(&kind, fields);
        match kind.as_str() {
            kind if is_hidden_whole(&api_version, kind, names) => self.whole(fields),
            "Secret" => self.secret(fields),
            "ConfigMap" if is_helm_release(fields) => {
                self.fields(fields, &["data", "binaryData"]);
            }
            "OAuthClient" => self.fields(fields, &["secret", "additionalSecrets"]),
            "OAuthAccessToken" | "OAuthAuthorizeToken" => {
                self.fields(fields, &["authorizeToken", "refreshToken", "codeChallenge"])
            }
            _ => {}
        }
        for (name, value) in fields.iter_mut() {
            self.walk(name, value);
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

    fn walk(&self, name: &str, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.walk("", item)),
            Value::Object(fields) => fields
                .iter_mut()
                .for_each(|(name, field)| self.walk(name, field)),
            Value::String(text) if text.starts_with(BULLETS) => {}
            Value::String(text) if matches!(name, ".dockerconfigjson" | ".dockercfg") => {
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

    /// A Secret written as JSON into a string, as `kubectl apply` does; the whole string if it cannot be read.
    fn embedded(&self, name: &str, text: &str) -> Option<String> {
        if !(text.starts_with('{') && text.contains("\"Secret\"")) {
            return None;
        }
        match json::tree(text.as_bytes(), MAX_VALUE_DEPTH) {
            Ok(mut object) if object.get("kind").and_then(Value::as_str) == Some("Secret") => {
                self.object(&mut object);
                Some(object.to_string())
            }
            Err(fault) if fault.is_depth() => Some(self.hidden(text.as_bytes())),
            Err(_) if name.contains("last-applied") => Some(self.hidden(text.as_bytes())),
            _ => None,
        }
    }

    /// A text with URL passwords and tokens hidden.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // Only whole matches of text were replaced, by text.
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// The same for bytes that may not be text, such as a stored value.
    pub fn bytes<'t>(&self, bytes: &'t [u8]) -> Cow<'t, [u8]> {
        let Some(pattern) = &*EMBEDDED else {
            return Cow::Borrowed(bytes);
        };
        let has = |word: &&[u8]| memchr::memmem::find(bytes, word).is_some();
        if !SIGNS.iter().any(has) {
            return Cow::Borrowed(bytes);
        }
        pattern.replace_all(bytes, |found: &Captures<'_>| {
            let group = |name| found.name(name).map_or(&b""[..], |group| group.as_bytes());
            let whole = found.get(0).map_or(&b""[..], |all| all.as_bytes());
            // The certificates of a cluster are base64 too, and no secret.
            if found.name("encoded").is_some() && !is_private_key(whole) {
                return whole.to_vec();
            }
            let plain = [
                group("password"),
                group("jwt"),
                group("bootstrap"),
                group("value"),
                group("pem"),
                group("encoded"),
            ]
            .concat();
            if plain.starts_with(BULLETS.as_bytes()) {
                return whole.to_vec();
            }
            [
                group("url"),
                group("label"),
                group("field"),
                self.hidden(&plain).as_bytes(),
                group("at"),
            ]
            .concat()
        })
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
        || ["Secret", "Token", "Credential", "Password", "OAuth"]
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

/// Whether the values of that etcd key are secret by nature. Outside the known prefixes any `/secrets/` in the key is enough.
pub fn is_secret_key(layout: &Layout, key: &[u8]) -> bool {
    match layout.parse(key) {
        Some(parsed) => parsed.is_secret(),
        None => {
            key.starts_with(b"/bootstrap/") || memchr::memmem::find(key, b"/secrets/").is_some()
        }
    }
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

/// Whether base64 is that of a PEM private key.
fn is_private_key(encoded: &[u8]) -> bool {
    // The first line is enough, and its length need not be a multiple of four.
    let head = encoded
        .get(..encoded.len().min(64) / 4 * 4)
        .unwrap_or_default();
    let plain = STANDARD.decode(head).unwrap_or_default();
    memchr::memmem::find(&plain, b"PRIVATE KEY").is_some()
}

/// One of these is in every text that [`EMBEDDED`] finds something in.
const SIGNS: &[&[u8]] = &[
    b"://",
    b"eyJ",
    b"oken",
    b"assword=",
    b"ASSWORD=",
    b"asswd=",
    b"ASSWD=",
    b"wd=",
    b"PRIVATE KEY",
    b"LS0tLS1CRUdJTi",
];

static EMBEDDED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?-u)(?P<url>[A-Za-z][A-Za-z0-9+.\-]*://[^\s/?\x23:@"'\\<>]*:)(?P<password>[^\s/?\x23@"'\\<>\x00-\x1f]+)(?P<at>@)"#,
        r"|(?P<jwt>eyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,})",
        r"|(?P<pem>-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z))",
        r"|(?P<encoded>LS0tLS1CRUdJTi[A-Za-z0-9+/]{24,}={0,2})",
        r#"|(?P<field>(?:[Pp]assword|PASSWORD|[Pp]asswd|PASSWD|[Pp]wd)=)(?P<value>[^\s&;,"'\\<>${}()\x00-\x1f][^\s&;,"'\\<>\x00-\x1f]*)"#,
        r#"|(?P<label>[Tt]oken["']?[ \t]*[:=][ \t]*["']?)(?P<bootstrap>[a-z0-9]{6}\.[a-z0-9]{16})"#,
    ))
    .ok()
});

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mask() -> Mask {
        Mask::new(b"test")
    }

    #[test]
    fn the_patterns_compile() {
        assert!(EMBEDDED.is_some());
    }

    #[test]
    fn equal_values_have_equal_fingerprints_and_another_run_has_others() {
        assert_eq!(mask().hidden(b"x"), mask().hidden(b"x"));
        assert_ne!(mask().hidden(b"x"), mask().hidden(b"y"));
        assert_ne!(mask().hidden(b"x"), Mask::new(b"other").hidden(b"x"));
        assert_eq!(
            mask().hidden(b"x").chars().count(),
            "•••• fp 9c41e07a".chars().count()
        );
    }

    #[test]
    fn a_secret_shows_names_but_no_values_not_even_in_its_annotations() {
        let applied = json!({"kind": "Secret", "data": {"password": "aHVudGVyMg=="}}).to_string();
        let mut list = json!({"kind": "List", "items": [{
            "kind": "Secret", "apiVersion": "v1", "type": "Opaque",
            "metadata": {"name": "web", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}},
            "data": {"password": "aHVudGVyMg==", "broken": "%%"}, "stringData": {"a": "hunter2", "n": 1},
        }]});
        mask().object(&mut list);
        let text = list.to_string();
        assert!(
            !text.contains("hunter2") && !text.contains("aHVudGVyMg") && !text.contains("%%"),
            "{text}"
        );
        assert!(text.contains("\"web\"") && text.contains("Opaque"));
        let item = &list["items"][0];
        assert_eq!(item["data"]["password"], item["stringData"]["a"]);
        let again = list.clone();
        mask().object(&mut list);
        assert_eq!(list, again);
    }

    #[test]
    fn a_broken_copy_of_a_secret_is_hidden_whole() {
        let mut secret = json!({"kind": "Secret", "metadata": {"annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{\"kind\":\"Secret\",\"data\":{\"a\":\"c2VjcmV0\""}}});
        mask().object(&mut secret);
        assert!(!secret.to_string().contains("c2VjcmV0"));
    }

    #[test]
    fn texts_lose_passwords_and_tokens_and_nothing_else() {
        let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJl";
        let mut object = json!({"kind": "ConfigMap", "data": {
            "url": "amqp://u:pw-1@host:5672/v and https://x:pw-2@y",
            "token": format!("Bearer {jwt}"),
            "join": "token: abcdef.0123456789abcdef",
            ".dockerconfigjson": "{\"auths\":{}}",
            "image": "docker-pullable://registry:5000/web@sha256:1234",
            "event": "webapp.18e9ea9547479433",
            "plain": "http://host:80/",
        }});
        mask().object(&mut object);
        let data = &object["data"];
        assert_eq!(
            data["url"],
            format!(
                "amqp://u:{}@host:5672/v and https://x:{}@y",
                mask().hidden(b"pw-1"),
                mask().hidden(b"pw-2")
            )
        );
        assert_eq!(
            data["token"],
            format!("Bearer {}", mask().hidden(jwt.as_bytes()))
        );
        assert_eq!(
            data["join"],
            format!("token: {}", mask().hidden(b"abcdef.0123456789abcdef"))
        );
        assert_eq!(data[".dockerconfigjson"], mask().hidden(b"{\"auths\":{}}"));
        assert_eq!(
            data["image"],
            "docker-pullable://registry:5000/web@sha256:1234"
        );
        assert_eq!(data["event"], "webapp.18e9ea9547479433");
        assert_eq!(data["plain"], "http://host:80/");
    }

    #[test]
    fn private_keys_and_passwords_of_connections_are_hidden_wherever_they_are() {
        let pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIB\n-----END EC PRIVATE KEY-----";
        let encoded = STANDARD.encode(pem);
        let certificate =
            STANDARD.encode("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----");
        let mut object = json!({"kind": "Gateway", "apiVersion": "example.com/v1", "spec": {
            "key": format!("a\n{pem}\nb"), "encoded": encoded, "ca": certificate,
            "torn": "-----BEGIN PRIVATE KEY-----\nMHcC",
            "dsn": "host=db user=web password=hunter2 sslmode=off",
            "jdbc": "jdbc:pg://db/x?user=u&password=hunter3&ssl=true",
            "odbc": "Server=db;Uid=u;Pwd=hunter4;",
            "reference": "password=$(DB_PASSWORD)", "named": "--password-file=/run/x", "cwd": "PWD=/srv",
        }});
        mask().object(&mut object);
        let spec = &object["spec"];
        assert_eq!(
            spec["key"],
            format!("a\n{}\nb", mask().hidden(pem.as_bytes()))
        );
        assert_eq!(spec["encoded"], mask().hidden(encoded.as_bytes()));
        assert_eq!(spec["ca"], certificate);
        assert_eq!(
            spec["torn"],
            mask().hidden(b"-----BEGIN PRIVATE KEY-----\nMHcC")
        );
        assert_eq!(
            spec["dsn"],
            format!(
                "host=db user=web password={} sslmode=off",
                mask().hidden(b"hunter2")
            )
        );
        assert_eq!(
            spec["jdbc"],
            format!(
                "jdbc:pg://db/x?user=u&password={}&ssl=true",
                mask().hidden(b"hunter3")
            )
        );
        assert_eq!(
            spec["odbc"],
            format!("Server=db;Uid=u;Pwd={};", mask().hidden(b"hunter4"))
        );
        assert_eq!(spec["reference"], "password=$(DB_PASSWORD)");
        assert_eq!(spec["named"], "--password-file=/run/x");
        assert_eq!(spec["cwd"], "PWD=/srv");
        let again = object.clone();
        mask().object(&mut object);
        assert_eq!(object, again);
    }

    #[test]
    fn of_a_secret_and_of_a_release_of_helm_only_what_is_known_to_be_public_is_shown() {
        let mut secret = json!({"kind": "Secret", "apiVersion": "v1", "type": "Opaque", "immutable": true,
            "metadata": {"name": "a", "labels": {"app": "x"}, "19": {"2": "topsecret"}}, "newField": {"a": ["topsecret", 7]}});
        mask().object(&mut secret);
        assert!(!secret.to_string().contains("topsecret"), "{secret}");
        assert_eq!(secret["metadata"]["labels"]["app"], "x");
        assert_eq!(
            (&secret["type"], &secret["immutable"]),
            (&json!("Opaque"), &json!(true))
        );
        let mut release = json!({"kind": "ConfigMap", "apiVersion": "v1", "data": {"release": "SDRzSUFB"},
            "metadata": {"name": "sh.helm.release.v1.web.v1", "labels": {"owner": "helm"}}});
        mask().object(&mut release);
        assert!(!release.to_string().contains("SDRzSUFB"), "{release}");
    }

    #[test]
    fn raw_values_of_secret_keys_are_hidden_under_any_prefix() {
        let layout = Layout::default();
        for key in [
            "/registry/secrets/a/b",
            "/lab/secrets/a/b",
            "/bootstrap/1234",
            "/openshift.io/oauth/clients/x",
        ] {
            assert!(mask().raw(&layout, key.as_bytes(), b"v").is_some(), "{key}");
        }
        assert_eq!(mask().raw(&layout, b"/registry/pods/secrets/b", b"v"), None);
        assert_eq!(
            &*mask().bytes(b"\xff\x00 ftp://a:b@c"),
            [
                &b"\xff\x00 ftp://a:"[..],
                mask().hidden(b"b").as_bytes(),
                b"@c"
            ]
            .concat()
        );
    }
}
