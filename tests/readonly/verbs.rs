//! Every verb that the binary itself lists, with arguments that make it read.

use std::path::Path;
use std::process::Command;

/// A key that is in the fixture.
const KEY: &str = "/registry/things/ns3/k8";

/// How a verb is asked. `{path}` is the evidence, `{out}` a folder outside of it. Verbs that are not here are asked as
/// `VERB {path}`.
const ARGUMENTS: &[(&str, &[&str])] = &[
    ("blame", &["{key} -d {path}"]),
    ("carve", &["{path} --out {out}/carved"]),
    ("check", &["{path}", "{path} -o json", "--io read {path}"]),
    ("compare", &["{path} {path}"]),
    ("diff", &["{key} -d {path}"]),
    ("export", &["{path} --out {out}/exported"]),
    (
        "get",
        &[
            "{key} -d {path}",
            "/registry/ -d {path} -o name",
            "{key} -o hex -d {path}",
            "--prefix /registry/ --rev -5 -o jsonl -d {path}",
            "--undecodable -d {path}",
            "pods -A -d {path}",
            "{key} --at -1h -d {path}",
        ],
    ),
    ("hashkv", &["{path}", "--replay {path}"]),
    (
        "history",
        &[
            "{key} -d {path}",
            "{key} --diff -d {path}",
            "{key} --wal -d {path}",
            "{key} --io read -d {path}",
        ],
    ),
    (
        "keys",
        &[
            "{path}",
            "--by-resource {path}",
            "--deleted {path}",
            "--by-namespace {path}",
            "--by-prefix 2 {path}",
            "--values -o jsonl {path}",
            "--replay --threads 1 {path}",
            "-o json {path}",
            "--io read {path}",
        ],
    ),
    ("leases", &["{path}", "--replay {path}"]),
    ("meta", &["{path}", "--encryption {path}"]),
    (
        "page",
        &[
            "{path}",
            "--map {path}",
            "--tree {path}",
            "--key {key} {path}",
            "0 -d {path}",
            "0 --hex -d {path}",
        ],
    ),
    ("preflight", &["{path} --for start", "{path} --for restore"]),
    ("report", &["{path} --out {out}/report.html"]),
    ("salvage", &["{path} --out {out}/salvaged.db"]),
    (
        "search",
        &["things -d {path}", "things --in history,wal -d {path}"],
    ),
    ("snap", &["{path}", "-o json {path}"]),
    ("sql", &["select 1 -d {path}"]),
    (
        "status",
        &[
            "{path}",
            "-o json {path}",
            "--quick {path}",
            "--replay {path}",
            "--meta older {path}",
        ],
    ),
    (
        "wal",
        &[
            "{path}",
            "--terms {path}",
            "--segments {path}",
            "--raw {path}",
            "--all -o hex {path}",
        ],
    ),
    // These read no evidence.
    ("completions", &["bash"]),
    ("decode", &["--help"]),
    ("doctor", &[""]),
    ("explain", &["DIR-009"]),
    ("help", &[""]),
    ("version", &[""]),
    ("man", &["--out {out}/man"]),
    // A terminal of its own: tested with the screens.
    ("tui", &[]),
];

/// The command lines, one for each way of asking each verb.
pub fn all(path: &Path, out: &Path) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    for verb in listed() {
        let known = ARGUMENTS.iter().find(|(name, _)| *name == verb);
        for arguments in known.map_or(&["{path}"][..], |(_, arguments)| *arguments) {
            let word = |word: &str| {
                word.replace("{path}", path.to_str().unwrap())
                    .replace("{key}", KEY)
                    // Each line its own, so that nothing needs --force.
                    .replace(
                        "{out}",
                        out.join(format!("{}", lines.len())).to_str().unwrap(),
                    )
            };
            let line: Vec<String> = std::iter::once(verb.clone())
                .chain(arguments.split_whitespace().map(word))
                .collect();
            if arguments.contains("{out}") {
                let folder = out.join(format!("{}", lines.len()));
                std::fs::create_dir_all(&folder).unwrap();
                let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
                std::fs::set_permissions(folder, open).unwrap();
            }
            lines.push(line);
        }
    }
    lines
}

/// The verbs that `help` lists.
fn listed() -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcd-inspect"));
    let help = super::quiet(&mut command).arg("help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let verbs: Vec<String> = help
        .lines()
        .skip_while(|line| *line != "Verbs:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        // Continued descriptions are indented further.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect();
    assert!(verbs.len() > 5, "{help}");
    verbs
}
