//! Links in archives of real programs.

use std::os::unix::fs::symlink;
use std::process::Command;

use etcd_inspect::evidence::{Kind, Role};

use super::*;

/// A folder `m1` with what a member has, to be changed by the test.
fn member() -> tempfile::TempDir {
    let top = tempfile::tempdir().unwrap();
    for (name, bytes) in files() {
        write(top.path().join("m1").join(name), &bytes);
    }
    top
}

/// Packs names of a folder in the order given, as GNU tar does, and opens a path in the archive.
fn packed(top: &Path, arguments: &[&str], inner: &str) -> Result<Evidence, Error> {
    let archive = top.join("a.tar");
    let _ = fs::remove_file(&archive);
    let tar = Command::new("tar")
        .current_dir(top)
        .args(["-c", "-f", "a.tar"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(tar.status.success(), "{tar:?}");
    let path = format!("{}{inner}", archive.display());
    Evidence::open(Path::new(&path), &OpenOptions::default())
}

fn db_of(evidence: &Evidence) -> Vec<u8> {
    evidence.db().unwrap().bytes().unwrap().as_slice().to_vec()
}

#[test]
fn hard_links_of_gnu_tar_are_the_file_that_they_name_also_if_that_is_in_other_evidence() {
    let top = member();
    let m2 = top.path().join("m2/member/snap");
    write(
        top.path().join("m2/member/wal").join(SEGMENT),
        repaired_segment(),
    );
    fs::create_dir_all(&m2).unwrap();
    let mut large = db();
    large.resize(3 << 20, 7);
    fs::write(top.path().join("m1/member/snap/db"), &large).unwrap();
    fs::hard_link(top.path().join("m1/member/snap/db"), m2.join("db")).unwrap();
    symlink("m2", top.path().join("current")).unwrap();
    for format in ["--format=gnu", "--format=pax", "--format=ustar"] {
        for order in [["current", "m1", "m2"], ["current", "m2", "m1"]] {
            for inner in ["!/m1", "!/m2", "!/m2/member/snap/db", "!/current"] {
                let arguments = [&[format, "--sparse"][..], &order].concat();
                let arguments = arguments
                    .into_iter()
                    .filter(|word| *word != "--sparse" || format != "--format=ustar");
                let evidence = packed(top.path(), &arguments.collect::<Vec<_>>(), inner).unwrap();
                assert!(db_of(&evidence) == large, "{format} {order:?} {inner}");
                assert!(
                    !codes(&evidence).contains(&"DIR-018"),
                    "{:?}",
                    findings(&evidence)
                );
            }
        }
    }
}

#[test]
fn a_db_with_a_second_name_in_its_archive_is_one_db() {
    let top = tempfile::tempdir().unwrap();
    fs::write(top.path().join("2026-11-27.db"), db()).unwrap();
    fs::hard_link(top.path().join("2026-11-27.db"), top.path().join("hard.db")).unwrap();
    symlink("2026-11-27.db", top.path().join("latest.db")).unwrap();
    symlink("latest.db", top.path().join("a-chain.db")).unwrap();
    let evidence = packed(
        top.path(),
        &["a-chain.db", "2026-11-27.db", "hard.db", "latest.db"],
        "",
    )
    .unwrap();
    assert!(
        evidence.name().as_str().ends_with("2026-11-27.db"),
        "{}",
        evidence.name()
    );
    for name in ["hard", "latest", "a-chain"] {
        let evidence = packed(
            top.path(),
            &["a-chain.db", "2026-11-27.db", "hard.db", "latest.db"],
            &format!("!/{name}.db"),
        );
        assert!(db_of(&evidence.unwrap()) == db(), "{name}");
    }
}

#[test]
fn a_log_folder_that_is_a_link_in_the_archive_is_the_log_of_the_member() {
    let top = member();
    let member = top.path().join("m1/member");
    fs::rename(member.join("wal"), top.path().join("disk2")).unwrap();
    symlink("../../disk2", member.join("wal")).unwrap();
    symlink("m1", top.path().join("current")).unwrap();
    for order in [["disk2", "current", "m1"], ["m1", "current", "disk2"]] {
        for inner in ["!/m1", "!/current", "!/current/member", ""] {
            let evidence = packed(top.path(), &order, inner).unwrap();
            assert_eq!(evidence.with_role(Role::Wal).len(), 1, "{order:?} {inner}");
            assert!(
                evidence.with_role(Role::Wal)[0].bytes().unwrap().as_slice() == repaired_segment()
            );
            assert!(db_of(&evidence) == db(), "{order:?} {inner}");
            assert!(
                !codes(&evidence).contains(&"DIR-018"),
                "{:?}",
                findings(&evidence)
            );
        }
    }
}

#[test]
fn links_out_of_the_archive_and_circles_are_refused_with_their_target() {
    let top = member();
    let snap = top.path().join("m1/member/snap");
    fs::write(top.path().join("outside.db"), db()).unwrap();
    for (name, target) in [
        ("climbs", "../../../outside.db"),
        ("climbs-out", "../../../../../../../../../../etc/passwd"),
        ("absolute", "/etc/passwd"),
        ("missing", "0000.snap"),
        ("circle", "circle2"),
        ("circle2", "circle"),
        ("self", "self"),
        ("below-a-file", "db/x"),
        ("around", ".."),
    ] {
        symlink(target, snap.join(name)).unwrap();
    }
    let evidence = packed(top.path(), &["m1"], "").unwrap();
    assert_eq!(evidence.kind(), Kind::DataDir);
    let found = findings(&evidence);
    let refused = found.iter().filter(|finding| finding.code.id == "DIR-018");
    let refused: Vec<_> = refused.map(|finding| finding.message.clone()).collect();
    assert_eq!(refused.len(), 9, "{found:?}");
    for says in [
        "it is a link to \"/etc/passwd\": that is not in the archive",
        "it is a link to \"../../../outside.db\": that is not in the archive",
        "it is a link to \"circle2\": the links lead in a circle",
        "it is a link to \"..\": that is a folder around it",
    ] {
        assert!(
            refused.iter().any(|message| message == says),
            "{says}: {refused:?}"
        );
    }
    let climbs = refused
        .iter()
        .filter(|message| message.ends_with("that is outside of the archive"));
    assert_eq!(climbs.count(), 1, "{refused:?}");
}
