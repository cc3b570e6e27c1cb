//! A damaged separator (`_`) in the stored key of a record: etcd reads the revision past it when it starts, and searches the record
//! with the right separator when it is asked for it. A record that is served must then end etcd at the first question; an old
//! version must not.

use std::time::Duration;

use etcd_inspect::check::{Depth, check};
use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use etcd_inspect::start::{StartMode, WritesAfterStart, simulate_start};
use etcd_inspect::verdict::{Action, judge};
use testkit::etcd::{Binaries, Server};
use testkit::places::bolt::Db;
use testkit::{copy_of, data_dir};

/// Where the separator is in a stored key.
const SEPARATOR: usize = 8;

/// The position of a record among those of the bucket: the newest version of a key that exists, or one that another follows.
fn record(db: &Db, served: bool) -> usize {
    let entries = db.entries("key");
    let user_key = |at: usize| {
        let value = db.slice(&entries[at].value);
        let key = testkit::places::proto::field(&value, 1).unwrap();
        value[key.payload].to_vec()
    };
    let is_tombstone = |at: usize| entries[at].key.len() > 17;
    let keys: Vec<Vec<u8>> = (0..entries.len()).map(user_key).collect();
    (0..entries.len())
        .rev()
        .find(|&at| !is_tombstone(at) && keys[at + 1..].contains(&keys[at]) != served)
        .unwrap()
}

#[test]
fn a_damaged_separator_ends_etcd_at_the_first_question_if_the_record_is_served() {
    for (version, fixture) in [
        ("3.4.23", "etcd-3.4.23"),
        ("3.5.16", "etcd-3.5.16"),
        ("3.5.30", "etcd-3.5.30"),
    ] {
        for (served, separator) in [(true, b'['), (false, 0xff)] {
            let name = format!("{version}: {separator:#x}, served: {served}");
            let copy = copy_of(&data_dir(fixture));
            let file = copy.join("member/snap/db");
            let mut db = Db::read(&file);
            let at = db.entries("key")[record(&db, served)].key.start;
            db.bytes[at + SEPARATOR] = separator;
            db.write(&file);
            let member = Member::open(&copy).unwrap();
            let predicted =
                simulate_start(&member, StartMode::AsItIs, version.parse().ok(), &Silent);
            let report = check(&member, Depth::Default, &Silent);
            let verdict = judge(&member, &report, version.parse().ok(), &Silent);
            let first = verdict.plan.first().unwrap();
            assert_eq!(first.action, Action::Salvage, "{name}: {verdict:?}");
            assert!(first.is_lossless(), "{name}: {first:?}");
            let Some(binaries) = Binaries::newest(version).filter(|one| one.version == version)
            else {
                eprintln!("skipped: no etcd {version}");
                continue;
            };
            let seen = Server::start(&binaries, &copy, &[], Duration::from_secs(30));
            let Ok(server) = seen else {
                assert!(!predicted.serves(), "{name}: {:?}", predicted.ending);
                continue;
            };
            assert!(predicted.serves(), "{name}: {:?}", predicted.ending);
            let asked = server.output(&["get", "", "--prefix"], b"");
            assert_eq!(
                predicted.dies_at_first_question,
                !asked.status.success(),
                "{name}: {}",
                String::from_utf8_lossy(&asked.stderr)
            );
            if !predicted.dies_at_first_question {
                let put = server.output(&["put", "oracle", "1"], b"");
                let is_kept = predicted.later_writes == WritesAfterStart::Kept;
                assert_eq!(put.status.success(), is_kept, "{name}");
            }
        }
    }
}
