//! A query can only ask: nothing is written, opened or loaded, and it ends at its bounds.

use std::path::Path;
use std::time::{Duration, Instant};

use testkit::data_dir;

use crate::run::{sealed, text};

#[test]
fn a_query_cannot_write_attach_or_load() {
    let data = data_dir("etcd-3.4.23");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.db");
    for sql in [
        format!("ATTACH '{}' AS x", file.display()),
        format!("VACUUM INTO '{}'", file.display()),
        "CREATE TABLE x (a)".to_owned(),
        "CREATE TEMP TABLE x AS SELECT * FROM keys".to_owned(),
        "DELETE FROM keys".to_owned(),
        "INSERT INTO keys (key) VALUES ('a')".to_owned(),
        "UPDATE keys SET key = 'a'".to_owned(),
        "DROP TABLE keys".to_owned(),
        "SELECT load_extension('x')".to_owned(),
        "PRAGMA temp_store_directory = '/tmp'".to_owned(),
        "PRAGMA hard_heap_limit = 0".to_owned(),
        "BEGIN".to_owned(),
        "SELECT 1; DELETE FROM keys".to_owned(),
        "SELECT 1; SELECT 2".to_owned(),
        String::new(),
        "SELECT".to_owned(),
    ] {
        let said = sealed(&data, &["sql", &sql, text(&data)]);
        assert_eq!(said.code, 2, "{sql}: {}{}", said.out, said.err);
        assert!(said.err.contains("error[E0002]"), "{sql}: {}", said.err);
        assert!(said.err.contains("try "), "{sql}: {}", said.err);
        assert!(!file.exists(), "{sql}");
    }
}

#[test]
fn words_that_are_not_known_are_named_with_the_nearest_ones() {
    let data = data_dir("etcd-3.4.23");
    let said = sealed(&data, &["sql", "SELECT * FROM key", text(&data)]);
    assert!(
        said.err.contains("etcd-inspect tables keys"),
        "{}",
        said.err
    );
    let said = sealed(&data, &["sql", "SELECT keyy FROM keys", text(&data)]);
    assert!(said.err.contains("no such column: keyy"), "{}", said.err);
    assert_eq!(said.code, 2);
}

#[test]
fn a_query_ends_at_its_limits_of_time_and_memory() {
    let data = data_dir("etcd-3.4.23");
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let started = Instant::now();
    let said = sealed(&data, &["sql", endless, text(&data), "--timeout", "1"]);
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("--timeout"), "{}", said.err);
    let large = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) \
                 SELECT i, hex(randomblob(200)) AS x FROM n ORDER BY x";
    let said = sealed(&data, &["sql", large, text(&data), "--max-memory", "20MB"]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("--max-memory"), "{}", said.err);
}

/// Damage under a table is a partial answer, as in every verb.
#[test]
fn rows_that_damage_hides_make_the_answer_partial() {
    let copy = testkit::fixture_copy("k8s-1.20-etcd35");
    let db = copy.data_dir().join("member/snap/db");
    let mut bytes = std::fs::read(&db).unwrap();
    let at = bytes
        .windows(15)
        .position(|window| window == b"/registry/pods/")
        .unwrap()
        / 4096
        * 4096;
    bytes[at..at + 4096].fill(0);
    std::fs::write(&db, bytes).unwrap();
    let data = copy.data_dir();
    let said = sealed(
        &data,
        &[
            "sql",
            "SELECT count(*) AS n FROM versions",
            text(&data),
            "-o",
            "json",
        ],
    );
    assert_eq!(said.code, 3, "{}{}", said.out, said.err);
    let said = sealed(
        &data,
        &[
            "sql",
            "SELECT count(*) AS n FROM findings",
            text(&data),
            "-o",
            "csv",
        ],
    );
    assert!(said.out.lines().nth(1).unwrap().parse::<u32>().unwrap() > 0);
}

/// A db that cannot be read leaves the tables of the log.
#[test]
fn the_log_can_be_asked_without_a_db() {
    let copy = testkit::fixture_copy("etcd-3.5.30");
    let data = copy.data_dir();
    std::fs::write(data.join("member/snap/db"), b"").unwrap();
    let said = sealed(
        &data,
        &[
            "sql",
            "SELECT count(*) AS n FROM wal_entries",
            text(&data),
            "-o",
            "csv",
        ],
    );
    assert!(
        said.out.lines().nth(1).unwrap().parse::<u32>().unwrap() > 0,
        "{}",
        said.err
    );
    // Its state answers for the db, pages are the db's alone.
    let keys = |data: &Path| {
        let query = "SELECT count(*) AS n FROM keys";
        sealed(data, &["sql", query, text(data), "-o", "csv"])
    };
    let of_db = keys(&testkit::data_dir("etcd-3.5.30"));
    assert_eq!(keys(&data).out, of_db.out);
    let query = "SELECT count(*) AS n FROM pages";
    assert_eq!(sealed(&data, &["sql", query, text(&data)]).code, 2);
}

