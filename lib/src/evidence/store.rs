//! Memory for bytes that cannot be mapped from a file: unpacked archives and plain reads.

use std::io;

use memmap2::{MmapMut, MmapOptions};

/// Bytes in anonymous memory in which runs of zeros cost nothing.
///
/// etcd preallocates WAL segments to 64,000,000 bytes; a young one is almost all zeros. Pages that were never written are
/// never given by the kernel, so such a tail takes address space only, and a bomb of zeros is no bomb.
#[derive(Debug, Default)]
pub(super) struct SparseBuffer {
    map: Option<MmapMut>,
    /// The bytes while they are few: a hundred thousand small files should not cost a page each.
    few: Vec<u8>,
    len: usize,
    /// Everything from here on is still zero.
    written: usize,
}

const PAGE: usize = 4096;
/// Maximum number of bytes that are kept on the heap.
const MAX_HEAP_BYTES: usize = 16 * PAGE;
static ZEROS: [u8; PAGE] = [0; PAGE];

impl SparseBuffer {
    /// `len` zeros.
    ///
    /// # Errors
    /// The system refuses that much address space.
    pub(super) fn zeroed(len: u64) -> io::Result<Self> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut store = Self::default();
        store.reserve(len)?;
        store.len = len;
        Ok(store)
    }

    /// The bytes.
    pub(super) fn as_slice(&self) -> &[u8] {
        let bytes = self.map.as_deref().unwrap_or(&self.few);
        bytes.get(..self.len).unwrap_or_default()
    }

    #[cfg(any(test, feature = "archives"))]
    pub(super) fn len(&self) -> u64 {
        self.len as u64
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// Out of memory; so for `put`.
    #[cfg(any(test, feature = "archives"))]
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.put(self.len, bytes)
    }

    /// Writes bytes at an offset, extending with zeros if that is beyond the end.
    pub(super) fn put(&mut self, at: usize, bytes: &[u8]) -> io::Result<()> {
        let end = at
            .checked_add(bytes.len())
            .ok_or(io::ErrorKind::OutOfMemory)?;
        self.reserve(end)?;
        self.len = self.len.max(end);
        let room = self.map.as_deref_mut().unwrap_or(&mut self.few);
        let Some(target) = room.get_mut(at..end) else {
            return Ok(()); // nothing to write into an empty store
        };
        // A page of zeros is left alone only if nothing was written there before.
        let mut position = at;
        for (to, from) in target.chunks_mut(PAGE).zip(bytes.chunks(PAGE)) {
            if position < self.written || ZEROS.get(..from.len()) != Some(from) {
                to.copy_from_slice(from);
                self.written = self.written.max(position.saturating_add(from.len()));
            }
            position = position.saturating_add(from.len());
        }
        Ok(())
    }

    /// Cuts to `len` bytes.
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    fn reserve(&mut self, need: usize) -> io::Result<()> {
        let have = self.map.as_deref().map_or(self.few.len(), <[u8]>::len);
        if need <= have {
            return Ok(());
        }
        if self.map.is_none() && need <= MAX_HEAP_BYTES {
            let more = need.saturating_sub(have);
            let room = match have {
                0 => self.few.try_reserve_exact(more),
                _ => self.few.try_reserve(more),
            };
            room.map_err(|_| io::ErrorKind::OutOfMemory)?;
            self.few.resize(need, 0);
            return Ok(());
        }
        let room = need.max(have.saturating_mul(2)).max(MAX_HEAP_BYTES);
        // NORESERVE: pages that are never written do not count as memory of the process.
        let map = MmapOptions::new().len(room).no_reserve_swap().map_anon()?;
        let mut old = std::mem::take(self);
        let len = old.len;
        old.len = old.written;
        self.map = Some(map);
        self.put(0, old.as_slice())?;
        self.len = len;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::SparseBuffer;

    #[test]
    fn what_is_pushed_is_there() {
        let mut store = SparseBuffer::default();
        let mut want = Vec::new();
        for round in 0u32..200 {
            let chunk = vec![if round % 3 == 0 { 0 } else { 7 }; 1 + (round as usize * 977) % 9000];
            store.push(&chunk).unwrap();
            want.extend_from_slice(&chunk);
        }
        assert!(store.as_slice() == want);
    }

    #[test]
    fn zeros_overwrite_what_was_written_before() {
        let mut store = SparseBuffer::default();
        store.put(0, &[1; 10_000]).unwrap();
        store.put(4096, &[0; 4096]).unwrap();
        assert_eq!(store.as_slice()[4096..8192], [0; 4096]);
        assert_eq!(store.as_slice()[8192], 1);
        assert_eq!(store.len(), 10_000);
    }

    #[test]
    fn a_terabyte_of_zeros_costs_address_space_only() {
        let store = SparseBuffer::zeroed(1 << 40);
        // A system that does not overcommit refuses; the process is not aborted.
        if let Ok(store) = store {
            assert_eq!(store.as_slice().last(), Some(&0));
        }
    }
}
