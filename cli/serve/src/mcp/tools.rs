//! The tools: what an agent may ask, and the command line that answers it.

use serde_json::{Map, Value, json};

/// A tool.
#[derive(Debug)]
pub struct AgentTool {
    /// Its name.
    pub name: &'static str,
    /// What it answers.
    pub description: &'static str,
    /// The verb and the flags that are always given.
    verb: &'static [&'static str],
    /// Its parameters.
    parameters: &'static [Parameter],
    /// Whether it is asked of evidence.
    reads_evidence: bool,
}

/// A parameter of a tool.
#[derive(Debug)]
struct Parameter {
    name: &'static str,
    description: &'static str,
    form: ArgumentForm,
    is_needed: bool,
}

/// How a parameter becomes a part of a command line.
#[derive(Debug)]
enum ArgumentForm {
    /// A word without a flag.
    Word,
    /// A flag with a text.
    Text(&'static str),
    /// A flag with a whole number, which may be negative.
    Number(&'static str),
    /// A flag that is given or not.
    Flag(&'static str),
}

const fn needed(name: &'static str, form: ArgumentForm, description: &'static str) -> Parameter {
    Parameter {
        name,
        description,
        form,
        is_needed: true,
    }
}

const fn optional(name: &'static str, form: ArgumentForm, description: &'static str) -> Parameter {
    Parameter {
        name,
        description,
        form,
        is_needed: false,
    }
}

const REV: Parameter = optional(
    "revision",
    ArgumentForm::Number("--rev"),
    "as of this revision; -N: N before the newest",
);
const NAMESPACE: Parameter = optional(
    "namespace",
    ArgumentForm::Text("--namespace"),
    "of this namespace",
);
const ALL: Parameter = optional(
    "all_namespaces",
    ArgumentForm::Flag("--all-namespaces"),
    "of all namespaces",
);
const REPLAY: Parameter = optional(
    "replay",
    ArgumentForm::Flag("--replay"),
    "as etcd would have it after a start: newer log entries applied",
);

/// All tools.
pub static QUESTIONS: &[AgentTool] = &[
    AgentTool {
        name: "status",
        description: "What this evidence is, whether it is healthy, and what to do next: cluster, revision, raft, keys, sizes, findings.",
        verb: &["status"],
        parameters: &[REPLAY],
        reads_evidence: true,
    },
    AgentTool {
        name: "check",
        description: "Verifies every structure: findings with place, cause and effect, and the ranked plan of what to do.",
        verb: &["check"],
        parameters: &[],
        reads_evidence: true,
    },
    AgentTool {
        name: "plan",
        description: "May etcd start with this, be restored from it, be upgraded with it? GO or NO-GO, with what would be lost.",
        verb: &["preflight"],
        parameters: &[needed(
            "goal",
            ArgumentForm::Text("--for"),
            "start, restore, upgrade or force-new-cluster",
        )],
        reads_evidence: true,
    },
    AgentTool {
        name: "keys",
        description: "Sums of keys, versions and bytes for each Kubernetes resource.",
        verb: &["keys", "--by-resource"],
        parameters: &[REV],
        reads_evidence: true,
    },
    AgentTool {
        name: "list_keys",
        description: "Keys with their revisions and sizes, below a prefix.",
        verb: &["keys"],
        parameters: &[
            optional(
                "prefix",
                ArgumentForm::Text("--prefix"),
                "keys that begin so",
            ),
            REV,
            optional(
                "deleted",
                ArgumentForm::Flag("--deleted"),
                "keys whose newest revision is a deletion",
            ),
        ],
        reads_evidence: true,
    },
    AgentTool {
        name: "get",
        description: "Kubernetes objects, or raw keys, at any retained revision. Secret values are masked.",
        verb: &["get"],
        parameters: &[
            needed(
                "what",
                ArgumentForm::Word,
                "TYPE, TYPE/NAME as for kubectl, or a raw key",
            ),
            NAMESPACE,
            ALL,
            REV,
            optional("labels", ArgumentForm::Text("--selector"), "label selector"),
            optional(
                "fields",
                ArgumentForm::Text("--field-selector"),
                "field selector",
            ),
        ],
        reads_evidence: true,
    },
    AgentTool {
        name: "history",
        description: "Every retained version of an object or key: when, by whom, which fields changed.",
        verb: &["history"],
        parameters: &[
            needed(
                "what",
                ArgumentForm::Word,
                "TYPE/NAME as for kubectl, or a raw key",
            ),
            NAMESPACE,
        ],
        reads_evidence: true,
    },
    AgentTool {
        name: "changes",
        description: "What happened last: writes and deletions, with when, who and what changed.",
        verb: &["changes"],
        parameters: &[NAMESPACE],
        reads_evidence: true,
    },
    AgentTool {
        name: "diff",
        description: "What differs between two revisions of an object or key.",
        verb: &["diff"],
        parameters: &[
            needed(
                "what",
                ArgumentForm::Word,
                "TYPE/NAME as for kubectl, or a raw key",
            ),
            NAMESPACE,
            optional("from", ArgumentForm::Number("--from"), "the older revision"),
            optional("to", ArgumentForm::Number("--to"), "the newer revision"),
        ],
        reads_evidence: true,
    },
    AgentTool {
        name: "search",
        description: "Finds a string or regular expression in keys, decoded values and their older versions.",
        verb: &["search"],
        parameters: &[
            needed(
                "pattern",
                ArgumentForm::Word,
                "a string or regular expression",
            ),
            optional("fixed", ArgumentForm::Flag("-F"), "the pattern is a string"),
        ],
        reads_evidence: true,
    },
    AgentTool {
        name: "wal_terms",
        description: "Terms of the raft log: first and last index, number of entries, votes.",
        verb: &["wal", "--terms"],
        parameters: &[],
        reads_evidence: true,
    },
    AgentTool {
        name: "explain",
        description: "What a code of a finding or error means, why it happens, what to do.",
        verb: &["explain"],
        parameters: &[needed("code", ArgumentForm::Word, "BOLT-007, E0102")],
        reads_evidence: false,
    },
];

impl AgentTool {
    /// The tool of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        QUESTIONS.iter().find(|question| question.name == name)
    }

    /// The JSON Schema of its parameters.
    pub fn schema(&self) -> Map<String, Value> {
        let mut properties = Map::new();
        for parameter in self.parameters {
            let kind = match parameter.form {
                ArgumentForm::Word | ArgumentForm::Text(_) => "string",
                ArgumentForm::Number(_) => "integer",
                ArgumentForm::Flag(_) => "boolean",
            };
            let schema = json!({ "type": kind, "description": parameter.description });
            properties.insert(parameter.name.to_owned(), schema);
        }
        if self.reads_evidence {
            let schema = json!({ "type": "string", "description": "which evidence, by its name; default: the first" });
            properties.insert("source".to_owned(), schema);
        }
        let schema =
            json!({ "type": "string", "description": "nextCursor of the answer before, to go on" });
        properties.insert("cursor".to_owned(), schema);
        let needed = self
            .parameters
            .iter()
            .filter(|parameter| parameter.is_needed);
        let needed: Vec<&str> = needed.map(|parameter| parameter.name).collect();
        object(
            json!({ "type": "object", "properties": properties, "required": needed, "additionalProperties": false }),
        )
    }

    /// The command line, without the program, or why the arguments make none. `path`: the evidence.
    pub fn command(
        &self,
        arguments: &Map<String, Value>,
        path: &str,
    ) -> Result<Vec<String>, String> {
        let known = |name: &str| {
            matches!(name, "source" | "cursor")
                || self
                    .parameters
                    .iter()
                    .any(|parameter| parameter.name == name)
        };
        if let Some(name) = arguments.keys().find(|name| !known(name)) {
            return Err(format!("{} has no parameter {name:?}", self.name));
        }
        let mut words: Vec<String> = self.verb.iter().map(|word| (*word).to_owned()).collect();
        let mut operands = Vec::new();
        for parameter in self.parameters {
            match arguments
                .get(parameter.name)
                .filter(|value| !value.is_null())
            {
                Some(value) => parameter.add(value, &mut words, &mut operands)?,
                None if parameter.is_needed => {
                    return Err(format!("{} needs {:?}", self.name, parameter.name));
                }
                None => {}
            }
        }
        if self.reads_evidence {
            words.push(format!("--data-dir={path}"));
        }
        words.extend([
            "--output=json".to_owned(),
            "--no-config".to_owned(),
            "--progress=never".to_owned(),
        ]);
        // Nothing that an agent says is read as a flag.
        words.push("--".to_owned());
        words.extend(operands);
        Ok(words)
    }
}

impl Parameter {
    fn add(
        &self,
        value: &Value,
        words: &mut Vec<String>,
        operands: &mut Vec<String>,
    ) -> Result<(), String> {
        let wrong = |what: &str| format!("{} is {what}, not {value}", self.name);
        match self.form {
            ArgumentForm::Word => {
                operands.push(value.as_str().ok_or_else(|| wrong("a string"))?.to_owned())
            }
            ArgumentForm::Text(flag) => {
                let text = value.as_str().ok_or_else(|| wrong("a string"))?;
                words.push(format!("{flag}={text}"));
            }
            ArgumentForm::Number(flag) => {
                let number = value.as_i64().ok_or_else(|| wrong("a whole number"))?;
                words.push(format!("{flag}={number}"));
            }
            ArgumentForm::Flag(flag) => match value.as_bool() {
                Some(true) => words.push(flag.to_owned()),
                Some(false) => {}
                None => return Err(wrong("true or false")),
            },
        }
        Ok(())
    }
}

/// The members of an object.
pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_says_is_never_a_flag() {
        let get = AgentTool::named("get").unwrap();
        let arguments = object(json!({ "what": "--reveal=all", "namespace": "--reveal=all" }));
        let words = get.command(&arguments, "/copy/m1").unwrap();
        let end = words.iter().position(|word| word == "--").unwrap();
        assert_eq!(words[end + 1..], ["--reveal=all"]);
        assert!(
            words[..end].iter().all(|word| word != "--reveal=all"),
            "{words:?}"
        );
        assert!(
            get.command(&object(json!({ "what": "pods", "reveal": true })), "x")
                .is_err()
        );
        assert!(get.command(&Map::new(), "x").is_err());
    }
}
