//! Tables as files: what SQLite, Parquet, CSV and JSON lines hold is what `sql` answers.

use std::fs;
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use rusqlite::Connection;
use serde_json::Value;
use testkit::data_dir;

use crate::run::{run, sealed, text};

fn export(data: &Path, format: &str, out: &Path, more: &[&str]) {
    let mut args = vec![
        "export",
        "--format",
        format,
        "--out",
        text(out),
        "-d",
        text(data),
    ];
    args.extend(more);
    let said = sealed(data, &args);
    assert!(matches!(said.code, 0 | 3), "{format}: {}", said.err);
}

fn tables() -> Vec<String> {
    let listed = run(&["tables", "-o", "json"]).json();
    let names = listed["rows"].as_array().unwrap().iter();
    names
        .map(|row| row["table"].as_str().unwrap().to_owned())
        .filter(|name| name != "fields")
        .collect()
}

fn asked(data: &Path, table: &str) -> Vec<Value> {
    let sql = format!("SELECT * FROM {table}");
    let said = run(&["sql", &sql, "-o", "json", text(data)]).json();
    said["rows"].as_array().unwrap().clone()
}

/// Rows without the columns whose hidden values have fingerprints of one run.
fn plain(mut rows: Vec<Value>) -> Vec<Value> {
    for row in &mut rows {
        row.as_object_mut().unwrap().remove("json");
    }
    rows
}

