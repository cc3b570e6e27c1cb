//! Archives in a build without the feature `archives`: recognised, and refused with a reason.

use std::path::{Path, PathBuf};

use super::{Evidence, OpenOptions};
use located::Error;
use located::progress::Progress;

/// No path leads into an archive.
pub(super) fn split(_: &Path) -> Option<(PathBuf, Vec<u8>)> {
    None
}

/// Refuses the archive.
pub(super) fn open(
    archive: &Path,
    _: &[u8],
    _: &OpenOptions,
    _: &dyn Progress,
) -> Result<Evidence, Error> {
    Err(Error::NotEvidence {
        path: archive.to_owned(),
        why: "it is an archive, and this program was built without the feature \"archives\""
            .to_owned(),
        near: Vec::new(),
    })
}
