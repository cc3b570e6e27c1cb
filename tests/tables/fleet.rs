//! The job of `cli/fleet` on a Spark of this machine, if there is one: `tests/fleet/run` says what it proves.

use std::process::{Command, Stdio};

use testkit::root;

/// The Python that has Spark: `$FLEET_PYTHON`, else the one on the path.
fn python() -> Option<String> {
    let named = std::env::var("FLEET_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = |words: &[&str]| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdin(Stdio::null());
        let ended = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        ended.is_ok_and(|status| status.success())
    };
    let needed = "import pyspark, pyarrow, duckdb";
    (has(&[&named, "-c", needed]) && has(&["java", "-version"]) && has(&["zstd", "--version"]))
        .then_some(named)
}

#[test]
fn every_backup_of_a_fleet_is_in_the_tables_once_and_the_ready_queries_have_the_same_rows_in_spark_and_duckdb()
 {
    let Some(python) = python() else {
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
