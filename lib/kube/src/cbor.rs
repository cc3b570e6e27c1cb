//! CBOR as kube-apiserver stores it (feature gate CBORServingAndStorage, 1.32 on), read into a JSON tree.
//!
//! Kubernetes writes Go strings as byte strings (apimachinery `serializer/cbor`), so a bare byte string is text; one under
//! tag 22 is bytes, base64 in JSON. Other tags only wrap their content.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Number, Value};

use super::decode::fault::Fault;
use super::decode::memory::Memory;
use super::decode::node::text;

/// Tag 55799, which says only that CBOR follows.
/// `selfDescribedCBOR` in apimachinery `pkg/runtime/serializer/cbor/cbor.go`, v0.34.0.
pub(crate) const TAG: &[u8] = &[0xd9, 0xd9, 0xf7];

/// The item as a JSON value, nested at most `depth` levels. Kubernetes itself reads CBOR to 64 levels and JSON to 10,000
/// (`MaxNestedLevels` in apimachinery `pkg/runtime/serializer/cbor/internal/modes/decode.go`, v0.34.0).
///
/// Its tree takes at most `memory` bytes.
pub(crate) fn to_json(data: &[u8], depth: usize, memory: usize) -> Result<Value, Fault> {
    let mut reader = CborReader {
        data,
        at: 0,
        depth,
        memory: Memory::new(data.len(), memory),
    };
    let value = reader.value(depth, None)?;
    if reader.at < data.len() {
        let seen = format!("{} bytes follow the item", data.len() - reader.at);
        return Err(Fault::malformed("cbor", reader.at, seen));
    }
    Ok(value)
}

struct CborReader<'a> {
    data: &'a [u8],
    at: usize,
    /// The limit that errors name.
    depth: usize,
    memory: Memory,
}

/// How many items follow.
enum ItemCount {
    Known(u64),
    UntilBreak,
}

impl<'a> CborReader<'a> {
    fn byte(&mut self) -> Result<u8, Fault> {
        let byte = self.data.get(self.at).copied();
        let byte = byte.ok_or_else(|| Fault::truncated("cbor", self.at, 1, 0))?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], Fault> {
        let rest = self.data.get(self.at..).unwrap_or_default();
        let bytes = usize::try_from(len).ok().and_then(|len| rest.get(..len));
        let bytes = bytes.ok_or_else(|| Fault::truncated("cbor", self.at, len, rest.len()))?;
        self.at += bytes.len();
        Ok(bytes)
    }

    /// The argument of a head whose low five bits are `info`; `None` for an indefinite length.
    fn argument(&mut self, info: u8) -> Result<Option<u64>, Fault> {
        let width = match info {
            0..=23 => return Ok(Some(u64::from(info))),
            24..=27 => 1_u64 << (info - 24),
            31 => return Ok(None),
            _ => return Err(self.malformed("a head that is reserved")),
        };
        let bytes = self.take(width)?;
        Ok(Some(
            bytes
                .iter()
                .fold(0, |value, &byte| value << 8 | u64::from(byte)),
        ))
    }

    #[cold]
    fn malformed(&self, seen: &str) -> Fault {
        Fault::malformed("cbor", self.at, seen)
    }

    fn count(&mut self, info: u8, least_bytes: u64) -> Result<ItemCount, Fault> {
        let Some(count) = self.argument(info)? else {
            return Ok(ItemCount::UntilBreak);
        };
        let left = (self.data.len() - self.at) as u64;
        if count.saturating_mul(least_bytes) > left {
            let need = count.saturating_mul(least_bytes);
            return Err(Fault::truncated(
                "cbor",
                self.at,
                need,
                self.data.len() - self.at,
            ));
        }
        Ok(ItemCount::Known(count))
    }

    /// Whether another item follows; steps over a break.
    fn more(&mut self, count: &mut ItemCount) -> bool {
        match count {
            ItemCount::Known(0) => false,
            ItemCount::Known(left) => {
                *left -= 1;
                true
            }
            ItemCount::UntilBreak if self.data.get(self.at) == Some(&0xff) => {
                self.at += 1;
                false
            }
            ItemCount::UntilBreak => true,
        }
    }

    fn value(&mut self, levels: usize, mut tag: Option<u64>) -> Result<Value, Fault> {
        let mut head = self.byte()?;
        // In a loop, because a row of tags may be as long as the value.
        while head >> 5 == 6 {
            tag = Some(self.length(head & 0x1f)?);
            head = self.byte()?;
        }
        let info = head & 0x1f;
        Ok(match head >> 5 {
            0 => Value::Number(self.length(info)?.into()),
            1 => {
                let below = self.length(info)?;
                match i64::try_from(below) {
                    Ok(below) => Value::Number((-1 - below).into()),
                    Err(_) => return Err(self.malformed("a negative integer beyond 64 bits")),
                }
            }
            2 => Value::String(encoded(&self.string(info, 2)?, tag)),
            3 => Value::String(text(&self.string(info, 3)?).into_owned()),
            4 => {
                let inner = self.inner(levels)?;
                let mut count = self.count(info, 1)?;
                let mut items = Vec::new();
                while self.more(&mut count) {
                    match items.is_empty() {
                        true => self.memory.list()?,
                        false => self.memory.item()?,
                    }
                    items.push(self.value(inner, tag)?);
                }
                Value::Array(items)
            }
            5 => {
                let inner = self.inner(levels)?;
                let mut count = self.count(info, 2)?;
                let mut members = Map::new();
                while self.more(&mut count) {
                    match members.is_empty() {
                        true => self.memory.map()?,
                        false => self.memory.member()?,
                    }
                    let key = match self.value(inner, None)? {
                        Value::String(key) => key,
                        other => other.to_string(),
                    };
                    members.insert(key, self.value(inner, tag)?);
                }
                Value::Object(members)
            }
            _ => self.simple(info)?,
        })
    }

