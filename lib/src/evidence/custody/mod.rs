//! What a chain of custody records of files: names, sizes, times, owners, sparse extents, SHA-256, and the checksums that compressed
//! files have in themselves.
//!
//! Each file is opened read-only and read once, in pieces; files are hashed in parallel. Nothing is mapped, so that a file that
//! changes meanwhile is noticed by its size and times, not by a signal.

mod hash;
#[cfg(feature = "archives")]
mod members;
mod record;

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::platform;
use crate::progress::Progress;
use located::Limits;

pub use record::{Extent, FileRecord, FileType, MemberSum, RecordedPath};

/// Maximum number of directories below each other.
const MAX_DEPTH: usize = 40;

/// Everything below a path, hashed.
#[derive(Clone, Debug, Default)]
pub struct RecordedFiles {
    /// Files, directories and links, in the order of their paths.
    pub records: Vec<FileRecord>,
    /// Whether more files are there than the limit allows.
    pub is_cut: bool,
}

impl RecordedFiles {
    /// One sum of all: that of a single file itself; of a directory the SHA-256 of the lines `SUM  PATH` of its files, as
    /// `sha256sum` prints them, in the order of their paths. `None` if a file has no sum, or not all files are known.
    pub fn sha256(&self) -> Option<String> {
        let files: Vec<&FileRecord> = self
            .records
            .iter()
            .filter(|record| record.is_file())
            .collect();
        if self.is_cut || files.is_empty() {
            return None;
        }
        if let [only] = files.as_slice()
            && only.path.as_bytes().is_empty()
        {
            return only.sha256.clone();
        }
        let mut sum = Sha256::new();
        for file in files {
            sum.update(file.sha256.as_deref()?);
            sum.update(b"  ");
            sum.update(file.path.as_bytes());
            sum.update(b"\n");
        }
        let sum = sum.finalize();
        Some(sum.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Records every file below a path, or the file at it.
///
/// Links to files and directories are recorded as links, and what they lead to under the link's own name: the log of a member is
/// often on another disk.
///
/// # Errors
/// The path itself cannot be read. What cannot be read below it is recorded with the error of the system.
pub fn inventory(
    path: &Path,
    limits: &Limits,
    progress: &dyn Progress,
) -> io::Result<RecordedFiles> {
    let meta = fs::metadata(path)?;
    let mut walk = Walk {
        root: path,
        left: limits.files,
        seen: HashSet::new(),
        names: HashMap::new(),
        records: Vec::new(),
        is_cut: false,
    };
    if meta.is_dir() {
        walk.folder(Path::new(""), &meta, 0);
    } else {
        walk.records
            .push(FileRecord::new(Path::new(""), FileType::File, &meta));
    }
    let mut records = walk.records;
    records.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
    let bytes = records.iter().filter_map(|record| record.size_bytes).sum();
    progress.begin("hashing", bytes);
    hash_all(path, &mut records, limits, progress);
    fill_other_names(&mut records);
    Ok(RecordedFiles {
        records,
        is_cut: walk.is_cut,
    })
}

/// The file or directory on the disk that a path is in: `backup.zip` of `backup.zip!/db`.
pub fn on_disk(path: &Path) -> PathBuf {
    if fs::symlink_metadata(path).is_ok() {
        return path.to_owned();
    }
    let bytes = path.as_os_str().as_encoded_bytes();
    let marks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'!');
    let archives =
        marks.filter_map(|(at, _)| Some(PathBuf::from(&*platform::os_str(bytes.get(..at)?))));
    let mut archives = archives.filter(|archive| archive.is_file());
    archives.next().unwrap_or_else(|| path.to_owned())
}

/// The largest first: the last file to end decides how long it takes.
fn hash_all(root: &Path, records: &mut [FileRecord], limits: &Limits, progress: &dyn Progress) {
    let files = records.iter_mut();
    let is_read = |record: &&mut FileRecord| record.is_file() && record.same_file_as.is_none();
    let mut files: Vec<&mut FileRecord> = files.filter(is_read).collect();
    files.sort_by_key(|record| std::cmp::Reverse(record.size_bytes));
    files.into_par_iter().with_max_len(1).for_each(|record| {
        let path = below(root, &record.path.to_path());
        if let Err(error) = hash::fill(record, &path, limits, progress) {
            record.error = Some(error.to_string());
        }
    });
}

/// Other names of an inode have the sums of its first name.
fn fill_other_names(records: &mut [FileRecord]) {
    let first = |record: &FileRecord| Some(record.same_file_as.as_ref()?.to_path());
    let firsts: HashSet<PathBuf> = records.iter().filter_map(first).collect();
    let known = records.iter().map(|record| (record.path.to_path(), record));
    let known: HashMap<PathBuf, FileRecord> = known
        .filter(|(path, _)| firsts.contains(path))
        .map(|(path, record)| (path, record.clone()))
        .collect();
    for record in records {
        let Some(first) = first(record).and_then(|path| known.get(&path)) else {
            continue;
        };
        *record = FileRecord {
            path: record.path.clone(),
            same_file_as: record.same_file_as.clone(),
            ..first.clone()
        };
    }
}

fn below(root: &Path, relative: &Path) -> PathBuf {
    match relative.as_os_str().is_empty() {
        true => root.to_owned(),
        false => root.join(relative),
    }
}

struct Walk<'r> {
    root: &'r Path,
    left: usize,
    /// Device and inode of every directory that was entered: links may lead in circles.
    seen: HashSet<(u64, u64)>,
    /// The first name of each inode that has several.
    names: HashMap<(u64, u64), PathBuf>,
    records: Vec<FileRecord>,
    is_cut: bool,
}

impl Walk<'_> {
    fn folder(&mut self, at: &Path, meta: &Metadata, depth: usize) {
        let mut record = FileRecord::new(at, FileType::Directory, meta);
        let id = platform::identity(meta).id;
        if id.is_some_and(|id| !self.seen.insert(id)) || depth > MAX_DEPTH {
            record.error = Some("not entered again: a link leads back to it".to_owned());
            self.records.push(record);
            return;
        }
        let listed = platform::list(&below(self.root, at));
        let mut names = Vec::new();
        match listed {
            Ok(listed) => {
                for entry in listed {
                    match entry {
                        Ok(entry) => names.push(entry.name),
                        Err(error) => record.error = Some(error.to_string()),
                    }
                }
            }
            Err(error) => record.error = Some(error.to_string()),
        }
        self.records.push(record);
        // Links last: what they lead to is recorded under its own name if it is in the same directory.
        let is_link = |name: &std::ffi::OsString| {
            let meta = fs::symlink_metadata(below(self.root, &at.join(name)));
            meta.is_ok_and(|meta| meta.is_symlink())
        };
        names.sort_by_cached_key(|name| (is_link(name), name.clone()));
        for name in names {
            if self.left == 0 {
                self.is_cut = true;
                return;
            }
            self.left = self.left.saturating_sub(1);
            self.entry(&at.join(name), depth);
        }
    }

