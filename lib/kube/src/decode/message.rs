//! The members of a message, in the order of the field numbers.
//!
//! Kubernetes writes the fields of a message by ascending number, so that one pass over the bytes beside one pass over the
//! table gives every member. Bytes in another order are sorted first.

use std::borrow::Cow;
use std::slice::Iter;
use std::vec::IntoIter;

use serde_json::Value;

use super::fault::Fault;
use super::guess;
use super::items::scalar;
use super::node::{Context, Datum, Node, Role, Span};
use super::wire::{self, Payload, Record};
use crate::schema::{Field, Form, Label, Rule, Type};

/// Memory of a field without a name, while it is collected and in the map that is shown.
const UNKNOWN_BYTES: usize = 400;

/// No field has this number.
const NONE: u32 = u32::MAX;

/// Walks one message.
pub(crate) struct MessageMembers<'a> {
    context: &'a Context<'a>,
    room: usize,
    role: Role,
    /// `kind` and `apiVersion` still to come, for [`Role::Root`].
    preface: u8,
    frame: Frame<'a>,
    /// The messages that the current one is inlined into.
    outer: Vec<Frame<'a>>,
    /// Fields without a name, if they are wanted.
    unknown: Vec<(u32, Value)>,
    extra: Option<IntoIter<(String, Value)>>,
    /// The field stepped to, and its value.
    field: Option<&'static Field>,
    slot: Slot,
    /// What [`Slot::Merged`] and [`Slot::Extra`] mean.
    merged: Vec<u8>,
    extra_member: (String, Value),
}

/// One message's bytes beside its fields.
struct Frame<'a> {
    data: Cow<'a, [u8]>,
    base: usize,
    /// The record that comes next; its number is [`NONE`] after the last one.
    next: Record,
    fields: Iter<'static, Field>,
}

/// The value stepped to, as offsets: the bytes may belong to the frame. Plain data, because one is stored per field.
#[derive(Clone, Copy)]
enum Slot {
    Null,
    /// A single scalar, or its zero value.
    Scalar(Payload),
    Message(usize, usize),
    /// Parts of one message, put together; the offset of the first.
    Merged(usize),
    Many(usize, usize),
    Kind,
    ApiVersion,
    ResourceVersion,
    /// A field without a name.
    Extra,
}

/// The record after the last one.
const END: Record = Record {
    number: NONE,
    payload: Payload::Group,
    start: 0,
    end: 0,
};

impl<'a> Frame<'a> {
    fn open(fields: &'static [Field], data: Cow<'a, [u8]>, base: usize) -> Result<Self, Fault> {
        let data = if wire::is_ordered(&data, base)? {
            data
        } else {
            Cow::Owned(wire::reordered(&data, base)?)
        };
        let mut frame = Self {
            data,
            base,
            next: END,
            fields: fields.iter(),
        };
        frame.read(0)?;
        Ok(frame)
    }

    fn read(&mut self, at: usize) -> Result<(), Fault> {
        self.next = if at < self.data.len() {
            wire::record(&self.data, at, self.base)?
        } else {
            END
        };
        Ok(())
    }

    /// Steps to the record after `self.next`.
    fn bump(&mut self) -> Result<(), Fault> {
        self.read(self.next.end)
    }

    fn part(&self, start: usize, end: usize) -> Cow<'a, [u8]> {
        match &self.data {
            Cow::Borrowed(data) => Cow::Borrowed(data.get(start..end).unwrap_or_default()),
            Cow::Owned(data) => Cow::Owned(data.get(start..end).unwrap_or_default().to_vec()),
        }
    }
}

