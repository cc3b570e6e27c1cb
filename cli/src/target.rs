//! Which directory or file is asked about.

use std::env;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, shell_word};

/// The positional PATH, else `--data-dir`, else `$ETCD_DATA_DIR`, else the current directory where it is evidence.
pub(crate) fn resolve(
    positional: Option<&Path>,
    data_dir: Option<&Path>,
) -> Result<PathBuf, Failure> {
    if let Some(path) = positional.or(data_dir) {
        return Ok(path.to_owned());
    }
    if let Some(path) = env::var_os("ETCD_DATA_DIR").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let here = PathBuf::from(".");
    if is_evidence(&here) {
        return Ok(here);
    }
    let mut failure =
        Failure::usage("no PATH given, and the current directory is not an etcd data directory");
    failure.code = etcd_inspect::codes::error::NOT_EVIDENCE.id;
    let near = nearby(&here);
    for path in near.iter().take(5) {
        failure = failure.next(format!("etcd-inspect status {}", shell_word(path)));
    }
    if near.is_empty() {
        failure = failure.next("etcd-inspect status PATH     PATH: a copied data directory, db, snapshot, WAL or archive of these");
    }
    Err(failure)
}

/// Whether a folder looks like something etcd wrote, by names alone.
pub(crate) fn is_evidence(path: &Path) -> bool {
    ["member/snap/db", "member/wal", "snap/db", "wal/0.tmp", "db"]
        .iter()
        .any(|name| path.join(name).exists())
        || has_segment(path)
        || has_segment(&path.join("wal"))
}

fn has_segment(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|entries| {
        entries.take(1000).flatten().any(|entry| {
            entry
                .path()
                .extension()
                .is_some_and(|ending| ending == "wal")
        })
    })
}

/// Evidence one and two folders below `here`, and where etcd usually lives.
pub(crate) fn nearby(here: &Path) -> Vec<PathBuf> {
    let folders = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder)
            .map(|entries| {
                entries
                    .take(200)
                    .flatten()
                    .map(|entry| entry.path())
                    .collect()
            })
            .unwrap_or_default()
    };
    let mut found: Vec<PathBuf> = Vec::new();
    let mut look = |path: PathBuf| {
        let hit = is_evidence(&path);
        if hit {
            found.push(path);
        }
        hit
    };
    for child in folders(here) {
        let child = child
            .strip_prefix("./")
            .map(Path::to_owned)
            .unwrap_or(child);
        if !look(child.clone()) && child.is_dir() {
            for grandchild in folders(&child) {
                look(grandchild);
            }
        }
    }
    look(PathBuf::from("/var/lib/etcd"));
    found.sort();
    found
}

/// Reads what is there at `offset`, for an error message.
pub(crate) fn peek(file: &Path, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
    let file = File::open(file)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut have = 0;
    while let Some(rest) = bytes.get_mut(have..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset.saturating_add(have as u64))? {
            0 => break,
            more => have += more,
        }
    }
    Ok(have)
}
