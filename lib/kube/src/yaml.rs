//! YAML as `kubectl get -o yaml` lays it out. The only file that knows the YAML crate.

use std::io;

use serde::Serialize;
use serde_json::Value;
use serde_saphyr::SerializerOptions;

use located::text::escape::is_hostile;

fn options() -> SerializerOptions {
    serde_saphyr::ser_options! {
        // kubectl does not fold long lines; a folded hash or token cannot be searched for.
        folded_wrap_chars: usize::MAX,
    }
}

/// Writes `value` as one YAML document, with a newline at its end.
///
/// Strings that a YAML 1.1 or 1.2 reader would take for another type are quoted; control characters are escaped.
///
/// ```
/// let mut out = Vec::new();
/// etcd_inspect_kube::yaml::write(&mut out, &serde_json::json!({"kind": "Pod", "on": "yes", "list": [1]}))?;
/// assert_eq!(String::from_utf8_lossy(&out), "kind: Pod\n\"on\": \"yes\"\nlist:\n- 1\n");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// What the writer says, or a value that YAML cannot express as a key.
pub fn write<T: ?Sized + Serialize>(out: &mut dyn io::Write, value: &T) -> io::Result<()> {
    let mut text = String::new();
    serde_saphyr::to_fmt_writer_with_options(&mut text, &value, options())
        .map_err(io::Error::other)?;
    if text.contains(is_hidden) {
        let marked = marked(serde_json::to_value(value).map_err(io::Error::other)?);
        text.clear();
        serde_saphyr::to_fmt_writer_with_options(&mut text, &marked, options())
            .map_err(io::Error::other)?;
        text = unmarked(&text);
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    out.write_all(text.as_bytes())
}

/// Characters that a reader does not see, or that change the order of what is seen: they are escaped.
fn is_hidden(c: char) -> bool {
    // Control characters are escaped by the writer itself.
    is_hostile(c) && !c.is_control()
}

/// Is before and after the number of a character that [`unmarked`] makes an escape of. It is a control character, so the writer
/// quotes every text with it.
const MARK: char = '\u{1}';

/// The same value with every hidden character, and the mark itself, as its number between marks.
fn marked(value: Value) -> Value {
    // A text that already has the escape of the mark in it must not be taken for one: its backslashes are marked too.
    let must_be =
        |text: &str| text.contains(is_hidden) || text.contains(MARK) || text.contains("\\x01");
    let text = |text: String| match must_be(&text) {
        false => text,
        true => {
            let mut out = String::new();
            for c in text.chars() {
                match is_hidden(c) || c == MARK || c == '\\' {
                    true => match u32::from(c) {
                        wide @ 0x1_0000.. => out.push_str(&format!("{MARK}{wide:08x}{MARK}")),
                        narrow => out.push_str(&format!("{MARK}{narrow:04x}{MARK}")),
                    },
                    false => out.push(c),
                }
            }
            out
        }
    };
    match value {
        Value::String(string) => Value::String(text(string)),
        Value::Array(items) => Value::Array(items.into_iter().map(marked).collect()),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            Value::Object(
                fields
                    .map(|(name, field)| (text(name), marked(field)))
                    .collect(),
            )
        }
        other => other,
    }
}

/// The YAML of a marked value with an escape for each number: `\x01202e\x01` as `\u202e`.
fn unmarked(yaml: &str) -> String {
    let mut mark = String::new();
    // The escape that the writer has for the mark, out of `"\x01"`.
    let _ = serde_saphyr::to_fmt_writer_with_options(&mut mark, &MARK.to_string(), options());
    let mark = mark.trim().trim_matches('"');
    let mut parts = yaml.split(mark);
    let mut out = parts.next().unwrap_or_default().to_owned();
    while let Some(number) = parts.next() {
        out.push_str(if number.len() > 4 { "\\U" } else { "\\u" });
        out.push_str(number);
        out.push_str(parts.next().unwrap_or_default());
    }
    out
}

/// One step from an object to something in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A field by name.
    Field(String),
    /// An item by position.
    Item(usize),
}

/// A line of a YAML document, and the value on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The line as [`write()`] writes it.
    pub text: String,
    /// The value that begins or goes on here, from the document's root.
    pub path: Vec<Step>,
    /// Whether fields or items of that value are on the lines below.
    pub opens: bool,
}

