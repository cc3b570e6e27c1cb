//! kubectl's JSONPath: templates (`{range .items[*]}{.metadata.name}{"\n"}{end}`), and the bare paths of custom columns,
//! `--sort-by` and a CRD's printer columns.
//!
//! Supported: fields (with `\.` in names), `['name']`, indexes, slices, `*`, `..`, unions, filters with `==`, `!=`, `<`,
//! `<=`, `>`, `>=` and existence, `range`/`end`, quoted text. Source: client-go `util/jsonpath`.

mod reader;
mod slice;

use std::fmt::Write as _;

use serde_json::Value;

use self::reader::PathReader;
use self::slice::ListSlice;
use crate::go_text::{json, plain_number};
use crate::gotemplate::go_type;

/// Why a path could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the JSONPath at {at:?}: {want}")]
pub struct JsonPathError {
    at: String,
    want: &'static str,
}

impl JsonPathError {
    pub(super) fn new(at: &str, want: &'static str) -> Self {
        Self {
            at: at.to_owned(),
            want,
        }
    }
}

/// A path such as `.spec.containers[*].image`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JsonPath(Vec<PathStep>);

#[derive(Clone, Debug, PartialEq)]
enum PathStep {
    Root,
    Field(String),
    /// `['a.b']`: the field of that name, else the path `.a.b`, which is how kubectl reads it.
    Quoted(String, JsonPath),
    Wildcard,
    Descend,
    Slice(ListSlice),
    Union(Vec<PathStep>),
    Filter {
        left: Operand,
        test: Option<(Compare, Operand)>,
    },
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Path(JsonPath),
    Literal(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// Nested filters deeper than this are refused.
const DEPTH: usize = 8;
/// More values than this come from no object; `..` and unions could otherwise multiply.
const MOST: usize = 1 << 20;

impl JsonPath {
    /// Reads a path with or without braces, leading dot and leading `$`.
    ///
    /// ```
    /// use etcd_inspect_kube::jsonpath::JsonPath;
    /// let pod = serde_json::json!({"spec": {"containers": [{"image": "web:1"}, {"image": "log:2"}]}});
    /// let images = JsonPath::parse("{.spec.containers[*].image}")?;
    /// assert_eq!(images.find(&pod), ["web:1", "log:2"]);
    /// # Ok::<(), etcd_inspect_kube::jsonpath::JsonPathError>(())
    /// ```
    ///
    /// # Errors
    /// [`JsonPathError`] with the place where reading stopped.
    pub fn parse(text: &str) -> Result<Self, JsonPathError> {
        let inner = text.trim();
        let inner = inner
            .strip_prefix('{')
            .and_then(|inner| inner.strip_suffix('}'))
            .unwrap_or(inner)
            .trim();
        let mut reader = PathReader {
            rest: inner,
            depth: 0,
        };
        let path = if inner.starts_with(['.', '[', '$', '@']) {
            reader.path()?
        } else {
            let first = reader.name()?;
            let mut path = reader.path()?;
            path.0.insert(0, PathStep::Field(first));
            path
        };
        if reader.rest.is_empty() {
            Ok(path)
        } else {
            Err(reader.error("unexpected"))
        }
    }

    /// Every value that the path reaches, in order.
    pub fn find<'v>(&self, root: &'v Value) -> Vec<&'v Value> {
        self.from(root, root, &mut None)
    }

    /// `fault`: the first thing that a template refuses to look for.
    fn from<'v>(&self, root: &'v Value, current: &'v Value, fault: &mut Fault) -> Vec<&'v Value> {
        let mut values = vec![current];
        for step in &self.0 {
            // The parts of a union come one after the other, each of all values.
            let parts = match step {
                PathStep::Union(parts) => parts.as_slice(),
                step => std::slice::from_ref(step),
            };
            let mut next = Vec::new();
            for part in parts {
                for value in &values {
                    if next.len() < MOST {
                        part.apply(root, value, &mut next, fault);
                    }
                }
            }
            values = next;
        }
        values
    }
}

/// Why a template cannot be rendered for an object.
type Fault = Option<String>;

fn not_a_list(value: &Value, more: &str) -> String {
    format!("{} is not array or slice{more}", go_type(value))
}

