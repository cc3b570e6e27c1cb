//! A stored object: as JSON, through any serde serializer, or as a typed object.

use std::borrow::Cow;
use std::cell::RefCell;

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use super::cbor;
use super::decode::fault::Fault;
use super::decode::json;
use super::decode::line::{LineWriter, WriteValue};
use super::decode::memory::{self, Memory};
use super::decode::node::{Context, Datum, Node, Role, Span};
use super::decode::sound;
use super::decode::wire::{self, Payload};
use super::decode::write::write;
use super::envelope::{Unknown, Value};
use super::flat::Flat;
use super::parts::ObjectParts;
use super::schema::{Field, Kind, Label, Type};
use located::Error;
use located::Limits;
use located::{FileName, Place};

/// Maximum nesting of a value in levels, whatever [`Limits::value_depth`] allows: each level takes up to four kilobytes of a
/// stack that may have only two megabytes.
pub const MAX_VALUE_DEPTH: usize = 500;

/// Memory that a value takes at most where no limit is given: the default of [`Limits::value_memory`].
pub(crate) const VALUE_MEMORY_BYTES: usize = 24 << 20;

/// How an object is to be read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Put into `metadata.resourceVersion`, as an API server does with the key's mod_revision; `None` prints what is stored.
    pub resource_version: Option<i64>,
    /// Show fields that no release names, under their number.
    pub unknown_fields: bool,
    /// Print a creation time that is not set, such as that of a template of pods, as null: so do API servers up to 1.34.
    pub zero_times: bool,
    /// Depth bound.
    pub limits: Limits,
    /// Where the value begins, for errors.
    pub place: Option<Place>,
}

/// A stored object that has not been read yet.
///
/// It implements [`Serialize`]: JSON, YAML and everything else serde writes come from one walk over the stored bytes,
/// members in the order of the field numbers, `kind` and `apiVersion` first.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    body: Body<'a>,
    options: Options,
}

#[derive(Clone, Debug)]
enum Body<'a> {
    Protobuf {
        unknown: Unknown<'a>,
        fields: &'static [Field],
        known: bool,
    },
    /// What was stored as text, or as CBOR.
    Tree(Json),
}

impl<'a> Value<'a> {
    /// The object in this value.
    ///
    /// A kind that no release knows is no error: its fields are shown under their numbers, with the types that fit best;
    /// see [`Object::note`].
    ///
    /// # Errors
    /// JSON or CBOR that is cut off or impossible, an encrypted value, or one that contains no object.
    pub fn object(self, options: Options) -> Result<Object<'a>, Error> {
        let (depth, memory) = (options.depth(), options.limits.value_memory);
        let body = match &self {
            Self::Protobuf(unknown) if !unknown.content_encoding.is_empty() => {
                let seen = format!("content encoding {:?}", unknown.content_encoding);
                Err(Fault::malformed("runtime.Unknown", 0, seen))
            }
            Self::Protobuf(unknown) if unknown.content_type.contains("json") => {
                json(unknown.raw, depth, memory)
            }
            Self::Protobuf(unknown) => Ok(Body::protobuf(unknown.clone())),
            Self::Json(text) => json(text, depth, memory),
            Self::Cbor(bytes) => cbor::to_json(bytes, depth, memory).map(Body::Tree),
            Self::Encrypted(seal) => {
                let seen = format!("encrypted with {} key {:?}", seal.provider, seal.name());
                Err(Fault::malformed("value", 0, seen))
            }
            Self::Other(_) => Err(Fault::malformed(
                "value",
                0,
                "no Kubernetes object: neither k8s\\0, JSON nor CBOR",
            )),
        };
        let mut body = body.map_err(|fault| fault.into_error(&options.start()))?;
        if let (Body::Tree(tree), Some(version)) = (&mut body, options.resource_version) {
            set_resource_version(tree, version);
        }
        let object = Object { body, options };
        object.fits_memory()?;
        Ok(object)
    }
}

impl Options {
    fn depth(&self) -> usize {
        self.limits.value_depth.min(MAX_VALUE_DEPTH)
    }

    fn start(&self) -> Place {
        let place = self.place.clone();
        place.unwrap_or_else(|| Place::at(&FileName::new("value"), 0))
    }
}

impl<'a> Body<'a> {
    fn protobuf(unknown: Unknown<'a>) -> Self {
        let kind = Kind::find(&unknown.api_version, &unknown.kind);
        let fields = match kind {
            Some(kind) => kind.message().fields(),
            None if has_metadata(unknown.raw) => metadata_only(),
            None => &[],
        };
        Self::Protobuf {
            unknown,
            fields,
            known: kind.is_some(),
        }
    }
}

