//! What is asked for is what is written: flags stay in the command that is printed next, and an empty part is no backup.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use testkit::data_dir;

use crate::{BINARY, run, salvage};

/// The command that a dry run prints, run in a shell; what it printed.
fn next_of(flags: &[&str], dir: &Path) -> (Value, Value) {
    let path = data_dir("k8s-1.20-etcd35");
    let mut arguments = vec!["salvage", path.to_str().unwrap(), "--dry-run", "-o", "json"];
    arguments.extend(flags);
    let output = run(&arguments);
    let dry: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let next = dry["next"][0].as_str().unwrap();
    let command = next.replacen("etcd-inspect", BINARY, 1);
    let ran = Command::new("/bin/sh")
        .args(["-c", &format!("{command} -o json")])
        .current_dir(dir)
        .output()
        .unwrap();
    let written = serde_json::from_slice(&ran.stdout)
        .unwrap_or_else(|_| panic!("{command}: {}", String::from_utf8_lossy(&ran.stderr)));
    (dry, written)
}

#[test]
fn the_command_that_a_dry_run_prints_writes_what_the_dry_run_showed() {
    for flags in [
        &["--rev", "-100"][..],
        &["--rev", "2000", "--include", "carved", "--stale", "keep"],
        &["--at", "-30s"],
        &["--resource", "deploy", "-n", "prod"],
        &[
            "--prefix",
            "/registry/pods/",
            "--prefix",
            "/registry/con fig'maps/",
        ],
        &["--meta", "older"],
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (dry, written) = next_of(flags, dir.path());
        for field in [
            "revision",
            "compact_revision",
            "keys",
            "records",
            "left_out",
            "stale",
        ] {
            assert_eq!(dry[field], written[field], "{field} of {flags:?}");
        }
        assert!(written["sha256"].is_string(), "{flags:?}: {written}");
    }
}

#[test]
fn a_part_says_how_many_keys_it_leaves_out() {
    let whole = salvage(&data_dir("k8s-1.20-etcd35"), &[]);
    let part = salvage(&data_dir("k8s-1.20-etcd35"), &["--resource", "pods"]);
    assert_eq!(whole.number("left_out"), 0);
    assert!(part.number("keys") > 0);
    assert_eq!(
        part.number("left_out") + part.number("keys"),
        whole.number("keys")
    );
}

#[test]
fn nothing_is_written_if_what_is_asked_for_does_not_exist() {
    let path = data_dir("etcd-3.5.30");
    for (flags, exit) in [
        (&["--rev", "-1000"][..], 1),
        (&["--rev", "0"], 2),
        (&["--rev", "5000"], 1),
        (&["--prefix", "/nope"], 1),
        (&["--namespace", "nope"], 1),
    ] {
        let backup = salvage(&path, flags);
        assert_eq!(backup.exit, exit, "{flags:?}: {}", backup.stderr);
        assert!(!backup.out.exists(), "{flags:?}");
    }
}

#[test]
fn a_bare_db_is_corrected_in_a_new_directory() {
    let copy = testkit::incidents::incident("D27").reproduce();
    let db = copy.data_dir().join("member/snap/db");
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("corrected");
    let arguments = ["salvage", db.to_str().unwrap(), "--correct", "--out-dir"];
    let output = run(&[&arguments[..], &[into.to_str().unwrap(), "-o", "json"]].concat());
    let said: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(said["corrections"][0]["file"], "db");
    let healthy = std::fs::read(data_dir("etcd-3.5.30").join("member/snap/db")).unwrap();
    assert!(std::fs::read(into.join("db")).unwrap() == healthy);
}

/// Zeros in every row are explained.
#[test]
fn an_empty_store_is_reported_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.db");
    let db = testkit::synth::bolt::DbBuilder::etcd().bucket("key", Vec::new());
    std::fs::write(&path, db.build()).unwrap();
    let output = run(&["salvage", path.to_str().unwrap(), "--dry-run"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("the store is empty"), "{said}");
    let of_member = data_dir("etcd-3.5.30");
    let output = run(&["salvage", of_member.to_str().unwrap(), "--dry-run"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!said.contains("the store is empty"), "{said}");
}

/// What is refused is refused before the file is written.
#[test]
fn a_form_that_cannot_show_the_answer_writes_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.db");
    let path = data_dir("etcd-3.5.30");
    for form in ["name", "raw"] {
        let output = run(&[
            "salvage",
            path.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
            "-o",
            form,
        ]);
        assert_eq!(output.status.code(), Some(2), "{form}");
        assert!(!out.exists(), "{form}");
    }
}

/// `-q` leaves the answer as it is, and that a part is a part belongs to it.
#[test]
fn a_table_of_a_part_says_what_it_leaves_out_and_the_revision_of_the_store() {
    let path = data_dir("k8s-1.20-etcd35");
    let arguments = ["salvage", path.to_str().unwrap(), "--dry-run", "-q"];
    let part = run(&[&arguments[..], &["--resource", "pods"]].concat());
    let part = String::from_utf8_lossy(&part.stdout).into_owned();
    assert!(part.contains("only a part was asked for"), "{part}");
    assert!(part.contains("the store is at 4,271"), "{part}");
    let none = run(&[&arguments[..], &["--prefix", "/nope"]].concat());
    let none = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(none.contains("at revision 4271"), "{none}");
}

/// A part without a key proves nothing if something is lost.
#[test]
fn an_empty_part_of_a_damaged_log_is_a_partial_answer() {
    let copy = testkit::incidents::incident("W17").reproduce();
    let path = copy.data_dir();
    let output = run(&[
        "salvage",
        path.to_str().unwrap(),
        "--dry-run",
        "--prefix",
        "/no/such/key",
    ]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("may be among what is lost"), "{said}");
}

/// A restore refuses a directory that exists: the command names one that does not.
#[test]
fn the_restore_that_is_printed_names_a_directory_that_does_not_exist() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("out-restored")).unwrap();
    let out = dir.path().join("out.db");
    let path = data_dir("etcd-3.5.30");
    let output = run(&[
        "salvage",
        path.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        "-o",
        "json",
    ]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let next = json["next"][0].as_str().unwrap();
    assert!(next.ends_with("out-restored-2"), "{next}");
}
