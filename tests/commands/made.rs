//! Evidence made to hurt: trees that go on for ever, counts that overflow, files that swell, names that move the cursor.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use testkit::synth::bolt::{self, DbBuilder, Meta};
use testkit::synth::mvcc::{KeyValue, Keyspace, revision};
use testkit::synth::wal::SegmentBuilder;
use testkit::verbs::{self, Subject, on_all_cores};

use crate::bounds::{RunResult, assert_as_documented, run, size_of};

const BINARY: &str = env!("CARGO_BIN_EXE_etcd-inspect");
const PAGE: usize = 4096;

/// Makes a db.
type Make = fn() -> Vec<u8>;

/// A file with these pages after two metas; the root is page 2.
fn file_of(pages: Vec<Vec<u8>>) -> Vec<u8> {
    let meta = Meta {
        magic: 0xED0C_DAED,
        version: 2,
        page_size: PAGE as u32,
        root: 2,
        freelist: bolt::NO_FREELIST,
        high_water_mark: pages.len() as u64 + 2,
        txid: 4,
    };
    let head = |id: u64| [bolt::header(id, bolt::META, 0, 0), meta.encode()].concat();
    let mut file = Vec::new();
    for mut page in [head(0), head(1)].into_iter().chain(pages) {
        page.resize(page.len().next_multiple_of(PAGE), 0);
        file.extend(page);
    }
    file
}

/// The root leaf: a bucket `key` at `root`.
fn root_of(root: u64) -> Vec<u8> {
    bolt::leaf(2, 0, &[(1, b"key".to_vec(), bolt::bucket_header(root, 0))])
}

fn record(main: u64, value: &[u8]) -> (u32, Vec<u8>, Vec<u8>) {
    let kv = KeyValue {
        key: format!("/registry/things/k{main}").into_bytes(),
        create_revision: main as i64,
        mod_revision: main as i64,
        version: 1,
        value: value.to_vec(),
        lease: 0,
    };
    (0, revision(main, 0), kv.encode())
}

/// Branches with one child each, 20,000 deep.
fn a_deep_tree() -> Vec<u8> {
    let last = 20_000u64;
    let mut pages = vec![root_of(3)];
    pages.extend((3..last).map(|id| bolt::branch(id, 0, &[(revision(1, 0), id + 1)])));
    pages.push(bolt::leaf(last, 0, &[record(2, b"deep")]));
    file_of(pages)
}

/// Two branches that lead to each other.
fn a_circle() -> Vec<u8> {
    let leaf = bolt::leaf(5, 0, &[record(9, b"x")]);
    let to = |other| vec![(revision(1, 0), other), (revision(9, 0), 5)];
    file_of(vec![
        root_of(3),
        bolt::branch(3, 0, &to(4)),
        bolt::branch(4, 0, &to(3)),
        leaf,
    ])
}

/// Every child of a branch is the next branch: 100 paths to the 10th power through 12 pages.
fn a_fan() -> Vec<u8> {
    let mut pages = vec![root_of(3)];
    pages.extend((3..13).map(|id| {
        let all: Vec<_> = (0..100).map(|at| (revision(at, 0), id + 1)).collect();
        bolt::branch(id, 0, &all)
    }));
    pages.push(bolt::leaf(13, 0, &[record(2, b"many times")]));
    file_of(pages)
}

/// Buckets within buckets, each on a page of its own.
fn nested_buckets() -> Vec<u8> {
    let last = 3_000u64;
    let mut pages = vec![root_of(3)];
    pages.extend((3..last).map(|id| {
        bolt::leaf(
            id,
            0,
            &[(1, b"key".to_vec(), bolt::bucket_header(id + 1, u64::MAX))],
        )
    }));
    pages.push(bolt::leaf(last, 0, &[record(2, b"within")]));
    file_of(pages)
}

/// 65,535 elements that all claim the same megabyte.
fn overlapping_values() -> Vec<u8> {
    let (count, value) = (65_535u64, 1 << 20);
    let mut page = bolt::header(3, bolt::LEAF, count as u16, 600);
    let data = 16 + 16 * count;
    for at in 0..count {
        let to_data = data - 16 - 16 * at;
        for word in [0, to_data as u32, 17, value as u32] {
            page.extend(word.to_le_bytes());
        }
    }
    let (_, key, message) = record(7, &vec![b'v'; value]);
    page.extend(key);
    page.extend(message);
    page.resize(601 * PAGE, b'x');
    file_of(vec![root_of(3), page])
}