impl Object<'_> {
    /// `apps/v1`; empty if the object has none.
    pub fn api_version(&self) -> &str {
        match &self.body {
            Body::Protobuf { unknown, .. } => &unknown.api_version,
            Body::Tree(tree) => tree.get("apiVersion").and_then(Json::as_str).unwrap_or(""),
        }
    }

    /// `Deployment`; empty if the object has none.
    pub fn kind(&self) -> &str {
        match &self.body {
            Body::Protobuf { unknown, .. } => &unknown.kind,
            Body::Tree(tree) => tree.get("kind").and_then(Json::as_str).unwrap_or(""),
        }
    }

    /// As [`Options::zero_times`], for an object whose kind had to be known first.
    pub fn set_zero_times(&mut self, zero_times: bool) {
        self.options.zero_times = zero_times;
    }

    /// What a reader should know about the answer: that the kind is in no table and the view a guess.
    pub fn note(&self) -> Option<String> {
        match &self.body {
            Body::Protobuf { known: false, .. } => Some(format!(
                "{} {} is in no table of Kubernetes 1.8 to 1.37: members are field numbers, types are guesses",
                self.api_version(),
                self.kind()
            )),
            _ => None,
        }
    }

    /// The object as a JSON tree, members in printing order.
    ///
    /// # Errors
    /// Protobuf that is cut off or impossible, or nested deeper than the limit; the place is that of the bad byte.
    pub fn to_json(&self) -> Result<Json, Error> {
        let context = self.context();
        serde_json::to_value(self.node(&context)).map_err(|error| {
            // The writer only passed on the fault's text.
            let fault = context.fault.borrow_mut().take();
            let fault = fault.unwrap_or_else(|| serde::de::Error::custom(error));
            fault.into_error(&self.options.start())
        })
    }

    /// As [`Self::to_json`], without a copy of what is a tree already.
    ///
    /// # Errors
    /// As [`Self::to_json`].
    pub fn into_json(self) -> Result<Json, Error> {
        match self.body {
            Body::Tree(tree) => Ok(tree),
            Body::Protobuf { .. } => self.to_json(),
        }
    }

    /// Refuses protobuf whose tree would take too much memory. Trees were counted while they were made.
    fn fits_memory(&self) -> Result<(), Error> {
        let limit = self.options.limits.value_memory;
        match &self.body {
            Body::Protobuf { unknown, .. } if Memory::can_exceed(unknown.raw.len(), limit) => {
                let mut memory = Memory::new(unknown.raw.len(), limit);
                let context = self.context();
                memory::of_node(&self.node(&context), &mut memory)
                    .map_err(|fault| fault.into_error(&self.options.start()))
            }
            _ => Ok(()),
        }
    }

    /// At least these parts of the object, without a map for each of its values. What is left out is read to its end all the same.
    ///
    /// # Errors
    /// As [`Self::to_json`].
    pub fn flat(&self, parts: &ObjectParts) -> Result<Flat, Error> {
        let context = self.context();
        let flat = Flat::read(&self.node(&context), parts)
            .map_err(|fault| fault.into_error(&self.options.start()))?;
        match flat.has_replaced_names() {
            // Of two members with the same name the tree keeps one.
            true => Ok(Flat::of_tree(&self.to_json()?)),
            false => Ok(flat),
        }
    }

    /// Whether no field is left out because no release names it; false also if only the whole object can tell.
    pub fn is_known(&self) -> bool {
        let context = self.context();
        sound::is_known(&self.node(&context))
    }

    /// Appends the object as one line of JSON (without the newline).
    ///
    /// # Errors
    /// As [`Self::to_json`]; `out` is then as it was.
    pub fn write_json(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        let before = out.len();
        let context = self.context();
        write(&self.node(&context), out).map_err(|fault| {
            out.truncate(before);
            fault.into_error(&self.options.start())
        })
    }

    /// Appends what `odd` writes for [`to_json`](Self::to_json), without making the tree: `odd` is given only what is out of the
    /// ordinary. False if only the tree tells what is written; `out` is then as it was.
    ///
    /// # Errors
    /// As [`Self::to_json`]; `out` is then as it was.
    pub fn write_line(&self, odd: WriteValue, out: &mut Vec<u8>) -> Result<bool, Error> {
        let before = out.len();
        let context = self.context();
        let mut line = LineWriter {
            out,
            odd,
            has_replaced_names: false,
        };
        let written = line.write(&self.node(&context));
        let is_exact = written.is_ok() && !line.has_replaced_names;
        if !is_exact {
            out.truncate(before);
        }
        let written = written.map_err(|fault| fault.into_error(&self.options.start()));
        written.map(|()| is_exact)
    }

    /// Fills any type that can be deserialized, read from the stored bytes without a JSON tree in between.
    ///
    /// ```
    /// use etcd_inspect_kube::{Options, Value};
    /// #[derive(serde::Deserialize)]
    /// struct Named { metadata: Metadata }
    /// #[derive(serde::Deserialize)]
    /// struct Metadata { name: String }
    /// let stored = b"k8s\0\n\x0f\n\x02v1\x12\tNamespace\x12\x0a\n\x08\n\x04shopB\0\x1a\0\"\0";
    /// let object = Value::parse(stored)?.object(Options::default())?;
    /// assert_eq!(object.decode::<Named>()?.metadata.name, "shop");
    /// # Ok::<(), etcd_inspect_kube::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::to_json`], and if the object does not fit `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let context = self.context();
        let node = self.node(&context);
        T::deserialize(node).map_err(|fault| fault.into_error(&self.options.start()))
    }

    fn context(&self) -> Context<'_> {
        let (api_version, kind, known) = match &self.body {
            Body::Protobuf { unknown, known, .. } => {
                (&*unknown.api_version, &*unknown.kind, *known)
            }
            Body::Tree(_) => ("", "", true),
        };
        Context {
            depth: self.options.depth(),
            memory: self.options.limits.value_memory,
            unknown: self.options.unknown_fields || !known,
            zero_times: self.options.zero_times,
            resource_version: self
                .options
                .resource_version
                .map(|version| version.to_string()),
            api_version: Cow::Borrowed(api_version),
            kind: Cow::Borrowed(kind),
            fault: RefCell::new(None),
        }
    }

    fn node<'n>(&'n self, context: &'n Context<'n>) -> Node<'n> {
        let datum = match &self.body {
            Body::Protobuf {
                unknown, fields, ..
            } => Datum::Object {
                fields,
                data: Cow::Borrowed(unknown.raw),
                base: unknown.raw_offset,
                role: Role::Root,
            },
            Body::Tree(tree) => Datum::Tree(tree),
        };
        Node::new(context, context.depth, datum)
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let context = self.context();
        self.node(&context).serialize(serializer)
    }
}

