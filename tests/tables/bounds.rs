//! A query can only ask: nothing is written, opened or loaded, and it ends at its bounds.

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
    let said = sealed(
        &data,
        &["sql", "SELECT count(*) AS n FROM keys", text(&data)],
    );
    assert_ne!(said.code, 0);
}
