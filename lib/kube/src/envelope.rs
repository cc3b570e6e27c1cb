//! What surrounds a stored object: which encoding, which kind.

use std::borrow::Cow;

use serde::Deserialize;

use super::cbor;
use super::decode::fault::Fault;
use super::decode::node::text;
use super::decode::wire::{Payload, record};
use super::encryption::Seal;
use super::object::{MAX_VALUE_DEPTH, VALUE_MEMORY_BYTES};
use located::Error;
use located::{FileName, Place};

/// What a protobuf value begins with.
const PROTOBUF: &[u8] = b"k8s\0";

/// A stored value by its encoding.
///
/// ```
/// use etcd_inspect_kube::{Options, Value};
/// let stored = b"k8s\0\n\x0f\n\x02v1\x12\tNamespace\x12\x0a\n\x08\n\x04shopB\0\x1a\0\"\0";
/// let object = Value::parse(stored)?.object(Options { resource_version: Some(7), ..Options::default() })?;
/// assert_eq!((object.api_version(), object.kind()), ("v1", "Namespace"));
/// assert_eq!(object.to_json()?["metadata"]["resourceVersion"], "7");
/// # Ok::<(), etcd_inspect_kube::Error>(())
/// ```
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// `k8s\0` and a runtime.Unknown: every built-in kind.
    Protobuf(Unknown<'a>),
    /// A JSON object: custom resources, CRDs and APIServices of older releases.
    Json(&'a [u8]),
    /// CBOR after its self-described tag.
    Cbor(&'a [u8]),
    /// Encrypted at rest: open it with a [`Keyring`](super::encryption::Keyring), then parse the plaintext.
    Encrypted(Seal<'a>),
    /// Nothing that kube-apiserver writes for an object.
    Other(&'a [u8]),
}

/// `runtime.Unknown`: the envelope of every protobuf value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown<'a> {
    /// `apps/v1`; empty if the envelope has none.
    pub api_version: Cow<'a, str>,
    /// `Deployment`; empty if the envelope has none.
    pub kind: Cow<'a, str>,
    /// The message of that kind.
    pub raw: &'a [u8],
    /// Where `raw` begins in the stored value.
    pub raw_offset: usize,
    /// Always written, always empty so far.
    pub content_encoding: Cow<'a, str>,
    /// Empty for protobuf.
    pub content_type: Cow<'a, str>,
}

/// `apiVersion` and `kind` at the head of a JSON object.
#[derive(Deserialize)]
struct TypeMeta {
    #[serde(rename = "apiVersion", default)]
    api_version: String,
    #[serde(default)]
    kind: String,
}

impl<'a> Value<'a> {
    /// Looks at a value's head; the object itself is not read yet.
    ///
    /// # Errors
    /// A protobuf envelope that is cut off or impossible; the place counts from the value's first byte.
    pub fn parse(stored: &'a [u8]) -> Result<Self, Error> {
        Self::parse_at(stored, &Place::at(&FileName::new("value"), 0))
    }

    /// As [`Self::parse`], for a value that begins at `start`.
    ///
    /// # Errors
    /// As [`Self::parse`].
    /// `RecognizesData` in apimachinery `pkg/runtime/serializer/recognizer/recognizer.go`, v0.34.0, asks each serializer in
    /// turn.
    pub fn parse_at(stored: &'a [u8], start: &Place) -> Result<Self, Error> {
        if stored.starts_with(PROTOBUF) {
            let unknown = Unknown::parse(stored).map_err(|fault| fault.into_error(start))?;
            return Ok(Self::Protobuf(unknown));
        }
        Ok(match Seal::parse(stored) {
            Some(seal) => Self::Encrypted(seal),
            None if stored.starts_with(cbor::TAG) => Self::Cbor(stored),
            None if stored.trim_ascii_start().starts_with(b"{") => Self::Json(stored),
            None => Self::Other(stored),
        })
    }

    /// `protobuf`, `json`, `cbor`, `encrypted` or `other`.
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::Protobuf(_) => "protobuf",
            Self::Json(_) => "json",
            Self::Cbor(_) => "cbor",
            Self::Encrypted(_) => "encrypted",
            Self::Other(_) => "other",
        }
    }

    /// `apiVersion` and `kind`, without reading the object further than needed.
    pub fn type_meta(&self) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
        match self {
            Self::Protobuf(unknown) => Some((
                Cow::Borrowed(&unknown.api_version),
                Cow::Borrowed(&unknown.kind),
            )),
            Self::Json(json) => {
                let meta: TypeMeta = serde_json::from_slice(json).ok()?;
                Some((Cow::Owned(meta.api_version), Cow::Owned(meta.kind)))
            }
            Self::Cbor(cbor) => {
                let meta: TypeMeta = serde_json::from_value(
                    cbor::to_json(cbor, MAX_VALUE_DEPTH, VALUE_MEMORY_BYTES).ok()?,
                )
                .ok()?;
                Some((Cow::Owned(meta.api_version), Cow::Owned(meta.kind)))
            }
            Self::Encrypted(_) | Self::Other(_) => None,
        }
    }
}

