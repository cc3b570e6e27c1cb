//! Actions × releases × incidents: `start`, `restore` and `force-new-cluster` are done by real etcd on a copy, and what the plan
//! says must be what happens: whether it serves, revision, number of keys, and whether later writes survive a restart.
//!
//! A sample runs with the suite; `ORACLE=all` asks every incident of every release on this machine, `ORACLE=D29,W07` those.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use etcd_inspect::check::{Depth, check};
use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use etcd_inspect::salvage::{SalvageOptions, Sources};
use etcd_inspect::verdict::{Action, LaterWrites, Outcome, Step, judge};
use testkit::copy_of;
use testkit::etcd::{Binaries, Server};
use testkit::incidents::{self, Incident};

/// One of each way in which actions can go: loses nothing, loses entries, refuses, swallows writes, a db that does not open.
const SAMPLE: [&str; 6] = ["C01", "W09", "L03", "D20", "D25", "D57"];
/// Writes after the action.
const LATER_WRITES: usize = 30;
/// Releases of which the matrix is asked.
const RELEASES: [&str; 3] = ["3.4.23", "3.5.16", "3.5.30"];

fn asked_for() -> Vec<(Incident, Binaries)> {
    let asked = std::env::var("ORACLE").unwrap_or_default();
    let binaries = Binaries::all();
    let binaries: Vec<Binaries> = binaries
        .into_iter()
        .filter(|one| RELEASES.contains(&one.version.as_str()))
        .collect();
    let mut rows = Vec::new();
    for incident in incidents::all() {
        let sampled = SAMPLE.iter().position(|id| *id == incident.id);
        for (at, one) in binaries.iter().enumerate() {
            let wanted = match asked.as_str() {
                // Another release for each, so that all of them are asked.
                "" => sampled.is_some_and(|number| number % binaries.len() == at),
                "all" => true,
                ids => ids.split(',').any(|id| id == incident.id),
            };
            if wanted {
                rows.push((incident, one.clone()));
            }
        }
    }
    rows
}

/// What real etcd holds after an action.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    revision: i64,
    keys: usize,
    /// Later writes that are there after a restart.
    kept: bool,
}

fn seen(binaries: &Binaries, data_dir: &Path, flags: &[&str]) -> Result<Seen, String> {
    let patience = Duration::from_secs(20);
    let server = Server::start(binaries, data_dir, flags, patience)
        .map_err(|not| last_words(&not.log, not.running))?;
    let asked = server.output(&["get", "", "--prefix", "--keys-only", "-w", "json"], b"");
    let said: serde_json::Value = serde_json::from_slice(&asked.stdout).map_err(|_| {
        format!(
            "stops at the first question: {}",
            last_words(&server.log(), false)
        )
    })?;
    let revision = said["header"]["revision"].as_i64().unwrap_or(0);
    let keys = said["kvs"].as_array().map_or(0, Vec::len);
    let put = |number: usize| {
        let key = format!("oracle/{number}");
        let put = ["put", &key, "1", "--command-timeout=2s"];
        server.output(&put, b"").status.success()
    };
    // One that times out is enough: what follows is skipped as well.
    let written = put(0) && (1..LATER_WRITES).all(put);
    server.kill();
    let again = Server::start(binaries, data_dir, &[], patience)
        .map_err(|not| format!("second start: {}", last_words(&not.log, not.running)))?;
    let count = again.json(&["get", "oracle/", "--prefix", "--keys-only"]);
    let there = count["kvs"].as_array().map_or(0, Vec::len);
    Ok(Seen {
        revision,
        keys,
        kept: written && there == LATER_WRITES,
    })
}

fn last_words(log: &str, running: bool) -> String {
    let told = |line: &&str| {
        line.contains("panic") || line.contains("\"fatal\"") || line.contains("fault")
    };
    let line = log.lines().find(told).unwrap_or_default();
    let line: String = line.chars().take(240).collect();
    if running {
        format!("runs, never serves: {line}")
    } else {
        line
    }
}

/// Does what the plan says, on a copy; where the restored directory is.
fn restored(binaries: &Binaries, step: &Step, folder: &Path) -> Result<PathBuf, String> {
    let path = format!("{}:/usr/bin:/bin", binaries.dir().display());
    for command in &step.commands {
        let output = Command::new("sh")
            .args(["-c", &command.to_string()])
            .current_dir(folder)
            .env("PATH", &path)
            .env("ETCDCTL_API", "3")
            .output()
            .expect("a shell runs");
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!(
                "{command}: {}",
                said.lines().take(2).collect::<String>()
            ));
        }
    }
    let mut folders = std::fs::read_dir(folder).unwrap().flatten();
    let found = folders.find(|entry| entry.file_name().to_string_lossy().ends_with("-restored"));
    found
        .map(|entry| entry.path())
        .ok_or_else(|| "no directory was restored".to_owned())
}

