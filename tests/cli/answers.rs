//! What every verb has in common: columns, order and number of rows; sizes; the mark of a partial answer.

use std::path::Path;

use serde_json::Value;
use testkit::verbs::Subject;
use testkit::{data_dir, fixture_copy};

use crate::run::{RunResult, etcd_inspect, sealed};

const FIXTURE: &str = "k8s-1.20-etcd35";

fn about(path: &Path, line: &str, flags: &[&str]) -> RunResult {
    let path = path.to_str().unwrap();
    let words = line.split(' ').map(|word| word.replace("PATH", path));
    let words: Vec<String> = words
        .chain(flags.iter().map(|flag| (*flag).to_owned()))
        .collect();
    sealed(Path::new(path), words)
}

/// A command line of every verb that answers about a directory, with a column of its answer.
const LINES: [(&str, &str); 27] = [
    ("status PATH", "revision"),
    ("keys PATH", "key"),
    ("keys --by-resource PATH", "keys"),
    ("keys --by-namespace PATH", "keys"),
    ("keys --deleted PATH", "key"),
    ("get /registry/namespaces/ -d PATH", "key"),
    ("history ns/default -d PATH", "revision"),
    ("wal PATH", "index"),
    ("wal --terms PATH", "term"),
    ("wal --segments PATH", "seq"),
    ("wal --raw PATH", "record"),
    ("page PATH", "id"),
    ("page --tree PATH", "page"),
    ("page 2 PATH", "field"),
    ("page --map PATH", "page_size"),
    ("meta PATH", "cluster_id"),
    ("meta --encryption PATH", "resource"),
    ("leases PATH", "id"),
    ("space PATH", "bytes"),
    ("hashkv PATH", "hash"),
    ("check PATH", "code"),
    ("compare PATH PATH", "revision"),
    ("preflight PATH --for start", "level"),
    ("explain", "code"),
    ("explain BOLT-007", "title"),
    ("search default --in keys PATH", "key"),
    ("certs PATH", "subject"),
];

#[test]
fn every_verb_takes_columns_order_and_number_of_rows() {
    let path = data_dir(FIXTURE);
    for (line, column) in LINES {
        let flags = ["--columns", column, "--sort-by", column, "--limit", "2"];
        let said = about(&path, line, &flags);
        assert!(said.code != 2, "{line}: {}", said.err);
        let lines: Vec<&str> = said.out.lines().collect();
        assert!(
            lines.len() <= 3,
            "{line}: a head and two rows\n{}",
            said.out
        );
        if let Some(head) = lines.first() {
            let heads = head.trim().split("  ").count();
            assert_eq!(heads, 1, "{line}: {head}");
        }
        let json = about(&path, line, &[&flags[..], &["-o", "json"]].concat());
        let document = json.json();
        let fields = document.as_object().unwrap();
        assert!(fields.contains_key("schema"), "{line}: {document}");
    }
}

#[test]
fn a_column_that_is_not_there_is_refused_with_the_names_of_all() {
    let path = data_dir(FIXTURE);
    for (line, column) in LINES {
        for flag in ["--columns", "--sort-by"] {
            let said = about(&path, line, &[flag, "nosuch"]);
            assert_eq!(said.code, 2, "{line} {flag}: {}{}", said.out, said.err);
            assert!(said.err.contains("E0002"), "{line}: {}", said.err);
            assert!(
                said.err.contains(column),
                "{line} names {column}: {}",
                said.err
            );
        }
    }
    for line in ["decode", "man", "completions bash", "tui PATH"] {
        let said = about(&path, line, &["--columns", "x"]);
        assert_eq!(said.code, 2, "{line}: {}", said.err);
        assert!(
            said.err.contains("E0002") && said.err.contains("no rows"),
            "{}",
            said.err
        );
    }
}

#[test]
fn no_line_of_any_verb_ignores_a_column_that_is_not_there() {
    let path = data_dir(FIXTURE);
    let outside = tempfile::tempdir().unwrap();
    let file = path.join("member/snap/db");
    let mut subject = Subject::new(&path, &file, outside.path());
    subject.key = "/registry/namespaces/default";
    let mut accepted = Vec::new();
    for line in subject.lines(env!("CARGO_BIN_EXE_etcd-inspect")) {
        // `help` is not a verb of ours; its text is of the argument parser. No write here is as old as `--at` asks.
        let is_skipped = |word: &String| word == "--columns" || word == "--at";
        if line.iter().any(is_skipped) || line[0] == "help" {
            continue;
        }
        let said = etcd_inspect(
            line.iter()
                .map(String::as_str)
                .chain(["--columns", "nosuch"]),
        );
        // Of what is not there nothing is printed.
        let nothing = ["E0005", "E0006", "no releases of Helm found"];
        let is_nothing = nothing.iter().any(|code| said.err.contains(code))
            || said.out.ends_with("rows: []\n")
            || line.contains(&"--ignore-not-found".to_owned()) && said.out.is_empty();
        if matches!(said.code, 0 | 1) && is_nothing {
            continue;
        }
        let names = ["columns: ", "no rows", "printed whole", "has no effect on"];
        let is_refused = said.code == 2 && said.err.contains("E0002");
        if !is_refused || !names.iter().any(|name| said.err.contains(name)) {
            let out: String = said.out.chars().take(200).collect();
            accepted.push(format!("{line:?}: {}: {out}{}", said.code, said.err));
        }
    }
    assert_eq!(accepted, Vec::<String>::new());
}

