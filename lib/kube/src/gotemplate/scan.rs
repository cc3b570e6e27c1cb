//! Words of an action, and the text around actions.

use serde_json::{Number, Value};

use super::GoTemplateError;
use crate::go_text::unescape;

/// A part of a template: text or an action.
pub(super) enum TemplatePart<'t> {
    Text(&'t str),
    /// Between the braces, without trim marks.
    Action(&'t str),
}

const OPEN: &str = "{{";
const CLOSE: &str = "}}";

/// Splits a template into text and actions; `{{-` and `-}}` trim the text beside them, comments are left out.
pub(super) fn pieces(text: &str) -> Result<Vec<TemplatePart<'_>>, GoTemplateError> {
    let (mut found, mut rest, mut trim) = (Vec::new(), text, false);
    loop {
        let (before, after) = match rest.split_once(OPEN) {
            Some((before, after)) => (before, Some(after)),
            None => (rest, None),
        };
        let mut literal = if trim { before.trim_start() } else { before };
        let Some(after) = after else {
            found.push(TemplatePart::Text(literal));
            return Ok(found);
        };
        let (trim_left, after) = match after.strip_prefix('-') {
            Some(inner) if inner.starts_with(char::is_whitespace) => (true, inner.trim_start()),
            _ => (false, after),
        };
        if trim_left {
            literal = literal.trim_end();
        }
        found.push(TemplatePart::Text(literal));
        let end = end_of_action(after)
            .ok_or_else(|| GoTemplateError::parse(after, "an action without }}"))?;
        let inner = after.get(..end).unwrap_or_default();
        rest = after.get(end + CLOSE.len()..).unwrap_or_default();
        let (inner, trim_right) = match inner.strip_suffix('-') {
            Some(inner) if inner.ends_with(char::is_whitespace) => (inner, true),
            _ => (inner, false),
        };
        trim = trim_right;
        if !inner.trim().starts_with("/*") {
            found.push(TemplatePart::Action(inner.trim()));
        }
    }
}

/// Where the action ends: braces within quotes and comments do not count.
fn end_of_action(text: &str) -> Option<usize> {
    if text.trim_start().starts_with("/*") {
        let comment = text.find("*/")?;
        return text.get(comment..)?.find(CLOSE).map(|at| comment + at);
    }
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some('`'), '`') => quote = None,
            (Some('`'), _) => {}
            (Some(_), '\\') => {
                chars.next();
            }
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '`' | '\'') => quote = Some(c),
            (None, '}') if text.get(at..)?.starts_with(CLOSE) => return Some(at),
            (None, _) => {}
        }
    }
    None
}

/// A word of an action.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// `.a.b`; none: the dot.
    Fields(Vec<String>),
    /// `$x.a`; the name is empty for `$`.
    Variable(String, Vec<String>),
    /// A function, or a keyword.
    Name(String),
    Literal(Value),
    Pipe,
    Open,
    /// `)` and the fields after it.
    Close(Vec<String>),
    Declare,
    Assign,
    Comma,
}

/// The words of an action.
pub(super) fn words(action: &str) -> Result<Vec<Word>, GoTemplateError> {
    let mut found = Vec::new();
    let mut rest = action.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '|' => (Word::Pipe, skip(rest, 1)),
            '(' => (Word::Open, skip(rest, 1)),
            ',' => (Word::Comma, skip(rest, 1)),
            '=' => (Word::Assign, skip(rest, 1)),
            ':' if rest.starts_with(":=") => (Word::Declare, skip(rest, 2)),
            ')' => {
                let (fields, after) = fields(skip(rest, 1));
                (Word::Close(fields), after)
            }
            '$' => {
                let (name, after) = name(skip(rest, 1));
                let (fields, after) = fields(after);
                (Word::Variable(name.to_owned(), fields), after)
            }
            '"' | '`' | '\'' => quoted(rest, first)?,
            '.' if !rest
                .get(1..)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) =>
            {
                let (fields, after) = fields(rest);
                match fields.is_empty() {
                    true => (Word::Fields(fields), skip(rest, 1)),
                    false => (Word::Fields(fields), after),
                }
            }
            c if c.is_ascii_digit() || "+-.".contains(c) => number(rest)?,
            c if is_name(c) => {
                let (name, after) = name(rest);
                let word = match name {
                    "true" => Word::Literal(Value::Bool(true)),
                    "false" => Word::Literal(Value::Bool(false)),
                    "nil" => Word::Literal(Value::Null),
                    name => Word::Name(name.to_owned()),
                };
                (word, after)
            }
            _ => return Err(GoTemplateError::parse(rest, "unexpected")),
        };
        found.push(word);
        rest = after.trim_start();
    }
    Ok(found)
}

fn skip(text: &str, bytes: usize) -> &str {
    text.get(bytes..).unwrap_or_default()
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn name(text: &str) -> (&str, &str) {
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// `.a.b` at the start, and the rest.
fn fields(mut text: &str) -> (Vec<String>, &str) {
    let mut found = Vec::new();
    while let Some(after) = text.strip_prefix('.') {
        let (field, rest) = name(after);
        if field.is_empty() {
            break;
        }
        found.push(field.to_owned());
        text = rest;
    }
    (found, text)
}

fn quoted(text: &str, quote: char) -> Result<(Word, &str), GoTemplateError> {
    let mut chars = text.char_indices().skip(1);
    let mut value = Vec::new();
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => {
                let after = skip(text, at + 1);
                let value = String::from_utf8_lossy(&value).into_owned();
                let literal = match quote {
                    // A character is its number, as in Go.
                    '\'' => Value::from(value.chars().next().map_or(0, u32::from)),
                    _ => Value::String(value),
                };
                return Ok((Word::Literal(literal), after));
            }
            '\\' if quote != '`' => {
                let mut escaped = chars.by_ref().map(|(_, c)| c);
                unescape(&mut escaped, &mut value).ok_or_else(|| {
                    GoTemplateError::parse(text, "an escape that Go does not know")
                })?;
            }
            c => value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Err(GoTemplateError::parse(text, "a quote that does not end"))
}

fn number(text: &str) -> Result<(Word, &str), GoTemplateError> {
    let end = text
        .find(|c: char| !(is_name(c) || "+-.".contains(c)))
        .unwrap_or(text.len());
    let (digits, after) = text.split_at_checked(end).unwrap_or((text, ""));
    let plain = digits.strip_prefix('+').unwrap_or(digits);
    let whole = plain.parse::<i64>().ok().map(Number::from);
    let whole = whole.or_else(|| {
        let hex = plain.strip_prefix("0x")?;
        i64::from_str_radix(hex, 16).ok().map(Number::from)
    });
    let number = whole.or_else(|| plain.parse().ok().and_then(Number::from_f64));
    match number {
        Some(number) => Ok((Word::Literal(Value::Number(number)), after)),
        None => Err(GoTemplateError::parse(text, "a number")),
    }
}