/// Revisions, versions and leases at the ends of their types.
fn numbers_at_the_end() -> Vec<u8> {
    let ends = [
        i64::MAX as u64 - 1,
        i64::MAX as u64,
        1 << 63,
        u64::MAX - 1,
        u64::MAX,
    ];
    let mut records = Vec::new();
    for (main, sub) in ends
        .iter()
        .flat_map(|main| ends.iter().map(move |sub| (*main, *sub)))
    {
        let kv = KeyValue {
            key: b"/registry/things/ns3/k8".to_vec(),
            create_revision: sub as i64,
            mod_revision: main as i64,
            version: -1,
            value: b"x".to_vec(),
            lease: -1,
        };
        records.push((revision(main, sub), kv.encode()));
    }
    records.sort();
    let all = u64::MAX.to_be_bytes().to_vec();
    let meta = [
        "consistent_index",
        "term",
        "finishedCompactRev",
        "scheduledCompactRev",
        "confState",
    ];
    let mut metas: Vec<_> = meta
        .iter()
        .map(|name| (name.as_bytes().to_vec(), all.clone()))
        .collect();
    metas.sort();
    let lease = (
        all.clone(),
        [&[0x08][..], &[0xff; 9], &[1, 0x10], &[0xff; 9], &[1]].concat(),
    );
    DbBuilder::etcd()
        .bucket("key", records)
        .bucket("meta", metas)
        .bucket("lease", vec![lease])
        .build()
}

/// One key of 10 MB, and one value.
fn large_keys() -> Vec<u8> {
    let mut keys = Keyspace::new();
    keys.put(
        &[b"/registry/pods/a/", &vec![b'k'; 10 << 20][..]].concat(),
        b"value",
    );
    keys.put(b"/registry/pods/a/b", &vec![b'v'; 10 << 20]);
    keys.delete(&vec![0xff; 10 << 20]);
    DbBuilder::etcd().bucket("key", keys.records()).build()
}

/// Values whose objects are nested 100,000 deep, in protobuf and in JSON.
fn nested_values() -> Vec<u8> {
    let mut keys = Keyspace::new();
    keys.put(
        b"/registry/things/a/json",
        &[vec![b'['; 100_000], vec![b']'; 100_000]].concat(),
    );
    let mut object = b"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":".to_vec();
    object.extend(b"{\"a\":".repeat(100_000));
    keys.put(b"/registry/pods/a/open", &object);
    let mut message = Vec::new();
    for _ in 0..2_000 {
        let mut outer = vec![0x0a];
        testkit::synth::mvcc::varint(&mut outer, message.len() as u64);
        outer.extend(&message);
        message = outer;
    }
    let envelope = |raw: &[u8]| {
        let mut out = b"k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12".to_vec();
        testkit::synth::mvcc::varint(&mut out, raw.len() as u64);
        out.extend(raw);
        out
    };
    keys.put(b"/registry/pods/a/deep", &envelope(&message));
    DbBuilder::etcd().bucket("key", keys.records()).build()
}

/// A log whose numbers are as large as they get.
fn a_log_at_the_end() -> Vec<u8> {
    let end = u64::MAX;
    let request = [&[0x1a, 8, 0x0a, 2, b'/', b'k', 0x12, 2][..], b"v1"].concat();
    SegmentBuilder::new(0, end, end)
        .snapshot(0, 0)
        .state(end, end, end)
        .entry(1, 1, &request)
        .entry(end - 1, end - 1, &request)
        .entry(end, end, &request)
        .noop(end, 0)
        .snapshot(end, end)
        .entry(0, end, &[0xff; 300])
        .state(0, 0, 0)
        .build()
}

/// Everything about a file or folder, in a sample of questions; `times` its size may be taken in memory.
fn ask(name: &str, path: &Path, turn: usize, of: usize, memory: u64) {
    let outside = tempfile::tempdir().unwrap();
    let file = if path.is_dir() {
        outside.path().join("fp.key")
    } else {
        path.to_owned()
    };
    let subject = Subject {
        key: "/registry/pods/a/b",
        word: "deep",
        page: "3",
        ..Subject::new(path, &file, outside.path())
    };
    let lines = verbs::sample(subject.lines(BINARY), turn, of);
    on_all_cores(lines, |line| {
        let said = run(&line, memory, 1);
        assert_as_documented(name, &line, &said);
        assert_no_control(name, &line, &said);
    });
}

