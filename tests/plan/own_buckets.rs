//! Users and the switch of authentication, damaged in the db while the log still has what made them: what a start serves then, and
//! what the first step of the plan leads to.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use testkit::etcd::{Binaries, Server};
use testkit::{copy_of, data_dir};

use crate::carried_out::run;
use crate::printed::{Printed, preflight};

/// What a real etcd answers: whether authentication is on, and whether a user can log in.
fn answers(binaries: &Binaries, data_dir: &Path) -> (bool, bool) {
    let server = Server::start(binaries, data_dir, &[], Duration::from_secs(20)).unwrap();
    let within = Duration::from_secs(10);
    let anonymous = server.try_post("/v3/kv/range", &json!({ "key": "YQ==" }), within);
    let login = json!({ "name": "app", "password": "hunter3" });
    let token = server.try_post("/v3/auth/authenticate", &login, within);
    (
        !anonymous.is_some_and(|answer| answer["header"]["revision"].is_string()),
        token.is_some_and(|token| token["token"].is_string()),
    )
}

/// Changes every place in the db that has these bytes.
fn change(data_dir: &Path, from: &[u8], to: &[u8]) {
    let path = data_dir.join("member/snap/db");
    let mut bytes = std::fs::read(&path).unwrap();
    let places: Vec<usize> = (0..bytes.len() - from.len())
        .filter(|at| bytes[*at..].starts_with(from))
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    std::fs::write(path, bytes).unwrap();
}

/// The hash of a user, as the db has it.
fn hash(data_dir: &Path) -> Vec<u8> {
    let bytes = std::fs::read(data_dir.join("member/snap/db")).unwrap();
    let user = b"\x0a\x03app\x12\x3c$2a$";
    let at = (0..bytes.len() - 80).find(|at| bytes[*at..].starts_with(user));
    bytes[at.unwrap() + 7..][..60].to_vec()
}

/// Asks the plan, and does its first step.
fn held_against_etcd(damaged: &Path, binaries: &Binaries, started: (bool, bool)) {
    let printed = Printed::check(damaged, "3.5.16");
    let first = &printed.steps[0];
    assert_eq!((first.action.as_str(), first.harm), ("salvage", 0));
    for action in ["start", "restore"] {
        let said = preflight(damaged, action, "3.5.16");
        assert!(
            said["step"]["wrong"].as_u64() >= Some(1),
            "{action}: {said}"
        );
        assert_eq!(said["go"], false, "{action}: {said}");
    }
    assert_eq!(answers(binaries, &copy_of(damaged)), started);
    let folder = tempfile::tempdir().unwrap();
    run(&first.commands, binaries, folder.path()).unwrap();
    let mut made = std::fs::read_dir(folder.path()).unwrap().flatten();
    let made = made.find(|entry| entry.path().is_dir()).unwrap();
    assert_eq!(answers(binaries, &made.path()), (true, true));
}

#[test]
fn authentication_that_damage_turned_off_is_wrong_and_salvage_turns_it_on() {
    let Some(binaries) = Binaries::newest("3.5") else {
        return;
    };
    let copy = copy_of(&data_dir("auth-3.5.16"));
    assert_eq!(answers(&binaries, &copy_of(&copy)), (true, true));
    change(&copy, b"authEnabled\x01", b"authEnabled\x00");
    held_against_etcd(&copy, &binaries, (false, false));
}

#[test]
fn a_damaged_password_hash_is_wrong_and_salvage_has_the_right_one() {
    let Some(binaries) = Binaries::newest("3.5") else {
        return;
    };
    let copy = copy_of(&data_dir("auth-3.5.16"));
    let hash = hash(&copy);
    let mut other = hash.clone();
    other[20] ^= 1;
    change(&copy, &hash, &other);
    held_against_etcd(&copy, &binaries, (true, false));
}
