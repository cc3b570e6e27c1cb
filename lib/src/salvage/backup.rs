//! The backup file: a bbolt image with every bucket that a restore needs, and its SHA-256, as `etcdctl snapshot save` writes
//! it. Restores take it without `--skip-hash-check`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::synced::SyncedFile;
use super::{Salvage, buckets, platform, unfinished};
use crate::bolt::write::{Form, MAX_KEY_BYTES, WriteError, Writer};
use crate::evidence::Evidence;
use crate::progress::Progress;
use located::AlignedBuffer;

/// Permission bits of what is written: it holds secrets as they are stored.
pub const MODE: u32 = 0o600;
/// Records between two looks at the progress.
const STRIDE: usize = 256;
/// Bytes that are hashed at a time.
const HASHED_BYTES: usize = 1 << 20;

/// A backup that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Where it is.
    pub path: PathBuf,
    /// Its length with the trailer.
    pub size_bytes: u64,
    /// SHA-256 of the whole file, as `sha256sum` prints it.
    pub sha256: String,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutError {
    /// The path exists.
    #[error("{} exists: it is never overwritten", .0.display())]
    Exists(PathBuf),
    /// The path is inside the evidence, or the evidence inside of it.
    #[error("{} is inside or above the evidence {}: evidence is never changed", out.display(), evidence.display())]
    InEvidence {
        /// What was to be written.
        out: PathBuf,
        /// The evidence.
        evidence: PathBuf,
    },
    /// There is no such directory.
    #[error("{}: {source}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The entries cannot be written.
    #[error("{}: {source}", path.display())]
    Write {
        /// The path.
        path: PathBuf,
        /// Why.
        source: WriteError,
    },
    /// The caller cancelled.
    #[error("cancelled: nothing was written")]
    Cancelled,
}

impl Salvage<'_> {
    /// Writes the backup to a new file: to a temporary one beside it first, synced, then renamed without replacing anything.
    ///
    /// # Errors
    /// [`OutError`]; the temporary file is removed, and no file has the final name.
    pub fn write(&self, out: &Out, progress: &dyn Progress) -> Result<Backup, OutError> {
        let mut temporary = out.temporary()?;
        let io_error = |source| OutError::Io {
            path: out.path.clone(),
            source,
        };
        let mut file = SyncedFile::new(&mut temporary.file).map_err(io_error)?;
        let size_bytes = self
            .image(&mut file, progress)
            .map_err(|error| match error {
                WriteError::Io(source) if source.kind() == io::ErrorKind::Interrupted => {
                    OutError::Cancelled
                }
                source => OutError::Write {
                    path: out.path.clone(),
                    source,
                },
            })?;
        file.sync_soon();
        let sha256 = trail(&mut file).map_err(io_error)?;
        file.finish().map_err(io_error)?;
        if progress.cancelled() {
            return Err(OutError::Cancelled);
        }
        temporary.keep(out)?;
        Ok(Backup {
            path: out.path.clone(),
            size_bytes: size_bytes.saturating_add(32),
            sha256,
        })
    }

    /// The bbolt image alone.
    ///
    /// # Errors
    /// As [`Writer::put`]; [`io::ErrorKind::Interrupted`] if the caller cancelled.
    pub fn image<W: Write + Seek>(
        &self,
        out: W,
        progress: &dyn Progress,
    ) -> Result<u64, WriteError> {
        let form = Form {
            page_size: self.page_size,
            ..Form::default()
        };
        let mut writer = Writer::new(out, form)?;
        let state = &self.state;
        let before: [(&str, buckets::Entries); 5] = [
            // An alarm names a member that the restored cluster does not have, and would keep it from writing.
            ("alarm", Vec::new()),
            ("auth", buckets::auth(state)),
            ("authRoles", buckets::roles(state)),
            ("authUsers", buckets::users(state)),
            ("cluster", buckets::cluster(state)),
        ];
        let after: [(&str, buckets::Entries); 4] = [
            ("lease", buckets::leases(state)),
            ("members", buckets::members(state)),
            ("members_removed", buckets::removed(state)),
            ("meta", self.meta()),
        ];
        for (name, entries) in before {
            bucket(&mut writer, name, &entries)?;
        }
        progress.begin("writing", self.set.records.len() as u64);
        writer.begin_bucket(b"key")?;
        for (at, record) in self.set.records.iter().enumerate() {
            if at.is_multiple_of(STRIDE) {
                progress.advance(STRIDE as u64);
                if progress.cancelled() {
                    return Err(io::Error::from(io::ErrorKind::Interrupted).into());
                }
            }
            writer.put(&record.stored_key().to_bytes(), &self.set.message(record))?;
        }
        writer.end_bucket()?;
        for (name, entries) in after {
            bucket(&mut writer, name, &entries)?;
        }
        Ok(writer.finish()?.size_bytes)
    }
}

