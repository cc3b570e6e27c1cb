//! A `.snap` file of another cluster among those of a member: what each release does, and that the evidence's own name and URLs are
//! those of the printed restore.

use std::fs;
use std::path::Path;
use std::time::Duration;

use testkit::copy_of;
use testkit::etcd::{Binaries, Server};

use crate::carried_out::carry_out;
use crate::printed::Printed;

/// A stopped member that wrote a `.snap` of every ten entries.
fn lived(binaries: &Binaries, data: &Path, name: &str, writes: usize) {
    let flags = ["--snapshot-count", "10", "--initial-cluster-token", name];
    let server = Server::start(binaries, data, &flags, Duration::from_secs(30)).unwrap();
    for n in 0..writes {
        server.ctl(&[
            "put",
            &format!("/{name}/{}", n % 7),
            &format!("{name} wrote {n}"),
        ]);
    }
    server.stop();
}

/// Index and path of each `.snap`, the newest last.
fn snaps(data: &Path) -> Vec<(u64, std::path::PathBuf)> {
    let folder = fs::read_dir(data.join("member/snap")).unwrap();
    let mut found: Vec<_> = folder
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "snap"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let (_, index) = name.split_once('-').unwrap();
            (u64::from_str_radix(index, 16).unwrap(), path)
        })
        .collect();
    found.sort();
    found
}

/// What `--initial-cluster` of a line is given.
fn cluster_of(line: &str) -> Option<&str> {
    let (_, after) = line.split_once("--initial-cluster ")?;
    after.split(' ').next()
}

#[test]
fn a_snap_of_another_cluster_is_named_and_each_release_does_what_is_predicted() {
    for release in ["3.4.23", "3.5.30"] {
        let Some(binaries) = Binaries::newest(release) else {
            eprintln!("skipped: no etcd {release}; fixtures/recipes/etcd-from-debian fetches it");
            continue;
        };
        let folder = tempfile::tempdir().unwrap();
        let [own, other] = ["own", "other"].map(|name| folder.path().join(name));
        lived(&binaries, &own, "own", 25);
        lived(&binaries, &other, "other", 45);
        let newest = snaps(&own).pop().unwrap();
        // In the place of the newest one, and beside it with an index that the log has not.
        for is_taken in [true, false] {
            let copy = copy_of(&own);
            let of_other = snaps(&other);
            let wanted = |index: &u64| match is_taken {
                true => *index == newest.0,
                false => *index > newest.0 + 5,
            };
            let (_, from) = of_other.iter().find(|(index, _)| wanted(index)).unwrap();
            let to = copy.join("member/snap").join(from.file_name().unwrap());
            fs::copy(from, to).unwrap();
            let printed = Printed::check(&copy, release);
            let code = if is_taken { "SNAP-017" } else { "SNAP-016" };
            for verb in ["check", "status"] {
                let output = std::process::Command::new(crate::printed::binary())
                    .args([verb, "-o", "json"])
                    .arg(&*copy)
                    .output()
                    .unwrap();
                let said = String::from_utf8_lossy(&output.stdout).into_owned();
                assert!(said.contains(code), "{verb} {release}: {said}");
            }
            let start = printed.step("start").cloned();
            let start = start.or_else(|| Printed::preflight(&copy, "start", release));
            let start = start.unwrap();
            let patience = Duration::from_secs(5);
            let seen = Server::start(&binaries, &copy_of(&copy), &[], patience).is_ok();
            assert_eq!((start.starts, seen), (Some(!is_taken), seen), "{release}");
            assert_eq!(seen, !is_taken, "{release}");
            let restore = printed.step("restore").unwrap();
            let line = restore.commands.last().unwrap();
            let healthy = Printed::check(&own, release);
            let healthy = healthy
                .step("restore")
                .unwrap()
                .commands
                .last()
                .unwrap()
                .clone();
            assert_eq!(cluster_of(line), cluster_of(&healthy), "{release}");
            let served = carry_out(restore, &copy, &binaries).unwrap().unwrap();
            assert_eq!(restore.revision, Some(served.revision), "{line}");
        }
    }
}
