//! Objects as protobuf, made of the stored bytes: an API server sends the same message with the revision as `resourceVersion`.
//!
//! What is not stored in that form is not made up: an object of another version, a masked one, or one that a default changes has no
//! protobuf form here, and the client gets JSON.

mod answer;
mod watch;

use etcd_inspect::answers::Version;
use etcd_inspect::kubernetes::Value as Stored;
use etcd_inspect::member::Objects;
use prost::bytes::Buf;
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field,
};
use rayon::prelude::*;

pub use answer::answer;
pub use watch::{WATCH_MEDIA, WatchFrames};

use super::list::{List, STRETCH, selects};
use super::query::Form;
use super::shape::{Shape, failure};
use crate::listing::Listing;

/// The media type.
pub const MEDIA: &str = "application/vnd.kubernetes.protobuf";

/// What every protobuf answer begins with.
const MAGIC: &[u8] = b"k8s\0";

/// The metadata of every object and list.
const METADATA: u32 = 1;

/// `items` of every list.
const ITEMS: u32 = 2;

/// `resourceVersion` of `ObjectMeta`.
const RESOURCE_VERSION: u32 = 6;

/// One object with its envelope; `None`: it has no protobuf form.
pub fn one(
    shape: &Shape<'_>,
    objects: &Objects<'_>,
    version: &Version<'_>,
    form: Form,
) -> Option<Vec<u8>> {
    let message = message(shape, objects, version, form, version.revision.main)?;
    let (api_version, kind) = match form {
        Form::Object => (
            shape.served.of.api_version(),
            shape.served.target.kind.clone(),
        ),
        Form::Metadata => metadata_kind(""),
        Form::Table => return None,
    };
    let mut bytes = head(&api_version, &kind, message.len());
    bytes.extend_from_slice(&message);
    bytes.extend_from_slice(TAIL);
    Some(bytes)
}

/// `PartialObjectMetadata` and its list.
fn metadata_kind(list: &str) -> (String, String) {
    let kind = format!("PartialObjectMetadata{list}");
    ("meta.k8s.io/v1".to_owned(), kind)
}

/// A list that is to be written: the items and their lengths, so that the length of the whole is known before.
#[derive(Debug)]
pub struct Planned {
    /// Up to the first item.
    pub head: Vec<u8>,
    /// Positions of the objects that are in it.
    items: Vec<usize>,
    /// What cannot be decoded.
    pub failed: Vec<String>,
}

/// What a version is for a list.
enum Looked {
    /// An item of this length.
    Item(usize),
    NotSelected,
    Failed(String),
    /// It has no protobuf form, and so the list has none.
    NoForm,
}

/// What follows the message in an envelope: `contentEncoding` and `contentType`, empty.
pub const TAIL: &[u8] = b"\x1a\0\"\0";