/// What was predicted and what was seen, where they differ.
fn complaint(predicted: &Outcome, seen: &Result<Seen, String>) -> Option<String> {
    match (predicted.starts, seen) {
        // Unknown is an outcome too.
        (None, _) => None,
        (Some(true), Err(why)) => Some(format!("predicted to serve: {why}")),
        (Some(false), Ok(seen)) => Some(format!(
            "it serves {seen:?}, predicted {:?}",
            predicted.message
        )),
        (Some(false), Err(_)) => None,
        (Some(true), Ok(seen)) => {
            let numbers = (predicted.revision, predicted.keys);
            let same = |ours: (Option<i64>, Option<usize>)| {
                ours.0.is_none_or(|revision| revision == seen.revision)
                    && ours.1.is_none_or(|keys| keys == seen.keys)
            };
            if !same(numbers) {
                return Some(format!("seen {seen:?}, predicted {numbers:?}"));
            }
            let kept = match predicted.later_writes {
                LaterWrites::Kept => true,
                LaterWrites::Unknown => return None,
                _ => false,
            };
            (kept != seen.kept).then(|| {
                format!(
                    "later writes kept: {}, predicted {:?}",
                    seen.kept, predicted.later_writes
                )
            })
        }
    }
}

fn ask(incident: &Incident, binaries: &Binaries) -> Vec<String> {
    let copy = incident.reproduce();
    let member = Member::open(copy.data_dir()).unwrap();
    let report = check(&member, Depth::Default, &Silent);
    let verdict = judge(&member, &report, binaries.version.parse().ok(), &Silent);
    let mut wrong = Vec::new();
    for action in [Action::Start, Action::Restore, Action::ForceNewCluster] {
        let Some(step) = verdict.step(action) else {
            continue;
        };
        let folder = tempfile::tempdir().unwrap();
        let seen = match action {
            Action::Restore => restored(binaries, step, folder.path())
                .and_then(|restored| seen(binaries, &restored, &[])),
            Action::ForceNewCluster => {
                let copy = copy_of(&copy.data_dir());
                seen(binaries, &copy, &["--force-new-cluster"])
            }
            _ => seen(binaries, &copy_of(&copy.data_dir()), &[]),
        };
        if let Some(complaint) = complaint(&step.outcome, &seen) {
            wrong.push(format!(
                "{} {} {action}: {complaint}",
                incident.id, binaries.version
            ));
        }
    }
    wrong
}

#[test]
fn every_action_leads_to_what_the_plan_says() {
    let rows = asked_for();
    if rows.is_empty() {
        eprintln!(
            "skipped: no etcd of these releases; fixtures/recipes/etcd-from-debian fetches them"
        );
        return;
    }
    let asked = rows.len();
    let (queue, wrong) = (Mutex::new(rows), Mutex::new(Vec::new()));
    let work = || {
        while let Some((incident, binaries)) = { queue.lock().unwrap().pop() } {
            let found = ask(&incident, &binaries);
            wrong.lock().unwrap().extend(found);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    assert!(
        wrong.is_empty(),
        "{} wrong of {asked} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_db_restored_beside_its_old_log_is_undone_and_applied_twice() {
    let Some(binaries) = Binaries::newest("3.5.30") else {
        eprintln!("skipped: no etcd 3.5.30; fixtures/recipes/etcd-from-debian fetches it");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("m1");
    let patience = Duration::from_secs(30);
    let server = Server::start(&binaries, &data_dir, &[], patience).unwrap();
    let write = |round: &str| {
        for number in 0..40 {
            let _ = server.ctl(&["put", &format!("k{number}"), round]);
        }
    };
    write("first");
    let backup = folder.path().join("backup.db");
    let _ = server.ctl(&["snapshot", "save", backup.to_str().unwrap()]);
    write("second");
    server.stop();
    let restored = folder.path().join("restored");
    let output = binaries.utl(&[
        "snapshot",
        "restore",
        backup.to_str().unwrap(),
        "--data-dir",
        restored.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{output:?}");
    // A log of its own directory (--wal-dir) stays when the data directory is replaced.
    std::fs::copy(
        restored.join("member/snap/db"),
        data_dir.join("member/snap/db"),
    )
    .unwrap();
    let member = Member::open(&data_dir).unwrap();
    let report = check(&member, Depth::Default, &Silent);
    let verdict = judge(&member, &report, binaries.version.parse().ok(), &Silent);
    let start = verdict.step(Action::Start).unwrap();
    let seen = seen(&binaries, &copy_of(&data_dir), &[]).unwrap();
    assert_eq!(start.outcome.revision, Some(seen.revision), "{start:?}");
    assert_eq!(
        (start.duplicated.value, start.undone.value),
        (40, 40),
        "{start:?}"
    );
    let first = &verdict.plan[0];
    assert_eq!(first.action, Action::Restore, "{first:?}");
    assert!(first.is_lossless(), "{first:?}");
    // A backup of the db alone is the same state; the old log is not mixed in.
    let salvage = verdict.step(Action::Salvage).unwrap();
    assert_eq!(salvage.outcome, first.outcome, "{salvage:?}");
    let evidence = data_dir.join("member/snap/db");
    let words = salvage.commands[0].words();
    assert!(
        words.iter().any(|word| Path::new(word) == evidence),
        "{words:?}"
    );
    let db = Member::open(&evidence).unwrap();
    let sources = Sources::read([&db], &Silent);
    let backup = sources
        .salvage(&SalvageOptions::default(), &Silent)
        .unwrap();
    assert_eq!((backup.revision, backup.keys), (41, 40));
    assert!(!verdict.causes.is_empty());
}
