//! SHA-256 of one file, read once.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::record::{Extent, FileRecord};
use crate::evidence::magic::{HEAD, Magic};
use crate::evidence::platform;
use crate::evidence::read::Reader;
use crate::evidence::tree::meta_of;
use crate::progress::Progress;
use located::{Command, Limits};

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// Most bytes of holes that are hashed: ten seconds or so. Zeros need not be read, but SHA-256 has no shorter way for them.
const MAX_HOLE_BYTES: u64 = 16 << 30;
/// Bytes that are tried at a time around a place that the disk refuses.
const SECTOR_BYTES: usize = 4096;
/// Maximum number of refused sectors; after them the rest of the file counts as refused, because a dead disk answers slowly.
const MAX_REFUSED_SECTORS: usize = 4096;

static ZEROS: [u8; 4096] = [0; 4096];

/// Reads a file from its start to its end and hashes what it reads, holes as zeros without reading them.
pub(super) struct HashedFile<'p> {
    file: File,
    size: u64,
    at: u64,
    sum: Sha256,
    unreadable: Vec<std::ops::Range<u64>>,
    refused: usize,
    progress: &'p dyn Progress,
}

/// Fills in the sums of a record.
pub(super) fn fill(
    record: &mut FileRecord,
    path: &Path,
    limits: &Limits,
    progress: &dyn Progress,
) -> io::Result<()> {
    let file = platform::open(path)?;
    let before = meta_of(&file.metadata()?);
    let size = Reader::size(&file)?;
    record.size_bytes = Some(size);
    let extents = platform::data_extents(&file, size);
    let held = extents
        .as_ref()
        .map(|all| all.iter().map(|data| data.end - data.start).sum());
    let holes = size.saturating_sub(held.unwrap_or(size));
    record.data_extents = extents.map(|all| all.iter().map(Extent::new).collect());
    can_be_hashed(holes, size, path)?;
    let mut head = vec![0; HEAD];
    let read = file.read_at(&mut head, 0).unwrap_or(0);
    head.truncate(read);
    let magic = Magic::detect(&head, size);
    let mut hashed = HashedFile {
        file,
        size,
        at: 0,
        sum: Sha256::new(),
        unreadable: Vec::new(),
        refused: 0,
        progress,
    };
    #[cfg(feature = "archives")]
    match magic {
        Magic::Gzip => record.members = super::members::of_gzip(&mut hashed, limits),
        Magic::Zip => record.members = super::members::of_zip(&platform::open(path)?, limits),
        _ => {}
    }
    #[cfg(not(feature = "archives"))]
    let _ = (magic, limits);
    hashed.drain()?;
    if progress.cancelled() {
        return Err(io::Error::new(io::ErrorKind::Interrupted, "cancelled"));
    }
    let after = meta_of(&hashed.file.metadata()?);
    record.changed_while_read = before.size != after.size || before.modified != after.modified;
    record.unreadable = hashed.unreadable.iter().map(Extent::new).collect();
    if hashed.at < size {
        record.changed_while_read = true;
        record.error = Some(format!(
            "the file ended at byte {} when it was read: it was {size} bytes long",
            hashed.at
        ));
    } else if hashed.unreadable.is_empty() {
        record.sha256 = Some(hex(&hashed.sum.finalize()));
    }
    Ok(())
}

/// Refuses a file with holes of which the sum takes minutes, and names what makes it all the same.
fn can_be_hashed(holes: u64, size: u64, path: &Path) -> io::Result<()> {
    if holes <= MAX_HOLE_BYTES {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "not hashed: {holes} of its {size} bytes are holes, and their sum takes minutes: {}",
        Command::new("sha256sum").path(path)
    )))
}

/// Hexadecimal digits, lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl HashedFile<'_> {
    /// Reads to the end.
    fn drain(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK_BYTES];
        while !self.progress.cancelled() {
            self.skip_hole();
            if self.read(&mut buffer)? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Hashes zeros up to the next data.
    fn skip_hole(&mut self) {
        let data = self.file.next_data(self.at).unwrap_or(self.size);
        let mut hole = data.min(self.size).saturating_sub(self.at);
        self.at = self.at.saturating_add(hole);
        self.progress.advance(hole);
        while hole > 0 {
            let part = usize::try_from(hole).map_or(ZEROS.len(), |hole| hole.min(ZEROS.len()));
            self.sum.update(ZEROS.get(..part).unwrap_or_default());
            hole = hole.saturating_sub(part as u64);
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.sum.update(bytes);
        self.at = self.at.saturating_add(bytes.len() as u64);
        self.progress.advance(bytes.len() as u64);
    }

    /// A sector that the disk refuses: zeros, and noted.
    fn refuse(&mut self, buffer: &mut [u8]) {
        let left = self.size.saturating_sub(self.at);
        let length = match self.refused < MAX_REFUSED_SECTORS {
            true => left.min(buffer.len() as u64),
            false => left,
        };
        self.refused = self.refused.saturating_add(1);
        let end = self.at.saturating_add(length);
        match self.unreadable.last_mut() {
            Some(last) if last.end == self.at => last.end = end,
            _ => self.unreadable.push(self.at..end),
        }
        self.at = end;
        buffer.fill(0);
    }
}

impl Read for HashedFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.size.saturating_sub(self.at);
        let want = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let Some(buffer) = buffer.get_mut(..want).filter(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        loop {
            match self.file.read_at(buffer, self.at) {
                Ok(got) => {
                    self.take(buffer.get(..got).unwrap_or_default());
                    return Ok(got);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if platform::is_medium_error(&error) => break,
                Err(error) => return Err(error),
            }
        }
        let into = usize::try_from(self.at % SECTOR_BYTES as u64).unwrap_or(0);
        let part = SECTOR_BYTES.saturating_sub(into).min(buffer.len());
        let Some(sector) = buffer.get_mut(..part) else {
            return Ok(0);
        };
        match self.file.read_at(sector, self.at) {
            Ok(got) => {
                self.take(sector.get(..got).unwrap_or_default());
                Ok(got)
            }
            Err(error) if platform::is_medium_error(&error) => {
                self.refuse(sector);
                Ok(part)
            }
            Err(error) => Err(error),
        }
    }
}
