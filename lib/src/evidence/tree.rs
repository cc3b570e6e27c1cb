//! Folders and files on disk; `archive` has those of an archive.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::file::{ByteSource, FileFacts};
use super::platform::{self, FileIdentity, Listed};

/// What a directory entry is, symbolic links followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    File,
    Dir,
    /// A FIFO, socket, device, or a link without a target.
    Other,
}

/// One name in a folder.
#[derive(Clone, Debug)]
pub(super) struct TreeEntry {
    pub(super) name: OsString,
    pub(super) shape: Shape,
    pub(super) meta: FileFacts,
    /// Reached through a symbolic link.
    pub(super) link: bool,
}

/// A tree of folders that can be listed and read. Paths are relative to its root, the root itself is empty.
pub(super) trait Tree {
    /// The entries of a folder, sorted by name, and whether there are more than `limit`.
    fn list(&self, dir: &Path, limit: usize) -> io::Result<(Vec<TreeEntry>, bool)>;
    /// Like `list`, but without sizes and times, which cost a call for each of perhaps 100,000 files.
    fn names(&self, dir: &Path, limit: usize) -> io::Result<Vec<TreeEntry>> {
        Ok(self.list(dir, limit)?.0)
    }
    /// The first bytes of a file, at most `len`.
    fn head(&self, file: &Path, len: usize) -> io::Result<Vec<u8>>;
    /// The error of the system if this user may not read a file; `None` if it may, or if it is known only when the file is read.
    fn refusal(&self, _file: &Path) -> Option<io::Error> {
        None
    }
    /// Returns where the bytes of a file are.
    fn source(&self, file: &Path) -> ByteSource;
}

/// A directory on disk.
pub(super) struct Disk {
    pub(super) root: PathBuf,
}

impl Disk {
    fn path(&self, relative: &Path) -> PathBuf {
        // Joining an empty path would append a slash.
        if relative.as_os_str().is_empty() {
            self.root.clone()
        } else {
            self.root.join(relative)
        }
    }
}

impl Tree for Disk {
    fn list(&self, dir: &Path, limit: usize) -> io::Result<(Vec<TreeEntry>, bool)> {
        self.entries(dir, limit, |path, listed| look(path, &listed.name))
    }

    fn names(&self, dir: &Path, limit: usize) -> io::Result<Vec<TreeEntry>> {
        let entries = self.entries(dir, limit, |path, listed| match listed.shape {
            None => look(path, &listed.name),
            Some(shape) => TreeEntry {
                name: listed.name,
                shape,
                meta: FileFacts::default(),
                link: false,
            },
        });
        Ok(entries?.0)
    }

    fn head(&self, file: &Path, len: usize) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        platform::open(&self.path(file))?
            .take(len as u64)
            .read_to_end(&mut head)?;
        Ok(head)
    }

    fn refusal(&self, file: &Path) -> Option<io::Error> {
        let refused = platform::open(&self.path(file)).err();
        refused.filter(|error| error.kind() == io::ErrorKind::PermissionDenied)
    }

    fn source(&self, file: &Path) -> ByteSource {
        ByteSource::Disk(self.path(file))
    }
}

impl Disk {
    fn entries(
        &self,
        dir: &Path,
        limit: usize,
        look: impl Fn(&Path, Listed) -> TreeEntry,
    ) -> io::Result<(Vec<TreeEntry>, bool)> {
        let path = self.path(dir);
        let mut entries = Vec::new();
        let mut more = false;
        for listed in platform::list(&path)? {
            let listed = listed?;
            if entries.len() >= limit {
                more = true;
                break;
            }
            entries.push(look(&path.join(&listed.name), listed));
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok((entries, more))
    }
}

/// Looks a path up. etcd's `member/wal` is often a link to another disk, so links are followed; what they lead to
/// is listed under the link's own name, at a fixed depth, so that no loop can be entered.
fn look(path: &Path, name: &OsStr) -> TreeEntry {
    let itself = path.symlink_metadata().ok();
    let link = itself.as_ref().is_some_and(|meta| meta.is_symlink());
    let meta = if link { path.metadata().ok() } else { itself };
    TreeEntry {
        name: name.to_owned(),
        shape: match &meta {
            Some(meta) if meta.is_file() => Shape::File,
            Some(meta) if meta.is_dir() => Shape::Dir,
            _ => Shape::Other,
        },
        meta: meta.as_ref().map(meta_of).unwrap_or_default(),
        link,
    }
}

/// The facts that matter of a file's metadata.
pub(super) fn meta_of(meta: &std::fs::Metadata) -> FileFacts {
    let FileIdentity { mode, id } = platform::identity(meta);
    FileFacts {
        size: meta.len(),
        modified: meta.modified().ok(),
        mode,
        id,
    }
}
