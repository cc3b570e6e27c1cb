//! Every verb over members whose keys are written very often: processor time grows with the writes, not with their square.

use std::path::Path;
use std::process::{Command, Stdio};

use testkit::synth::busy;
use testkit::verbs::{self, Subject, on_all_cores};

use crate::bounds::{assert_as_documented, run, size_of};

const BINARY: &str = env!("CARGO_BIN_EXE_etcd-inspect");
const FEW: u64 = 4_000;
const MANY: u64 = 32_000;
/// Most seconds that a run over `MANY` writes may take beyond `MANY / FEW` times those over `FEW`: starting the program,
/// and what other processes do to its caches. The square takes minutes.
const SLACK_SECONDS: f64 = 2.0;

fn subject<'s>(path: &'s Path, file: &'s Path, outside: &'s Path) -> Subject<'s> {
    Subject {
        key: busy::HOT_KEY,
        word: "generation",
        page: "3",
        ..Subject::new(path, file, outside)
    }
}

#[test]
fn every_verb_ends_over_hot_keys() {
    for (turn, kept) in [(0, 100), (3, MANY / 2)] {
        let (data, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        busy::write(data.path(), MANY, kept);
        let file = outside.path().join("fp.key");
        let lines = subject(data.path(), &file, outside.path()).lines(BINARY);
        let size = size_of(data.path());
        on_all_cores(verbs::sample(lines, turn, 6), |line| {
            let said = run(&line, size, 16);
            assert_as_documented("hot keys", &line, &said);
        });
    }
}

#[test]
fn processor_time_grows_with_the_writes() {
    let (few, many) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    busy::write(few.path(), FEW, FEW / 2);
    busy::write(many.path(), MANY, MANY / 2);
    let hot = busy::HOT_KEY;
    for line in [
        vec!["check", "{}"],
        vec!["preflight", "{}", "--for", "start"],
        vec!["preflight", "{}", "--for", "restore"],
        vec!["history", hot, "--wal", "-o", "json", "-d", "{}"],
        vec![
            "search",
            "generation",
            "--in",
            "keys,values,history,wal",
            "{}",
        ],
        vec!["status", "--replay", "{}"],
        vec!["compare", "{}", "{}"],
    ] {
        let (short, long) = (seconds(&line, few.path()), seconds(&line, many.path()));
        let times = MANY as f64 / FEW as f64;
        assert!(
            long <= times * short + SLACK_SECONDS,
            "{line:?}: {short:.2} s for {FEW} writes, {long:.2} s for {MANY}"
        );
    }
}

/// Processor time of one run, as the shell counts it.
fn seconds(line: &[&str], path: &Path) -> f64 {
    let path = path.to_str().unwrap();
    let words = line.iter().map(|word| word.replace("{}", path));
    let output = Command::new("bash")
        .args([
            "-c",
            "TIMEFORMAT='%U %S'; time prlimit --cpu=60 --core=0 -- \"$@\" >/dev/null 2>&1",
            "time",
            BINARY,
        ])
        .args(words)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let parts = text.split_whitespace();
    parts.map(|part| part.parse::<f64>().unwrap()).sum()
}
