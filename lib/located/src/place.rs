//! Places in the evidence.

use crate::id::RaftIndex;
use std::fmt;
use std::sync::Arc;

/// The name of a file as the user gave it, or `backup.tar.gz!/member/snap/db` for a file in an archive.
///
/// Cheap to clone: every [`Place`] contains one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileName(Arc<str>);

impl FileName {
    /// Creates a name.
    pub fn new(name: impl AsRef<str>) -> Self {
        Self(Arc::from(name.as_ref()))
    }

    /// Returns the name, unescaped: print it through an escaping writer.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A place in the evidence: the file, and offset, page and index if they are known.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: FileName,
    /// Byte offset from the start of the file.
    pub offset: Option<u64>,
    /// bbolt page id, in a db.
    pub page: Option<u64>,
    /// Raft index, in a WAL.
    pub index: Option<RaftIndex>,
}

impl Place {
    /// Returns the place of a whole file.
    pub fn file(file: &FileName) -> Self {
        Self {
            file: file.clone(),
            offset: None,
            page: None,
            index: None,
        }
    }

    /// Returns the place of an offset in a file.
    pub fn at(file: &FileName, offset: u64) -> Self {
        Self {
            offset: Some(offset),
            ..Self::file(file)
        }
    }

    /// Sets the bbolt page that contains the place.
    #[must_use]
    pub fn on_page(mut self, page: u64) -> Self {
        self.page = Some(page);
        self
    }

    /// Sets the raft index of the place.
    #[must_use]
    pub fn with_index(mut self, index: impl Into<RaftIndex>) -> Self {
        self.index = Some(index.into());
        self
    }
}

/// `db @ 0xA098000 (page 41112)`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(offset) = self.offset {
            write!(f, " @ {offset:#x}")?;
        }
        match (self.page, self.index) {
            (Some(page), _) => write!(f, " (page {page})"),
            (None, Some(index)) => write!(f, " (raft index {index})"),
            (None, None) => Ok(()),
        }
    }
}
