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

use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use etcd_inspect::start::{Ending, StartOutcome, WritesAfterStart, simulate_start};
use testkit::etcd::Binaries;
use testkit::mutations::{Mutation, Observed, Record, observe, probe, random};

use super::words;

/// How a prediction compares with what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Agrees,
    /// The simulation answers that it cannot know.
    Unknown(String),
    Differs(String),
}

fn in_log(message: &str, log: &[String]) -> bool {
    let log = log.join("\n").replace('\\', "");
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
    let member = Member::open(copy.data_dir());
    match member {
        Ok(member) => {
            let release = record.mutation.release.parse().ok();
            compare(&simulate_start(&member, release, &Silent), &record.observed)
        }
        Err(error) => Verdict::Differs(format!("it cannot be opened: {error}")),
    }
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

fn report(records: &[Record], shrink: bool) -> (usize, usize, Vec<String>) {
    let (mut agree, mut unknown, mut wrong) = (0, 0, Vec::new());
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for record in records {
        let Mutation {
            release,
            fixture,
            what,
            ..
        } = &record.mutation;
        match judge(record) {
            Verdict::Agrees => agree += 1,
            Verdict::Unknown(why) => {
                unknown += 1;
                eprintln!(
                    "unknown: {release} {fixture}: {what}: {:?}",
                    record.observed
                );
                *reasons.entry(why).or_default() += 1;
            }
            Verdict::Differs(why) => {
                let seed = record
                    .seed
                    .map_or(String::new(), |seed| format!("seed {seed}, "));
                let mut line = format!("{seed}{release} {fixture}: {what}: {why}");
                if let Some((smaller, why)) = shrink.then(|| shrunk(record)).flatten() {
                    line = format!("{line}\n    shrunk: {:?}: {why}", smaller.edits);
                }
                wrong.push(line);
            }
        }
    }
    for (why, count) in reasons {
        eprintln!("unknown, {count} times: {why}");
    }
    (agree, unknown, wrong)
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
    let (agree, unknown, wrong) = report(&records, live.is_ok());
    let share = 100.0 * agree as f64 / records.len().max(1) as f64;
    eprintln!(
        "{} mutations: {agree} agree ({share:.1} %), {unknown} unknown, {} differ",
        records.len(),
        wrong.len()
    );
    for line in &wrong {
        eprintln!("{line}");
    }
    if live.is_err() && file.is_err() {
        assert!(
            !records.is_empty() && wrong.is_empty(),
            "{}",
            wrong.join("\n")
        );
    }
}