impl List<'_> {
    /// Finds out whether the list has a protobuf form, and how long it is.
    pub fn plan(&self, objects: &Objects<'_>, revision: i64, listing: &Listing) -> Option<Planned> {
        let limit = self.query.limit.unwrap_or(usize::MAX);
        let (mut items, mut failed, mut len, mut at) = (Vec::new(), Vec::new(), 0usize, 0);
        while at < listing.len() && items.len() < limit {
            let left = limit.saturating_sub(items.len()).min(STRETCH);
            let stretch = listing.versions(objects, at..at.saturating_add(left));
            let looked_at: Vec<Looked> = stretch
                .par_iter()
                .map(|version| self.look(objects, version))
                .collect();
            for looked in looked_at {
                match looked {
                    Looked::Item(item) => {
                        items.push(at);
                        len = len.saturating_add(delimited_len(item));
                    }
                    Looked::NotSelected => {}
                    Looked::Failed(reason) => failed.push(reason),
                    Looked::NoForm => return None,
                }
                at = at.saturating_add(1);
            }
        }
        let metadata = self.list_meta(objects, revision, listing, at);
        let (api_version, kind) = match self.accept.form {
            Form::Object => {
                let kind = format!("{}List", self.served.target.kind);
                (self.served.of.api_version(), kind)
            }
            Form::Metadata => metadata_kind("List"),
            Form::Table => return None,
        };
        let len = len.saturating_add(delimited_len(metadata.len()));
        let mut head = head(&api_version, &kind, len);
        delimited(METADATA, &metadata, &mut head);
        Some(Planned {
            head,
            items,
            failed,
        })
    }

    fn look(&self, objects: &Objects<'_>, version: &Version<'_>) -> Looked {
        let shape = self.shape();
        match shape.object(objects, version) {
            Err(reason) => Looked::Failed(failure(version, &reason)),
            Ok(object) if !selects(self.query, &object) => Looked::NotSelected,
            Ok(_) => match self.item(objects, version) {
                Some(item) => Looked::Item(item.len()),
                None => Looked::NoForm,
            },
        }
    }

    /// The items of a planned list, each as its bytes in the list.
    pub fn planned_items<'p>(
        &'p self,
        planned: &'p Planned,
        objects: &'p Objects<'_>,
        listing: &'p Listing,
    ) -> impl Iterator<Item = Option<Vec<u8>>> + 'p {
        planned.items.iter().map(|at| {
            let version = listing.versions(objects, *at..at.saturating_add(1)).pop()?;
            let item = self.item(objects, &version)?;
            let mut bytes = Vec::new();
            delimited(ITEMS, &item, &mut bytes);
            Some(bytes)
        })
    }

    /// The message of an item.
    fn item(&self, objects: &Objects<'_>, version: &Version<'_>) -> Option<Vec<u8>> {
        let revision = version.revision.main;
        message(&self.shape(), objects, version, self.accept.form, revision)
    }

    fn shape(&self) -> Shape<'_> {
        Shape {
            served: self.served,
            mask: self.moment.source.mask(false),
        }
    }

    /// `ListMeta`: all strings are written, also empty ones.
    fn list_meta(
        &self,
        objects: &Objects<'_>,
        revision: i64,
        listing: &Listing,
        at: usize,
    ) -> Vec<u8> {
        let metadata = self.metadata(objects, revision, listing, at);
        let text = |name: &str| {
            metadata
                .get(name)
                .and_then(|value| value.as_str())
                .unwrap_or("")
        };
        let mut bytes = Vec::new();
        delimited(1, b"", &mut bytes);
        delimited(2, text("resourceVersion").as_bytes(), &mut bytes);
        delimited(3, text("continue").as_bytes(), &mut bytes);
        if let Some(left) = metadata
            .get("remainingItemCount")
            .and_then(serde_json::Value::as_u64)
        {
            encode_key(4, WireType::Varint, &mut bytes);
            encode_varint(left, &mut bytes);
        }
        bytes
    }
}

/// The message of an object as a client gets it, with a revision; `None`: the stored bytes are not in the form that is asked for.
fn message(
    shape: &Shape<'_>,
    objects: &Objects<'_>,
    version: &Version<'_>,
    form: Form,
    revision: i64,
) -> Option<Vec<u8>> {
    let kv = version.key_value().ok()?;
    let opened = objects.open(kv.key, kv.value).ok()?;
    let plain = opened
        .as_ref()
        .map_or(kv.value, |opened| opened.plain.as_slice());
    let Ok(Stored::Protobuf(unknown)) = Stored::parse(plain) else {
        return None;
    };
    let is_whole = form == Form::Object;
    let served = shape.served;
    if is_whole
        && (unknown.api_version != served.of.api_version() || unknown.kind != served.target.kind)
    {
        return None;
    }
    if !shape.is_as_stored(objects, version) {
        return None;
    }
    let message = with_resource_version(unknown.raw, revision)?;
    if is_whole {
        return Some(message);
    }
    let metadata = field(&message, METADATA)?;
    let mut bytes = Vec::new();
    delimited(METADATA, message.get(metadata.content)?, &mut bytes);
    Some(bytes)
}

/// A field of a message: its bytes with the key, and those of its content.
struct Span {
    whole: std::ops::Range<usize>,
    content: std::ops::Range<usize>,
}

