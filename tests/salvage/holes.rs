//! Entries that the log lost and the db has: later entries are applied to what the db says, and nothing is lost.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use testkit::etcd::{Binaries, Server};
use testkit::places::wal::Log;
use testkit::{data_dir, fixture_copy};

use crate::{hash, run, salvage};

/// Overwrites the frames of entries with zeros, and of the HardStates between them.
pub fn lose(data_dir: &Path, entries: std::ops::RangeInclusive<u64>) {
    let log = Log::read(data_dir);
    let frames: Vec<(usize, usize)> = log
        .entries()
        .iter()
        .filter(|entry| entries.contains(&entry.index))
        .map(|entry| (entry.segment, entry.frame))
        .collect();
    let ((segment, first), (_, last)) = (frames[0], frames[frames.len() - 1]);
    let file = &log.segments[segment];
    let mut bytes = fs::read(&file.path).unwrap();
    bytes[file.frames[first].at..file.frames[last].end].fill(0);
    fs::write(&file.path, bytes).unwrap();
}

#[test]
fn whatever_the_log_lost_before_the_end_of_the_db_is_in_the_backup() {
    // Both logs begin with an empty store and end after the db; leases, transactions, a compaction and users are in them.
    for fixture in ["etcd-3.4.23-killed", "etcd-3.5.30-killed"] {
        let healthy = salvage(&data_dir(fixture), &[]);
        let whole = (healthy.number("revision"), hash(&healthy.out, &[]));
        for first in (20..290).step_by(30) {
            let copy = fixture_copy(fixture);
            lose(&copy.data_dir(), first..=first + 2);
            let backup = salvage(&copy.data_dir(), &[]);
            let found = (backup.number("revision"), hash(&backup.out, &[]));
            assert_eq!(found, whole, "{fixture} without {first}: {}", backup.json);
            assert_eq!(backup.exit, 0, "{fixture} without {first}: {}", backup.json);
        }
    }
}

/// Writes that depend on keys of entries that the log will lose.
fn write(server: &Server) -> u64 {
    let put = |key: &str, value: &str| server.ctl(&["put", key, value]);
    for n in 0..40 {
        put(&format!("/before/{n:02}"), "a value");
    }
    let before = put("/lost/deleted", "alive");
    assert!(before.contains("OK"));
    put("/lost/compared", "one");
    put("/lost/ranged", "c");
    for n in 0..40 {
        put(&format!("/after/{n:02}"), "a value");
    }
    // The db is saved ten times a second.
    sleep(Duration::from_millis(600));
    put("/saved", "1");
    sleep(Duration::from_millis(600));
    server.ctl(&["del", "/lost/deleted"]);
    let txn = "value(\"/lost/compared\") = \"one\"\n\nput /branch then\n\nput /branch else\ndel /before/00\n\n";
    server.ctl_with(&["txn"], txn.as_bytes());
    server.ctl(&["del", "/lost/ranged", "/lost/s"]);
    for n in 0..4 {
        put(&format!("/last/{n}"), "z");
    }
    let answer = server.json(&["endpoint", "hashkv"]);
    answer[0]["HashKV"]["hash"].as_u64().unwrap()
}

#[test]
fn transactions_and_deletions_after_a_hole_see_the_keys_of_the_db() {
    for release in ["3.4.23", "3.5.16", "3.5.30"] {
        let Some(binaries) = Binaries::newest(release) else {
            eprintln!("no etcd {release} here: see fixtures/recipes/etcd-from-debian");
            continue;
        };
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let server = Server::start(&binaries, &data, &[], Duration::from_secs(30)).unwrap();
        let truth = write(&server);
        server.kill();
        let entries = Log::read(&data).entries();
        let of = |key: &[u8]| {
            let mut entries = entries.iter();
            let named = |data: &[u8]| data.windows(key.len()).any(|window| window == key);
            entries.find(|entry| named(&entry.data)).unwrap().index
        };
        lose(&data, of(b"/lost/deleted")..=of(b"/lost/ranged"));
        let backup = salvage(&data, &[]);
        assert_eq!(hash(&backup.out, &[]), truth, "{release}: {}", backup.json);
        assert_eq!(backup.exit, 0, "{release}: {}", backup.json);
        let keys = run(&["keys", backup.out.to_str().unwrap(), "-o", "name"]);
        let keys = String::from_utf8(keys.stdout).unwrap();
        for (key, lives) in [
            ("/lost/deleted", false),
            ("/lost/ranged", false),
            ("/before/00", true),
        ] {
            assert_eq!(keys.contains(key), lives, "{release}: {key} in {keys}");
        }
    }
}
