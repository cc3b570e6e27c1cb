//! Writes the corrected copy beside its final name, then renames it.

use std::fs::{self, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use super::super::backup::{MODE, Out, OutError};
use super::super::platform;
use super::super::tree::Unfinished;
use super::Correction;
use crate::member::Member;
use crate::progress::Progress;

/// Bytes that are written or skipped at a time: zeros stay holes.
const BLOCK_BYTES: usize = 4096;

/// Writes the copy: every file of the evidence, with the corrections in it. Runs of zeros stay holes.
///
/// # Errors
/// [`OutError`]; nothing has the final name then.
pub fn write(
    member: &Member,
    corrections: &[Correction],
    out: &Out,
    progress: &dyn Progress,
) -> Result<(), OutError> {
    let directory = Unfinished::new(out)?;
    let io_error = |path: &Path| {
        let path = path.to_owned();
        move |source| OutError::Io { path, source }
    };
    for dir in member.evidence().dirs() {
        let path = directory.path.join(&dir.relative);
        fs::create_dir_all(&path).map_err(io_error(&path))?;
        platform::make_private(&path).map_err(io_error(&path))?;
    }
    for file in member.evidence().files() {
        if progress.cancelled() {
            return Err(OutError::Cancelled);
        }
        // Evidence that is one file has no path below itself.
        let path = match file.relative().as_os_str().is_empty() {
            true => directory
                .path
                .join(super::file_name(member.evidence().path())),
            false => directory.path.join(file.relative()),
        };
        let bytes = file.bytes().map_err(|error| OutError::Io {
            path: path.clone(),
            source: io::Error::other(error.to_string()),
        })?;
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(io_error(parent))?;
        }
        let own = corrections
            .iter()
            .filter(|correction| correction.file == file.relative());
        copy(bytes.as_slice(), own, &path).map_err(io_error(&path))?;
    }
    directory.keep(out)
}

fn copy<'c>(
    bytes: &[u8],
    corrections: impl Iterator<Item = &'c Correction>,
    path: &Path,
) -> io::Result<()> {
    let mut file = platform::set_mode(OpenOptions::new().write(true), MODE)
        .create_new(true)
        .open(path)?;
    for (number, block) in bytes.chunks(BLOCK_BYTES).enumerate() {
        if block.iter().any(|byte| *byte != 0) {
            file.seek(SeekFrom::Start((number * BLOCK_BYTES) as u64))?;
            file.write_all(block)?;
        }
    }
    file.set_len(bytes.len() as u64)?;
    for correction in corrections {
        file.seek(SeekFrom::Start(correction.offset))?;
        file.write_all(&correction.new)?;
    }
    file.sync_all()
}
