//! Bounds-checked reads that know file and offset.

use std::ops::Range;

use crate::error::Error;
use crate::place::{FileName, Place};

/// A slice of a file that knows its file and offset.
///
/// Parsers read fields by offset and name. A read beyond the end returns [`Error::Truncated`] with the place.
///
/// ```
/// use etcd_inspect_located::{Bytes, FileName};
/// let name = FileName::new("db");
/// let page = Bytes::new(&name, 4096, &[7, 0, 0, 0]);
/// assert_eq!(page.u32(0, "page.id")?, 7);
/// assert_eq!(page.u64(0, "page.id").unwrap_err().to_string(), "db @ 0x1000: page.id needs 8 bytes, 4 are left");
/// # Ok::<(), etcd_inspect_located::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a> {
    data: &'a [u8],
    file: &'a FileName,
    offset: u64,
    extents: &'a [Range<u64>],
}

impl<'a> Bytes<'a> {
    /// Creates a slice; `data` is at `offset` of `file`.
    pub fn new(file: &'a FileName, offset: u64, data: &'a [u8]) -> Self {
        Self {
            data,
            file,
            offset,
            extents: &[],
        }
    }

    /// The same bytes, of which only these ranges of the file are on the disk, in ascending order; all others are zeros.
    #[must_use]
    pub fn with_extents(self, extents: &'a [Range<u64>]) -> Self {
        Self { extents, ..self }
    }

    /// Returns the ranges of the file that are on the disk; empty if that is not known, and all bytes have to be looked at.
    pub fn extents(&self) -> &'a [Range<u64>] {
        self.extents
    }

    /// Returns the bytes.
    pub fn as_slice(&self) -> &'a [u8] {
        self.data
    }

    /// Returns the number of bytes.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Returns whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Returns the offset of the first byte in the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the file.
    pub fn file(&self) -> &'a FileName {
        self.file
    }

    /// Returns the place of byte `at` of this slice.
    pub fn place(&self, at: usize) -> Place {
        Place::at(self.file, self.offset.saturating_add(at as u64))
    }

    /// Returns `len` bytes from `at`; `what` is their name in the error.
    ///
    /// # Errors
    /// [`Error::Truncated`] if the slice is too short.
    pub fn slice(&self, at: usize, len: usize, what: &'static str) -> Result<Self, Error> {
        let data = at
            .checked_add(len)
            .and_then(|end| self.data.get(at..end))
            .ok_or_else(|| self.truncated(at, len, what))?;
        Ok(Self {
            data,
            offset: self.offset.saturating_add(at as u64),
            ..*self
        })
    }

    /// Returns all bytes from `at` on.
    ///
    /// # Errors
    /// [`Error::Truncated`] if `at` is beyond the end.
    pub fn from(&self, at: usize, what: &'static str) -> Result<Self, Error> {
        let data = self
            .data
            .get(at..)
            .ok_or_else(|| self.truncated(at, 0, what))?;
        Ok(Self {
            data,
            offset: self.offset.saturating_add(at as u64),
            ..*self
        })
    }

    fn array<const N: usize>(&self, at: usize, what: &'static str) -> Result<[u8; N], Error> {
        at.checked_add(N)
            .and_then(|end| self.data.get(at..end))
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| self.truncated(at, N, what))
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// [`Error::Truncated`] if the slice is too short, as for all reads below.
    pub fn u8(&self, at: usize, what: &'static str) -> Result<u8, Error> {
        self.array::<1>(at, what).map(|[byte]| byte)
    }

    /// Reads a little-endian `u16`.
    pub fn u16(&self, at: usize, what: &'static str) -> Result<u16, Error> {
        self.array(at, what).map(u16::from_le_bytes)
    }

    /// Reads a little-endian `u32`.
    pub fn u32(&self, at: usize, what: &'static str) -> Result<u32, Error> {
        self.array(at, what).map(u32::from_le_bytes)
    }

    /// Reads a little-endian `u64`.
    pub fn u64(&self, at: usize, what: &'static str) -> Result<u64, Error> {
        self.array(at, what).map(u64::from_le_bytes)
    }

    /// Reads a big-endian `u16`.
    pub fn u16_be(&self, at: usize, what: &'static str) -> Result<u16, Error> {
        self.array(at, what).map(u16::from_be_bytes)
    }

    /// Reads a big-endian `u64`.
    pub fn u64_be(&self, at: usize, what: &'static str) -> Result<u64, Error> {
        self.array(at, what).map(u64::from_be_bytes)
    }

    /// Creates the error for a read of `need` bytes at `at`.
    #[cold]
    pub fn truncated(&self, at: usize, need: usize, what: &'static str) -> Error {
        Error::Truncated {
            what,
            place: self.place(at),
            need: need as u64,
            have: self.data.len().saturating_sub(at) as u64,
        }
    }

    /// Creates the error for bytes at `at` with an impossible content.
    #[cold]
    pub fn malformed(&self, at: usize, what: &'static str, seen: impl Into<String>) -> Error {
        Error::Malformed {
            what,
            place: self.place(at),
            seen: seen.into(),
        }
    }
}

/// Loads the bytes at these offsets into the CPU cache.
///
/// The CPU executes about ten independent loads at a time, but the reads of a parser depend on each other and are executed
/// one by one. Offsets beyond the end are ignored.
pub fn warm(data: &[u8], places: impl Iterator<Item = usize>) {
    let touched = places.filter_map(|at| data.get(at));
    std::hint::black_box(touched.fold(0, |sum, byte| sum ^ byte));
}
