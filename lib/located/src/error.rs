//! What stops one value.
//!
//! An [`Error`] means: this one thing could not be read; everything beside it goes on. Damage that is *described* rather
//! than met is a [`Finding`](crate::Finding).

use std::path::PathBuf;

use crate::codes::{self, Code};
use crate::place::{FileName, Place};

/// Why a value could not be read, with the place and the name of the field.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes end before the field does.
    #[error("{place}: {what} needs {need} bytes, {have} are there")]
    Truncated {
        /// The field, as `record.field`.
        what: &'static str,
        /// Where it should begin.
        place: Place,
        /// Its length in bytes.
        need: u64,
        /// How many bytes are left there.
        have: u64,
    },
    /// The bytes are there, but cannot be what they should be.
    #[error("{place}: {what}: {seen}")]
    Malformed {
        /// The field, as `record.field`.
        what: &'static str,
        /// Where it lies.
        place: Place,
        /// What stands there and what was expected.
        seen: String,
    },
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The path that was asked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The path exists but holds nothing that etcd or bbolt wrote.
    #[error("{path} is not an etcd data directory, db, snapshot, WAL or .snap file: {why}")]
    NotEvidence {
        /// The path that was asked for.
        path: PathBuf,
        /// What was looked for and not found.
        why: String,
        /// Evidence that lies nearby.
        near: Vec<PathBuf>,
    },
    /// A bound of [`Limits`](crate::Limits) was reached.
    #[error("{file}: {what} exceeds the limit of {limit} (raise it with {option})")]
    Limit {
        /// The file.
        file: FileName,
        /// What was too large.
        what: &'static str,
        /// The bound.
        limit: u64,
        /// The command line option that raises it.
        option: &'static str,
    },
    /// The evidence has no such part: a directory without a WAL, a db without a `key` bucket.
    #[error("{file}: no {what}")]
    Missing {
        /// Where it was looked for.
        file: FileName,
        /// What is not there.
        what: &'static str,
    },
    /// The asked revision is below the compaction point: etcd's `ErrCompacted`.
    #[error("revision {revision} is below the compaction point {compacted}")]
    Compacted {
        /// The revision asked for.
        revision: i64,
        /// The compaction revision in force.
        compacted: i64,
    },
    /// The asked revision has not been written yet: etcd's `ErrFutureRev`.
    #[error("revision {revision} is newer than the newest one, {current}")]
    Future {
        /// The revision asked for.
        revision: i64,
        /// The current revision of the evidence.
        current: i64,
    },
}

impl Error {
    /// The stable code that `etcd-inspect explain` knows.
    pub fn code(&self) -> &'static Code {
        match self {
            Self::Truncated { .. } => &codes::error::TRUNCATED,
            Self::Malformed { .. } => &codes::error::MALFORMED,
            Self::Io { .. } => &codes::error::IO,
            Self::NotEvidence { .. } => &codes::error::NOT_EVIDENCE,
            Self::Limit { .. } => &codes::error::LIMIT,
            Self::Missing { .. } => &codes::error::MISSING,
            Self::Compacted { .. } => &codes::error::COMPACTED,
            Self::Future { .. } => &codes::error::FUTURE,
        }
    }

    /// The place, where there is one.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Truncated { place, .. } | Self::Malformed { place, .. } => Some(place),
            _ => None,
        }
    }
}
