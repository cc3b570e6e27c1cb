//! Directories: roles, kinds, and what the layout shows.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use etcd_inspect::evidence::{Kind, Role};
use tempfile::tempdir;

use super::*;

#[test]
fn every_folder_of_a_data_directory_is_evidence() {
    let top = tempdir().unwrap();
    let data = top.path().join("m1");
    data_dir(&data);
    for (below, kind) in [
        ("", Kind::DataDir),
        ("member", Kind::MemberDir),
        ("member/snap", Kind::SnapDir),
        ("member/wal", Kind::WalDir),
        ("member/snap/db", Kind::Db),
        (&format!("member/snap/{SNAP}"), Kind::SnapFile),
        (&format!("member/wal/{SEGMENT}"), Kind::WalFile),
    ] {
        let evidence = open(data.join(below));
        assert_eq!(evidence.kind(), kind, "{below}");
        assert_eq!(codes(&evidence), [""; 0], "{below}");
    }
    let evidence = open(&data);
    assert_eq!(evidence.files().len(), 3);
    assert_eq!(
        evidence.db().unwrap().name().as_str(),
        data.join("member/snap/db").to_str().unwrap()
    );
    assert_eq!(evidence.wal()[0].base(), SEGMENT);
    assert_eq!(evidence.snaps()[0].bytes().unwrap().as_slice(), snap());
    assert_eq!(open(data.join("member/snap/db")).db().unwrap().base(), "db");
}

#[test]
fn a_file_is_told_by_its_content_whatever_its_name() {
    let top = tempdir().unwrap();
    let mut snapshot = db();
    snapshot.extend([0; 32]);
    for (name, bytes, kind, role) in [
        ("backup", db(), Kind::Db, Role::Db),
        ("backup-2026", snapshot, Kind::Snapshot, Role::Db),
        ("log.bin", SEGMENT_HEAD.to_vec(), Kind::WalFile, Role::Wal),
        ("state", snap(), Kind::SnapFile, Role::Snap),
        // Damaged beyond recognition: the name must do.
        ("db", vec![1; 100], Kind::Db, Role::Db),
        ("x.snap.db", Vec::new(), Kind::Db, Role::Db),
        (
            "0000000000000000-0000000000000000.wal.broken",
            vec![0; 64],
            Kind::WalFile,
            Role::Wal,
        ),
        (
            "0000000000000002-0000000000000065.snap.broken",
            vec![7],
            Kind::SnapFile,
            Role::Snap,
        ),
    ] {
        let path = top.path().join(name);
        write(&path, bytes);
        let evidence = open(&path);
        assert_eq!(
            (evidence.kind(), evidence.files()[0].role()),
            (kind, role),
            "{name}"
        );
    }
}

#[test]
fn of_compressed_files_nearby_only_those_are_offered_whose_name_speaks_of_etcd() {
    let top = tempfile::tempdir().unwrap();
    for name in ["ls.1.gz", "etcd-backup.gz", "copies.zip"] {
        let head: &[u8] = if name.ends_with("zip") {
            b"PK\x03\x04"
        } else {
            b"\x1f\x8b\x08\0"
        };
        fs::write(top.path().join(name), [head, &[0; 60]].concat()).unwrap();
    }
    let (_, near) = refused(top.path());
    let names: Vec<_> = near
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(names, ["copies.zip", "etcd-backup.gz"]);
}

#[test]
fn what_is_no_evidence_names_the_evidence_nearby() {
    let top = tempdir().unwrap();
    let copies = top.path().join("copies");
    data_dir(&copies.join("m1"));
    data_dir(&copies.join("deep/er/m2"));
    write(copies.join("notes.txt"), "three members, one of them dead");
    write(copies.join("state.db"), "SQLite format 3\0");
    let both = [copies.join("deep/er/m2"), copies.join("m1")];
    assert_eq!(refused(&copies).1, both);
    assert_eq!(refused(copies.join("notes.txt")).1, both);
    let (why, _) = refused(copies.join("state.db"));
    assert!(why.contains("kine"), "{why}");
    write(copies.join("m1/member/README"), "");
    let (why, near) = refused(copies.join("m1/member/README"));
    assert_eq!(
        (why.as_str(), &near[..1]),
        ("the file is empty", &[copies.join("m1/member")][..])
    );
    let missing = Evidence::open(copies.join("m3"), &OpenOptions::default());
    assert!(matches!(missing, Err(Error::Io { .. })), "{missing:?}");
}

#[test]
fn leftovers_are_sorted_by_what_they_are() {
    let top = tempdir().unwrap();
    data_dir(top.path());
    for name in [
        "member/wal/0.tmp",
        "member/wal/0000000000000000-0000000000000000.wal.broken",
        "member/wal/core.123",
        "member/wal/not-a-segment.wal",
        "member/wal.tmp/0000000000000000-0000000000000000.wal",
        "member/wal.broken.20260101.000000.1/0000000000000000-0000000000000000.wal",
        "member/snap/0000000000000001-0000000000000001.snap.broken",
        "member/snap/0000000000000f00.snap.db",
        "member/snap/db.tmp.12345",
        "member/snap/tmp98765",
        "member/snap/backup.db",
        "name",
        "lost+found/x",
    ] {
        write(top.path().join(name), "x");
    }
    restrict(top.path());
    let evidence = open(top.path());
    let count = |role| evidence.with_role(role).len();
    assert_eq!(count(Role::Wal), 1);
    assert_eq!((count(Role::WalTmp), count(Role::WalBroken)), (2, 2));
    assert_eq!(
        (
            count(Role::Snap),
            count(Role::SnapBroken),
            count(Role::SnapDb)
        ),
        (1, 1, 1)
    );
    assert_eq!(
        (count(Role::DbTmp), count(Role::SnapTmp), count(Role::Stray)),
        (1, 1, 4)
    );
    let all = [
        "DIR-005", "DIR-005", "DIR-006", "DIR-006", "DIR-006", "DIR-007", "DIR-012", "DIR-012",
    ];
    assert_eq!(codes(&evidence), all);
}

