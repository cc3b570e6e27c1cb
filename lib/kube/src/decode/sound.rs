//! Whether a value that is not shown can be read to its end: one quick look at its records.
//!
//! The look makes nothing and says no to whatever is out of the ordinary. Then [`read`] walks the value as the writers do, so that a
//! fault is the same one, at the same byte, whether the value is shown or not.

use super::fault::Fault;
use super::items::Items;
use super::json;
use super::members::Members;
use super::node::{Datum, Node, Span};
use super::plain::{PLAIN_JSON_DEPTH, is_plain_json};
use super::wire::{self, Payload, Record};
use crate::schema::{Field, Form, Label, Message, Rule, Type};

/// Levels below a message that the look leaves to the walk: members that are absent are printed empty, and nest too.
pub(crate) const LEVELS_OF_ABSENT: usize = 16;

/// Whether a value can be read to its end, and has no field that the table does not name; false if a quick look cannot tell.
pub(crate) fn is_known(node: &Node<'_>) -> bool {
    Look { only_known: true }.is_sound(node)
}

/// Reads a value to its end and drops it.
///
/// # Errors
/// The fault that showing it would meet.
pub(crate) fn read(node: &Node<'_>) -> Result<(), Fault> {
    let look = Look { only_known: false };
    match look.is_sound(node) {
        true => Ok(()),
        false => walk(node),
    }
}

