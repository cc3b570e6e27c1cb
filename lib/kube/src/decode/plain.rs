//! Tells quickly whether bytes can be copied into JSON as they are.
//!
//! Both tests look at eight bytes at a time and may say no to what a slower look would allow.

const ONES: u64 = u64::MAX / 0xff;
const HIGH: u64 = ONES << 7;

/// The high bit of each byte that JSON does not take as it is, or that a terminal must not get: controls, `"`, `\`, DEL, and all
/// that is not ASCII. Exact up to the first such byte.
fn special(word: u64) -> u64 {
    // The high bit of each byte that is zero, as long as none had it before.
    let zero = |value: u64| value.wrapping_sub(ONES) & !value;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5c));
    (word | control | quote | zero(word ^ (ONES * 0x7f))) & HIGH
}

fn is_special(byte: u8) -> bool {
    !(0x20..0x7f).contains(&byte) || byte == b'"' || byte == b'\\'
}

/// Maximum number of digits after the first of a number that [`is_plain_json`] accepts.
const MAX_DIGITS: usize = 60;

/// The same for [`is_exact_json`]: larger ones may not fit a u64.
const MAX_EXACT_DIGITS: usize = 18;

/// Deepest nesting of what [`is_plain_json`] accepts: one bit of a word a level.
pub(crate) const PLAIN_JSON_DEPTH: usize = 64;

/// Whether all bytes are ASCII that needs no escape in a JSON string.
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    let (eights, rest) = bytes.as_chunks::<8>();
    eights
        .iter()
        .all(|eight| special(u64::from_le_bytes(*eight)) == 0)
        && !rest.iter().any(|&byte| is_special(byte))
}

/// Whether `text` is one JSON value on one line, in ASCII, without `\u` escapes and not nested beyond 64: what managed
/// fields are. Everything else is for a real parser.
pub(crate) fn is_plain_json(text: &[u8]) -> bool {
    let mut plain = PlainJson {
        text,
        at: 0,
        names: None,
    };
    plain.document().is_some()
}

/// Whether `text` is also what its tree is written as: no name twice, no number that becomes another one, no escape that is not
/// needed.
pub(crate) fn is_exact_json(text: &[u8]) -> bool {
    let mut plain = PlainJson {
        text,
        at: 0,
        names: Some(UniqueNames::default()),
    };
    plain.document().is_some()
}

struct PlainJson<'a> {
    text: &'a [u8],
    at: usize,
    /// Of the open objects, if it matters that none is there twice.
    names: Option<UniqueNames<'a>>,
}

#[derive(Default)]
struct UniqueNames<'a> {
    all: Vec<&'a [u8]>,
    /// Where the names of each open object begin.
    begin: Vec<usize>,
}

impl UniqueNames<'_> {
    /// Drops the names of the innermost object; `None` if one was there twice.
    fn close(&mut self) -> Option<()> {
        let begin = self.begin.pop()?;
        let own = self.all.get_mut(begin..)?;
        own.sort_unstable();
        let is_twice = own.windows(2).any(|pair| matches!(pair, [a, b] if a == b));
        self.all.truncate(begin);
        (!is_twice).then_some(())
    }
}

impl<'a> PlainJson<'a> {
    fn next(&mut self) -> Option<u8> {
        let byte = self.text.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn expect(&mut self, word: &[u8]) -> Option<()> {
        let found = self.text.get(self.at..)?.starts_with(word);
        self.at += word.len();
        found.then_some(())
    }

    fn document(&mut self) -> Option<()> {
        // One bit per open bracket: 1 for an object.
        let (mut open, mut depth) = (0_u64, 0_u32);
        loop {
            let opened = self.value()?;
            if let Some(object) = opened {
                depth += 1;
                open = open << 1 | u64::from(object);
                if depth as usize > PLAIN_JSON_DEPTH {
                    return None;
                }
                if let (true, Some(names)) = (object, &mut self.names) {
                    names.begin.push(names.all.len());
                }
                let close = if object { b'}' } else { b']' };
                if self.peek() != Some(close) {
                    if object {
                        self.name()?;
                    }
                    continue;
                }
            }
            // A value is complete: close what ends here.
            loop {
                if depth == 0 {
                    return (self.at == self.text.len()).then_some(());
                }
                let object = open & 1 == 1;
                match (self.next()?, object) {
                    (b'}', true) | (b']', false) => {
                        if let (true, Some(names)) = (object, &mut self.names) {
                            names.close()?;
                        }
                        open >>= 1;
                        depth -= 1;
                    }
                    (b',', true) => {
                        self.name()?;
                        break;
                    }
                    (b',', false) => break,
                    _ => return None,
                }
            }
        }
    }

    /// A scalar, or an opening bracket: then whether it is an object's.
    fn value(&mut self) -> Option<Option<bool>> {
        match self.next()? {
            b'{' => return Some(Some(true)),
            b'[' => return Some(Some(false)),
            b'"' => self.string()?,
            b't' => self.expect(b"rue")?,
            b'f' => self.expect(b"alse")?,
            b'n' => self.expect(b"ull")?,
            b'1'..=b'9' => {
                let start = self.at;
                while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                    self.at += 1;
                }
                // A number beyond a double's range is JSON that no reader accepts.
                let most = match self.names {
                    Some(_) => MAX_EXACT_DIGITS,
                    None => MAX_DIGITS,
                };
                if self.at - start > most {
                    return None;
                }
            }
            _ => return None,
        }
        Some(None)
    }

