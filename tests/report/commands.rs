//! Every command on a page runs when it is pasted into a shell.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use etcd_inspect::{Advice, AdvicePart};
use regex::Regex;
use testkit::incidents::incident;
use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::Keyspace;
use testkit::{damage, data_dir, fixture, fixture_copy};

use crate::html::{page_of, unescaped};
use crate::run::text;

/// What a reader of the page can copy, and what programs find beside tables.
fn commands(page: &str) -> BTreeSet<String> {
    let copied = Regex::new(r"(?s)<code data-copy>(.*?)</code>").unwrap();
    let beside = Regex::new(r#"data-command="([^"]*)""#).unwrap();
    let both = copied.captures_iter(page).chain(beside.captures_iter(page));
    both.map(|found| unescaped(&found[1])).collect()
}

/// Runs a command of ours; of other programs the shell reads it.
fn runs(command: &str, dir: &Path) -> Result<(), String> {
    let bin = dir.join("bin");
    fs::create_dir_all(&bin).unwrap();
    let link = bin.join("etcd-inspect");
    let _ = std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_etcd-inspect"), link);
    let is_ours = command.starts_with("etcd-inspect ");
    let flags = if is_ours { "-c" } else { "-nc" };
    let output = Command::new("sh")
        .args([flags, command])
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0 | 1 | 3) => Ok(()),
        code => Err(format!("{code:?} {command}\n{stderr}")),
    }
}

/// Runs each command once, however many pages have it, and returns how many.
#[track_caller]
fn all_run(page: &str, dir: &Path) -> usize {
    let commands = commands(page);
    let failed = commands
        .iter()
        .filter_map(|command| runs(command, dir).err());
    let failed: Vec<String> = failed.collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    commands.len()
}

#[test]
fn commands_of_a_healthy_page_of_two_copies_and_of_a_log_alone_run() {
    let dir = tempfile::tempdir().unwrap();
    let page = page_of(&data_dir("etcd-3.5.30"), &[], dir.path(), "healthy.html");
    assert!(all_run(&page, dir.path()) > 10);
    let (one, other) = (
        data_dir("alarm-corrupt-3.5.30/m1"),
        data_dir("alarm-corrupt-3.5.30/m2"),
    );
    let page = page_of(&one, &[text(&other)], dir.path(), "two.html");
    assert!(all_run(&page, dir.path()) > 10);
    let copy = fixture_copy("etcd-3.5.30");
    fs::remove_file(copy.data_dir().join("member/snap/db")).unwrap();
    let page = page_of(&copy.data_dir(), &[], dir.path(), "log.html");
    assert!(all_run(&page, dir.path()) > 8);
}

#[test]
fn commands_of_damaged_pages_run_and_what_is_no_command_cannot_be_copied() {
    let dir = tempfile::tempdir().unwrap();
    let snapshot = fixture("etcd-3.5.30").join("snapshot.db");
    let cases = damage::db(&snapshot);
    let db = dir.path().join("evidence.db");
    let mut seen = 0;
    for (number, case) in cases.iter().step_by(cases.len() / 8).enumerate() {
        fs::copy(&snapshot, &db).unwrap();
        case.apply(&db);
        if fs::metadata(&db).unwrap().len() < 8192 {
            continue;
        }
        let page = page_of(&db, &[], dir.path(), &format!("{number}.html"));
        seen += all_run(&page, dir.path());
    }
    assert!(seen > 30, "{seen}");
    for id in ["W03", "W19", "W23"] {
        let incident = incident(id);
        let copy = incident.reproduce();
        let page = page_of(&copy.data_dir(), &[], dir.path(), &format!("{id}.html"));
        assert!(page.contains("class=\"finding"), "{id}");
        all_run(&page, dir.path());
    }
}

