//! What an error says to try runs when it is pasted, helps, and names the evidence.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use testkit::verbs::{self, Subject, on_all_cores};

use crate::run::{RunResult, command};

/// Words that the reader has to choose.
const CHOICES: [&str; 7] = ["FILE", "OTHER", "KEY", "REV", "N", "NAME", "SECONDS"];

/// Questions that are refused or answered with no. `{path}` is the evidence.
const REFUSED: [&[&str]; 44] = [
    &["search", "(", "-d", "{path}"],
    &["search", "--in", "wal", "[", "-d", "{path}"],
    &["timeline", "--format", "timesketch", "-o", "json", "{path}"],
    &["timeline", "--format", "bodyfile", "--limit", "3", "{path}"],
    &["keys", "--sort-by", "nope", "{path}"],
    &["keys", "--columns", "nope", "{path}"],
    &["keys", "--rev", "99999999", "{path}"],
    &["keys", "--at", "1999-01-01T00:00:00Z", "{path}"],
    &[
        "get",
        "pods",
        "-A",
        "--at",
        "1999-01-01T00:00:00Z",
        "-d",
        "{path}",
    ],
    &["get", "pods", "-A", "-o", "jsonpath={", "-d", "{path}"],
    &["get", "pods", "-A", "-l", "a in (", "-d", "{path}"],
    &["get", "pods", "-A", "--field-selector", "x", "-d", "{path}"],
    &["get", "nodez", "-d", "{path}"],
    &["get", "pods/none", "-n", "nowhere", "-d", "{path}"],
    &["describe", "pods/none", "-d", "{path}"],
    &["blame", "pods/none", "-d", "{path}"],
    &["history", "pods/none", "-d", "{path}"],
    &["history", "/nothing/of/it", "-d", "{path}"],
    &[
        "diff",
        "pods/none",
        "--from",
        "3",
        "--to",
        "5",
        "-d",
        "{path}",
    ],
    &["page", "99999999", "{path}"],
    &["page", "--hex", "{path}"],
    &["wal", "--index", "9..1", "{path}"],
    &["snap", "{path}"],
    &["certs", "--columns", "nope", "{path}"],
    &["salvage", "{path}"],
    &["salvage", "{path}", "--out", "{path}/x.db"],
    &["salvage", "{path}", "--correct", "--out-dir", "{path}/x"],
    &["redact", "{path}"],
    &["redact", "{path}", "--out={path}/x.db"],
    &["report", "{path}"],
    &["report", "{path}", "--out", "{path}/x.html"],
    &["manifest", "{path}", "--out", "{path}/x.json"],
    &["export", "-A", "-d", "{path}"],
    &["export", "-A", "-d", "{path}", "--out", "{path}/x"],
    &[
        "export", "pods", "--tables", "keys", "-d", "{path}", "--out", "x",
    ],
    &["compare", "{path}"],
    &["preflight", "--for", "nope", "{path}"],
    &["preflight", "--for", "upgrade", "--etcd", "9.9", "{path}"],
    &["sql", "select nope from keys", "-d", "{path}"],
    &["sql", "selec", "-d", "{path}"],
    &["sql", "", "-d", "{path}"],
    &["tui", "{path}"],
    &["status", "{path}/nothing"],
    &["status", "{path}", "{path}"],
];

/// What an output says to try, without the explanation after it.
fn tries(said: &RunResult) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut is_try = false;
    for line in said.err.lines() {
        if let Ok(value) = serde_json::from_str::<Value>(line) {
            let next = value["error"]["next"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            found.extend(next.iter().filter_map(Value::as_str).map(str::to_owned));
            continue;
        }
        is_try = line.starts_with("  try    ") || is_try && line.starts_with("         ");
        if is_try {
            found.insert(line[9..].to_owned());
        }
    }
    let command = |text: String| text.split("     ").next().unwrap_or_default().to_owned();
    found.into_iter().map(command).collect()
}

