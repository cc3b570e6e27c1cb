//! A value with its structure and without its content: Kubernetes protobuf, JSON, text, or bytes.

use serde::de::IgnoredAny;

use super::fill::Filler;

/// Maximum depth of messages in messages.
const MAX_DEPTH: usize = 32;
/// `k8s\0`: an object as protobuf. Source: `NewSerializer` in apimachinery `pkg/runtime/serializer/protobuf/protobuf.go`, v0.34.0.
const PROTOBUF: &[u8] = b"k8s\0";
/// `k8s:enc:PROVIDER:VERSION:`: an encrypted object.
const SEALED: &[u8] = b"k8s:enc:";
/// Names of fields without which an object is no object.
const FIELDS: [&[u8]; 12] = [
    b"apiVersion",
    b"kind",
    b"metadata",
    b"spec",
    b"status",
    b"items",
    b"name",
    b"namespace",
    b"uid",
    b"labels",
    b"annotations",
    b"data",
];
/// Maximum length of the type of an object.
const MAX_TYPE_BYTES: usize = 256;

/// A value of the same length, filled.
pub(super) fn value(filler: &Filler, input: &[u8]) -> Vec<u8> {
    if let Some(message) = input.strip_prefix(PROTOBUF) {
        let filled = unknown(filler, message).unwrap_or_else(|| filler.letters(message));
        return [PROTOBUF, &filled].concat();
    }
    if input.starts_with(SEALED) {
        return sealed(filler, input);
    }
    if matches!(input.first(), Some(b'{' | b'[')) && is_json(input) {
        return json(filler, input);
    }
    bytes(filler, input, 0)
}

fn bytes(filler: &Filler, input: &[u8], depth: usize) -> Vec<u8> {
    // A line feed is the tag of field 1, with which most messages begin, and hardly any text.
    let may_be_message = input.first() == Some(&b'\n') || !is_text(input);
    if !may_be_message || depth > MAX_DEPTH {
        return filler.letters(input);
    }
    message(filler, input, depth).unwrap_or_else(|| filler.letters(input))
}

/// Text without control characters: never taken for a message, whatever it looks like.
fn is_text(input: &[u8]) -> bool {
    let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    std::str::from_utf8(input).is_ok_and(|text| !text.chars().any(is_control))
}

/// `runtime.Unknown`: the type of the object stays, because without it nothing decodes.
fn unknown(filler: &Filler, input: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(input.len());
    for field in Fields::new(input) {
        let field = field?;
        out.extend_from_slice(field.head);
        match (field.number, field.content) {
            (1, FieldContent::Bytes(meta)) if is_type(filler, meta) => out.extend_from_slice(meta),
            (_, content) => out.extend(filled(filler, &content, 1)),
        }
    }
    Some(out)
}

/// Whether bytes are an apiVersion and a kind that are known, and nothing else.
fn is_type(filler: &Filler, meta: &[u8]) -> bool {
    let is_known = |number: u64, text: &[u8]| match number {
        1 => filler.types.has_api_version(text),
        2 => filler.types.has_kind(text),
        _ => false,
    };
    meta.len() <= MAX_TYPE_BYTES
        && Fields::new(meta).all(|field| {
            field.is_some_and(|field| match field.content {
                FieldContent::Bytes(name) => is_known(field.number, name),
                FieldContent::Number(_) => false,
            })
        })
}

/// A message with its tags and lengths; `None` if the bytes are none.
fn message(filler: &Filler, input: &[u8], depth: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(input.len());
    for field in Fields::new(input) {
        let field = field?;
        out.extend_from_slice(field.head);
        out.extend(filled(filler, &field.content, depth));
    }
    Some(out)
}

fn filled(filler: &Filler, content: &FieldContent<'_>, depth: usize) -> Vec<u8> {
    match content {
        FieldContent::Bytes(inner) => bytes(filler, inner, depth.saturating_add(1)),
        FieldContent::Number(number) => varint(filler, number),
    }
}

/// A number of the same length: 0 and 1, which may be a flag or the choice of a variant, stay.
fn varint(filler: &Filler, number: &[u8]) -> Vec<u8> {
    if matches!(number, [0 | 1]) {
        return number.to_vec();
    }
    let mut stream = filler.stream(0, number);
    let last = number.len().saturating_sub(1);
    let digit = |(at, plain): (usize, &u8)| {
        let more = plain & 0x80;
        // The last byte of the longest varint has one bit.
        let mask = if at == 9 { 1 } else { 0x7f };
        let byte = (stream.byte() & mask).max(1);
        match byte | more {
            same if same == *plain && at < 9 => (byte ^ 2).max(1) | more,
            other if at == last => other & 0x7f,
            other => other,
        }
    };
    number.iter().enumerate().map(digit).collect()
}

