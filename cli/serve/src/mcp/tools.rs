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
    pub(super) verb: &'static [&'static str],
    /// Its parameters.
    pub(super) parameters: &'static [Parameter],
    /// Whether it is asked of evidence.
    reads_evidence: bool,
}

/// A parameter of a tool.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    description: &'static str,
    pub(super) form: ArgumentForm,
    pub(super) is_needed: bool,
}

/// How a parameter becomes a part of a command line.
#[derive(Debug)]
pub(super) enum ArgumentForm {
    /// A word without a flag.
    Word,
    /// A flag with a text.
    Text(&'static str),
    /// A flag with a whole number, which may be negative.
    Number(&'static str),
    /// A flag that is given or not.
    Flag(&'static str),
}

impl ArgumentForm {
    /// The flag, if it is one.
    pub(super) fn flag(&self) -> Option<&'static str> {
        match self {
            Self::Word => None,
            Self::Text(flag) | Self::Number(flag) | Self::Flag(flag) => Some(flag),
        }
    }
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
const AT: Parameter = optional(
    "at",
    ArgumentForm::Text("--at"),
    "as of this time: RFC 3339, 03:10 on the last day, or -2h before the newest time in the data",
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
const SINCE: Parameter = optional(
    "since",
    ArgumentForm::Text("--since"),
    "only after this time: RFC 3339, 03:10 on the last day, or -10m",
);
const UNTIL: Parameter = optional(
    "until",
    ArgumentForm::Text("--until"),
    "only up to this time",
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
        parameters: &[
            optional(
                "deep",
                ArgumentForm::Flag("--deep"),
                "also every Kubernetes object",
            ),
            optional(
                "only",
                ArgumentForm::Text("--only"),
                "findings whose code begins so: BOLT, WAL-006",
            ),
        ],
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
        parameters: &[REV, AT],
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
            AT,
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
            AT,
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
            REV,
            AT,
        ],
        reads_evidence: true,
    },
    AgentTool {
        name: "changes",
        description: "What happened last: writes and deletions, with when, who and what changed. Without last, since and until: the newest 20.",
        verb: &["changes"],
        parameters: &[
            NAMESPACE,
            SINCE,
            UNTIL,
            optional(
                "last",
                ArgumentForm::Number("--last"),
                "the newest so many rows; 0: all",
            ),
            optional(
                "ops",
                ArgumentForm::Text("--ops"),
                "put, delete, range, expire, with commas",
            ),
            optional(
                "by",
                ArgumentForm::Text("--by"),
                "count by resource, namespace or who",
            ),
            optional(
                "all",
                ArgumentForm::Flag("--all"),
                "also renewed Leases, repeated Events and changes of nothing but the status",
            ),
        ],
        reads_evidence: true,
    },
    AgentTool {
        name: "diff",
        description: "What differs between two revisions or times of an object, a resource or a namespace.",
        verb: &["diff"],
        parameters: &[
            optional(
                "what",
                ArgumentForm::Word,
                "TYPE or TYPE/NAME as for kubectl, or a raw key; needed without a namespace",
            ),
            NAMESPACE,
            ALL,
            optional(
                "from",
                ArgumentForm::Text("--from"),
                "the first state: a revision, -N, or a time",
            ),
            optional(
                "to",
                ArgumentForm::Text("--to"),
                "the second state; default: the newest",
            ),
        ],
        reads_evidence: true,
    },
    AgentTool {
        name: "blame",
        description: "Which write gave each line of an object its value: revision, time and writer.",
        verb: &["blame"],
        parameters: &[
            needed(
                "what",
                ArgumentForm::Word,
                "TYPE/NAME as for kubectl, or a raw key",
            ),
            NAMESPACE,
            REV,
            AT,
        ],
        reads_evidence: true,
    },
    AgentTool {
        name: "timeline",
        description: "One stream of writes, deletions, elections, members, alarms, compactions, snapshots, Kubernetes Events and findings.",
        verb: &["timeline"],
        parameters: &[
            NAMESPACE,
            SINCE,
            UNTIL,
            optional(
                "kind",
                ArgumentForm::Text("--kind"),
                "only these, with commas: put, delete, election, membership, alarm, compaction, snapshot, event, finding",
            ),
        ],
        reads_evidence: true,
    },
    AgentTool {
        name: "salvage_plan",
        description: "What a backup made of this evidence would have and lack. Nothing is written.",
        verb: &["salvage", "--dry-run"],
        parameters: &[],
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
            optional(
                "fixed",
                ArgumentForm::Flag("--fixed"),
                "the pattern is a string",
            ),
            REV,
            AT,
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
