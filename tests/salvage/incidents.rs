//! Failures of the field: what salvage gives of each, against what the undamaged member held.
//!
//! A sample runs with the suite; `SALVAGE=all cargo test -p etcd-inspect --test salvage incidents -- --nocapture` takes every
//! incident and prints the table of `tests/README.md`; with `SALVAGE_ETCD=all` each etcd that is here restores and serves it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use etcd_inspect::member::Member;
use etcd_inspect::mvcc::KeyRange;
use etcd_inspect::progress::Silent;
use etcd_inspect::recover::replay;
use testkit::etcd::Binaries;
use testkit::incidents::{self, Incident};
use testkit::verbs::on_all_cores;

use crate::served::{asked, lives, restored};
use crate::{hash, salvage};

/// One of each place where damage can be.
const SAMPLE: [&str; 14] = [
    "C02", "W01", "W08", "W09", "W10", "W36", "W41", "D01", "D09", "D20", "D28", "D41", "L01",
    "L14",
];
/// Of the sample those that real etcd restores and serves in the suite.
const SERVED: [&str; 2] = ["W09", "D41"];

/// Value, create and mod revision, version and lease of every live key.
pub type Live = BTreeMap<Vec<u8>, (Vec<u8>, i64, i64, i64, i64)>;

pub fn live_of(keyspace: &etcd_inspect::mvcc::Keyspace<'_>) -> Live {
    let versions = keyspace.live(&KeyRange::all(), None).unwrap();
    versions
        .iter()
        .map(|version| {
            let kv = version.key_value().unwrap();
            let numbers = (
                kv.value.to_vec(),
                kv.create_revision,
                kv.mod_revision,
                kv.version,
                kv.lease,
            );
            (version.key.to_vec(), numbers)
        })
        .collect()
}

/// What the undamaged member holds after a start.
pub fn truth(base: &str) -> (Live, i64) {
    let member = Member::open(testkit::data_dir(base)).unwrap();
    let replayed = replay(&member, &Silent).unwrap();
    let keyspace = replayed.keyspace();
    (live_of(&keyspace), keyspace.revision())
}

fn wanted() -> Vec<Incident> {
    let asked = std::env::var("SALVAGE").unwrap_or_default();
    let chosen = |incident: &Incident| match asked.as_str() {
        "" => SAMPLE.contains(&incident.id),
        "all" => true,
        ids => ids.split(',').any(|id| id == incident.id),
    };
    incidents::all().into_iter().filter(chosen).collect()
}

/// Of an incident: keys that are missing in the backup, and the row of the table.
fn one(incident: &Incident, every: bool) -> String {
    let copy = incident.reproduce();
    let (truth, revision) = truth(incident.base);
    let backup = salvage(&copy.data_dir(), &[]);
    let id = incident.id;
    if id == "F03" {
        // No db, and a log whose beginning was purged: nothing says which revisions its entries made.
        assert_eq!(
            (backup.exit, backup.out.exists()),
            (1, false),
            "{}",
            backup.stderr
        );
        return format!(
            "| {id} {} | {} | nothing: no db | |",
            incident.class, incident.reaction
        );
    }
    assert!(
        backup.out.exists(),
        "{id} {}: exit {} {}",
        incident.class,
        backup.exit,
        backup.stderr
    );
    let member = Member::open(&backup.out).unwrap();
    let live = live_of(&member.readable_keyspace().unwrap());
    let mut wrong = Vec::new();
    for (key, numbers) in &live {
        if truth.get(key) != Some(numbers) {
            wrong.push(String::from_utf8_lossy(key).into_owned());
        }
    }
    let missing = truth.keys().filter(|key| !live.contains_key(*key)).count();
    assert!(
        wrong.is_empty() || !backup.list("unrecoverable").is_empty(),
        "{id}: {} keys are wrong or back, and nothing is reported as lost: {:?}\n{}",
        wrong.len(),
        wrong.iter().take(5).collect::<Vec<_>>(),
        backup.stderr
    );
    assert!(
        missing == 0 || !backup.list("unrecoverable").is_empty(),
        "{id}: {missing} keys are missing, and nothing is reported as lost\n{}",
        backup.stderr
    );
    let mut served = Vec::new();
    for binaries in Binaries::all() {
        let chosen = every || (SERVED.contains(&id) && binaries.version.starts_with("3.5"));
        if !chosen {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let into = dir.path().join("data");
        let server = restored(&binaries, &backup.out, &into);
        let (there, at) = asked(&server);
        assert_eq!(
            (there, at),
            (hash(&backup.out, &[]), backup.number("revision")),
            "{id} by {}",
            binaries.version
        );
        lives(&binaries, server, &into, at);
        served.push(binaries.version.clone());
    }
    format!(
        "| {id} {} | {} | revision {} of {revision}, {} of {} keys{}{} | {} |",
        incident.class,
        incident.reaction,
        backup.number("revision"),
        live.len() - wrong.len(),
        truth.len(),
        match wrong.len() {
            0 => String::new(),
            count => format!(", {count} differ"),
        },
        match backup.list("unrecoverable").len() {
            0 => String::new(),
            count => format!(", {count} losses listed"),
        },
        served.join(" ")
    )
}

#[test]
fn every_incident_gives_what_is_left_and_says_what_is_not() {
    let every = std::env::var_os("SALVAGE_ETCD").is_some();
    let rows = Mutex::new(Vec::new());
    let all: Vec<_> = wanted().into_iter().enumerate().collect();
    on_all_cores(all, |(number, incident)| {
        let row = one(&incident, every);
        rows.lock().unwrap().push((number, row));
    });
    let mut rows = rows.into_inner().unwrap();
    rows.sort();
    eprintln!("| case | what etcd alone does | what salvage gives | restored and served by |");
    eprintln!("|---|---|---|---|");
    for (_, row) in rows {
        eprintln!("{row}");
    }
}

/// The log of these is whole or nearly so: nothing may be missing.
#[test]
fn damage_that_leaves_the_log_whole_loses_nothing() {
    for id in [
        "D01", "D07", "D09", "D20", "D28", "D41", "L01", "L14", "W09", "W10",
    ] {
        let incident = incidents::incident(id);
        let (truth, revision) = truth(incident.base);
        let copy = incident.reproduce();
        let backup = salvage(&copy.data_dir(), &[]);
        let member = Member::open(&backup.out).unwrap();
        let live = live_of(&member.readable_keyspace().unwrap());
        assert_eq!(
            backup.number("revision"),
            revision,
            "{id}: {}",
            backup.stderr
        );
        assert!(live == truth, "{id}: {}", backup.stderr);
    }
}
