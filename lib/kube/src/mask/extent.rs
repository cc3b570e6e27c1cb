//! How far a value reaches that comes after a name: in quotes, to the end of its line, or over several lines.

use std::ops::Range;

/// Bytes of a line that are looked at before a name.
const BEFORE: usize = 200;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueForm {
    /// In quotes of its own, or within the quotes that the name is in too.
    Quoted,
    /// The rest of a line that begins with the name, and the lines that continue it.
    Line,
    /// A part of an inline mapping: `{user: a, password: b}`.
    Flow,
    /// One word.
    Word,
}

/// A value after a name and a sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) range: Range<usize>,
    pub(super) form: ValueForm,
}

/// What comes before a name on its line; `None`: the line begins too far from it.
pub(super) fn line_before(bytes: &[u8], name: usize) -> Option<&[u8]> {
    let from = name.saturating_sub(BEFORE);
    let near = bytes.get(from..name)?;
    match near.iter().rposition(|byte| *byte == b'\n') {
        Some(at) => near.get(at.saturating_add(1)..),
        None => (from == 0).then_some(near),
    }
}

/// Whether a line begins with the name that comes after this, apart from dashes, quotes and words such as `export`.
pub(super) fn begins_line(before: &[u8]) -> bool {
    let is_filling = |byte: &u8| {
        matches!(
            byte,
            b' ' | b'\t' | b'-' | b'"' | b'\'' | b'#' | b';' | b'/'
        )
    };
    let words = before.split(is_filling).filter(|word| !word.is_empty());
    let mut words = words.map(|word| word.to_ascii_lowercase());
    words.all(|word| {
        matches!(
            word.as_slice(),
            b"export" | b"env" | b"set" | b"setx" | b"declare" | b"local" | b"arg"
        )
    })
}

/// Number of blanks that a line begins with.
pub(super) fn indent(line: &[u8]) -> usize {
    line.iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count()
}

/// The end of the line that `at` is in: before its line feed, or before what is no text.
pub(super) fn line_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let is_end = |byte: &u8| *byte < b' ' && *byte != b'\t' && *byte != b'\r';
    let length = rest.iter().position(is_end).unwrap_or(rest.len());
    let line = rest.get(..length).unwrap_or_default();
    at.saturating_add(line.trim_ascii_end().len())
}

/// The start of the next line.
pub(super) fn next_line(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let end = rest
        .iter()
        .position(|byte| *byte < b' ' && *byte != b'\t' && *byte != b'\r')?;
    (rest.get(end) == Some(&b'\n')).then(|| at.saturating_add(end).saturating_add(1))
}

/// The value at `at`, after the name at `name`. `is_line`: whether it may take all of its line. `is_name_quoted`: whether the name has
/// quotes of its own, so that a quote before it does not reach over the value.
pub(super) fn value(
    bytes: &[u8],
    (name, at): (usize, usize),
    is_line: bool,
    is_name_quoted: bool,
) -> Option<Extent> {
    let rest = bytes.get(at..)?;
    // In Markdown a backquote after a sign closes what the name is in.
    let is_closing = rest.first() == Some(&b'`')
        && bytes
            .get(..at)
            .is_some_and(|before| !before.ends_with(b" "));
    if is_closing {
        return None;
    }
    if let Some(range) = in_quotes(rest) {
        return extent(at, range, ValueForm::Quoted);
    }
    let before = line_before(bytes, name);
    if let Some(end) = heredoc(rest) {
        return extent(at, 0..end, ValueForm::Line);
    }
    if let Some(end) = outer_quote(before.filter(|_| !is_name_quoted), rest) {
        return extent(at, 0..end, ValueForm::Quoted);
    }
    if is_line {
        let end = line_end(bytes, at);
        let line = bytes.get(at..end).unwrap_or_default();
        if line.is_empty() {
            return None;
        }
        let stop = continued(bytes, before.map_or(0, indent), end);
        return extent(0, at..stop, ValueForm::Line);
    }
    let is_inline =
        before.is_some_and(|before| matches!(before.trim_ascii_end().last(), Some(b'{' | b',')));
    match is_inline {
        true => extent(at, 0..member(rest), ValueForm::Flow),
        false => extent(at, 0..word(rest), ValueForm::Word),
    }
}

/// Where the quote is that closes a line, or a header, with its name in it.
fn outer_quote(before: Option<&[u8]>, rest: &[u8]) -> Option<usize> {
    let quote = *before?.last().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let end = memchr::memchr2(quote, b'\n', rest)?;
    let value = rest.get(..end)?;
    let is_closed = rest.get(end) == Some(&quote) && !value.is_empty();
    is_closed.then(|| end.saturating_sub(usize::from(value.ends_with(b"\\"))))
}

