//! Evidence is never changed: every verb under strace, in a folder that may not be written, on a file system that cannot.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may stop at its first failure"
)]

mod live;
mod trace;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use testkit::verbs::{self, Subject, on_all_cores};
use testkit::{Seal, fixture_copy};

/// Exit codes of an answer: fine, findings or nothing found, partial. Anything else means that nothing was tested.
fn answered(verb: &[String], output: &Output) {
    let code = output.status.code();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        matches!(code, Some(0 | 1 | 3)) || (code == Some(2) && verbs::may_be_refused(verb)),
        "{verb:?} ended with {code:?}; a new verb that needs more than a PATH belongs into tests/support/src/verbs.rs\n{error}"
    );
    assert!(!error.contains("has a bug"), "{verb:?}: {error}");
}

/// Every way of asking every verb about a path.
#[track_caller]
fn lines(path: &Path, outside: &Path) -> Vec<Vec<String>> {
    let db = path.join("member/snap/db");
    let file = if path.is_dir() && db.exists() {
        &db
    } else {
        path
    };
    Subject::new(path, file, outside).lines(env!("CARGO_BIN_EXE_etcd-inspect"))
}

/// The kinds of evidence that are asked: a whole directory, its parts, damaged ones, an archive.
fn evidence(top: &Path) -> Vec<PathBuf> {
    let data = top.join("data");
    let db = fs::read(data.join("member/snap/db")).unwrap();
    // Cut in the middle, and with both meta pages gone.
    fs::write(top.join("short.db"), &db[..db.len() / 3]).unwrap();
    let mut headless = db.clone();
    headless[..8192].fill(0);
    fs::write(top.join("headless.db"), headless).unwrap();
    fs::write(top.join("empty.db"), "").unwrap();
    vec![
        data.clone(),
        data.join("member/snap/db"),
        data.join("member/wal"),
        top.join("snapshot.db"),
        top.join("short.db"),
        top.join("headless.db"),
        top.join("empty.db"),
    ]
}

#[test]
fn no_verb_writes_locks_renames_or_truncates_anything_in_the_evidence() {
    let copy = fixture_copy("etcd-3.5.30");
    let archive = copy.join("archive.tar.zst");
    fs::copy(testkit::archive("etcd-3.5.30"), &archive).unwrap();
    let mut places = evidence(&copy);
    places.push(archive);
    let seal = Seal::read(&copy);
    let outside = tempfile::tempdir().unwrap();
    let seen = std::sync::atomic::AtomicUsize::new(0);
    let mut asked = Vec::new();
    for (at, place) in places.iter().enumerate() {
        let all = lines(place, outside.path());
        // Everything of the directory; of the others a part, each another one.
        let some = if at == 0 {
            all
        } else {
            verbs::sample(all, at, 5)
        };
        asked.extend(some.into_iter().map(|line| (at, line)));
    }
    let asked = asked.into_iter().enumerate().collect();
    on_all_cores(
        asked,
        |(number, (at, line)): (usize, (usize, Vec<String>))| {
            let log = outside.path().join(format!("strace-{number}"));
            let output = trace::command(&log)
                .args(&line)
                .output()
                .expect("strace, as .ci/run installs it");
            // Of what is damaged or no db many verbs can only say so.
            if at == 0 {
                answered(&line, &output);
            }
            let opened = trace::assert_reads_only(&log, &copy, &line);
            seen.fetch_add(opened, std::sync::atomic::Ordering::Relaxed);
        },
    );
    let seen = seen.into_inner();
    // The test would say so too if strace had shown nothing at all.
    assert!(seen > 100, "only {seen} opens of evidence were seen");
    seal.assert_unchanged();
}

