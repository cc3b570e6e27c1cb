//! Everything the library can be asked about a path.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use etcd_inspect::backend::Meta;
use etcd_inspect::bolt::{self, MetaChoice, PageMap};
use etcd_inspect::kubernetes::encryption::Keyring;
use etcd_inspect::member::{Member, Objects, Reading};
use etcd_inspect::mvcc::{self, KeyRange};
use etcd_inspect::progress::Silent;
use etcd_inspect::{snap, wal};

/// No answer takes longer. Not a measure of speed: a wall against loops.
const HANG: Duration = Duration::from_secs(60);

/// Asks everything; fails with the case's name when that panics or does not end.
pub fn within_bounds(case: &str, path: &Path) {
    let (done, ended) = mpsc::channel();
    let path = path.to_path_buf();
    let worker = std::thread::spawn(move || {
        let asked = catch_unwind(AssertUnwindSafe(|| ask(&path)));
        let _ = done.send(());
        asked
    });
    assert!(
        ended.recv_timeout(HANG).is_ok(),
        "{case}: no end after {HANG:?}"
    );
    let asked = worker.join().expect("the panic was caught");
    assert!(
        asked.is_ok(),
        "{case}: panicked: {:?}",
        asked
            .err()
            .and_then(|cause| cause.downcast_ref::<String>().cloned())
    );
}

fn ask(path: &Path) {
    let mut findings = 0usize;
    let mut sink = |_| findings += 1;
    let Ok(member) = Member::open(path) else {
        return;
    };
    for choice in [
        MetaChoice::Newest,
        MetaChoice::Slot(0),
        MetaChoice::Slot(1),
        MetaChoice::Older,
    ] {
        let Ok(db) = member.db_at(choice) else {
            continue;
        };
        bolt::check::check(&db, &Silent, &mut sink);
        for (_, bucket) in db.buckets(&mut sink) {
            bucket.for_each(&mut sink, &mut |item| {
                _ = std::hint::black_box(item.key.len() + item.value.len())
            });
            std::hint::black_box(bucket.get(b"consistent_index"));
        }
        let _ = PageMap::build(&db, &mut sink).counts();
        let _ = Meta::read(&db, &mut sink);
        let _ = mvcc::db_hash(&db, &[], &mut sink);
    }
    if let Ok(newest) = member.newest_keyspace() {
        for version in newest.all(&KeyRange::all()).iter() {
            let _ = version.key_value();
        }
    }
    keyspace(&member);
    if let Some(log) = member.wal() {
        wal::check::all(log.log(), log.files(), &mut sink);
        let _ = log.log().terms();
        let _ = log.log().intact_after_damages();
        for entry in log.log().surviving() {
            let _ = format!("{:?} {:?}", log.payload(entry), log.place(entry));
        }
        let snaps = member.snaps(&mut sink);
        snap::check::against_log(&snaps, log.log(), log.files(), &mut sink);
    }
    let _ = member.unreadable_files().count();
}

fn keyspace(member: &Member) {
    let Ok(keyspace) = member.readable_keyspace() else {
        return;
    };
    let _ = member.keyspace_damage().len();
    let _ = keyspace.hash_kv(None);
    let _ = keyspace.hash_kv(Some(150));
    let _ = keyspace.counts();
    if let Ok(live) = keyspace.live(&KeyRange::all(), None) {
        for version in live.iter() {
            let _ = version.key_value();
        }
    }
    for version in keyspace.all(&KeyRange::all()).iter().take(50) {
        let _ = keyspace.history(version.key).len();
        let _ = keyspace.get(version.key, Some(180));
    }
    let _ = keyspace.removable().len() + keyspace.deleted(&KeyRange::all()).len();
    let Ok(file) = member.db_file() else { return };
    let objects = Objects::new(
        keyspace,
        file.name(),
        None,
        Keyring::default(),
        &member.options().evidence.limits,
    );
    for version in keyspace.between(0..=i64::MAX).take(300) {
        let _ = objects.json(&version, Reading::default());
    }
}
