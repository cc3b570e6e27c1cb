//! kubectl's JSONPath: templates (`{range .items[*]}{.metadata.name}{"\n"}{end}`), and the bare paths of custom columns,
//! `--sort-by` and a CRD's printer columns.
//!
//! Supported: fields (with `\.` in names), `['name']`, indexes, slices, `*`, `..`, unions, filters with `==`, `!=`, `<`,
//! `<=`, `>`, `>=` and existence, `range`/`end`, quoted text. Source: client-go `util/jsonpath`.

use std::fmt::Write as _;

use serde_json::Value;

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
pub struct JsonPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Root,
    Field(String),
    Wildcard,
    Descend,
    Slice {
        from: Option<i64>,
        to: Option<i64>,
        step: i64,
        single: bool,
    },
    Union(Vec<Step>),
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
    /// use etcd_inspect::kubernetes::jsonpath::JsonPath;
    /// let pod = serde_json::json!({"spec": {"containers": [{"image": "web:1"}, {"image": "log:2"}]}});
    /// let images = JsonPath::parse("{.spec.containers[*].image}")?;
    /// assert_eq!(images.find(&pod), ["web:1", "log:2"]);
    /// # Ok::<(), etcd_inspect::kubernetes::jsonpath::JsonPathError>(())
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
        let mut reader = Reader {
            rest: inner,
            depth: 0,
        };
        let path = if inner.starts_with(['.', '[', '$', '@']) {
            reader.path()?
        } else {
            let first = reader.name()?;
            let mut path = reader.path()?;
            path.0.insert(0, Step::Field(first));
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
        self.from(root, root)
    }

    fn from<'v>(&self, root: &'v Value, current: &'v Value) -> Vec<&'v Value> {
        let mut values = vec![current];
        for step in &self.0 {
            let mut next = Vec::new();
            for value in values {
                if next.len() < MOST {
                    step.apply(root, value, &mut next);
                }
            }
            values = next;
        }
        values
    }
}

