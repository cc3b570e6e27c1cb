//! An alarm that only the log has yet: a start applies it, and every verb says that writes are refused then.

use std::path::Path;
use std::time::Duration;

use testkit::data_dir;
use testkit::etcd::{Binaries, Server};

use crate::carried_out::carry_out;
use crate::printed::{Printed, inspect, preflight};

/// The level of the line that a preflight has about an alarm.
fn level(evidence: &Path, purpose: &str, release: &str, code: &str) -> Option<String> {
    let said = preflight(evidence, purpose, release);
    let lines = said["lines"].as_array()?;
    let line = lines.iter().find(|line| line["code"] == code)?;
    Some(line["level"].as_str()?.to_owned())
}

#[test]
fn an_alarm_that_the_db_has_not_applied_yet_is_reported_before_a_start() {
    for release in ["3.4.23", "3.5.16", "3.5.30"] {
        let Some(binaries) = Binaries::newest(release) else {
            eprintln!("no etcd {release} here: see fixtures/recipes/etcd-from-debian");
            continue;
        };
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        // Nothing is committed to the db but by an orderly end.
        let flags = [
            "--quota-backend-bytes",
            "60000",
            "--backend-batch-interval",
            "1h",
        ];
        let server = Server::start(&binaries, &data, &flags, Duration::from_secs(30)).unwrap();
        for n in 0..4 {
            server.ctl(&["put", &format!("/k{n}"), "small"]);
        }
        let refused = server.output(&["put", "/large", &"x".repeat(100_000)], b"");
        let why = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(why.contains("database space exceeded"), "{release}: {why}");
        server.kill();

        let path = data.to_str().unwrap();
        let said = inspect(&["check", path, "-o", "json"]);
        assert_eq!(said["verdict"], "warnings", "{release}: {said}");
        assert_eq!(said["cause"][0]["code"], "ALARM-001", "{release}: {said}");
        let warn = Some("WARN".to_owned());
        for purpose in ["start", "force-new-cluster"] {
            assert_eq!(
                level(&data, purpose, release, "ALARM-001"),
                warn,
                "{release}, {purpose}"
            );
        }
        assert_eq!(
            level(&data, "upgrade", release, "ALARM").as_deref(),
            Some("FAIL"),
            "{release}"
        );
        let printed = Printed::check(&data, release);
        let start = printed.step("start").unwrap();
        assert_eq!(start.later_writes, "refused", "{release}: {start:?}");
        // 3.4 calls itself unhealthy as long as an alarm is on, and the wait for its health ends.
        if release == "3.4.23" {
            continue;
        }
        let seen = carry_out(start, &data, &binaries).unwrap().unwrap();
        assert!(!seen.kept, "{release}: {seen:?}");
        assert_eq!(start.revision, Some(seen.revision), "{release}");
    }
}

#[test]
fn an_alarm_of_the_db_is_a_line_of_each_preflight_and_says_what_is_refused() {
    for (fixture, code, refused) in [
        ("alarm-nospace-3.5.30", "ALARM-001", "writes are refused"),
        (
            "alarm-corrupt-3.5.30/m1",
            "ALARM-002",
            "writes are refused until it is disarmed (etcdctl alarm disarm), reads are answered",
        ),
    ] {
        let said = preflight(&data_dir(fixture), "start", "3.5.30");
        let lines = said["lines"].as_array().unwrap();
        let of_alarm: Vec<_> = lines.iter().filter(|line| line["code"] == code).collect();
        let [line] = of_alarm[..] else {
            panic!("{fixture}: one line about it in {said}");
        };
        assert!(
            line["text"].as_str().unwrap().contains(refused),
            "{fixture}: {line}"
        );
    }
}
