//! Opening and mapping files: the only module of the library with `unsafe`.
//!
//! **Invariant**: nothing here opens for writing, takes a lock, or follows a path into a FIFO or a terminal.

mod guard;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use guard::Guard;
use memmap2::{Mmap, MmapOptions};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

/// Opens a regular file or block device for reading, without touching its access time where the system allows that.
///
/// # Errors
/// The system refuses, or it is a FIFO, socket, terminal or other thing that reading would disturb.
pub(super) fn open(path: &Path) -> io::Result<File> {
    // NONBLOCK: opening a FIFO must not wait for a writer that never comes. It means nothing for files.
    let file = File::from(open_quietly(path, OFlags::NONBLOCK | OFlags::NOCTTY)?);
    let kind = file.metadata()?.file_type();
    let device = std::os::unix::fs::FileTypeExt::is_block_device(&kind);
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if kind.is_file() || device {
        return Ok(file);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "not a regular file",
    ))
}

/// Opens a directory for listing, without touching its access time where the system allows that.
///
/// # Errors
/// The system refuses.
pub(super) fn open_directory(path: &Path) -> io::Result<rustix::fd::OwnedFd> {
    Ok(open_quietly(path, OFlags::DIRECTORY)?)
}

fn open_quietly(path: &Path, flags: OFlags) -> Result<rustix::fd::OwnedFd, Errno> {
    let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC;
    // Only the owner of a file (and root) may read it without a trace.
    match rustix::fs::openat(CWD, path, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => rustix::fs::openat(CWD, path, flags, Mode::empty()),
        opened => opened,
    }
}

/// A file in memory, read-only. Pages that cannot be had are zeros, and [`Mapping::lost`] names them.
#[derive(Debug)]
pub(super) struct Mapping {
    // Before the map: fields are dropped in order, and the guard must go first.
    guard: Guard,
    map: Mmap,
}

impl Mapping {
    /// Maps the first `len` bytes of a file.
    ///
    /// # Errors
    /// The system refuses: no address space, too many mappings, a file system without mappings.
    pub(super) fn of(file: &File, len: usize) -> io::Result<Self> {
        // SAFETY: the mapping is read-only and private, so nobody changes evidence through it. What another process writes
        // to the file may show through; parsers treat every byte as hostile and read each field once. A page that cannot be
        // had (a shortened file, a failing disk) raises SIGBUS, which the guard turns into zeros; files that a server holds
        // are not mapped at all (`live`), nor are small ones.
        #[expect(unsafe_code, reason = "mapping a file has no safe form")]
        let map = unsafe { MmapOptions::new().len(len).map(file)? };
        Ok(Self {
            guard: Guard::over(&map)?,
            map,
        })
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.map
    }

    /// The ranges that could not be had, as far as they were touched until now.
    pub(super) fn lost(&self) -> Vec<Range<u64>> {
        self.guard.lost()
    }
}