/// All output is printable, newlines and a table's tabs excepted: nothing moves the cursor, hides or reorders text.
fn assert_no_control(case: &str, line: &[String], said: &RunResult) {
    // These print what is stored, byte for byte, into a pipe.
    let exact =
        |word: &String| matches!(word.as_str(), "raw" | "yaml") || word.starts_with("jsonpath=");
    let documents = line[0] == "export" && !line.iter().any(|word| word == "jsonl");
    let allowed = |c: char| c == '\n' || (c == '\t' && line.iter().any(|word| word == "tsv"));
    let confusing = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    // One value without a form is YAML too.
    let words = line.iter().filter(|word| *word != "--carved").count();
    let value = line[0] == "get" && words == 4;
    let texts = [&said.err, &said.out];
    let texts = if value || documents || line.iter().any(exact) {
        &texts[..1]
    } else {
        &texts[..]
    };
    for text in texts {
        let at = text.find(|c| confusing(c) && !allowed(c));
        let near = at.map(|at| text[at..].chars().take(30).collect::<String>());
        assert_eq!(near, None, "{case}: {line:?}");
    }
}

#[test]
fn trees_and_numbers_made_to_hurt_are_answered_within_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let made: [(&str, Make); 8] = [
        ("deep.db", a_deep_tree),
        ("circle.db", a_circle),
        ("fan.db", a_fan),
        ("nested.db", nested_buckets),
        ("overlap.db", overlapping_values),
        ("ends.db", numbers_at_the_end),
        ("large.db", large_keys),
        ("values.db", nested_values),
    ];
    for (turn, (name, make)) in made.into_iter().enumerate() {
        let path = folder.path().join(name);
        fs::write(&path, make()).unwrap();
        ask(name, &path, turn, 4, 4 * size_of(&path).max(1 << 20));
    }
}

#[test]
fn a_log_at_the_ends_of_its_numbers_is_answered_within_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let wal = folder.path().join("m/member/wal");
    fs::create_dir_all(&wal).unwrap();
    fs::create_dir_all(folder.path().join("m/member/snap")).unwrap();
    fs::write(
        wal.join(format!("{:016x}-{:016x}.wal", 0, 0)),
        a_log_at_the_end(),
    )
    .unwrap();
    fs::write(
        wal.join(format!("{:016x}-{:016x}.wal", u64::MAX, u64::MAX)),
        a_log_at_the_end(),
    )
    .unwrap();
    fs::write(folder.path().join("m/member/snap/db"), numbers_at_the_end()).unwrap();
    let end = format!("{:016x}-{:016x}.snap", u64::MAX, u64::MAX);
    fs::write(folder.path().join("m/member/snap").join(end), [0xff; 64]).unwrap();
    ask("ends", &folder.path().join("m"), 0, 2, 16 << 20);
}

fn gzip(path: &Path, zeros: usize, head: &[u8]) {
    let mut out =
        flate2::write::GzEncoder::new(fs::File::create(path).unwrap(), Compression::fast());
    out.write_all(head).unwrap();
    for _ in 0..zeros >> 20 {
        out.write_all(&vec![0; 1 << 20]).unwrap();
    }
    out.finish().unwrap();
}

#[test]
fn a_bomb_is_refused_at_the_limit_by_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    let bomb = folder.path().join("db.gz");
    gzip(&bomb, 1 << 30, &DbBuilder::etcd().build());
    assert!(size_of(&bomb) < 16 << 20);
    let outside = tempfile::tempdir().unwrap();
    let lines = Subject::new(&bomb, &bomb, outside.path()).lines(BINARY);
    on_all_cores(verbs::sample(lines, 0, 3), |mut line| {
        if !verbs::reads_evidence(&line)
            || ["decode", "doctor", "manifest"].contains(&line[0].as_str())
        {
            return;
        }
        line.retain(|word| word != "--max-unpacked" && word != "1GB");
        line.extend(["--max-unpacked".to_owned(), "32MB".to_owned()]);
        let said = run(&line, 64 << 20, 1);
        assert_as_documented("bomb", &line, &said);
        assert_eq!(said.code, Some(2), "{line:?} {}", said.err);
    });
}

