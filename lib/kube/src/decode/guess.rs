//! A view of bytes whose meaning no table knows: field numbers, best-guess types, nested.
//!
//! Text without control characters is text; else what reads as a message to its last byte is a message; else UTF-8 is
//! text; the rest is base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};

use super::node::signed;
use super::wire::{self, Payload, Record};

/// The payload of one record as a value.
pub(crate) fn payload(data: &[u8], record: &Record, room: usize) -> Value {
    match record.payload {
        Payload::Varint(value) => Value::Number(signed(value).into()),
        Payload::Fixed32(value) => Value::Number(value.into()),
        Payload::Fixed64(bits) => fixed_64(bits),
        Payload::Bytes(start, end) => bytes(data.get(start..end).unwrap_or_default(), room),
        Payload::Group => {
            Value::String(STANDARD.encode(data.get(record.start..record.end).unwrap_or_default()))
        }
    }
}

/// Values by field number as members; several of one number become a list.
pub(crate) fn grouped(mut fields: Vec<(u32, Value)>) -> Vec<(String, Value)> {
    fields.sort_by_key(|(number, _)| *number);
    let mut grouped: Vec<(u32, Value, bool)> = Vec::new();
    for (number, value) in fields {
        match grouped.last_mut() {
            Some((last, Value::Array(items), true)) if *last == number => items.push(value),
            Some((last, first, many)) if *last == number => {
                *many = true;
                *first = Value::Array(vec![first.take(), value]);
            }
            _ => grouped.push((number, value, false)),
        }
    }
    let named = grouped.into_iter();
    named
        .map(|(number, value, _)| (number.to_string(), value))
        .collect()
}

/// A number that is whole as a double is one; what would be absurd as a double is an integer.
fn fixed_64(bits: u64) -> Value {
    let double = f64::from_bits(bits);
    let plausible = double == 0.0 || (1e-9..1e18).contains(&double.abs());
    Number::from_f64(double)
        .filter(|_| plausible)
        .map_or_else(|| Value::Number(bits.into()), Value::Number)
}

fn bytes(data: &[u8], room: usize) -> Value {
    let text = std::str::from_utf8(data).ok();
    if let Some(text) = text.filter(|text| !text.chars().any(char::is_control)) {
        return Value::String(text.to_owned());
    }
    if let Some(message) = room.checked_sub(1).and_then(|room| message(data, room)) {
        return message;
    }
    Value::String(text.map_or_else(|| STANDARD.encode(data), str::to_owned))
}

fn message(data: &[u8], room: usize) -> Option<Value> {
    let records = wire::records(data, 0).ok()?;
    let fields = records
        .iter()
        .map(|record| (record.number, payload(data, record, room)));
    Some(Value::Object(Map::from_iter(grouped(fields.collect()))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unknown_bytes_become_the_most_telling_value() {
        for (data, want) in [
            (&b"plain text"[..], json!("plain text")),
            (b"", json!("")),
            (b"line\nline", json!("line\nline")),
            (b"\x0a\x03abc\x10\x07", json!({"1": "abc", "2": 7})),
            (b"\x0a\x01a\x0a\x01b", json!({"1": ["a", "b"]})),
            (b"\xff\xfe", json!("//4=")),
        ] {
            assert_eq!(bytes(data, 8), want, "{data:?}");
        }
    }

    #[test]
    fn nesting_is_followed_only_as_deep_as_allowed() {
        let mut data = b"\x08\x01".to_vec();
        for _ in 0..50 {
            let mut outer = vec![0x0a, u8::try_from(data.len()).unwrap()];
            outer.append(&mut data);
            data = outer;
        }
        let mut value = &bytes(&data, 10);
        let mut depth = 0;
        while let Some(inner) = value.get("1") {
            (value, depth) = (inner, depth + 1);
        }
        assert_eq!(depth, 10);
    }
}
