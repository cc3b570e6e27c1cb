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
    let evidence = Evidence::open(top.path(), &Options::default()).unwrap();
    let bytes = evidence.wal()[0].bytes().unwrap().as_slice();
    held.set_len(100).unwrap();
    assert_eq!(bytes.len(), 64_000_000);
    assert!(bytes[4096..].iter().all(|byte| *byte == 0));
}