#[test]
fn a_sqlite_file_is_sound_and_holds_what_sql_answers() {
    let folder = tempfile::tempdir().unwrap();
    for member in ["k8s-1.20-etcd35", "etcd-3.6.14-killed"] {
        let data = data_dir(member);
        let path = folder.path().join(format!("{member}.sqlite"));
        export(&data, "sqlite", &path, &[]);
        let file = Connection::open(&path).unwrap();
        let check: String = file
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(check, "ok");
        let broken = file
            .prepare("PRAGMA foreign_key_check")
            .unwrap()
            .query([])
            .unwrap()
            .next()
            .unwrap()
            .is_some();
        assert!(!broken);
        for table in tables() {
            let rows = asked(&data, &table);
            let mut statement = file
                .prepare(&format!("SELECT * FROM {table} ORDER BY rowid"))
                .unwrap();
            let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let mut held = Vec::new();
            let mut cursor = statement.query([]).unwrap();
            while let Some(row) = cursor.next().unwrap() {
                let mut object = serde_json::Map::new();
                for (at, name) in names.iter().enumerate() {
                    let value = match row.get_ref(at).unwrap() {
                        rusqlite::types::ValueRef::Null => Value::Null,
                        rusqlite::types::ValueRef::Integer(integer) => Value::from(integer),
                        rusqlite::types::ValueRef::Real(real) => Value::from(real),
                        other => Value::from(other.as_str().unwrap()),
                    };
                    object.insert(name.clone(), value);
                }
                held.push(Value::Object(object));
            }
            assert_eq!(plain(held), plain(rows), "{member}: {table}");
        }
        let (cluster, sum): (String, String) = file
            .query_row("SELECT cluster_id, source_sha256 FROM source", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        let status = run(&["status", "-o", "json", text(&data)]).json();
        assert_eq!(status["cluster_id"], cluster);
        assert_eq!(sum.len(), 64);
    }
}

#[test]
fn parquet_files_hold_what_sql_answers_with_the_evidence_in_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let data = data_dir("k8s-1.20-etcd35");
    let out = folder.path().join("tables");
    export(&data, "parquet", &out, &[]);
    for table in tables() {
        let file = fs::File::open(out.join(format!("{table}.parquet"))).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let rows = asked(&data, &table);
        assert_eq!(
            usize::try_from(reader.metadata().file_metadata().num_rows()).unwrap(),
            rows.len(),
            "{table}"
        );
        for (held, row) in reader.get_row_iter(None).unwrap().zip(&rows) {
            for (name, field) in held.unwrap().into_columns() {
                let expected = &row[name.as_str()];
                match (name.as_str(), &field) {
                    ("json", _) => {}
                    ("cluster_id", Field::Str(id)) => assert_eq!(id.len(), 16),
                    ("member_id", Field::Str(id)) => assert_eq!(id.len(), 16),
                    ("source_sha256", Field::Str(sum)) => assert_eq!(sum.len(), 64),
                    ("source_revision", Field::Long(revision)) => assert_eq!(*revision, 4271),
                    (_, Field::Null) => assert_eq!(expected, &Value::Null, "{table}.{name}"),
                    (_, Field::Str(text)) => assert_eq!(expected, text.as_str(), "{table}.{name}"),
                    (_, Field::Long(integer)) => assert_eq!(expected, integer, "{table}.{name}"),
                    (_, Field::Double(real)) => {
                        assert_eq!(expected.as_f64(), Some(*real), "{table}.{name}")
                    }
                    (_, Field::Bool(flag)) => {
                        assert_eq!(expected, u8::from(*flag), "{table}.{name}")
                    }
                    (_, Field::TimestampMicros(micros)) => {
                        let time: jiff::Timestamp = expected.as_str().unwrap().parse().unwrap();
                        assert_eq!(time.as_microsecond(), *micros, "{table}.{name}");
                    }
                    (_, other) => panic!("{table}.{name}: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn text_files_hold_what_sql_answers() {
    let folder = tempfile::tempdir().unwrap();
    let data = data_dir("auth-3.5.16");
    let (csv, jsonl) = (folder.path().join("csv"), folder.path().join("jsonl"));
    export(&data, "csv", &csv, &["--tables", "keys"]);
    export(&data, "jsonl", &jsonl, &["--tables", "versions,keys"]);
    let lines = fs::read_to_string(jsonl.join("keys.jsonl")).unwrap();
    let rows: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // JSON lines leave NULL out; an answer has each column in each row.
    let mut answered = asked(&data, "keys");
    for row in &mut answered {
        row.as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
    }
    assert_eq!(rows, answered);
    let said = run(&["sql", "SELECT * FROM keys", "-o", "csv", text(&data)]).out;
    let named = |text: &str| text.lines().next().unwrap().to_ascii_lowercase();
    let held = fs::read_to_string(csv.join("keys.csv")).unwrap();
    assert_eq!(
        (named(&held), held.lines().count()),
        (named(&said), said.lines().count())
    );
    assert!(jsonl.join("versions.jsonl").exists() && !csv.join("versions.csv").exists());
}

#[test]
fn the_same_evidence_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let data = data_dir("k8s-1.20-etcd35");
    let once = ["one", "two"].map(|name| {
        let sqlite = folder.path().join(format!("{name}.sqlite"));
        export(&data, "sqlite", &sqlite, &["--tables", "objects,keys"]);
        let parquet = folder.path().join(name);
        export(&data, "parquet", &parquet, &["--tables", "objects,keys"]);
        (
            fs::read(sqlite).unwrap(),
            fs::read(parquet.join("objects.parquet")).unwrap(),
        )
    });
    assert!(once[0] == once[1]);
}

#[test]
fn secrets_are_hidden_in_tables_until_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let data = data_dir("k8s-1.20-etcd35");
    let secrets = run(&[
        "get",
        "secrets",
        "-A",
        "-o",
        "json",
        "--reveal=all",
        "-d",
        text(&data),
    ])
    .json();
    // A certificate is no secret; the token beside it is.
    let canaries: Vec<&str> = secrets["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|secret| secret["data"]["token"].as_str())
        .collect();
    assert!(canaries.len() > 10);
    let all = [
        "--tables",
        "objects,fields,managed_fields,wal_entries,versions",
    ];
    let held = |name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        export(&data, "jsonl", &out, &[&all, more].concat());
        let read = |entry: std::io::Result<fs::DirEntry>| {
            fs::read_to_string(entry.unwrap().path()).unwrap()
        };
        fs::read_dir(&out).unwrap().map(read).collect::<String>()
    };
    let masked = held("masked", &[]);
    let none = held("none", &["--values", "none"]);
    let revealed = held("revealed", &["--values", "reveal"]);
    for canary in &canaries {
        assert!(!masked.contains(*canary), "masked: {canary}");
        assert!(!none.contains(*canary), "none: {canary}");
        assert!(revealed.contains(*canary));
    }
    let sql = run(&[
        "sql",
        "SELECT json FROM objects WHERE resource = 'secrets'",
        "-o",
        "csv",
        text(&data),
    ])
    .out;
    assert!(canaries.iter().all(|canary| !sql.contains(*canary)));
}

#[test]
fn what_cannot_be_written_is_refused_with_a_next_step() {
    let data = data_dir("etcd-3.4.23");
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("there");
    fs::create_dir(&there).unwrap();
    let inside = data.join("tables");
    for (args, code) in [
        (vec!["--format", "sqlite"], 2),
        (vec!["--format", "sqlite", "--out", "-"], 2),
        (vec!["--format", "parquet", "--out", text(&there)], 2),
        (vec!["--format", "parquet", "--out", text(&inside)], 2),
        (vec!["--tables", "keys", "--out", "new"], 2),
        (
            vec!["--format", "csv", "--tables", "kees", "--out", "new"],
            2,
        ),
        (vec!["pods", "--format", "csv", "--out", "new"], 2),
    ] {
        let mut whole = vec!["export", "-d", text(&data)];
        whole.extend(&args);
        let said = sealed(&data, &whole);
        assert_eq!(said.code, code, "{args:?}: {}", said.err);
        assert!(said.err.contains("try "), "{args:?}: {}", said.err);
    }
    assert!(!inside.exists());
}

#[test]
fn values_that_are_no_objects_or_have_no_key_are_no_damage_and_the_key_file_is_asked_for() {
    let plain = data_dir("etcd-3.5.30");
    let said = sealed(
        &plain,
        &[
            "sql",
            "SELECT problem FROM objects",
            "-o",
            "json",
            text(&plain),
        ],
    );
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.json()["rows"][0]["problem"].is_string());
    let encrypted = data_dir("k8s-1.20-etcd35-enc");
    let sql = "SELECT problem FROM objects WHERE resource = 'secrets'";
    let said = sealed(&encrypted, &["sql", sql, "-o", "json", text(&encrypted)]);
    assert_eq!(said.code, 3, "as get: {}", said.err);
    assert!(
        said.err.contains("--encryption-config FILE"),
        "{}",
        said.err
    );
}

#[test]
fn flags_that_have_no_effect_on_tables_are_refused() {
    let data = data_dir("k8s-1.20-etcd35");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let given: [&[&str]; 7] = [
        &["-n", "prod"],
        &["-A"],
        &["--owned"],
        &["--keep-finalizers"],
        &["--keep-cluster-ip"],
        &["--secrets", "placeholder"],
        &["--target", "1.36"],
    ];
    for flags in given {
        let mut args = vec![
            "export",
            "--format",
            "csv",
            "--out",
            text(&out),
            "-d",
            text(&data),
        ];
        args.extend(flags);
        let said = run(&args);
        assert_eq!(said.code, 2, "{flags:?}");
        assert!(
            said.err.contains("E0002") && said.err.contains(flags[0]),
            "{}",
            said.err
        );
        assert!(!out.exists());
    }
}

#[test]
fn a_file_has_the_revision_of_its_rows_and_says_that_it_is_partial() {
    let folder = tempfile::tempdir().unwrap();
    let source = |data: &Path, name: &str| -> (Option<i64>, bool, Option<String>) {
        let path = folder.path().join(name);
        export(data, "sqlite", &path, &["--tables", "keys"]);
        let file = Connection::open(&path).unwrap();
        let read = file.query_row("SELECT revision, partial, damage FROM source", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        });
        read.unwrap()
    };
    let data = data_dir("k8s-1.20-etcd35");
    let (revision, is_partial, damage) = source(&data, "sound.sqlite");
    assert_eq!((revision, is_partial, damage), (Some(4271), false, None));
    let copy = testkit::fixture_copy("k8s-1.20-etcd35");
    let db = copy.data_dir().join("member/snap/db");
    let mut bytes = fs::read(&db).unwrap();
    bytes[20 * 4096..21 * 4096].fill(0);
    fs::write(&db, bytes).unwrap();
    let (revision, is_partial, damage) = source(&copy.data_dir(), "damaged.sqlite");
    assert_eq!((revision, is_partial), (None, true));
    assert!(damage.unwrap().contains("BOLT-009"));
}

#[test]
fn an_empty_text_is_not_null_in_csv() {
    let data = data_dir("k8s-1.20-etcd35");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    export(&data, "csv", &out, &["--tables", "fields"]);
    let lines = fs::read_to_string(out.join("fields.csv")).unwrap();
    let empty = lines.lines().filter(|line| line.contains(",\"\"")).count();
    let asked = run(&[
        "sql",
        "SELECT count(*) AS n FROM fields WHERE value = ''",
        "-o",
        "json",
        text(&data),
    ])
    .json();
    assert!(empty >= 1000, "{empty} {asked}");
}
