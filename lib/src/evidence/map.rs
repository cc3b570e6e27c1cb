//! Mapped files: the only `unsafe` of the library besides the signal handler that makes it sound.

use std::fs::File;
use std::io;
use std::ops::Range;

use memmap2::{Mmap, MmapOptions};

use super::platform::Guard;

/// A file in memory, read-only. Pages that cannot be read are zeros, and [`Mapping::lost`] names them.
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
    /// The system refuses: no address space, too many mappings, a file system without mappings. Platforms without a guard
    /// refuse always.
    pub(super) fn new(file: &File, len: usize) -> io::Result<Self> {
        // SAFETY: the mapping is read-only and private, so nothing changes evidence through it. What another process writes
        // to the file may show through; parsers treat every byte as hostile and read each field once. A page that cannot be
        // read (a shortened file, a failing disk) raises SIGBUS, which the guard turns into zeros; files that a server holds
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

    /// The ranges that could not be read, among those that were touched until now.
    pub(super) fn lost(&self) -> Vec<Range<u64>> {
        self.guard.lost()
    }
}