    fn name(&mut self) -> Option<()> {
        self.expect(b"\"")?;
        let start = self.at;
        self.string()?;
        if let Some(names) = &mut self.names {
            names.all.push(self.text.get(start..self.at)?);
        }
        self.expect(b":")
    }

    /// The rest of a string, its first quote already read.
    fn string(&mut self) -> Option<()> {
        loop {
            if let Some(eight) = self.text.get(self.at..)?.first_chunk::<8>() {
                let found = special(u64::from_le_bytes(*eight));
                if found == 0 {
                    self.at += 8;
                    continue;
                }
                self.at += usize::try_from(found.trailing_zeros() / 8).unwrap_or(0);
            }
            match self.next()? {
                b'"' => return Some(()),
                b'\\' => {
                    let escaped = self.next()?;
                    let is_needed = escaped != b'/' || self.names.is_none();
                    if !b"\"\\/bfnrt".contains(&escaped) || !is_needed {
                        return None;
                    }
                }
                byte if is_special(byte) => return None,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_that_needs_no_escape_is_plain() {
        for at in 0..20 {
            for byte in 0..=u8::MAX {
                let mut text = [b'a'; 20];
                text[at] = byte;
                let escaped = !(0x20..0x7f).contains(&byte) || byte == b'"' || byte == b'\\';
                assert_eq!(is_plain(&text), !escaped, "{byte:#x} at {at}");
            }
        }
    }

    #[test]
    fn plain_json_is_json() {
        for text in [
            r#"{"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"k:{\"name\":\"web\"}":{}}}"#,
            "{}",
            "[]",
            "[1,22,\"x\",true,false,null,[{}]]",
            "\"text\"",
            "7",
        ] {
            assert!(is_plain_json(text.as_bytes()), "{text}");
            assert!(serde_json::from_str::<serde_json::Value>(text).is_ok());
        }
    }

    #[test]
    fn whatever_is_not_json_is_not_plain_json() {
        let text =
            br#"{"f:spec":{"k:{\"name\":\"web\"}":[{},12,"a long text without end",true,null]}}"#;
        for cut in 0..text.len() {
            assert!(!is_plain_json(&text[..cut]), "cut at {cut}");
        }
        for at in 0..text.len() {
            for byte in *b"\"\\{}[],:x0\n \x80" {
                let mut damaged = text.to_vec();
                damaged[at] = byte;
                let json = serde_json::from_slice::<serde::de::IgnoredAny>(&damaged).is_ok();
                assert!(
                    json || !is_plain_json(&damaged),
                    "{}",
                    String::from_utf8_lossy(&damaged)
                );
            }
        }
        let long = "9".repeat(400);
        assert!(!is_plain_json(long.as_bytes()) && serde_json::from_str::<f64>(&long).is_err());
        let deep = [vec![b'['; 65], vec![b']'; 65]].concat();
        assert!(!is_plain_json(&deep));
        assert!(
            !is_plain_json(b"[,]")
                && !is_plain_json(b"{}{}")
                && !is_plain_json(b"[1,]")
                && !is_plain_json(b"")
        );
    }

    #[test]
    fn exact_json_is_written_as_it_was_read() {
        let exact = |text: &[u8]| {
            let is_exact = is_exact_json(text);
            if is_exact {
                let value: serde_json::Value = serde_json::from_slice(text).unwrap();
                assert_eq!(value.to_string().as_bytes(), text);
            }
            is_exact
        };
        let text = br#"{"f:a":{".":{},"k:{\"name\":\"web\"}":[{"a":1,"b":{"a":1}},1234567890123456789,"\n",true,null]},"z":[{},{}]}"#;
        assert!(exact(text));
        for other in [
            &br#"{"a":1,"a":2}"#[..],
            br#"{"z":[{"b":{},"a":1,"b":{}}]}"#,
            br#"["a\/b"]"#,
            b"[12345678901234567890]",
            b"[1, 2]",
            b"[1.0]",
            b"[0]",
        ] {
            assert!(!exact(other), "{}", String::from_utf8_lossy(other));
        }
        for at in 0..text.len() {
            for byte in *b"\"\\{}[],:af./0\x7f" {
                let mut damaged = text.to_vec();
                damaged[at] = byte;
                exact(&damaged);
            }
        }
    }
}
