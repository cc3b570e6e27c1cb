//! Every printed command is pasted: into sh and bash, whatever the evidence is called.
//!
//! The evidence is named, and its keys and objects are named, so that a command with one unquoted word runs `canary` or names
//! another file. Programs that commands name are stubs that write down their arguments.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::Keyspace;
use testkit::verbs::Subject;

use crate::run::{RunResult, etcd_inspect};

/// Programs that commands name.
const PROGRAMS: [&str; 12] = [
    "etcd-inspect",
    "etcdctl",
    "etcdutl",
    "etcd",
    "sudo",
    "ls",
    "cat",
    "mkdir",
    "tar",
    "unzip",
    "zstd",
    "gzip",
];

/// Names of folders, objects and keys.
const NAMES: [&str; 18] = [
    "web`canary`",
    "$(canary)",
    "a;canary;b",
    "it's $(canary)",
    "'$(canary)'",
    "\"$(canary)\"",
    "{path}`canary`",
    "'{path}$(canary)'",
    "-x$(canary)",
    "a b",
    "a\ncanary\nb",
    "a|canary&&canary",
    "*",
    "~",
    "!!`canary`",
    "a\\`canary`",
    "#`canary`",
    "KEY a..b $(canary)",
];

/// The folder with the stubs and what they wrote.
struct Stubs(tempfile::TempDir);

impl Stubs {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let stub = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        };
        for program in PROGRAMS {
            let text = format!("#!/bin/sh\nprintf '%s\\0' \"$@\" >>'{}'\n", log.display());
            stub(program, text);
        }
        let canary = folder.path().join("ran");
        stub(
            "canary",
            format!("#!/bin/sh\nprintf x >>'{}'\n", canary.display()),
        );
        Self(folder)
    }

    /// The arguments of every program that a line runs.
    #[track_caller]
    fn run(&self, shell: &str, line: &str) -> Vec<Vec<u8>> {
        let log = self.0.path().join("log");
        let _ = std::fs::remove_file(&log);
        let empty = self.0.path().join("empty");
        std::fs::create_dir_all(&empty).unwrap();
        let shell_path = Path::new("/bin").join(shell);
        Command::new(shell_path)
            .arg("-c")
            .arg(line)
            .env_clear()
            .env("PATH", self.0.path())
            .current_dir(empty)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            !self.0.path().join("ran").exists(),
            "{shell} runs more than it shows: {line}"
        );
        let arguments = std::fs::read(&log).unwrap_or_default();
        arguments
            .split(|byte| *byte == 0)
            .map(<[u8]>::to_vec)
            .collect()
    }
}

/// The commands that an output names: in JSON the texts that begin with a program, else the rest of the line after one.
fn commands(result: &RunResult) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for text in [&result.out, &result.err] {
        for line in text.lines() {
            if let Ok(value) = serde_json::from_str::<Value>(line) {
                of_json(&value, &mut found);
                continue;
            }
            for program in PROGRAMS {
                let starts = line.match_indices(program).filter(|(at, _)| {
                    let before = line[..*at].chars().next_back();
                    let after = line[at + program.len()..].chars().next();
                    before.is_none_or(|c| " (".contains(c)) && after == Some(' ')
                });
                found.extend(starts.map(|(at, _)| line[at..].to_owned()));
            }
        }
        if let Ok(value) = serde_json::from_str::<Value>(text) {
            of_json(&value, &mut found);
        }
    }
    found
}

fn of_json(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let starts = |program: &&str| {
                text.strip_prefix(*program)
                    .is_some_and(|rest| rest.starts_with(' '))
            };
            if PROGRAMS.iter().any(starts) {
                found.insert(text.clone());
            }
        }
        Value::Array(items) => items.iter().for_each(|item| of_json(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| of_json(field, found)),
        _ => {}
    }
}

fn pod(namespace: &str, name: &str) -> Vec<u8> {
    serde_json::json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": namespace, "uid": "u" }, "spec": { "containers": [] },
    })
    .to_string()
    .into_bytes()
}

/// A db whose keys and objects have such names: live, deleted, and unreadable ones.
fn db() -> Vec<u8> {
    let mut keys = Keyspace::new();
    keys.put(b"compact_rev_key", b"1");
    for name in NAMES {
        for key in [
            format!("/registry/pods/shop/{name}"),
            format!("/registry/pods/{name}/web"),
        ] {
            let (namespace, object) = match key.ends_with("/web") {
                true => (name, "web"),
                false => ("shop", name),
            };
            keys.put(key.as_bytes(), &pod(namespace, object));
        }
        keys.put(name.as_bytes(), b"value");
        keys.put(
            format!("/registry/pods/gone/{name}").as_bytes(),
            &pod("gone", name),
        );
        keys.delete(format!("/registry/pods/gone/{name}").as_bytes());
        keys.put(format!("gone{name}").as_bytes(), b"value");
        keys.delete(format!("gone{name}").as_bytes());
        keys.put(
            format!("/registry/pods/bad/{name}").as_bytes(),
            b"k8s\0\xff\xff",
        );
        keys.put(
            format!("/registry/secrets/shut/{name}").as_bytes(),
            b"k8s:enc:aescbc:v1:key1:0123456789abcdef0123456789abcdef",
        );
    }
    DbBuilder::etcd().bucket("key", keys.records()).build()
}

