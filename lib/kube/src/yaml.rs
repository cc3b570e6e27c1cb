//! YAML as `kubectl get -o yaml` lays it out. The only file that knows the YAML crate.

use std::io;

use serde::Serialize;
use serde_json::Value;
use serde_saphyr::SerializerOptions;

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
    if !text.ends_with('\n') {
        text.push('\n');
    }
    out.write_all(text.as_bytes())
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
