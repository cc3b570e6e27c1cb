//! One word, quoted for a shell.

use std::ffi::OsStr;
use std::fmt::Write as _;

use crate::text::escape::{self, Charset};

/// A word as sh and bash read it back, in characters that a terminal prints as they are.
///
/// Single quotes inhibit every expansion, history expansion included. What a terminal would not print as it is (controls,
/// characters that hide or reorder text, bytes that are no UTF-8) is left to `printf`: sh has no other escape. A command
/// substitution drops newlines at its end, so that such a word needs `$'…'`, which bash knows and dash does not; its
/// content has no character that either of them expands.
pub(super) fn quoted(word: &OsStr) -> String {
    match word.to_str() {
        Some(text) if is_plain(text) => text.to_owned(),
        Some(text) if escape::text(text, Charset::default()) == text => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => {
            let bytes = word.as_encoded_bytes();
            match bytes.ends_with(b"\n") {
                true => format!("$'{}'", octal(bytes)),
                false => format!("\"$(printf '{}')\"", octal(bytes)),
            }
        }
    }
}

fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:,@%=".contains(c);
    !text.is_empty() && !text.starts_with('=') && text.chars().all(plain)
}

/// Letters, digits and slashes as they are, everything else as `\ooo`: `printf` and `$'…'` read both alike.
fn octal(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b' ' => {
                text.push(char::from(*byte));
            }
            _ => {
                let _ = write!(text, "\\{byte:03o}"); // writing to a string cannot fail
            }
        }
    }
    text
}
