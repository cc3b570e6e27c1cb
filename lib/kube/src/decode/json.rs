//! JSON text read into a tree, to a depth that the caller chooses.
//!
//! serde_json's own limit of 128 levels cannot be raised, only taken away; so the levels are counted before it begins.

use serde::Deserialize as _;
use serde_json::Value;

use super::fault::Fault;
use super::memory;

/// Reads JSON text nested at most `depth` levels, whose tree takes at most `memory` bytes.
pub(crate) fn tree(text: &[u8], depth: usize, memory: usize) -> Result<Value, Fault> {
    if nesting(text) > depth {
        // What is no JSON at all is not too deep.
        let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(text);
        return Err(is_json.map_or_else(|error| malformed(text, &error), |_| Fault::depth(depth)));
    }
    memory::of_json(text, memory)?;
    let replaced = without_lone_surrogates(text);
    let text = replaced.as_deref().unwrap_or(text);
    let mut reader = serde_json::Deserializer::from_slice(text);
    reader.disable_recursion_limit();
    let value = Value::deserialize(&mut reader);
    value
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| malformed(text, &error))
}

/// The fault at the place where a reader stopped.
fn malformed(text: &[u8], error: &serde_json::Error) -> Fault {
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    let before: usize = lines
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    let at = before.saturating_add(error.column().saturating_sub(1));
    Fault::malformed("json", at, error.to_string())
}

/// The same text with U+FFFD for each escape that is half of a surrogate pair, as Go reads it
/// (`unquoteBytes` in Go `encoding/json/decode.go`, 1.24). `None`: there is none. The length stays.
fn without_lone_surrogates(text: &[u8]) -> Option<Vec<u8>> {
    memchr::memmem::find(text, b"\\u")?;
    let unit = |at: usize| -> Option<u32> {
        let escape = text.get(at..at.checked_add(6)?)?;
        let digits = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let mut replaced: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        at += found;
        let (first, second) = (unit(at), unit(at + 6));
        at += match (first, second) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                let copy = replaced.get_or_insert_with(|| text.to_vec());
                if let Some(escape) = copy.get_mut(at..at + 6) {
                    escape.copy_from_slice(b"\\ufffd");
                }
                6
            }
            (Some(_), _) => 6,
            // Another escape: the character after the backslash is not looked at again.
            (None, _) => 2,
        };
    }
    replaced
}

/// The most arrays and objects that are open at once; brackets in strings do not count.
pub(crate) fn nesting(text: &[u8]) -> usize {
    let (mut open, mut deepest, mut quoted, mut escaped) = (0usize, 0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                open = open.saturating_add(1);
                deepest = deepest.max(open);
            }
            b']' | b'}' if !quoted => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> Vec<u8> {
        [vec![b'['; levels], vec![b']'; levels]].concat()
    }

    #[test]
    fn half_a_surrogate_pair_reads_as_go_reads_it() {
        for (text, want) in [
            (r#""\ud83d\ude00""#, "\u{1f600}"),
            (r#""a\ud800b""#, "a\u{fffd}b"),
            (r#""\udc00\ud800""#, "\u{fffd}\u{fffd}"),
            (r#""\ud800\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
            (r#""\\ud800""#, "\\ud800"),
            (r#""\ud800""#, "\u{fffd}"),
        ] {
            assert_eq!(tree(text.as_bytes(), 9, 1 << 20).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn values_nest_as_deep_as_the_caller_allows_and_no_deeper() {
        assert!(tree(&nested(128), 128, 1 << 20).is_ok());
        assert!(
            tree(&nested(129), 128, 1 << 20)
                .unwrap_err()
                .to_string()
                .contains("deeper than 128")
        );
        assert!(tree(&nested(400), 500, 1 << 20).is_ok());
        let text = br#"{" 4,ok"1k3p"#.repeat(300);
        let fault = tree(&text, 128, 1 << 20).unwrap_err().to_string();
        assert!(!fault.contains("deeper"), "{fault}");
    }

    #[test]
    fn brackets_in_strings_are_text() {
        let text = br#"{"a":"[[[[\"[[{"}"#;
        assert_eq!(nesting(text), 1);
        assert!(tree(text, 1, 1 << 20).is_ok());
        assert!(tree(b"[1] x", 9, 1 << 20).is_err(), "text after the value");
    }
}
