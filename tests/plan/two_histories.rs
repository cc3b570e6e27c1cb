//! A db of another history beside a log: what a restore of it lacks is counted, and the whole log is built from first.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use testkit::etcd::{Binaries, Server};

use crate::carried_out::{carry_out, run};
use crate::printed::{Printed, inspect, preflight};

const DB: &str = "member/snap/db";
/// Writes of the cluster whose log is kept.
const WRITES: usize = 12;

/// A cluster that writes keys below a prefix; compacted if its history shall not be compared.
fn written(binaries: &Binaries, data: &Path, prefix: &str, writes: usize, is_compacted: bool) {
    let flags = ["--initial-cluster-token", prefix];
    let server = Server::start(binaries, data, &flags, Duration::from_secs(30)).unwrap();
    for n in 0..writes {
        server.ctl(&["put", &format!("/{prefix}/{n:02}"), &format!("value {n}")]);
    }
    if is_compacted {
        server.ctl(&["compact", "--physical", &writes.to_string()]);
    }
    server.stop();
}

fn codes(data: &Path) -> Vec<String> {
    let said = inspect(&["check", data.to_str().unwrap(), "-o", "json"]);
    let causes = said["cause"].as_array().unwrap();
    let code = |cause: &serde_json::Value| cause["code"].as_str().unwrap().to_owned();
    causes.iter().map(code).collect()
}

#[test]
fn a_restore_of_another_clusters_db_has_nothing_of_the_whole_log_beside_it() {
    for release in ["3.4.23", "3.5.16", "3.5.30"] {
        let Some(binaries) = Binaries::newest(release) else {
            eprintln!("no etcd {release} here: see fixtures/recipes/etcd-from-debian");
            continue;
        };
        let folder = tempfile::tempdir().unwrap();
        let [red, blue] = ["red", "blue"].map(|name| folder.path().join(name));
        written(&binaries, &red, "red", WRITES, false);
        written(&binaries, &blue, "blue", 30, true);
        fs::copy(blue.join(DB), red.join(DB)).unwrap();

        assert_eq!(codes(&red), ["X-002"], "{release}");
        let printed = Printed::check(&red, release);
        assert_eq!(printed.steps[0].action, "salvage", "{release}: {printed:?}");
        let said = preflight(&red, "restore", release);
        let step = &said["step"];
        assert_eq!(step["lost"]["writes"], WRITES, "{release}: {step}");
        assert_eq!(step["wrong"], 0, "{release}: {step}");
        assert_eq!(said["go"], false, "{release}: {said}");
        assert_eq!(said["better"]["action"], "salvage", "{release}: {said}");

        let of_red = |key: &&String| STANDARD.decode(key).unwrap().starts_with(b"/red/");
        let kept = |action: &str| {
            let step = printed.step(action).unwrap();
            let seen = carry_out(step, &red, &binaries).unwrap().unwrap();
            seen.contents.keys().filter(of_red).count()
        };
        assert_eq!((kept("restore"), kept("salvage")), (0, WRITES), "{release}");
    }
}

#[test]
fn a_db_of_before_a_restore_is_not_that_of_the_restored_log() {
    for release in ["3.4.23", "3.5.16", "3.5.30"] {
        let Some(binaries) = Binaries::newest(release) else {
            eprintln!("no etcd {release} here: see fixtures/recipes/etcd-from-debian");
            continue;
        };
        let folder = tempfile::tempdir().unwrap();
        let old = folder.path().join("old");
        written(&binaries, &old, "old", WRITES, false);
        let tool = binaries.restorer();
        let tool = tool.file_name().unwrap().to_string_lossy().into_owned();
        let line = format!("{tool} snapshot restore old/{DB} --skip-hash-check --data-dir new");
        run(&[line], &binaries, folder.path()).unwrap();
        let new = folder.path().join("new");
        fs::copy(old.join(DB), new.join(DB)).unwrap();

        assert_eq!(codes(&new), ["X-002"], "{release}");
        let said = preflight(&new, "restore", release);
        assert_eq!(said["go"], false, "{release}: {said}");
        let lost = &said["step"]["lost"];
        assert_eq!(lost["at_least"], true, "{release}: {said}");
        // What a restore makes is healthy: it names its own member, or none yet.
        run(
            &[format!(
                "{tool} snapshot restore old/{DB} --skip-hash-check --data-dir healthy"
            )],
            &binaries,
            folder.path(),
        )
        .unwrap();
        assert_eq!(
            codes(&folder.path().join("healthy")),
            Vec::<String>::new(),
            "{release}"
        );
    }
}
