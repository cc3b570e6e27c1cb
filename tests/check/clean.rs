use etcd_inspect::Severity;
use etcd_inspect::check::{Depth, Report, check};
use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;

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
