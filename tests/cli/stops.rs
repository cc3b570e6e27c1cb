//! What ends a command before its end: Ctrl-C, SIGTERM, a hangup, a limit.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::run::{RunResult, command, etcd_inspect, sealed};

/// A query that has no row before it has compared a billion pairs.
const SILENT: &str = "SELECT count(*) FROM fields a, fields b, fields c WHERE a.value = b.path";
/// A query whose rows do not end.
const ENDLESS: &str = "SELECT a.key, b.key FROM fields a, fields b, fields c";

fn start(args: &[&str]) -> Child {
    let mut command = command();
    command
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn send(child: &Child, signal: &str) {
    let mut kill = std::process::Command::new("kill");
    let sent = kill.args([signal, &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// How a command ends that gets a signal after a while.
fn stopped(args: &[&str], signal: &str) -> RunResult {
    let child = start(args);
    std::thread::sleep(Duration::from_millis(1500));
    send(&child, signal);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), None, "{args:?}");
    RunResult::from(output)
}

fn evidence() -> String {
    let path = testkit::data_dir("k8s-1.20-etcd35");
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_query_that_is_interrupted_before_its_first_row_has_no_answer_and_ends_as_the_signal() {
    let path = evidence();
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let said = stopped(&["sql", SILENT, "-d", &path], signal);
        assert_eq!((said.code, said.out.as_str()), (code, ""), "{}", said.err);
        if signal == "-INT" {
            assert!(
                said.err.contains("error[E0008]: stopped by Ctrl-C"),
                "{}",
                said.err
            );
            assert!(
                said.err.contains("  try    etcd-inspect sql"),
                "{}",
                said.err
            );
        }
    }
}

#[test]
fn rows_before_ctrl_c_are_a_partial_answer_of_the_asked_form() {
    let path = evidence();
    let said = stopped(&["sql", ENDLESS, "-o", "json", "-d", &path], "-INT");
    assert_eq!(said.code, 3, "{}", said.err);
    let document = said.json();
    assert!(!document["rows"].as_array().unwrap().is_empty());
    assert_eq!(document["partial"]["cancelled"], true);
    assert!(said.err.contains("stopped by Ctrl-C"), "{}", said.err);
    let said = stopped(&["sql", ENDLESS, "-o", "jsonl", "-d", &path], "-INT");
    assert_eq!(said.code, 3, "{}", said.err);
    let last = said.out.lines().last().unwrap();
    assert!(last.starts_with("{\"partial\":"), "{last}");
}

#[test]
fn a_limit_of_sql_names_the_flag_in_a_command_that_runs_and_ends_the_document() {
    let path = evidence();
    let limited = |query: &str, flags: &[&str]| {
        let mut args = vec!["sql", query, "-o", "json"];
        args.extend(flags);
        args.extend(["-d", &path]);
        let said = sealed(Path::new(&path), args);
        let last = said.err.lines().last().unwrap();
        let error: serde_json::Value = serde_json::from_str(last).unwrap();
        assert_eq!(error["error"]["code"], "E0004", "{}", said.err);
        let next = error["error"]["next"][0].as_str().unwrap().to_owned();
        (said, next)
    };
    let (said, next) = limited(SILENT, &["--timeout", "1"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(
        next.ends_with("--timeout=8") && !next.contains("--timeout 1"),
        "{next}"
    );
    let (said, _) = limited(ENDLESS, &["--timeout", "1"]);
    assert_eq!(said.code, 3);
    assert_eq!(said.json()["partial"]["cancelled"], true);
    let sorted = "SELECT * FROM fields ORDER BY value";
    let (said, next) = limited(sorted, &["--max-memory", "100kB"]);
    assert_eq!(said.code, 2);
    let binary = Path::new(env!("CARGO_BIN_EXE_etcd-inspect"))
        .parent()
        .unwrap();
    let mut shell = std::process::Command::new("/bin/sh");
    let output = shell
        .args(["-c", &next])
        .env("PATH", binary)
        .output()
        .unwrap();
    assert!(output.status.success(), "{next}");
}

#[test]
fn a_table_and_a_column_that_do_not_exist_are_the_same_kind_of_error() {
    let path = evidence();
    for (query, next) in [
        ("SELECT key FROM keyz", "etcd-inspect tables keys"),
        ("SELECT k.nam FROM keys k", "etcd-inspect tables keys"),
        (
            "SELECT nothing_like_it FROM versions",
            "etcd-inspect tables versions",
        ),
    ] {
        let said = etcd_inspect(["sql", query, "-d", &path]);
        assert_eq!(said.code, 2, "{}", said.err);
        assert!(said.err.contains("error[E0002]: no"), "{}", said.err);
        assert!(
            said.err.ends_with(&format!("  try    {next}\n")),
            "{}",
            said.err
        );
    }
    assert_eq!(etcd_inspect(["tables", "versionz"]).code, 2);
}

/// Everything below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_signal_leaves_no_unfinished_file_of_any_verb_that_writes() {
    let path = evidence();
    let verbs: [&[&str]; 7] = [
        &["salvage", &path, "--out", "x.db"],
        &["redact", &path, "--out", "x.db"],
        &["manifest", &path, "--out", "x.json"],
        &["export", "-A", "-d", &path, "--out", "objects"],
        &["export", "-A", "-d", &path, "--out", "x.yaml"],
        &[
            "export",
            "--tables",
            "fields,versions",
            "--format",
            "sqlite",
            "-d",
            &path,
            "--out",
            "x.sqlite",
        ],
        &[
            "export",
            "--tables",
            "fields,versions",
            "--format",
            "parquet",
            "-d",
            &path,
            "--out",
            "tables",
        ],
    ];
    let mut met = 0;
    for args in verbs {
        for signals in [&["-TERM"][..], &["-HUP"], &["-INT"], &["-INT", "-INT"]] {
            let folder = tempfile::tempdir().unwrap();
            let mut command = command();
            command.args(args).current_dir(folder.path());
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            let begun = Instant::now();
            // As soon as there is something under a temporary name.
            while files(folder.path()).is_empty()
                && child.try_wait().unwrap().is_none()
                && begun.elapsed() < Duration::from_secs(20)
            {
                std::thread::sleep(Duration::from_millis(2));
            }
            met += usize::from(!files(folder.path()).is_empty());
            let mut kill = std::process::Command::new("kill");
            for signal in signals {
                let _ = kill
                    .args([*signal, &child.id().to_string()])
                    .stderr(Stdio::null())
                    .status();
            }
            let status = child.wait().unwrap();
            let left = files(folder.path());
            let is_part = |path: &&PathBuf| path.to_string_lossy().ends_with(".part");
            assert_eq!(left.iter().find(is_part), None, "{args:?} {signals:?}");
            // A signal after the rename comes too late: the file is whole.
            let code = status.code().unwrap();
            assert!(code > 3 || !left.is_empty(), "{args:?} {signals:?}: {code}");
        }
    }
    assert!(met > 10, "only {met} were met while they wrote");
}

#[test]
fn a_hangup_that_nohup_has_ignored_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = evidence();
    let mut child = std::process::Command::new("nohup")
        .arg(env!("CARGO_BIN_EXE_etcd-inspect"))
        .args(["manifest", &path, "--out", "x.json"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(40));
    send(&child, "-HUP");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(folder.path().join("x.json").exists());
}
