//! Escapes text of the evidence, so that it cannot move the cursor, change the title of the window or hide itself.
//!
//! Every string that reaches a terminal, a table, CSV or TSV goes through here; JSON and YAML have their own escapes for
//! the same characters.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// Characters that are printed unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charset {
    /// Only ASCII: `--ascii`, or a locale that is not UTF-8.
    pub ascii: bool,
}

/// Whether a character is invisible, reorders text or controls the terminal.
///
/// Controls are C0, DEL and C1 (U+009B is a one-character CSI). The rest are format characters: bidirectional controls,
/// zero-width spaces and joiners, line and paragraph separators, annotation marks, tags.
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Marks drawn over the character before them: more than this many in a row would paint over the next lines.
const MARKS_IN_A_ROW: usize = 4;

/// Bytes from the evidence as one printable line; a backslash is doubled, so that the result can be read back.
///
/// ```text
/// b"a\x1b[2Jb\xff" → a\x1b[2Jb\xff
/// ```
pub fn bytes(raw: &[u8], charset: Charset) -> Cow<'_, str> {
    if raw
        .iter()
        .all(|byte| matches!(byte, b' '..=b'~') && *byte != b'\\')
    {
        return String::from_utf8_lossy(raw);
    }
    let mut out = String::with_capacity(raw.len().saturating_add(16));
    for chunk in raw.utf8_chunks() {
        push(&mut out, chunk.valid(), charset, true);
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    Cow::Owned(out)
}

/// Text as one printable line; backslashes stay, for text that is already escaped passes through here again.
pub fn text(raw: &str, charset: Charset) -> Cow<'_, str> {
    if raw.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len().saturating_add(16));
    push(&mut out, raw, charset, false);
    Cow::Owned(out)
}

/// Text of several lines: newlines and tabs stay, everything else as in [`bytes`].
pub fn lines(raw: &[u8], charset: Charset) -> String {
    let mut out = String::with_capacity(raw.len());
    for (number, line) in raw.split(|byte| *byte == b'\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        for (at, cell) in line.split(|byte| *byte == b'\t').enumerate() {
            if at > 0 {
                out.push('\t');
            }
            for chunk in cell.utf8_chunks() {
                push(&mut out, chunk.valid(), charset, false);
                for byte in chunk.invalid() {
                    out.push_str(&format!("\\x{byte:02x}"));
                }
            }
        }
    }
    out
}

/// Bytes as [`bytes`] prints them, with `\xff`, `\n`, `\u{9b}` and `\\`, back to its bytes. Anything else stays as it is.
pub fn undo(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((byte, after)) = rest.split_first() {
        if *byte == b'\\'
            && let Some((bytes, after)) = escaped(after)
        {
            out.extend(bytes);
            rest = after;
        } else {
            out.push(*byte);
            rest = after;
        }
    }
    out
}

/// What follows a backslash: the bytes meant, and the rest.
fn escaped(rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (kind, after) = rest.split_first()?;
    let one = |byte: u8| Some((vec![byte], after));
    match kind {
        b'\\' => one(b'\\'),
        b'n' => one(b'\n'),
        b't' => one(b'\t'),
        b'r' => one(b'\r'),
        b'x' => {
            let (digits, after) = after.split_at_checked(2)?;
            let byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
            Some((vec![byte], after))
        }
        b'u' => {
            let after = after.strip_prefix(b"{")?;
            let end = after.iter().position(|byte| *byte == b'}')?;
            let digits = std::str::from_utf8(after.get(..end)?).ok()?;
            let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
            Some((c.to_string().into_bytes(), after.get(end + 1..)?))
        }
        _ => None,
    }
}

fn push(out: &mut String, raw: &str, charset: Charset, double_backslash: bool) {
    let mut marks = MARKS_IN_A_ROW; // none at the start: it would combine with the text before
    for c in raw.chars() {
        match c {
            '\\' if double_backslash => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            ' '..='~' => out.push(c),
            '\0'..='\x7f' => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            _ if charset.ascii && !double_backslash => {
                match own_symbol(c) {
                    Some(plain) => out.push_str(plain),
                    None => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
                }
                continue;
            }
            _ if charset.ascii || is_hostile(c) => {
                out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            }
            _ if c.width().unwrap_or(0) == 0 => {
                if marks < MARKS_IN_A_ROW {
                    out.push(c);
                    marks += 1;
                } else {
                    out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
                }
                continue;
            }
            _ => out.push(c),
        }
        marks = 0;
    }
}

/// The few symbols that this program itself prints, in ASCII.
fn own_symbol(c: char) -> Option<&'static str> {
    Some(match c {
        '·' => "-",
        '…' => "...",
        '→' => "->",
        '±' => "+-",
        '–' | '—' => "-",
        '•' => "*",
        '█' => "#",
        '≥' => ">=",
        '≤' => "<=",
        '×' => "x",
        '▸' => ">",
        '▾' => "v",
        '├' | '└' => "+",
        '─' => "-",
        '│' => "|",
        '░' => ".",
        '▒' => ":",
        '▓' => "%",
        _ => return None,
    })
}

/// How many terminal cells printable text takes.
pub fn width(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        unicode_width::UnicodeWidthStr::width(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UTF8: Charset = Charset { ascii: false };
    const ASCII: Charset = Charset { ascii: true };

    #[test]
    fn no_byte_of_a_key_moves_the_cursor_or_retitles_the_terminal() {
        for byte in 0..=255u8 {
            for around in [vec![byte], vec![b'a', byte, b'b'], vec![0xc2, byte]] {
                let shown = bytes(&around, UTF8);
                assert!(!shown.chars().any(is_hostile), "{around:02x?} → {shown:?}");
            }
        }
        assert_eq!(bytes(b"\x1b]0;pwned\x07", UTF8), "\\x1b]0;pwned\\x07");
        assert_eq!(bytes("\u{9b}2J".as_bytes(), UTF8), "\\u{9b}2J");
    }

    #[test]
    fn text_cannot_be_reordered_or_hidden() {
        assert_eq!(bytes("a\u{202e}b".as_bytes(), UTF8), "a\\u{202e}b");
        assert_eq!(bytes("a\u{200b}b".as_bytes(), UTF8), "a\\u{200b}b");
        assert_eq!(bytes("a\u{feff}b".as_bytes(), UTF8), "a\\u{feff}b");
    }

    #[test]
    fn escaped_bytes_can_be_told_from_escapes_that_were_there() {
        assert_eq!(bytes(b"\xff", UTF8), "\\xff");
        assert_eq!(bytes(b"\\xff", UTF8), "\\\\xff");
    }

    #[test]
    fn letters_of_other_scripts_and_accents_stay() {
        assert_eq!(
            bytes("ключ-日本-e\u{301}".as_bytes(), UTF8),
            "ключ-日本-e\u{301}"
        );
        assert_eq!(
            bytes("ключ".as_bytes(), ASCII),
            "\\u{43a}\\u{43b}\\u{44e}\\u{447}"
        );
    }

    #[test]
    fn stacked_marks_do_not_paint_over_other_lines() {
        let zalgo = format!("a{}", "\u{301}".repeat(50));
        assert_eq!(
            bytes(zalgo.as_bytes(), UTF8).matches("\\u{301}").count(),
            46
        );
        assert!(bytes("\u{301}a".as_bytes(), UTF8).starts_with("\\u{301}"));
    }

    #[test]
    fn our_own_symbols_have_an_ascii_form() {
        assert_eq!(text("a · b → c …", ASCII), "a - b -> c ...");
    }
}