#[test]
fn csv_has_one_line_for_each_finding_and_member() {
    let path = data_dir(FIXTURE);
    for (line, head) in [
        ("check PATH", "id,severity,code,"),
        (
            "compare PATH PATH",
            "path,member_id,served_revision,revision,",
        ),
        ("preflight PATH --for start", "level,code,text"),
        ("space PATH", "name,bytes,"),
    ] {
        let said = about(&path, line, &["-o", "csv"]);
        assert!(said.out.starts_with(head), "{line}: {}", said.out);
    }
    let findings = about(&path, "check PATH", &["-o", "json"]).json();
    let findings = findings["findings"].as_array().unwrap().len();
    let csv = about(&path, "check PATH", &["-o", "csv"]).out;
    assert_eq!(csv.lines().count(), findings + 1, "{csv}");
}

/// The columns of an answer as its JSON has them: fields of fields by their path, lists and what is marked left out.
fn columns_of(document: &Value) -> Vec<String> {
    let fields = document.as_object().unwrap().iter();
    let fields = fields.filter(|(name, _)| !["schema", "partial"].contains(&name.as_str()));
    fields
        .flat_map(|(name, value)| match value {
            Value::Object(inner) if !inner.is_empty() => inner
                .keys()
                .map(|field| format!("{name}.{field}"))
                .collect(),
            _ => vec![name.clone()],
        })
        .collect()
}

#[test]
fn a_column_that_does_not_exist_is_refused_before_a_file_is_written() {
    let path = data_dir("etcd-3.5.30");
    for line in [
        "doctor PATH --bundle OUT",
        "manifest PATH --out OUT",
        "redact PATH --out OUT",
        "report PATH --out OUT",
        "salvage PATH --out OUT",
        "salvage PATH --correct --out-dir OUT",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("written.tar.zst");
        let line = line.replace("OUT", out.to_str().unwrap());
        let refused = about(&path, &line, &["--columns", "nosuch"]);
        assert_eq!(refused.code, 2, "{line}: {}", refused.err);
        assert!(!out.exists(), "{line}");
        let (_, known) = refused.err.split_once("columns: ").unwrap();
        let known: Vec<&str> = known.lines().next().unwrap().split(", ").collect();
        let written = about(&path, &line, &["-o", "json"]);
        // There is nothing to correct here.
        assert!(
            out.exists() || line.contains("--correct"),
            "{line}: {}",
            written.err
        );
        assert_eq!(columns_of(&written.json()), known, "{line}");
    }
}

#[test]
fn rows_of_a_document_are_ordered_and_cut_in_every_form() {
    let path = data_dir(FIXTURE);
    let flags = [
        "--columns",
        "name,bytes",
        "--sort-by",
        "bytes",
        "--limit",
        "3",
    ];
    let json = about(&path, "space PATH", &[&flags[..], &["-o", "json"]].concat());
    let rows = json.rows();
    assert_eq!(rows.len(), 3);
    let bytes: Vec<u64> = rows
        .iter()
        .map(|row| row["bytes"].as_u64().unwrap())
        .collect();
    assert!(bytes.is_sorted_by(|a, b| a >= b), "{bytes:?}");
    assert_eq!(rows[0].as_object().unwrap().len(), 2, "{}", rows[0]);
    assert!(json.json()["total_rows"].as_u64() > Some(3));
    let csv = about(&path, "space PATH", &[&flags[..], &["-o", "csv"]].concat());
    assert_eq!(csv.out.lines().next(), Some("name,bytes"));
    assert_eq!(csv.out.lines().count(), 4, "{}", csv.out);
    let hash = about(
        &path,
        "hashkv PATH",
        &["--columns", "hash", "--no-headers", "-o", "csv"],
    );
    let whole = about(&path, "hashkv PATH", &["-o", "json"]).json();
    assert_eq!(hash.out.trim(), whole["hash"].to_string());
}