impl PathStep {
    fn apply<'v>(
        &self,
        root: &'v Value,
        value: &'v Value,
        out: &mut Vec<&'v Value>,
        fault: &mut Fault,
    ) {
        match (self, value) {
            (Self::Root, _) => out.push(root),
            (Self::Field(name), Value::Object(fields)) => out.extend(fields.get(name)),
            (Self::Quoted(name, path), Value::Object(fields)) => match fields.get(name) {
                Some(field) => out.push(field),
                None => out.extend(path.from(root, value, fault)),
            },
            (Self::Wildcard, Value::Object(fields)) => out.extend(fields.values()),
            (Self::Wildcard, Value::Array(items)) => out.extend(items),
            (Self::Descend, _) => descend(value, out),
            (Self::Slice(slice), Value::Array(items)) => match slice.cut(items) {
                Ok(found) => out.extend(found),
                Err(why) => {
                    fault.get_or_insert(why);
                }
            },
            (Self::Union(steps), _) => {
                for step in steps {
                    step.apply(root, value, out, fault);
                }
            }
            (Self::Filter { left, test }, Value::Array(items)) => {
                out.extend(
                    items
                        .iter()
                        .filter(|item| passes(root, item, left, test.as_ref(), fault)),
                );
            }
            (Self::Filter { left, test }, Value::Object(fields)) => {
                fault.get_or_insert(not_a_list(value, " and cannot be filtered"));
                out.extend(
                    fields
                        .values()
                        .filter(|item| passes(root, item, left, test.as_ref(), fault)),
                );
            }
            (Self::Slice(_), Value::Null) => {}
            (Self::Slice(_), _) => {
                fault.get_or_insert(not_a_list(value, ""));
            }
            (Self::Filter { .. }, _) => {
                fault.get_or_insert(not_a_list(value, " and cannot be filtered"));
            }
            _ => {}
        }
    }
}

fn descend<'v>(value: &'v Value, out: &mut Vec<&'v Value>) {
    out.push(value);
    match value {
        Value::Object(fields) => fields.values().for_each(|field| descend(field, out)),
        Value::Array(items) => items.iter().for_each(|item| descend(item, out)),
        _ => {}
    }
}

fn passes(
    root: &Value,
    item: &Value,
    left: &Operand,
    test: Option<&(Compare, Operand)>,
    fault: &mut Fault,
) -> bool {
    let mut resolve = |operand: &Operand| match operand {
        Operand::Path(path) => path
            .from(root, item, fault)
            .first()
            .map(|value| (*value).clone()),
        Operand::Literal(value) => Some(value.clone()),
    };
    let Some(left) = resolve(left) else {
        return false;
    };
    let Some((compare, right)) = test else {
        return true;
    };
    let Some(right) = resolve(right) else {
        return false;
    };
    let order = match (&left, &right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64().partial_cmp(&right.as_f64()),
        _ => Some(text(&left).cmp(&text(&right))),
    };
    match (compare, order) {
        (Compare::Equal, order) => order == Some(std::cmp::Ordering::Equal),
        (Compare::NotEqual, order) => order != Some(std::cmp::Ordering::Equal),
        (_, None) => false,
        (Compare::Less, Some(order)) => order.is_lt(),
        (Compare::LessEqual, Some(order)) => order.is_le(),
        (Compare::Greater, Some(order)) => order.is_gt(),
        (Compare::GreaterEqual, Some(order)) => order.is_ge(),
    }
}

/// A value as kubectl prints it: text bare, everything else as JSON with Go's escapes.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(_) | Value::Object(_) => go_escaped(&json(value)),
        Value::Number(number) => plain_number(number),
        Value::Bool(flag) => flag.to_string(),
    }
}

/// JSON as Go's encoder writes it: `<`, `>` and `&`, which occur only in strings, and two line separators are escaped.
fn go_escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// What `-o jsonpath=` takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Path(JsonPath),
    Range(JsonPath, Vec<Piece>),
}