impl Unknown<'_> {
    /// Whether the message has one of these fields, or cannot be read to its end.
    pub fn has_field(&self, numbers: &[u16]) -> bool {
        let mut at = 0;
        while at < self.raw.len() {
            let Ok(record) = record(self.raw, at, 0) else {
                return true;
            };
            if numbers
                .iter()
                .any(|number| u32::from(*number) == record.number)
            {
                return true;
            }
            at = record.end;
        }
        false
    }
}

impl<'a> Unknown<'a> {
    /// Fields may come in any order; the last of a number wins.
    /// `protoEncodingPrefix` in apimachinery `pkg/runtime/serializer/protobuf/protobuf.go`, v0.34.0, then `Unknown` in
    /// `pkg/runtime/types.go`, v0.34.0.
    fn parse(stored: &'a [u8]) -> Result<Self, Fault> {
        let mut unknown = Self {
            api_version: Cow::Borrowed(""),
            kind: Cow::Borrowed(""),
            raw: &[],
            raw_offset: stored.len(),
            content_encoding: Cow::Borrowed(""),
            content_type: Cow::Borrowed(""),
        };
        let mut at = PROTOBUF.len();
        while at < stored.len() {
            let record = record(stored, at, 0)?;
            at = record.end;
            let Payload::Bytes(start, end) = record.payload else {
                if record.number <= 4 {
                    let seen = format!("field {} is not bytes", record.number);
                    return Err(Fault::malformed("runtime.Unknown", record.start, seen));
                }
                continue;
            };
            let bytes = stored.get(start..end).unwrap_or_default();
            match record.number {
                1 => unknown.type_meta(bytes, start)?,
                2 => (unknown.raw, unknown.raw_offset) = (bytes, start),
                3 => unknown.content_encoding = text(bytes),
                4 => unknown.content_type = text(bytes),
                _ => {}
            }
        }
        Ok(unknown)
    }

    fn type_meta(&mut self, data: &'a [u8], base: usize) -> Result<(), Fault> {
        let mut at = 0;
        while at < data.len() {
            let record = record(data, at, base)?;
            at = record.end;
            if let Payload::Bytes(start, end) = record.payload {
                let name = text(data.get(start..end).unwrap_or_default());
                match record.number {
                    1 => self.api_version = name,
                    2 => self.kind = name,
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// Whether a record is as Kubernetes stores its own.
pub fn is_stored_by_kubernetes(key: &[u8], value: &[u8]) -> bool {
    let is_stored = value.starts_with(b"k8s\0") || value.starts_with(b"k8s:enc:");
    is_stored || key == b"compact_rev_key"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_is_told_by_its_first_bytes() {
        for (stored, encoding) in [
            (&b"k8s\0"[..], "protobuf"),
            (b"{\"kind\":\"Widget\"}\n", "json"),
            (b"\xd9\xd9\xf7\xa0", "cbor"),
            (b"k8s:enc:aescbc:v1:key1:0123456789", "encrypted"),
            (b"1234", "other"),
            (b"", "other"),
        ] {
            assert_eq!(
                Value::parse(stored).unwrap().encoding(),
                encoding,
                "{stored:?}"
            );
        }
    }

    #[test]
    fn a_cut_off_envelope_says_where() {
        let error = Value::parse(b"k8s\0\x0a\x20abc").unwrap_err();
        assert_eq!(
            error.to_string(),
            "value @ 0x6: field needs 32 bytes, 3 are left"
        );
    }
}
