//! The items of a list, and single scalars.

use serde_json::Value;

use super::fault::Fault;
use super::message::misfit;
use super::node::{Datum, Node, Role, Span, low_32, signed};
use super::wire::{self, Payload};
use crate::schema::{Field, Type};

/// Walks one list.
pub(crate) struct Items<'a> {
    parent: &'a Node<'a>,
    room: usize,
    source: ItemSource<'a>,
}

enum ItemSource<'a> {
    Records {
        field: &'static Field,
        span: Span<'a>,
        at: usize,
        /// The rest of a packed record.
        packed: Span<'a>,
    },
    Tree(std::slice::Iter<'a, Value>),
}

impl<'a> Items<'a> {
    /// The items of `node`; `None` if it is no list.
    pub(crate) fn new(node: &'a Node<'_>) -> Result<Option<Self>, Fault> {
        let source = match &node.datum {
            Datum::Items(field, span) => ItemSource::Records {
                field,
                span: *span,
                at: 0,
                packed: Span::default(),
            },
            Datum::Tree(Value::Array(items)) => ItemSource::Tree(items.iter()),
            _ => return Ok(None),
        };
        Ok(Some(Self {
            parent: node,
            room: node.inner()?,
            source,
        }))
    }

    /// The next item.
    pub(crate) fn next(&mut self) -> Result<Option<Node<'a>>, Fault> {
        let datum = match &mut self.source {
            ItemSource::Tree(items) => items.next().map(Datum::Tree),
            ItemSource::Records {
                field,
                span,
                at,
                packed,
            } => next_record(field, *span, at, packed)?,
        };
        Ok(datum.map(|datum| Node::new(self.parent.context, self.room, datum)))
    }
}

fn next_record<'a>(
    field: &'static Field,
    span: Span<'a>,
    at: &mut usize,
    packed: &mut Span<'a>,
) -> Result<Option<Datum<'a>>, Fault> {
    loop {
        if !packed.data.is_empty() {
            return unpack(field, packed).map(Some);
        }
        if *at >= span.data.len() {
            return Ok(None);
        }
        let record = wire::record(span.data, *at, span.base)?;
        *at = record.end;
        if record.number != u32::from(field.number) {
            continue;
        }
        match (field.kind, record.payload) {
            (Type::Message, Payload::Bytes(start, end)) => {
                return Datum::message(field.message(), span.slice(start, end), Role::Plain)
                    .map(Some);
            }
            (Type::Bool | Type::Int32 | Type::Int64 | Type::Double, Payload::Bytes(start, end)) => {
                *packed = span.slice(start, end);
            }
            (_, payload) => return scalar(field, payload, span).map(Some),
        }
    }
}

/// One number of a packed record.
fn unpack<'a>(field: &'static Field, packed: &mut Span<'a>) -> Result<Datum<'a>, Fault> {
    let truncated = || Fault::truncated("packed field", packed.base, 1, packed.data.len());
    let (payload, len) = if field.kind == Type::Double {
        let (bytes, _) = packed.data.split_first_chunk().ok_or_else(truncated)?;
        (Payload::Fixed64(u64::from_le_bytes(*bytes)), 8)
    } else {
        let (value, len) = wire::varint(packed.data, 0).ok_or_else(truncated)?;
        (Payload::Varint(value), len)
    };
    let datum = scalar(field, payload, *packed);
    *packed = packed.slice(len, packed.data.len());
    datum
}

/// One scalar whose payload points into `span`.
pub(crate) fn scalar<'a>(
    field: &Field,
    payload: Payload,
    span: Span<'a>,
) -> Result<Datum<'a>, Fault> {
    Ok(match (field.kind, payload) {
        (Type::String, Payload::Bytes(start, end)) => Datum::Text(span.slice(start, end).data),
        (Type::Bytes, Payload::Bytes(start, end)) => Datum::Base64(span.slice(start, end).data),
        (Type::Bool, Payload::Varint(value)) => Datum::Bool(value != 0),
        (Type::Int32, Payload::Varint(value)) => Datum::Int(i64::from(low_32(value))),
        (Type::Int64, Payload::Varint(value)) => Datum::Int(signed(value)),
        (Type::Double, Payload::Fixed64(bits)) => Datum::Float(f64::from_bits(bits)),
        _ => return Err(misfit(field, span.base)),
    })
}
