//! A db that was restored and put beside its old log: what a start makes of it, and what the plan says. The plans of the incidents
//! are carried out in `tests/plan`.

use std::path::Path;
use std::time::Duration;

use etcd_inspect::check::{Depth, check};
use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use etcd_inspect::salvage::{SalvageOptions, Sources};
use etcd_inspect::start::{StartMode, simulate_start};
use etcd_inspect::verdict::{Action, judge};
use testkit::copy_of;
use testkit::etcd::{Binaries, Server};

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
    let copy = copy_of(&data_dir);
    let server = Server::start(&binaries, &copy, &[], patience).unwrap();
    let served = server.json(&["get", "none"])["header"]["revision"].as_i64();
    assert_eq!(start.outcome.revision, served, "{start:?}");
    // The start itself says so, not only the comparison with the acknowledged state.
    let simulated = simulate_start(
        &member,
        StartMode::AsItIs,
        binaries.version.parse().ok(),
        &Silent,
    );
    assert_eq!((simulated.duplicated, simulated.undone), (40, true));
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
    assert_eq!(verdict.causes[0].code.id, "X-011", "{:?}", verdict.causes);
}

#[test]
fn a_consistent_index_that_is_too_low_is_counted_by_the_start() {
    let copy = testkit::incidents::incident("L01").reproduce();
    let member = Member::open(copy.data_dir()).unwrap();
    let start = simulate_start(&member, StartMode::AsItIs, "3.5.30".parse().ok(), &Silent);
    assert!(start.duplicated > 0 && !start.undone, "{start:?}");
    for healthy in ["lagging-3.5.30", "etcd-3.5.30-killed", "etcd-3.4.23-killed"] {
        let member = Member::open(testkit::data_dir(healthy)).unwrap();
        let start = simulate_start(&member, StartMode::AsItIs, None, &Silent);
        assert_eq!((start.duplicated, start.undone), (0, false), "{healthy}");
    }
}
