//! kubectl's `-o go-template=`: Go's `text/template` over the JSON of an object.
//!
//! Supported: fields, variables, pipelines, parentheses, `if`, `else if`, `with`, `range` (with `break` and `continue`), `define`
//! and `template`, trimming, comments, Go's functions over data (`index`, `slice`, `len`, `printf`, `eq`, `and`, …), and kubectl's
//! `exists` and `base64decode`. Numbers of both kinds compare by value. Source: Go `text/template`, kubectl `TemplatePrinter`.

mod functions;
mod parse;
mod print;
mod run;
mod scan;

use std::collections::HashMap;

use serde_json::Value;

pub(crate) use self::print::go_type;

use self::parse::TemplateNode;

/// Why a template could not be read, or stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot {what} the Go template at {at:?}: {why}")]
pub struct GoTemplateError {
    what: &'static str,
    at: String,
    why: String,
}

/// Maximum number of characters that an error quotes.
const QUOTED: usize = 60;

impl GoTemplateError {
    fn parse(at: &str, why: impl Into<String>) -> Self {
        Self {
            what: "read",
            at: at.chars().take(QUOTED).collect(),
            why: why.into(),
        }
    }

    fn run(at: &str, why: impl Into<String>) -> Self {
        Self {
            what: "apply",
            ..Self::parse(at, why)
        }
    }
}

/// A value as Go's `%v`: `map[app:web]`, `[a b]`, text bare.
pub fn go_text(value: &Value) -> String {
    let mut text = String::new();
    print::plain(value, &mut text);
    text
}

/// A template that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct GoTemplate {
    main: Vec<TemplateNode>,
    named: HashMap<String, Vec<TemplateNode>>,
}

impl GoTemplate {
    /// Reads a template.
    ///
    /// ```
    /// use etcd_inspect_kube::gotemplate::GoTemplate;
    /// let list = serde_json::json!({"items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]});
    /// let template = GoTemplate::parse(r#"{{range .items}}{{.metadata.name}}{{"\n"}}{{end}}"#)?;
    /// assert_eq!(template.render(&list)?, "a\nb\n");
    /// # Ok::<(), etcd_inspect_kube::gotemplate::GoTemplateError>(())
    /// ```
    ///
    /// # Errors
    /// [`GoTemplateError`] with the place where reading stopped.
    pub fn parse(text: &str) -> Result<Self, GoTemplateError> {
        parse::template(text)
    }