/// As [`serialize`](super::serialize), without a writer.
fn walk(node: &Node<'_>) -> Result<(), Fault> {
    if let Datum::Json(raw) = &node.datum {
        return node.json(raw).map(drop);
    }
    if matches!(node.datum, Datum::Tree(_)) {
        return Ok(());
    }
    if let Some(mut members) = Members::new(node)? {
        while members.advance()? {
            walk(&members.node()?)?;
        }
    } else if let Some(mut items) = Items::new(node)? {
        while let Some(item) = items.next()? {
            walk(&item)?;
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Look {
    /// Says no to fields without a name, too.
    only_known: bool,
}

impl Look {
    fn is_sound(self, node: &Node<'_>) -> bool {
        let room = node.room;
        match &node.datum {
            Datum::Object {
                fields, data, base, ..
            } => self
                .is_message(fields, Span { data, base: *base }, room)
                .is_some(),
            Datum::Items(field, span) => self.is_list(field, *span, room).is_some(),
            Datum::Entries(field, span) => self.are_records(field, *span, room).is_some(),
            Datum::Json(raw) => is_text_within(raw, room),
            _ => true,
        }
    }

    /// All records of a list field, and nothing else.
    fn is_list(self, field: &'static Field, span: Span<'_>, room: usize) -> Option<()> {
        let mut at = 0;
        let room = room.checked_sub(1)?;
        while at < span.data.len() {
            let record = wire::record(span.data, at, span.base).ok()?;
            at = record.end;
            if record.number == u32::from(field.number) {
                self.is_field(field, &record, span, room)?;
            }
        }
        Some(())
    }

    fn are_records(self, field: &'static Field, span: Span<'_>, room: usize) -> Option<()> {
        let mut at = 0;
        let room = room.checked_sub(1)?;
        while at < span.data.len() {
            let record = wire::record(span.data, at, span.base).ok()?;
            at = record.end;
            self.is_field(field, &record, span, room)?;
        }
        Some(())
    }

    /// `room`: levels that may follow, this one included.
    fn is_message(self, fields: &'static [Field], span: Span<'_>, room: usize) -> Option<()> {
        if room <= LEVELS_OF_ABSENT {
            return None;
        }
        let room = room - 1;
        let (mut at, mut rest, mut last) = (0, fields, 0);
        while at < span.data.len() {
            let record = wire::record(span.data, at, span.base).ok()?;
            at = record.end;
            // Kubernetes writes fields in the order of their numbers.
            if record.number < last {
                return None;
            }
            let repeated = record.number == last;
            last = record.number;
            while let [first, others @ ..] = rest
                && u32::from(first.number) < record.number
            {
                rest = others;
            }
            let field = rest
                .first()
                .filter(|field| u32::from(field.number) == record.number);
            let Some(field) = field else {
                if self.only_known {
                    return None;
                }
                continue;
            };
            // The parts of one message are merged before they are read.
            if repeated && field.label == Label::One && field.kind == Type::Message {
                return None;
            }
            self.is_field(field, &record, span, room)?;
        }
        Some(())
    }

    /// One record of a field.
    fn is_field(
        self,
        field: &'static Field,
        record: &Record,
        span: Span<'_>,
        room: usize,
    ) -> Option<()> {
        let value = |start: usize, end: usize| Some(span.slice(start, end));
        match (field.label, field.kind, record.payload) {
            (Label::Map, _, Payload::Bytes(start, end)) => {
                self.is_entry(field, value(start, end)?, room.checked_sub(1)?)
            }
            (Label::Repeated, Type::Message, Payload::Bytes(start, end)) => {
                self.is_any_message(field.message(), value(start, end)?, room.checked_sub(1)?)
            }
            (Label::One, Type::Message, Payload::Bytes(start, end))
                if field.rule != Rule::Inline || field.message().form == Form::Plain =>
            {
                self.is_any_message(field.message(), value(start, end)?, room)
            }
            // A packed list is taken apart by the walk.
            (Label::One | Label::Repeated, Type::String | Type::Bytes, Payload::Bytes(..))
            | (
                Label::One | Label::Repeated,
                Type::Bool | Type::Int32 | Type::Int64,
                Payload::Varint(_),
            )
            | (Label::One | Label::Repeated, Type::Double, Payload::Fixed64(_)) => Some(()),
            _ => None,
        }
    }

    fn is_entry(self, field: &'static Field, span: Span<'_>, room: usize) -> Option<()> {
        let mut at = 0;
        while at < span.data.len() {
            let record = wire::record(span.data, at, span.base).ok()?;
            at = record.end;
            match (record.number, field.kind, record.payload) {
                (1, _, Payload::Bytes(..)) => {}
                (2, Type::String | Type::Bytes, Payload::Bytes(..)) => {}
                (2, Type::Message, Payload::Bytes(start, end)) => {
                    self.is_any_message(field.message(), span.slice(start, end), room)?;
                }
                (1 | 2, ..) => return None,
                _ => {}
            }
        }
        Some(())
    }

    fn is_any_message(self, message: &'static Message, span: Span<'_>, room: usize) -> Option<()> {
        match message.form {
            Form::Plain => self.is_message(message.fields(), span, room),
            Form::Time | Form::MicroTime | Form::Quantity | Form::IntOrString => {
                wire::is_ordered(span.data, span.base).ok().map(drop)
            }
            Form::List => self.is_list(message.fields().first()?, span, room),
            Form::Json => match span.last(1).ok()? {
                Some(Payload::Bytes(start, end)) => {
                    is_text_within(span.slice(start, end).data, room).then_some(())
                }
                _ => Some(()),
            },
            Form::OrBool | Form::OrArray | Form::OrStrings => None,
        }
    }
}

/// Whether JSON text nests no deeper than `room`; bytes that are no JSON are shown as text and nest not at all.
fn is_text_within(raw: &[u8], room: usize) -> bool {
    if raw.starts_with(crate::cbor::TAG) {
        return false;
    }
    room >= PLAIN_JSON_DEPTH && is_plain_json(raw) || json::nesting(raw) <= room
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Kind;

    #[test]
    fn absent_members_nest_no_deeper_than_the_look_leaves_to_the_walk() {
        fn levels(message: &Message) -> usize {
            let printed = message.fields().iter().filter(|field| {
                field.label == Label::One
                    && field.kind == Type::Message
                    && matches!(field.rule, Rule::Always | Rule::Inline)
            });
            let below = printed.map(|field| levels(field.message())).max();
            1 + below.unwrap_or(0)
        }
        let deepest = Kind::all().iter().map(|kind| levels(kind.message())).max();
        assert!(deepest.unwrap() < LEVELS_OF_ABSENT, "{deepest:?}");
    }
}