#[test]
fn commands_about_encrypted_values_have_the_keys_and_run() {
    let data = data_dir("k8s-1.20-etcd35-enc");
    let dir = tempfile::tempdir().unwrap();
    let config = data.join("enc-4.json");
    let given = ["--encryption-config", text(&config)];
    let page = page_of(&data, &given, dir.path(), "page.html");
    let with_keys = commands(&page);
    let with_keys = with_keys.iter().filter(|one| one.contains(text(&config)));
    assert!(with_keys.count() >= 4, "{:#?}", commands(&page));
    all_run(&page, dir.path());
}

#[test]
fn commands_about_hostile_keys_and_paths_run() {
    let keys: [&[u8]; 9] = [
        b"<script>alert(1)</script>",
        b"-x",
        b"--wal",
        b"F-01",
        b"12",
        b"a b'$(id)`id`\"",
        "a\u{202e}b\u{2028}c".as_bytes(),
        b"\xff\xfe\n",
        b"/registry/*/x?",
    ];
    let mut writer = Keyspace::new();
    for key in keys {
        writer.put(key, b"value");
        writer.put(key, b"other");
    }
    let dir = tempfile::tempdir().unwrap();
    let name = std::ffi::OsStr::from_bytes(b"-e v$(id)'\xff\xe2\x80\xae");
    let folder: PathBuf = dir.path().join(name);
    fs::create_dir(&folder).unwrap();
    let db = folder.join("db");
    let bytes = DbBuilder::etcd().bucket("key", writer.records()).build();
    fs::write(&db, bytes).unwrap();
    let notes = dir.path().join("notes");
    let shown = keys.iter().filter_map(|key| std::str::from_utf8(key).ok());
    let lines = shown.map(|key| format!("{}\n", serde_json::json!({ "key": key, "text": "see" })));
    fs::write(&notes, lines.collect::<String>()).unwrap();
    let out = dir.path().join("page.html");
    let output = Command::new(env!("CARGO_BIN_EXE_etcd-inspect"))
        .arg("report")
        .arg(&db)
        .arg("--notes")
        .arg(&notes)
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let page = fs::read_to_string(&out).unwrap();
    let history = commands(&page);
    let history = history.iter().filter(|one| one.contains(" history "));
    assert!(history.count() >= 7);
    all_run(&page, dir.path());
}

#[test]
fn commands_in_the_advice_of_each_code_run_or_name_what_the_reader_has_to_choose() {
    let dir = tempfile::tempdir().unwrap();
    let data = data_dir("etcd-3.5.30");
    let mut complete = BTreeSet::new();
    let open = Regex::new(r"\b[A-Z]{3,}\b|\bN\b|a\.\.b|/\*").unwrap();
    let on = Some(data.as_path());
    for code in etcd_inspect::codes::all() {
        // With a key every command that wants one is complete.
        for part in Advice::from(code.next).fill("KEY", "/a").parts(on) {
            if let AdvicePart::Command { text, is_complete } = part
                && is_complete
                && text.starts_with("etcd-inspect ")
            {
                complete.insert(text);
            }
        }
        for part in Advice::from(code.next).parts(on) {
            let AdvicePart::Command { text, is_complete } = part else {
                continue;
            };
            let is_open = open.is_match(&text);
            assert_eq!(is_complete, !is_open, "{}: {text}", code.id);
            let words = text.split(' ').skip(1);
            let is_word =
                |word: &str| ["shows", "on", "of", "with", "lists", "around"].contains(&word);
            assert!(!words.clone().any(is_word), "{}: {text}", code.id);
            if is_complete && text.starts_with("etcd-inspect ") {
                complete.insert(text);
            }
        }
    }
    assert!(complete.len() > 20, "{complete:#?}");
    let failed: Vec<String> = complete
        .iter()
        .filter_map(|command| runs(command, dir.path()).err())
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn verbs_that_are_given_keys_take_them() {
    for verb in etcd_inspect::VERBS_WITH_KEYS {
        let help = crate::run::run(&[verb, "--help"]);
        assert!(help.out.contains("--encryption-config"), "{verb}");
    }
}
