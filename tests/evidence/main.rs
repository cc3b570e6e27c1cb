//! What a path is found to mean, and what is never done to it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at its first failure; what is not here is printed"
)]

mod archives;
mod disk;
mod hostile;
mod layout;
mod links;
mod live;
mod real;

use std::fs;
use std::path::{Path, PathBuf};

use etcd_inspect::evidence::{Evidence, OpenOptions};
use etcd_inspect::{Error, Finding};

const SEGMENT: &str = "0000000000000000-0000000000000000.wal";
const SNAP: &str = "0000000000000002-0000000000000065.snap";

fn open(path: impl AsRef<Path>) -> Evidence {
    let path = path.as_ref();
    Evidence::open(path, &OpenOptions::default())
        .unwrap_or_else(|error| panic!("{}: {error:?}", path.display()))
}

/// Why it is not evidence, and what is suggested instead.
fn refused(path: impl AsRef<Path>) -> (String, Vec<PathBuf>) {
    match Evidence::open(path, &OpenOptions::default()) {
        Err(Error::NotEvidence { why, near, .. }) => (why, near),
        other => panic!("{other:?}"),
    }
}

fn findings(evidence: &Evidence) -> Vec<Finding> {
    let mut findings = Vec::new();
    evidence.report(&mut |finding| findings.push(finding));
    findings
}

fn codes(evidence: &Evidence) -> Vec<&'static str> {
    let mut codes: Vec<_> = findings(evidence)
        .iter()
        .map(|finding| finding.code.id)
        .collect();
    codes.sort_unstable();
    codes
}

/// A bbolt file in name only: the magic of its first meta page.
fn db() -> Vec<u8> {
    let mut bytes = vec![0; 32768];
    bytes[16..20].copy_from_slice(&[0xed, 0xda, 0x0c, 0xed]);
    bytes
}

/// The crc record at the head of every segment.
const SEGMENT_HEAD: [u8; 12] = [4, 0, 0, 0, 0, 0, 0, 0x84, 8, 4, 16, 0];

/// A preallocated segment in name only.
fn segment() -> Vec<u8> {
    let mut bytes = SEGMENT_HEAD.to_vec();
    bytes.resize(64_000_000, 0);
    bytes
}

fn snap() -> Vec<u8> {
    vec![8, 1, 0x12, 2, 9, 9]
}

/// A segment that was cut to its last record by a repair: small, for archives.
fn repaired_segment() -> Vec<u8> {
    let mut bytes = SEGMENT_HEAD.to_vec();
    bytes.resize(1000, 0);
    bytes.resize(9_000, 7);
    bytes
}

/// Everything a healthy data directory holds.
fn files() -> Vec<(String, Vec<u8>)> {
    vec![
        ("member/snap/db".to_owned(), db()),
        (format!("member/snap/{SNAP}"), snap()),
        (format!("member/wal/{SEGMENT}"), repaired_segment()),
    ]
}

fn write(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A data directory made of [`files`], with etcd's own permissions.
fn data_dir(at: &Path) {
    for (name, bytes) in files() {
        write(at.join(name), bytes);
    }
    let wal = fs::File::create(at.join("member/wal").join(SEGMENT)).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&wal, &SEGMENT_HEAD, 0).unwrap();
    wal.set_len(64_000_000).unwrap();
    restrict(at);
}

/// A folder in memory where the machine has such: for tests that make very many files.
fn fast_tempdir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn restrict(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let dir = path.is_dir();
    let mode = if dir { 0o700 } else { 0o600 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    if dir {
        for entry in fs::read_dir(path).unwrap() {
            restrict(&entry.unwrap().path());
        }
    }
}

/// A segment shorter than etcd preallocates, with zeros at its end.
fn short_segment() -> Vec<u8> {
    let mut bytes = SEGMENT_HEAD.to_vec();
    bytes.resize(4096, 0);
    bytes
}
