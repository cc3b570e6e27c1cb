//! What a real etcd serves from a directory, and what becomes of later writes.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::etcd::{Binaries, Server};

/// Writes after an action.
const LATER_WRITES: usize = 30;
/// How long a server may take to its first answer.
const PATIENCE: Duration = Duration::from_secs(45);
/// How long one write may take. A write that consistent_index skips never ends.
const ONE_WRITE: Duration = Duration::from_secs(3);

/// Of every live key in base64: value, revisions of creation and change, version.
pub type Contents = BTreeMap<String, String>;

/// What etcd holds after an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    pub revision: i64,
    pub contents: Contents,
    /// Whether all later writes are there after a restart.
    pub kept: bool,
}

/// Starts etcd, reads everything, writes 30 keys, kills it, starts it again and counts them.
pub fn serve(binaries: &Binaries, data_dir: &Path, flags: &[&str]) -> Result<Served, String> {
    let server = Server::start(binaries, data_dir, flags, PATIENCE)
        .map_err(|not| last_words(&not.log, not.running))?;
    let (revision, contents) = contents(&server).ok_or_else(|| {
        format!(
            "stops at the first question: {}",
            last_words(&server.log(), false)
        )
    })?;
    let put = |number: usize| {
        let body = json!({ "key": encoded(&format!("oracle/{number:02}")), "value": "MQ==" });
        let answer = server.try_post("/v3/kv/put", &body, ONE_WRITE);
        answer.is_some_and(|answer| !answer["header"]["revision"].is_null())
    };
    // One that times out is enough: what follows is skipped as well.
    let written = put(0) && (1..LATER_WRITES).all(put);
    server.kill();
    let again = Server::start(binaries, data_dir, &[], PATIENCE)
        .map_err(|not| format!("second start: {}", last_words(&not.log, not.running)))?;
    let (_, after) = self::contents(&again).ok_or("the second start does not answer")?;
    let there = (0..LATER_WRITES)
        .filter(|number| after.contains_key(&encoded(&format!("oracle/{number:02}"))));
    let kept = written && there.count() == LATER_WRITES;
    Ok(Served {
        revision,
        contents,
        kept,
    })
}

/// Revision, and every key with its value.
pub fn contents(server: &Server) -> Option<(i64, Contents)> {
    let all = json!({ "key": "AA==", "range_end": "AA==" });
    let said = server.try_post("/v3/kv/range", &all, Duration::from_secs(10))?;
    let revision = said["header"]["revision"].as_str()?.parse().ok()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let kvs = said["kvs"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let kvs = kvs.iter().map(|kv| {
        let fields = ["value", "create_revision", "mod_revision", "version"];
        (
            text(&kv["key"]),
            fields.map(|field| text(&kv[field])).join(" "),
        )
    });
    Some((revision, kvs.collect()))
}

/// Keys that are missing, have another value, or are there and should not be.
pub fn differences(truth: &Contents, held: &Contents) -> usize {
    let wrong = truth
        .iter()
        .filter(|(key, value)| held.get(*key) != Some(*value));
    let back = held.keys().filter(|key| !truth.contains_key(*key));
    wrong.count() + back.count()
}

fn encoded(text: &str) -> String {
    STANDARD.encode(text)
}

/// The line of a log that says why a server ended.
pub fn last_words(log: &str, running: bool) -> String {
    let told = |line: &&str| {
        ["panic", "\"fatal\"", "fault", "downgrade"]
            .iter()
            .any(|word| line.contains(word))
    };
    let line = log.lines().find(told).unwrap_or_default();
    let line: String = line.chars().take(240).collect();
    if running {
        format!("runs, never serves: {line}")
    } else {
        line
    }
}
