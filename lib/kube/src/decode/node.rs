//! One value that has not been read yet.

use std::borrow::Cow;
use std::cell::RefCell;

use serde_json::Value;

use super::fault::Fault;
use super::time::GO_ZERO;
use super::wire::{self, Payload};
use crate::schema::{Field, Form, Label, Message};

/// What is the same for a whole object while it is decoded.
#[derive(Debug, Default)]
pub(crate) struct Context<'a> {
    /// Deepest nesting that is followed.
    pub(crate) depth: usize,
    /// Most memory that the decoded value may take, in bytes.
    pub(crate) memory: usize,
    /// Whether fields without a name are shown under their number.
    pub(crate) unknown: bool,
    /// Whether a creation time that is not set is printed as null, and not left out.
    pub(crate) zero_times: bool,
    /// Printed instead of the stored `metadata.resourceVersion`.
    pub(crate) resource_version: Option<String>,
    /// `apiVersion` and `kind` of the envelope.
    pub(crate) api_version: Cow<'a, str>,
    pub(crate) kind: Cow<'a, str>,
    /// The first fault: serde's writers pass on only its text.
    pub(crate) fault: RefCell<Option<Fault>>,
}

impl Context<'_> {
    /// Keeps the first fault for the caller and returns its text for the writer.
    #[cold]
    pub(crate) fn keep<E: serde::ser::Error>(&self, fault: Fault) -> E {
        let error = E::custom(&fault);
        self.fault.borrow_mut().get_or_insert(fault);
        error
    }
}

/// Bytes and their offset in the value.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span<'a> {
    pub(crate) data: &'a [u8],
    pub(crate) base: usize,
}

impl<'a> Span<'a> {
    pub(crate) fn slice(&self, start: usize, end: usize) -> Self {
        Self {
            data: self.data.get(start..end).unwrap_or_default(),
            base: self.base + start,
        }
    }

    /// The last record of that number.
    pub(crate) fn last(&self, number: u32) -> Result<Option<Payload>, Fault> {
        let (mut at, mut found) = (0, None);
        while at < self.data.len() {
            let record = wire::record(self.data, at, self.base)?;
            if record.number == number {
                found = Some(record.payload);
            }
            at = record.end;
        }
        Ok(found)
    }

    /// Field `number` as a varint; 0 if it is absent.
    fn varint(&self, number: u32) -> Result<u64, Fault> {
        Ok(match self.last(number)? {
            Some(Payload::Varint(value)) => value,
            _ => 0,
        })
    }

    /// Field `number` as bytes.
    fn bytes(&self, number: u32) -> Result<Option<Self>, Fault> {
        Ok(match self.last(number)? {
            Some(Payload::Bytes(start, end)) => Some(self.slice(start, end)),
            _ => None,
        })
    }

    /// All bytes of field `number` one after the other: how protobuf merges the parts of one message.
    fn merged(&self, number: u32) -> Result<Option<Cow<'a, [u8]>>, Fault> {
        let mut whole: Option<Cow<'a, [u8]>> = None;
        for record in wire::records(self.data, self.base)? {
            if let (true, Payload::Bytes(start, end)) = (record.number == number, record.payload) {
                let part = self.data.get(start..end).unwrap_or_default();
                match &mut whole {
                    Some(whole) => whole.to_mut().extend_from_slice(part),
                    None => whole = Some(Cow::Borrowed(part)),
                }
            }
        }
        Ok(whole)
    }
}

/// What is special about a message's members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing.
    Plain,
    /// The object itself: begins with `kind` and `apiVersion`.
    Root,
    /// The object's metadata: `resourceVersion` may be given from outside.
    Metadata,
}

