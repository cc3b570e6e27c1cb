use etcd_inspect::Severity;
use etcd_inspect::check::{Depth, Health, Report, check};
use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use etcd_inspect::verdict::{Action, judge};

fn alarms(name: &str, report: &Report, wrong: &mut Vec<String>) {
    for finding in &report.findings {
        // An alarm that is on is a finding; that is what those fixtures are for.
        let alarm = name.starts_with("alarm-") && finding.code.id.starts_with("ALARM-");
        if finding.severity > Severity::Note && !alarm {
            wrong.push(format!(
                "{name}: {} {} {:?} {:?}",
                finding.code.id, finding.message, finding.seen, finding.expected
            ));
        }
    }
}

#[test]
fn healthy_directories_have_no_warning() {
    let mut wrong = Vec::new();
    for (name, path) in crate::healthy::directories() {
        let member = Member::open(&path).unwrap();
        for depth in [Depth::Quick, Depth::Default, Depth::Deep] {
            alarms(&name, &check(&member, depth, &Silent), &mut wrong);
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn healthy_snapshot_files_have_no_warning() {
    let mut wrong = Vec::new();
    for name in testkit::fixtures() {
        let path = testkit::fixture(&name).join("snapshot.db");
        if path.is_file() {
            let report = check(&Member::open(&path).unwrap(), Depth::Default, &Silent);
            alarms(&name, &report, &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// etcdctl 3.4 leaves the members of the backup in the db of 3.5: every release starts on it and writes its own there.
#[test]
fn a_backup_of_3_5_that_3_4_restored_and_that_never_started_is_healthy() {
    let Some(binaries) = testkit::etcd::Binaries::newest("3.4.23") else {
        eprintln!("skipped: no etcd 3.4.23; fixtures/recipes/etcd-from-debian fetches it");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("restored");
    let db = testkit::data_dir("etcd-3.5.30").join("member/snap/db");
    let output = binaries.utl(&[
        "snapshot",
        "restore",
        db.to_str().unwrap(),
        "--skip-hash-check",
        "--data-dir",
        into.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{output:?}");
    let member = Member::open(&into).unwrap();
    let report = check(&member, Depth::Default, &Silent);
    assert!(report.verdict <= Health::Notes, "{:?}", report.findings);
    let verdict = judge(&member, &report, None, &Silent);
    let first = &verdict.plan[0];
    assert_eq!(first.action, Action::Start, "{}", first.effect);
    assert!(first.lost.is_none());
}
