//! Single mutations of fixtures: what real etcd did with each, recorded or asked now, against the simulated start.
//!
//! With the suite, the recorded sample (`mutations.jsonl`) is compared; no etcd is needed. Explicitly:
//!
//! ```text
//! MUTATIONS=1000 SEED=1 cargo test -p etcd-inspect-lib --test oracle mutations -- --nocapture     starts etcd on 1,000 copies
//! MUTATIONS=probe cargo test -p etcd-inspect-lib --test oracle mutations -- --nocapture           the systematic probe
//! OBSERVED=FILE.jsonl cargo test -p etcd-inspect-lib --test oracle mutations -- --nocapture       a recorded campaign
//! ```
//!
//! A campaign is recorded with `cargo run -p testkit --example mutations -- FILE.jsonl FIRST_SEED COUNT`. Disagreements are
//! shrunk to one byte where they can be, and printed.

use std::collections::BTreeMap;

use etcd_inspect::bolt::open::READS_HEAP;
use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use etcd_inspect::start::{Ending, StartMode, StartOutcome, WritesAfterStart, simulate_start};
use testkit::etcd::Binaries;
use testkit::mutations::{Action, Mutation, Observed, Record, observe, probe, random};

use super::words;

/// Percent of the inputs of a campaign whose outcome must have been predicted; "unknown" is no prediction.
const AGREEMENT: f64 = 99.0;

/// How a prediction compares with what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Agrees,
    /// The simulation answers that it cannot know.
    Unknown(String),
    Differs(String),
}

/// What etcd may end with if it reads Go's heap: its own words depend on what is there.
const ENDS_OF_HEAP: [&str; 9] = [
    "inline bucket non-zero page access",
    "slice bounds out of range",
    "index out of range",
    "unexpected fault address",
    "SIGSEGV",
    "out of memory",
    "free object",
    "nmarshal",
    "proto: ",
];

fn in_log(message: &str, log: &[String]) -> bool {
    let log = log.join("\n").replace('\\', "");
    if message == READS_HEAP {
        return ENDS_OF_HEAP.iter().any(|words| log.contains(words));
    }
    // A tool that ends with its exit code alone: its last line tells of something that went well.
    if message.starts_with("no message") {
        return !["panic", "fatal", "Error", "fault"]
            .iter()
            .any(|word| log.contains(word));
    }
    words(message)
        .iter()
        .all(|words| log.contains(words.as_str()))
}

fn compare(outcome: &StartOutcome<'_>, observed: &Observed) -> Verdict {
    let differs = |why: String| Verdict::Differs(why);
    let ended = |log: &[String], what: &str| match &outcome.ending {
        Ending::Serves if outcome.dies_at_first_question && what == "dies" => Verdict::Agrees,
        Ending::Refuses(message) if in_log(message, log) => Verdict::Agrees,
        ending => differs(format!(
            "{what}: {:?}; predicted {ending:?}",
            log.iter().map(|line| brief(line)).collect::<Vec<_>>()
        )),
    };
    if let Ending::Unknown(why) = &outcome.ending {
        return Verdict::Unknown(why.clone());
    }
    match observed {
        Observed::Refuses { log } => ended(log, "refuses"),
        // It serves for a moment before the commit that ends it.
        Observed::Dies { log } => ended(log, "dies"),
        Observed::NeverServes => match &outcome.ending {
            Ending::NeverServes(_) => Verdict::Agrees,
            Ending::Serves if outcome.quorum > 1 => Verdict::Agrees,
            ending => differs(format!("never serves; predicted {ending:?}")),
        },
        Observed::Serves {
            revision,
            keys,
            writes,
        } => {
            let kept = outcome.later_writes == WritesAfterStart::Kept;
            match (&outcome.ending, outcome.revision, outcome.keys) {
                (Ending::Serves, None, _) | (Ending::Serves, _, None) => {
                    Verdict::Unknown("revision and keys after the start".to_owned())
                }
                (Ending::Serves, Some(ours), Some(count))
                    if (ours, count, kept) == (*revision, *keys, *writes)
                        && !outcome.dies_at_first_question =>
                {
                    Verdict::Agrees
                }
                _ => differs(format!(
                    "serves revision {revision}, {keys} keys, writes {writes}; predicted {:?} {:?} {:?} {:?}{}",
                    outcome.ending,
                    outcome.revision,
                    outcome.keys,
                    outcome.later_writes,
                    if outcome.dies_at_first_question {
                        ", dies at first question"
                    } else {
                        ""
                    }
                )),
            }
        }
    }
}