#[test]
fn a_hundred_thousand_segments_cost_names_and_what_is_asked_of_them() {
    let top = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
    let wal = top.path().join("wal");
    fs::create_dir(&wal).unwrap();
    let one = wal.join(format!("{:016x}-{:016x}.wal", 0, 0));
    fs::write(&one, SegmentBuilder::new(0, 7, 9).state(1, 7, 0).build()).unwrap();
    for at in 1u64..100_000 {
        let name = wal.join(format!("{at:016x}-{at:016x}.wal"));
        if fs::hard_link(&one, &name).is_err() {
            fs::copy(&one, &name).unwrap();
        }
    }
    let text = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    let path = wal.to_str().unwrap();
    let lines = vec![
        text(&["status", "--quick", path]),
        text(&["wal", "--terms", "-o", "json", path]),
        text(&["check", "--quick", "-o", "json", path]),
    ];
    on_all_cores(lines, |line| {
        // A kilobyte or two for each file.
        let said = run(&line, 100_000 << 11, 1);
        assert_as_documented("100,000 segments", &line, &said);
        assert_ne!(said.code, Some(2), "{line:?} {}", said.err);
    });
}

#[test]
fn names_with_newlines_and_escapes_are_shown_escaped_by_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    let name = "m1\n\u{1b}[2Jerror[E0001]: all is fine\u{202e}\r";
    let data: PathBuf = folder.path().join(name);
    fs::create_dir_all(data.join("member/wal")).unwrap();
    fs::create_dir_all(data.join("member/snap")).unwrap();
    fs::write(data.join("member/snap/db"), a_circle()).unwrap();
    fs::write(data.join("member/snap").join("\u{1b}]0;x\u{7}.snap"), b"x").unwrap();
    let log = SegmentBuilder::new(0, 7, 9).noop(1, 1).build();
    fs::write(
        data.join("member/wal")
            .join(format!("{:016x}-{:016x}.wal", 0, 0)),
        &log,
    )
    .unwrap();
    fs::write(data.join("member/wal").join("0-\n1.wal"), &log).unwrap();
    ask("names", &data, 0, 1, 16 << 20);
}

/// Names and values that terminals, spreadsheets and shells would rather obey than show.
const CONFUSING: [&[u8]; 10] = [
    b"\x1b[2J\x1b[1;1H",
    b"\x1b]0;pwned\x07",
    "\u{9b}31m\u{9d}0;x\u{9c}".as_bytes(),
    "a\u{202e}gpj.exe\u{2066}".as_bytes(),
    "zero\u{200b}width\u{feff}".as_bytes(),
    b"\xff\xfe\x80 not utf-8",
    b"tab\tnewline\nreturn\rbackspace\x08",
    b"../../../../tmp/escaped/$(reboot)",
    b"=cmd|' /C calc'!A0\",",
    "日本語\u{1f4a9}".as_bytes(),
];

