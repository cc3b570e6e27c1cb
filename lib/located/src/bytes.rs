//! Bounds-checked reads that know file and offset.

use crate::error::Error;
use crate::place::{FileName, Place};

/// A slice of evidence that knows where it lies.
///
/// Every parser reads through it: a field is one line, offset then name, and a read beyond the end is
/// [`Error::Truncated`] with the place, never a panic.
///
/// ```
/// use etcd_inspect::{Bytes, FileName};
/// let name = FileName::new("db");
/// let page = Bytes::new(&name, 4096, &[7, 0, 0, 0]);
/// assert_eq!(page.u32(0, "page.id")?, 7);
/// assert_eq!(page.u64(0, "page.id").unwrap_err().to_string(), "db @ 0x1000: page.id needs 8 bytes, 4 are there");
/// # Ok::<(), etcd_inspect::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a> {
    data: &'a [u8],
    file: &'a FileName,
    offset: u64,
}

impl<'a> Bytes<'a> {
    /// `data` begins at `offset` of `file`.
    pub fn new(file: &'a FileName, offset: u64, data: &'a [u8]) -> Self {
        Self { data, file, offset }
    }

    /// The bytes themselves.
    pub fn as_slice(&self) -> &'a [u8] {
        self.data
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Where in the file the first byte lies.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The file they come from.
    pub fn file(&self) -> &'a FileName {
        self.file
    }

    /// The place of byte `at` of this slice.
    pub fn place(&self, at: usize) -> Place {
        Place::at(self.file, self.offset.saturating_add(at as u64))
    }

    /// `len` bytes from `at`; `what` names them in the error.
    ///
    /// # Errors
    /// [`Error::Truncated`] where the slice ends before.
    pub fn slice(&self, at: usize, len: usize, what: &'static str) -> Result<Self, Error> {
        let data = at
            .checked_add(len)
            .and_then(|end| self.data.get(at..end))
            .ok_or_else(|| self.truncated(at, len, what))?;
        Ok(Self {
            data,
            file: self.file,
            offset: self.offset.saturating_add(at as u64),
        })
    }

    /// Everything from `at` on.
    ///
    /// # Errors
    /// [`Error::Truncated`] where `at` lies beyond the end.
    pub fn from(&self, at: usize, what: &'static str) -> Result<Self, Error> {
        let data = self
            .data
            .get(at..)
            .ok_or_else(|| self.truncated(at, 0, what))?;
        Ok(Self {
            data,
            file: self.file,
            offset: self.offset.saturating_add(at as u64),
        })
    }

    fn array<const N: usize>(&self, at: usize, what: &'static str) -> Result<[u8; N], Error> {
        at.checked_add(N)
            .and_then(|end| self.data.get(at..end))
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| self.truncated(at, N, what))
    }

    /// One byte.
    ///
    /// # Errors
    /// [`Error::Truncated`]; so for all reads below.
    pub fn u8(&self, at: usize, what: &'static str) -> Result<u8, Error> {
        self.array::<1>(at, what).map(|[byte]| byte)
    }

    /// Little-endian `u16`.
    pub fn u16(&self, at: usize, what: &'static str) -> Result<u16, Error> {
        self.array(at, what).map(u16::from_le_bytes)
    }

    /// Little-endian `u32`.
    pub fn u32(&self, at: usize, what: &'static str) -> Result<u32, Error> {
        self.array(at, what).map(u32::from_le_bytes)
    }

    /// Little-endian `u64`.
    pub fn u64(&self, at: usize, what: &'static str) -> Result<u64, Error> {
        self.array(at, what).map(u64::from_le_bytes)
    }

    /// Big-endian `u16`.
    pub fn u16_be(&self, at: usize, what: &'static str) -> Result<u16, Error> {
        self.array(at, what).map(u16::from_be_bytes)
    }

    /// Big-endian `u64`.
    pub fn u64_be(&self, at: usize, what: &'static str) -> Result<u64, Error> {
        self.array(at, what).map(u64::from_be_bytes)
    }

    /// The error for a read of `need` bytes at `at`.
    #[cold]
    pub fn truncated(&self, at: usize, need: usize, what: &'static str) -> Error {
        Error::Truncated {
            what,
            place: self.place(at),
            need: need as u64,
            have: self.data.len().saturating_sub(at) as u64,
        }
    }

    /// The error for bytes at `at` that are there but cannot be what they should be.
    #[cold]
    pub fn malformed(&self, at: usize, what: &'static str, seen: impl Into<String>) -> Error {
        Error::Malformed {
            what,
            place: self.place(at),
            seen: seen.into(),
        }
    }
}

/// Asks memory for the bytes at these places, so that the reads which follow find them in the cache.
///
/// Loads that do not depend on each other are waited for together, some ten at a time; a parser's own reads, each behind
/// what was decided on the one before, are waited for one by one. Places beyond the end are left out.
pub fn warm(data: &[u8], places: impl Iterator<Item = usize>) {
    let touched = places.filter_map(|at| data.get(at));
    std::hint::black_box(touched.fold(0, |sum, byte| sum ^ byte));
}
