//! Files that change under us: a real server that writes on, and somebody who truncates.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testkit::etcd::{Binaries, Server};
use testkit::fixture_copy;

use super::{lines, quiet};
use testkit::verbs::{self, on_all_cores};

/// Runs every verb; it may find damage, but must end by itself and without a panic.
fn ask_everything(path: &Path) {
    let outside = tempfile::tempdir().unwrap();
    on_all_cores(lines(path, outside.path()), |verb| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etcd-inspect"));
        let output = quiet(&mut command).args(&verb).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        // A signal (SIGBUS) leaves no code; 134 is an abort.
        assert!(
            matches!(output.status.code(), Some(0..=3)),
            "{verb:?} {:?} {error}",
            output.status
        );
        assert!(!error.contains("has a bug"), "{verb:?} {error}");
    });
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
        ask_everything(&data);
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
    // It serves on, and has everything that was written to it.
    let last = server.ctl(&["get", &format!("key-{written}"), "--print-value-only"]);
    assert!(last.starts_with("value "), "{last}");
    server.stop();
}

/// Reads of db and log fail as a dying disk lets them fail: `which` of them, as strace counts.
fn on_a_dying_disk(which: &str, data: &Path, line: &[String], log: &Path) -> std::process::Output {
    let mut command = Command::new("strace");
    command
        .args(["-f", "-e", "trace=pread64", "-e"])
        .arg(format!("inject=pread64:error=EIO:when={which}"))
        .arg("-o")
        .arg(log);
    for file in [
        "member/snap/db",
        "member/wal/0000000000000000-0000000000000000.wal",
    ] {
        command.arg("-P").arg(data.join(file));
    }
    command.arg("--").arg(env!("CARGO_BIN_EXE_etcd-inspect"));
    quiet(&mut command)
        .args(line)
        .args(["--io", "read"])
        .output()
        .expect("strace, as .ci/run installs it")
}

#[test]
fn a_dying_disk_costs_what_it_refuses_and_every_answer_says_so() {
    let copy = fixture_copy("etcd-3.5.30");
    let data = copy.join("data").canonicalize().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let lines = lines(&data, outside.path()).into_iter().enumerate();
    on_all_cores(lines.collect(), |(at, line)| {
        // Every third read: what is refused is asked for again in smaller pieces. For some: every read, thousands of them.
        let dead = at % 30 == 0 && verbs::reads_evidence(&line);
        for which in ["1+3", "1+"].iter().take(if dead { 2 } else { 1 }) {
            let log = outside.path().join(format!("io-{at}"));
            let output = on_a_dying_disk(which, &data, &line, &log);
            let error = String::from_utf8_lossy(&output.stderr);
            let code = output.status.code();
            assert!(matches!(code, Some(0..=3)), "{line:?} {code:?} {error}");
            assert!(!error.contains("has a bug"), "{line:?} {error}");
            if *which == "1+" && fs::read_to_string(&log).unwrap().contains("(INJECTED)") {
                assert!(matches!(code, Some(2 | 3)), "{line:?} {code:?} {error}");
                assert!(!error.is_empty(), "{line:?} says nothing of it");
            }
        }
    });
}
