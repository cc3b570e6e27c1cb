//! Any other system, with the standard library alone.

use std::ffi::OsStr;
use std::fs::{self, FileType, Metadata};
use std::io;
use std::ops::Range;
use std::path::Path;

use super::{FileIdentity, Listed, Ownership};
use crate::evidence::file::File;
use crate::evidence::live::Holder;
use crate::evidence::tree::Shape;

/// What a failing disk answers: `ERROR_CRC`, `ERROR_SECTOR_NOT_FOUND`, `ERROR_READ_FAULT`, `ERROR_GEN_FAILURE`,
/// `ERROR_IO_DEVICE`, `ERROR_DISK_OPERATION_FAILED`, `ERROR_FILE_CORRUPT` and `ERROR_DISK_CORRUPT` of Windows.
#[cfg(windows)]
const MEDIUM_ERRORS: &[i32] = &[23, 27, 30, 31, 1117, 1127, 1392, 1393];
/// What a failing disk answers: EIO has this number on every Unix.
#[cfg(not(windows))]
const MEDIUM_ERRORS: &[i32] = &[5];

/// Opens a regular file for reading.
///
/// # Errors
/// The system refuses, or it is no regular file.
pub(in crate::evidence) fn open(path: &Path) -> io::Result<fs::File> {
    // Looked at before it is opened: opening a pipe could wait for ever.
    let kind = fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    fs::File::open(path)
}

/// Lists a folder in the order of the file system.
///
/// # Errors
/// The system refuses to open it; the iterator then reports an entry that cannot be read.
pub(in crate::evidence) fn list(
    path: &Path,
) -> io::Result<impl Iterator<Item = io::Result<Listed>> + use<>> {
    Ok(fs::read_dir(path)?.map(|entry| {
        let entry = entry?;
        let shape = match entry.file_type() {
            Ok(kind) if kind.is_file() => Some(Shape::File),
            Ok(kind) if kind.is_dir() => Some(Shape::Dir),
            _ => None,
        };
        Ok(Listed {
            name: entry.file_name(),
            shape,
        })
    }))
}

/// Whether the disk or the file system failed, rather than the request: reading goes on after such a range.
pub(in crate::evidence) fn is_medium_error(error: &io::Error) -> bool {
    error
        .raw_os_error()
        .is_some_and(|code| MEDIUM_ERRORS.contains(&code))
}

/// Devices are not read: their size is not known here.
pub(in crate::evidence) fn is_block_device(_: FileType) -> bool {
    false
}

/// Pipes are not read: the standard library does not know them.
pub(in crate::evidence) fn is_pipe(_: FileType) -> bool {
    false
}

/// Nothing that the standard library knows.
pub(in crate::evidence) fn identity(_: &Metadata) -> FileIdentity {
    FileIdentity::default()
}

/// Nothing that the standard library knows.
pub(in crate::evidence) fn ownership(_: &Metadata) -> Ownership {
    Ownership::default()
}

/// The system is not asked.
pub(in crate::evidence) fn data_extents(_: &fs::File, _: u64) -> Option<Vec<Range<u64>>> {
    None
}

/// A name of the bytes that an archive or a command line has; what is no UTF-8 becomes U+FFFD.
pub(in crate::evidence) fn os_str(name: &[u8]) -> std::borrow::Cow<'_, OsStr> {
    match String::from_utf8_lossy(name) {
        std::borrow::Cow::Borrowed(name) => std::borrow::Cow::Borrowed(OsStr::new(name)),
        std::borrow::Cow::Owned(name) => std::borrow::Cow::Owned(name.into()),
    }
}

/// None: the system has no such limit.
pub(in crate::evidence) fn address_space() -> Option<u64> {
    None
}

/// Nothing is known of such a limit.
///
/// # Errors
/// None.
pub(in crate::evidence) fn spare_handles(_: usize) -> io::Result<()> {
    Ok(())
}

/// None: the system does not list who holds a lock, and trying to take one would disturb a server.
pub(in crate::evidence) fn holders(_: &[File]) -> Vec<Holder> {
    Vec::new()
}

/// Refuses every mapping: what happens when a mapped page cannot be read is not known here. The file is then read.
#[derive(Debug)]
pub(in crate::evidence) enum Guard {}

impl Guard {
    /// # Errors
    /// Always [`io::ErrorKind::Unsupported`].
    pub(in crate::evidence) fn over(_: &[u8]) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in crate::evidence) fn lost(&self) -> Vec<Range<u64>> {
        match *self {}
    }
}
