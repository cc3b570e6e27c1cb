//! What has a temporary name at this moment, so that a process that a signal ends leaves none of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Files and directories under their temporary names.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// How often a directory is removed again because something was written into it meanwhile.
const ATTEMPTS: usize = 20;

fn known() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes something with a temporary name.
pub(super) fn begin<T>(path: &Path, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let mut known = known();
    let made = make()?;
    known.push(path.to_owned());
    Ok(made)
}

/// Renames or removes what has a temporary name.
pub(super) fn end<T>(path: &Path, last: impl FnOnce() -> T) -> T {
    let mut known = known();
    let done = last();
    known.retain(|one| one != path);
    done
}

/// Makes something within a directory that has a temporary name.
pub(super) fn within<T>(make: impl FnOnce() -> T) -> T {
    let _known = known();
    make()
}

/// Removes everything that has a temporary name, for a process that ends now: from here on nothing begins or gets its final name.
pub fn remove_unfinished() {
    let known = known();
    for path in known.iter() {
        let attempts = std::iter::repeat_with(|| match path.is_dir() {
            true => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        });
        let _ = attempts.take(ATTEMPTS).any(|removed| removed.is_ok());
    }
    std::mem::forget(known);
}
