//! Every damage recipe at every place: what salvage gives of the damaged member is what the undamaged one held, or the loss is
//! listed; and each backup passes our own check.
//!
//! A sample runs with the suite, and of it a sample is restored and served by etcd; `SALVAGE=all` takes every case,
//! `SALVAGE_ETCD=all` lets etcd restore and serve each.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use etcd_inspect::member::Member;
use testkit::damage::{self, Case};
use testkit::etcd::Binaries;
use testkit::verbs::on_all_cores;
use testkit::{data_dir, fixture_copy};

use crate::incidents::{live_of, truth};
use crate::served::{asked, restored};
use crate::{hash, run, salvage};

const BASE: &str = "etcd-3.5.30";
const DB: &str = "member/snap/db";
const WAL: &str = "member/wal/0000000000000000-0000000000000000.wal";
/// Of so many cases one is in the sample.
const SAMPLE: usize = 9;
/// Of so many cases that are taken one is restored and served by etcd.
const SERVED: usize = 24;

fn cases() -> Vec<(&'static str, Case)> {
    let of = |file: &'static str, cases: Vec<Case>| cases.into_iter().map(move |case| (file, case));
    let base = data_dir(BASE);
    let all = of(DB, damage::db(&base.join(DB))).chain(of(WAL, damage::wal(&base.join(WAL))));
    let every = std::env::var("SALVAGE").is_ok_and(|asked| asked == "all");
    let step = if every { 1 } else { SAMPLE };
    all.step_by(step).collect()
}

/// Whether a backup was written, and whether it holds everything.
fn one(file: &str, case: &Case, served: bool) -> (bool, bool) {
    let (truth, _) = truth(BASE);
    let copy = fixture_copy(BASE);
    case.apply(&copy.data_dir().join(file));
    let backup = salvage(&copy.data_dir(), &[]);
    if !backup.out.exists() {
        assert_ne!(backup.exit, 0, "{file}: {}", case.name);
        return (false, false);
    }
    let member = Member::open(&backup.out).unwrap();
    let live = live_of(&member.readable_keyspace().unwrap());
    let whole = live == truth;
    assert!(
        whole || !backup.list("unrecoverable").is_empty(),
        "{file}, {}: keys differ, and nothing is reported as lost: {}",
        case.name,
        backup.stderr
    );
    assert_sound(&backup.out, &case.name, backup.exit == 0);
    assert_status(&backup, &case.name);
    if served && let Some(binaries) = Binaries::newest("3.5") {
        let dir = tempfile::tempdir().unwrap();
        let server = restored(&binaries, &backup.out, &dir.path().join("data"));
        let expected = (hash(&backup.out, &[]), backup.number("revision"));
        assert_eq!(asked(&server), expected, "{file}, {}", case.name);
        server.stop();
    }
    (true, whole)
}

/// Our own check finds nothing in it; revisions are missing if they were lost.
pub(crate) fn assert_sound(backup: &Path, name: &str, is_whole: bool) {
    let checked = run(&["check", backup.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(!said.contains("BOLT-"), "{name}: {said}");
    assert!(!is_whole || checked.status.success(), "{name}: {said}");
}

/// The status that etcd's own tool gives of the file, which opens it and counts: the revision is that of the plan.
pub(crate) fn assert_status(backup: &crate::Salvaged, name: &str) {
    let Some(binaries) = Binaries::newest("3.5") else {
        return;
    };
    let path = backup.out.to_str().unwrap();
    let output = binaries.utl(&["snapshot", "status", path, "-w", "json"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}");
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let newest = status["revision"].as_i64().unwrap();
    assert!(newest <= backup.number("revision"), "{name}: {status}");
}

#[test]
fn every_damage_recipe_gives_what_was_there_or_lists_what_is_lost() {
    let all_served = std::env::var_os("SALVAGE_ETCD").is_some();
    let (written, whole) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let cases = cases();
    let all = cases.len();
    let numbered: Vec<_> = cases.into_iter().enumerate().collect();
    on_all_cores(numbered, |(number, (file, case))| {
        let served = all_served || number.is_multiple_of(SERVED);
        let (is_written, is_whole) = one(file, &case, served);
        written.fetch_add(usize::from(is_written), Ordering::Relaxed);
        whole.fetch_add(usize::from(is_whole), Ordering::Relaxed);
    });
    let (written, whole) = (written.into_inner(), whole.into_inner());
    eprintln!("{all} cases: {written} backups, {whole} of them with everything");
    // The log of this member begins with its first entry: whatever happens to the db, it has everything.
    assert!(
        written * 10 >= all * 9,
        "only {written} backups of {all} cases"
    );
    assert!(whole * 2 >= all, "only {whole} of {all} cases lost nothing");
}