/// A value by what it will be printed as.
#[derive(Clone, Debug)]
pub(crate) enum Datum<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a [u8]),
    Base64(&'a [u8]),
    /// Go's zero time: `null`, or year 1 if a typed object must have a time.
    NoTime,
    Time(i64),
    MicroTime(i64, i32),
    Quantity(&'a [u8]),
    /// JSON text, or CBOR, unchanged.
    Json(&'a [u8]),
    /// A message printed as an object.
    Object {
        fields: &'static [Field],
        data: Cow<'a, [u8]>,
        base: usize,
        role: Role,
    },
    /// Consecutive records of a repeated field.
    Items(&'static Field, Span<'a>),
    /// Consecutive records of a map field.
    Entries(&'static Field, Span<'a>),
    /// Something already in memory: parsed JSON, or a guess at unknown bytes.
    Tree(&'a Value),
}

/// One value that has not been read yet.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) context: &'a Context<'a>,
    /// How many levels may still follow.
    pub(crate) room: usize,
    pub(crate) datum: Datum<'a>,
}

impl<'a> Node<'a> {
    pub(crate) fn new(context: &'a Context<'a>, room: usize, datum: Datum<'a>) -> Self {
        Self {
            context,
            room,
            datum,
        }
    }

    /// One level deeper.
    pub(crate) fn inner(&self) -> Result<usize, Fault> {
        self.room
            .checked_sub(1)
            .ok_or_else(|| Fault::depth(self.context.depth))
    }

    /// JSON text or CBOR read into a tree; a string if it is neither.
    pub(crate) fn json(&self, raw: &[u8]) -> Result<Value, Fault> {
        let parsed = if raw.starts_with(crate::cbor::TAG) {
            crate::cbor::to_json(raw, self.room, self.context.memory)
        } else {
            super::json::tree(raw, self.room, self.context.memory)
        };
        match parsed {
            Err(fault) if fault.is_memory() => Err(fault),
            Err(fault) if !fault.is_depth() => Ok(Value::String(text(raw).into_owned())),
            Err(_) => Err(Fault::depth(self.context.depth)),
            Ok(value) => Ok(value),
        }
    }
}

impl<'a> Datum<'a> {
    /// A message of that form, whose bytes are `span`.
    pub(crate) fn message(
        message: &'static Message,
        span: Span<'a>,
        role: Role,
    ) -> Result<Self, Fault> {
        Ok(match message.form {
            Form::Plain => Self::object(message, Cow::Borrowed(span.data), span.base, role),
            Form::Quantity => Self::Quantity(span.bytes(1)?.map_or(&[], |span| span.data)),
            Form::Json => match span.bytes(1)? {
                Some(raw) if !raw.data.is_empty() => Self::Json(raw.data),
                _ => Self::Null,
            },
            Form::IntOrString if span.varint(1)? == 1 => {
                Self::Text(span.bytes(3)?.map_or(&[], |span| span.data))
            }
            Form::List => match message.fields().first() {
                Some(field) if field.label == Label::Map => Self::Entries(field, span),
                Some(field) => Self::Items(field, span),
                None => Self::Null,
            },
            Form::OrArray | Form::OrStrings => {
                let list = message.fields().iter().find(|field| field.number == 2);
                match (span.last(2)?, list) {
                    (Some(_), Some(list)) => Self::Items(list, span),
                    _ => Self::schema(message, 1, span)?.unwrap_or(Self::Null),
                }
            }
            Form::OrBool => match Self::schema(message, 2, span)? {
                Some(schema) => schema,
                None => Self::Bool(span.varint(1)? != 0),
            },
            Form::Time | Form::MicroTime | Form::IntOrString => {
                Self::scalar_form(message.form, span)?
            }
        })
    }

    fn object(message: &'static Message, data: Cow<'a, [u8]>, base: usize, role: Role) -> Self {
        Self::Object {
            fields: message.fields(),
            data,
            base,
            role,
        }
    }

    fn scalar_form(form: Form, span: Span<'_>) -> Result<Self, Fault> {
        let seconds = signed(span.varint(1)?);
        Ok(match form {
            Form::Time | Form::MicroTime if span.data.is_empty() || seconds == GO_ZERO => {
                Self::NoTime
            }
            Form::Time => Self::Time(seconds),
            Form::MicroTime => Self::MicroTime(seconds, low_32(span.varint(2)?)),
            _ => Self::Int(i64::from(low_32(span.varint(2)?))),
        })
    }

    /// The schema inside one of the JSONSchemaPropsOr… messages.
    fn schema(
        message: &'static Message,
        number: u16,
        span: Span<'a>,
    ) -> Result<Option<Self>, Fault> {
        let field = message.fields().iter().find(|field| field.number == number);
        let (Some(field), Some(data)) = (field, span.merged(u32::from(number))?) else {
            return Ok(None);
        };
        Ok(Some(Self::object(
            field.message(),
            data,
            span.base,
            Role::Plain,
        )))
    }
}

/// Two's complement.
pub(crate) fn signed(value: u64) -> i64 {
    value.cast_signed()
}

/// The low half, as Go reads an int32.
pub(crate) fn low_32(value: u64) -> i32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

/// Text as Go's encoding/json prints it: every byte that is not UTF-8 becomes U+FFFD.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(replaced(bytes)),
    }
}

#[cold]
fn replaced(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}
