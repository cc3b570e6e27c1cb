//! Mapped files: the only `unsafe` of the library besides the signal handler that makes it sound.

use std::fs::File;
use std::io;
use std::ops::Range;

use memmap2::{Mmap, MmapOptions};

use super::changed::ByteChange;
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

    /// Maps the first `len` bytes of a file, with other bytes in some places. The file is not changed: pages that are written to
    /// become memory of this process.
    ///
    /// # Errors
    /// As [`Mapping::new`].
    pub(super) fn changed(file: &File, len: usize, changes: &[ByteChange]) -> io::Result<Self> {
        // SAFETY: as in `new`. MAP_PRIVATE: what is written to the mapping never reaches the file.
        #[expect(unsafe_code, reason = "mapping a file has no safe form")]
        let map = unsafe { MmapOptions::new().len(len).map_copy_read_only(file)? };
        let guard = Guard::over(&map)?;
        let place = |change: &'_ ByteChange| {
            let start = usize::try_from(change.offset).unwrap_or(usize::MAX);
            start..start.saturating_add(change.bytes.len())
        };
        // The guard replaces a page that cannot be read by one that cannot be written: it is touched before that matters.
        for change in changes {
            std::hint::black_box(map.get(place(change)).map(<[u8]>::to_vec));
        }
        let mut writable = map.make_mut()?;
        for change in changes {
            if let Some(room) = writable.get_mut(place(change)) {
                room.copy_from_slice(&change.bytes);
            }
        }
        let map = writable.make_read_only()?;
        Ok(Self { guard, map })
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.map
    }

    /// The ranges that could not be read, among those that were touched until now.
    pub(super) fn lost(&self) -> Vec<Range<u64>> {
        self.guard.lost()
    }
}
