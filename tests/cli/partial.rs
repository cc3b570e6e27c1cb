//! What of the evidence cannot be read is not called missing, and what fails its sum is not called healthy.

use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::places::bolt::Db as Places;

use crate::run::sealed;

fn sh(line: &str, folder: &Path) {
    let mut shell = Command::new("sh");
    let output = shell.args(["-c", line]).current_dir(folder).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
}

fn has(program: &str) -> bool {
    let mut shell = Command::new("sh");
    let output = shell
        .args(["-c", &format!("command -v {program}")])
        .output();
    output.is_ok_and(|output| output.status.success())
}

/// An archive in which the log is encrypted and the db is not.
fn encrypted_archive(folder: &Path) -> Option<PathBuf> {
    if !has("zip") {
        eprintln!("skipped: no zip here");
        return None;
    }
    let data = testkit::copy_of(&testkit::data_dir("lagging-3.5.30"));
    let parent = data.parent().unwrap();
    let name = data.file_name().unwrap().to_str().unwrap();
    let zip = folder.join("encrypted.zip");
    let zip = zip.to_str().unwrap();
    sh(
        &format!("zip -qr -P secret {zip} {name}/member/wal"),
        parent,
    );
    sh(&format!("zip -qr {zip} {name}/member/snap"), parent);
    Some(PathBuf::from(zip))
}

#[test]
fn a_part_that_cannot_be_read_is_not_called_missing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(zip) = encrypted_archive(folder.path()) else {
        return;
    };
    let said = sealed(
        folder.path(),
        ["check", zip.to_str().unwrap(), "-o", "json"],
    )
    .json();
    let causes = said["cause"].as_array().unwrap();
    let codes: Vec<&str> = causes
        .iter()
        .map(|cause| cause["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["DIR-023"], "{said}");
}

#[test]
fn a_backup_with_a_wrong_sum_is_not_healthy_for_status_either() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup.db");
    let mut bytes = std::fs::read(testkit::data_dir("etcd-3.5.30").join("member/snap/db")).unwrap();
    bytes.extend([7; 32]);
    std::fs::write(&path, bytes).unwrap();
    let said = sealed(
        folder.path(),
        ["status", path.to_str().unwrap(), "-o", "json"],
    );
    assert_eq!(said.code, 1, "{}", said.out);
    assert_eq!(said.json()["cause"][0]["code"], "SNAP-011");
}

/// A copy of a directory whose db has a page with one element less in its header.
fn one_element_less(fixture: &str, page: impl Fn(&Places) -> u64) -> testkit::Copy {
    let copy = testkit::copy_of(&testkit::data_dir(fixture));
    let file = copy.join("member/snap/db");
    let mut db = Places::from_bytes(std::fs::read(&file).unwrap());
    let at = db.at(page(&db)) + 10;
    let count = u16::from_le_bytes([db.bytes[at], db.bytes[at + 1]]);
    db.put(at, &(count - 1).to_le_bytes());
    std::fs::write(&file, &db.bytes).unwrap();
    copy
}

#[test]
fn every_verb_whose_answer_covers_a_page_with_hidden_elements_is_partial() {
    let leaf = |share: usize| {
        move |db: &Places| {
            let leaves = db.leaves("key");
            leaves[leaves.len() * share / 100]
        }
    };
    let branch = |db: &Places| {
        let nodes = db.nodes("key");
        let branch = |node: &&testkit::places::bolt::Node| !db.children(node.page).is_empty();
        nodes.iter().find(branch).unwrap().page
    };
    let kubernetes = one_element_less("k8s-1.20-etcd35", leaf(50));
    let path = kubernetes.to_str().unwrap();
    let of_kubernetes = [
        &["keys", path, "--by-resource"][..],
        &["get", "pods", "-A", "-d", path],
        &["get", "pods", "no-such", "-n", "team-a", "-d", path],
        &["status", path],
    ];
    is_partial(&kubernetes, &of_kubernetes);
    for copy in [
        one_element_less("etcd-3.5.30", leaf(0)),
        one_element_less("etcd-3.5.30", leaf(50)),
        one_element_less("etcd-3.5.30", leaf(99)),
        one_element_less("etcd-3.5.30", branch),
    ] {
        let path = copy.to_str().unwrap();
        let of_keys = [
            &["keys", path][..],
            &["keys", path, "--deleted"],
            &["get", "/no/such", "-d", path],
            &["diff", path, "--from", "-20", "--to", "latest", "--stat"],
            &["history", "**", "-d", path],
            &["changes", path, "--all", "--last", "0"],
        ];
        is_partial(&copy, &of_keys);
    }
}

fn is_partial(copy: &Path, questions: &[&[&str]]) {
    for words in questions {
        let said = sealed(copy, *words);
        assert_eq!(said.code, 3, "{words:?}: {}", said.err);
        assert!(said.err.contains("BOLT-011"), "{words:?}: {}", said.err);
    }
}

#[test]
fn a_revision_that_the_db_lacks_makes_every_answer_partial() {
    // Revision 216 was taken from its leaf page, which is sound without it.
    let copy = testkit::incidents::incident("L13").reproduce();
    let data = copy.data_dir();
    let path = data.to_str().unwrap();
    for words in [
        &["keys", path][..],
        &["get", "/registry/things/ns1/tail0", "-d", path],
        &["search", "tail0", "--in", "keys", "-d", path],
        &["diff", path, "--from", "-20", "--to", "latest", "--stat"],
    ] {
        let said = sealed(&data, words);
        assert_eq!(said.code, 3, "{words:?}: {}", said.err);
        let missing = said.err.contains("MVCC-007") && said.err.contains("revision 216");
        assert!(missing, "{words:?}: {}", said.err);
    }
}
