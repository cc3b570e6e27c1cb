//! The file as bbolt sees it: one range of memory, read through unchecked pointers.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::Death;

/// The array type that bbolt lays over its mapping on 64-bit machines: an index beyond it panics (`maxMapSize` in `bolt_amd64.go`, v1.3.11).
const MAX_MAP_BYTES: u64 = 0xFFFF_FFFF_FFFF;
/// The array type that it lays over keys and values (maxAllocSize).
const MAX_ALLOC_BYTES: u64 = 0x7FFF_FFFF;
/// What the system maps at once: bytes between the end of the file and the end of its last such page read as zeros.
const OS_PAGE_BYTES: u64 = 4096;
/// What a byte of Go's heap after a copy is taken for: garbage that no message can hold.
const HEAP_BYTE: u8 = 0xff;
/// What Go's heap grows by.
const ARENA_BYTES: u64 = 64 << 20;
/// What Go's heap is divided into: a pointer to the next of them may point to memory that is not in use.
const HEAP_PAGE_BYTES: u64 = 8192;

/// The mapped file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory<'a> {
    pub file: &'a [u8],
}

/// A pointer: an offset in the file, and where the copy ends that it points into, if it points into a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pointer {
    pub at: u64,
    pub copy: Option<Copied>,
}

/// A part of the file that bbolt has copied to Go's heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copied {
    /// Where the copied bytes end. What follows is what the heap holds: a copy is not cleared after its end
    /// (Go `runtime/slice.go`, `makeslicecopy`).
    pub end: u64,
}

impl Copied {
    pub fn from_span(span: Span) -> Self {
        Self {
            end: span.from.at.saturating_add(span.len),
        }
    }
}

/// A byte slice that was not read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub(super) from: Pointer,
    /// Length in bytes.
    pub len: u64,
}

impl Pointer {
    pub fn mapped(at: u64) -> Self {
        Self { at, copy: None }
    }

    pub fn plus(self, bytes: u64) -> Self {
        Self {
            at: self.at.saturating_add(bytes),
            ..self
        }
    }

    /// `unsafeByteSlice`: the bounds of the array type are all that is checked.
    pub fn slice(self, skip: u64, len: u64) -> Result<Span, Death> {
        let end = skip.saturating_add(len);
        if end > MAX_ALLOC_BYTES {
            return Err(Death::Panic(format!(
                "runtime error: slice bounds out of range [::{end}] with length {MAX_ALLOC_BYTES}"
            )));
        }
        Ok(Span {
            from: self.plus(skip),
            len,
        })
    }
}

impl<'a> Memory<'a> {
    fn end(self) -> u64 {
        (self.file.len() as u64).next_multiple_of(OS_PAGE_BYTES)
    }

    /// `&db.data[pos]`: the offset of a page.
    pub fn index(self, at: u64) -> Result<Pointer, Death> {
        if at >= MAX_MAP_BYTES {
            return Err(Death::Panic(format!(
                "runtime error: index out of range [{at}] with length {MAX_MAP_BYTES}"
            )));
        }
        Ok(Pointer::mapped(at))
    }

    fn allowed(self, from: Pointer, len: u64) -> Result<(), Death> {
        let end = from.at.saturating_add(len);
        match from.copy {
            // Go maps its heap in arenas of 64 MiB (`runtime/malloc.go`, `heapArenaBytes`).
            Some(copy) if from.at >= copy.end.saturating_add(ARENA_BYTES) => {
                Err(Death::Fault(from.at))
            }
            Some(copy) if end > copy.end => Err(Death::Heap {
                near: from.at < copy.end.saturating_add(HEAP_PAGE_BYTES),
            }),
            _ if end > self.end() => Err(Death::Fault(from.at)),
            _ => Ok(()),
        }
    }

    fn array<const N: usize>(self, from: Pointer) -> Result<[u8; N], Death> {
        self.allowed(from, N as u64)?;
        let rest = self.rest(from);
        let mut out = [0; N];
        for (to, byte) in out.iter_mut().zip(rest) {
            *to = *byte;
        }
        Ok(out)
    }

