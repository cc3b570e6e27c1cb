//! Actions × releases × incidents, and whether the first line of each plan is the least lossy true one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use testkit::copy_of;
use testkit::etcd::Binaries;
use testkit::incidents::{self, Incident};
use testkit::verbs::on_all_cores;

use crate::carried_out::{carry_out, run};
use crate::printed::{Printed, PrintedStep};
use crate::served::{Served, differences, serve};

/// One of each way in which actions can go: loses nothing, loses entries, refuses, swallows writes, a db that does not open, db and
/// log of two clusters.
const SAMPLE: [&str; 7] = ["C01", "W09", "L03", "D20", "D25", "D57", "D49"];
/// Releases that are asked.
const RELEASES: [&str; 3] = ["3.4.23", "3.5.16", "3.5.30"];
/// The release that wrote the incidents: its plans are ranked.
const RANKED: &str = "3.5.30";
/// Steps that need what is not here: the original, or other members. `clusters.rs` has their tests.
const ELSEWHERE: [&str; 4] = ["copy-again", "reunite", "rejoin", "none"];

fn asked_for() -> Vec<(Incident, Binaries)> {
    let asked = std::env::var("ORACLE").unwrap_or_default();
    let mut binaries = Binaries::all();
    binaries.retain(|one| RELEASES.contains(&one.version.as_str()));
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

/// What real etcd serves of the undamaged members.
struct Truths(BTreeMap<&'static str, Served>);

impl Truths {
    fn ask(rows: &[(Incident, Binaries)]) -> Self {
        let newest = Binaries::newest(RANKED).or_else(|| Binaries::newest("3.5"));
        let mut truths = BTreeMap::new();
        for (incident, binaries) in rows {
            truths.entry(incident.base).or_insert_with(|| {
                let binaries = newest.as_ref().unwrap_or(binaries);
                let copy = copy_of(&testkit::data_dir(incident.base));
                serve(binaries, &copy, &[]).expect("an undamaged member starts")
            });
        }
        Self(truths)
    }
}

/// What was predicted and what was seen, where they differ.
pub fn complaint(predicted: &PrintedStep, seen: &Result<Served, String>) -> Option<String> {
    match (predicted.starts, seen) {
        // Unknown is an outcome too.
        (None, _) | (Some(false), Err(_)) => None,
        // Chance decides what a commit writes over: it served once.
        (Some(true), Err(why))
            if predicted.later_writes == "unknown" && why.starts_with("second start") =>
        {
            None
        }
        (Some(true), Err(why)) => Some(format!("predicted to serve: {why}")),
        (Some(false), Ok(seen)) => Some(format!(
            "it serves revision {}, {} keys; predicted {:?}",
            seen.revision,
            seen.contents.len(),
            predicted.message
        )),
        (Some(true), Ok(seen)) => {
            let keys = seen.contents.len();
            if predicted.revision.is_some_and(|ours| ours != seen.revision)
                || predicted.keys.is_some_and(|ours| ours != keys)
            {
                return Some(format!(
                    "revision {} and {keys} keys; predicted {:?} and {:?}",
                    seen.revision, predicted.revision, predicted.keys
                ));
            }
            let kept = match predicted.later_writes.as_str() {
                "kept" => true,
                "unknown" => return None,
                _ => false,
            };
            (kept != seen.kept).then(|| {
                format!(
                    "later writes kept: {}; predicted {:?}",
                    seen.kept, predicted.later_writes
                )
            })
        }
    }
}

/// What an executed step costs: keys that differ from the undamaged member in value, revisions or version, and revisions too few.
fn measured(step: &PrintedStep, seen: &Served, truth: &Served) -> (usize, u64) {
    let raised = step.commands.last().and_then(|line| {
        let after = line.split_once("--bump-revision ")?.1;
        after.split(' ').next()?.parse::<i64>().ok()
    });
    let revision = seen.revision - raised.unwrap_or(0);
    (
        differences(&truth.contents, &seen.contents),
        truth
            .revision
            .saturating_sub(revision)
            .max(0)
            .unsigned_abs(),
    )
}

/// One row: an incident, done by one release.
#[derive(Default)]
struct Row {
    /// For each action whether the prediction was right, unknown, or wrong.
    agreement: BTreeMap<&'static str, [usize; 3]>,
    wrong: Vec<String>,
    /// Whether the first line is the least lossy of all that were executed.
    ranked: Option<bool>,
}

const ACTIONS: [&str; 5] = [
    "start",
    "restore",
    "force-new-cluster",
    "salvage",
    "correct",
];

fn ask(incident: &Incident, binaries: &Binaries, truth: &Served) -> Row {
    let copy = incident.reproduce();
    let data_dir = copy.data_dir();
    let printed = Printed::check(&data_dir, &binaries.version);
    let name = format!("{} {}", incident.id, binaries.version);
    let mut row = Row::default();
    let mut executed: Vec<(&PrintedStep, (usize, u64))> = Vec::new();
    let forced = Printed::preflight(&data_dir, "force-new-cluster", &binaries.version);
    for action in ACTIONS {
        let planned = printed.step(action);
        let step = match action {
            "force-new-cluster" => forced.as_ref(),
            _ => planned,
        };
        let Some(step) = step else { continue };
        let Some(seen) = carry_out(step, &data_dir, binaries) else {
            continue;
        };
        let complaint = complaint(step, &seen);
        let counts = row.agreement.entry(action).or_default();
        counts[match (&complaint, step.starts) {
            (Some(_), _) => 2,
            (None, None) => 1,
            (None, Some(_)) => 0,
        }] += 1;
        if let Some(complaint) = complaint {
            row.wrong.push(format!("{name} {action}: {complaint}"));
        }
        if let (Some(planned), Ok(seen)) = (planned, &seen)
            && seen.kept
        {
            executed.push((planned, measured(planned, seen, truth)));
        }
    }
    if binaries.version == RANKED {
        rank(&name, &printed, &executed, &mut row);
    }
    next_runs(&name, &printed, binaries, &mut row);
    row
}

/// The first line that depends on nothing that is elsewhere costs no more than any other that was executed.
fn rank(name: &str, printed: &Printed, executed: &[(&PrintedStep, (usize, u64))], row: &mut Row) {
    let mut steps = printed.steps.iter();
    let Some(first) = steps.find(|step| !ELSEWHERE.contains(&step.action.as_str())) else {
        return;
    };
    let least = executed.iter().map(|(_, cost)| *cost).min();
    let own = executed
        .iter()
        .find(|(step, _)| step.action == first.action);
    row.ranked = Some(match (own, least) {
        (Some((_, own)), Some(least)) => *own == least,
        // Nothing serves, whatever is done.
        (None, None) => true,
        _ => false,
    });
    if row.ranked == Some(false) {
        let costs: Vec<String> = executed
            .iter()
            .map(|(step, cost)| format!("{} {cost:?}", step.action))
            .collect();
        row.wrong.push(format!(
            "{name}: the first line is {}; measured (keys, revisions): {}",
            first.action,
            costs.join(", ")
        ));
    }
    // A loss that the plan counts as none is none, if what is gone left a trace at all.
    if let Some((step, (keys, _))) = own
        && step.starts == Some(true)
        && step.harm == 0
        && *keys > 0
        && !UNTRACEABLE.contains(&name.split(' ').next().unwrap_or_default())
    {
        row.wrong.push(format!(
            "{name} {}: {keys} keys differ from the undamaged member; the plan says nothing is lost",
            step.action
        ));
    }
}

/// What was lost left no trace in the files: a last segment that is gone, a write torn before it was acknowledged.
const UNTRACEABLE: [&str; 3] = ["W17", "W07", "W05"];

fn next_runs(name: &str, printed: &Printed, binaries: &Binaries, row: &mut Row) {
    let folder = tempfile::tempdir().unwrap();
    for line in &printed.next {
        // GO, NO-GO and a part are answers; a refusal is none.
        let line = format!("{line} > /dev/null; [ $? -ne 2 ]");
        if let Err(why) = run(&[line], binaries, folder.path()) {
            row.wrong.push(format!("{name}: next: {why}"));
        }
    }
}

#[test]
fn every_step_leads_to_what_the_plan_says_and_the_first_is_the_least_lossy() {
    let rows = asked_for();
    if rows.is_empty() {
        eprintln!("skipped: no etcd here; fixtures/recipes/etcd-from-debian fetches it");
        return;
    }
    let truths = Truths::ask(&rows);
    let asked = rows.len();
    let done = Mutex::new((
        BTreeMap::<(String, &str), [usize; 3]>::new(),
        Vec::new(),
        [0; 2],
    ));
    on_all_cores(rows, |(incident, binaries)| {
        let row = ask(&incident, &binaries, &truths.0[incident.base]);
        let mut done = done.lock().unwrap();
        for line in &row.wrong {
            eprintln!("{line}");
        }
        for (action, counts) in row.agreement {
            let sums = done
                .0
                .entry((binaries.version.clone(), action))
                .or_default();
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count;
            }
        }
        done.1.extend(row.wrong);
        if let Some(ranked) = row.ranked {
            done.2[usize::from(ranked)] += 1;
        }
    });
    let (sums, mut wrong, ranked) = done.into_inner().unwrap();
    eprintln!(
        "| release | action | as predicted | unknown | otherwise |\n|---|---|---:|---:|---:|"
    );
    for ((release, action), [right, unknown, otherwise]) in &sums {
        eprintln!("| {release} | {action} | {right} | {unknown} | {otherwise} |");
    }
    let [not_least, least] = ranked;
    eprintln!(
        "the first line is the least lossy: {least} of {}",
        least + not_least
    );
    wrong.sort();
    assert!(
        wrong.is_empty(),
        "{} wrong of {asked} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// A directory that is not one of an incident, for tests of single plans.
pub fn wrong_of(data_dir: &Path, action: &str, binaries: &Binaries) -> Option<String> {
    let printed = Printed::check(data_dir, &binaries.version);
    let step = printed.step(action)?;
    complaint(step, &carry_out(step, data_dir, binaries)?)
}
