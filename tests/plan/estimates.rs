//! What `space` expects of a compaction and a defragmentation, against the real operations.

use std::time::Duration;

use testkit::copy_of;
use testkit::etcd::{Binaries, Server};

use crate::printed::inspect;

/// Bytes by which an estimate may be wrong: pages that etcd itself takes and frees while it starts, and that are half full in one
/// of the two files.
const SLACK_BYTES: u64 = 64 << 10;
/// Or this part of what the file holds.
const SLACK_PERCENT: u64 = 10;

/// Bytes of the db that etcd counts for its quota.
fn counted(server: &Server) -> u64 {
    let status = server.json(&["endpoint", "status"]);
    status[0]["Status"]["dbSize"].as_u64().unwrap()
}

#[test]
fn a_defragmentation_gives_back_what_space_says() {
    let mut wrong = Vec::new();
    for (name, release) in [
        ("alarm-nospace-3.5.30", "3.5.30"),
        ("etcd-3.5.30", "3.5.30"),
        ("defragmented-3.5.30", "3.5.30"),
        ("k8s-1.20-etcd35", "3.5.16"),
        ("etcd-3.5.16", "3.5.16"),
        ("etcd-3.4.23", "3.4.23"),
    ] {
        let Some(binaries) = Binaries::newest(release) else {
            eprintln!("skipped: no etcd {release}");
            continue;
        };
        let copy = copy_of(&testkit::data_dir(name));
        let said = inspect(&["space", copy.to_str().unwrap(), "-o", "json"]);
        let number = |pointer: &str| said.pointer(pointer).unwrap().as_u64().unwrap();
        let now = number("/defragmentation/gives_back_bytes");
        let after = number("/defragmentation/after_compaction_bytes");
        let size = number("/quota/counted_bytes");
        let revision = number("/compaction/revision");
        let start = || {
            let copy = copy_of(&testkit::data_dir(name));
            let server = Server::start(&binaries, &copy, &[], Duration::from_secs(30));
            (
                copy,
                server.unwrap_or_else(|not| panic!("{name}: {}", not.log)),
            )
        };
        let mut compare = |what: &str, expected: u64, real: u64| {
            let slack = SLACK_BYTES.max(size / 100 * SLACK_PERCENT);
            eprintln!("{name}: {what}: expected {expected}, real {real}");
            if expected.abs_diff(real) > slack {
                wrong.push(format!("{name}: {what}: expected {expected}, real {real}"));
            }
        };
        let (_copy, server) = start();
        let before = counted(&server);
        compare("counted for the quota", size, before);
        let _ = server.ctl(&["defrag"]);
        compare("defrag", now, before.saturating_sub(counted(&server)));
        server.kill();
        let (_copy, server) = start();
        let before = counted(&server);
        // A store that was compacted there already refuses it.
        let _ = server.output(&["compact", &revision.to_string(), "--physical"], b"");
        let _ = server.ctl(&["defrag"]);
        compare(
            "defrag after a compaction",
            after,
            before.saturating_sub(counted(&server)),
        );
        server.kill();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
