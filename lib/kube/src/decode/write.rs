//! Writing compact JSON: the walk that [`serialize`](super::serialize) makes, without a serializer in between.
//!
//! Names come from the table and are copied as they are; most texts need no escape, which eight bytes at a time can tell.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::fault::Fault;
use super::items::Items;
use super::json::tree;
use super::members::Members;
use super::node::{Datum, Node, text};
use super::plain::{PLAIN_JSON_DEPTH, is_plain, is_plain_json};
use super::quantity::canonical;
use super::serialize::whole;
use super::time::Stamp;

/// Appends `node` as JSON without spaces or line ends.
pub(crate) fn write(node: &Node<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    match &node.datum {
        Datum::Null | Datum::NoTime => out.extend_from_slice(b"null"),
        Datum::Bool(true) => out.extend_from_slice(b"true"),
        Datum::Bool(false) => out.extend_from_slice(b"false"),
        Datum::Int(value) => integer(*value, out),
        Datum::Float(value) => match whole(*value) {
            Some(whole) => integer(whole, out),
            None => return other(value, out),
        },
        Datum::Text(bytes) => return string(bytes, out),
        Datum::Base64(bytes) => base64(bytes, out),
        Datum::Time(seconds) => quoted(Stamp::seconds(*seconds).as_str(), out),
        Datum::MicroTime(seconds, nanos) => quoted(Stamp::micros(*seconds, *nanos).as_str(), out),
        Datum::Quantity(bytes) => return string(canonical(&text(bytes)).as_bytes(), out),
        Datum::Json(raw) => return json(node, raw, out),
        Datum::Tree(value) => return other(value, out),
        Datum::Object { .. } | Datum::Entries(..) => return members(node, out),
        Datum::Items(..) => return items(node, out),
    }
    Ok(())
}

fn members(node: &Node<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    out.push(b'{');
    if let Some(mut members) = Members::new(node)? {
        let mut first = true;
        while members.advance()? {
            if !first {
                out.push(b',');
            }
            first = false;
            match &members {
                Members::Message(message) => quoted(message.name(), out),
                named => string(named.name().as_bytes(), out)?,
            }
            out.push(b':');
            write(&members.node()?, out)?;
        }
    }
    out.push(b'}');
    Ok(())
}

fn items(node: &Node<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    out.push(b'[');
    if let Some(mut items) = Items::new(node)? {
        let mut first = true;
        while let Some(item) = items.next()? {
            if !first {
                out.push(b',');
            }
            first = false;
            write(&item, out)?;
        }
    }
    out.push(b']');
    Ok(())
}

/// JSON text that is on one line is copied, after one check that [`Node::json`] reads it as JSON too.
fn json(node: &Node<'_>, raw: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    if node.room >= PLAIN_JSON_DEPTH && is_plain_json(raw) {
        out.extend_from_slice(raw);
        return Ok(());
    }
    let is_one_line = memchr::memchr2(b'\n', b'\r', raw).is_none();
    match tree(raw, node.room, node.context.memory) {
        Ok(_) if is_one_line => out.extend_from_slice(raw),
        Ok(tree) => return other(&tree, out),
        Err(_) => return other(&node.json(raw)?, out),
    }
    Ok(())
}

/// Text that needs no escape.
pub(super) fn quoted(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn string(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    if !is_plain(bytes) {
        return other(&text(bytes), out);
    }
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    out.extend_from_slice(bytes);
    out.push(b'"');
    Ok(())
}

pub(super) fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, b'=');
    if let Some(room) = out.get_mut(start..) {
        // The room is exactly what the encoding takes.
        let _ = STANDARD.encode_slice(bytes, room);
    }
    out.push(b'"');
}

pub(super) fn integer(value: i64, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut used = 0;
    let mut rest = value.unsigned_abs();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

/// Whatever serde_json writes well enough.
fn other<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), Fault> {
    serde_json::to_writer(out, value).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_bytes_are_written_as_serde_writes_them() {
        for value in [0, 7, -1, 10, 1_000_000, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            integer(value, &mut out);
            assert_eq!(out, value.to_string().into_bytes());
        }
        for len in 0..9 {
            let bytes = vec![0xab; len];
            let mut out = Vec::new();
            base64(&bytes, &mut out);
            assert_eq!(out, format!("\"{}\"", STANDARD.encode(&bytes)).into_bytes());
        }
    }
}