/// A directory with damage that has a plan: a WAL with a wrong byte, a db with a zeroed leaf.
fn damaged(path: &Path) {
    let copy = testkit::copy_of(&testkit::data_dir("etcd-3.5.30"));
    std::fs::rename(&*copy, path).unwrap();
    let db = path.join("member/snap/db");
    let mut bytes = std::fs::read(&db).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0);
    std::fs::write(&db, bytes).unwrap();
    let wal = path.join("member/wal");
    let first = std::fs::read_dir(&wal)
        .unwrap()
        .flatten()
        .find(|file| file.path().extension().is_some_and(|end| end == "wal"));
    let first = first.unwrap().path();
    let mut bytes = std::fs::read(&first).unwrap();
    bytes[3000] ^= 0xff;
    std::fs::write(&first, bytes).unwrap();
}

/// Questions about single names, beside all rows of all verbs.
fn about(name: &str, path: &str) -> Vec<Vec<String>> {
    let lines: [&[&str]; 16] = [
        &["get", &format!("pods/{name}"), "-n", "gone", "-d", path],
        &["get", &format!("pods/{name}x"), "-n", "shop", "-d", path],
        &["get", "pods/webb", "-n", name, "-d", path],
        &["get", &format!("pods/{name}"), "-n", "bad", "-d", path],
        &["get", &format!("secrets/{name}"), "-n", "shut", "-d", path],
        &["get", &format!("--key=gone{name}"), "-d", path],
        &[
            "get",
            &format!("--key=gone{name}"),
            "--rev",
            "1",
            "-d",
            path,
        ],
        &["get", &format!("--key={name}x"), "-o", "json", "-d", path],
        &[
            "get",
            &format!("--key=/registry/pods/shop/{name}x"),
            "-d",
            path,
        ],
        &[
            "history",
            &format!("pods/{name}"),
            "-n",
            "nowhere",
            "-d",
            path,
        ],
        &["history", "-d", path, "--", &format!("{name}/nothing")],
        &["search", "-d", path, "--", &format!("{name}(")],
        &["wal", "--key", name, path],
        &["explain", name],
        &["statsu", name],
        &["status", "--quikc", name, path],
    ];
    lines
        .map(|line| line.iter().map(|word| (*word).to_owned()).collect())
        .to_vec()
}

#[test]
fn every_printed_command_is_safe_to_paste() {
    let stubs = Stubs::new();
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("out side");
    std::fs::create_dir(&outside).unwrap();
    let named = |name: &str| -> PathBuf { folder.path().join(format!("ev{name}")) };
    let (db_path, dir_path) = (
        named("it's `canary` $(canary)\n{path}.db"),
        named("$(canary) it's {path}"),
    );
    std::fs::write(&db_path, db()).unwrap();
    damaged(&dir_path);
    let mut lines = Vec::new();
    for path in [&db_path, &dir_path] {
        let file = match path.is_dir() {
            true => path.join("member/snap/db"),
            false => path.clone(),
        };
        let mut subject = Subject::new(path, &file, &outside);
        subject.other = &db_path;
        subject.noun = "pods";
        subject.word = "web`canary`";
        subject.key = "/registry/pods/shop/web`canary`";
        lines.extend(subject.lines(env!("CARGO_BIN_EXE_etcd-inspect")));
    }
    let path = db_path.to_str().unwrap();
    lines.extend(NAMES.iter().flat_map(|name| about(name, path)));
    lines.push(vec![
        "status".to_owned(),
        folder
            .path()
            .join("ev$(canary)/nothing")
            .display()
            .to_string(),
    ]);
    let mut found = BTreeSet::new();
    for line in &lines {
        found.extend(commands(&etcd_inspect(line)));
    }
    let (mut with_db, mut with_dir) = (0, 0);
    for command in &found {
        for shell in ["sh", "bash"] {
            let arguments = stubs.run(shell, command);
            let has = |path: &Path| {
                arguments
                    .iter()
                    .any(|word| word == path.as_os_str().as_encoded_bytes())
            };
            with_db += usize::from(has(&db_path));
            with_dir += usize::from(has(&dir_path));
        }
    }
    assert!(
        found.len() > 200,
        "only {} commands are printed",
        found.len()
    );
    assert!(
        with_db > 200 && with_dir > 20,
        "the evidence is named by {with_db} and {with_dir} of {} commands",
        found.len()
    );
}

#[test]
fn a_printed_command_about_a_name_answers_about_that_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    std::fs::write(&path, db()).unwrap();
    let text = path.to_str().unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_etcd-inspect"))
        .parent()
        .unwrap();
    for name in NAMES {
        let gone = format!("--key=gone{name}");
        for args in [
            &["get", &gone, "-o", "json", "-d", text][..],
            &[
                "get",
                &format!("--key=/registry/pods/gone/{name}"),
                "-o",
                "json",
                "-d",
                text,
            ],
        ] {
            let absent = etcd_inspect(args);
            assert_eq!(absent.code, 1, "{args:?} {}", absent.err);
            let error: Value = serde_json::from_str(&absent.err).unwrap();
            let next = error["error"]["next"][0].as_str().unwrap();
            let output = Command::new("/bin/sh")
                .arg("-c")
                .arg(next)
                .env("PATH", binary)
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{next}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}