#[test]
fn every_size_is_spelt_alike() {
    let path = data_dir(FIXTURE);
    for size in ["8Gi", "8GiB", "8gb", "8G", "8589934592"] {
        for line in [
            "space --quota SIZE PATH",
            "status --quick --max-unpacked SIZE PATH",
        ] {
            let said = about(&path, &line.replace("SIZE", size), &[]);
            assert_eq!(said.code, 0, "{line} {size}: {}", said.err);
        }
    }
    for line in ["space --quota 8X PATH", "status --max-unpacked 8X PATH"] {
        let said = about(&path, line, &[]);
        assert_eq!(said.code, 2);
        assert!(said.err.contains("8GiB"), "{}", said.err);
    }
}

/// A copy of the directory whose db lacks one leaf page with keys of Kubernetes.
fn without_a_leaf() -> testkit::Copy {
    let copy = fixture_copy(FIXTURE);
    let file = copy.data_dir().join("member/snap/db");
    let healthy = std::fs::read(&file).unwrap();
    let holds = |page: &[u8]| page.windows(15).any(|text| text == b"/registry/pods/");
    for (number, page) in healthy.chunks(4096).enumerate() {
        // A leaf with its own number and without overflow.
        let is_leaf = page[..8] == (number as u64).to_le_bytes() && page[8..10] == [2, 0];
        if is_leaf && page[12..16] == [0; 4] && holds(page) {
            let mut damaged = healthy.clone();
            damaged[number * 4096..(number + 1) * 4096].fill(0);
            std::fs::write(&file, &damaged).unwrap();
            if about(&copy.data_dir(), "hashkv PATH", &[]).code == 3 {
                return copy;
            }
        }
    }
    panic!("no leaf with pods is part of the tree");
}

#[test]
fn a_partial_answer_is_marked_in_every_form() {
    let copy = without_a_leaf();
    let path = copy.data_dir();
    for line in [
        "hashkv PATH",
        "keys PATH",
        "keys --by-resource PATH",
        "get pods -A -d PATH",
        "get /registry/ -d PATH",
        "space PATH",
        "leases PATH",
        "search default PATH",
        "certs PATH",
        "status PATH",
    ] {
        let table = about(&path, line, &[]);
        assert_eq!(table.code, 3, "{line}: {}", table.err);
        assert!(
            table.err.contains("the answer is partial: "),
            "{line}: {}",
            table.err
        );
        assert!(
            table.err.contains("etcd-inspect check "),
            "{line}: {}",
            table.err
        );
        let json = about(&path, line, &["-o", "json"]);
        assert_eq!(json.code, 3, "{line}");
        let mark = &json.json()["partial"];
        assert!(mark["findings"][0]["code"].is_string(), "{line}: {mark}");
        assert!(mark["findings"][0]["file"].is_string(), "{line}: {mark}");
        let lines = about(&path, line, &["-o", "jsonl"]);
        let last = lines.out.lines().last().unwrap_or_default();
        let last: Value = serde_json::from_str(last).unwrap();
        assert!(last["partial"].is_object(), "{line}: {last}");
    }
    let absent = about(&path, "get pods/nosuch -n default -d PATH", &[]);
    assert_eq!(
        absent.code, 3,
        "it may be on the page that is lost: {}",
        absent.err
    );
}

/// Verbs whose answer does not need the page that is lost.
fn is_complete_without_the_page(line: &[String]) -> bool {
    let has = |words: &[&str]| {
        words
            .iter()
            .any(|word| line.iter().any(|given| given == word))
    };
    match line[0].as_str() {
        // A manifest is of bytes, whatever they mean, and a redacted copy has the damage of its original.
        "wal" | "snap" | "explain" | "version" | "doctor" | "help" | "man" | "completions"
        | "tui" | "decode" | "manifest" | "redact" | "tables" => true,
        "meta" => !has(&["--encryption", "--replay"]),
        "page" => !has(&["--tree", "--key"]),
        "status" => has(&["--quick"]),
        // Nothing is asked of it here.
        "serve" => has(&["--mcp"]),
        // The log is whole, and findings are what the page lacks.
        "sql" => has(&["select*from(wal_entries)", "select*from(findings)"]),
        _ => false,
    }
}

