//! What differs between operating systems when a file is written: permission bits, renames, the identity of a directory.

use std::fs::{self, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// Sets the permission bits of the files that `options` creates; systems without them use their default.
pub(super) fn set_mode(options: &mut OpenOptions, mode: u32) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options
}

/// Lets only the owner list and enter a directory; systems without permission bits keep their default.
///
/// # Errors
/// The system refuses.
pub(super) fn make_private(directory: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(
        directory,
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )?;
    #[cfg(not(unix))]
    let _ = directory;
    Ok(())
}

/// Returns whether both are one file, under whatever path; `false` if the system has no inodes.
pub(super) fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (one.dev(), one.ino()) == (other.dev(), other.ino())
    }
    #[cfg(not(unix))]
    {
        let _ = (one, other);
        false
    }
}

/// Renames without replacing. A link and an unlink do the same if the file system or the system has no such rename.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`], or the system refuses.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    // renameat2(2) with RENAME_NOREPLACE: only Linux has it.
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::EXIST) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => {}
        }
    }
    if from.is_dir() {
        if fs::symlink_metadata(to).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        return fs::rename(from, to);
    }
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}
