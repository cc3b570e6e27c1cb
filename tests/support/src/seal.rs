//! Proof that evidence is unchanged: what every file was before, compared with what it is after.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::sparse;

/// sha256, size, mtime and mode of every file and folder below a path, taken at one moment.
#[derive(Debug)]
pub struct Seal {
    path: PathBuf,
    entries: BTreeMap<PathBuf, SealedFile>,
}

#[derive(Debug, PartialEq, Eq)]
struct SealedFile {
    sha256: String,
    size: u64,
    modified: Option<SystemTime>,
    mode: u32,
}

impl Seal {
    /// Reads everything below `path` (a folder or one file) once.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let mut entries = BTreeMap::new();
        walk(path, path, &mut entries);
        Self {
            path: path.to_path_buf(),
            entries,
        }
    }

    /// Fails, naming the files, unless everything is as it was: no byte, size, time or mode differs, nothing new, nothing gone.
    #[track_caller]
    pub fn assert_unchanged(&self) {
        let now = Self::read(&self.path);
        let mut wrong = Vec::new();
        for (name, was) in &self.entries {
            match now.entries.get(name) {
                None => wrong.push(format!("{} is gone", name.display())),
                Some(is) if is != was => {
                    wrong.push(format!("{} was {was:?}, is {is:?}", name.display()))
                }
                Some(_) => {}
            }
        }
        for name in now
            .entries
            .keys()
            .filter(|name| !self.entries.contains_key(*name))
        {
            wrong.push(format!("{} is new", name.display()));
        }
        assert!(
            wrong.is_empty(),
            "evidence changed below {}:\n{}",
            self.path.display(),
            wrong.join("\n")
        );
    }
}

fn walk(top: &Path, path: &Path, entries: &mut BTreeMap<PathBuf, SealedFile>) {
    use std::os::unix::fs::PermissionsExt;
    let meta =
        fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let sha256 = if meta.is_file() {
        sha256(path)
    } else {
        String::new()
    };
    let size = if meta.is_file() { meta.len() } else { 0 };
    let name = path.strip_prefix(top).expect("below the top").to_path_buf();
    entries.insert(
        name,
        SealedFile {
            sha256,
            size,
            modified: meta.modified().ok(),
            mode: meta.permissions().mode(),
        },
    );
    if meta.is_dir() {
        for entry in fs::read_dir(path).expect("a readable folder") {
            walk(top, &entry.expect("an entry").path(), entries);
        }
    }
}

/// SHA-256 over the blocks of a file that are not zero, each with its place: 64 MB of preallocated zeros need not be read, and
/// together with the size this identifies the content.
fn sha256(path: &Path) -> String {
    use rustix::fs::{SeekFrom as Raw, seek};
    let mut file =
        fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let length = file.metadata().expect("metadata").len();
    let mut hash = Sha256::new();
    let mut at = 0;
    let mut buffer = [0; 4096];
    while let Ok(data) = seek(&file, Raw::Data(at)) {
        let hole = seek(&file, Raw::Hole(data)).unwrap_or(length);
        at = data / 4096 * 4096;
        file.seek(SeekFrom::Start(at)).expect("seek");
        while at < hole {
            let n = sparse::fill(&mut file, &mut buffer).expect("read");
            if buffer[..n].iter().any(|byte| *byte != 0) {
                hash.update(at.to_le_bytes());
                hash.update(&buffer[..n]);
            }
            at += 4096;
        }
    }
    hash.finalize()
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "evidence changed")]
    fn a_seal_notices_one_flipped_bit_even_when_the_time_is_put_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        fs::write(&path, [0u8; 100]).unwrap();
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let seal = Seal::read(dir.path());
        fs::write(&path, {
            let mut bytes = [0u8; 100];
            bytes[50] = 1;
            bytes
        })
        .unwrap();
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(modified)
            .unwrap();
        seal.assert_unchanged();
    }

    #[test]
    #[should_panic(expected = "is new")]
    fn a_seal_notices_a_new_file() {
        let dir = tempfile::tempdir().unwrap();
        let seal = Seal::read(dir.path());
        fs::write(dir.path().join("new"), b"").unwrap();
        seal.assert_unchanged();
    }
}
