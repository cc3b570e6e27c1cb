//! Keys and values made to confuse terminals, and files that are damaged.

use std::path::PathBuf;

use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::Keyspace;

use crate::run::sealed;

const HOSTILE: [&[u8]; 12] = [
    b"",
    b"\x00",
    b"\x1b[2J\x1b[1;1H",
    b"\x1b]0;pwned\x07",
    "\u{9b}31m\u{9d}0;x\u{9c}".as_bytes(),
    "a\u{202e}gpj.exe".as_bytes(),
    "zero\u{200b}width\u{feff}".as_bytes(),
    b"\xff\xfe\x80 not utf-8",
    b"tab\tnewline\nreturn\rbackspace\x08",
    b"\"quoted\",comma",
    "日本語/ключ".as_bytes(),
    b"back\\slash",
];

fn hostile_db() -> (tempfile::TempDir, PathBuf) {
    let mut keys = Keyspace::new();
    for key in HOSTILE {
        keys.put(key, key);
    }
    keys.put(b"large", &vec![b'x'; 1_500_000]);
    keys.delete(HOSTILE[2]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    std::fs::write(
        &path,
        DbBuilder::etcd().bucket("key", keys.records()).build(),
    )
    .unwrap();
    (folder, path)
}

/// Nothing but printable characters and newlines.
fn is_calm(text: &str) -> bool {
    text.chars().all(|c| {
        c == '\n'
            || !(c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}'))
    })
}

#[test]
fn no_byte_of_a_key_or_value_moves_the_cursor_or_retitles_the_terminal() {
    let (_folder, path) = hostile_db();
    let path = path.to_str().unwrap();
    for verb in [
        &["keys"][..],
        &["keys", "--deleted"],
        &["keys", "--by-prefix", "1"],
        &["get", "--prefix", ""],
        &["page", "--tree"],
        &["history", "\\x1b[2J\\x1b[1;1H"],
    ] {
        for format in ["table", "wide", "json", "jsonl", "csv", "tsv", "name"] {
            let said = sealed(path.as_ref(), [verb, &["-o", format, "-d", path]].concat());
            assert!(
                said.code == 0 || (said.code == 1 && format != "table"),
                "{verb:?} {format}: {} {}",
                said.code,
                said.err
            );
            let text = if format == "tsv" {
                said.out.replace('\t', " ")
            } else {
                said.out
            };
            assert!(is_calm(&text), "{verb:?} -o {format}: {text:?}");
        }
    }
}

#[test]
fn keys_that_are_not_utf8_are_given_in_base64_and_all_others_exactly() {
    let (_folder, path) = hostile_db();
    let rows = sealed(&path, ["keys", "-o", "json", "-d", path.to_str().unwrap()]).rows();
    // One is deleted, one is large, and no client can write the empty key: etcd refuses it, and a bumped restore uses it as a mark.
    assert_eq!(rows.len(), HOSTILE.len() - 1);
    for row in &rows {
        let key = row.get("key").and_then(|key| key.as_str());
        match key {
            Some(key) => assert!(
                key == "large" || HOSTILE.contains(&key.as_bytes()),
                "{key:?}"
            ),
            None => assert_eq!(row["key_b64"], "//6AIG5vdCB1dGYtOA=="),
        }
    }
    let large = rows.iter().find(|row| row["key"] == "large").unwrap();
    assert_eq!(large["value_bytes"], 1_500_000);
}

#[test]
fn a_key_printed_escaped_can_be_asked_for_again() {
    let (_folder, path) = hostile_db();
    let path = path.to_str().unwrap();
    let names = sealed(path.as_ref(), ["keys", "-o", "name", "-d", path]).out;
    for name in names.lines().filter(|name| name.contains('\\')) {
        let said = sealed(path.as_ref(), ["get", name, "-o", "json", "-d", path]);
        assert_eq!(said.code, 0, "{name}: {}", said.err);
    }
}

#[test]
fn damage_is_answered_with_a_place_and_a_next_step_and_never_with_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let healthy = std::fs::read(testkit::data_dir("etcd-3.6.14").join("member/snap/db")).unwrap();
    let swap = |at: usize, bytes: &[u8]| {
        let mut db = healthy.clone();
        db[at..at + bytes.len()].copy_from_slice(bytes);
        db
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("hundred", healthy[..100].to_vec()),
        ("half", healthy[..healthy.len() / 2].to_vec()),
        ("no-metas", swap(0, &[0; 8192])),
        ("no-magic", swap(16, &[0; 4])),
        ("zeroed-middle", swap(40 * 4096, &[0; 40 * 4096])),
        ("ones", swap(8192, &vec![0xff; healthy.len() - 8192])),
    ];
    for (name, bytes) in cases {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let text = path.to_str().unwrap();
        for verb in [
            &["status"][..],
            &["meta"],
            &["leases"],
            &["keys"],
            &["keys", "--by-resource"],
            &["get", "--prefix", "/"],
            &["history", "/plain/else"],
            &["page"],
            &["page", "--map"],
            &["page", "2"],
            &["hashkv"],
        ] {
            let said = sealed(&path, [verb, &["-d", text]].concat());
            assert!(
                (0..=3).contains(&said.code),
                "{name} {verb:?}: {}",
                said.code
            );
            assert!(!said.err.contains("bug"), "{name} {verb:?}: {}", said.err);
            if said.code == 2 {
                assert!(
                    said.err.contains("error[E") && said.err.contains("try "),
                    "{name} {verb:?}: {}",
                    said.err
                );
            }
        }
    }
}

#[test]
fn what_is_no_evidence_is_refused_with_what_lies_near() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "nothing of etcd's").unwrap();
    let near = folder.path().join("m1/member/snap");
    std::fs::create_dir_all(&near).unwrap();
    std::fs::write(near.join("db"), DbBuilder::etcd().build()).unwrap();
    let said = sealed(folder.path(), ["keys", folder.path().to_str().unwrap()]);
    assert_eq!(said.code, 2);
    assert!(said.err.starts_with("error[E0001]: "), "{}", said.err);
    assert!(
        said.err.contains("etcd-inspect status") && said.err.contains("m1"),
        "{}",
        said.err
    );
    let said = sealed(folder.path(), ["keys", "/nonexistent/path"]);
    assert_eq!(said.code, 2);
    assert!(said.err.starts_with("error[E0003]: "), "{}", said.err);
}
