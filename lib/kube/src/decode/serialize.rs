//! Writing: a node through any serde serializer.

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};

use super::items::Items;
use super::members::Members;
use super::node::{Datum, Node, text};
use super::quantity::canonical;
use super::time::Stamp;

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.datum {
            Datum::Null | Datum::NoTime => serializer.serialize_unit(),
            Datum::Bool(value) => serializer.serialize_bool(*value),
            Datum::Int(value) => serializer.serialize_i64(*value),
            Datum::Float(value) => match whole(*value) {
                Some(whole) => serializer.serialize_i64(whole),
                None if value.is_finite() => serializer.serialize_f64(*value),
                None => serializer.serialize_unit(),
            },
            Datum::Text(bytes) => serializer.serialize_str(&text(bytes)),
            Datum::Base64(bytes) => serializer.collect_str(&Base64Display::new(bytes, &STANDARD)),
            Datum::Time(seconds) => serializer.serialize_str(Stamp::seconds(*seconds).as_str()),
            Datum::MicroTime(seconds, nanos) => {
                serializer.serialize_str(Stamp::micros(*seconds, *nanos).as_str())
            }
            Datum::Quantity(bytes) => serializer.serialize_str(&canonical(&text(bytes))),
            Datum::Json(raw) => {
                let keep = |fault| self.context.keep::<S::Error>(fault);
                self.json(raw).map_err(keep)?.serialize(serializer)
            }
            Datum::Tree(value) => value.serialize(serializer),
            Datum::Object { .. } | Datum::Entries(..) => self.serialize_members(serializer),
            Datum::Items(..) => self.serialize_items(serializer),
        }
    }
}

impl Node<'_> {
    fn serialize_members<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let keep = |fault| self.context.keep::<S::Error>(fault);
        let mut map = serializer.serialize_map(None)?;
        if let Some(mut members) = Members::new(self).map_err(keep)? {
            while members.advance().map_err(keep)? {
                map.serialize_entry(&*members.name(), &members.node().map_err(keep)?)?;
            }
        }
        map.end()
    }

    fn serialize_items<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let keep = |fault| self.context.keep::<S::Error>(fault);
        let mut seq = serializer.serialize_seq(None)?;
        if let Some(mut items) = Items::new(self).map_err(keep)? {
            while let Some(item) = items.next().map_err(keep)? {
                seq.serialize_element(&item)?;
            }
        }
        seq.end()
    }
}

/// A double that Go prints without a point: whole, and small enough to be exact.
pub(crate) fn whole(value: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked: whole and within 2^53"
    )]
    let whole = value as i64;
    (value.trunc() == value && value.abs() <= EXACT).then_some(whole)
}
