//! Predictions compared with a real etcd: incidents are started on a copy, and what `preflight --for start` predicted must be what
//! happens: whether it starts, what it says when it does not, revision and keys when it does.
//!
//! Without etcd 3.5 (see `fixtures/recipes/etcd-from-debian`) the tests say so and pass. A sample runs with the suite;
//! `ORACLE=all cargo test -p etcd-inspect-lib --test oracle` starts etcd on every incident, `ORACLE=D29,W07` on those.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at its first failure"
)]

mod actions;
mod force;
mod mutations;
mod separator;

use std::sync::Mutex;
use std::time::Duration;

use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use etcd_inspect::start::{Ending, StartMode, StartOutcome, WritesAfterStart, simulate_start};
use testkit::etcd::{Binaries, NotServing, Server};
use testkit::incidents::{self, Incident, Starts};

/// One of each way in which a start can go.
const SAMPLE: [&str; 14] = [
    "C01", "W01", "W07", "W09", "W10", "W21", "W27", "S01", "S14", "D09", "D25", "D41", "L01",
    "L25",
];

/// It panics, as predicted, but which of Go's readers meets the element beyond its page first, and with what words, is decided by
/// where in memory it ends.
const PANICS_SOMEHOW: &str = "D29";

fn asked_for() -> Vec<Incident> {
    let asked = std::env::var("ORACLE").unwrap_or_default();
    let wanted = |incident: &Incident| match asked.as_str() {
        "" => SAMPLE.contains(&incident.id),
        "all" => true,
        ids => ids.split(',').any(|id| id == incident.id),
    };
    incidents::all().into_iter().filter(wanted).collect()
}

/// Returns the texts that etcd's log must contain if etcd stops with this message: the words before the details, and the error.
fn words(message: &str) -> Vec<String> {
    let plain = message.strip_prefix("panic: ").unwrap_or(message);
    let head = plain.split([' ', '{', '(']).next().map_or(0, str::len);
    let end = plain[head..]
        .find(" {")
        .into_iter()
        .chain(plain[head..].find(" ("))
        .min()
        .map_or(plain.len(), |end| head + end);
    let mut words = vec![plain[..end].to_owned()];
    if let Some((_, error)) = plain.split_once("\"error\": \"") {
        words.push(
            error
                .trim_end_matches('}')
                .trim_end_matches('"')
                .replace('\\', ""),
        );
    }
    words
}

/// What was predicted and what was seen, if they differ.
fn complaint(
    incident: &Incident,
    predicted: &StartOutcome<'_>,
    seen: &Result<Server, NotServing>,
) -> Option<String> {
    if matches!(predicted.ending, Ending::Unknown(_)) {
        return None;
    }
    match seen {
        Err(not) if predicted.serves() => Some(format!(
            "predicted to start; running {} exit {:?}: {}",
            not.running,
            not.exit,
            not.log.lines().last().unwrap_or_default()
        )),
        Err(not) => {
            let message = predicted.message().unwrap_or_default().to_owned();
            if not.running {
                return (!matches!(predicted.ending, Ending::NeverServes(_)))
                    .then(|| format!("it hangs, predicted {message:?}"));
            }
            let log = not.log.replace('\\', "");
            let told = |line: &&str| {
                line.contains("panic") || line.contains("fatal") || line.contains("fault")
            };
            // Where in memory an element beyond its page ends decides between the two.
            let wide = message.starts_with("panic or fault") || incident.id == PANICS_SOMEHOW;
            if wide && log.lines().any(|line| told(&line)) {
                return None;
            }
            let missing = words(&message)
                .into_iter()
                .find(|words| !log.contains(words));
            missing.map(|words| {
                let line = not.log.lines().find(told).unwrap_or_default();
                format!(
                    "predicted {words:?}, it printed {}",
                    line.chars().take(300).collect::<String>()
                )
            })
        }
        Ok(_) if !predicted.serves() => {
            Some(format!("it starts, predicted {:?}", predicted.ending))
        }
        Ok(server) => {
            let asked = server.output(&["get", "", "--prefix", "--keys-only", "-w", "json"], b"");
            let Ok(said) = serde_json::from_slice::<serde_json::Value>(&asked.stdout) else {
                let log = server.log();
                let told = |line: &&str| line.contains("panic") || line.contains("\"fatal\"");
                let line = log.lines().find(told).unwrap_or_default();
                if predicted.dies_at_first_question {
                    return None;
                }
                return Some(format!("starts, and stops at the first question: {line}"));
            };
            let seen = (
                said["header"]["revision"].as_i64(),
                Some(said["kvs"].as_array().map_or(0, Vec::len)),
            );
            let ours = (predicted.revision, predicted.keys);
            if ours != (None, None) && seen != ours {
                return Some(format!(
                    "revision and keys are {seen:?}, predicted {ours:?}"
                ));
            }
            let put = server.output(&["put", "oracle", "1", "--command-timeout=2s"], b"");
            let blocked = !put.status.success();
            (blocked == (predicted.later_writes == WritesAfterStart::Kept)).then(|| {
                format!(
                    "a write is blocked: {blocked}; predicted {:?}",
                    predicted.later_writes
                )
            })
        }
    }
}

#[test]
fn a_start_goes_as_predicted() {
    let Some(binaries) = Binaries::newest("3.5") else {
        eprintln!(
            "skipped: no etcd 3.5 on this machine; fixtures/recipes/etcd-from-debian fetches one"
        );
        return;
    };
    let (queue, wrong) = (Mutex::new(asked_for()), Mutex::new(Vec::new()));
    let work = || {
        while let Some(incident) = { queue.lock().unwrap().pop() } {
            let copy = incident.reproduce();
            let release = binaries.version.parse().ok();
            let member = Member::open(copy.data_dir()).unwrap();
            let predicted = simulate_start(&member, StartMode::AsItIs, release, &Silent);
            let patience = match incident.starts {
                Starts::Hangs => 6,
                _ => 30,
            };
            let seen = Server::start(
                &binaries,
                &copy.data_dir(),
                &[],
                Duration::from_secs(patience),
            );
            if let Some(complaint) = complaint(&incident, &predicted, &seen) {
                let line = format!("{} {}: {complaint}", incident.id, incident.class);
                wrong.lock().unwrap().push(line);
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_words_of_a_message_are_those_that_a_log_has() {
    assert_eq!(
        words("discovery failed {\"error\": \"walpb: crc mismatch\"}"),
        ["discovery failed", "walpb: crc mismatch"]
    );
    assert_eq!(
        words("panic: freepages: failed to get all reachable pages (page 7: …)"),
        ["freepages: failed to get all reachable pages"]
    );
    assert_eq!(words("panic: removed all voters"), ["removed all voters"]);
}
