//! Plain reads: for failing disks and for files that another program may shorten meanwhile.

use std::io;
use std::ops::Range;

use located::AlignedBuffer;
pub use located::Reader;

use super::platform;
use super::store::SparseBuffer;

/// The result of plain reads.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) store: SparseBuffer,
    /// Ranges that could not be read; they are zeros here.
    pub(super) unreadable: Vec<Range<u64>>,
    /// The length of the file when it was opened, if it ended earlier.
    pub(super) shrank_from: Option<u64>,
}

const CHUNK: usize = 1 << 20;
/// Sizes of the pieces around an unreadable place: a file system block, then a disk sector.
const STEPS: [usize; 3] = [64 << 10, 4096, 512];
/// Maximum number of unreadable sectors that are tried one by one; after them an unreadable chunk is skipped as a whole,
/// because a dead disk answers slowly.
const MAX_REFUSED_SECTORS: u32 = 4096;

/// Reads everything, with zeros for what cannot be read.
///
/// # Errors
/// The size is not known, there is no memory, or the system refuses for a reason other than a failing medium.
pub(super) fn load(reader: &dyn Reader) -> io::Result<Loaded> {
    let size = reader.size()?;
    let mut load = Load {
        reader,
        loaded: Loaded {
            store: SparseBuffer::zeroed(size)?,
            ..Loaded::default()
        },
        buffer: AlignedBuffer::with_room(CHUNK),
        refused: 0,
    };
    let mut at = 0;
    while at < size {
        at = match reader.next_data(at) {
            None => match reader.size()? {
                // No data follows: a hole to the end, or the file became shorter.
                now if now < size => return Ok(load.shrank(now, size)),
                _ => break,
            },
            Some(data) if data >= size => break,
            Some(data) => data,
        };
        let want = usize::try_from(size.saturating_sub(at)).map_or(CHUNK, |rest| rest.min(CHUNK));
        match load.piece(at, want, &STEPS)? {
            got if got < want => {
                let end = at.saturating_add(got as u64);
                return Ok(load.shrank(end, size));
            }
            got => at = at.saturating_add(got as u64),
        }
    }
    Ok(load.loaded)
}

struct Load<'r> {
    reader: &'r dyn Reader,
    loaded: Loaded,
    buffer: AlignedBuffer,
    refused: u32,
}

impl Load<'_> {
    /// Reads `want` bytes at `at`, in smaller pieces around what is refused; returns less only at the end of the file.
    fn piece(&mut self, at: u64, want: usize, steps: &[usize]) -> io::Result<usize> {
        let mut done = 0;
        while done < want {
            let position = at.saturating_add(done as u64);
            let buffer = self.buffer.room(want.saturating_sub(done));
            match self.reader.read_at(buffer, position) {
                Ok(0) => break,
                Ok(got) => {
                    let got = got.min(buffer.len());
                    let offset =
                        usize::try_from(position).map_err(|_| io::ErrorKind::OutOfMemory)?;
                    let bytes = buffer.get(..got).unwrap_or_default();
                    self.loaded.store.put(offset, bytes)?;
                    done = done.saturating_add(got);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if platform::is_medium_error(&error) => {
                    let rest = want.saturating_sub(done);
                    match steps.split_first() {
                        Some((&step, finer)) if self.refused < MAX_REFUSED_SECTORS => {
                            // Pieces end at multiples of their length, like the blocks of the medium.
                            let into = usize::try_from(position % step as u64).unwrap_or(0);
                            let part = rest.min(step.saturating_sub(into));
                            let got = self.piece(position, part, finer)?;
                            done = done.saturating_add(got);
                            if got < part {
                                break;
                            }
                        }
                        _ => {
                            self.refused = self.refused.saturating_add(1);
                            self.lost(position, rest);
                            done = want;
                        }
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn lost(&mut self, at: u64, len: usize) {
        let end = at.saturating_add(len as u64);
        match self.loaded.unreadable.last_mut() {
            Some(last) if last.end == at => last.end = end,
            _ => self.loaded.unreadable.push(at..end),
        }
    }

    fn shrank(mut self, end: u64, size: u64) -> Loaded {
        self.loaded
            .store
            .truncate(usize::try_from(end).unwrap_or(usize::MAX));
        self.loaded.shrank_from = Some(size);
        self.loaded
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Seek, Write};
    use std::ops::Range;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::{Reader, load};

    struct Failing {
        bytes: Vec<u8>,
        bad: Vec<Range<u64>>,
        code: i32,
        ends_at: u64,
        reads: AtomicU32,
    }

    impl Failing {
        fn new(len: usize, bad: &[Range<u64>]) -> Self {
            Self {
                bytes: (0..len).map(|at| (at / 512 % 255 + 1) as u8).collect(),
                bad: bad.to_vec(),
                code: 5,
                ends_at: len as u64,
                reads: AtomicU32::new(0),
            }
        }
    }

    impl Reader for Failing {
        fn size(&self) -> io::Result<u64> {
            self.bytes.size()
        }

        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            let end = (offset + buffer.len() as u64).min(self.ends_at);
            if self
                .bad
                .iter()
                .any(|bad| bad.start < end && bad.end > offset)
            {
                return Err(io::Error::from_raw_os_error(self.code));
            }
            let len = end.saturating_sub(offset) as usize;
            self.bytes.read_at(&mut buffer[..len], offset)
        }
    }

    #[test]
    fn unreadable_sectors_become_zeros_and_everything_around_them_is_read() {
        let disk = Failing::new(3 << 20, &[1_000_000..1_000_001, 2_097_152..2_101_248]);
        let loaded = load(&disk).unwrap();
        let sector = 1_000_000 / 512 * 512;
        assert_eq!(
            loaded.unreadable,
            [sector..sector + 512, 2_097_152..2_101_248]
        );
        let mut want = disk.bytes.clone();
        for range in &loaded.unreadable {
            want[range.start as usize..range.end as usize].fill(0);
        }
        assert!(loaded.store.as_slice() == want);
        assert_eq!(loaded.shrank_from, None);
    }

    #[test]
    fn a_dead_disk_is_given_up_in_large_pieces() {
        let disk = Failing::new(64 << 20, std::slice::from_ref(&(0..64 << 20)));
        let loaded = load(&disk).unwrap();
        assert_eq!(loaded.unreadable, std::slice::from_ref(&(0..64 << 20)));
        assert!(disk.reads.load(Ordering::Relaxed) < 10_000);
    }

    #[test]
    fn a_refusal_that_is_not_the_mediums_stops() {
        let mut disk = Failing::new(4096, std::slice::from_ref(&(0..1)));
        disk.code = 13;
        assert_eq!(
            load(&disk).unwrap_err().kind(),
            io::ErrorKind::PermissionDenied
        );
    }

    #[test]
    fn a_file_that_ends_earlier_than_it_said_gives_what_was_there() {
        let mut disk = Failing::new(3 << 20, &[]);
        disk.ends_at = 1_500_000;
        let loaded = load(&disk).unwrap();
        assert_eq!(loaded.shrank_from, Some(3 << 20));
        assert!(loaded.store.as_slice() == &disk.bytes[..1_500_000]);
    }

    #[test]
    fn a_sparse_file_costs_what_it_holds() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 37).unwrap();
        (&file).seek(io::SeekFrom::Start(1 << 36)).unwrap();
        (&file).write_all(b"here").unwrap();
        let loaded = load(&file).unwrap();
        assert_eq!(loaded.store.len(), 1 << 37);
        assert_eq!(&loaded.store.as_slice()[1 << 36..][..5], b"here\0");
    }
}
