//! Starts a real etcd on every incident and prints what it did: `cargo run -p testkit --example oracle [VERSION]`.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a program for a person"
)]

use std::time::Duration;

use testkit::etcd::{Binaries, Server};
use testkit::incidents::{Incident, Starts};

fn main() {
    let version = std::env::args().nth(1).unwrap_or_else(|| "3.5".to_owned());
    let etcd = Binaries::newest(&version).expect("an etcd of that version");
    for incident in testkit::incidents::all() {
        let (seen, detail) = ask(&etcd, &incident);
        let mark = if seen == incident.starts {
            "  "
        } else {
            "≠ "
        };
        let detail: String = detail.chars().take(230).collect();
        println!(
            "{mark}{} {} {seen:?} (predicted {:?}) {detail}",
            incident.id, incident.class, incident.starts
        );
    }
}

fn ask(etcd: &Binaries, incident: &Incident) -> (Starts, String) {
    let copy = incident.reproduce();
    match Server::start(etcd, &copy.data_dir(), &[], Duration::from_secs(12)) {
        Ok(server) => {
            let put = server.output(&["put", "oracle", "1", "--command-timeout=2s"], b"");
            let status = server.output(&["endpoint", "status"], b"");
            let keys = server.output(&["get", "", "--prefix", "--keys-only"], b"");
            let lines = keys
                .stdout
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .count();
            let error = String::from_utf8_lossy(&put.stderr).into_owned();
            let seen = if error.contains("deadline") || error.contains("timed out") {
                Starts::WritesBlocked
            } else {
                Starts::Yes
            };
            let status = String::from_utf8_lossy(&status.stdout).trim().to_owned();
            (
                seen,
                format!(
                    "{lines} keys; {status} {}",
                    error.lines().last().unwrap_or("")
                ),
            )
        }
        Err(not) if not.running => (Starts::Hangs, String::new()),
        Err(not) => {
            let told = |line: &&str| {
                line.contains("panic:")
                    || line.contains("\"level\":\"fatal\"")
                    || line.contains("unexpected fault")
            };
            (
                Starts::No,
                format!(
                    "exit {:?} {}",
                    not.exit,
                    not.log.lines().find(told).unwrap_or("")
                ),
            )
        }
    }
}
