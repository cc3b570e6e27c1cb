//! Members that are not damaged: the backup has the HashKV that etcd itself gave, at the newest and at earlier revisions.

use testkit::expected::Expected;

use crate::{hash, run, salvage};

#[test]
fn the_hash_of_a_salvaged_member_is_the_one_that_etcd_gave() {
    let mut asked = 0;
    for member in Expected::all() {
        let Some(revision) = member.number("revision") else {
            continue;
        };
        let path = member.data_dir();
        let all = salvage(&path, &[]);
        assert_eq!(
            (all.exit, all.list("unrecoverable")),
            (0, &[][..]),
            "{}: {}",
            member.name,
            all.stderr
        );
        assert_eq!(all.number("revision") as u64, revision, "{}", member.name);
        for (at, known) in member.hashes() {
            let at_text = at.to_string();
            let backup = salvage(&path, &["--rev", &at_text]);
            // HashKV depends on the compaction in force: an earlier one gives another hash.
            let compacted = backup.json["compact_revision"].as_u64().unwrap_or(0);
            if compacted != member.number("compact_revision").unwrap_or(0) {
                continue;
            }
            let ours = hash(&backup.out, &[]) as u32;
            // The db of these was changed on purpose: etcd hashed what it had, and the log has what was written.
            let changed = [
                "alarm-corrupt-3.5.30/m2",
                "diverged-3.5.30/m1",
                "diverged-3.5.30/m2",
                "diverged-3.5.30/m3",
            ];
            if ours != known && changed.contains(&member.name.as_str()) {
                assert!(
                    backup.stderr.contains("the log's are used"),
                    "{}",
                    backup.stderr
                );
                continue;
            }
            assert_eq!(
                ours, known,
                "{} at revision {at}: {}",
                member.name, backup.stderr
            );
            asked += 1;
        }
    }
    assert!(asked >= 20, "only {asked} hashes were compared");
}

/// The hash of an earlier revision is that of the original asked for the same revision, for ten of them.
#[test]
fn ten_earlier_revisions_have_the_hash_that_the_original_has_there() {
    for name in [
        "etcd-3.4.23",
        "etcd-3.5.30",
        "etcd-3.6.14",
        "etcd-3.7.1-killed",
    ] {
        let path = testkit::data_dir(name);
        for back in [1, 2, 3, 5, 8, 13, 21, 34, 55, 70] {
            let at = format!("-{back}");
            let backup = salvage(&path, &["--rev", &at]);
            let revision = backup.number("revision").to_string();
            let original = hash(&path, &["--replay", "--rev", &revision]);
            assert_eq!(
                hash(&backup.out, &[]),
                original,
                "{name} at {revision}: {}",
                backup.stderr
            );
        }
    }
}

#[test]
fn the_same_evidence_gives_the_same_bytes() {
    let path = testkit::data_dir("etcd-3.5.30-killed");
    let (one, two) = (salvage(&path, &[]), salvage(&path, &[]));
    assert_eq!(one.json["sha256"], two.json["sha256"]);
    assert!(std::fs::read(&one.out).unwrap() == std::fs::read(&two.out).unwrap());
}

#[test]
fn a_log_without_its_db_gives_every_key() {
    let copy = testkit::fixture_copy("etcd-3.5.30");
    let whole = salvage(&copy.data_dir(), &[]);
    std::fs::remove_file(copy.data_dir().join("member/snap/db")).unwrap();
    let log = salvage(&copy.data_dir(), &[]);
    assert_eq!(log.json["keys"], whole.json["keys"], "{}", log.stderr);
    assert_eq!(hash(&log.out, &[]), hash(&whole.out, &[]));
    let alone = salvage(&copy.data_dir().join("member/wal"), &[]);
    assert_eq!(hash(&alone.out, &[]), hash(&whole.out, &[]));
}

#[test]
fn our_own_check_finds_nothing_wrong_in_a_backup() {
    for name in ["etcd-3.4.23-killed", "etcd-3.5.16", "k8s-1.20-etcd35"] {
        let backup = salvage(&testkit::data_dir(name), &[]);
        let checked = run(&["check", backup.out.to_str().unwrap()]);
        assert_eq!(
            checked.status.code(),
            Some(0),
            "{name}: {}",
            String::from_utf8_lossy(&checked.stdout)
        );
    }
}

#[test]
fn a_part_of_the_keys_leaves_the_rest_out_and_says_so() {
    let path = testkit::data_dir("k8s-1.20-etcd35");
    let all = salvage(&path, &[]);
    let part = salvage(&path, &["--resource", "secrets", "-n", "kube-system"]);
    assert!(part.number("keys") > 0 && part.number("keys") < all.number("keys"));
    assert!(
        part.stderr.contains("only a part was asked for"),
        "{}",
        part.stderr
    );
    let listed = run(&["keys", part.out.to_str().unwrap(), "-o", "name"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let foreign = |line: &&str| !line.contains("/secrets/kube-system/");
    assert_eq!(listed.lines().find(foreign), None);
}
