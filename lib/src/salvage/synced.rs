//! A file of which the system writes a part to the disk while the next one is made: waiting for the disk at the end would take as
//! long as all the rest.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;

/// Bytes after which the disk is asked to catch up.
const STEP_BYTES: usize = 64 << 20;

/// A file and the thread that syncs it.
#[derive(Debug)]
pub(super) struct SyncedFile<'f> {
    file: &'f mut File,
    /// `None` once the thread was asked to end.
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
    since: usize,
}

impl<'f> SyncedFile<'f> {
    pub(super) fn new(file: &'f mut File) -> io::Result<Self> {
        let synced = file.try_clone()?;
        // One request that waits is enough: a sync takes all that was written before it.
        let (wake, woken) = mpsc::sync_channel(1);
        let sync = move || sync_when_woken(&synced, &woken);
        let thread = std::thread::Builder::new().spawn(sync)?;
        Ok(Self {
            file,
            wake: Some(wake),
            thread: Some(thread),
            since: 0,
        })
    }

    /// Asks for what was written so far to be on the disk.
    pub(super) fn sync_soon(&mut self) {
        self.since = 0;
        if let Some(wake) = &self.wake {
            // Full: the request that waits will do.
            let _ = wake.try_send(());
        }
    }

    /// Waits for the thread. An error of a sync is reported by the system once, so it must not get lost.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.join()
    }

    fn join(&mut self) -> io::Result<()> {
        self.wake = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(io::Error::other("the thread that syncs the file ended")),
            None => Ok(()),
        }
    }
}

fn sync_when_woken(file: &File, woken: &Receiver<()>) -> io::Result<()> {
    while woken.recv().is_ok() {
        file.sync_data()?;
    }
    Ok(())
}

impl Drop for SyncedFile<'_> {
    fn drop(&mut self) {
        let _ = self.join();
    }
}

impl Write for SyncedFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.since = self.since.saturating_add(written);
        if self.since >= STEP_BYTES {
            self.sync_soon();
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Read for SyncedFile<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.file.read(bytes)
    }
}

impl Seek for SyncedFile<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_in_the_file_and_the_thread_has_ended() {
        let mut file = tempfile::tempfile().unwrap();
        let mut synced = SyncedFile::new(&mut file).unwrap();
        synced.write_all(b"first ").unwrap();
        synced.sync_soon();
        synced.sync_soon();
        synced.write_all(b"second").unwrap();
        synced.finish().unwrap();
        let mut text = String::new();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "first second");
    }
}
