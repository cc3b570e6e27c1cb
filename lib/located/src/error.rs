//! Errors: why one value could not be read.
//!
//! An [`Error`] concerns one value; reading continues after it. Damage that is reported and not returned is a
//! [`Finding`](crate::Finding).

use std::path::PathBuf;

use crate::codes::{self, Code};
use crate::id::MainRevision;
use crate::place::{FileName, Place};

/// Why a value could not be read, with the place and the name of the field.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes end before the end of the field.
    #[error("{place}: {what} needs {need} bytes, {have} are left")]
    Truncated {
        /// The field, as `record.field`.
        what: &'static str,
        /// Its place.
        place: Place,
        /// Its length in bytes.
        need: u64,
        /// Number of bytes from there to the end.
        have: u64,
    },
    /// The content of the bytes is impossible.
    #[error("{place}: {what}: {seen}")]
    Malformed {
        /// The field, as `record.field`.
        what: &'static str,
        /// Its place.
        place: Place,
        /// What was found and what was expected.
        seen: String,
    },
    /// The operating system returned an error.
    #[error("{path}: {source}")]
    Io {
        /// The path.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The path exists but contains nothing that etcd or bbolt wrote.
    #[error("{path} is not an etcd data directory, db, snapshot, WAL or .snap file: {why}")]
    NotEvidence {
        /// The path.
        path: PathBuf,
        /// What was searched and not found.
        why: String,
        /// Evidence in other folders nearby.
        near: Vec<PathBuf>,
    },
    /// A limit of [`Limits`](crate::Limits) was reached.
    #[error("{file}: {what} exceeds the limit of {limit} (raise it with {option})")]
    Limit {
        /// The file.
        file: FileName,
        /// What was too large.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// The command line option that raises it.
        option: &'static str,
    },
    /// The evidence has no such part: a directory without a WAL, a db without a `key` bucket.
    #[error("{file}: no {what}")]
    Missing {
        /// The file or directory.
        file: FileName,
        /// The missing part.
        what: &'static str,
    },
    /// There is no state after a start, because etcd does not start on the directory.
    #[error("{file}: etcd {release} does not start on it: {message}")]
    NoStart {
        /// The directory.
        file: FileName,
        /// The release of etcd.
        release: String,
        /// Its last message.
        message: String,
    },
    /// The requested revision is below the compaction revision: `ErrCompacted` of etcd.
    #[error("revision {revision} is below the compaction point {compacted}")]
    Compacted {
        /// The requested revision.
        revision: MainRevision,
        /// The compaction revision.
        compacted: MainRevision,
    },
    /// The requested revision is not written yet: `ErrFutureRev` of etcd.
    #[error("revision {revision} is newer than the newest one, {current}")]
    Future {
        /// The requested revision.
        revision: MainRevision,
        /// The newest revision.
        current: MainRevision,
    },
}

impl Error {
    /// Returns the stable code, which `etcd-inspect explain` describes.
    pub fn code(&self) -> &'static Code {
        match self {
            Self::Truncated { .. } => &codes::error::TRUNCATED,
            Self::Malformed { .. } => &codes::error::MALFORMED,
            Self::Io { .. } => &codes::error::IO,
            Self::NotEvidence { .. } => &codes::error::NOT_EVIDENCE,
            Self::Limit { .. } => &codes::error::LIMIT,
            Self::Missing { .. } => &codes::error::MISSING,
            Self::NoStart { .. } => &codes::error::NO_START,
            Self::Compacted { .. } => &codes::error::COMPACTED,
            Self::Future { .. } => &codes::error::FUTURE,
        }
    }

    /// Returns the place, if the error has one.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Truncated { place, .. } | Self::Malformed { place, .. } => Some(place),
            _ => None,
        }
    }
}
