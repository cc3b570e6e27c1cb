//! A server that holds the files.

use std::fs::File;
use std::process::{Command, Stdio};

use etcd_inspect::evidence::Evidence;
use rustix::fs::{FlockOperation, flock};
use tempfile::tempdir;

use super::*;

#[test]
fn a_process_that_holds_the_db_is_noticed_without_locking() {
    let top = tempdir().unwrap();
    data_dir(top.path());
    assert_eq!(open(top.path()).holders(), []);
    let db = File::open(top.path().join("member/snap/db")).unwrap();
    flock(&db, FlockOperation::LockExclusive).unwrap();
    let evidence = open(top.path());
    let holders = evidence.holders();
    assert_eq!(holders.len(), 1);
    assert_eq!(holders[0].pid, Some(std::process::id()));
    assert!(holders[0].exclusive && holders[0].file.as_str().ends_with("member/snap/db"));
    assert_eq!(codes(&evidence), ["DIR-009"]);
    // A shared lock can still be taken by others after us: we took none.
    drop(db);
    let other = File::open(top.path().join("member/snap/db")).unwrap();
    flock(&other, FlockOperation::NonBlockingLockExclusive).unwrap();
}

#[test]
fn the_holder_of_an_open_file_description_lock_is_found_by_its_descriptors() {
    let top = tempdir().unwrap();
    data_dir(top.path());
    let wal = top.path().join("member/wal").join(SEGMENT);
    // F_OFD_SETLK as etcd takes it.
    let script = "import fcntl,struct,sys\nf=open(sys.argv[1],'r+b')\nfcntl.fcntl(f,37,struct.pack('hhqqi4x',1,0,0,0,0))\nprint('held',flush=True)\nsys.stdin.read()";
    let mut holder = Command::new("python3")
        .args(["-c", script])
        .arg(&wal)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3, as .ci/run installs it");
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(holder.stdout.take().unwrap()),
        &mut line,
    )
    .unwrap();
    assert_eq!(line, "held\n");
    let evidence = open(top.path());
    drop(holder.stdin.take());
    holder.wait().unwrap();
    let holders = evidence.holders();
    assert_eq!((holders.len(), holders[0].pid), (1, Some(holder.id())));
    assert!(
        holders[0]
            .command
            .as_deref()
            .unwrap()
            .starts_with("python3")
    );
}

#[test]
fn a_held_file_that_is_cut_under_us_kills_nobody() {
    let top = tempdir().unwrap();
    data_dir(top.path());
    let wal = top.path().join("member/wal").join(SEGMENT);
    let held = File::options().write(true).open(&wal).unwrap();
    flock(&held, FlockOperation::LockExclusive).unwrap();
    let evidence = Evidence::open(top.path(), &OpenOptions::default()).unwrap();
    let bytes = evidence.wal()[0].bytes().unwrap().as_slice();
    held.set_len(100).unwrap();
    assert_eq!(bytes.len(), 64_000_000);
    assert!(bytes[4096..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_mapped_file_that_is_cut_under_us_reads_as_zeros_and_is_reported() {
    let top = tempdir().unwrap();
    data_dir(top.path());
    let path = top.path().join("member/snap/db");
    write(&path, vec![7; 1 << 20]);
    let evidence = open(top.path());
    let db = evidence.db().unwrap();
    let bytes = db.bytes().unwrap().as_slice();
    assert_eq!(bytes[1_000_000], 7);
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(100_000)
        .unwrap();
    assert_eq!(bytes[600_000], 0, "one page of the lost range");
    assert!(db.unreadable().iter().any(|lost| lost.contains(&600_000)));
    // From several threads at once.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(bytes.iter().filter(|byte| **byte != 0).count(), 100_000));
        }
    });
    assert_eq!(db.unreadable(), std::slice::from_ref(&(102_400..1 << 20)));
    assert_eq!(db.shrank_from(), Some(1 << 20));
    let mut found = Vec::new();
    evidence.report_unreadable(&mut |finding| found.push(finding.code.id));
    assert_eq!(found, ["DIR-017"]);
}

#[test]
fn more_files_than_can_be_watched_are_still_read() {
    let top = fast_tempdir();
    let wal = top.path().join("wal");
    for at in 0..600 {
        write(wal.join(format!("{at:016x}-{at:016x}.wal")), [1; 70_000]);
    }
    let evidence = open(&wal);
    for file in evidence.wal() {
        assert_eq!(file.bytes().unwrap().len(), 70_000);
    }
}