enum FieldContent<'a> {
    Bytes(&'a [u8]),
    /// A varint, or a fixed number of bytes.
    Number(&'a [u8]),
}

/// A field of a message: the bytes of tag and length, and what follows.
struct MessageField<'a> {
    number: u64,
    head: &'a [u8],
    content: FieldContent<'a>,
}

/// The fields of a message; `None` once, and nothing after it, at what is no field.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    fn field(&mut self) -> Option<MessageField<'a>> {
        let start = self.rest;
        let (tag, tag_bytes) = number(start)?;
        let (field, wire) = (tag >> 3, tag & 7);
        if field == 0 || field >= 1 << 29 {
            return None;
        }
        let after = start.get(tag_bytes..)?;
        let (head, content, used) = match wire {
            0 => {
                let (_, bytes) = number(after)?;
                (tag_bytes, FieldContent::Number(after.get(..bytes)?), bytes)
            }
            1 => (tag_bytes, FieldContent::Number(after.get(..8)?), 8),
            5 => (tag_bytes, FieldContent::Number(after.get(..4)?), 4),
            2 => {
                let (length, bytes) = number(after)?;
                let length = usize::try_from(length).ok()?;
                let content = after.get(bytes..)?.get(..length)?;
                let used = bytes.checked_add(length)?;
                (
                    tag_bytes.checked_add(bytes)?,
                    FieldContent::Bytes(content),
                    used,
                )
            }
            _ => return None,
        };
        self.rest = after.get(used..)?;
        Some(MessageField {
            number: field,
            head: start.get(..head)?,
            content,
        })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<MessageField<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// A varint and its length.
pub(super) fn number(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        let shift = u32::try_from(at.checked_mul(7)?).ok()?;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value, at.checked_add(1)?));
        }
    }
    None
}

/// `k8s:enc:aescbc:v1:key1:` with another name of the key, then letters.
fn sealed(filler: &Filler, input: &[u8]) -> Vec<u8> {
    let colons = input.iter().enumerate().filter(|(_, byte)| **byte == b':');
    let mut colons = colons
        .map(|(at, _)| at)
        .take_while(|at| *at < MAX_TYPE_BYTES)
        .skip(3);
    let Some(version) = colons.next() else {
        return filler.letters(input);
    };
    let name = colons.next();
    let letters = filler.letters(input);
    let pairs = input.iter().zip(letters).enumerate();
    let keep = |at: usize| at <= version || Some(at) == name;
    pairs
        .map(|(at, (plain, letter))| if keep(at) { *plain } else { letter })
        .collect()
}

pub(super) fn is_json(input: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(input).is_ok()
}

/// What is done with a string of a JSON document.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    Keep,
    Fill,
    /// Fill what follows so many bytes.
    FillAfter(usize),
}

/// A JSON document with other strings and numbers. The type of an object stays if it is known.
fn json(filler: &Filler, input: &[u8]) -> Vec<u8> {
    let mut named: Option<bool> = None;
    strings(filler, input, true, &mut |text, is_name, depth| {
        let is_type = match named.take().filter(|_| depth == 1) {
            Some(true) => filler.types.has_kind(text),
            Some(false) => filler.types.has_api_version(text),
            None => false,
        };
        if is_name && depth == 1 && (text == b"apiVersion" || text == b"kind") {
            named = Some(text == b"kind");
        }
        let is_field = is_name && FIELDS.contains(&text);
        match is_field || is_type {
            true => Text::Keep,
            false => Text::Fill,
        }
    })
}

/// JSON of a member, whose names of fields, numbers, name and schemes of URLs stay.
pub(super) fn own_json(filler: &Filler, input: &[u8]) -> Vec<u8> {
    let mut is_after_name = false;
    strings(filler, input, false, &mut |text, is_name, _| {
        let is_member_name = std::mem::replace(&mut is_after_name, is_name && text == b"name");
        let scheme = [&b"http://"[..], b"https://"]
            .into_iter()
            .find(|scheme| text.starts_with(scheme));
        match (is_name || is_member_name, scheme) {
            (true, _) => Text::Keep,
            (false, Some(scheme)) => Text::FillAfter(scheme.len()),
            (false, None) => Text::Fill,
        }
    })
}

