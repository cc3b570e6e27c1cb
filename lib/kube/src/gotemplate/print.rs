//! Values as Go prints them, and `printf`.

use std::fmt::Write as _;

use serde_json::Value;

use crate::go_text::plain_number;

/// A value as Go's `%v`; none is `<no value>`.
pub(super) fn print(value: Option<&Value>, out: &mut String) {
    match value {
        None => out.push_str("<no value>"),
        Some(value) => plain(value, out),
    }
}

/// The same within other values, where `null` is `<nil>`.
pub(super) fn plain(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("<nil>"),
        Value::String(text) => out.push_str(text),
        Value::Number(number) => out.push_str(&plain_number(number)),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(' ');
                }
                plain(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            out.push_str("map[");
            for (at, (name, value)) in sorted.into_iter().enumerate() {
                let blank = if at == 0 { "" } else { " " };
                // Writing to a String cannot fail.
                let _ = write!(out, "{blank}{name}:");
                plain(value, out);
            }
            out.push(']');
        }
    }
}

/// Maximum width and precision, so that a template cannot ask for gigabytes.
const WIDEST: usize = 4096;

/// Go's `Sprintf` for the verbs that templates use; a wrong one is shown as Go shows it.
pub(super) fn printf(format: &str, arguments: &[Option<&Value>]) -> String {
    let mut out = String::new();
    let mut arguments = arguments.iter();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut flags = String::new();
        while let Some(flag) = chars.next_if(|c| "-+# 0".contains(*c)) {
            flags.push(flag);
        }
        let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let mut digits = String::new();
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            digits
                .parse::<usize>()
                .ok()
                .map(|number| number.min(WIDEST))
        };
        let width = number(&mut chars);
        let precision = chars
            .next_if_eq(&'.')
            .map(|_| number(&mut chars).unwrap_or(0));
        match chars.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => {
                let text = match arguments.next() {
                    Some(value) => one(verb, *value, precision, &flags),
                    None => format!("%!{verb}(MISSING)"),
                };
                pad(&text, width.unwrap_or(0), &flags, &mut out);
            }
        }
    }
    out
}

fn pad(text: &str, width: usize, flags: &str, out: &mut String) {
    let blanks = width.saturating_sub(text.chars().count());
    if flags.contains('-') {
        out.push_str(text);
        out.extend(std::iter::repeat_n(' ', blanks));
    } else if flags.contains('0') && text.ends_with(|c: char| c.is_ascii_digit()) {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", text),
        };
        out.push_str(sign);
        out.extend(std::iter::repeat_n('0', blanks));
        out.push_str(digits);
    } else {
        out.extend(std::iter::repeat_n(' ', blanks));
        out.push_str(text);
    }
}

/// One argument by its verb.
fn one(verb: char, value: Option<&Value>, precision: Option<usize>, flags: &str) -> String {
    let mut shown = String::new();
    match value {
        None => shown.push_str("<nil>"),
        Some(value) => plain(value, &mut shown),
    }
    match (verb, value) {
        ('v' | 's', Some(Value::String(_))) => match precision {
            Some(most) => shown.chars().take(most).collect(),
            None => shown,
        },
        ('v', _) | ('s', Some(Value::Array(_) | Value::Object(_))) => shown,
        ('q', Some(Value::String(text))) => format!("{text:?}"),
        ('x', Some(Value::String(text))) => text.bytes().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }),
        ('T', value) => go_type(value.unwrap_or(&Value::Null)).to_owned(),
        ('t', Some(Value::Bool(_))) => shown,
        ('d', Some(Value::Number(number))) if number.is_f64() => {
            format!("{:.0}", number.as_f64().unwrap_or(0.0))
        }
        ('d', Some(Value::Number(number)))
            if flags.contains('+') && number.as_i64().is_some_and(|n| n >= 0) =>
        {
            format!("+{number}")
        }
        ('d', Some(Value::Number(_))) => shown,
        ('x' | 'X' | 'b' | 'o' | 'c', Some(Value::Number(number))) => {
            match (verb, number.as_i64().unwrap_or(0)) {
                ('x', number) => format!("{number:x}"),
                ('X', number) => format!("{number:X}"),
                ('b', number) => format!("{number:b}"),
                ('o', number) => format!("{number:o}"),
                (_, number) => u32::try_from(number)
                    .ok()
                    .and_then(char::from_u32)
                    .map_or(String::new(), String::from),
            }
        }
        ('f' | 'F', Some(Value::Number(number))) => format!(
            "{:.*}",
            precision.unwrap_or(6).min(60),
            number.as_f64().unwrap_or(0.0)
        ),
        ('e', Some(Value::Number(number))) => {
            exponential(number.as_f64().unwrap_or(0.0), precision)
        }
        ('g' | 'G', Some(Value::Number(_))) => shown,
        (_, Some(value)) => format!("%!{verb}({}={shown})", go_type(value)),
        (_, None) => format!("%!{verb}(<nil>)"),
    }
}

/// `1.500000e+00`.
fn exponential(float: f64, precision: Option<usize>) -> String {
    let text = format!("{float:.*e}", precision.unwrap_or(6).min(60));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    match exponent.strip_prefix('-') {
        Some(digits) => format!("{mantissa}e-{digits:0>2}"),
        None => format!("{mantissa}e+{exponent:0>2}"),
    }
}

/// The name of Go's type.
pub(crate) fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}
