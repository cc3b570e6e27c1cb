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

/// What `serve` says before its first client, and its exit code.
fn said_at_start(evidence: &std::path::Path, flags: &[&str]) -> (String, Option<i32>) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_etcd-inspect"))
        .arg("serve")
        .arg(evidence)
        .args(["--for", "1ms"])
        .args(flags)
        .output()
        .expect("the binary runs");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    (err, output.status.code())
}

#[test]
fn the_terminal_says_what_is_damaged_before_the_first_client_asks_and_only_once() {
    let copy = fixture_copy("k8s-1.20-etcd35");
    let db = copy.data_dir().join("member/snap/db");
    let mut bytes = std::fs::read(&db).expect("a db");
    let key = b"/registry/configmaps/kube-system/";
    let at = bytes.windows(key.len()).position(|word| word == key);
    let page = at.expect("a config map") / 4096 * 4096;
    bytes[page..page + 16].fill(0);
    std::fs::write(&db, bytes).expect("written");
    let seal = Seal::read(&copy.data_dir());
    let (err, exit) = said_at_start(&copy.data_dir(), &["--etcd"]);
    assert_eq!(exit, Some(3), "{err}");
    let partial = err
        .find("warning: the answer is partial: ")
        .expect("reported");
    let end = err.find("Ctrl-C ends it").expect("the last note");
    assert!(partial < end, "{err}");
    assert_eq!(err.matches("the answer is partial").count(), 1, "{err}");
    assert!(
        err.contains("warning: clients of etcd's API cannot be warned"),
        "{err}"
    );
    let (whole, exit) = said_at_start(&data_dir("k8s-1.20-etcd35"), &["--etcd"]);
    assert_eq!(
        (exit, whole.contains("warned")),
        (Some(0), false),
        "{whole}"
    );
    seal.assert_unchanged();
}

#[test]
fn a_log_that_may_lack_writes_is_named_in_a_warning_of_every_list() {
    let copy = fixture_copy("k8s-1.20-etcd35");
    std::fs::remove_file(copy.data_dir().join("member/snap/db")).expect("removed");
    let wal = std::fs::read_dir(copy.data_dir().join("member/wal")).expect("a WAL");
    let first = wal.map(|file| file.expect("a file").path()).min();
    let first = first.expect("a segment");
    let mut bytes = std::fs::read(&first).expect("read");
    let key = b"/registry/configmaps/prod/";
    let at = bytes.windows(key.len()).rposition(|word| word == key);
    bytes[at.expect("a write") + 4] ^= 0xff;
    std::fs::write(&first, bytes).expect("written");
    let mut server = Server::start(&copy.data_dir(), &[]);
    server.exit = 3;
    for path in ["/api/v1/configmaps", "/api/v1/nodes?limit=1"] {
        let head = server.ask(path, &[]).head;
        assert!(head.contains("objects may be missing, "), "{path}: {head}");
        assert!(head.contains("the log alone answers"), "{path}: {head}");
    }
}

#[test]
fn a_db_that_cannot_be_read_and_has_no_log_leads_to_a_salvage_that_runs() {
    let copy = fixture_copy("k8s-1.20-etcd35");
    let db = copy.data_dir().join("member/snap/db");
    let bytes = std::fs::read(&db).expect("a db");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut no_meta = bytes.clone();
    no_meta[..8192].fill(0xa5);
    for (name, bytes) in [("cut.db", &bytes[..bytes.len() / 2]), ("meta.db", &no_meta)] {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        let seal = Seal::read(dir.path());
        let (err, exit) = said_at_start(&path, &[]);
        assert_eq!(exit, Some(2), "{err}");
        let command = err.lines().find_map(|line| {
            let (_, command) = line.split_once("etcd-inspect salvage ")?;
            let (command, _) = command.split_once("     ")?;
            Some(command.to_owned())
        });
        let command = command.unwrap_or_else(|| panic!("no salvage in {err}"));
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_etcd-inspect"))
            .arg("salvage")
            .args(command.split(' '))
            .output()
            .expect("the binary runs");
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(out.contains("live keys"), "{command}: {out}");
        assert!(!out.contains(" 0 live keys"), "{command}: {out}");
        seal.assert_unchanged();
    }
}

#[test]
fn encrypted_objects_that_no_key_opens_are_counted_with_the_flag_that_opens_them() {
    let server = Server::start(&data_dir("k8s-1.20-etcd35-enc"), &[]);
    let all = server.ask("/api/v1/secrets", &[]);
    let shown = all.json()["items"].as_array().expect("items").len();
    let hint = "`etcd-inspect serve --encryption-config FILE` with their key shows them";
    assert!(
        all.head
            .contains(" of the secrets are encrypted and left out: "),
        "{}",
        all.head
    );
    assert!(all.head.contains(hint), "{}", all.head);
    let page = server.get("/api/v1/secrets?limit=3");
    assert_eq!(page["items"].as_array().expect("items").len(), 3);
    assert_eq!(page["metadata"]["remainingItemCount"], shown - 3);
    let open = server.ask("/api/v1/nodes", &[]);
    assert!(!open.head.contains("encrypted"), "{}", open.head);
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
