//! Linux, macOS and FreeBSD alike: what POSIX says, with the flags and errors of each kernel.

#[cfg(not(target_os = "linux"))]
#[path = "unix/bsd.rs"]
mod kernel;
#[cfg(target_os = "linux")]
#[path = "unix/linux.rs"]
mod kernel;
#[path = "unix/sigbus.rs"]
mod sigbus;

use std::ffi::OsStr;
use std::fs::{File, FileType, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use super::{FileIdentity, Listed, Ownership};
use crate::evidence::tree::Shape;

pub(in crate::evidence) use kernel::holders;
pub(in crate::evidence) use sigbus::Guard;

/// Opens a regular file or block device for reading, without changing its access time if the system allows that.
///
/// # Errors
/// The system refuses, or it is a FIFO, socket, terminal or other thing that reading would disturb.
pub(in crate::evidence) fn open(path: &Path) -> io::Result<File> {
    // NONBLOCK: opening a FIFO must not wait for a writer that never comes. It means nothing for files.
    let file = File::from(open_quietly(path, OFlags::NONBLOCK | OFlags::NOCTTY)?);
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if kind.is_file() || is_block_device(kind) {
        return Ok(file);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "not a regular file",
    ))
}

/// Lists a folder in the order of the file system, without `.` and `..`.
///
/// # Errors
/// The system refuses to open it; the iterator then reports an entry that cannot be read.
pub(in crate::evidence) fn list(
    path: &Path,
) -> io::Result<impl Iterator<Item = io::Result<Listed>> + use<>> {
    let entries = rustix::fs::Dir::new(open_quietly(path, OFlags::DIRECTORY)?)?;
    Ok(entries.filter_map(|entry| {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return Some(Err(error.into())),
        };
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            return None;
        }
        let shape = match entry.file_type() {
            rustix::fs::FileType::RegularFile => Some(Shape::File),
            rustix::fs::FileType::Directory => Some(Shape::Dir),
            _ => None,
        };
        Some(Ok(Listed {
            name: name.to_owned(),
            shape,
        }))
    }))
}

fn open_quietly(path: &Path, flags: OFlags) -> Result<rustix::fd::OwnedFd, Errno> {
    let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC;
    // Linux lets only the owner of a file (and root) read it without a new access time: open(2), O_NOATIME.
    match rustix::fs::openat(CWD, path, flags | kernel::NO_ACCESS_TIME, Mode::empty()) {
        Err(Errno::PERM) => rustix::fs::openat(CWD, path, flags, Mode::empty()),
        opened => opened,
    }
}

/// Whether the disk or the file system failed, rather than the request: reading goes on after such a range.
pub(in crate::evidence) fn is_medium_error(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| {
        kernel::MEDIUM_ERRORS
            .iter()
            .any(|errno| errno.raw_os_error() == code)
    })
}

/// A disk or partition: etcd's files may be read from an image of it.
pub(in crate::evidence) fn is_block_device(kind: FileType) -> bool {
    kind.is_block_device()
}

/// A FIFO or a socket: the end of a pipe.
pub(in crate::evidence) fn is_pipe(kind: FileType) -> bool {
    kind.is_fifo() || kind.is_socket()
}

/// Permission bits, device and inode.
pub(in crate::evidence) fn identity(meta: &Metadata) -> FileIdentity {
    FileIdentity {
        mode: Some(meta.mode() & 0o7777),
        id: Some((meta.dev(), meta.ino())),
    }
}

/// Owner, group, time of the last change of the inode, and blocks.
pub(in crate::evidence) fn ownership(meta: &Metadata) -> Ownership {
    let seconds = u64::try_from(meta.ctime()).ok();
    let nanos = u32::try_from(meta.ctime_nsec()).unwrap_or(0);
    let since = seconds.map(|seconds| Duration::new(seconds, nanos));
    Ownership {
        owner: Some((meta.uid(), meta.gid())),
        changed: since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since)),
        // st_blocks counts 512 bytes, whatever the block size of the file system: stat(2).
        allocated_bytes: Some(meta.blocks().saturating_mul(512)),
        links: Some(meta.nlink()),
    }
}

/// The ranges of a file that are not holes; `None` if the file system does not tell. lseek(2), SEEK_DATA and SEEK_HOLE.
pub(in crate::evidence) fn data_extents(file: &File, size: u64) -> Option<Vec<Range<u64>>> {
    let mut extents = Vec::new();
    let mut at = 0;
    while at < size {
        let start = match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => break,
            Err(_) => return None,
        };
        let end = rustix::fs::seek(file, rustix::fs::SeekFrom::Hole(start)).ok()?;
        if end <= start {
            return None;
        }
        extents.push(start..end.min(size));
        at = end;
    }
    Some(extents)
}

/// Most address space that this process may take, in bytes; `None` if there is no limit. `ulimit -v`.
pub(in crate::evidence) fn address_space() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

/// Tries whether this process may open that many more files at once: `ulimit -n`.
///
/// # Errors
/// It may not.
pub(in crate::evidence) fn spare_handles(count: usize) -> io::Result<()> {
    let open = |_| open_quietly(Path::new("/"), OFlags::DIRECTORY);
    let opened: Result<Vec<_>, Errno> = (0..count).map(open).collect();
    match opened {
        Err(error @ (Errno::MFILE | Errno::NFILE)) => Err(error.into()),
        // Whether the root folder may be listed is not what is asked.
        _ => Ok(()),
    }
}

/// A name of the bytes that an archive or a command line has: any byte but `/` and 0 is allowed.
pub(in crate::evidence) fn os_str(name: &[u8]) -> std::borrow::Cow<'_, OsStr> {
    std::borrow::Cow::Borrowed(OsStr::from_bytes(name))
}