#[test]
fn strace_shows_what_the_test_looks_for() {
    let top = tempfile::tempdir().unwrap();
    let file = top.path().join("db");
    fs::write(&file, "x").unwrap();
    for guilty in [
        "exec 3>>\"$1\"",
        "exec 3<>\"$1\"",
        "rm \"$1\"; echo > \"$1\"",
        "mv \"$1\" \"$1.b\"; mv \"$1.b\" \"$1\"",
        "truncate -s 5 \"$1\"",
        "flock \"$1\" true",
        "chmod 600 \"$1\"",
        "touch \"$1\"",
        "ln \"$1\" \"$1.c\"",
        "mkdir \"$1.d\"",
    ] {
        let log = top.path().join("log");
        let ran = trace::command_of("sh", &log)
            .args(["-c", guilty, "sh"])
            .arg(&file)
            .status()
            .unwrap();
        assert!(ran.success(), "{guilty}");
        let text = fs::read_to_string(&log).unwrap();
        let evidence = top.path().canonicalize().unwrap();
        assert!(
            text.lines()
                .any(|line| trace::guilt(line, &evidence).is_some()),
            "{guilty}\n{text}"
        );
    }
}

#[test]
fn evidence_that_may_only_be_read_is_enough() {
    let copy = fixture_copy("etcd-3.5.30");
    let data = copy.join("data");
    let outside = tempfile::tempdir().unwrap();
    // Root may write anywhere: ask as somebody who may not.
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let nobody = 65534;
    if root {
        chown(outside.path(), Some(nobody), Some(nobody)).unwrap();
    }
    let mut top = copy.to_path_buf();
    while top.starts_with(std::env::temp_dir()) && top != std::env::temp_dir() {
        fs::set_permissions(&top, fs::Permissions::from_mode(0o755)).unwrap();
        top.pop();
    }
    for_each(&data, &mut |path| {
        let mode = if path.is_dir() { 0o500 } else { 0o400 };
        if root {
            chown(path, Some(nobody), Some(nobody)).unwrap();
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    });
    let binary = outside.path().join("etcd-inspect");
    fs::copy(env!("CARGO_BIN_EXE_etcd-inspect"), &binary).unwrap();
    let seal = Seal::read(&data);
    on_all_cores(lines(&data, outside.path()), |verb| {
        let mut command = if root {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
                .arg(&binary);
            command
        } else {
            Command::new(&binary)
        };
        let output = quiet(&mut command)
            .args(&verb)
            .output()
            .expect("setpriv, of util-linux");
        answered(&verb, &output);
    });
    seal.assert_unchanged();
    for_each(&data, &mut |path| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    });
}