impl Template {
    /// Reads a template; what is not in braces is text.
    ///
    /// ```
    /// use etcd_inspect_kube::jsonpath::Template;
    /// let list = serde_json::json!({"items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]});
    /// let template = Template::parse(r#"{range .items[*]}{.metadata.name}{"\n"}{end}"#)?;
    /// assert_eq!(template.render(&list).as_deref(), Ok("a\nb\n"));
    /// # Ok::<(), etcd_inspect_kube::jsonpath::JsonPathError>(())
    /// ```
    ///
    /// # Errors
    /// [`JsonPathError`] with the place where reading stopped.
    pub fn parse(text: &str) -> Result<Self, JsonPathError> {
        // The innermost open range is the last one; the first is the template itself.
        let mut open: Vec<(JsonPath, Vec<Piece>)> = vec![(JsonPath::default(), Vec::new())];
        let mut rest = text;
        while !rest.is_empty() {
            let (literal, tail) = rest.split_once('{').unwrap_or((rest, ""));
            let braces = rest.len() > literal.len();
            let nodes = open.last_mut().map(|(_, nodes)| nodes);
            if let (false, Some(nodes)) = (literal.is_empty(), nodes) {
                nodes.push(Piece::Text(literal.to_owned()));
            }
            if !braces {
                break;
            }
            let mut reader = PathReader {
                rest: tail,
                depth: 0,
            };
            reader.braces(&mut open)?;
            rest = reader.rest;
        }
        match (open.pop(), open.is_empty()) {
            (Some((_, nodes)), true) => Ok(Self(nodes)),
            _ => Err(JsonPathError {
                at: text.to_owned(),
                want: "a range without {end}",
            }),
        }
    }

    /// The text for one object.
    ///
    /// # Errors
    /// What kubectl refuses: an index that a list does not have, an index or a filter of what is no list.
    pub fn render(&self, root: &Value) -> Result<String, JsonPathFault> {
        self.rendered(root, &joined)
    }

    /// The same for `-o jsonpath-as-json`: what each path finds is a list of its own.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn render_json(&self, root: &Value) -> Result<String, JsonPathFault> {
        self.rendered(root, &listed)
    }

    fn rendered(&self, root: &Value, found: &Shown) -> Result<String, JsonPathFault> {
        let (mut out, mut fault) = (String::new(), None);
        render(&self.0, root, root, (found, &mut fault), &mut out);
        match fault {
            None => Ok(out),
            Some(why) => Err(JsonPathFault(why)),
        }
    }
}

/// Why a template cannot be rendered for an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the JSONPath does not fit the object: {0}")]
pub struct JsonPathFault(String);

/// How the values of one path are shown.
type Shown = dyn Fn(Vec<&Value>, &mut String);

fn render(
    nodes: &[Piece],
    root: &Value,
    current: &Value,
    (found, fault): (&Shown, &mut Fault),
    out: &mut String,
) {
    for node in nodes {
        match node {
            Piece::Text(text) => out.push_str(text),
            Piece::Path(path) => found(path.from(root, current, fault), out),
            Piece::Range(path, body) => {
                for item in path.from(root, current, fault) {
                    render(body, root, item, (found, &mut *fault), out);
                }
            }
        }
    }
}

fn joined(values: Vec<&Value>, out: &mut String) {
    for (at, value) in values.into_iter().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        out.push_str(&text(value));
    }
}

