//! What a pipe gave: it can be read once, but an archive in which one thing has to be chosen is asked for again.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::store::SparseBuffer;
use super::tree::meta_of;

/// The pipe that was read last without an answer, by its path, device and inode: a descriptor may be used again for another pipe.
static KEPT: Mutex<Option<KeptPipe>> = Mutex::new(None);

struct KeptPipe {
    path: PathBuf,
    id: (u64, u64),
    content: Arc<SparseBuffer>,
}

/// The content of a pipe: what was kept of it, or what is read now.
pub(super) fn content(
    path: &Path,
    read: impl FnOnce(File) -> io::Result<Arc<SparseBuffer>>,
) -> io::Result<Arc<SparseBuffer>> {
    {
        let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_ref().filter(|kept| kept.path == path)
            && identity(path).is_some_and(|id| id == kept.id)
        {
            return Ok(Arc::clone(&kept.content));
        }
    }
    read(File::open(path)?)
}

/// Keeps what a pipe gave.
pub(super) fn keep(path: &Path, content: Arc<SparseBuffer>) {
    let Some(id) = identity(path) else {
        return;
    };
    let path = path.to_owned();
    let kept = KeptPipe { path, id, content };
    *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    meta_of(&fs::metadata(path).ok()?).id
}