#[test]
fn a_folder_that_this_user_may_not_read_is_not_judged() {
    let copy = fixture_copy("etcd-3.5.30");
    let data = copy.join("data");
    let outside = tempfile::tempdir().unwrap();
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut top = copy.to_path_buf();
    while top.starts_with(std::env::temp_dir()) && top != std::env::temp_dir() {
        fs::set_permissions(&top, fs::Permissions::from_mode(0o755)).unwrap();
        top.pop();
    }
    for_each(&data, &mut |path| {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    });
    fs::set_permissions(outside.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let binary = outside.path().join("etcd-inspect");
    fs::copy(env!("CARGO_BIN_EXE_etcd-inspect"), &binary).unwrap();
    for folder in ["member/wal", "member/snap"] {
        let folder = data.join(folder);
        // The folder is root's, or that of the user who runs the test: mode 0 keeps everybody else out, and this one too.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o000)).unwrap();
        let ask = |verb: &str| {
            let mut command = if root {
                let mut command = Command::new("setpriv");
                command
                    .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
                    .arg(&binary);
                command
            } else {
                Command::new(&binary)
            };
            let output = quiet(&mut command)
                .args([verb, "-o", "json"])
                .arg(&data)
                .output()
                .expect("setpriv, of util-linux");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let name = folder.display();
            assert_eq!(output.status.code(), Some(3), "{name} {verb}: {text}");
            serde_json::from_str::<serde_json::Value>(&text).unwrap()
        };
        let (report, preflight) = (ask("check"), ask("preflight"));
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(report["verdict"], "unreadable", "{report}");
        let findings = report["findings"].as_array().unwrap();
        let errors: Vec<_> = findings
            .iter()
            .filter(|finding| finding["severity"] == "error")
            .map(|finding| finding["code"].as_str().unwrap())
            .collect();
        assert_eq!(errors, ["DIR-015"], "{report}");
        // No word about what etcd would do or serve.
        for step in report["plan"].as_array().unwrap() {
            assert_eq!(step["outcome"]["starts"], "unknown", "{step}");
            assert!(step["outcome"]["revision"].is_null(), "{step}");
        }
        let lines = preflight["lines"].as_array().unwrap();
        let codes: Vec<_> = lines
            .iter()
            .map(|line| line["code"].as_str().unwrap())
            .collect();
        assert_eq!((codes, &preflight["go"]), (vec!["DIR-015"], &false.into()));
    }
}

#[test]
fn a_read_only_mount_is_enough() {
    let copy = fixture_copy("etcd-3.5.30");
    let data = copy.join("data");
    let outside = tempfile::tempdir().unwrap();
    let seal = Seal::read(&data);
    // One mount for all verbs, in a mount namespace of its own.
    let script = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" || exit 77\n\
        touch \"$1/x\" 2>/dev/null && exit 78\n\
        shift; while [ $# -gt 0 ]; do sh -c \"$1\" >/dev/null; code=$?; \
        case $code in 0|1|3) ;; *) echo \"$1 ended with $code\" >&2; exit 1;; esac; shift; done";
    let lines: Vec<String> = lines(&data, outside.path())
        .iter()
        .filter(|line| !verbs::may_be_refused(line))
        .map(|verb| {
            let words = std::iter::once(env!("CARGO_BIN_EXE_etcd-inspect"))
                .chain(verb.iter().map(String::as_str));
            words
                .map(|word| format!("'{}'", word.replace('\'', "'\\''")))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    let mut command = Command::new("unshare");
    command
        .args(["-Urm", "sh", "-c", script, "sh"])
        .arg(&data)
        .args(lines);
    let output = quiet(&mut command)
        .output()
        .expect("unshare, of util-linux");
    let error = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) || error.contains("unshare:") {
        // A container that forbids mount namespaces. The two tests above do not need one.
        assert!(std::env::var_os("CI_NEEDS_MOUNTS").is_none(), "{error}");
    } else {
        assert!(output.status.success(), "{:?} {error}", output.status);
    }
    seal.assert_unchanged();
}

/// Without this machine's settings.
fn quiet(command: &mut Command) -> &mut Command {
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", "/nonexistent")
        .stdin(std::process::Stdio::null())
}

/// Calls for everything below a path and then for itself.
fn for_each(path: &Path, call: &mut dyn FnMut(&Path)) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            for_each(&entry.unwrap().path(), call);
        }
    }
    call(path);
}

#[test]
fn a_directory_that_a_server_holds_gives_one_warning_and_no_wait() {
    let copy = fixture_copy("etcd-3.5.30");
    let data = copy.join("data");
    let mut binary = Command::new(env!("CARGO_BIN_EXE_etcd-inspect"));
    quiet(&mut binary).arg("keys").arg(&data);
    let alone = binary.output().unwrap();
    let db = fs::File::open(data.join("member/snap/db")).unwrap();
    db.lock().unwrap();
    let held = binary.output().unwrap();
    assert_eq!(held.status.code(), alone.status.code());
    assert_eq!(held.stdout, alone.stdout);
    let warnings = |output: &Output| {
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        error
            .lines()
            .filter(|line| line.starts_with("warning: "))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(warnings(&alone), [""; 0]);
    let warnings = warnings(&held);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let holder = format!("(pid {}) holds this file", std::process::id());
    assert!(warnings[0].contains(&holder), "{warnings:?}");
}
