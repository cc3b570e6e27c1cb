//! The real thing as oracle: Debian's etcd on loopback, written to through `etcdctl`, asked what it holds, then stopped or
//! killed; the directory it leaves must give the same answers to `etcd-inspect`.
//!
//! Where no etcd is found (see `fixtures/recipes/etcd-from-debian`) each test says so and passes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

mod ask;
mod lives;
mod server_answers;
mod workload;

use std::time::Duration;

use ask::Ask;
use server_answers::ServerAnswers;
use testkit::Seal;
use testkit::etcd::{Binaries, Server};

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// SIGTERM: everything applied is in the db.
    Clean,
    /// SIGKILL: the newest writes are in the WAL alone.
    Killed,
}

fn parity(minor: &str, end: End, flags: &[&str]) {
    let Some(binaries) = Binaries::newest(minor) else {
        eprintln!(
            "skipped: no etcd {minor} on this machine; fixtures/recipes/etcd-from-debian fetches one"
        );
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let mut server = Server::start(&binaries, &data, flags, Duration::from_secs(30))
        .expect("etcd starts on an empty directory");
    workload::write(&mut server);
    let answers = ServerAnswers::from_server(&server, home.path());
    match end {
        End::Clean => server.stop(),
        End::Killed => server.kill(),
    }
    let seal = Seal::read(&data);
    let ours = Ask {
        data: &data,
        replay: end == End::Killed,
        version: &binaries.version,
    };
    ours.status_is(&answers);
    ours.keys_are(&answers);
    ours.values_are(&answers);
    ours.hashes_are(&answers);
    ours.leases_are(&answers);
    ours.members_and_auth_are(&answers);
    ours.snapshot_is(&answers);
    seal.assert_unchanged();
}

#[test]
fn etcd_3_4_stopped_cleanly() {
    parity("3.4", End::Clean, &["--snapshot-count", "40"]);
}

#[test]
fn etcd_3_4_killed() {
    parity("3.4", End::Killed, &["--snapshot-count", "40"]);
}

#[test]
fn etcd_3_5_stopped_cleanly() {
    parity("3.5", End::Clean, &["--snapshot-count", "40"]);
}

#[test]
fn etcd_3_5_killed() {
    parity("3.5", End::Killed, &["--snapshot-count", "40"]);
}

#[test]
fn etcd_3_5_16_of_debian_trixie_stopped_cleanly() {
    parity("3.5.16", End::Clean, &["--snapshot-count", "40"]);
}

#[test]
fn etcd_3_5_16_of_debian_trixie_killed() {
    parity("3.5.16", End::Killed, &["--snapshot-count", "40"]);
}

#[test]
fn etcd_3_5_killed_long_after_its_last_commit() {
    parity(
        "3.5",
        End::Killed,
        &[
            "--backend-batch-interval",
            "1h",
            "--backend-batch-limit",
            "1000000",
        ],
    );
}