/// The lines of [`write()`], each with the path of its value: the basis of line-by-line views, folds and blame.
///
/// ```
/// use etcd_inspect_kube::yaml::{Step, lines};
/// let lines = lines(&serde_json::json!({"spec": {"ports": [{"port": 80}]}}));
/// let text: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
/// assert_eq!(text, ["spec:", "  ports:", "  - port: 80"]);
/// assert_eq!(lines[2].path.last(), Some(&Step::Field("port".to_owned())));
/// ```
pub fn lines(value: &Value) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut path = Vec::new();
    if is_block(value) {
        block(value, 0, String::new(), &mut path, &mut lines);
    } else {
        leaf(value, "", &path, &mut lines);
    }
    lines
}

/// Whether a value takes lines of its own below its name.
fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

/// A value that [`is_block`]; `first` is written before its first line: indentation, and the dashes of lists it is an item of.
fn block(value: &Value, indent: usize, first: String, path: &mut Vec<Step>, lines: &mut Vec<Line>) {
    let mut lead = first;
    let next = " ".repeat(indent);
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                path.push(Step::Field(name.clone()));
                if is_block(field) {
                    let null = serde_json::json!({ name: null });
                    let named = text_of(&null);
                    let named = named.trim_end().trim_end_matches("null").trim_end();
                    lines.push(Line {
                        text: format!("{lead}{named}"),
                        path: path.clone(),
                        opens: true,
                    });
                    let inner = indent + if field.is_array() { 0 } else { 2 };
                    block(field, inner, " ".repeat(inner), path, lines);
                } else {
                    leaf(&serde_json::json!({ name: field }), &lead, path, lines);
                }
                path.pop();
                lead.clone_from(&next);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                path.push(Step::Item(at));
                if is_block(item) {
                    block(item, indent + 2, format!("{lead}- "), path, lines);
                } else {
                    leaf(&serde_json::json!([item]), &lead, path, lines);
                }
                path.pop();
                lead.clone_from(&next);
            }
        }
        _ => {}
    }
}

/// A value on one line, or a block of text on several.
fn leaf(value: &Value, lead: &str, path: &[Step], lines: &mut Vec<Line>) {
    let indent = " ".repeat(lead.len());
    for (at, text) in text_of(value).lines().enumerate() {
        let lead = if at == 0 { lead } else { &indent };
        let text = if text.is_empty() {
            String::new()
        } else {
            format!("{lead}{text}")
        };
        lines.push(Line {
            text,
            path: path.to_vec(),
            opens: false,
        });
    }
}

fn text_of(value: &Value) -> String {
    let mut text = Vec::new();
    // Writing to memory cannot fail; what YAML cannot express stays out.
    let _ = write(&mut text, value);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hidden_characters_are_escaped_and_read_back_exactly() {
        let value = serde_json::json!({"a\u{200b}b": "x\u{202e}y\u{1}z \\x01 \u{feff}", "lines": "a\n\u{2066}b\n", "plain": "é\u{1f600}", "tag": "a\u{e0041}b"});
        let mut out = Vec::new();
        write(&mut out, &value).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            !text.contains(is_hidden) && text.contains("\\u202e"),
            "{text}"
        );
        let read: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(read, value, "{text}");
    }

    #[test]
    fn lines_are_those_of_the_whole_document() {
        let value = json!({
            "kind": "ConfigMap", "on": "yes", "a b": {"x": null, "empty": {}, "none": []},
            "data": {"script": "#!/bin/sh\n\n  echo hi\n", "tail": "no newline\nat the end", "lead": "  two\nspaces\n", "end": "x\n\n"},
            "list": [1, "two", [3, [4, 5]], {"name": "a", "ports": [{"port": 80}, {}]}, [{"deep": {"er": true}}], "multi\nline\n"],
            "quoted": ["no", "1e3", "- x", "a: b", "", "\u{1b}[2J"],
        });
        let mut whole = Vec::new();
        write(&mut whole, &value).unwrap();
        let lines: Vec<_> = lines(&value).into_iter().map(|line| line.text).collect();
        assert_eq!(lines.join("\n") + "\n", String::from_utf8(whole).unwrap());
    }

    #[test]
    fn scalars_and_empty_documents_have_a_line() {
        for value in [json!("x"), json!({}), json!([]), json!(null), json!(7)] {
            assert_eq!(lines(&value).len(), 1, "{value}");
        }
    }
}
