//! Starts the real etcd on a mutated copy and notes what it does.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Mutation;
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
const PATIENCE: Duration = Duration::from_secs(8);
/// Memory that etcd may ask for: a damaged count must not take the machine with it.
const MEMORY: u64 = 3 << 30;
/// Lines of a log that are kept.
const LINES: usize = 6;
/// Characters of a line that are kept.
const CHARACTERS: usize = 600;

/// Starts etcd of the mutation's release on a copy.
#[must_use]
pub fn observe(mutation: &Mutation, binaries: &Binaries) -> Observed {
    let copy = mutation.apply();
    match Server::start_within(binaries, &copy.data_dir(), &QUICK, PATIENCE, Some(MEMORY)) {
        Err(not) if not.running => Observed::NeverServes,
        Err(not) => Observed::Refuses {
            log: fatal_lines(&not.log),
        },
        Ok(server) => {
            let dies = |server: &Server| Observed::Dies {
                log: fatal_lines(&server.log()),
            };
            let range = json!({"key": "AA==", "range_end": "AA==", "keys_only": true});
            let Some(answer) = server.try_post("/v3/kv/range", &range, Duration::from_secs(5))
            else {
                std::thread::sleep(Duration::from_millis(200));
                return dies(&server);
            };
            let number = |value: &serde_json::Value| {
                value.as_str().and_then(|text| text.parse::<i64>().ok())
            };
            let Some(revision) = number(&answer["header"]["revision"]) else {
                return dies(&server);
            };
            let keys = answer["kvs"].as_array().map_or(0, Vec::len);
            let put = json!({"key": "b3JhY2xl", "value": "MQ=="});
            let wrote = server.try_post("/v3/kv/put", &put, Duration::from_secs(2));
            std::thread::sleep(Duration::from_millis(150));
            if server.log().contains("panic: ")
                || server.log().contains("fatal error: ")
                || server.log().contains("unexpected fault")
            {
                return dies(&server);
            }
            Observed::Serves {
                revision,
                keys,
                writes: wrote.is_some_and(|answer| number(&answer["header"]["revision"]).is_some()),
            }
        }
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
