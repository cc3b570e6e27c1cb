//! Starts a real etcd on mutated copies and appends what it did to a file, one JSON object a line:
//! `cargo run -p testkit --example mutations -- OUT.jsonl FIRST_SEED COUNT` or `… OUT.jsonl probe [EVERY]`.
//!
//! What the file holds already is not asked again.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a program for a person"
)]

use std::collections::HashSet;
use std::io::Write as _;
use std::sync::Mutex;

use testkit::etcd::Binaries;
use testkit::mutations::{Mutation, Record, observe, probe, random};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let out = arguments.first().expect("a file to append to");
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<u64>().ok());
    let wanted: Vec<(Option<u64>, Mutation)> = match arguments.get(1).map(String::as_str) {
        Some("probe") => {
            let every = number(2).unwrap_or(1).max(1);
            let all = probe().into_iter().enumerate();
            all.filter(|(at, _)| (*at as u64).is_multiple_of(every))
                .map(|(_, mutation)| (None, mutation))
                .collect()
        }
        _ => {
            let first = number(1).expect("a first seed");
            (first..first + number(2).expect("a count"))
                .map(|seed| (Some(seed), random(seed)))
                .collect()
        }
    };
    let known: HashSet<String> = Record::read_all(out.as_ref())
        .iter()
        .map(|record| format!("{:?}", record.mutation))
        .collect();
    let file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(out)
        .expect("a writable file");
    let installed = Binaries::all();
    let wanted = wanted
        .into_iter()
        .filter(|(_, mutation)| !known.contains(&format!("{mutation:?}")));
    let (queue, file) = (Mutex::new(wanted), Mutex::new(file));
    let work = || {
        while let Some((seed, mutation)) = { queue.lock().expect("a lock").next() } {
            let newest = installed.iter().find(|one| one.version == mutation.release);
            let Some(binaries) = newest else { continue };
            let observed = observe(&mutation, binaries);
            println!(
                "{} {} {}: {observed:?}",
                mutation.release, mutation.fixture, mutation.what
            );
            let record = Record {
                seed,
                mutation,
                observed,
            };
            let line = serde_json::to_string(&record).expect("JSON");
            writeln!(file.lock().expect("a lock"), "{line}").expect("write");
        }
    };
    // A start mostly waits.
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(work);
        }
    });
}
