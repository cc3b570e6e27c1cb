//! What to do next, as an agent can do it: a call of a tool in place of a command line, or a line that a person has to run.

use std::ffi::OsStr;

use serde_json::{Map, Value, json};

use super::asking::asking;
use super::words::Sentence;

/// Fields of our answers that have commands in them.
const FIELDS: [&str; 2] = ["next", "command"];

/// Words that a person has to replace.
const PLACEHOLDERS: [&str; 6] = ["KEY", "REV", "WHAT", "NAME", "TIME", "FILE"];

/// The sources by name and path.
pub type Sources = [(String, std::path::PathBuf)];

/// Replaces the command lines in the fields for them. Other fields are data: what looks like a command there is none of ours.
pub fn replace(answer: &mut Value, sources: &Sources) {
    match answer {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, sources)),
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                match FIELDS.contains(&name.as_str()) {
                    true => replace_texts(value, sources),
                    false => replace(value, sources),
                }
            }
        }
        _ => {}
    }
}

fn replace_texts(value: &mut Value, sources: &Sources) {
    match value {
        Value::String(text) => *value = step(text, sources),
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| replace_texts(item, sources)),
        Value::Object(_) => replace(value, sources),
        _ => {}
    }
}

/// A step: the tool and its arguments, or the line for a person, each with the words around it.
fn step(text: &str, sources: &Sources) -> Value {
    let Some(found) = Sentence::parse(text) else {
        return json!({ "by_a_person": text });
    };
    let mut step = match call(&found, sources) {
        Some(call) => call,
        None => return json!({ "by_a_person": text }),
    };
    let around =
        [found.before, found.after].map(|text| text.trim_matches([' ', ':', ';', '`', '(', ')']));
    let why: Vec<&str> = around.into_iter().filter(|text| !text.is_empty()).collect();
    if !why.is_empty() {
        step.insert("why".to_owned(), json!(why.join("; ")));
    }
    Value::Object(step)
}

/// The call that asks what a command asks; `None` if no tool does.
fn call(found: &Sentence<'_>, sources: &Sources) -> Option<Map<String, Value>> {
    let is_ours = |word: &str| {
        matches!(word, "PATH" | "{path}")
            || sources.iter().any(|(_, known)| known.as_os_str() == word)
    };
    let (tool, mut arguments, path) = asking(found.words.as_deref()?, is_ours)?;
    let at = sources
        .iter()
        .position(|(_, known)| Some(known.as_os_str()) == path.as_deref().map(OsStr::new));
    if let Some((name, _)) = at.filter(|at| *at > 0).and_then(|at| sources.get(at)) {
        arguments.insert("source".to_owned(), json!(name));
    }
    let replaced = |value: &&Value| {
        value
            .as_str()
            .is_some_and(|text| PLACEHOLDERS.contains(&text))
    };
    let fill: Vec<Value> = arguments.values().filter(replaced).cloned().collect();
    let mut call = Map::new();
    call.insert("tool".to_owned(), json!(tool.name));
    call.insert("arguments".to_owned(), Value::Object(arguments));
    if !fill.is_empty() {
        call.insert("fill_in".to_owned(), Value::Array(fill));
    }
    Some(call)
}

/// The lines beside an answer, and the calls that they advise. A command that no tool is for is left out of its line.
pub fn notes(text: &str, sources: &Sources) -> (Vec<String>, Vec<Value>) {
    let (mut lines, mut calls) = (Vec::new(), Vec::new());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let Some(found) = Sentence::parse(line) else {
            lines.push(line.to_owned());
            continue;
        };
        let named = match call(&found, sources) {
            Some(call) => {
                let tool = call.get("tool").and_then(Value::as_str).unwrap_or_default();
                let named = format!("the tool {tool}");
                if !calls.contains(&Value::Object(call.clone())) {
                    calls.push(Value::Object(call));
                }
                named
            }
            None => "(no tool does; a person can, at a command line)".to_owned(),
        };
        lines.push(format!("{}{named}{}", found.before, found.after));
    }
    (lines, calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> Vec<(String, std::path::PathBuf)> {
        vec![
            ("m1".to_owned(), "/copy/m1".into()),
            ("m2".to_owned(), "/copy/m 2".into()),
        ]
    }

    #[test]
    fn a_command_becomes_the_call_that_asks_the_same() {
        for (text, expected) in [
            (
                "etcd-inspect check /copy/m1",
                json!({ "tool": "check", "arguments": {} }),
            ),
            (
                "etcd-inspect check '/copy/m 2' --deep",
                json!({ "tool": "check", "arguments": { "deep": true, "source": "m2" } }),
            ),
            (
                "etcd-inspect get deployment/web -n prod -d /copy/m1",
                json!({ "tool": "get", "arguments": { "what": "deployment/web", "namespace": "prod" } }),
            ),
            (
                "etcd-inspect get pods -A --rev=7 -d /copy/m1     all",
                json!({ "tool": "get", "arguments": { "what": "pods", "all_namespaces": true, "revision": 7 }, "why": "all" }),
            ),
            (
                "etcd-inspect preflight /copy/m1 --for start",
                json!({ "tool": "plan", "arguments": { "goal": "start" } }),
            ),
            (
                "etcd-inspect keys --by-resource /copy/m1",
                json!({ "tool": "keys", "arguments": {} }),
            ),
            (
                "etcd-inspect keys --deleted {path}",
                json!({ "tool": "list_keys", "arguments": { "deleted": true } }),
            ),
            (
                "etcd-inspect salvage /copy/m1 --dry-run",
                json!({ "tool": "salvage_plan", "arguments": {} }),
            ),
            (
                "etcd-inspect diff /copy/m1 deploy --from 5",
                json!({ "tool": "diff", "arguments": { "from": "5", "what": "deploy" } }),
            ),
            (
                "etcd-inspect history KEY -d PATH",
                json!({ "tool": "history", "arguments": { "what": "KEY" }, "fill_in": ["KEY"] }),
            ),
        ] {
            assert_eq!(step(text, &sources()), expected, "{text}");
        }
        for text in [
            "etcd-inspect salvage /copy/m1 --out a.db",
            "etcd-inspect get secrets --reveal=all -d /copy/m1",
            "etcd-inspect check /copy/another",
            "etcdutl snapshot restore a.db",
            "etcd-inspect get pods services -d /copy/m1",
            "etcd-inspect get pods -d /copy/another",
        ] {
            assert_eq!(step(text, &sources()), json!({ "by_a_person": text }));
        }
    }

    #[test]
    fn commands_in_data_stay_what_they_are() {
        let mut answer = json!({ "next": ["etcd-inspect check /copy/m1"], "rows": [{ "message": "etcd-inspect check /copy/m1" }] });
        replace(&mut answer, &sources());
        assert_eq!(answer["rows"][0]["message"], "etcd-inspect check /copy/m1");
        assert_eq!(
            answer["next"],
            json!([{ "tool": "check", "arguments": {} }])
        );
    }

    #[test]
    fn a_note_names_the_tool_and_its_call_is_a_step() {
        let text = "note: WHO is empty: etcd-inspect changes -d /copy/m1 --audit-log FILE\nwarning: damage: etcd-inspect check /copy/m1\n";
        let (lines, calls) = notes(text, &sources());
        assert_eq!(
            lines,
            [
                "note: WHO is empty: (no tool does; a person can, at a command line)",
                "warning: damage: the tool check"
            ]
        );
        assert_eq!(calls, [json!({ "tool": "check", "arguments": {} })]);
    }
}