#[test]
fn members_that_nothing_names_are_not_counted_as_none() {
    // It has no .snap file either.
    let copy = testkit::fixture_copy("k8s-1.20-etcd35");
    let data = copy.data_dir();
    std::fs::remove_file(data.join("member/snap/db")).unwrap();
    let query = "SELECT count(*) AS n FROM members";
    let said = sealed(&data, &["sql", query, text(&data)]);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.err.contains("no db"), "{}", said.err);
}

/// A backup that was cut short: what can be read is there, what cannot is named with the code that other verbs give.
#[test]
fn tables_that_the_damage_does_not_allow_are_left_out_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let whole = data_dir("k8s-1.20-etcd35").join("member/snap/db");
    let whole = std::fs::read(whole).unwrap();
    let sqlite = b"SQLite format 3\0";
    for (name, bytes, code, has) in [
        ("cut.db", &whole[..whole.len() / 3], "E0102", "pages"),
        ("empty.db", &whole[..0], "E0102", "findings"),
        ("other.db", &sqlite[..], "E0001", ""),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let said = sealed(&path, &["sql", "SELECT count(*) FROM keys", text(&path)]);
        assert_eq!(said.code, 2, "{name}: {}", said.err);
        assert!(said.err.contains(code), "{name}: {}", said.err);
        assert!(
            has.is_empty() || said.err.contains("etcd-inspect check"),
            "{name}: {}",
            said.err
        );
        let out = folder.path().join(format!("{name}.tables"));
        let args = [
            "export",
            "--format",
            "parquet",
            "--out",
            text(&out),
            "-d",
            text(&path),
        ];
        let said = sealed(&path, &args);
        if has.is_empty() {
            assert_eq!(said.code, 2, "{name}: {}", said.err);
            continue;
        }
        assert_eq!(said.code, 3, "{name}: {}", said.err);
        assert!(
            said.err.contains("no table keys, versions, objects"),
            "{name}: {}",
            said.err
        );
        assert!(out.join(format!("{has}.parquet")).exists(), "{name}");
        assert!(!out.join("keys.parquet").exists(), "unknown is not empty");
        let found = "SELECT count(*) AS n FROM findings WHERE severity = 'error'";
        let said = sealed(&path, &["sql", found, text(&path), "-o", "json"]);
        assert!(said.json()["rows"][0]["n"].as_i64().unwrap() > 0, "{name}");
    }
}

/// The next command of an error runs when it is pasted.
#[test]
fn an_output_that_exists_is_refused_with_a_name_that_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let data = data_dir("etcd-3.4.23");
    let out = folder.path().join("tables.sqlite");
    std::fs::write(&out, b"").unwrap();
    let args = [
        "export",
        "--format",
        "sqlite",
        "--out",
        text(&out),
        "-d",
        text(&data),
    ];
    let said = sealed(&data, &args);
    assert_eq!(said.code, 2);
    let next = said
        .err
        .lines()
        .find_map(|line| line.trim().strip_prefix("try "));
    let words: Vec<&str> = next.unwrap().split_whitespace().skip(1).collect();
    // 3: values of this fixture are no Kubernetes objects.
    assert!(matches!(sealed(&data, &words).code, 0 | 3), "{words:?}");
    assert!(folder.path().join("tables-2.sqlite").exists());
}

/// JSON has no number for it: null would be unknown.
#[test]
fn a_number_without_end_is_named() {
    let data = data_dir("etcd-3.4.23");
    for form in ["json", "csv"] {
        let query = "SELECT 1e308 * 10 AS a, -1e308 * 10 AS b, NULL AS c, 1.5 AS d";
        let said = sealed(&data, &["sql", query, text(&data), "-o", form]);
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(
            said.out.contains("Infinity")
                && said.out.contains("-Infinity")
                && said.out.contains("1.5"),
            "{}",
            said.out
        );
        if form == "json" {
            assert_eq!(said.json()["rows"][0]["c"], serde_json::Value::Null);
        }
    }
}
