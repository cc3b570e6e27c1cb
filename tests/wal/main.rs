//! The write-ahead log and the raft snapshots of real members: healthy, damaged as recipe × place, and hostile.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test may stop at the first surprise"
)]

mod boot;
mod damage;
mod ends;
mod healthy;
mod hostile;
mod incidents;
mod misplaced;
mod rules;

use std::fs;
use std::path::{Path, PathBuf};

use etcd_inspect_raftlog::wal::{Log, check};
use located::progress::Silent;
use located::{Bytes, FileName, Finding, Limits, Severity};

/// The files of one directory, as the library takes them.
struct Files(Vec<(FileName, Vec<u8>)>);

impl Files {
    fn in_dir(dir: &Path) -> Self {
        let mut paths: Vec<PathBuf> = fs::read_dir(dir)
            .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
            .unwrap_or_default();
        paths.retain(|path| path.is_file());
        paths.sort();
        let named = |path: &PathBuf| {
            (
                FileName::new(path.to_string_lossy()),
                testkit::read_until_hole(path, 1 << 20),
            )
        };
        Self(paths.iter().map(named).collect())
    }

    /// The `.snap` files of a data directory.
    fn snaps(data_dir: &Path) -> Self {
        let mut files = Self::in_dir(&data_dir.join("member/snap"));
        files
            .0
            .retain(|(name, _)| name.as_str().contains(".snap") && !name.as_str().ends_with("db"));
        files
    }

    fn one(name: &str, bytes: Vec<u8>) -> Self {
        Self(vec![(FileName::new(name), bytes)])
    }

    fn bytes(&self) -> Vec<Bytes<'_>> {
        self.0
            .iter()
            .map(|(name, data)| Bytes::new(name, 0, data))
            .collect()
    }

    fn log(&self) -> Log {
        Log::read(&self.bytes(), &Limits::default(), &Silent)
    }
}

fn findings(files: &Files) -> (Log, Vec<Finding>) {
    let log = files.log();
    let mut all = Vec::new();
    check::all(&log, &files.bytes(), &mut |finding| all.push(finding));
    (log, all)
}

/// Codes of warnings and errors, sorted, each once.
fn codes(findings: &[Finding]) -> Vec<&'static str> {
    let mut codes: Vec<_> = findings
        .iter()
        .filter(|finding| finding.severity >= Severity::Warning)
        .map(|finding| finding.code.id)
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

const SEGMENT: &str = "0000000000000000-0000000000000000.wal";