    /// The levels that are left inside of a list or map.
    fn inner(&self, levels: usize) -> Result<usize, Fault> {
        levels
            .checked_sub(1)
            .ok_or_else(|| Fault::depth(self.depth))
    }

    fn length(&mut self, info: u8) -> Result<u64, Fault> {
        let argument = self.argument(info)?;
        argument.ok_or_else(|| self.malformed("an indefinite length where there is none"))
    }

    /// A string of either kind; an indefinite one is a row of definite ones.
    fn string(&mut self, info: u8, major: u8) -> Result<Vec<u8>, Fault> {
        if let Some(len) = self.argument(info)? {
            self.memory.text(usize::try_from(len).unwrap_or(0))?;
            return Ok(self.take(len)?.to_vec());
        }
        let mut whole = Vec::new();
        let mut count = ItemCount::UntilBreak;
        while self.more(&mut count) {
            let head = self.byte()?;
            if head >> 5 != major {
                return Err(self.malformed("a chunk of another type"));
            }
            let len = self.length(head & 0x1f)?;
            whole.extend_from_slice(self.take(len)?);
        }
        Ok(whole)
    }

    fn simple(&mut self, info: u8) -> Result<Value, Fault> {
        let float = match info {
            20 => return Ok(Value::Bool(false)),
            21 => return Ok(Value::Bool(true)),
            22 | 23 => return Ok(Value::Null),
            25 => half(self.length(info)?),
            26 => f64::from(f32::from_bits(
                u32::try_from(self.length(info)?).unwrap_or(0),
            )),
            27 => f64::from_bits(self.length(info)?),
            _ => return Err(self.malformed("a simple value that JSON has not")),
        };
        Number::from_f64(float)
            .map(Value::Number)
            .ok_or_else(|| self.malformed("a number that is not finite"))
    }
}

/// A byte string is text, unless a tag says how its bytes are to be written.
fn encoded(bytes: &[u8], tag: Option<u64>) -> String {
    match tag {
        Some(21) => URL_SAFE_NO_PAD.encode(bytes),
        Some(22) => STANDARD.encode(bytes),
        Some(23) => bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
        _ => text(bytes).into_owned(),
    }
}

/// IEEE 754 half precision.
fn half(bits: u64) -> f64 {
    let (exponent, fraction) = (bits >> 10 & 0x1f, bits & 0x3ff);
    let fraction = f64::from(u16::try_from(fraction).unwrap_or(0));
    let magnitude = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(i32::try_from(exponent).unwrap_or(0) - 25),
    };
    if bits & 0x8000 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_stored_custom_resource_becomes_json() {
        // 55799({'kind': 'Widget', 'n': [1, -2, 1.5, true, null], "t": 22('\x00\x01')})
        let data = b"\xd9\xd9\xf7\xa3\x44kind\x46Widget\x41n\x85\x01\x21\xf9\x3e\x00\xf5\xf6\x61t\xd6\x42\x00\x01";
        let want = json!({"kind": "Widget", "n": [1, -2, 1.5, true, null], "t": "AAE="});
        assert_eq!(to_json(data, 128, 1 << 24).unwrap(), want);
    }

    #[test]
    fn indefinite_strings_lists_and_maps_end_at_their_break() {
        let data = b"\xbf\x5f\x41a\x41b\xff\x9f\x01\x02\xff\xff";
        assert_eq!(to_json(data, 128, 1 << 24).unwrap(), json!({"ab": [1, 2]}));
    }

    #[test]
    fn lengths_are_compared_with_what_is_there_and_nesting_is_bounded() {
        assert!(to_json(b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", 128, 1 << 24).is_err());
        assert!(to_json(b"\x5b\x00\x00\x00\x00\x00\x00\x00\x09abc", 128, 1 << 24).is_err());
        assert!(to_json(&[0x81; 4000], 128, 1 << 24).is_err());
        assert!(to_json(b"\x01\x01", 128, 1 << 24).is_err());
        // Tags are no levels; two lists are.
        assert!(
            to_json(
                &[&[0xc1; 100_000][..], b"\x81\x81\x01"].concat(),
                2,
                1 << 24
            )
            .is_ok()
        );
        assert!(to_json(b"\x81\x81\x01", 1, 1 << 24).is_err_and(|fault| fault.is_depth()));
    }
}
