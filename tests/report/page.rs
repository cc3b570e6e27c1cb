//! `report`: the page of an incident. Its numbers are those of the commands beside them, and nothing of the evidence can run in it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;
use serde_json::Value;
use testkit::data_dir;
use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::Keyspace;

use crate::html::{page_of, unescaped};
use crate::run::text;

/// What a command that is printed on the page answers as JSON.
fn asked<'a>(known: &'a mut HashMap<String, Value>, command: &str) -> &'a Value {
    known.entry(command.to_owned()).or_insert_with(|| {
        let binary = env!("CARGO_BIN_EXE_etcd-inspect");
        let line = command.replacen("etcd-inspect", binary, 1);
        let output = Command::new("sh")
            .args(["-c", &format!("{line} -o json")])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!(
                "{command}: {error} {}",
                String::from_utf8_lossy(&output.stderr)
            )
        })
    })
}

fn at<'v>(value: &'v Value, field: &str) -> Option<&'v Value> {
    match field.starts_with('/') {
        true => value.pointer(field),
        false => value.get(field),
    }
}

#[test]
fn every_number_on_the_page_is_that_of_the_command_beside_it() {
    let data = data_dir("k8s-1.20-etcd35");
    let dir = tempfile::tempdir().unwrap();
    let page = page_of(&data, &[], dir.path(), "a.html");
    let again = page_of(&data, &[], dir.path(), "b.html");
    assert!(page == again, "the same files give the same page");
    assert!(page.len() < 2 << 20, "{}", page.len());
    let mut known = HashMap::new();
    let (mut compared, mut tables) = (0, 0);
    let facts = Regex::new(r#"(?s)<dl data-command="([^"]+)">(.*?)</dl>"#).unwrap();
    let fact = Regex::new(r#"<dd data-path="([^"]+)" data-v="([^"]+)">"#).unwrap();
    for list in facts.captures_iter(&page) {
        let answer = asked(&mut known, &unescaped(&list[1])).clone();
        for one in fact.captures_iter(&list[2]) {
            let value = answer
                .pointer(&one[1])
                .unwrap_or_else(|| panic!("{}: {}", &list[1], &one[1]));
            assert_eq!(value.to_string(), one[2], "{}: {}", &list[1], &one[1]);
            compared += 1;
        }
    }
    let table =
        Regex::new(r#"(?s)<table data-command="([^"]+)" data-list="([^"]+)">(.*?)</table>"#)
            .unwrap();
    let head = Regex::new(r#"data-field="([^"]*)""#).unwrap();
    let row = Regex::new(r#"(?s)<tr data-i="(\d+)">(.*?)</tr>"#).unwrap();
    let cell = Regex::new(r#"<td(?: class="[^"]*")?(?: data-v="([^"]+)")?>"#).unwrap();
    for found in table.captures_iter(&page) {
        let answer = asked(&mut known, &unescaped(&found[1])).clone();
        let list = answer
            .pointer(&found[2])
            .unwrap_or_else(|| panic!("{} {}", &found[1], &found[2]));
        let heads: Vec<&str> = head
            .captures_iter(&found[3])
            .map(|head| head.get(1).unwrap().as_str())
            .collect();
        tables += 1;
        for row in row.captures_iter(&found[3]) {
            let position: usize = row[1].parse().unwrap();
            for (field, cell) in heads.iter().zip(cell.captures_iter(&row[2])) {
                let Some(number) = cell.get(1) else { continue };
                let value = at(&list[position], field);
                assert_eq!(
                    value.map(ToString::to_string).as_deref(),
                    Some(number.as_str()),
                    "{} row {position} {field}",
                    &found[1]
                );
                compared += 1;
            }
        }
    }
    assert!(
        compared > 500 && tables > 8,
        "{compared} numbers in {tables} tables"
    );
}

#[test]
fn keys_and_values_that_are_scripts_are_text_on_the_page_and_secrets_are_not_on_it() {
    let mut writer = Keyspace::new();
    let hostile: [&[u8]; 5] = [
        b"<script>alert(1)</script>",
        b"\"><img src=x onerror=alert(2)>",
        b"javascript:alert(3)",
        "a\u{202e}b\u{2028}c".as_bytes(),
        b"</title></table></svg><iframe src=http://evil.example>",
    ];
    for key in hostile {
        writer.put(key, &vec![b'<'; 4000]);
        writer.put(key, b"<b>bold</b>");
        writer.delete(key);
    }
    writer.put(b"large", &vec![b'x'; 1 << 20]);
    let secret = br#"{"kind":"Secret","apiVersion":"v1","metadata":{"name":"s","namespace":"n"},"data":{"p":"Y2FuYXJ5LXNlY3JldA=="},"stringData":{"q":"canary-plain"}}"#;
    writer.put(b"/registry/secrets/n/s", secret);
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("evidence/db");
    fs::create_dir(db.parent().unwrap()).unwrap();
    fs::write(
        &db,
        DbBuilder::etcd().bucket("key", writer.records()).build(),
    )
    .unwrap();
    let notes = dir.path().join("notes");
    fs::write(
        &notes,
        "<script>alert(4)</script> postgres://u:canary-url@db\n",
    )
    .unwrap();
    let page = page_of(&db, &["--notes", text(&notes)], dir.path(), "page.html");
    assert_eq!(page.matches("<script").count(), 1, "its own");
    for tag in [
        "<img",
        "<iframe",
        "onerror=alert(2)>",
        "<b>bold",
        "src=\"",
        "url(",
        "@import",
        "href=\"http",
        "href=\"javascript",
        "style=\"",
    ] {
        assert!(!page.contains(tag), "{tag}");
    }
    assert!(!page.contains('\u{202e}') && !page.contains('\u{2028}'));
    assert!(page.contains("&lt;script&gt;alert(1)"));
    for canary in ["Y2FuYXJ5", "canary-secret", "canary-plain", "canary-url"] {
        assert!(!page.contains(canary), "{canary}");
    }
    let anchors = Regex::new(r##"href="([^"]*)""##).unwrap();
    assert!(
        anchors
            .captures_iter(&page)
            .all(|link| link[1].starts_with('#'))
    );
    browser(&dir.path().join("page.html"));
}

/// Opens the page in a browser, if one is here: no script but its own runs, and nothing of it breaks its own policy.
fn browser(page: &Path) {
    let Some(chromium) = ["/usr/bin/chromium", "/usr/bin/chromium-browser"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.exists())
    else {
        eprintln!(
            "no chromium here: the page was not opened in a browser (apt-get install chromium)"
        );
        return;
    };
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(chromium)
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            "--v=0",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (dom, log) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        dom.contains("aria-label=\"copy command"),
        "its own script runs: {log}"
    );
    let said = log.lines().find(|line| line.contains(":CONSOLE"));
    assert_eq!(said, None, "nothing on the console");
}