#[test]
fn missing_parts_are_said_and_the_rest_is_there() {
    let top = tempdir().unwrap();
    data_dir(top.path());
    fs::remove_dir_all(top.path().join("member/wal")).unwrap();
    assert_eq!(codes(&open(top.path())), ["DIR-003"]);

    data_dir(top.path());
    fs::remove_file(top.path().join("member/snap/db")).unwrap();
    assert_eq!(codes(&open(top.path())), ["DIR-004"]);

    fs::remove_dir_all(top.path().join("member")).unwrap();
    fs::create_dir_all(top.path().join("member/snap")).unwrap();
    restrict(top.path());
    let evidence = open(top.path());
    assert_eq!(
        (evidence.kind(), codes(&evidence)),
        (Kind::DataDir, vec!["DIR-021"])
    );
}

#[test]
fn a_layout_that_etcd_would_misread_is_said() {
    let top = tempdir().unwrap();
    let data = top.path().join("etcd");
    data_dir(&data);
    data_dir(&data.join("default.etcd"));
    data_dir(&data.join("member/again"));
    write(data.join("proxy/cluster"), "{}");
    restrict(&data);
    assert_eq!(codes(&open(&data)), ["DIR-002", "DIR-011", "DIR-011"]);

    let bare = top.path().join("bare");
    data_dir(&bare);
    fs::rename(bare.join("member/snap"), bare.join("snap")).unwrap();
    fs::rename(bare.join("member/wal"), bare.join("wal")).unwrap();
    fs::remove_dir(bare.join("member")).unwrap();
    let evidence = open(&bare);
    assert_eq!(
        (evidence.kind(), codes(&evidence)),
        (Kind::MemberDir, vec!["DIR-001"])
    );
}

#[test]
fn sizes_that_etcd_does_not_write_are_said() {
    let top = tempdir().unwrap();
    data_dir(top.path());
    let wal = top.path().join("member/wal").join(SEGMENT);
    let resized = |bytes: Vec<u8>| {
        write(&wal, bytes);
        restrict(top.path());
        codes(&open(top.path()))
    };
    assert_eq!(
        resized(short_segment()),
        ["DIR-010"],
        "zeros at the end of a short one"
    );
    let mut repaired = short_segment();
    repaired.extend([7; 64]);
    assert_eq!(
        resized(repaired),
        [""; 0],
        "cut to its last record by a repair"
    );
    let mut full = segment();
    full.extend([7; 5000]);
    assert_eq!(
        resized(full),
        ["DIR-010"],
        "full, so a next one was written"
    );
    assert_eq!(resized(Vec::new()), ["DIR-013"]);
    write(top.path().join("member/snap").join(SNAP), "");
    write(top.path().join("member/snap/db"), "");
    assert_eq!(resized(segment()), ["DIR-013", "DIR-013"]);
}

#[test]
fn open_permissions_are_one_note() {
    use std::os::unix::fs::PermissionsExt;
    let top = tempdir().unwrap();
    data_dir(top.path());
    for name in ["member", "member/snap/db"] {
        let path = top.path().join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let findings = findings(&open(top.path()));
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].code.id, findings[0].count), ("DIR-008", 2));
    assert_eq!(findings[0].seen.as_deref(), Some("0755"));
}

#[test]
fn a_wal_that_is_a_link_to_another_disk_is_followed() {
    let top = tempdir().unwrap();
    let data = top.path().join("data");
    data_dir(&data);
    let disk = top.path().join("disk");
    fs::rename(data.join("member/wal"), &disk).unwrap();
    symlink(&disk, data.join("member/wal")).unwrap();
    symlink("/nowhere/at/all", data.join("member/snap/dangling")).unwrap();
    // Loops: to the folder itself, to its parent, a link to itself.
    symlink("..", data.join("member/snap/parent")).unwrap();
    symlink(".", data.join("member/again")).unwrap();
    symlink("self", data.join("member/self")).unwrap();
    let evidence = open(&data);
    assert_eq!(evidence.wal().len(), 1);
    assert_eq!(evidence.wal()[0].bytes().unwrap().len(), 64_000_000);
    let codes = codes(&evidence);
    assert_eq!(codes, ["DIR-012", "DIR-014", "DIR-014"]);

    fs::remove_file(data.join("member/wal")).unwrap();
    symlink("/nowhere/at/all", data.join("member/wal")).unwrap();
    let said = super::codes(&open(&data));
    assert!(
        !said.contains(&"DIR-003"),
        "an unseen WAL is not a lost one: {said:?}"
    );
}

#[test]
fn names_with_newlines_and_invalid_utf_8_are_shown_escaped_and_opened_exactly() {
    let top = tempdir().unwrap();
    let data = top.path().join(OsStr::from_bytes(b"m\n1\xff"));
    data_dir(&data);
    let odd = OsStr::from_bytes(b"\x1b[2J\xfe.snap");
    fs::write(data.join("member/snap").join(odd), snap()).unwrap();
    let evidence = open(&data);
    let odd = evidence
        .snaps()
        .iter()
        .find(|file| file.base() != SNAP)
        .unwrap();
    assert!(
        odd.name()
            .as_str()
            .ends_with("/m\\n1\\xff/member/snap/\\u{1b}[2J\\xfe.snap"),
        "{}",
        odd.name()
    );
    assert_eq!(odd.bytes().unwrap().as_slice(), snap());
}