/// The first length-delimited field of a number.
fn field(message: &[u8], number: u32) -> Option<Span> {
    let mut found = None;
    each(message, |tag, span| {
        if tag == number && found.is_none() {
            found = Some(span);
        }
    })?;
    found
}

/// Calls `seen` with each field; `None` if the bytes are no message.
fn each(message: &[u8], mut seen: impl FnMut(u32, Span)) -> Option<()> {
    let mut left = message;
    let at = |left: &[u8]| message.len().saturating_sub(left.len());
    while left.has_remaining() {
        let start = at(left);
        let (tag, wire) = decode_key(&mut left).ok()?;
        let content = if wire == WireType::LengthDelimited {
            let len = usize::try_from(decode_varint(&mut left).ok()?).ok()?;
            let from = at(left);
            left = left.get(len..)?;
            from..at(left)
        } else {
            let from = at(left);
            skip_field(wire, tag, &mut left, DecodeContext::default()).ok()?;
            from..at(left)
        };
        let whole = start..at(left);
        seen(tag, Span { whole, content });
    }
    Some(())
}

/// The message with the revision in its metadata.
fn with_resource_version(message: &[u8], revision: i64) -> Option<Vec<u8>> {
    let metadata = field(message, METADATA)?;
    let inner = message.get(metadata.content)?;
    // Fields are in ascending order: the place is that of the field, or before the first with a greater number.
    let mut place = inner.len()..inner.len();
    let mut is_found = false;
    each(inner, |tag, span| {
        if !is_found && tag >= RESOURCE_VERSION {
            is_found = true;
            place = match tag == RESOURCE_VERSION {
                true => span.whole,
                false => span.whole.start..span.whole.start,
            };
        }
    })?;
    let mut changed = inner.get(..place.start)?.to_vec();
    delimited(
        RESOURCE_VERSION,
        revision.to_string().as_bytes(),
        &mut changed,
    );
    changed.extend_from_slice(inner.get(place.end..)?);
    let mut bytes = message.get(..metadata.whole.start)?.to_vec();
    delimited(METADATA, &changed, &mut bytes);
    bytes.extend_from_slice(message.get(metadata.whole.end..)?);
    Some(bytes)
}

/// The envelope up to a message of this length: `runtime.Unknown`.
fn head(api_version: &str, kind: &str, len: usize) -> Vec<u8> {
    let mut type_meta = Vec::new();
    delimited(1, api_version.as_bytes(), &mut type_meta);
    delimited(2, kind.as_bytes(), &mut type_meta);
    let mut bytes = MAGIC.to_vec();
    delimited(1, &type_meta, &mut bytes);
    encode_key(2, WireType::LengthDelimited, &mut bytes);
    encode_varint(u64::try_from(len).unwrap_or(u64::MAX), &mut bytes);
    bytes
}

fn delimited(number: u32, content: &[u8], bytes: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, bytes);
    encode_varint(u64::try_from(content.len()).unwrap_or(u64::MAX), bytes);
    bytes.extend_from_slice(content);
}

/// The length of a field with a number below 16 and this content.
fn delimited_len(len: usize) -> usize {
    let prefix = prost::length_delimiter_len(len);
    len.saturating_add(prefix).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_revision_is_put_where_the_stored_metadata_has_an_empty_one() {
        // metadata {name "a", namespace "", uid "u", resourceVersion "", generation 1}, spec {}
        let stored = b"\x0a\x0c\x0a\x01a\x2a\x01u\x32\0\x38\x01\x42\0\x12\0";
        let sent = with_resource_version(stored, 4711).unwrap();
        assert_eq!(
            sent,
            b"\x0a\x10\x0a\x01a\x2a\x01u\x32\x044711\x38\x01\x42\0\x12\0"
        );
        let without = b"\x0a\x08\x0a\x01a\x2a\x01u\x38\x01\x12\0";
        let sent = with_resource_version(without, 7).unwrap();
        assert_eq!(sent, b"\x0a\x0b\x0a\x01a\x2a\x01u\x32\x017\x38\x01\x12\0");
        assert!(with_resource_version(b"\x0a\xff", 7).is_none());
    }
}
