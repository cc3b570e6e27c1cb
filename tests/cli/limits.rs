//! What this process may not take is an error with the next step, and never damage of the evidence: `ulimit -v`, `ulimit -n`.

use std::process::{Command, Output};

use testkit::data_dir;

const VERBS: [&[&str]; 6] = [
    &["check"],
    &["preflight"],
    &["wal", "--segments"],
    &["keys"],
    &["status"],
    &["changes", "--last", "3"],
];

fn limited(limit: &str, verb: &[&str]) -> Output {
    let data = data_dir("k8s-1.20-etcd35");
    Command::new("sh")
        .args(["-c", &format!("ulimit {limit}; exec \"$@\""), "sh"])
        .arg(env!("CARGO_BIN_EXE_etcd-inspect"))
        .arg("--no-config")
        .args(verb)
        .arg(data)
        .env_clear()
        .env("HOME", "/nonexistent")
        .output()
        .unwrap()
}

#[test]
fn a_limit_of_the_process_is_no_damage_of_the_evidence() {
    for verb in VERBS {
        let whole = limited("-c 0", verb);
        // From what is just enough for the program itself to what is enough for all.
        let sizes = (160..=560).step_by(40).map(|mb| format!("-v {}", mb << 10));
        let handles = [6, 8, 12, 16].map(|count| format!("-n {count}"));
        for limit in sizes.chain(handles) {
            let said = limited(&limit, verb);
            let err = String::from_utf8_lossy(&said.stderr);
            let case = format!("{verb:?} under {limit}: {:?}\n{err}", said.status);
            if said.status.code() == Some(2) {
                assert!(err.starts_with("error[E0003]: "), "{case}");
                assert!(err.contains("ulimit -"), "{case}");
                assert!(said.stdout.is_empty(), "{case}");
            } else {
                assert_eq!(said.status.code(), whole.status.code(), "{case}");
                assert!(said.stdout == whole.stdout, "{case}");
            }
        }
    }
}