    /// The text for one object.
    ///
    /// # Errors
    /// [`GoTemplateError`] with the action that could not be applied.
    pub fn render(&self, root: &Value) -> Result<String, GoTemplateError> {
        run::render(self, root)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn render(template: &str) -> Result<String, GoTemplateError> {
        let object = json!({"kind": "List", "n": 3, "big": 1000000, "f": 1.5, "none": null, "yes": true, "s": "a<b",
            "data": {"token": "c2VjcmV0", "a.b": "x"}, "empty": [],
            "items": [{"name": "a", "labels": {"x": "1", "b": "2"}}, {"name": "b"}]});
        GoTemplate::parse(template)?.render(&object)
    }

    #[test]
    fn templates_print_what_kubectl_prints() {
        for (template, want) in [
            (
                "{{.kind}} {{.n}} {{.big}} {{.f}} {{.yes}}",
                "List 3 1000000 1.5 true",
            ),
            (
                "{{.missing}} {{.none}} {{.missing.deeper}}",
                "<no value> <no value> <no value>",
            ),
            ("{{.data}}", "map[a.b:x token:c2VjcmV0]"),
            ("{{range .items}}{{.name}},{{end}}", "a,b,"),
            (
                "{{range $i, $e := .items}}{{$i}}={{$e.name}} {{end}}",
                "0=a 1=b ",
            ),
            (
                "{{range $k, $v := .data}}{{$k}}={{$v}};{{end}}",
                "a.b=x;token=c2VjcmV0;",
            ),
            ("{{range .empty}}x{{else}}nothing{{end}}", "nothing"),
            ("{{if and .yes (eq .kind \"List\")}}y{{else}}n{{end}}", "y"),
            ("{{if not .yes}}a{{else if gt .n 2}}b{{else}}c{{end}}", "b"),
            (
                "{{with .missing}}a{{else}}b{{end}}{{with .kind}}{{.}}{{end}}",
                "bList",
            ),
            (
                "{{index .data \"a.b\"}} {{(index .items 1).name}} {{index .items 0 \"labels\" \"x\"}}",
                "x b 1",
            ),
            ("{{len .items}} {{len .kind}} {{len .data}}", "2 4 2"),
            (
                "{{printf \"%s has %d: %v %q|%5s|%-5s|%03d\" .kind .n .yes .kind \"ab\" \"ab\" 7}}",
                "List has 3: true \"List\"|   ab|ab   |007",
            ),
            ("{{.data.token | base64decode}}", "secret"),
            ("{{or .missing \"other\"}} {{and .kind .n}}", "other 3"),
            ("a  {{- /* c */ -}}  b {{- \" c\" -}} d", "ab cd"),
            (
                "{{$x := .kind}}{{range .items}}{{$x}}{{$.n}} {{end}}",
                "List3 List3 ",
            ),
            (
                "{{$n := 0}}{{range .items}}{{$n = .name}}{{end}}{{$n}}",
                "b",
            ),
            (
                "{{range .items}}{{if eq .name \"b\"}}{{break}}{{end}}{{.name}}{{end}}",
                "a",
            ),
            (
                "{{range .items}}{{if eq .name \"a\"}}{{continue}}{{end}}{{.name}}{{end}}",
                "b",
            ),
            (
                "{{define \"n\"}}<{{.name}}>{{end}}{{range .items}}{{template \"n\" .}}{{end}}",
                "<a><b>",
            ),
            (
                "{{exists .items 0}}{{exists . \"kind\"}}{{exists . \"no\"}}",
                "truetruefalse",
            ),
            (
                "{{html .s}} {{print 1 2 \"x\"}} {{println 1}}",
                "a&lt;b 1 2x 1\n",
            ),
            (
                "{{eq .n 1 2 3}} {{ne .n 3}} {{lt 1 2}} {{le .f 1.5}} {{`raw\\n`}}",
                "true false true true raw\\n",
            ),
            (
                "{{slice .kind 1 3}} {{.items}}",
                "is [map[labels:map[b:2 x:1] name:a] map[name:b]]",
            ),
        ] {
            assert_eq!(render(template).as_deref(), Ok(want), "{template}");
        }
    }

    #[test]
    fn a_wrong_template_says_where_it_stopped() {
        for template in [
            "{{",
            "{{.a",
            "{{if .a}}x",
            "{{end}}",
            "{{else}}",
            "{{nofunc .a}}",
            "{{.kind.x}}",
            "{{index .items 9}}",
            "{{$x}}",
            "{{\"a}}",
            "{{range .kind}}{{end}}",
            "{{len .n}}",
            "{{template \"no\"}}",
            "{{define \"a\"}}{{template \"a\"}}{{end}}{{template \"a\"}}",
            "{{break}}",
            "{{(.a}}",
            "{{.a | }}",
            "{{base64decode \"!\"}}",
        ] {
            let error = render(template).unwrap_err().to_string();
            assert!(error.contains("Go template at"), "{template}: {error}");
        }
        let masked = render("{{base64decode \"•••• fp 12345678\"}}").unwrap_err();
        assert!(masked.to_string().contains("--reveal"), "{masked}");
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_templates_never_panic(text in r#"(\{\{|\}\}|-|range|end|if|else|with|len|index|printf|\.|items|name|\$x|:=|,|\||\(|\)|"%[0-9]?[dsqvx]"| |[0-9a-z"`]){0,25}"#) {
            let _ = render(&text);
        }
    }
}