fn brief(line: &str) -> String {
    let at = line.find("\"msg\"").unwrap_or(0);
    line[at..].chars().take(160).collect()
}

fn judge(record: &Record) -> Verdict {
    let copy = record.mutation.apply();
    let member = match Member::open(&*copy) {
        Ok(member) => member,
        Err(error) => return Verdict::Differs(format!("it cannot be opened: {error}")),
    };
    let release = record.mutation.release.parse().ok();
    let mode = match record.mutation.action {
        Action::Start => StartMode::AsItIs,
        Action::Restore => StartMode::Restored,
        Action::ForceNewCluster => StartMode::ForceNewCluster,
    };
    compare(
        &simulate_start(&member, mode, release, &Silent),
        &record.observed,
    )
}

/// The smallest part of a mutation about which prediction and etcd still differ.
fn shrunk(record: &Record) -> Option<(Mutation, String)> {
    let binaries = Binaries::newest(&record.mutation.release)?;
    record.mutation.smaller().into_iter().find_map(|mutation| {
        let observed = observe(&mutation, &binaries);
        let smaller = Record {
            seed: record.seed,
            mutation,
            observed,
        };
        match judge(&smaller) {
            Verdict::Differs(why) => Some((smaller.mutation, why)),
            _ => None,
        }
    })
}

/// Agreeing and all, of each kind of mutation and of each release.
type Tally = BTreeMap<String, (usize, usize)>;

/// The kind of a mutation, of the words that describe it.
fn kind(mutation: &Mutation) -> String {
    let first = mutation.what.split(' ').next().unwrap_or_default();
    let kind = match first {
        "meta" | "newest" | "checksum" | "both" | "header" if !mutation.what.contains("bucket") => {
            "fields of metas"
        }
        "page" | "branch" | "root" => "headers and elements of pages",
        "bucket" | "header" | "inline" => "elements and headers of buckets",
        "bit" if mutation.what.contains(".snap") => ".snap",
        "bit" => "bits of the db",
        "content" => "contents of buckets",
        "torn" => "torn pages",
        "free" => "stored free lists",
        "record" => "fields of WAL records",
        "wal" if mutation.what.contains("cut") => "files cut",
        "wal" => "bytes of the WAL",
        "db" if mutation.what.contains("cut") => "files cut",
        _ if mutation.what.contains(" of ") || mutation.what.contains("deleted") => {
            "files deleted or swapped"
        }
        _ => ".snap",
    };
    kind.to_owned()
}

fn action(mutation: &Mutation) -> &'static str {
    match mutation.action {
        Action::Start => "start",
        Action::Restore => "restore",
        Action::ForceNewCluster => "force-new-cluster",
    }
}

/// What was changed, byte by byte: offset, old, new.
fn changed(mutation: &Mutation) -> String {
    let changes = mutation.changes();
    let shown = changes.iter().take(8);
    let mut text: Vec<String> = shown
        .map(|(file, at, old, new)| format!("{file} @ {at:#x} {old:02x}→{new:02x}"))
        .collect();
    if changes.len() > text.len() {
        text.push(format!("{} bytes in all", changes.len()));
    }
    match text.is_empty() {
        true => format!("{:?}", mutation.edits),
        false => text.join(", "),
    }
}

