//! Reading: a node as a serde deserializer.
//!
//! One deserializer, one map access and one sequence access for everything, so that each of the hundreds of structs of
//! k8s-openapi is compiled once. Strings are handed over, never borrowed: merged and reordered bytes do not live long.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, IntoDeserializer as _, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use super::fault::Fault;
use super::items::Items;
use super::members::Members;
use super::node::{Datum, Node, text};
use super::quantity::canonical;
use super::serialize::whole;
use super::time::{GO_ZERO, Stamp};

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.datum {
            Datum::Null | Datum::NoTime | Datum::Tree(Value::Null) => visitor.visit_unit(),
            Datum::Bool(value) | Datum::Tree(Value::Bool(value)) => visitor.visit_bool(*value),
            Datum::Int(value) => visitor.visit_i64(*value),
            Datum::Float(value) => match whole(*value) {
                Some(whole) => visitor.visit_i64(whole),
                None => visitor.visit_f64(*value),
            },
            Datum::Text(bytes) => visitor.visit_str(&text(bytes)),
            Datum::Base64(bytes) => visitor.visit_str(&STANDARD.encode(bytes)),
            Datum::Time(seconds) => visitor.visit_str(Stamp::seconds(typed(*seconds)).as_str()),
            Datum::MicroTime(seconds, nanos) => {
                visitor.visit_str(Stamp::micros(typed(*seconds), *nanos).as_str())
            }
            Datum::Quantity(bytes) => visitor.visit_str(&canonical(&text(bytes))),
            Datum::Json(raw) => {
                let tree = self.json(raw)?;
                Node::new(self.context, self.room, Datum::Tree(&tree)).deserialize_any(visitor)
            }
            Datum::Tree(Value::String(text)) => visitor.visit_str(text),
            Datum::Tree(Value::Number(number)) => match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => visitor.visit_i64(value),
                (None, Some(value)) => visitor.visit_u64(value),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Datum::Object { .. } | Datum::Entries(..) | Datum::Tree(Value::Object(_)) => {
                match Members::new(&self)? {
                    Some(members) => visitor.visit_map(MembersAccess(members)),
                    None => visitor.visit_unit(),
                }
            }
            Datum::Items(..) | Datum::Tree(Value::Array(_)) => match Items::new(&self)? {
                Some(items) => visitor.visit_seq(ItemsAccess(items)),
                None => visitor.visit_unit(),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.datum {
            Datum::Null | Datum::NoTime | Datum::Tree(Value::Null) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    /// A type that must have a time gets Go's zero time: Kubernetes prints `null` for it, and reads that back as zero.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.datum {
            Datum::NoTime => visitor.visit_str(Stamp::seconds(GO_ZERO).as_str()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.datum {
            Datum::Text(bytes) => visitor.visit_enum((&*text(bytes)).into_deserializer()),
            Datum::Tree(Value::String(text)) => {
                visitor.visit_enum(text.as_str().into_deserializer())
            }
            _ => Err(serde::de::Error::invalid_type(
                Unexpected::Other("no text"),
                &visitor,
            )),
        }
    }

    /// What is not asked for is not read.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier
    }
}

/// A time that typed objects can contain: jiff, in which k8s-openapi keeps them, ends a day before the year 9999 does, and an
/// expiry meant as `never` must not cost the whole object.
fn typed(seconds: i64) -> i64 {
    seconds.clamp(YEAR_ZERO, JIFF_LAST)
}

/// 0000-01-01T00:00:00Z.
const YEAR_ZERO: i64 = -62_167_219_200;

/// 9999-12-30T22:00:00Z.
const JIFF_LAST: i64 = 253_402_207_200;

struct MembersAccess<'a>(Members<'a>);

impl<'de> MapAccess<'de> for MembersAccess<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        if !self.0.advance()? {
            return Ok(None);
        }
        let name = self.0.name();
        seed.deserialize(StrDeserializer::new(&name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        seed.deserialize(self.0.node()?)
    }
}

struct ItemsAccess<'a>(Items<'a>);

impl<'de> SeqAccess<'de> for ItemsAccess<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        match self.0.next()? {
            Some(item) => seed.deserialize(item).map(Some),
            None => Ok(None),
        }
    }
}
