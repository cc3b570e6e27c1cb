//! Writes the corrected copy beside its final name, then renames it.

use std::fs::{self, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use super::super::backup::{MODE, Out, OutError};
use super::super::tree::Unfinished;
use super::super::{platform, unfinished};
use super::Correction;
use crate::member::Member;
use crate::progress::Progress;

/// Bytes that stay a hole if all of them are zeros.
const BLOCK_BYTES: usize = 4096;
/// Maximum number of blocks that are written at once.
const MAX_WRITTEN_BLOCKS: usize = 256;
static ZEROS: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];

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
        unfinished::within(|| fs::create_dir_all(&path)).map_err(io_error(&path))?;
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
            unfinished::within(|| fs::create_dir_all(parent)).map_err(io_error(parent))?;
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
    let mut file = unfinished::within(|| {
        platform::set_mode(OpenOptions::new().write(true), MODE)
            .create_new(true)
            .open(path)
    })?;
    let is_zeros = |block: &&[u8]| ZEROS.get(..block.len()) == Some(*block);
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let blocks = || rest.chunks(BLOCK_BYTES);
        let hole: usize = blocks().take_while(is_zeros).map(<[u8]>::len).sum();
        let data = blocks().skip(hole / BLOCK_BYTES);
        let data = data
            .take(MAX_WRITTEN_BLOCKS)
            .take_while(|block| !is_zeros(block));
        let data = data.map(<[u8]>::len).sum::<usize>();
        let (from, to) = (at.saturating_add(hole), at.saturating_add(hole + data));
        file.seek(SeekFrom::Start(from as u64))?;
        file.write_all(bytes.get(from..to).unwrap_or_default())?;
        at = to;
    }
    file.set_len(bytes.len() as u64)?;
    for correction in corrections {
        file.seek(SeekFrom::Start(correction.offset))?;
        file.write_all(&correction.new)?;
    }
    file.sync_all()
}