    /// The bytes of the file from a pointer on, up to the end of the copy that it points into.
    fn rest(self, from: Pointer) -> &'a [u8] {
        let start = usize::try_from(from.at).unwrap_or(usize::MAX);
        let rest = self.file.get(start..).unwrap_or_default();
        let copied = from
            .copy
            .and_then(|copy| usize::try_from(copy.end.saturating_sub(from.at)).ok());
        copied.and_then(|len| rest.get(..len)).unwrap_or(rest)
    }

    pub fn u64(self, from: Pointer) -> Result<u64, Death> {
        self.array(from).map(u64::from_le_bytes)
    }

    pub fn u32(self, from: Pointer) -> Result<u32, Death> {
        self.array(from).map(u32::from_le_bytes)
    }

    pub fn u16(self, from: Pointer) -> Result<u16, Death> {
        self.array(from).map(u16::from_le_bytes)
    }

    /// Whether all of it can be read.
    pub fn touch(self, span: Span) -> Result<(), Death> {
        self.allowed(span.from, span.len)
    }

    /// The bytes of a span.
    pub fn bytes(self, span: Span) -> Result<Cow<'a, [u8]>, Death> {
        let mut fill = 0;
        match self.touch(span) {
            Err(Death::Heap { near: true }) if span.len <= OS_PAGE_BYTES => fill = HEAP_BYTE,
            touched => touched?,
        }
        let len = usize::try_from(span.len).unwrap_or(usize::MAX);
        let rest = self.rest(span.from);
        if let Some(whole) = rest.get(..len) {
            return Ok(Cow::Borrowed(whole));
        }
        let mut padded = rest.to_vec();
        padded.resize(len, fill);
        Ok(Cow::Owned(padded))
    }

    /// The bytes of a span that are in the file, and how many are not: a reader may stop before it comes there.
    pub fn prefix(self, span: Span) -> Result<(Cow<'a, [u8]>, u64), Death> {
        let len = self.readable(span.from, span.len);
        let missing = span.len.saturating_sub(len);
        if missing > 0 && span.from.copy.is_some() {
            return Ok((self.bytes(span)?, 0));
        }
        if missing > 0 && len == 0 {
            self.touch(span)?;
        }
        let bytes = self.bytes(Span {
            from: span.from,
            len,
        })?;
        Ok((bytes, missing))
    }

    /// `bytes.Compare`, which reads no further than the first difference.
    pub fn compare(self, one: Span, other: &[u8]) -> Result<Ordering, Death> {
        let shared = one.len.min(other.len() as u64);
        let readable = self.readable(one.from, shared);
        let part = self.bytes(Span {
            from: one.from,
            len: readable,
        })?;
        let head = other.get(..part.len()).unwrap_or(other);
        match part.as_ref().cmp(head) {
            Ordering::Equal if readable < shared => Err(self
                .allowed(one.from, shared)
                .err()
                .unwrap_or(Death::Fault(one.from.at))),
            Ordering::Equal => Ok(one.len.cmp(&(other.len() as u64))),
            different => Ok(different),
        }
    }

    /// As [`compare`](Self::compare), both of the file.
    pub fn compare_spans(self, one: Span, other: Span) -> Result<Ordering, Death> {
        let shared = one.len.min(other.len);
        let readable = self
            .readable(one.from, shared)
            .min(self.readable(other.from, shared));
        let cut = |span: Span| Span {
            from: span.from,
            len: readable,
        };
        match self.bytes(cut(one))?.cmp(&self.bytes(cut(other))?) {
            Ordering::Equal if readable < shared => Err(self
                .allowed(one.from, shared)
                .and(self.allowed(other.from, shared))
                .err()
                .unwrap_or(Death::Fault(one.from.at))),
            Ordering::Equal => Ok(one.len.cmp(&other.len)),
            different => Ok(different),
        }
    }

    fn readable(self, from: Pointer, len: u64) -> u64 {
        let copied = from.copy.map_or(u64::MAX, |copy| copy.end);
        let end = copied.min(self.end());
        len.min(end.saturating_sub(from.at))
    }
}
