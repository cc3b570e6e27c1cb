//! Numbers and quoted text as Go writes and reads them.

use std::io::{self, Write};

use serde_json::ser::Formatter;
use serde_json::{Number, Value};

/// A number as Go's `%v`: a whole one as it is, another with an exponent below 1e-4 and from 1e6 on
/// (`%e is used if …` in Go `strconv/ftoa.go`, 1.24).
pub(crate) fn plain_number(number: &Number) -> String {
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => whole.to_string(),
        (None, Some(float)) => plain_float(float),
        (None, None) => number.to_string(),
    }
}

fn plain_float(float: f64) -> String {
    if float == 0.0 || (1e-4..1e6).contains(&float.abs()) {
        return float.to_string();
    }
    let text = format!("{float:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// JSON without blanks, numbers as Go's encoder writes them.
pub(crate) fn json(value: &Value) -> String {
    let mut out = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut out, GoNumbers);
    // Values that were parsed can be written, and memory takes them.
    let _ = serde::Serialize::serialize(value, &mut writer);
    String::from_utf8_lossy(&out).into_owned()
}

struct GoNumbers;

impl Formatter for GoNumbers {
    fn write_u64<W: ?Sized + Write>(&mut self, writer: &mut W, value: u64) -> io::Result<()> {
        match i64::try_from(value) {
            Ok(value) => write!(writer, "{value}"),
            // Go reads it as a float64.
            Err(_) => match Number::from(value).as_f64() {
                Some(float) => self.write_f64(writer, float),
                None => write!(writer, "{value}"),
            },
        }
    }

    /// The exponent appears below 1e-6 and from 1e21 on (`floatEncoder` in Go `encoding/json/encode.go`, 1.24).
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        if value == 0.0 || (1e-6..1e21).contains(&value.abs()) {
            return write!(writer, "{value}");
        }
        let text = format!("{value:e}");
        match text.contains("e-") {
            true => writer.write_all(text.as_bytes()),
            false => writer.write_all(text.replacen('e', "e+", 1).as_bytes()),
        }
    }
}

/// What follows a backslash in a text in quotes; `None` if Go knows no such escape.
pub(crate) fn unescape(chars: &mut impl Iterator<Item = char>, out: &mut Vec<u8>) -> Option<()> {
    let first = chars.next()?;
    let mut number = |count: usize, radix: u32, first: u32| {
        (0..count).try_fold(first, |number: u32, _| {
            let digit = chars.next()?.to_digit(radix)?;
            number.checked_mul(radix)?.checked_add(digit)
        })
    };
    let byte = match first {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' => b'\\',
        '\'' => b'\'',
        '"' => b'"',
        'x' => u8::try_from(number(2, 16, 0)?).ok()?,
        '0'..='7' => u8::try_from(number(2, 8, first.to_digit(8)?)?).ok()?,
        'u' | 'U' => {
            let digits = if first == 'u' { 4 } else { 8 };
            let c = char::from_u32(number(digits, 16, 0)?)?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(());
        }
        _ => return None,
    };
    out.push(byte);
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_those_that_kubectl_prints() {
        for (text, plain, encoded) in [
            ("100000000000000000000", "1e+20", "100000000000000000000"),
            ("1e21", "1e+21", "1e+21"),
            ("0.000001", "1e-06", "0.000001"),
            ("1e-7", "1e-07", "1e-7"),
            ("1234567.5", "1.2345675e+06", "1234567.5"),
            ("123456.5", "123456.5", "123456.5"),
            ("1.0", "1", "1"),
            ("12345678", "12345678", "12345678"),
            (
                "18446744073709551615",
                "1.8446744073709552e+19",
                "18446744073709552000",
            ),
        ] {
            let value: Value = serde_json::from_str(text).unwrap();
            let Value::Number(number) = &value else {
                panic!("{text}")
            };
            assert_eq!(
                (plain_number(number).as_str(), json(&value).as_str()),
                (plain, encoded),
                "{text}"
            );
        }
        assert_eq!(
            json(&json!({"a": ["x", null, true]})),
            r#"{"a":["x",null,true]}"#
        );
    }

    #[test]
    fn escapes_are_those_of_go() {
        for (text, want) in [
            ("u00e9", Some("é")),
            ("x41", Some("A")),
            ("101", Some("A")),
            ("U0001F600", Some("😀")),
            ("n", Some("\n")),
            ("q", None),
            ("u00", None),
        ] {
            let mut out = Vec::new();
            let found =
                unescape(&mut text.chars(), &mut out).map(|()| String::from_utf8(out).unwrap());
            assert_eq!(found.as_deref(), want, "{text}");
        }
    }
}
