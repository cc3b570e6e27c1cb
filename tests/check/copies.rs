//! Copies of one cluster against each other.

use std::path::{Path, PathBuf};

use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use etcd_inspect::verdict::{Comparison, compare};
use testkit::places::bolt::Db;
use testkit::{copy_of, data_dir};

fn members(name: &str) -> Vec<PathBuf> {
    ["m1", "m2", "m3"]
        .map(|member| data_dir(&format!("{name}/{member}")))
        .to_vec()
}

fn compared(paths: &[PathBuf]) -> Comparison {
    let members: Vec<Member> = paths
        .iter()
        .map(|path| Member::open(path).unwrap())
        .collect();
    compare(&members, true, &Silent)
}

fn messages_with_code(compared: &Comparison, code: &str) -> Vec<String> {
    let of_code = compared
        .findings
        .iter()
        .filter(|finding| finding.code.id == code);
    of_code.map(|finding| finding.message.clone()).collect()
}

/// Gives a member of the bucket another id: its old one is in the v2 stores alone, its new one in no other copy.
fn rename_member(path: &Path, keep: &str) -> (String, String) {
    let file = path.join("member/snap/db");
    let mut db = Db::read(&file);
    let mut renamed = None;
    db.rewrite_bucket("members", |elements| {
        let element = elements
            .iter_mut()
            .find(|element| {
                !String::from_utf8_lossy(&element.2).contains(&format!("\"name\":\"{keep}\""))
            })
            .unwrap();
        let old = String::from_utf8(element.1.clone()).unwrap();
        let last = if old.ends_with('0') { '1' } else { '0' };
        let new = format!("{}{last}", &old[..15]);
        element.1 = new.clone().into_bytes();
        let number = |id: &str| u64::from_str_radix(id, 16).unwrap().to_string();
        let text = String::from_utf8(element.2.clone()).unwrap();
        element.2 = text.replace(&number(&old), &number(&new)).into_bytes();
        renamed = Some((old, new));
        elements.sort();
    });
    db.write(&file);
    renamed.unwrap()
}

#[test]
fn copies_of_a_healthy_cluster_agree_on_their_members() {
    for name in ["k8s-1.20-cluster3", "cluster3-3.4.23", "diverged-3.5.30"] {
        let compared = compared(&members(name));
        assert_eq!(
            messages_with_code(&compared, "MEM-005"),
            Vec::<String>::new(),
            "{name}"
        );
    }
}

#[test]
fn a_member_that_one_db_alone_lists_is_a_zombie_by_the_v2_stores_of_the_others() {
    let mut paths = members("k8s-1.20-cluster3");
    let copy = copy_of(&paths[0]);
    let (old, _) = rename_member(&copy, "m1");
    paths[0] = copy.to_path_buf();
    let messages = messages_with_code(&compared(&paths), "MEM-005");
    let tells = |id: &str, words: &str| {
        messages
            .iter()
            .any(|line| line.contains(id) && line.contains(words))
    };
    assert!(tells(&old, "it is lost with an upgrade"), "{messages:#?}");
}

#[test]
fn members_that_hold_the_same_are_hashed_and_not_searched() {
    let compared = compared(&members("k8s-1.20-cluster3"));
    assert_eq!(compared.same, Some(true));
    assert_eq!(compared.first_divergent_revision, None);
    assert!(compared.differing_keys.is_empty());
}

#[test]
fn the_first_revision_that_differs_is_that_of_the_record_that_was_changed() {
    let paths = members("k8s-1.20-cluster3");
    let opened = Member::open(&paths[2]).unwrap();
    let compacted = opened
        .readable_keyspace()
        .unwrap()
        .compact_revision()
        .unwrap_or(0);
    let healthy = Db::read(&paths[2].join("member/snap/db"));
    let main_of = |key: &std::ops::Range<usize>| {
        i64::from_be_bytes(healthy.bytes[key.start..key.start + 8].try_into().unwrap())
    };
    let records = healthy.entries("key");
    let above: Vec<_> = records
        .iter()
        .filter(|entry| entry.key.len() == 17)
        .filter(|entry| main_of(&entry.key) > compacted)
        .collect();
    for chosen in [0, above.len() / 2, above.len() - 1] {
        let entry = above[chosen];
        let copy = copy_of(&paths[2]);
        let file = copy.join("member/snap/db");
        let mut db = Db::read(&file);
        let value = testkit::places::proto::field(&db.bytes[entry.value.clone()], 5).unwrap();
        db.bytes[entry.value.start + value.payload.start] ^= 1;
        db.write(&file);
        let changed = [paths[0].clone(), paths[1].clone(), copy.to_path_buf()];
        let compared = compared(&changed);
        let common = compared.common_revision.unwrap();
        let main = main_of(&entry.key);
        if main > common {
            assert_eq!(compared.same, Some(true));
            continue;
        }
        assert_eq!(compared.same, Some(false));
        assert_eq!(compared.first_divergent_revision, Some(main));
        let minority: Vec<bool> = compared.members.iter().map(|row| row.is_minority).collect();
        assert_eq!(minority, [false, false, true]);
        assert_ne!(compared.best, Some(2));
    }
}

#[test]
fn only_a_zombie_is_answered_with_an_upgrade() {
    let advice = |paths: &[PathBuf]| -> Vec<(String, bool)> {
        let compared = compared(paths);
        let of_code = compared
            .findings
            .iter()
            .filter(|finding| finding.code.id == "MEM-005");
        let asks = |finding: &etcd_inspect::Finding| {
            let mut advice = finding.advice().into_iter();
            advice.any(|advice| advice.to_string().contains("3.5.26"))
        };
        of_code
            .map(|finding| (finding.message.clone(), asks(finding)))
            .collect()
    };
    // A member that one copy does not list: removed, or a cluster that was forced.
    let mut paths = members("k8s-1.20-cluster3");
    let copy = copy_of(&paths[0]);
    let file = copy.join("member/snap/db");
    let mut db = Db::read(&file);
    db.rewrite_bucket("members", |elements| {
        elements.remove(0);
    });
    db.write(&file);
    paths[0] = copy.to_path_buf();
    let said = advice(&paths);
    let listed: Vec<_> = said
        .iter()
        .filter(|(text, _)| text.contains("lists other members"))
        .collect();
    assert!(
        !listed.is_empty() && listed.iter().all(|(_, asks)| !asks),
        "{said:#?}"
    );
    // A member that only the db has: it comes back with 3.6.
    let mut paths = members("k8s-1.20-cluster3");
    let copy = copy_of(&paths[0]);
    rename_member(&copy, "m1");
    paths[0] = copy.to_path_buf();
    let said = advice(&paths);
    let zombies: Vec<_> = said
        .iter()
        .filter(|(text, _)| text.contains("upgrade to 3.6"))
        .collect();
    assert!(
        !zombies.is_empty() && zombies.iter().all(|(_, asks)| *asks),
        "{said:#?}"
    );
}
