//! What a client sees of evidence that is damaged.

use testkit::{Seal, data_dir, fixture_copy};

use crate::server::Server;

/// Breaks every stored version of the pods with this name, and nothing else of the file.
fn break_pods(db: &std::path::Path, name: &[u8]) -> usize {
    let mut bytes = std::fs::read(db).expect("a db");
    let head = b"k8s\0\n\t\n\x02v1\x12\x03Pod\x12";
    let places: Vec<usize> = (0..bytes.len().saturating_sub(64))
        .filter(|at| {
            bytes[*at..].starts_with(head)
                && bytes[*at..*at + 40]
                    .windows(name.len())
                    .any(|word| word == name)
        })
        .collect();
    for at in &places {
        // A group that never ends, in the place of the metadata.
        let length = bytes[at + head.len()..]
            .iter()
            .take_while(|byte| **byte >= 0x80)
            .count()
            + 1;
        bytes[at + head.len() + length] = 0xff;
    }
    std::fs::write(db, bytes).expect("written");
    places.len()
}

#[test]
fn objects_that_cannot_be_decoded_are_counted_in_a_warning_of_the_list() {
    let copy = fixture_copy("k8s-1.20-etcd35");
    let db = copy.data_dir().join("member/snap/db");
    assert!(break_pods(&db, b"\x04db-1") > 0);
    let seal = Seal::read(&copy.data_dir());
    let server = Server::start(&copy.data_dir(), &[]);
    let whole = server.ask("/api/v1/pods", &[]);
    let warning = "2 of the pods cannot be decoded and are left out: /registry/pods/prod/db-1: ";
    assert!(whole.head.contains(warning), "{}", whole.head);
    assert_eq!(whole.json()["items"].as_array().expect("items").len(), 47);
    let watch = server.ask("/api/v1/pods?watch=1&timeoutSeconds=1", &[]);
    assert!(watch.head.contains(warning), "{}", watch.head);
    let one = server.ask("/api/v1/namespaces/prod/pods/db-1", &[]);
    assert_eq!(one.code, 500);
    assert!(one.body.contains("cannot be shown"), "{}", one.body);
    let fine = server.ask("/api/v1/services", &[]);
    assert!(
        !fine.head.to_lowercase().contains("\r\nwarning"),
        "{}",
        fine.head
    );
    if let Some(output) = server.kubectl(&["get", "pods", "-A"]) {
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(err.contains(&format!("Warning: {warning}")), "{err}");
        assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 48);
    }
    drop(server);
    seal.assert_unchanged();
}

#[test]
fn a_page_that_cannot_be_read_is_named_in_a_warning_of_every_list() {
    let copy = fixture_copy("k8s-1.20-etcd35");
    let db = copy.data_dir().join("member/snap/db");
    let mut bytes = std::fs::read(&db).expect("a db");
    let key = b"/registry/pods/prod/web-";
    let at = bytes
        .windows(key.len())
        .rposition(|word| word == key)
        .expect("a pod");
    let page = at / 4096 * 4096;
    bytes[page..page + 16].fill(0);
    std::fs::write(&db, bytes).expect("written");
    let mut server = Server::start(&copy.data_dir(), &[]);
    // Answered in part.
    server.exit = 3;
    for path in [
        "/api/v1/pods",
        "/api/v1/namespaces/prod/pods/none",
        "/api/v1/nodes?watch=1&timeoutSeconds=1",
    ] {
        let reply = server.ask(path, &[]);
        let warning = "objects may be missing, the evidence is damaged: 1 finding of damage; `etcd-inspect check`";
        assert!(reply.head.contains(warning), "{path}: {}", reply.head);
    }
    let whole = Server::start(&data_dir("k8s-1.20-etcd35"), &[]).ask("/api/v1/pods", &[]);
    assert!(!whole.head.contains("may be missing"), "{}", whole.head);
}

#[test]
fn without_a_db_the_log_answers_etcdctl_and_what_only_the_db_has_is_not_called_empty() {
    let Some(binaries) = testkit::etcd::Binaries::newest("3.5") else {
        eprintln!("no etcd 3.5 is here: nothing was asked");
        return;
    };
    let copy = fixture_copy("etcd-3.5.30");
    std::fs::remove_file(copy.data_dir().join("member/snap/db")).expect("removed");
    let server = Server::start(&copy.data_dir(), &["--etcd"]);
    let ask = |question: &[&str]| crate::etcd::etcdctl(&binaries, &server.address, question);
    assert!(
        ask(&["get", "/", "--prefix", "--keys-only"])
            .0
            .lines()
            .count()
            > 20
    );
    for list in [["lease", "list"], ["user", "list"], ["alarm", "list"]] {
        let (out, error, fine) = ask(&list);
        assert!(
            !fine && error.contains("cannot be read"),
            "{list:?}: {out} {error}"
        );
    }
}