/// Walks a valid JSON document. `each` decides about a string: its bytes, whether it names a field, and its depth.
fn strings(
    filler: &Filler,
    input: &[u8],
    with_numbers: bool,
    each: &mut dyn FnMut(&[u8], bool, usize) -> Text,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(input.len());
    let mut depth = 0usize;
    while let Some((first, rest)) = input.get(out.len()..).and_then(<[u8]>::split_first) {
        match first {
            b'"' => {
                let length = string_length(rest);
                let (text, after) = rest.split_at(length.min(rest.len()));
                let mut after = after
                    .iter()
                    .skip(1)
                    .filter(|byte| !byte.is_ascii_whitespace());
                let is_name = after.next() == Some(&b':');
                out.push(b'"');
                match each(text, is_name, depth) {
                    Text::Keep => out.extend_from_slice(text),
                    Text::Fill => out.extend(filler.letters(text)),
                    Text::FillAfter(kept) => {
                        let (kept, rest) = text.split_at(kept.min(text.len()));
                        out.extend_from_slice(kept);
                        out.extend(filler.letters(rest));
                    }
                }
                if length < rest.len() {
                    out.push(b'"');
                }
            }
            b'0'..=b'9' | b'-' if with_numbers => {
                let is_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
                let rest = input.get(out.len()..).unwrap_or_default();
                let length = rest.iter().take_while(|byte| is_number(byte)).count();
                out.extend(json_number(filler, rest.get(..length).unwrap_or_default()));
            }
            other => {
                match other {
                    b'{' | b'[' => depth = depth.saturating_add(1),
                    b'}' | b']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                out.push(*other);
            }
        }
    }
    out
}

/// Bytes of a string up to its closing quote.
fn string_length(rest: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = rest.iter().position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    });
    end.unwrap_or(rest.len())
}

/// A number of the same form; a single digit, which may be a flag, and an exponent are small ones.
fn json_number(filler: &Filler, number: &[u8]) -> Vec<u8> {
    let mut stream = filler.stream(0, number);
    let mut in_exponent = false;
    let digit = |plain: &u8| {
        in_exponent |= matches!(plain, b'e' | b'E');
        match plain {
            b'0'..=b'9' if in_exponent => match plain {
                b'1' => b'2',
                _ => b'1',
            },
            b'0'..=b'9' => stream.digit(*plain),
            other => *other,
        }
    };
    number.iter().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filler() -> Filler {
        Filler::new(b"salt")
    }

    #[test]
    fn json_stays_json_with_its_type_and_without_its_content() {
        let input = br#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"db\"x"},"data":{"password":"hunter2"},"n":-12.5e3,"ok":true}"#;
        let out = value(&filler(), input);
        assert_eq!(out.len(), input.len());
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(json["kind"], "Secret");
        let text = String::from_utf8(out).unwrap();
        for secret in ["hunter2", "password", "12.5", "db\\"] {
            assert!(!text.contains(secret), "{text}");
        }
    }

    #[test]
    fn what_only_stands_where_a_type_is_goes() {
        for input in [
            &br#"{"kind":"hunter2","apiVersion":"hunter2/v1"}"#[..],
            br#"{"apiVersion":"hunter2","kind":{"kind":"hunter2"}}"#,
            b"k8s\0\x0a\x0d\x0a\x02v1\x12\x07hunter2",
            b"k8s\0\x0a\x11\x0a\x07hunter2\x12\x06Secret",
        ] {
            let out = value(&filler(), input);
            assert_eq!(out.len(), input.len());
            assert!(
                !out.windows(7).any(|part| part == b"hunter2"),
                "{}",
                out.escape_ascii()
            );
        }
    }

    #[test]
    fn protobuf_stays_protobuf_with_its_lengths_and_without_its_strings() {
        let meta = b"\x0a\x02v1\x12\x06Secret";
        let raw =
            b"\x0a\x09\x0a\x07my-name\x12\x0c\x0a\x03key\x12\x05hunte\x18\x85\xd3\xa2\x9b\x06";
        let mut input = b"k8s\0\x0a".to_vec();
        input.push(meta.len() as u8);
        input.extend(meta);
        input.push(0x12);
        input.push(raw.len() as u8);
        input.extend(raw);
        let out = value(&filler(), &input);
        assert_eq!(out.len(), input.len());
        assert!(out.windows(6).any(|part| part == b"Secret"));
        assert!(
            !out.windows(4)
                .any(|part| part == b"hunt" || part == b"name")
        );
        let message = out.strip_prefix(b"k8s\0").unwrap();
        assert!(Fields::new(message).all(|field| field.is_some()));
        let inner = message.get(message.len() - raw.len()..).unwrap();
        assert_eq!(
            Fields::new(inner)
                .map(|field| field.unwrap().number)
                .collect::<Vec<_>>(),
            [1, 2, 3]
        );
        assert_ne!(inner.get(inner.len() - 5..), raw.get(raw.len() - 5..));
    }

    #[test]
    fn text_that_looks_like_a_message_is_text() {
        let digits = b"20202020202020202020202020202020202020202020202020";
        let out = value(&filler(), digits);
        assert!(digits.iter().zip(&out).all(|(a, b)| a != b));
    }
}
