//! Starts the real etcd on a mutated copy and notes what it does.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Action, DB, Mutation};
use crate::etcd::{Binaries, Server};

/// What etcd did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed {
    /// It serves.
    Serves {
        /// The revision.
        revision: i64,
        /// Number of keys.
        keys: usize,
        /// Whether a write is answered.
        writes: bool,
    },
    /// It serves, and ends at the first read of all keys or the first write.
    Dies {
        /// The lines of its log that say why.
        log: Vec<String>,
    },
    /// It ends.
    Refuses {
        /// The lines of its log that say why.
        log: Vec<String>,
    },
    /// It runs on and never serves.
    NeverServes,
}

/// Elections within a tenth of a second: nothing on disk depends on it.
const QUICK: [&str; 4] = ["--heartbeat-interval", "10", "--election-timeout", "100"];
/// How long etcd may take until it serves.
const PATIENCE: Duration = Duration::from_secs(20);
/// Memory that etcd may ask for: a damaged count must not take the machine with it.
const MEMORY: u64 = 3 << 30;
/// Lines of a log that are kept.
const LINES: usize = 6;
/// Characters of a line that are kept.
const CHARACTERS: usize = 600;

/// Does what the mutation's action says with a copy, with etcd of its release.
#[must_use]
pub fn observe(mutation: &Mutation, binaries: &Binaries) -> Observed {
    let copy = mutation.apply();
    match mutation.action {
        Action::Start => started(binaries, &copy, &QUICK),
        Action::ForceNewCluster => started(
            binaries,
            &copy,
            &[&QUICK[..], &["--force-new-cluster"]].concat(),
        ),
        Action::Restore => {
            let folder = tempfile::tempdir().expect("a temporary directory");
            let target = folder.path().join("restored");
            match restored(binaries, &copy.join(DB), &target) {
                Ok(()) => started(binaries, &target, &QUICK),
                Err(ended) => ended,
            }
        }
    }
}

/// Runs `snapshot restore`.
fn restored(binaries: &Binaries, db: &Path, target: &Path) -> Result<(), Observed> {
    let log = target.with_extension("restore.log");
    let out = File::create(&log).expect("a log file");
    let peer = "http://127.0.0.1:2380";
    let mut child = Command::new("prlimit")
        .arg(format!("--data={MEMORY}"))
        .arg(binaries.restorer())
        .args(["snapshot", "restore", "--skip-hash-check"])
        .arg(db)
        .args(["--name", "m1", "--initial-advertise-peer-urls", peer])
        .args(["--initial-cluster", &format!("m1={peer}")])
        .arg("--data-dir")
        .arg(target)
        .env("ETCDCTL_API", "3")
        .stdin(Stdio::null())
        .stdout(out.try_clone().expect("a second handle"))
        .stderr(out)
        .spawn()
        .expect("the restore runs");
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("a child of ours") {
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            return match status.success() {
                true => Ok(()),
                false => Err(Observed::Refuses {
                    log: fatal_lines(&log),
                }),
            };
        }
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            return Err(Observed::NeverServes);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn started(binaries: &Binaries, data_dir: &Path, flags: &[&str]) -> Observed {
    match Server::start_within(binaries, data_dir, flags, PATIENCE, Some(MEMORY)) {
        Err(not) if not.running => Observed::NeverServes,
        Err(not) => Observed::Refuses {
            log: fatal_lines(&not.log),
        },
        Ok(server) => asked(&server),
    }
}

/// All keys, then a write.
fn asked(server: &Server) -> Observed {
    let dies = || Observed::Dies {
        log: fatal_lines(&server.log()),
    };
    let range = json!({"key": "AA==", "range_end": "AA==", "keys_only": true});
    let Some(answer) = server.try_post("/v3/kv/range", &range, Duration::from_secs(10)) else {
        std::thread::sleep(Duration::from_millis(400));
        return dies();
    };
    let number = |value: &serde_json::Value| {
        let text = value.as_str()?;
        text.parse::<i64>().ok()
    };
    let Some(revision) = number(&answer["header"]["revision"]) else {
        return dies();
    };
    let keys = answer["kvs"].as_array().map_or(0, Vec::len);
    let put = json!({"key": "b3JhY2xl", "value": "MQ=="});
    let wrote = server.try_post("/v3/kv/put", &put, Duration::from_secs(4));
    // The commit that follows, within 100 ms.
    std::thread::sleep(Duration::from_millis(400));
    let log = server.log();
    let died = ["panic: ", "fatal error: ", "unexpected fault"];
    if died.iter().any(|word| log.contains(word)) {
        return dies();
    }
    Observed::Serves {
        revision,
        keys,
        writes: wrote.is_some_and(|answer| number(&answer["header"]["revision"]).is_some()),
    }
}

/// The lines of a log in which etcd, raft, bbolt or Go's runtime says why it ends.
fn fatal_lines(log: &str) -> Vec<String> {
    let why = |line: &&str| {
        let level = |level: &str| line.contains(&format!("\"level\":\"{level}\""));
        line.starts_with("panic:")
            || line.starts_with("fatal error:")
            || line.starts_with("unexpected fault")
            || line.starts_with("runtime:")
            || line.contains("[signal SIG")
            || level("panic")
            || level("fatal")
            || level("dpanic")
            || line.contains(" C | ")
            || line.contains("permanently removed")
            || line.contains("assertion failed")
    };
    let mut lines: Vec<String> = log
        .lines()
        .filter(why)
        .take(LINES)
        .map(|line| line.chars().take(CHARACTERS).collect())
        .collect();
    if lines.is_empty() {
        lines.extend(
            log.lines()
                .last()
                .map(|line| line.chars().take(CHARACTERS).collect()),
        );
    }
    lines
}
