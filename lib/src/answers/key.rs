//! A user key as an answer gives it.

use std::fmt;

use crate::kubernetes::mask::without_token;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A user key: any bytes. Serialized under `key` if it is UTF-8, else in base64 under `key_b64`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<u8>);

impl Key {
    /// A key of these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// A key as it is shown: a token that it is named after is hidden.
    pub fn shown(bytes: &[u8]) -> Self {
        Self(without_token(bytes).into_owned())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Its bytes, owned.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// Escaped, so that it can be printed anywhere.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let charset = located::text::escape::Charset::default();
        f.write_str(&located::text::escape::bytes(&self.0, charset))
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine as _;
        let mut map = serializer.serialize_map(Some(1))?;
        match self.as_str() {
            Some(text) => map.serialize_entry("key", text)?,
            None => map.serialize_entry(
                "key_b64",
                &base64::engine::general_purpose::STANDARD.encode(&self.0),
            )?,
        }
        map.end()
    }
}