fn words(line: &[&str]) -> Vec<String> {
    line.iter().map(|word| (*word).to_owned()).collect()
}

fn run(line: &[String], folder: &Path) -> RunResult {
    let mut command = command();
    command.args(line).current_dir(folder);
    RunResult::from(command.output().unwrap())
}

fn assert_helpful(line: &[String], said: &RunResult, path: &str, faults: &mut Vec<String>) {
    let mut fault = |what: String| faults.push(format!("{line:?}: {what}\n{}", said.err));
    if said.err.contains("\\n") {
        fault("a line break is shown as two characters".to_owned());
    }
    let binary = Path::new(env!("CARGO_BIN_EXE_etcd-inspect"))
        .parent()
        .unwrap();
    for text in tries(said) {
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.first() != Some(&"etcd-inspect") {
            // Programs of others, which are not here.
            if !["ls", "sudo", "stat", "openssl"]
                .iter()
                .any(|other| words.first() == Some(other))
            {
                fault(format!("no command: {text}"));
            }
            continue;
        }
        if words.contains(&"PATH") || words.contains(&"WHAT") {
            fault(format!("the evidence is not named: {text}"));
        }
        if words[1..].join(" ") == line.join(" ") {
            fault(format!("the same again: {text}"));
        }
        if CHOICES.iter().any(|choice| words.contains(choice)) || words.get(1) == Some(&"serve") {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", &text])
            .env_clear()
            .env("PATH", binary)
            .env("LC_ALL", "C.UTF-8");
        shell
            .env("TMPDIR", folder.path())
            .current_dir(folder.path())
            .stdin(Stdio::null());
        let tried = RunResult::from(shell.output().unwrap());
        if tried.code == 2 && !tried.err.contains("E0102") && !tried.err.contains("E0103") {
            fault(format!("{text} is refused: {}", tried.err));
        }
    }
    let is_refused = said.code == 2 && !said.err.contains("Did you mean");
    if is_refused && tries(said).is_empty() {
        fault(format!("nothing to try about {path}"));
    }
}

#[test]
fn what_an_error_says_to_try_runs_and_names_the_evidence() {
    let healthy = testkit::copy_of(&testkit::data_dir("k8s-1.20-etcd35"));
    let damaged = testkit::copy_of(&testkit::data_dir("lagging-3.5.30"));
    let db = damaged.join("member/snap/db");
    let mut bytes = std::fs::read(&db).unwrap();
    for page in bytes.chunks_mut(4096).skip(4).step_by(5) {
        page.fill(0xaa);
    }
    std::fs::write(&db, bytes).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (turn, evidence) in [&healthy, &damaged].into_iter().enumerate() {
        let path = evidence.to_str().unwrap();
        let mut lines: Vec<Vec<String>> = Vec::new();
        for line in REFUSED {
            lines.push(
                line.iter()
                    .map(|word| word.replace("{path}", path))
                    .collect(),
            );
        }
        let file = evidence.join("member/snap/db");
        let subject = Subject::new(evidence, &file, folder.path());
        let all = subject.lines(env!("CARGO_BIN_EXE_etcd-inspect"));
        lines.extend(verbs::sample(all, turn, 25));
        lines.push(words(&["history", "/no/such", "--replay", "-d", path]));
        let faults = std::sync::Mutex::new(Vec::new());
        on_all_cores(lines, |line: Vec<String>| {
            // These end with a signal, or read everything.
            let left_out = ["serve", "report", "redact"];
            if line.len() > 4 && left_out.contains(&line[0].as_str()) {
                return;
            }
            let said = run(&line, folder.path());
            let mut found = Vec::new();
            assert_helpful(&line, &said, path, &mut found);
            faults.lock().unwrap().extend(found);
        });
        let faults = faults.into_inner().unwrap();
        assert!(
            faults.is_empty(),
            "{} faults\n{}",
            faults.len(),
            faults.join("\n")
        );
    }
}
