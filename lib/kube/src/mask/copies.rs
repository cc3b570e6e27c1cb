//! Copies of a Secret in its own annotations, in whatever form a program or a person wrote them.
//!
//! A copy that is JSON of a Secret is hidden by field. Every other annotation that has one of the values of the Secret in it, or that is
//! written as data and is no object that the mask knows, is hidden whole: it may have values that the Secret had before.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Map, Value};

use super::{BULLETS, Mask};
use crate::decode::json;
use crate::object::{MAX_VALUE_DEPTH, VALUE_MEMORY_BYTES};

/// Values shorter than this are only sought as a whole annotation.
const SHORT_BYTES: usize = 4;
/// Length of base64 that may be an object.
const PACKED_BYTES: usize = 24;

/// Values of a Secret in the forms in which an annotation may have them.
pub(super) struct OwnValues {
    whole: Vec<String>,
    within: Vec<String>,
}

impl OwnValues {
    /// Of a Secret that is not hidden yet.
    pub(super) fn new(secret: &Map<String, Value>) -> Self {
        let mut own = Self {
            whole: Vec::new(),
            within: Vec::new(),
        };
        let text = |pointer: &str| {
            secret
                .get("metadata")
                .and_then(|metadata| metadata.pointer(pointer))
                .and_then(Value::as_str)
        };
        // What is printed elsewhere in the object is no secret.
        let account = text("/annotations/kubernetes.io~1service-account.name");
        let public = [text("/name"), text("/namespace"), account];
        let all = |name: &str| {
            secret
                .get(name)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
        };
        for (_, value) in all("data") {
            let encoded = value.as_str().unwrap_or_default();
            let plain = STANDARD
                .decode(encoded)
                .ok()
                .and_then(|plain| String::from_utf8(plain).ok());
            own.add(encoded, plain.as_deref(), &public);
        }
        for (_, value) in all("stringData") {
            let plain = value.as_str().unwrap_or_default();
            own.add(&STANDARD.encode(plain), Some(plain), &public);
        }
        own
    }

    fn add(&mut self, encoded: &str, plain: Option<&str>, public: &[Option<&str>]) {
        let is_hidden = [Some(encoded), plain]
            .iter()
            .flatten()
            .any(|text| text.starts_with(BULLETS));
        if encoded.is_empty() || is_hidden || (plain.is_some() && public.contains(&plain)) {
            return;
        }
        // Of a switch or a port nothing says that the annotation has it from here.
        let is_common = plain.is_some_and(|plain| {
            ["true", "false"].contains(&plain)
                || plain.bytes().all(|byte| byte.is_ascii_digit()) && plain.len() <= SHORT_BYTES
        });
        for text in [Some(encoded), plain]
            .into_iter()
            .flatten()
            .filter(|_| !is_common)
        {
            self.whole.push(text.trim().to_owned());
        }
        let bare = encoded.trim_end_matches('=');
        let url = bare.replace('+', "-").replace('/', "_");
        let escaped = |text: &str| {
            serde_json::to_string(text)
                .map(|text| text.trim_matches('"').to_owned())
                .unwrap_or_default()
        };
        let mut forms = vec![bare.to_owned(), url, bare.replace('/', "\\/")];
        if let Some(plain) = plain
            .map(str::trim)
            .filter(|plain| plain.len() >= SHORT_BYTES && !is_common)
        {
            let once = escaped(plain);
            forms.extend([plain.to_owned(), escaped(&once), once]);
        }
        let is_long = |form: &String| form.len() >= SHORT_BYTES && !is_common;
        self.within.extend(forms.into_iter().filter(is_long));
    }

    fn are_in(&self, text: &str) -> bool {
        let trimmed = trimmed(text);
        self.whole.iter().any(|own| own == trimmed)
            || self.within.iter().any(|own| text.contains(own.as_str()))
    }
}

/// Hides the copies of a Secret in its annotations and labels.
pub(super) fn hide(mask: &Mask, own: &OwnValues, secret: &mut Map<String, Value>) {
    let metadata = secret.get_mut("metadata").and_then(Value::as_object_mut);
    let Some(annotations) = metadata
        .and_then(|metadata| metadata.get_mut("annotations"))
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    for (name, value) in annotations {
        let Value::String(text) = value else {
            continue;
        };
        if text.starts_with(BULLETS) {
            continue;
        }
        let masked = object(mask, text);
        let shown = masked.as_deref().unwrap_or(text);
        let is_unknown = masked.is_none() && (is_data(text) || is_copy(name));
        *text = match own.are_in(shown) || is_unknown {
            true => mask.hidden(text.as_bytes()),
            false => match masked {
                Some(masked) => masked,
                None => continue,
            },
        };
    }
}

/// JSON of an object, hidden by field; `None` if the text is none, or it is not known where the secrets of the object are.
fn object(mask: &Mask, text: &str) -> Option<String> {
    if !text.starts_with('{') {
        return None;
    }
    let mut object = json::tree(text.as_bytes(), MAX_VALUE_DEPTH, VALUE_MEMORY_BYTES).ok()?;
    let before = object.clone();
    let kind = object.get("kind").and_then(Value::as_str)?;
    if kind != "Secret" && kind != "List" && kind != "SecretList" {
        return None;
    }
    mask.object(&mut object);
    Some(if object == before {
        text.to_owned()
    } else {
        object.to_string()
    })
}

/// Whether an annotation is a copy by its name.
fn is_copy(name: &str) -> bool {
    let ends = [
        "last-applied-configuration",
        "last-applied",
        "/applied",
        "/original",
        "last-configuration",
        "/manifest",
    ];
    ends.iter().any(|end| name.ends_with(end))
}

/// Whether a text is written as data: JSON, YAML of an object, or base64 of either or of what is packed.
fn is_data(text: &str) -> bool {
    let text = trimmed(text);
    let is_json = text.starts_with(['{', '[', '"']);
    let is_member = |line: &str| {
        let line = line.trim_start_matches([' ', '-', '"', '\'']);
        ["data:", "stringData:", "kind:", "data\"", "stringData\""]
            .iter()
            .any(|name| line.starts_with(name))
    };
    is_json || text.lines().any(is_member) || is_packed(text)
}

fn is_packed(text: &str) -> bool {
    if text.len() < PACKED_BYTES {
        return false;
    }
    let bare: String = text
        .trim_end_matches('=')
        .replace('-', "+")
        .replace('_', "/");
    let plain = STANDARD_NO_PAD
        .decode(bare.split_whitespace().collect::<String>())
        .unwrap_or_default();
    // gzip, zip, zstd, JSON, protobuf of Kubernetes.
    let starts: [&[u8]; 6] = [
        &[0x1f, 0x8b],
        b"PK\x03\x04",
        &[0x28, 0xb5, 0x2f, 0xfd],
        b"{\"",
        b"k8s\0",
        b"apiVersion:",
    ];
    starts.iter().any(|start| plain.starts_with(start))
}

/// Without blanks and a byte order mark.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}')
}
