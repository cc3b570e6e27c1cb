//! A plan as `check -o json` prints it.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// One step of a printed plan.
#[derive(Clone, Debug)]
pub struct PrintedStep {
    pub action: String,
    /// Each is a line for a shell.
    pub commands: Vec<String>,
    pub effect: String,
    /// `None` if the plan says `unknown`.
    pub starts: Option<bool>,
    pub message: Option<String>,
    pub revision: Option<i64>,
    pub keys: Option<usize>,
    pub later_writes: String,
    /// Lost, wrong, duplicated and undone writes together.
    pub harm: u64,
}

impl PrintedStep {
    fn from_json(step: &Value) -> Self {
        let outcome = &step["outcome"];
        let count = |value: &Value| value.as_u64().unwrap_or(0);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            action: text(&step["action"]),
            commands: lines(&step["command"]),
            effect: text(&step["effect"]),
            starts: outcome["starts"].as_bool(),
            message: outcome["message"].as_str().map(str::to_owned),
            revision: outcome["revision"].as_i64(),
            keys: outcome["keys"]
                .as_u64()
                .and_then(|keys| usize::try_from(keys).ok()),
            later_writes: text(&outcome["later_writes"]),
            harm: count(&step["lost"]["writes"])
                + count(&step["wrong"])
                + count(&step["duplicated"])
                + count(&step["undone"])
                // "At least none" is not none.
                + u64::from(step["lost"]["at_least"] == true),
        }
    }
}

fn lines(commands: &Value) -> Vec<String> {
    let commands = commands.as_array().map(Vec::as_slice).unwrap_or_default();
    commands
        .iter()
        .map(|command| command.as_str().unwrap().to_owned())
        .collect()
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Printed {
    pub steps: Vec<PrintedStep>,
    pub next: Vec<String>,
}

impl Printed {
    /// What `check` prints of evidence for a release.
    pub fn check(evidence: &Path, release: &str) -> Self {
        let said = inspect(&[
            "check",
            evidence.to_str().unwrap(),
            "--etcd",
            release,
            "-o",
            "json",
        ]);
        Self {
            steps: said["plan"]
                .as_array()
                .unwrap_or_else(|| panic!("a plan in {said}"))
                .iter()
                .map(PrintedStep::from_json)
                .collect(),
            next: lines(&said["next"]),
        }
    }

    /// The step that `preflight` prints for one action.
    pub fn preflight(evidence: &Path, action: &str, release: &str) -> Option<PrintedStep> {
        let said = preflight(evidence, action, release);
        let step = &said["step"];
        (!step.is_null()).then(|| PrintedStep::from_json(step))
    }

    pub fn step(&self, action: &str) -> Option<&PrintedStep> {
        self.steps.iter().find(|step| step.action == action)
    }
}

/// The path of the binary.
pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_etcd-inspect"))
}

/// What `preflight` answers for one action.
pub fn preflight(evidence: &Path, action: &str, release: &str) -> Value {
    let path = evidence.to_str().unwrap();
    inspect(&[
        "preflight",
        path,
        "--for",
        action,
        "--etcd",
        release,
        "-o",
        "json",
    ])
}

/// Runs the binary; its JSON.
pub fn inspect(arguments: &[&str]) -> Value {
    let output = Command::new(binary())
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!(
            "{arguments:?}: {error}\n{text}\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}
