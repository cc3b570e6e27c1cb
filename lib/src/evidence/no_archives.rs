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
    refused(archive, "it is an archive")
}

/// Refuses what a pipe gives: it is read into memory as archives are.
pub(super) fn open_stream(
    path: &Path,
    _: &[u8],
    _: &OpenOptions,
    _: &dyn Progress,
) -> Result<Evidence, Error> {
    refused(path, "it is a pipe")
}

fn refused(path: &Path, what: &str) -> Result<Evidence, Error> {
    Err(Error::NotEvidence {
        path: path.to_owned(),
        why: format!("{what}, and this program was built without the feature \"archives\""),
        near: Vec::new(),
    })
}
