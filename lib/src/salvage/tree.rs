//! New files and directories of files: written beside their final name, synced, then renamed without replacing anything.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::backup::{MODE, Out, OutError};
use super::{platform, unfinished};
use crate::progress::Progress;

impl Out {
    /// Writes a new file, readable for its owner only.
    ///
    /// # Errors
    /// [`OutError`]; nothing has the final name then.
    pub fn write_file(&self, content: &[u8]) -> Result<(), OutError> {
        let mut temporary = self.temporary()?;
        let io_error = |source| OutError::Io {
            path: self.path().to_owned(),
            source,
        };
        temporary.file.write_all(content).map_err(io_error)?;
        temporary.keep(self)
    }

    /// Writes a new directory of files, readable for its owner only. Each path is relative to it; one that leads out of it, or is
    /// given twice, is refused.
    ///
    /// # Errors
    /// [`OutError`]; nothing has the final name then.
    pub fn write_tree<'c>(
        &self,
        files: impl IntoIterator<Item = (&'c Path, &'c [u8])>,
        progress: &dyn Progress,
    ) -> Result<(), OutError> {
        let directory = Unfinished::new(self)?;
        for (relative, content) in files {
            if progress.cancelled() {
                return Err(OutError::Cancelled);
            }
            let path = directory.path.join(relative);
            unfinished::within(|| write(&directory.path, relative, content))
                .map_err(|source| OutError::Io { path, source })?;
        }
        directory.keep(self)
    }

    /// Writes a new directory, readable for its owner only, which `fill` is given under a temporary name.
    ///
    /// # Errors
    /// [`OutError`] and those of `fill`; nothing has the final name then.
    pub fn fill_directory<T, E: From<OutError>>(
        &self,
        fill: impl FnOnce(&Path) -> Result<T, E>,
    ) -> Result<T, E> {
        let directory = Unfinished::new(self)?;
        let filled = fill(&directory.path)?;
        directory.keep(self)?;
        Ok(filled)
    }

    /// Writes a new file, readable for its owner only, which `fill` is given empty and under a temporary name.
    ///
    /// # Errors
    /// [`OutError`] and those of `fill`; nothing has the final name then.
    pub fn fill_file<T, E: From<OutError>>(
        &self,
        fill: impl FnOnce(&Path) -> Result<T, E>,
    ) -> Result<T, E> {
        let temporary = self.temporary()?;
        let filled = fill(temporary.path())?;
        temporary.keep(self)?;
        Ok(filled)
    }
}

fn write(directory: &Path, relative: &Path, content: &[u8]) -> std::io::Result<()> {
    let is_below = relative
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_)));
    if !is_below {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let mut parent = directory.to_owned();
    for part in relative.parent().into_iter().flat_map(Path::components) {
        parent.push(part);
        if !parent.is_dir() {
            fs::create_dir(&parent)?;
            platform::make_private(&parent)?;
        }
    }
    let mut file = platform::set_mode(OpenOptions::new().write(true), MODE)
        .create_new(true)
        .open(directory.join(relative))?;
    file.write_all(content)?;
    file.sync_all()
}

/// A directory beside the one that it becomes; removed unless it is kept.
pub(super) struct Unfinished {
    /// Where its files are until it is kept.
    pub(super) path: PathBuf,
    kept: bool,
}

impl Unfinished {
    /// An empty directory, for its owner only.
    pub(super) fn new(out: &Out) -> Result<Self, OutError> {
        let path = out.beside();
        unfinished::begin(&path, || fs::create_dir(&path)).map_err(|source| OutError::Io {
            path: path.clone(),
            source,
        })?;
        let unfinished = Self { path, kept: false };
        platform::make_private(&unfinished.path).map_err(|source| OutError::Io {
            path: unfinished.path.clone(),
            source,
        })?;
        Ok(unfinished)
    }

    /// Gives it its final name.
    pub(super) fn keep(mut self, out: &Out) -> Result<(), OutError> {
        self.kept = true;
        unfinished::end(&self.path, || {
            out.take(&self.path)
                .inspect_err(|_| drop(fs::remove_dir_all(&self.path)))
        })
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.kept {
            unfinished::end(&self.path, || drop(fs::remove_dir_all(&self.path)));
        }
    }
}
