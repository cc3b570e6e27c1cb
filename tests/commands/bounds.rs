//! Runs the binary within bounds that the kernel keeps: bytes of anonymous memory, seconds of processor time.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What any run may take whatever it is asked about: the program, its stacks, its buffers.
const CONSTANT_BYTES: u64 = 64 << 20;

/// Processor time of one run, loops included. No clock on the wall: a loaded machine changes nothing.
const CPU_SECONDS: u64 = 30;

/// Exit code, standard output and standard error of one run.
pub struct RunResult {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs a line about evidence of `evidence_bytes`, with at most `times` as much anonymous memory and a constant.
pub fn run(line: &[String], evidence_bytes: u64, times: u64) -> RunResult {
    let bytes = CONSTANT_BYTES + times * evidence_bytes;
    let output = command(bytes)
        .args(line)
        .output()
        .expect("prlimit, of util-linux");
    RunResult {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The binary under `prlimit`: RLIMIT_DATA counts every private writable page that is asked for, touched or not.
pub fn command(bytes: u64) -> Command {
    let mut command = Command::new("prlimit");
    command
        .args([
            format!("--data={bytes}"),
            format!("--cpu={CPU_SECONDS}"),
            "--core=0".to_owned(),
        ])
        .args(["--", env!("CARGO_BIN_EXE_etcd-inspect")])
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null());
    command
}

/// The size of a file, or of all files below a folder.
pub fn size_of(path: &Path) -> u64 {
    let Ok(meta) = path.symlink_metadata() else {
        return 0;
    };
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| size_of(&entry.path())).sum(),
        Err(_) => meta.len(),
    }
}

/// What cli.md promises of every answer: a code it names, a reason with something to try, a document in the asked form.
#[track_caller]
pub fn assert_as_documented(case: &str, line: &[String], said: &RunResult) {
    let failure = |what: &str| format!("{case}: {line:?}: {what}\n{:?}\n{}", said.code, said.err);
    let code = said.code.unwrap_or_else(|| {
        panic!("{}", failure("killed: too much memory or processor time"));
    });
    assert!(
        (0..=3).contains(&code),
        "{}",
        failure("an exit code that is not documented")
    );
    assert!(!said.err.contains("has a bug"), "{}", failure("panicked"));
    let form = line
        .iter()
        .skip_while(|word| *word != "-o")
        .nth(1)
        .map_or("table", String::as_str);
    if code == 2 {
        refusal(form, said).unwrap_or_else(|what| panic!("{}", failure(what)));
    }
    if code == 3 {
        // `check` lists what it skipped, `decode --lines` says it in the place of each line.
        assert!(
            !said.err.is_empty()
                || ["skipped", "{\"error\":"]
                    .iter()
                    .any(|word| said.out.contains(word)),
            "{}",
            failure("partial, and no word of what is left out")
        );
    }
    let whole = code != 2 && !said.out.is_empty();
    match form {
        "json" if whole => {
            let document: Result<Value, _> = serde_json::from_str(&said.out);
            assert!(document.is_ok(), "{}", failure("no JSON document"));
            verdict(line, code, &document.expect("it is one"))
                .unwrap_or_else(|what| panic!("{}", failure(&what)));
        }
        "jsonl" => {
            let good = |row: &str| serde_json::from_str::<Value>(row).is_ok();
            assert!(
                said.out.lines().all(good),
                "{}",
                failure("a row that is no JSON")
            );
        }
        _ => {}
    }
}

/// `error[E…]: …`, then what to try; in JSON the same fields.
fn refusal(form: &str, said: &RunResult) -> Result<(), &'static str> {
    if !matches!(form, "json" | "jsonl") {
        let error = said.err.contains("error[E") && said.err.contains("  try ");
        return error
            .then_some(())
            .ok_or("refused without a reason and something to try");
    }
    let last = said.err.lines().rfind(|line| line.starts_with('{'));
    let error: Value = last
        .and_then(|line| serde_json::from_str(line).ok())
        .ok_or("no JSON error")?;
    let error = &error["error"];
    let whole =
        error["code"].is_string() && error["message"].is_string() && error["next"].is_array();
    whole
        .then_some(())
        .ok_or("a JSON error without code, message or next")
}

/// `check` ends as its own verdict says.
fn verdict(line: &[String], code: i32, document: &Value) -> Result<(), String> {
    let (Some("check"), Some(verdict)) = (
        line.first().map(String::as_str),
        document["verdict"].as_str(),
    ) else {
        return Ok(());
    };
    let fine = matches!(verdict, "clean" | "notes");
    let asked = line
        .iter()
        .any(|word| word == "--fail-on" || word == "--only");
    let agrees = asked || code == 3 || (code == 0) == fine;
    agrees
        .then_some(())
        .ok_or_else(|| format!("verdict {verdict}, and yet {code}"))
}