#[test]
fn every_line_of_every_verb_that_lacks_a_page_says_so() {
    let copy = without_a_leaf();
    let path = copy.data_dir();
    let outside = tempfile::tempdir().unwrap();
    let file = path.join("member/snap/db");
    let mut subject = Subject::new(&path, &file, outside.path());
    subject.key = "/registry/namespaces/default";
    for line in subject.lines(env!("CARGO_BIN_EXE_etcd-inspect")) {
        let judges = ["check", "compare", "preflight", "salvage"].contains(&line[0].as_str());
        // What is asked of one file only, or of the older tree, need not lack the page.
        let of_another_tree = line.iter().any(|word| word == "--meta" || word == "1");
        if judges || is_complete_without_the_page(&line) || of_another_tree {
            continue;
        }
        let said = etcd_inspect(&line);
        if said.code == 2 {
            continue;
        }
        assert_eq!(said.code, 3, "{line:?}: {}{}", said.out, said.err);
        assert!(
            said.err.contains("the answer is partial"),
            "{line:?}: {}",
            said.err
        );
        if let Ok(Value::Object(document)) = serde_json::from_str::<Value>(&said.out)
            && document.contains_key("schema")
        {
            assert!(document.contains_key("partial"), "{line:?}: {}", said.out);
        }
    }
}

#[test]
fn one_flipped_byte_of_an_archive_is_a_partial_answer() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m1.tar.gz");
    let member = data_dir("etcd-3.5.30");
    let tar = std::process::Command::new("tar")
        .arg("-czf")
        .arg(&file)
        .arg("-C")
        .arg(&member)
        .arg("member")
        .status()
        .unwrap();
    assert!(tar.success());
    let mut bytes = std::fs::read(&file).unwrap();
    // The checksum at the end of the gzip member: everything before it still unpacks.
    let at = bytes.len() - 6;
    bytes[at] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    for form in ["json", "table", "csv", "yaml"] {
        let said = about(&file, "hashkv PATH", &["-o", form]);
        assert_eq!(said.code, 3, "{form}: {}{}", said.out, said.err);
        assert!(said.err.contains("DIR-019"), "{form}: {}", said.err);
    }
    let json = about(&file, "hashkv PATH", &["-o", "json"]).json();
    assert_eq!(json["partial"]["findings"][0]["code"], "DIR-019");
}

/// Verbs that answer without the records of a db, or judge the backup themselves.
const NOT_OF_RECORDS: [&str; 22] = [
    "carve",
    "check",
    "compare",
    "completions",
    "decode",
    "doctor",
    "explain",
    "help",
    "man",
    "manifest",
    "preflight",
    "redact",
    "report",
    "salvage",
    "serve",
    "snap",
    "status",
    "tables",
    "tui",
    "version",
    "wal",
    // Files that a program reads: its rows of findings have SNAP-011.
    "export",
];

#[test]
fn every_answer_from_a_backup_that_fails_its_sum_is_partial() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db");
    let mut bytes = std::fs::read(data_dir("etcd-3.5.30").join("member/snap/db")).unwrap();
    bytes.extend([7; 32]);
    std::fs::write(&file, bytes).unwrap();
    let outside = tempfile::tempdir().unwrap();
    let mut subject = Subject::new(&file, &file, outside.path());
    subject.key = "/registry/things/ns1/k8";
    let mut asked = std::collections::BTreeSet::new();
    for line in subject.lines(env!("CARGO_BIN_EXE_etcd-inspect")) {
        let verb = line[0].as_str();
        if NOT_OF_RECORDS.contains(&verb) {
            continue;
        }
        let said = etcd_inspect(&line);
        if said.code == 2 {
            continue;
        }
        assert_eq!(said.code, 3, "{line:?}: {}{}", said.out, said.err);
        assert!(said.err.contains("SNAP-011"), "{line:?}: {}", said.err);
        if let Ok(Value::Object(document)) = serde_json::from_str::<Value>(&said.out)
            && document.contains_key("schema")
        {
            assert!(document.contains_key("partial"), "{line:?}: {}", said.out);
        }
        asked.insert(line[0].clone());
    }
    assert!(asked.len() >= 14, "{asked:?}");
}

#[test]
fn a_healthy_answer_has_no_mark() {
    let path = data_dir(FIXTURE);
    for line in ["hashkv PATH", "keys --by-resource PATH", "space PATH"] {
        let said = about(&path, line, &["-o", "json"]);
        assert_eq!(said.code, 0, "{line}: {}", said.err);
        assert!(said.json().get("partial").is_none(), "{line}");
    }
}

#[test]
fn a_deep_custom_resource_is_read_as_deep_as_it_is_asked_for() {
    let deep = |levels: usize| {
        let (open, close) = ("{\"a\":".repeat(levels), "}".repeat(levels));
        format!("{{\"apiVersion\":\"a.io/v1\",\"kind\":\"W\",\"spec\":{open}1{close}}}")
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("value");
    std::fs::write(&file, deep(130)).unwrap();
    let file = file.to_str().unwrap();
    let refused = etcd_inspect(["decode", file]);
    assert_ne!(refused.code, 0);
    assert!(refused.err.contains("--value-depth"), "{}", refused.err);
    let read = etcd_inspect(["decode", "--value-depth", "200", file]);
    assert_eq!(read.code, 0, "{}", read.err);
}