/// A member whose keys, values, requests, members and file names are all of that kind.
fn confusing_member(folder: &Path) -> PathBuf {
    let mut keys = Keyspace::new();
    let mut log = SegmentBuilder::new(0, 7, 9).state(1, 7, 1).noop(1, 1);
    for (at, text) in CONFUSING.iter().enumerate() {
        let shown = String::from_utf8_lossy(text).into_owned();
        let object = serde_json::json!({
            "kind": "Pod", "apiVersion": "v1", "spec": {"nodeName": shown, "containers": [{"name": shown, "image": shown}]},
            "metadata": {"name": shown, "namespace": shown, "labels": {"app": shown, shown.clone(): "x"}, "annotations": {"a": shown},
                "managedFields": [{"manager": shown, "operation": "Update", "time": "2026-01-01T00:00:00Z"}]},
            "status": {"phase": shown, "reason": shown, "message": shown, "podIP": shown},
        });
        let value = serde_json::to_vec(&object).unwrap();
        for key in [
            [b"/registry/pods/ns/", *text].concat(),
            [b"/registry/", *text, b"/a"].concat(),
            text.to_vec(),
        ] {
            keys.put(&key, &value);
            keys.put(&key, text);
            keys.put(&key, &value);
            let mut put = vec![0x0a];
            testkit::synth::mvcc::varint(&mut put, key.len() as u64);
            put.extend(&key);
            let mut request = vec![0x22];
            testkit::synth::mvcc::varint(&mut request, put.len() as u64);
            request.extend(put);
            let index = log_index(at, &key);
            log = log.entry(1, index, &request);
        }
        keys.delete(&[b"/registry/", *text, b"/a"].concat());
    }
    let member = format!(
        "{{\"id\":7,\"peerURLs\":[{0}],\"name\":{0},\"clientURLs\":[{0}]}}",
        serde_json::json!(String::from_utf8_lossy(CONFUSING[0]))
    );
    let db = DbBuilder::etcd()
        .bucket("key", keys.records())
        .bucket(
            "members",
            vec![(b"0000000000000007".to_vec(), member.into_bytes())],
        )
        .bucket(
            "cluster",
            vec![(b"clusterVersion".to_vec(), CONFUSING[1].to_vec())],
        )
        .bucket(
            "authUsers",
            CONFUSING[..1]
                .iter()
                .map(|name| {
                    (
                        name.to_vec(),
                        [&[0x0a, name.len() as u8][..], name].concat(),
                    )
                })
                .collect::<Vec<_>>(),
        )
        .bucket(
            "\u{1b}[31m",
            vec![(CONFUSING[2].to_vec(), CONFUSING[3].to_vec())],
        )
        .build();
    let data = folder.join("m");
    fs::create_dir_all(data.join("member/wal")).unwrap();
    fs::create_dir_all(data.join("member/snap")).unwrap();
    fs::write(data.join("member/snap/db"), db).unwrap();
    fs::write(
        data.join("member/wal")
            .join(format!("{:016x}-{:016x}.wal", 0, 0)),
        log.build(),
    )
    .unwrap();
    data
}

/// Indexes 2, 3, 4 …: three entries for each text.
fn log_index(at: usize, key: &[u8]) -> u64 {
    let which = match key {
        _ if key.starts_with(b"/registry/pods/ns/") => 0,
        _ if key.starts_with(b"/registry/") => 1,
        _ => 2,
    };
    2 + 3 * at as u64 + which
}

#[test]
fn no_byte_of_keys_values_members_or_requests_reaches_the_terminal_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let data = confusing_member(folder.path());
    for text in [
        "\\x1b[2J\\x1b[1;1H",
        "/registry/pods/ns/a\u{202e}gpj.exe\u{2066}",
    ] {
        let outside = tempfile::tempdir().unwrap();
        let db = data.join("member/snap/db");
        let subject = Subject {
            key: text,
            prefix: "",
            word: "pwned",
            ..Subject::new(&data, &db, outside.path())
        };
        on_all_cores(subject.lines(BINARY), |line| {
            let said = run(&line, 16 << 20, 1);
            assert_as_documented("confusing", &line, &said);
            assert_no_control("confusing", &line, &said);
        });
    }
}

#[test]
fn whatever_keys_are_called_only_the_folder_that_was_named_is_written_to() {
    let top = tempfile::tempdir().unwrap();
    let data = confusing_member(top.path());
    let before = testkit::Seal::read(top.path());
    let outside = tempfile::tempdir().unwrap();
    let db = data.join("member/snap/db");
    let subject = Subject {
        prefix: "",
        ..Subject::new(&data, &db, outside.path())
    };
    // A verb that writes takes such a flag. One that is new has to be looked at: its names may come from keys. Those of the
    // browser do, and its own tests hold them.
    let writing: Vec<_> = subject
        .lines(BINARY)
        .into_iter()
        .filter(|line| {
            line.iter()
                .any(|word| word.starts_with(outside.path().join("out").to_str().unwrap()))
        })
        .collect();
    let known = ["man", "tui", "export"];
    assert!(
        writing.iter().all(|line| known.contains(&line[0].as_str())),
        "{writing:?}"
    );
    for line in &writing {
        assert_as_documented("writes", line, &run(line, 16 << 20, 1));
    }
    before.assert_unchanged();
    let written: Vec<_> = fs::read_dir(outside.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let ours = |name: &String| {
        name.starts_with("out")
            || [
                "fp.key",
                "kms.yaml",
                "encryption.yaml",
                "audit.log",
                "manifest.json",
                "salt",
            ]
            .contains(&name.as_str())
    };
    assert!(written.iter().all(ours), "{written:?}");
}
