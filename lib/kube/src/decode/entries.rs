//! The entries of a map field, by key.

use std::borrow::Cow;
use std::vec::IntoIter;

use super::fault::Fault;
use super::items::scalar;
use super::message::misfit;
use super::node::{Context, Datum, Node, Role, Span, text};
use super::wire::{self, Payload};
use crate::schema::{Field, Type};

/// Walks one map. Kubernetes writes entries by key; others are sorted first, and the last of a key wins.
pub(crate) struct Entries<'a> {
    context: &'a Context<'a>,
    room: usize,
    field: &'static Field,
    span: Span<'a>,
    at: usize,
    sorted: Option<IntoIter<Entry<'a>>>,
    current: Entry<'a>,
}

#[derive(Clone, Copy, Default)]
struct Entry<'a> {
    key: &'a [u8],
    value: Option<Payload>,
    /// The entry's bytes, which `value` points into.
    span: Span<'a>,
}

impl<'a> Entry<'a> {
    /// Reads the entry at `at` and the offset after it.
    fn read(field: &Field, span: Span<'a>, at: usize) -> Result<(Self, usize), Fault> {
        let record = wire::record(span.data, at, span.base)?;
        let Payload::Bytes(start, end) = record.payload else {
            return Err(misfit(field, span.base + at));
        };
        let span = span.slice(start, end);
        let mut entry = Self {
            span,
            ..Self::default()
        };
        let mut inner = 0;
        while inner < span.data.len() {
            let record = wire::record(span.data, inner, span.base)?;
            inner = record.end;
            match (record.number, record.payload) {
                (1, Payload::Bytes(start, end)) => entry.key = span.slice(start, end).data,
                (1, _) => return Err(misfit(field, span.base + record.start)),
                (2, payload) => entry.value = Some(payload),
                _ => {}
            }
        }
        Ok((entry, record.end))
    }
}

impl<'a> Entries<'a> {
    pub(crate) fn open(
        context: &'a Context<'a>,
        room: usize,
        field: &'static Field,
        span: Span<'a>,
    ) -> Result<Self, Fault> {
        let mut entries = Self {
            context,
            room,
            field,
            span,
            at: 0,
            sorted: None,
            current: Entry::default(),
        };
        let (mut last, mut at, mut count) = (Entry::default(), 0, 0);
        while at < span.data.len() {
            let (entry, end) = Entry::read(field, span, at)?;
            if count > 0 && entry.key <= last.key {
                entries.sorted = Some(Self::sorted(field, span, context.memory)?);
                break;
            }
            (last, at, count) = (entry, end, count + 1);
        }
        Ok(entries)
    }

    fn sorted(field: &Field, span: Span<'a>, memory: usize) -> Result<IntoIter<Entry<'a>>, Fault> {
        let (mut all, mut at) = (Vec::new(), 0);
        while at < span.data.len() {
            let (entry, end) = Entry::read(field, span, at)?;
            all.push(entry);
            // The sort takes half as much again.
            if all.len().saturating_mul(2 * size_of::<Entry<'_>>()) > memory {
                return Err(Fault::memory(memory));
            }
            at = end;
        }
        // A stable sort of the reversed list puts the last entry of a key first, which `dedup` keeps.
        all.reverse();
        all.sort_by_key(|entry| entry.key);
        all.dedup_by_key(|entry| entry.key);
        Ok(all.into_iter())
    }

    pub(crate) fn advance(&mut self) -> Result<bool, Fault> {
        if let Some(sorted) = &mut self.sorted {
            let next = sorted.next();
            self.current = next.unwrap_or_default();
            return Ok(next.is_some());
        }
        if self.at >= self.span.data.len() {
            return Ok(false);
        }
        (self.current, self.at) = Entry::read(self.field, self.span, self.at)?;
        Ok(true)
    }

    pub(crate) fn name(&self) -> Cow<'_, str> {
        text(self.current.key)
    }

    pub(crate) fn node(&self) -> Result<Node<'_>, Fault> {
        let Entry { value, span, .. } = self.current;
        let datum = match (self.field.kind, value) {
            (Type::Message, Some(Payload::Bytes(start, end))) => {
                Datum::message(self.field.message(), span.slice(start, end), Role::Plain)?
            }
            (Type::Message, None) => {
                Datum::message(self.field.message(), span.slice(0, 0), Role::Plain)?
            }
            (_, Some(payload)) => scalar(self.field, payload, span)?,
            (Type::String, None) => Datum::Text(&[]),
            (Type::Bytes, None) => Datum::Base64(&[]),
            (Type::Bool, None) => Datum::Bool(false),
            (Type::Double, None) => Datum::Float(0.0),
            (Type::Int32 | Type::Int64, None) => Datum::Int(0),
        };
        Ok(Node::new(self.context, self.room, datum))
    }
}