    fn entry(&mut self, at: &Path, depth: usize) {
        let path = below(self.root, at);
        let itself = match fs::symlink_metadata(&path) {
            Ok(meta) => meta,
            Err(error) => return self.records.push(FileRecord::unread(at, &error)),
        };
        let mut target = None;
        let meta = match itself.is_symlink() {
            false => itself,
            true => {
                target = fs::read_link(&path).ok();
                match fs::metadata(&path) {
                    Ok(meta) => meta,
                    Err(error) => {
                        let mut record = FileRecord::new(at, FileType::Link, &itself);
                        record.target = target.as_deref().map(RecordedPath::new);
                        record.error = Some(error.to_string());
                        return self.records.push(record);
                    }
                }
            }
        };
        let first = self.records.len();
        if meta.is_dir() {
            self.folder(at, &meta, depth.saturating_add(1));
        } else {
            let kind = match meta.is_file() {
                true => FileType::File,
                false => FileType::Other,
            };
            let mut record = FileRecord::new(at, kind, &meta);
            let id = platform::identity(&meta).id;
            if let Some(id) = id.filter(|_| record.hard_links.is_some() && target.is_none()) {
                let first = self.names.entry(id).or_insert_with(|| at.to_owned());
                record.same_file_as = (first != at).then(|| RecordedPath::new(first));
            }
            self.records.push(record);
        }
        if let Some(record) = self.records.get_mut(first) {
            record.target = target.as_deref().map(RecordedPath::new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    #[test]
    fn files_links_and_folders_are_recorded_with_their_sums() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir(root.join("wal")).unwrap();
        fs::write(root.join("wal/a"), b"abc").unwrap();
        let sparse = fs::File::create(root.join("sparse")).unwrap();
        sparse.set_len(1 << 20).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("wal", root.join("link")).unwrap();
        let found = inventory(root, &Limits::default(), &Silent).unwrap();
        let record = |name: &str| {
            let mut records = found.records.iter();
            records
                .find(|record| record.path.to_path() == Path::new(name))
                .unwrap()
        };
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(record("wal/a").sha256.as_deref(), Some(abc));
        let zeros = "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58";
        assert_eq!(record("sparse").sha256.as_deref(), Some(zeros));
        assert_eq!(record("wal").kind, FileType::Directory);
        assert!(!found.is_cut);
        if cfg!(unix) {
            assert_eq!(
                record("link").target.as_ref().unwrap().to_path(),
                Path::new("wal")
            );
        }
    }
}