fn json<'a>(text: &[u8], depth: usize, memory: usize) -> Result<Body<'a>, Fault> {
    json::tree(text, depth, memory).map(Body::Tree)
}

/// Members of stored custom resources are sorted, so the version is inserted at its sorted position.
fn set_resource_version(tree: &mut Json, version: i64) {
    const NAME: &str = "resourceVersion";
    let Some(Json::Object(metadata)) = tree.get_mut("metadata") else {
        return;
    };
    let version = Json::String(version.to_string());
    if let Some(stored) = metadata.get_mut(NAME) {
        *stored = version;
        return;
    }
    let at = metadata
        .keys()
        .position(|name| name.as_str() > NAME)
        .unwrap_or(metadata.len());
    metadata.shift_insert(at, NAME.to_owned(), version);
}

/// `metadata` alone: field 1 of every kind there is, so also of those that no table has.
fn metadata_only() -> &'static [Field] {
    let pod = Kind::find("v1", "Pod").map(|kind| kind.message().fields());
    pod.and_then(|fields| fields.get(..1)).unwrap_or_default()
}

/// Whether field 1 reads as an ObjectMeta: known fields of the right wire type, among them the two that are always written.
fn has_metadata(raw: &[u8]) -> bool {
    let Some(meta) = metadata_only().first().map(Field::message) else {
        return false;
    };
    let span = Span { data: raw, base: 0 };
    let Ok(Some(Payload::Bytes(start, end))) = span.last(1) else {
        return false;
    };
    let Ok(records) = wire::records(span.slice(start, end).data, 0) else {
        return false;
    };
    let fits = |record: &wire::Record| {
        let field = meta
            .fields()
            .iter()
            .find(|field| u32::from(field.number) == record.number);
        field.is_some_and(|field| match (field.label, field.kind, record.payload) {
            (Label::One, Type::Int64 | Type::Int32 | Type::Bool, payload) => {
                matches!(payload, Payload::Varint(_))
            }
            (_, _, payload) => matches!(payload, Payload::Bytes(..)),
        })
    };
    let has = |number| records.iter().any(|record| record.number == number);
    has(1) && has(8) && records.iter().all(fits)
}
