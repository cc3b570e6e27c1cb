//! Engines that people run: DuckDB, pyarrow and Spark read what was exported, if they are here. The scripts say what they prove.

use std::process::{Command, Stdio};

use testkit::{data_dir, root};

/// The Python that can import some modules: `$FLEET_PYTHON`, else the one on the path.
fn python(modules: &str) -> Option<String> {
    let named = std::env::var("FLEET_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = |words: &[&str]| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdin(Stdio::null());
        let ended = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        ended.is_ok_and(|status| status.success())
    };
    let imports = format!("import {modules}");
    let tools =
        !modules.contains("pyspark") || (has(&["java", "-version"]) && has(&["zstd", "--version"]));
    (tools && has(&[&named, "-c", &imports])).then_some(named)
}

#[test]
fn every_backup_of_a_fleet_is_in_the_tables_once_and_the_ready_queries_have_the_same_rows_in_spark_and_duckdb()
 {
    let Some(python) = python("pyspark, pyarrow, duckdb") else {
        println!(
            "no Spark here (pip install pyspark pyarrow duckdb; $FLEET_PYTHON names the Python): tests/fleet/run was not run"
        );
        return;
    };
    let ran = Command::new(python)
        .arg(root().join("tests/fleet/run"))
        .args(["local", "--binary", env!("CARGO_BIN_EXE_etcd-inspect")])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    assert!(ran.status.success(), "{out}\n{err}");
    assert!(out.contains("all accounted for, none twice"), "{out}");
}

#[test]
fn exported_tables_are_the_same_in_sqlite_duckdb_and_pyarrow() {
    let Some(python) = python("pyarrow, duckdb") else {
        println!(
            "no DuckDB here (pip install duckdb pyarrow; $FLEET_PYTHON names the Python): tests/tables/compare_engines was not run"
        );
        return;
    };
    let ran = Command::new(python)
        .arg(root().join("tests/tables/compare_engines"))
        .arg(env!("CARGO_BIN_EXE_etcd-inspect"))
        .args(["etcd-3.6.14-killed", "auth-3.5.16"].map(data_dir))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{err}");
    let out = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(out.lines().count(), 2, "{out}");
}