impl<'a> MessageMembers<'a> {
    pub(crate) fn open(
        context: &'a Context<'a>,
        room: usize,
        fields: &'static [Field],
        span: Span<'a>,
        role: Role,
    ) -> Result<Self, Fault> {
        Ok(Self {
            context,
            room,
            role,
            preface: if role == Role::Root { 2 } else { 0 },
            frame: Frame::open(fields, Cow::Borrowed(span.data), span.base)?,
            outer: Vec::new(),
            unknown: Vec::new(),
            extra: None,
            field: None,
            slot: Slot::Null,
            merged: Vec::new(),
            extra_member: Default::default(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        match (self.field, self.slot) {
            (Some(field), _) => field.name(),
            (None, Slot::Kind) => "kind",
            (None, Slot::ApiVersion) => "apiVersion",
            (None, _) => &self.extra_member.0,
        }
    }

    pub(crate) fn advance(&mut self) -> Result<bool, Fault> {
        while self.preface > 0 {
            self.preface -= 1;
            let (slot, text) = match self.preface {
                1 => (Slot::Kind, &self.context.kind),
                _ => (Slot::ApiVersion, &self.context.api_version),
            };
            if !text.is_empty() {
                self.slot = slot;
                return Ok(true);
            }
        }
        // Most fields of most messages are neither on the wire nor printed without: step over them quickly.
        let every = self.role == Role::Metadata;
        loop {
            let next = self.frame.next.number;
            let field = self
                .frame
                .fields
                .find(|field| u32::from(field.number) >= next || !field.rule.is_silent() || every);
            let Some(field) = field else {
                self.skip_below(NONE)?;
                match self.outer.pop() {
                    Some(outer) => self.frame = outer,
                    None => return Ok(self.advance_unknown()),
                }
                continue;
            };
            let number = u32::from(field.number);
            if number > next {
                self.skip_below(number)?;
            }
            let slot = if self.frame.next.number == number {
                self.take(field)?
            } else {
                self.absent(field)
            };
            match slot {
                None => {}
                Some(slot) if field.rule == Rule::Inline => self.enter(field, slot)?,
                Some(slot) => {
                    (self.field, self.slot) = (Some(field), slot);
                    return Ok(true);
                }
            }
        }
    }

    /// Steps over records that no field of the table claims.
    fn skip_below(&mut self, number: u32) -> Result<(), Fault> {
        while self.frame.next.number < number {
            if self.context.unknown {
                let record = self.frame.next;
                let value = guess::payload(&self.frame.data, &record, self.room);
                self.unknown.push((record.number, value));
                if self.unknown.len().saturating_mul(UNKNOWN_BYTES) > self.context.memory {
                    return Err(Fault::memory(self.context.memory));
                }
            }
            self.frame.bump()?;
        }
        Ok(())
    }

    fn advance_unknown(&mut self) -> bool {
        if self.unknown.is_empty() && self.extra.is_none() {
            return false;
        }
        let unknown = &mut self.unknown;
        let extra = self
            .extra
            .get_or_insert_with(|| guess::grouped(std::mem::take(unknown)).into_iter());
        let Some(member) = extra.next() else {
            return false;
        };
        self.extra_member = member;
        (self.field, self.slot) = (None, Slot::Extra);
        true
    }

    /// Continues with the members of an inline message, then with the rest of this one.
    fn enter(&mut self, field: &Field, slot: Slot) -> Result<(), Fault> {
        let message = field.message();
        let (data, base) = match slot {
            Slot::Message(start, end) => (self.frame.part(start, end), self.frame.base + start),
            Slot::Merged(base) => (Cow::Owned(std::mem::take(&mut self.merged)), base),
            _ => return Ok(()),
        };
        let inner = Frame::open(message.fields(), data, base)?;
        self.outer.push(std::mem::replace(&mut self.frame, inner));
        Ok(())
    }

    fn child_role(&self, field: &Field) -> Role {
        if self.role == Role::Root && field.name() == "metadata" {
            Role::Metadata
        } else {
            Role::Plain
        }
    }

    fn given_version(&self, field: &Field) -> bool {
        self.role == Role::Metadata
            && self.context.resource_version.is_some()
            && field.name() == "resourceVersion"
    }

    /// What is printed for a field that is not on the wire.
    fn absent(&self, field: &'static Field) -> Option<Slot> {
        if self.given_version(field) {
            return Some(Slot::ResourceVersion);
        }
        match (field.rule, field.label, field.kind) {
            (Rule::OmitEmpty | Rule::OmitZero | Rule::Pointer, ..) => None,
            (Rule::Always, Label::One, Type::Message) if field.message().form == Form::List => {
                Some(Slot::Null)
            }
            (Rule::Always | Rule::Inline, Label::One, Type::Message) => Some(Slot::Message(0, 0)),
            (Rule::PointerNull, ..)
            | (_, Label::Repeated | Label::Map, _)
            | (_, _, Type::Bytes) => Some(Slot::Null),
            (Rule::Always | Rule::Inline, ..) => Some(Slot::Scalar(zero(field.kind))),
        }
    }

    /// Reads all records of the field, the first of which comes next; `None` if it is not printed.
    fn take(&mut self, field: &'static Field) -> Result<Option<Slot>, Fault> {
        let record = self.frame.next;
        let mut last = record;
        self.frame.bump()?;
        let single_message = field.label == Label::One && field.kind == Type::Message;
        if self.frame.next.number == record.number {
            if single_message {
                return self.merge(field, &record).map(Some);
            }
            while self.frame.next.number == record.number {
                last = self.frame.next;
                self.frame.bump()?;
            }
        }
        if self.given_version(field) {
            return Ok(Some(Slot::ResourceVersion));
        }
        if field.label != Label::One {
            return Ok(Some(Slot::Many(record.start, last.end)));
        }
        if !single_message {
            let empty = match last.payload {
                Payload::Varint(value) if field.kind == Type::Int32 => {
                    super::node::low_32(value) == 0
                }
                Payload::Varint(value) | Payload::Fixed64(value) => value == 0,
                Payload::Bytes(start, end) => start == end,
                Payload::Fixed32(_) | Payload::Group => false,
            };
            let left_out = empty && field.rule == Rule::OmitEmpty;
            return Ok((!left_out).then_some(Slot::Scalar(last.payload)));
        }
        let Payload::Bytes(start, end) = last.payload else {
            return Err(self.misfit(field, &last));
        };
        if field.rule == Rule::OmitZero && !self.context.zero_times {
            let span = Span {
                data: self.frame.data.get(start..end).unwrap_or_default(),
                base: self.frame.base + start,
            };
            if matches!(
                Datum::message(field.message(), span, Role::Plain)?,
                Datum::NoTime
            ) {
                return Ok(None);
            }
        }
        Ok(Some(Slot::Message(start, end)))
    }

    /// Protobuf merges the parts of a message that occurs more than once: reading them one after the other does the same.
    fn merge(&mut self, field: &'static Field, first: &Record) -> Result<Slot, Fault> {
        let (mut record, mut whole) = (*first, Vec::new());
        loop {
            let Payload::Bytes(start, end) = record.payload else {
                return Err(self.misfit(field, &record));
            };
            whole.extend_from_slice(self.frame.data.get(start..end).unwrap_or_default());
            record = self.frame.next;
            if record.number != first.number {
                break;
            }
            self.frame.bump()?;
        }
        self.merged = whole;
        Ok(Slot::Merged(self.frame.base + first.start))
    }

    #[cold]
    fn misfit(&self, field: &Field, record: &Record) -> Fault {
        misfit(field, self.frame.base + record.start)
    }

    pub(crate) fn node(&self) -> Result<Node<'_>, Fault> {
        let span = Span {
            data: &self.frame.data,
            base: self.frame.base,
        };
        let datum = match (self.slot, self.field) {
            (Slot::Scalar(payload), Some(field)) => scalar(field, payload, span)?,
            (Slot::Message(start, end), Some(field)) => Datum::message(
                field.message(),
                span.slice(start, end),
                self.child_role(field),
            )?,
            (Slot::Merged(base), Some(field)) => {
                let data = &self.merged;
                Datum::message(field.message(), Span { data, base }, self.child_role(field))?
            }
            (Slot::Many(start, end), Some(field)) if field.label == Label::Map => {
                Datum::Entries(field, span.slice(start, end))
            }
            (Slot::Many(start, end), Some(field)) => Datum::Items(field, span.slice(start, end)),
            (Slot::Kind, _) => Datum::Text(self.context.kind.as_bytes()),
            (Slot::ApiVersion, _) => Datum::Text(self.context.api_version.as_bytes()),
            (Slot::ResourceVersion, _) => Datum::Text(
                self.context
                    .resource_version
                    .as_deref()
                    .unwrap_or("")
                    .as_bytes(),
            ),
            (Slot::Extra, _) => Datum::Tree(&self.extra_member.1),
            (Slot::Null, _) | (_, None) => Datum::Null,
        };
        Ok(Node::new(self.context, self.room, datum))
    }
}

/// The zero of a scalar that Kubernetes prints though it is absent.
fn zero(kind: Type) -> Payload {
    match kind {
        Type::String | Type::Bytes | Type::Message => Payload::Bytes(0, 0),
        Type::Bool | Type::Int32 | Type::Int64 => Payload::Varint(0),
        Type::Double => Payload::Fixed64(0),
    }
}

/// A record whose wire type cannot be the field's.
#[cold]
pub(crate) fn misfit(field: &Field, at: usize) -> Fault {
    let seen = format!(
        "field {} ({}) has another wire type than {:?}",
        field.number,
        field.name(),
        field.kind
    );
    Fault::malformed("field", at, seen)
}
