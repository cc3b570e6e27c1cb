//! YAML as `kubectl get -o yaml` writes it: the same quotes, folds, blocks and order. The only room that knows the YAML crate.

mod emit;
mod order;
mod resolve;
mod scalar;
mod style;

use std::io;

use serde::Serialize;
use serde_json::Value;

pub use order::sorted;

use emit::{Emitter, Lines};

/// Writes `value` as one YAML document, with a newline at its end.
///
/// Strings that a YAML 1.1 or 1.2 reader would take for another type are quoted. Control characters, and those that hide or reorder
/// text, are escaped. Fields stay in their order: [`sorted`] has kubectl's.
///
/// ```
/// let mut out = Vec::new();
/// etcd_inspect_kube::yaml::write(&mut out, &serde_json::json!({"kind": "Pod", "on": "yes", "list": [1]}))?;
/// assert_eq!(String::from_utf8_lossy(&out), "kind: Pod\n\"on\": \"yes\"\nlist:\n- 1\n");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// What the writer says, or a value that JSON cannot express.
pub fn write<T: ?Sized + Serialize>(out: &mut dyn io::Write, value: &T) -> io::Result<()> {
    write_value(out, &serde_json::to_value(value).map_err(io::Error::other)?)
}

/// As [`write()`], of what is a document already: nothing is copied.
///
/// # Errors
/// What the writer says.
pub fn write_value(out: &mut dyn io::Write, value: &Value) -> io::Result<()> {
    let mut emitter = Emitter::new(Lines::Text(out, Ok(())));
    emitter.document(value);
    emitter.written()
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
    Emitter::new(Lines::Paths(&mut lines)).document(value);
    lines
}

#[cfg(test)]
mod tests {
    use located::text::escape::is_hostile;
    use serde_json::json;

    use super::*;

    #[test]
    fn hidden_characters_are_escaped_and_read_back_exactly() {
        let value = serde_json::json!({"a\u{200b}b": "x\u{202e}y\u{1}z \\x01 \u{feff}", "lines": "a\n\u{2066}b\n", "plain": "é\u{1f600}", "tag": "a\u{e0041}b"});
        let mut out = Vec::new();
        write(&mut out, &value).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            !text.contains(|c| is_hostile(c) && c != '\n') && text.contains("\\u202E"),
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
