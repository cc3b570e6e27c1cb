//! JSON that may be shown on a terminal: the same characters that text escapes are `\uXXXX` here.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

use super::escape::is_hostile;

/// A formatter that escapes what `serde_json` leaves alone: DEL, C1 controls, bidirectional and zero-width characters.
struct Guarded<F>(F);

impl<F: Formatter> Formatter for Guarded<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Of ASCII the serializer escapes all that is hostile but DEL.
        if fragment.is_ascii() && !fragment.contains('\x7f') {
            return writer.write_all(fragment.as_bytes());
        }
        let mut from = 0;
        for (at, c) in fragment.char_indices().filter(|(_, c)| is_hostile(*c)) {
            writer.write_all(fragment.get(from..at).unwrap_or_default().as_bytes())?;
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
            from = at + c.len_utf8();
        }
        writer.write_all(fragment.get(from..).unwrap_or_default().as_bytes())
    }

    /// Very large and very small numbers as Go prints them: the exponent appears below 1e-6 and from 1e21 on
    /// (`floatEncoder` in Go `encoding/json/encode.go`, 1.24).
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let size = value.abs();
        if size == 0.0 || (1e-5..1e16).contains(&size) {
            return self.0.write_f64(writer, value);
        }
        if (1e-6..1e21).contains(&size) {
            return write!(writer, "{value}");
        }
        let text = format!("{value:e}");
        let text = match text.contains("e-") {
            true => text,
            false => text.replacen('e', "e+", 1),
        };
        writer.write_all(text.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }
    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }
    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }
    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }
    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }
    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }
    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }
    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

/// A value as JSON; null if it cannot be.
pub(crate) fn value<T: Serialize>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// JSON that was written elsewhere, with the characters that a terminal must not get as `\uXXXX`.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if !is_hostile(c) || c == '\n' {
            escaped.push(c);
            continue;
        }
        let mut units = [0; 2];
        for unit in c.encode_utf16(&mut units) {
            escaped.push_str(&format!("\\u{unit:04x}"));
        }
    }
    escaped
}

/// `value` on one line.
pub(crate) fn compact<T: ?Sized + Serialize>(writer: &mut dyn Write, value: &T) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(writer, Guarded(CompactFormatter));
    value.serialize(&mut serializer).map_err(io::Error::from)
}

/// Appends `value` on one line: how objects are written that are given as lines.
pub(crate) fn append(value: &serde_json::Value, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = compact(out, value);
}

/// `value` indented by two spaces.
pub(crate) fn pretty<T: ?Sized + Serialize>(writer: &mut dyn Write, value: &T) -> io::Result<()> {
    let mut serializer =
        serde_json::Serializer::with_formatter(writer, Guarded(PrettyFormatter::new()));
    value.serialize(&mut serializer).map_err(io::Error::from)
}

/// Writes an object of Kubernetes as kubectl does: with four spaces for each level.
pub(crate) fn indented<T: ?Sized + Serialize>(writer: &mut dyn Write, value: &T) -> io::Result<()> {
    let formatter = Guarded(PrettyFormatter::with_indent(b"    "));
    let mut serializer = serde_json::Serializer::with_formatter(writer, formatter);
    value.serialize(&mut serializer).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_reads_back_equal_and_holds_no_hostile_character() {
        let value = serde_json::json!({"k\u{9b}": "a\u{202e}b\u{7f}c\u{e0041}d\u{1b}[2J ключ"});
        let mut out = Vec::new();
        pretty(&mut out, &value).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.chars().any(|c| c != '\n' && is_hostile(c)), "{text}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }
}
