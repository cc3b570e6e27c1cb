//! A buffer that begins at a page of memory.

/// Bytes of a page of memory, or a multiple of it, on every platform that etcd runs on.
const PAGE_BYTES: usize = 4096;

/// Memory to read files into, or to write them from, that begins at a page.
///
/// A large allocation begins 16 bytes into a page, and the kernel then copies 2 to 3.5 times slower. The room is allocated once
/// and used again: keep one buffer for each thread.
///
/// ```
/// use etcd_inspect_located::AlignedBuffer;
/// let mut buffer = AlignedBuffer::default();
/// let room = buffer.room(10_000);
/// assert_eq!((room.len(), room.as_ptr().addr() % 4096), (10_000, 0));
/// ```
#[derive(Debug, Default)]
pub struct AlignedBuffer {
    bytes: Vec<u8>,
}

impl AlignedBuffer {
    /// A buffer with room for that many bytes.
    pub fn with_room(bytes: usize) -> Self {
        let mut buffer = Self::default();
        buffer.room(bytes);
        buffer
    }

    /// Returns that many bytes, with whatever they were used for before.
    pub fn room(&mut self, bytes: usize) -> &mut [u8] {
        let need = bytes.saturating_add(PAGE_BYTES);
        if self.bytes.len() < need {
            // Nothing is copied: what was in the smaller one is of no use.
            self.bytes = vec![0; need];
        }
        let start = self.start();
        self.bytes
            .get_mut(start..start.saturating_add(bytes))
            .unwrap_or_default()
    }

    /// Returns the first bytes of the room that was asked for last.
    pub fn filled(&self, bytes: usize) -> &[u8] {
        let start = self.start();
        self.bytes
            .get(start..start.saturating_add(bytes))
            .unwrap_or_default()
    }

    /// Where the first page begins; at most a page into the allocation.
    fn start(&self) -> usize {
        self.bytes.as_ptr().align_offset(PAGE_BYTES).min(PAGE_BYTES)
    }
}
