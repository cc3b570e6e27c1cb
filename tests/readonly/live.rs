//! Files that change under us: a real server that writes on, and somebody who truncates.

use std::fs::{self, File};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testkit::etcd::{Binaries, Server};
use testkit::fixture_copy;

use super::{quiet, verbs};

/// Runs every verb; it may find damage, but must end by itself and without a panic.
fn ask_everything(path: &std::path::Path) {
    let outside = tempfile::tempdir().unwrap();
    for verb in verbs::all(path, outside.path()) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etcd-inspect"));
        let output = quiet(&mut command).args(&verb).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        // A signal (SIGBUS) leaves no code; 101 and 134 are panics.
        assert!(
            matches!(output.status.code(), Some(0..=3)),
            "{verb:?} {:?} {error}",
            output.status
        );
        assert!(!error.contains("panicked"), "{verb:?} {error}");
    }
}

#[test]
fn files_that_are_cut_and_written_while_they_are_read_kill_nobody() {
    let copy = fixture_copy("etcd-3.5.30");
    let data = copy.join("data");
    let db = data.join("member/snap/db");
    let wal = data.join("member/wal/0000000000000000-0000000000000000.wal");
    let (db_bytes, wal_bytes) = (fs::read(&db).unwrap(), fs::read(&wal).unwrap());
    let wal_bytes = &wal_bytes[..1 << 20];
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut round = 0;
            while !done.load(Ordering::Relaxed) {
                round = (round * 7 + 13) % 997;
                for (path, bytes) in [(&db, &db_bytes[..]), (&wal, wal_bytes)] {
                    let cut = bytes.len() / 997 * round;
                    let file = File::options().write(true).open(path).unwrap();
                    file.set_len(cut as u64).unwrap();
                    thread::sleep(std::time::Duration::from_millis(2));
                    std::os::unix::fs::FileExt::write_all_at(&file, bytes, 0).unwrap();
                }
            }
        });
        for _ in 0..3 {
            ask_everything(&data);
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_running_server_is_read_while_it_writes_and_never_disturbed() {
    let Some(etcd) = Binaries::all().pop() else {
        println!("no etcd here (fixtures/recipes/etcd-from-debian fetches it): not asked");
        return;
    };
    let top = tempfile::tempdir().unwrap();
    let data = top.path().join("data");
    let server =
        Server::start(&etcd, &data, &[], std::time::Duration::from_secs(30)).expect("etcd serves");
    let done = AtomicBool::new(false);
    let written = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut written = 0;
            while !done.load(Ordering::Relaxed) {
                written += 1;
                server.ctl(&["put", &format!("key-{written}"), &"value ".repeat(200)]);
            }
            written
        });
        ask_everything(&data);
        done.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    assert!(written > 3, "{written}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcd-inspect"));
    let held = quiet(&mut command).arg("wal").arg(&data).output().unwrap();
    let error = String::from_utf8_lossy(&held.stderr);
    assert!(
        error.contains(&format!("etcd (pid {}) holds this file", server.pid())),
        "{error}"
    );
    // It serves on, and everything it was told is there.
    let last = server.ctl(&["get", &format!("key-{written}"), "--print-value-only"]);
    assert!(last.starts_with("value "), "{last}");
    server.stop();
}
