//! Directories that real etcd wrote, unpacked and in their archives.

use etcd_inspect::Severity;
use etcd_inspect::evidence::{Kind, Trailer};
use testkit::Seal;

use super::*;

const CLUSTER: &str = "k8s-1.20-cluster3";

/// Every data directory of every fixture: the fixture's name and the path in it.
fn members() -> Vec<(String, String)> {
    let mut members = Vec::new();
    for name in testkit::fixtures() {
        let data = testkit::fixture(&name).join("data");
        if data.join("member").is_dir() {
            members.push((name, "data".to_owned()));
            continue;
        }
        for entry in fs::read_dir(data).unwrap() {
            let member = entry.unwrap().file_name().into_string().unwrap();
            members.push((name.clone(), format!("data/{member}")));
        }
    }
    assert!(members.len() >= 14, "{members:?}");
    members
}

#[test]
fn healthy_directories_show_nothing_worse_than_a_note() {
    for (name, member) in members() {
        let evidence = open(testkit::fixture(&name).join(&member));
        assert_eq!(evidence.kind(), Kind::DataDir, "{name} {member}");
        assert!(
            evidence.db().is_some() && !evidence.wal().is_empty(),
            "{name} {member}"
        );
        for finding in findings(&evidence) {
            assert_eq!(
                finding.severity,
                Severity::Note,
                "{name} {member}: {finding:?}"
            );
        }
    }
}

#[test]
fn an_archive_gives_the_same_bytes_as_the_directory_in_it() {
    let members = members();
    for (name, member) in &members {
        let archive = testkit::archive(name);
        let folder = open(testkit::fixture(name).join(member));
        let seal = Seal::read(&archive);
        let inside = format!("{}!/{name}/{member}", archive.display());
        // The only data directory in an archive needs no naming.
        let alone = member == "data";
        let packed = if alone { open(&archive) } else { open(&inside) };
        assert!(packed.is_archived());
        assert_eq!(packed.name().as_str(), inside);
        let facts = |evidence: &Evidence| -> Vec<_> {
            let files = evidence.files().iter();
            files
                .map(|file| (file.role(), file.relative().to_owned(), file.size()))
                .collect()
        };
        assert_eq!(facts(&folder), facts(&packed), "{name} {member}");
        for (one, other) in folder.files().iter().zip(packed.files()) {
            let same = one.bytes().unwrap().as_slice() == other.bytes().unwrap().as_slice();
            assert!(same, "{} {}", one.name(), other.name());
        }
        seal.assert_unchanged();
    }
}

#[test]
fn a_cluster_in_one_archive_asks_which_member() {
    let archive = testkit::archive(CLUSTER);
    let (why, near) = refused(&archive);
    assert!(why.contains('3'), "{why}");
    let member = |at: u32| PathBuf::from(format!("{}!/{CLUSTER}/data/m{at}", archive.display()));
    assert_eq!(near, [member(1), member(2), member(3)]);
    assert_eq!(open(&near[2]).kind(), Kind::DataDir);
}

#[test]
fn the_sum_of_every_real_snapshot_matches() {
    let mut seen = 0;
    for name in testkit::fixtures() {
        for inside in ["snapshot.db", "truth/snapshot.db.zst"] {
            if !testkit::fixture(&name).join(inside).exists() {
                continue;
            }
            let packed = open(format!(
                "{}!/{name}/{inside}",
                testkit::archive(&name).display()
            ));
            assert_eq!(packed.kind(), Kind::Snapshot, "{name}");
            let bytes = packed.db().unwrap().bytes().unwrap();
            assert!(Trailer::find(&bytes).unwrap().matches(), "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 11, "{seen}");
    let bare = open(testkit::data_dir("etcd-3.5.30").join("member/snap/db"));
    assert!(Trailer::find(&bare.db().unwrap().bytes().unwrap()).is_none());
}