impl Step {
    fn apply<'v>(&self, root: &'v Value, value: &'v Value, out: &mut Vec<&'v Value>) {
        match (self, value) {
            (Self::Root, _) => out.push(root),
            (Self::Field(name), Value::Object(fields)) => out.extend(fields.get(name)),
            (Self::Wildcard, Value::Object(fields)) => out.extend(fields.values()),
            (Self::Wildcard, Value::Array(items)) => out.extend(items),
            (Self::Descend, _) => descend(value, out),
            (
                Self::Slice {
                    from,
                    to,
                    step,
                    single,
                },
                Value::Array(items),
            ) => {
                let len = i64::try_from(items.len()).unwrap_or(i64::MAX);
                let absolute = |at: i64| if at < 0 { at.saturating_add(len) } else { at };
                let from = absolute(from.unwrap_or(0));
                let to = if *single {
                    from.saturating_add(1)
                } else {
                    absolute(to.unwrap_or(len))
                };
                if from < 0 || *step < 1 {
                    return;
                }
                let at = |at: i64| usize::try_from(at.clamp(0, len)).unwrap_or(usize::MAX);
                let stride = usize::try_from(*step).unwrap_or(usize::MAX);
                let range = items.get(at(from)..at(to).max(at(from)));
                out.extend(range.unwrap_or_default().iter().step_by(stride));
            }
            (Self::Union(steps), _) => steps.iter().for_each(|step| step.apply(root, value, out)),
            (Self::Filter { left, test }, Value::Array(items)) => {
                out.extend(
                    items
                        .iter()
                        .filter(|item| passes(root, item, left, test.as_ref())),
                );
            }
            (Self::Filter { left, test }, Value::Object(fields)) => {
                out.extend(
                    fields
                        .values()
                        .filter(|item| passes(root, item, left, test.as_ref())),
                );
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

fn passes(root: &Value, item: &Value, left: &Operand, test: Option<&(Compare, Operand)>) -> bool {
    let resolve = |operand: &Operand| match operand {
        Operand::Path(path) => path.from(root, item).first().map(|value| (*value).clone()),
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

/// A value as kubectl prints it: text bare, everything else as JSON.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// What `-o jsonpath=` takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(Vec<Node>);

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Text(String),
    Path(JsonPath),
    Range(JsonPath, Vec<Node>),
}

impl Template {
    /// Reads a template; a text without braces is read as one path.
    ///
    /// ```
    /// use etcd_inspect::kubernetes::jsonpath::Template;
    /// let list = serde_json::json!({"items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]});
    /// let template = Template::parse(r#"{range .items[*]}{.metadata.name}{"\n"}{end}"#)?;
    /// assert_eq!(template.render(&list), "a\nb\n");
    /// # Ok::<(), etcd_inspect::kubernetes::jsonpath::JsonPathError>(())
    /// ```
    ///
    /// # Errors
    /// [`JsonPathError`] with the place where reading stopped.
    pub fn parse(text: &str) -> Result<Self, JsonPathError> {
        if !text.contains('{') {
            return Ok(Self(vec![Node::Path(JsonPath::parse(text)?)]));
        }
        // The innermost open range is the last one; the first is the template itself.
        let mut open: Vec<(JsonPath, Vec<Node>)> = vec![(JsonPath::default(), Vec::new())];
        let mut rest = text;
        while !rest.is_empty() {
            let (literal, tail) = rest.split_once('{').unwrap_or((rest, ""));
            let braces = rest.len() > literal.len();
            let nodes = open.last_mut().map(|(_, nodes)| nodes);
            if let (false, Some(nodes)) = (literal.is_empty(), nodes) {
                nodes.push(Node::Text(literal.to_owned()));
            }
            if !braces {
                break;
            }
            let mut reader = Reader {
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
    pub fn render(&self, root: &Value) -> String {
        let mut out = String::new();
        render(&self.0, root, root, &mut out);
        out
    }
}

fn render(nodes: &[Node], root: &Value, current: &Value, out: &mut String) {
    for node in nodes {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Path(path) => {
                for (at, value) in path.from(root, current).into_iter().enumerate() {
                    let space = if at == 0 { "" } else { " " };
                    // Writing to a String cannot fail.
                    let _ = write!(out, "{space}{}", text(value));
                }
            }
            Node::Range(path, body) => path
                .from(root, current)
                .into_iter()
                .for_each(|item| render(body, root, item, out)),
        }
    }
}

struct Reader<'t> {
    rest: &'t str,
    depth: usize,
}

impl Reader<'_> {
    fn error(&self, want: &'static str) -> JsonPathError {
        JsonPathError {
            at: self.rest.to_owned(),
            want,
        }
    }

    fn eat(&mut self, token: &str) -> bool {
        self.rest
            .strip_prefix(token)
            .map(|rest| self.rest = rest)
            .is_some()
    }

    fn want(&mut self, token: &str, want: &'static str) -> Result<(), JsonPathError> {
        self.space();
        if self.eat(token) {
            Ok(())
        } else {
            Err(self.error(want))
        }
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// What follows `{`, up to and with `}`.
    fn braces(&mut self, open: &mut Vec<(JsonPath, Vec<Node>)>) -> Result<(), JsonPathError> {
        loop {
            self.space();
            let node = if self.eat("}") {
                return Ok(());
            } else if self.rest.starts_with("range ") || self.rest.starts_with("range.") {
                self.eat("range");
                self.space();
                let path = self.path()?;
                open.push((path, Vec::new()));
                continue;
            } else if self
                .rest
                .strip_prefix("end")
                .is_some_and(|rest| rest.trim_start().starts_with('}'))
            {
                self.eat("end");
                match open.pop() {
                    Some((path, nodes)) if !open.is_empty() => Node::Range(path, nodes),
                    _ => return Err(self.error("{end} without a range")),
                }
            } else if self.rest.starts_with(['"', '\'']) {
                Node::Text(self.quoted()?)
            } else if self.rest.starts_with(['.', '[', '$', '@']) {
                Node::Path(self.path()?)
            } else {
                let name = self.name()?;
                let mut path = self.path()?;
                path.0.insert(0, Step::Field(name));
                Node::Path(path)
            };
            if let Some((_, nodes)) = open.last_mut() {
                nodes.push(node);
            }
        }
    }

    fn path(&mut self) -> Result<JsonPath, JsonPathError> {
        let mut steps = Vec::new();
        if self.eat("$") {
            steps.push(Step::Root);
        } else {
            self.eat("@");
        }
        loop {
            if self.eat("..") {
                steps.push(Step::Descend);
                if !self.rest.starts_with('[') {
                    steps.push(self.field()?);
                }
            } else if self.eat(".") {
                // `{.}` is the object itself; `.[0]` is `[0]`.
                if !self.rest.is_empty() && !self.rest.starts_with(['[', '}', ' ', ')']) {
                    steps.push(self.field()?);
                }
            } else if self.eat("[") {
                steps.push(self.bracket()?);
            } else {
                return Ok(JsonPath(steps));
            }
        }
    }

    fn field(&mut self) -> Result<Step, JsonPathError> {
        if self.eat("*") {
            return Ok(Step::Wildcard);
        }
        self.name().map(Step::Field)
    }

    fn name(&mut self) -> Result<String, JsonPathError> {
        let mut name = String::new();
        let mut chars = self.rest.char_indices();
        let end = loop {
            match chars.next() {
                Some((_, '\\')) => name.extend(chars.next().map(|(_, escaped)| escaped)),
                Some((_, c)) if !c.is_whitespace() && !".[]{}()=!<>,'\"@$|&".contains(c) => {
                    name.push(c)
                }
                Some((at, _)) => break at,
                None => break self.rest.len(),
            }
        };
        if end == 0 {
            return Err(self.error("a field name"));
        }
        self.rest = self.rest.get(end..).unwrap_or_default();
        Ok(name)
    }

    fn quoted(&mut self) -> Result<String, JsonPathError> {
        let mut chars = self.rest.char_indices();
        let Some((_, quote)) = chars.next() else {
            return Err(self.error("a quote"));
        };
        let mut text = String::new();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, c)) => text.push(c),
                    None => break,
                },
                c if c == quote => {
                    self.rest = self.rest.get(at + c.len_utf8()..).unwrap_or_default();
                    return Ok(text);
                }
                c => text.push(c),
            }
        }
        Err(self.error("a closing quote"))
    }

    fn integer(&mut self) -> Option<i64> {
        self.space();
        let digits = self
            .rest
            .trim_start_matches(['-', '+'])
            .find(|c: char| !c.is_ascii_digit());
        let sign = self.rest.len() - self.rest.trim_start_matches(['-', '+']).len();
        let end = digits.map_or(self.rest.len(), |digits| sign + digits);
        let number = self.rest.get(..end)?.parse().ok()?;
        self.rest = self.rest.get(end..)?;
        self.space();
        Some(number)
    }

    fn bracket(&mut self) -> Result<Step, JsonPathError> {
        self.space();
        if self.eat("?(") {
            let step = self.filter()?;
            self.want(")", "a closing parenthesis")?;
            self.want("]", "a closing bracket")?;
            return Ok(step);
        }
        let mut steps = Vec::new();
        loop {
            self.space();
            steps.push(if self.eat("*") {
                Step::Wildcard
            } else if self.rest.starts_with(['\'', '"']) {
                Step::Field(self.quoted()?)
            } else {
                self.slice()?
            });
            self.space();
            if self.eat("]") {
                break;
            }
            self.want(",", "a closing bracket")?;
        }
        match (steps.pop(), steps.is_empty()) {
            (Some(step), true) => Ok(step),
            (last, _) => {
                steps.extend(last);
                Ok(Step::Union(steps))
            }
        }
    }

    fn slice(&mut self) -> Result<Step, JsonPathError> {
        let from = self.integer();
        if !self.eat(":") {
            return match from {
                Some(_) => Ok(Step::Slice {
                    from,
                    to: None,
                    step: 1,
                    single: true,
                }),
                None => Err(self.error("an index, a name in quotes, * or ?()")),
            };
        }
        let to = self.integer();
        let step = if self.eat(":") { self.integer() } else { None };
        Ok(Step::Slice {
            from,
            to,
            step: step.unwrap_or(1),
            single: false,
        })
    }

    fn filter(&mut self) -> Result<Step, JsonPathError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.error("filters are nested too deep"));
        }
        let left = self.operand()?;
        self.space();
        let operators = [
            ("==", Compare::Equal),
            ("!=", Compare::NotEqual),
            ("<=", Compare::LessEqual),
            (">=", Compare::GreaterEqual),
            ("<", Compare::Less),
            (">", Compare::Greater),
        ];
        let found = operators.into_iter().find(|(token, _)| self.eat(token));
        let test = match found {
            Some((_, compare)) => Some((compare, self.operand()?)),
            None => None,
        };
        self.depth -= 1;
        Ok(Step::Filter { left, test })
    }

    fn operand(&mut self) -> Result<Operand, JsonPathError> {
        self.space();
        if self.rest.starts_with(['@', '$', '.']) {
            return self.path().map(Operand::Path);
        }
        if self.rest.starts_with(['\'', '"']) {
            return self
                .quoted()
                .map(|text| Operand::Literal(Value::String(text)));
        }
        let end = self
            .rest
            .find(|c: char| c.is_whitespace() || ")=!<>".contains(c))
            .unwrap_or(self.rest.len());
        let literal = self
            .rest
            .get(..end)
            .and_then(|text| serde_json::from_str(text).ok());
        let literal = literal
            .ok_or_else(|| self.error("@.path, a text in quotes, a number, true or false"))?;
        self.rest = self.rest.get(end..).unwrap_or_default();
        Ok(Operand::Literal(literal))
    }
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
            ("{.items[*]['metadata.name', 'ready']}", "true"),
            ("{..name}", "a b c"),
            ("{.items[*].spec}", r#"{"n":1} {"n":2} {"n":10}"#),
            (r#"{.items[?(@.metadata.name=="b")].spec.n}"#, "2"),
            ("{.items[?(@.spec.n>1)].metadata.name}", "b c"),
            ("{.items[?(@.ready)].metadata.name}", "a"),
            ("{.items[?(@.ready==true)].metadata.name}", "a"),
            (r"{.items[0].metadata.labels.app\.io/name}", "x"),
            ("{.items[0].metadata.labels['app.io/name']}", "x"),
            (
                r#"{range .items[*]}{.metadata.name}{"\t"}{.spec.n}{"\n"}{end}"#,
                "a\t1\nb\t2\nc\t10\n",
            ),
            (r#"{range .items[*]}{@.metadata.name},{end}!"#, "a,b,c,!"),
            ("kind: {$.kind} {.missing}.", "kind: List ."),
            (".kind", "List"),
            ("{kind}", "List"),
        ] {
            let rendered = Template::parse(template).map(|template| template.render(&list()));
            assert_eq!(rendered.as_deref(), Ok(want), "{template}");
        }
    }

    #[test]
    fn a_wrong_path_says_where_reading_stopped() {
        for template in [
            "{.items[",
            "{.items[x]}",
            "{range .items[*]}",
            "{end}",
            "{.a",
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
                template.render(&list());
            }
        }
    }
}