fn bucket<W: Write + Seek>(
    writer: &mut Writer<W>,
    name: &str,
    entries: &buckets::Entries,
) -> Result<(), WriteError> {
    writer.begin_bucket(name.as_bytes())?;
    entries
        .iter()
        .filter(|(key, _)| (1..=MAX_KEY_BYTES).contains(&key.len()))
        .try_for_each(|(key, value)| writer.put(key, value))?;
    writer.end_bucket()
}

/// Appends the sum of what is in the file, read back from it; returns the sum of the whole.
fn trail<F: Read + Write + Seek>(file: &mut F) -> io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut sum = Sha256::new();
    let mut buffer = AlignedBuffer::default();
    loop {
        let got = file.read(buffer.room(HASHED_BYTES))?;
        if got == 0 {
            break;
        }
        sum.update(buffer.filled(got));
    }
    let trailer = sum.clone().finalize();
    file.write_all(&trailer)?;
    sum.update(trailer);
    Ok(sum
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// A path to which something new may be written.
#[derive(Clone, Debug)]
pub struct Out {
    path: PathBuf,
}

/// A file beside the one that it becomes; removed unless it is kept.
#[derive(Debug)]
pub(super) struct Temporary {
    pub(super) file: File,
    path: PathBuf,
    kept: bool,
}

impl Out {
    /// A path that does not exist, in a directory that is neither in the evidence nor contains it.
    ///
    /// # Errors
    /// [`OutError::Exists`], [`OutError::InEvidence`], [`OutError::Io`].
    pub fn new<'e>(
        path: &Path,
        evidence: impl IntoIterator<Item = &'e Evidence>,
    ) -> Result<Self, OutError> {
        let io_error = |source| OutError::Io {
            path: path.to_owned(),
            source,
        };
        if path == Path::new("-") {
            return Err(io_error(io::Error::new(
                io::ErrorKind::InvalidInput,
                "this is not written to standard output: name a new file",
            )));
        }
        if fs::symlink_metadata(path).is_ok() {
            return Err(OutError::Exists(path.to_owned()));
        }
        let name = path.file_name().ok_or_else(|| {
            io_error(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not the name of a file",
            ))
        })?;
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let parent = fs::canonicalize(parent).map_err(io_error)?;
        let whole = parent.join(name);
        let each = evidence.into_iter();
        for evidence in each
            .flat_map(|one| [Some(one), one.wal_evidence()])
            .flatten()
        {
            let there =
                fs::canonicalize(evidence.path()).unwrap_or_else(|_| evidence.path().to_owned());
            if is_inside(&parent, evidence, &there) || there.starts_with(&whole) {
                return Err(OutError::InEvidence {
                    out: path.to_owned(),
                    evidence: evidence.path().to_owned(),
                });
            }
        }
        Ok(Self { path: whole })
    }

    /// The same, if it is neither in nor above any of these paths, which need not be evidence.
    ///
    /// # Errors
    /// [`OutError::InEvidence`].
    pub fn outside<'p>(self, paths: impl IntoIterator<Item = &'p Path>) -> Result<Self, OutError> {
        let parent = self.path.parent().unwrap_or(Path::new("."));
        for path in paths {
            let there = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            let is_there = |above: &Path| {
                let both = fs::metadata(above).ok().zip(fs::metadata(&there).ok());
                both.is_some_and(|(above, there)| platform::is_same_file(&above, &there))
            };
            let is_within = there.is_dir() && parent.ancestors().any(is_there);
            if is_within || there.starts_with(&self.path) {
                return Err(OutError::InEvidence {
                    out: self.path.clone(),
                    evidence: path.to_owned(),
                });
            }
        }
        Ok(self)
    }

    /// Where it will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The temporary name beside it.
    pub(super) fn beside(&self) -> PathBuf {
        let mut name = std::ffi::OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(format!(".{}.part", std::process::id()));
        self.path.with_file_name(name)
    }

    /// Gives what has the temporary name its final one, which nothing may have got meanwhile, and syncs the directory.
    pub(super) fn take(&self, temporary: &Path) -> Result<(), OutError> {
        let io_error = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => OutError::Exists(self.path.clone()),
            _ => OutError::Io {
                path: self.path.clone(),
                source,
            },
        };
        platform::rename_new(temporary, &self.path).map_err(io_error)?;
        let parent = self.path.parent().unwrap_or(Path::new("."));
        File::open(parent)
            .and_then(|parent| parent.sync_all())
            .map_err(io_error)
    }

    pub(super) fn temporary(&self) -> Result<Temporary, OutError> {
        let path = self.beside();
        let open = || {
            platform::set_mode(OpenOptions::new().read(true).write(true), MODE)
                .create_new(true)
                .open(&path)
        };
        let file = unfinished::begin(&path, open).map_err(|source| OutError::Io {
            path: path.clone(),
            source,
        })?;
        Ok(Temporary {
            file,
            path,
            kept: false,
        })
    }
}