/// One disagreement: which input, what was predicted, what happened.
fn line(record: &Record, why: &str) -> String {
    let mutation = &record.mutation;
    let seed = record
        .seed
        .map_or("probe".to_owned(), |seed| format!("seed {seed}"));
    format!(
        "{seed}, {} {} {}: {}: {why}\n    {}",
        mutation.release,
        mutation.fixture,
        action(mutation),
        mutation.what,
        changed(mutation)
    )
}

#[derive(Default)]
struct Report {
    agree: usize,
    unknown: Vec<String>,
    wrong: Vec<String>,
    tally: Tally,
}

fn report(records: &[Record], shrink: bool) -> Report {
    let mut report = Report::default();
    for record in records {
        let verdict = judge(record);
        let mutation = &record.mutation;
        let of = [
            kind(mutation),
            mutation.release.clone(),
            action(mutation).to_owned(),
        ];
        for name in of {
            let (agree, all) = report.tally.entry(name).or_default();
            *agree += usize::from(verdict == Verdict::Agrees);
            *all += 1;
        }
        match verdict {
            Verdict::Agrees => report.agree += 1,
            Verdict::Unknown(why) => {
                let why = format!("unknown ({why}), real {:?}", record.observed);
                report.unknown.push(line(record, &why));
            }
            Verdict::Differs(why) => {
                let mut text = line(record, &why);
                if let Some((smaller, why)) = shrink.then(|| shrunk(record)).flatten() {
                    text = format!("{text}\n    shrunk: {}: {why}", changed(&smaller));
                }
                report.wrong.push(text);
            }
        }
    }
    report
}

/// What was recorded, or what is asked now.
fn asked(asked: &str) -> Vec<Record> {
    let seed: u64 = std::env::var("SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let mutations: Vec<(Option<u64>, Mutation)> = match asked {
        "probe" => probe()
            .into_iter()
            .map(|mutation| (None, mutation))
            .collect(),
        count => {
            let count: u64 = count.parse().expect("a number of mutations, or probe");
            (seed..seed + count)
                .map(|seed| (Some(seed), random(seed)))
                .collect()
        }
    };
    let ask = |(seed, mutation): (Option<u64>, Mutation)| {
        let binaries = Binaries::newest(&mutation.release)?;
        let observed = observe(&mutation, &binaries);
        Some(Record {
            seed,
            mutation,
            observed,
        })
    };
    mutations.into_iter().filter_map(ask).collect()
}

#[test]
fn mutations_go_as_predicted() {
    let (live, file) = (std::env::var("MUTATIONS"), std::env::var("OBSERVED"));
    let records = match (&live, &file) {
        (Ok(count), _) => asked(count),
        (_, Ok(file)) => Record::read_all(file.as_ref()),
        _ => Record::read_all(&testkit::root().join("tests/oracle/mutations.jsonl")),
    };
    let Report {
        agree,
        unknown,
        wrong,
        tally,
    } = report(&records, live.is_ok());
    let percent = |agree: usize, all: usize| 100.0 * agree as f64 / all.max(1) as f64;
    for line in unknown.iter().chain(&wrong) {
        eprintln!("{line}");
    }
    for (name, (agree, all)) in &tally {
        eprintln!(
            "| {name} | {all} | {agree} ({:.1} %) |",
            percent(*agree, *all)
        );
    }
    let share = percent(agree, records.len());
    let summary = format!(
        "{} mutations: {agree} agree ({share:.1} %), {} unknown, {} differ",
        records.len(),
        unknown.len(),
        wrong.len()
    );
    eprintln!("{summary}");
    assert!(!records.is_empty(), "no input");
    if live.is_ok() || file.is_ok() {
        assert!(share >= AGREEMENT, "{summary}");
    } else {
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(share >= AGREEMENT, "{summary}\n{}", unknown.join("\n"));
    }
}
