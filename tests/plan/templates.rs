//! The list of everything that the verdict tells a user to run. A command without a row here fails, and so does a row that no code
//! builds any more.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where commands of plans are built.
const FOLDERS: [&str; 3] = [
    "lib/src/verdict",
    "lib/src/salvage",
    "cli/src/commands/preflight.rs",
];

/// The beginning of a command as the code builds it, and the test that runs the whole line as printed.
const EXECUTED: &[(&str, &str)] = &[
    ("cp PATH PATH", "archives.rs"),
    ("cp -a PATH PATH", "forced.rs"),
    (
        "env ETCDCTL_API=3 etcdctl",
        "no etcd before 3.4 is here: `etcdctl` of 3.4 is run by matrix.rs",
    ),
    (
        "etcd --force-new-cluster",
        "archives.rs, matrix.rs, ../oracle/force.rs",
    ),
    ("etcd-inspect VERB", "clusters.rs, as a next command"),
    (
        "etcd-inspect check --deep PATH",
        "../commands: a row of testkit::verbs; where it is printed: ../check/unread.rs",
    ),
    ("etcd-inspect check -v PATH", "matrix.rs, as a next command"),
    ("etcd-inspect check PATH", "matrix.rs, as a next command"),
    ("etcd-inspect compare", "clusters.rs, as a next command"),
    ("etcd-inspect meta PATH", "matrix.rs, as a next command"),
    ("etcd-inspect preflight", "clusters.rs, as a next command"),
    (
        "etcd-inspect preflight PATH",
        "matrix.rs, as a next command",
    ),
    // Of several copies.
    (
        "etcd-inspect salvage",
        "../salvage/peers.rs; where it is the first step: ../cli/copies.rs",
    ),
    // With --dry-run, --include carved or --out.
    (
        "etcd-inspect salvage PATH",
        "matrix.rs, also as a next command",
    ),
    (
        "etcd-inspect salvage PATH --correct --out-dir PATH",
        "matrix.rs",
    ),
    (
        "etcd-inspect salvage PATH --correct --dry-run",
        "../salvage/corrected.rs",
    ),
    (
        "etcdctl",
        "matrix.rs: restore of 3.4; clusters.rs: members are removed and added, a backup is taken",
    ),
    ("etcdutl", "matrix.rs"),
    ("lz4 -d -q PATH", "packed.rs"),
    ("mkdir PATH", "archives.rs"),
    ("PROGRAM -d PATH", "packed.rs: gzip, xz and bzip2"),
    ("rm -rf PATH", "archives.rs"),
    ("tar -xf", "archives.rs"),
    ("unzip -q", "archives.rs"),
    ("zstd -d -q PATH", "packed.rs"),
];

/// The words of the calls that follow `Command::new(…)`.
fn template(code: &str) -> Option<String> {
    let (constructor, rest) = code.split_once('(')?;
    let (argument, mut rest) = inside(rest)?;
    let mut words = match constructor {
        "inspect" => vec!["etcd-inspect".to_owned()],
        _ => Vec::new(),
    };
    let first = literals(argument);
    let is_variable = first.is_empty();
    words.extend(first);
    if is_variable {
        words.push(argument.trim().to_uppercase());
    }
    while let Some(call) = rest.trim_start().strip_prefix('.') {
        let (name, after) = call.split_once('(')?;
        let (argument, after) = inside(after)?;
        match name {
            "arg" | "args" => words.extend(literals(argument)),
            "path" | "on_evidence" => words.push("PATH".to_owned()),
            _ => break,
        }
        rest = after;
    }
    Some(words.join(" "))
}

/// What is before the parenthesis that closes, and what is after it.
fn inside(code: &str) -> Option<(&str, &str)> {
    let (mut depth, mut quoted) = (1, false);
    for (at, one) in code.char_indices() {
        match one {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&code[..at], &code[at + 1..]));
        }
    }
    None
}

fn literals(code: &str) -> Vec<String> {
    if code.contains("format!") {
        return vec!["TEXT".to_owned()];
    }
    code.split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    if folder.is_file() {
        found.push(folder.to_owned());
        return;
    }
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_command_that_is_printed_is_executed_by_a_test() {
    let mut files = Vec::new();
    for folder in FOLDERS {
        sources(&testkit::root().join(folder), &mut files);
    }
    let mut built = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let (code, _) = text.split_once("#[cfg(test)]").unwrap_or((&text, ""));
        let code: String = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .map(|line| format!("{line}\n"))
            .collect();
        for name in ["new", "inspect"] {
            for (at, call) in code.match_indices(&format!("Command::{name}(")) {
                // Processes that this program starts itself, and clap's commands.
                let before = &code[..at];
                if before.ends_with("process::") || before.ends_with("clap::") {
                    continue;
                }
                built.extend(template(&code[at + call.len() - name.len() - 1..]));
            }
        }
    }
    let listed: BTreeSet<String> = EXECUTED
        .iter()
        .map(|(words, _)| (*words).to_owned())
        .collect();
    let new: Vec<&String> = built.difference(&listed).collect();
    let gone: Vec<&String> = listed.difference(&built).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "commands that no test executes: {new:#?}\nrows that nothing prints: {gone:#?}"
    );
}
