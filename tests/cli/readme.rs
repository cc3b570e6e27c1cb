//! The session that the README shows is the one that a user gets.

use testkit::{Seal, data_dir};

use crate::run::{RunResult, command};

#[test]
fn the_session_of_the_readme_is_what_the_binary_prints() {
    let readme = std::fs::read_to_string(testkit::root().join("README.md")).unwrap();
    let session = readme.split("## A session").nth(1).unwrap();
    let session = session.split("```").nth(1).unwrap();
    let data = data_dir("k8s-1.20-etcd35");
    let seal = Seal::read(&data);
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(&data, folder.path().join("m1")).unwrap();
    // A member without Kubernetes.
    let other = data_dir("etcd-3.5.30");
    let seal_of_other = Seal::read(&other);
    std::os::unix::fs::symlink(&other, folder.path().join("m2")).unwrap();
    let mut asked = 0;
    for part in session.split("\n$ etcd-inspect ").skip(1) {
        let (line, shown) = part.split_once('\n').unwrap_or((part, ""));
        let said: RunResult = command()
            .args(line.split_whitespace())
            .current_dir(folder.path())
            .output()
            .unwrap()
            .into();
        // A terminal shows both streams; which line comes first is its own affair.
        let mut lines: Vec<&str> = said.out.lines().chain(said.err.lines()).collect();
        let mut wanted: Vec<&str> = shown.lines().filter(|line| !line.is_empty()).collect();
        if line.starts_with("check ") {
            // The lines on what was checked may change; the verdict is at the end.
            wanted.drain(..wanted.len() - 2);
            lines.retain(|line| wanted.contains(line));
        }
        lines.sort();
        wanted.sort();
        assert_eq!(lines, wanted, "etcd-inspect {line}");
        asked += 1;
    }
    assert!(asked >= 6, "{session}");
    seal.assert_unchanged();
    seal_of_other.assert_unchanged();
}