impl Temporary {
    /// Where it is until it is kept.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Syncs it and gives it its final name, which no file may have got meanwhile.
    pub(super) fn keep(mut self, out: &Out) -> Result<(), OutError> {
        self.file.sync_all().map_err(|source| OutError::Io {
            path: self.path.clone(),
            source,
        })?;
        self.kept = true;
        unfinished::end(&self.path, || {
            out.take(&self.path)
                .inspect_err(|_| drop(fs::remove_file(&self.path)))
        })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            unfinished::end(&self.path, || drop(fs::remove_file(&self.path)));
        }
    }
}

/// The data directory that a path is a part of, such as its `member/snap/db`; else the path.
fn data_dir_of(there: &Path) -> &Path {
    let parts = |path: &Path| ["snap", "wal"].map(|part| path.join(part).is_dir());
    let is_member = |path: &&Path| match parts(path) {
        [true, true] => true,
        [snap, wal] => (snap || wal) && path.file_name().is_some_and(|name| name == "member"),
    };
    let member = there.ancestors().find(is_member);
    let above = member.and_then(|member| match member.file_name() {
        Some(name) if name == "member" => member.parent(),
        _ => Some(member),
    });
    above.unwrap_or(there)
}

/// Whether a directory is the evidence or below it: by path, and by device and inode of every directory above it, so that
/// another mount of the evidence, or of a directory within it, is recognised. A log on a disk of its own is evidence too.
fn is_inside(directory: &Path, evidence: &Evidence, there: &Path) -> bool {
    let whole = data_dir_of(there);
    if [there, whole]
        .iter()
        .any(|of| directory.starts_with(of) && of.is_dir())
    {
        return true;
    }
    let mut within = directories(evidence, there);
    let parts =
        ["", "member", "member/snap", "member/wal", "snap", "wal"].map(|part| whole.join(part));
    within.extend(
        parts
            .iter()
            .filter_map(|part| fs::metadata(part).ok())
            .filter(fs::Metadata::is_dir),
    );
    // A part may be mounted or linked elsewhere: then the directory that it is a part of is evidence, too.
    within.extend(fs::metadata(there));
    let is_evidence = |above: &Path| {
        let parts = match above.file_name().is_some_and(|name| name == "member") {
            true => ["", "snap", "wal", "snap/db"],
            false => ["", "member/snap", "member/wal", "member/snap/db"],
        };
        let mut parts = parts
            .iter()
            .filter_map(|part| fs::metadata(above.join(part)).ok());
        parts.any(|meta| {
            let same = |own: &fs::Metadata| platform::is_same_file(&meta, own);
            within.iter().any(same)
        })
    };
    directory.ancestors().any(is_evidence)
}

/// The directories of the evidence, links followed.
fn directories(evidence: &Evidence, there: &Path) -> Vec<fs::Metadata> {
    let mut paths = std::collections::BTreeSet::from([there.to_owned()]);
    paths.extend(evidence.dirs().iter().map(|dir| there.join(&dir.relative)));
    let files = evidence.files().iter();
    paths.extend(files.filter_map(|file| Some(there.join(file.relative().parent()?))));
    let directories = paths.iter().filter_map(|path| fs::metadata(path).ok());
    directories.filter(fs::Metadata::is_dir).collect()
}
