//! The line of JSON that the tree of an object would be written as, without the tree.
//!
//! Nearly all of an object is names of the table, numbers and texts that need no escape. The rest is given to the writer of the
//! caller as the value that the tree would have there, so that there is one rule for what is escaped.

use serde_json::{Number, Value};

use super::fault::Fault;
use super::items::Items;
use super::members::Members;
use super::node::{Datum, Node, text};
use super::plain::{PLAIN_JSON_DEPTH, is_exact_json, is_plain};
use super::quantity::canonical;
use super::serialize::whole;
use super::time::Stamp;
use super::write::{base64, integer, quoted};

/// Appends a value as JSON without spaces or line ends.
pub type WriteValue = fn(&Value, &mut Vec<u8>);

/// Writes one object.
pub(crate) struct LineWriter<'w> {
    pub(crate) out: &'w mut Vec<u8>,
    pub(crate) odd: WriteValue,
    /// Whether bytes that are no text were replaced in a name, so that two members may have the same one: the tree has one of them.
    pub(crate) has_replaced_names: bool,
}

impl LineWriter<'_> {
    pub(crate) fn write(&mut self, node: &Node<'_>) -> Result<(), Fault> {
        match &node.datum {
            Datum::Null | Datum::NoTime => self.out.extend_from_slice(b"null"),
            Datum::Bool(true) => self.out.extend_from_slice(b"true"),
            Datum::Bool(false) => self.out.extend_from_slice(b"false"),
            Datum::Int(value) => integer(*value, self.out),
            Datum::Float(value) => match whole(*value) {
                Some(whole) => integer(whole, self.out),
                None => self.odd(&Number::from_f64(*value).map_or(Value::Null, Value::Number)),
            },
            Datum::Text(bytes) => self.text(bytes),
            Datum::Base64(bytes) => base64(bytes, self.out),
            Datum::Time(seconds) => quoted(Stamp::seconds(*seconds).as_str(), self.out),
            Datum::MicroTime(seconds, nanos) => {
                quoted(Stamp::micros(*seconds, *nanos).as_str(), self.out);
            }
            Datum::Quantity(bytes) => self.text(canonical(&text(bytes)).as_bytes()),
            Datum::Json(raw) if node.room >= PLAIN_JSON_DEPTH && is_exact_json(raw) => {
                self.out.extend_from_slice(raw);
            }
            Datum::Json(raw) => self.odd(&node.json(raw)?),
            Datum::Tree(value) => self.odd(value),
            Datum::Object { .. } | Datum::Entries(..) => self.members(node)?,
            Datum::Items(..) => self.items(node)?,
        }
        Ok(())
    }

    fn members(&mut self, node: &Node<'_>) -> Result<(), Fault> {
        self.out.push(b'{');
        if let Some(mut members) = Members::new(node)? {
            let mut first = true;
            while members.advance()? {
                if !std::mem::replace(&mut first, false) {
                    self.out.push(b',');
                }
                match &members {
                    Members::Message(message) => quoted(message.name(), self.out),
                    named => {
                        let name = named.name();
                        self.has_replaced_names |= matches!(name, std::borrow::Cow::Owned(_));
                        self.text(name.as_bytes());
                    }
                }
                self.out.push(b':');
                self.write(&members.node()?)?;
            }
        }
        self.out.push(b'}');
        Ok(())
    }

    fn items(&mut self, node: &Node<'_>) -> Result<(), Fault> {
        self.out.push(b'[');
        if let Some(mut items) = Items::new(node)? {
            let mut first = true;
            while let Some(item) = items.next()? {
                if !std::mem::replace(&mut first, false) {
                    self.out.push(b',');
                }
                self.write(&item)?;
            }
        }
        self.out.push(b']');
        Ok(())
    }

    fn text(&mut self, bytes: &[u8]) {
        if !is_plain(bytes) {
            return self.odd(&Value::String(text(bytes).into_owned()));
        }
        self.out.push(b'"');
        self.out.extend_from_slice(bytes);
        self.out.push(b'"');
    }

    fn odd(&mut self, value: &Value) {
        (self.odd)(value, self.out);
    }
}
