//! Evidence that comes through a pipe: `-`, `/dev/stdin`, `<(…)`.

use std::process::{Command, Stdio};

use testkit::Seal;

const BINARY: &str = env!("CARGO_BIN_EXE_etcd-inspect");

fn json(command: &mut Command) -> serde_json::Value {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_db_and_an_archive_are_read_from_a_pipe_as_from_a_file() {
    let member = testkit::fixture("etcd-3.5.30").join("data");
    let db = member.join("member/snap/db");
    let seal = Seal::read(&member);
    let flags = "--no-config --progress never -o json hashkv";
    let plain = json(Command::new(BINARY).args(flags.split(' ')).arg(&db));
    let shell = |line: String| {
        let mut command = Command::new("bash");
        json(command.args(["-c", &line]).stdin(Stdio::null()))
    };
    let db = db.display();
    for line in [
        format!("cat {db} | {BINARY} {flags} -"),
        format!("{BINARY} {flags} - < {db}"),
        format!("cat {db} | {BINARY} {flags} /dev/stdin"),
        format!("{BINARY} {flags} <(gzip -c {db})"),
    ] {
        let piped = shell(line.clone());
        assert_eq!(piped["hash"], plain["hash"], "{line}: {piped} {plain}");
        assert!(piped["hash"].is_number(), "{piped}");
    }
    seal.assert_unchanged();
}
