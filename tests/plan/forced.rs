//! The last line of a preflight for `--force-new-cluster`: it works on a copy, and what etcd then serves is what was predicted.

use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::etcd::Binaries;
use testkit::{Seal, copy_of, data_dir};

use crate::carried_out::run;
use crate::printed::{Printed, binary};
use crate::served::serve;

/// The line after GO.
fn printed_line(path: &Path, flags: &[&str]) -> String {
    let args = ["preflight", "--for", "force-new-cluster"];
    let output = Command::new(binary())
        .args(args)
        .args(flags)
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let last = text.lines().last().unwrap();
    let line = last.strip_prefix("WARN  ");
    let line = line.or_else(|| last.strip_prefix("GO  "));
    line.unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[test]
fn a_new_cluster_is_forced_on_a_copy() {
    let Some(binaries) = Binaries::newest("3.5.30") else {
        return eprintln!("skipped: no etcd 3.5.30; fixtures/recipes/etcd-from-debian fetches it");
    };
    let evidence = copy_of(&data_dir("etcd-3.5.30-killed"));
    let seal = Seal::read(&evidence);
    for path in [evidence.to_path_buf(), evidence.join("member")] {
        let folder = tempfile::tempdir().unwrap();
        let line = printed_line(&path, &[]);
        let (before, etcd) = line.rsplit_once(" && ").unwrap();
        run(&[before.to_owned()], &binaries, folder.path()).unwrap();
        let copy = etcd.strip_prefix("etcd --force-new-cluster --data-dir ");
        let copy: PathBuf = folder.path().join(copy.unwrap());
        let predicted = Printed::preflight(&path, "force-new-cluster", &binaries.version).unwrap();
        let served = serve(&binaries, &copy, &["--force-new-cluster"]).unwrap();
        assert_eq!(
            (predicted.revision, predicted.keys),
            (Some(served.revision), Some(served.contents.len())),
            "{line}"
        );
        seal.assert_unchanged();
    }
}

#[test]
fn a_new_cluster_is_forced_on_a_copy_with_the_wal_that_is_elsewhere() {
    let Some(binaries) = Binaries::newest("3.5.30") else {
        return eprintln!("skipped: no etcd 3.5.30; fixtures/recipes/etcd-from-debian fetches it");
    };
    let evidence = copy_of(&data_dir("etcd-3.5.30-killed"));
    let whole = Printed::preflight(&evidence, "force-new-cluster", &binaries.version).unwrap();
    let logs = tempfile::tempdir().unwrap();
    let log = logs.path().join("etcd log");
    std::fs::rename(evidence.join("member/wal"), &log).unwrap();
    let (seal, seal_of_log) = (Seal::read(&evidence), Seal::read(&log));
    let folder = tempfile::tempdir().unwrap();
    let line = printed_line(&evidence, &["--wal-dir", log.to_str().unwrap()]);
    let (before, etcd) = line.rsplit_once(" && ").unwrap();
    run(&[before.to_owned()], &binaries, folder.path()).unwrap();
    let copy = etcd.strip_prefix("etcd --force-new-cluster --data-dir ");
    let copy = folder.path().join(copy.unwrap());
    let served = serve(&binaries, &copy, &["--force-new-cluster"]).unwrap();
    assert_eq!(
        (whole.revision, whole.keys),
        (Some(served.revision), Some(served.contents.len())),
        "{line}"
    );
    seal.assert_unchanged();
    seal_of_log.assert_unchanged();
}

/// `--force-new-cluster` appends an entry that adds the member itself if no voter of the snapshot is it. The entry is refused if the
/// member is known already.
#[test]
fn a_member_that_no_voter_is_adds_itself_only_if_it_is_not_known() {
    for incident in ["W25", "S09"] {
        let copy = testkit::incidents::incident(incident).reproduce();
        for release in ["3.5.16", "3.5.30"] {
            let Some(binaries) = Binaries::newest(release) else {
                eprintln!(
                    "skipped: no etcd {release}; fixtures/recipes/etcd-from-debian fetches it"
                );
                continue;
            };
            let predicted =
                Printed::preflight(&copy.data_dir(), "force-new-cluster", release).unwrap();
            let started = copy_of(&copy.data_dir());
            let served = serve(&binaries, &started, &["--force-new-cluster"]);
            assert_eq!(
                predicted.starts,
                Some(served.is_ok()),
                "{incident} by {release}: {:?}",
                predicted.message
            );
            if let Ok(served) = served {
                assert_eq!(predicted.revision, Some(served.revision), "{incident}");
            }
        }
    }
}