/// Length of a value of an inline mapping.
fn member(rest: &[u8]) -> usize {
    let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b'\n' | b'"');
    let end = rest.iter().position(is_end).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default().trim_ascii_end().len()
}

fn extent(at: usize, range: Range<usize>, form: ValueForm) -> Option<Extent> {
    let range = at.saturating_add(range.start)..at.saturating_add(range.end);
    (!range.is_empty()).then_some(Extent { range, form })
}

/// What is between quotes, also escaped ones; all that follows if they are not closed.
fn in_quotes(rest: &[u8]) -> Option<Range<usize>> {
    let slashes = rest.iter().take_while(|byte| **byte == b'\\').count();
    let quote = *rest
        .get(slashes)
        .filter(|byte| matches!(byte, b'"' | b'\'' | b'`'))?;
    let from = slashes.saturating_add(1);
    let mut run = 0_usize;
    for (at, byte) in rest.iter().enumerate().skip(from) {
        let is_control = *byte < b' ' && !matches!(byte, b'\n' | b'\r' | b'\t');
        let is_close = *byte == quote
            && (run == slashes || (slashes == 0 && (run.is_multiple_of(2) || quote == b'\'')));
        if is_close || is_control {
            let before = if is_close { slashes } else { 0 };
            return Some(from..at.saturating_sub(before).max(from));
        }
        run = if *byte == b'\\' {
            run.saturating_add(1)
        } else {
            0
        };
    }
    Some(from..rest.len())
}

/// `<<EOF` to the line that closes it.
fn heredoc(rest: &[u8]) -> Option<usize> {
    let word = rest.strip_prefix(b"<<")?;
    let end = word
        .iter()
        .position(|byte| matches!(byte, b'\n' | b' '))
        .unwrap_or(word.len());
    let is_mark = |byte: &u8| !matches!(byte, b'-' | b'~' | b'"' | b'\'' | b'\r');
    let mark: Vec<u8> = word.get(..end)?.iter().copied().filter(is_mark).collect();
    let mut at = 0;
    for line in rest.split_inclusive(|byte| *byte == b'\n') {
        let is_close = at > 0 && line.trim_ascii() == mark.as_slice();
        if is_close || line.contains(&0) {
            return Some(at);
        }
        at = at.saturating_add(line.len());
    }
    (!mark.is_empty()).then_some(rest.len())
}

/// The end of a value whose following lines are indented more than the line of its name: block scalars and folded lines.
fn continued(bytes: &[u8], own: usize, end: usize) -> usize {
    let (mut stop, mut at) = (end, end);
    while let Some(next) = next_line(bytes, at) {
        let line_stop = line_end(bytes, next);
        let line = bytes.get(next..line_stop).unwrap_or_default();
        if !line.trim_ascii().is_empty() {
            if indent(line) <= own {
                break;
            }
            stop = line_stop;
        }
        at = line_stop.max(next);
    }
    stop
}

/// Length of a word: a comma, `&` or `;` is part of it unless another `name=` follows.
fn word(rest: &[u8]) -> usize {
    if rest
        .first()
        .is_some_and(|byte| matches!(byte, b'(' | b')' | b'{' | b'}' | b'&' | b';' | b',' | b'|'))
    {
        return 0;
    }
    let is_end = |at: usize, byte: u8| match byte {
        byte if byte <= b' ' => true,
        b'"' | b'\'' | b'<' | b'>' | b'`' => true,
        b'\\' => matches!(
            rest.get(at.saturating_add(1)),
            Some(b'"' | b'\'' | b'\n' | b'\\') | None
        ),
        b',' | b'&' | b';' => is_separator(rest.get(at.saturating_add(1)..).unwrap_or_default()),
        _ => false,
    };
    let mut bytes = rest.iter().copied().enumerate();
    bytes
        .find(|(at, byte)| is_end(*at, *byte))
        .map_or(rest.len(), |(at, _)| at)
}

/// Whether nothing follows, a blank, or another name with a sign.
fn is_separator(after: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-[]".contains(byte);
    let length = after.iter().take_while(|byte| is_name(byte)).count();
    match after.get(length) {
        Some(b'=' | b':') => length > 0,
        Some(byte) => length == 0 && (*byte <= b' ' || b"\"'&;|".contains(byte)),
        None => length == 0,
    }
}
