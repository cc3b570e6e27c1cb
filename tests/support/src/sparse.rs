//! Files that are mostly zeros: a WAL segment is preallocated to 64 MB and holds a few kilobytes. Zero runs are left out as
//! holes when unpacking, and only data is read when copying.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

const BLOCK: usize = 4096;

/// Writes everything `from` gives into `to`, seeking over zero blocks, and sets the length at the end.
pub(crate) fn write(from: &mut dyn Read, to: &mut File) -> io::Result<u64> {
    let mut buffer = vec![0u8; 64 * BLOCK];
    let mut length = 0u64;
    loop {
        let filled = fill(from, &mut buffer)?;
        if filled == 0 {
            break;
        }
        let mut at = 0;
        while at < filled {
            let zero = is_zero(&buffer[at..filled.min(at + BLOCK)]);
            let mut end = filled.min(at + BLOCK);
            while end < filled && is_zero(&buffer[end..filled.min(end + BLOCK)]) == zero {
                end = filled.min(end + BLOCK);
            }
            if !zero {
                to.seek(SeekFrom::Start(length + at as u64))?;
                to.write_all(&buffer[at..end])?;
            }
            at = end;
        }
        length += filled as u64;
    }
    to.set_len(length)?;
    Ok(length)
}

/// Copies one file with its mode and times; holes stay holes and cost nothing.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{SeekFrom as Raw, seek};
    let mut source = File::open(from)?;
    let mut target = File::options().write(true).create_new(true).open(to)?;
    let meta = source.metadata()?;
    let mut at = 0u64;
    while at < meta.len() {
        let Ok(data) = seek(&source, Raw::Data(at)) else {
            break;
        };
        let hole = seek(&source, Raw::Hole(data)).unwrap_or(meta.len());
        source.seek(SeekFrom::Start(data))?;
        target.seek(SeekFrom::Start(data))?;
        io::copy(&mut (&mut source).take(hole - data), &mut target)?;
        at = hole;
    }
    target.set_len(meta.len())?;
    target.set_permissions(meta.permissions())?;
    target.set_times(
        std::fs::FileTimes::new()
            .set_modified(meta.modified()?)
            .set_accessed(meta.accessed()?),
    )
}

/// The whole file; holes are not read.
pub(crate) fn read(path: &Path) -> Vec<u8> {
    read_until_hole(path, usize::MAX)
}

/// The file, of the hole at its end at most `zeros` bytes: 64 MB of preallocated WAL cost a page fault for each page looked at.
pub fn read_until_hole(path: &Path, zeros: usize) -> Vec<u8> {
    use rustix::fs::{SeekFrom as Raw, seek};
    let mut file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut bytes = vec![0; file.metadata().expect("metadata").len() as usize];
    let mut at = 0;
    while at < bytes.len() {
        let Ok(data) = seek(&file, Raw::Data(at as u64)) else {
            break;
        };
        let hole = seek(&file, Raw::Hole(data)).unwrap_or(bytes.len() as u64);
        file.seek(SeekFrom::Start(data)).expect("seek");
        file.read_exact(&mut bytes[data as usize..hole as usize])
            .expect("read");
        at = hole as usize;
    }
    bytes.truncate(at.saturating_add(zeros));
    bytes
}

/// Replaces the content of a file (or makes it), zero runs as holes; mode kept.
pub(crate) fn replace(path: &Path, bytes: &[u8]) {
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    write(&mut &*bytes, &mut file).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Reads until the buffer is full or the input ends.
pub(crate) fn fill(from: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    Ok(filled)
}

fn is_zero(block: &[u8]) -> bool {
    block.iter().all(|byte| *byte == 0)
}