/// With four blanks a level, as kubectl indents it.
fn listed(values: Vec<&Value>, out: &mut String) {
    let mut json = Vec::new();
    let indent = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut writer = serde_json::Serializer::with_formatter(&mut json, indent);
    // Values that were parsed can be written, and memory takes them.
    let _ = serde::Serialize::serialize(&values, &mut writer);
    out.push_str(&go_escaped(&String::from_utf8_lossy(&json)));
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list() -> Value {
        json!({"kind": "List", "items": [
            {"metadata": {"name": "a", "labels": {"app.io/name": "x"}}, "spec": {"n": 1}, "ready": true},
            {"metadata": {"name": "b"}, "spec": {"n": 2}},
            {"metadata": {"name": "c"}, "spec": {"n": 10}},
        ]})
    }

    #[test]
    fn templates_print_what_kubectl_prints() {
        for (template, want) in [
            ("{.items[*].metadata.name}", "a b c"),
            ("{.items[0].metadata.name}", "a"),
            ("{.items[-1].metadata.name}", "c"),
            ("{.items[0:2].metadata.name}", "a b"),
            ("{.items[::2].metadata.name}", "a c"),
            ("{.items[0,2].metadata.name}", "a c"),
            ("{.items[*]['metadata.name', 'ready']}", "a b c true"),
            ("{..name}", "a b c"),
            ("{.items[*].spec}", r#"{"n":1} {"n":2} {"n":10}"#),
            (r#"{.items[?(@.metadata.name=="b")].spec.n}"#, "2"),
            ("{.items[?(@.spec.n>1)].metadata.name}", "b c"),
            ("{.items[?(@.ready)].metadata.name}", "a"),
            ("{.items[?(@.ready==true)].metadata.name}", "a"),
            (r"{.items[0].metadata.labels.app\.io/name}", "x"),
            ("{.items[0].metadata.labels['app.io/name']}", "x"),
            ("{.items[*]['metadata.name']}", "a b c"),
            (
                r"{.items[0]['metadata.labels.app\.io/name', 'ready']}",
                "x true",
            ),
            (
                r#"{range .items[*]}{.metadata.name}{"\t"}{.spec.n}{"\n"}{end}"#,
                "a\t1\nb\t2\nc\t10\n",
            ),
            (r#"{range .items[*]}{@.metadata.name},{end}!"#, "a,b,c,!"),
            ("kind: {$.kind} {.missing}.", "kind: List ."),
            (".kind", ".kind"),
            (r#"{"\u00e9\x41"}"#, "éA"),
            ("{1.5} {true}", "1.5 true"),
            ("{.items[1:1].spec}x", "x"),
            ("{.missing[0]}{.kind.x}", ""),
        ] {
            let rendered = Template::parse(template).unwrap().render(&list());
            assert_eq!(rendered.as_deref(), Ok(want), "{template}");
        }
    }

    #[test]
    fn as_json_each_path_is_a_list_of_what_it_finds() {
        let template = Template::parse("{.items[0:2].metadata.name}{.kind}{.missing}").unwrap();
        assert_eq!(
            template.render_json(&list()).unwrap(),
            "[\n    \"a\",\n    \"b\"\n]\n[\n    \"List\"\n]\n[]\n"
        );
        let object = json!({"a": {"b": "x<y>&z"}});
        let template = Template::parse("{.a} {.a.b}").unwrap();
        assert_eq!(
            template.render(&object).unwrap(),
            r#"{"b":"x\u003cy\u003e\u0026z"} x<y>&z"#
        );
    }

    #[test]
    fn what_kubectl_refuses_is_refused_and_nothing_is_printed() {
        for (template, why) in [
            (
                "{.items[99].metadata.name}x",
                "array index out of bounds: index 99, length 3",
            ),
            (
                "{.items[0:9]}",
                "array index out of bounds: index 8, length 3",
            ),
            (
                "{.items[-9]}",
                "array index out of bounds: index -6, length 3",
            ),
            (
                "{.items[2:1]}",
                "starting index 2 is greater than ending index 1",
            ),
            ("{.kind[0]}", "string is not array or slice"),
            (
                "{.items[0].metadata[*]}",
                "map[string]interface {} is not array or slice",
            ),
            (
                "{.kind[?(@.a)]}",
                "string is not array or slice and cannot be filtered",
            ),
        ] {
            let refused = Template::parse(template).unwrap().render(&list());
            assert_eq!(refused, Err(JsonPathFault(why.to_owned())), "{template}");
        }
        let whole = Template::parse("{}").unwrap().render(&json!({"a": 1}));
        assert_eq!(whole.as_deref(), Ok(r#"{"a":1}"#));
    }

    #[test]
    fn a_wrong_path_says_where_reading_stopped() {
        for template in [
            "{.items[",
            "{.items[x]}",
            "{range .items[*]}",
            "{end}",
            "{.a",
            "{kind}",
            "{\"x}",
            "{.items[?(@.a==)]}",
        ] {
            assert!(Template::parse(template).is_err(), "{template}");
        }
    }

    #[test]
    fn bare_paths_are_read_as_custom_columns_write_them() {
        for path in [
            ".metadata.name",
            "metadata.name",
            "{.metadata.name}",
            "$.metadata.name",
            "{ .metadata.name }",
        ] {
            assert_eq!(
                JsonPath::parse(path)
                    .unwrap()
                    .find(&json!({"metadata": {"name": "a"}})),
                ["a"],
                "{path}"
            );
        }
        assert_eq!(JsonPath::parse(".").unwrap().find(&json!(1)), [1]);
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_templates_never_panic(text in r#"[{}\[\].*?@$='"a-c0-2:,()<>! -]{0,40}"#) {
            if let Ok(template) = Template::parse(&text) {
                let _ = template.render(&list());
            }
        }
    }
}
