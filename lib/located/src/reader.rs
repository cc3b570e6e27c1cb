//! Bytes that can be read at an offset.

use std::fs;
use std::io::{self, Seek};

/// Bytes that can be read at an offset: a file, or in tests a disk that fails at chosen offsets.
pub trait Reader: Send + Sync {
    /// Returns the current number of bytes.
    ///
    /// # Errors
    /// Returns the error of the system.
    fn size(&self) -> io::Result<u64>;

    /// Reads bytes at an offset and returns their number; 0 is the end.
    ///
    /// # Errors
    /// Returns the error of the system. Errors of the disk (`EIO` and similar) make a range unreadable; others stop reading.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Returns the first offset from `offset` on that may have data; `None` if only a hole follows.
    ///
    /// Lets sparse files be read without their holes. The default knows no holes.
    fn next_data(&self, offset: u64) -> Option<u64> {
        Some(offset)
    }
}

impl Reader for fs::File {
    fn size(&self) -> io::Result<u64> {
        let meta = self.metadata()?;
        if meta.is_file() {
            return Ok(meta.len());
        }
        // A block device has no length in its metadata.
        let mut file = self;
        file.seek(io::SeekFrom::End(0))
    }

    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(self, buffer, offset)
    }

    // Without a positional read of the system's, threads would move each other's offset: one file is read by one at a time.
    #[cfg(not(any(unix, windows)))]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock();
        let mut file = self;
        file.seek(io::SeekFrom::Start(offset))?;
        io::Read::read(&mut file, buffer)
    }

    // lseek(2), SEEK_DATA: file systems without it answer with the offset itself.
    #[cfg(target_os = "linux")]
    fn next_data(&self, offset: u64) -> Option<u64> {
        match rustix::fs::seek(self, rustix::fs::SeekFrom::Data(offset)) {
            Ok(data) => Some(data.max(offset)),
            Err(rustix::io::Errno::NXIO) => None,
            Err(_) => Some(offset),
        }
    }
}

impl Reader for Vec<u8> {
    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|at| self.get(at..))
            .unwrap_or_default();
        let len = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), rest.get(..len)) {
            to.copy_from_slice(from);
        }
        Ok(len)
    }
}
