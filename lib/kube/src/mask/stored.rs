//! Where the secrets of a stored value are among its bytes: for views that show bytes, in hex or as they are.

use std::ops::Range;

use memchr::memmem::find_iter;
use serde_json::Value as Json;

use super::managed::value_of_name;
use super::{BULLETS, Mask, texts};
use crate::envelope::Value;
use crate::object::Options;

/// Returns where in a stored value the secrets are that [`Mask::object`] hides, and what [`Mask::text`] finds in it as a text. Places
/// may overlap. The value of a Secret has to be hidden whole: [`is_secret`](super::is_secret).
///
/// ```
/// use etcd_inspect_kube::mask::secret_places;
/// let value = br#"{"kind":"Widget","apiVersion":"acme.io/v1","spec":{"password":"hunter2"}}"#;
/// assert_eq!(secret_places(value), [63..70]);
/// ```
pub fn secret_places(value: &[u8]) -> Vec<Range<usize>> {
    let mut places = texts::places(value);
    if !texts::has_sign(value) {
        return places;
    }
    let object = Value::parse(value)
        .and_then(|value| value.object(Options::default()))
        .and_then(|object| object.into_json());
    if let Ok(plain) = object {
        let mut masked = plain.clone();
        Mask::new(b"").object(&mut masked);
        each_hidden(&plain, &masked, &mut |text, masked| {
            places.extend(of_change(value, text, masked))
        });
    }
    places.sort_unstable_by_key(|place| (place.start, place.end));
    places.dedup();
    places
}

/// Calls `each` with every string that is hidden, whole or in part, and what is shown of it.
fn each_hidden(plain: &Json, masked: &Json, each: &mut dyn FnMut(&str, &str)) {
    match (plain, masked) {
        (Json::Object(fields), Json::Object(others)) if fields.len() == others.len() => {
            for ((name, field), (other_name, other)) in fields.iter().zip(others) {
                if name != other_name {
                    each_hidden_name(name, other_name, each);
                }
                each_hidden(field, other, each);
            }
        }
        // Names that are equal when hidden.
        (Json::Object(fields), Json::Object(others)) => {
            for (name, field) in fields {
                match others.get(name) {
                    Some(other) => each_hidden(field, other, each),
                    None => each_hidden_name(name, "", each),
                }
            }
        }
        (Json::Array(items), Json::Array(others)) => {
            for (item, other) in items.iter().zip(others) {
                each_hidden(item, other, each);
            }
        }
        (Json::String(text), Json::String(other)) if text != other => each(text, other),
        _ => {}
    }
}

/// As [`each_hidden`], of a name of managed fields, which has values in it. JSON in JSON escapes quotes twice: then all of it is one.
fn each_hidden_name(plain: &str, masked: &str, each: &mut dyn FnMut(&str, &str)) {
    match (value_of_name(plain), value_of_name(masked)) {
        (Some(plain_value), Some(masked)) if !plain.contains('\\') => {
            each_hidden(&plain_value, &masked, each)
        }
        _ => each(plain, BULLETS),
    }
}

/// The hidden places of a string of an object. Escapes of JSON move what is in a string: then all of it is hidden.
fn of_change(value: &[u8], text: &str, masked: &str) -> Vec<Range<usize>> {
    let escaped = serde_json::to_string(text).unwrap_or_default();
    let escaped = escaped
        .get(1..escaped.len().saturating_sub(1))
        .unwrap_or_default();
    if escaped != text && memchr::memmem::find(value, escaped.as_bytes()).is_some() {
        return of_text(value, escaped);
    }
    let all = of_text(value, text);
    let parts = texts::places(text.as_bytes());
    if masked.starts_with(BULLETS) || parts.is_empty() {
        return all;
    }
    let part =
        |at: usize, part: &Range<usize>| at.saturating_add(part.start)..at.saturating_add(part.end);
    let each = all
        .iter()
        .flat_map(|place| parts.iter().map(|range| part(place.start, range)));
    each.collect()
}

/// Where a string is in a value. A short one only where its length or a quote comes before it: it may be part of other words.
fn of_text(value: &[u8], text: &str) -> Vec<Range<usize>> {
    const SHORT_BYTES: usize = 4;
    let found = find_iter(value, text).map(|at| at..at.saturating_add(text.len()));
    let is_whole = |place: &Range<usize>| {
        let before = place.start.checked_sub(1).and_then(|at| value.get(at));
        text.len() >= SHORT_BYTES
            || before.is_some_and(|byte| *byte == b'"' || usize::from(*byte) == text.len())
    };
    found.filter(is_whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_by_name_is_found_among_the_bytes_of_protobuf() {
        // A Pod with one variable, as an API server stores it.
        let variable =
            |value: &[u8]| [&b"\x0a\x0bDB_PASSWORD\x12"[..], &[value.len() as u8], value].concat();
        for secret in [&b"hunter2"[..], b"a"] {
            let message =
                |field: u8, body: &[u8]| [&[field << 3 | 2, body.len() as u8][..], body].concat();
            let container = [message(1, b"web"), message(7, &variable(secret))].concat();
            let spec = message(2, &message(2, &container));
            let pod = [message(1, &message(1, b"alpha")), spec].concat();
            let kind = [message(1, b"v1"), message(2, b"Pod")].concat();
            let unknown = [message(1, &kind), message(2, &pod)].concat();
            let value = [&b"k8s\0"[..], &unknown].concat();
            let places = secret_places(&value);
            assert_eq!(places.len(), 1, "{places:?}");
            assert_eq!(&value[places[0].clone()], secret);
        }
    }
}
