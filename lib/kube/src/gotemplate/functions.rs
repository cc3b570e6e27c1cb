//! The functions of Go's templates, and kubectl's own two.

use std::cmp::Ordering;

use base64::Engine as _;
use serde_json::Value;

use super::print::{plain, printf};
use super::run::Val;
use crate::mask::BULLETS;

/// Calls a function; the error says why it cannot be.
pub(super) fn call<'v>(name: &str, arguments: Vec<Val<'v>>) -> Result<Val<'v>, String> {
    let values: Vec<Option<&Value>> = arguments.iter().map(Val::get).collect();
    let text = |value: String| Ok(Val::Own(Value::String(value)));
    let flag = |value: bool| Ok(Val::Own(Value::Bool(value)));
    match (name, values.as_slice()) {
        // What decided is the last one that was looked at.
        ("and" | "or", [_, ..]) => Ok(decided(name == "or", arguments)),
        ("not", [_]) => flag(!arguments.iter().any(Val::is_true)),
        ("len", [value]) => length(*value).map(|len| Val::Own(Value::from(len))),
        ("index", [_, ..]) => index(&arguments),
        ("slice", [value, range @ ..]) => slice(*value, range),
        ("exists", [_, ..]) => flag(exists(&arguments)),
        ("print", all) => text(sprint(all)),
        ("println", all) => text(sprintln(all)),
        ("printf", [Some(Value::String(format)), rest @ ..]) => text(printf(format, rest)),
        ("html", all) => text(html(&sprint(all))),
        ("urlquery", all) => text(query(&sprint(all))),
        ("js", all) => text(js(&sprint(all))),
        ("call", [Some(_), ..]) => Err("call of a value that is no function".to_owned()),
        ("call", _) => Err("call of nil".to_owned()),
        ("base64decode", [Some(Value::String(encoded))]) if encoded.starts_with(BULLETS) => Err(
            "base64decode: the value is hidden, and what is shown instead of it is no base64; --reveal=all shows it".to_owned(),
        ),
        ("base64decode", [Some(Value::String(encoded))]) => {
            let decoded = base64::engine::general_purpose::STANDARD.decode(encoded);
            let decoded = decoded.map_err(|error| format!("base64 decode failed: {error}"))?;
            text(String::from_utf8_lossy(&decoded).into_owned())
        }
        ("eq", [first, rest @ ..]) if !rest.is_empty() => {
            flag(rest.iter().any(|other| equal(*first, *other)))
        }
        ("ne", [a, b]) => flag(!equal(*a, *b)),
        ("lt", [a, b]) => Ok(order(*a, *b)?.is_lt()).and_then(flag),
        ("le", [a, b]) => Ok(order(*a, *b)?.is_le()).and_then(flag),
        ("gt", [a, b]) => Ok(order(*a, *b)?.is_gt()).and_then(flag),
        ("ge", [a, b]) => Ok(order(*a, *b)?.is_ge()).and_then(flag),
        (
            "and" | "or" | "not" | "len" | "index" | "slice" | "exists" | "printf" | "base64decode"
            | "eq" | "ne" | "lt" | "le" | "gt" | "ge",
            all,
        ) => Err(format!("{name} cannot take these {} arguments", all.len())),
        _ => Err(format!("function {name:?} is not defined")),
    }
}

fn decided(or: bool, arguments: Vec<Val<'_>>) -> Val<'_> {
    let mut last = Val::Missing;
    for argument in arguments {
        let decides = argument.is_true() == or;
        last = argument;
        if decides {
            break;
        }
    }
    last
}

fn length(value: Option<&Value>) -> Result<usize, String> {
    match value {
        Some(Value::String(text)) => Ok(text.len()),
        Some(Value::Array(items)) => Ok(items.len()),
        Some(Value::Object(fields)) => Ok(fields.len()),
        None => Err("len of a value that is not there".to_owned()),
        Some(_) => Err("len of a number or a truth value".to_owned()),
    }
}

fn index<'v>(arguments: &[Val<'v>]) -> Result<Val<'v>, String> {
    let Some((of, keys)) = arguments.split_first() else {
        return Err("index of nothing".to_owned());
    };
    let mut value = of.clone();
    for key in keys {
        value = match (value.get(), key.get()) {
            (Some(Value::Object(_)), Some(Value::String(name))) => {
                value.child(|map| map.get(name.as_str()))
            }
            (Some(Value::Array(items)), Some(Value::Number(number))) => {
                let at = number.as_u64().and_then(|at| usize::try_from(at).ok());
                let at = at.filter(|at| *at < items.len());
                let at = at.ok_or_else(|| format!("index out of range: {number}"))?;
                value.child(|list| list.get(at))
            }
            (None, _) => return Err("index of a value that is not there".to_owned()),
            _ => return Err("index needs a map and a text, or a list and a number".to_owned()),
        };
    }
    Ok(value)
}

/// kubectl's `exists`: whether [`index`] would find something.
fn exists(arguments: &[Val<'_>]) -> bool {
    index(arguments).is_ok_and(|found| found.get().is_some())
}

fn slice<'v>(value: Option<&Value>, range: &[Option<&Value>]) -> Result<Val<'v>, String> {
    let len = length(value)?;
    let bound = |at: usize, absent: usize| match range.get(at) {
        None => Ok(absent),
        Some(bound) => bound
            .and_then(Value::as_u64)
            .and_then(|bound| usize::try_from(bound).ok())
            .ok_or_else(|| "slice needs numbers".to_owned()),
    };
    let (from, to) = (bound(0, 0)?, bound(1, len)?);
    let cut = match value {
        Some(Value::String(text)) => text
            .get(from..to)
            .map(|text| Value::String(text.to_owned())),
        Some(Value::Array(items)) => items
            .get(from..to)
            .map(|items| Value::Array(items.to_vec())),
        _ => None,
    };
    cut.map(Val::Own)
        .ok_or_else(|| format!("slice out of range: {from}:{to} of {len}"))
}

fn equal(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(Value::Number(_)), Some(Value::Number(_))) => order(a, b).is_ok_and(Ordering::is_eq),
        (a, b) => a == b,
    }
}

fn order(a: Option<&Value>, b: Option<&Value>) -> Result<Ordering, String> {
    let order = match (a, b) {
        (Some(Value::Number(a)), Some(Value::Number(b))) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64().partial_cmp(&b.as_f64()),
        },
        (Some(Value::String(a)), Some(Value::String(b))) => Some(a.cmp(b)),
        _ => None,
    };
    order.ok_or_else(|| "incompatible types for comparison".to_owned())
}

/// Go's `Sprint`: a blank between operands if neither is a text.
fn sprint(values: &[Option<&Value>]) -> String {
    let mut out = String::new();
    let mut was_text = true;
    for (at, value) in values.iter().enumerate() {
        let is_text = matches!(value, Some(Value::String(_)));
        if at > 0 && !is_text && !was_text {
            out.push(' ');
        }
        was_text = is_text;
        plain(value.unwrap_or(&Value::Null), &mut out);
    }
    out
}

fn sprintln(values: &[Option<&Value>]) -> String {
    let mut out = String::new();
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        plain(value.unwrap_or(&Value::Null), &mut out);
    }
    out.push('\n');
    out
}

fn html(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// `JSEscape` of Go's text/template.
fn js(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' => out.push_str("\\u003C"),
            '>' => out.push_str("\\u003E"),
            '&' => out.push_str("\\u0026"),
            '=' => out.push_str("\\u003D"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

fn query(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            byte if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => {
                out.push(char::from(byte))
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
