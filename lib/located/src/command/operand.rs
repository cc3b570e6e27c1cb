//! The evidence as the operand of a command: its path, and where its WAL is if that is elsewhere.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use super::{operand, shell};

/// The flag of every verb that names a WAL in a directory of its own, as etcd's.
pub(super) const WAL_DIR: &str = "--wal-dir";

/// What a command of ours is given to read the same evidence again.
///
/// ```
/// use etcd_inspect_located::{Advice, EvidenceOperand};
/// let evidence = EvidenceOperand::from("/copy/m1".as_ref()).with_wal_dir(Some("/copy/wal".as_ref()));
/// let advice = Advice::from("etcd-inspect check {path}; ls -l {path}");
/// assert_eq!(advice.on(evidence), "etcd-inspect check /copy/m1 --wal-dir /copy/wal; ls -l /copy/m1");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EvidenceOperand<'e> {
    path: Option<&'e Path>,
    wal_dir: Option<&'e Path>,
}

impl<'e> EvidenceOperand<'e> {
    /// The same, with the directory in which its WAL is; `None` if the WAL is where etcd puts it by default.
    #[must_use]
    pub fn with_wal_dir(self, wal_dir: Option<&'e Path>) -> Self {
        Self { wal_dir, ..self }
    }

    /// The path; `None` if it is not known.
    pub fn path(self) -> Option<&'e Path> {
        self.path
    }

    /// The directory in which its WAL is, if it is in one of its own.
    pub fn wal_dir(self) -> Option<&'e Path> {
        self.wal_dir
    }

    pub(super) fn without_wal_dir(self) -> Self {
        self.with_wal_dir(None)
    }

    pub(super) fn write(self, f: &mut impl fmt::Write) -> fmt::Result {
        match self.path {
            Some(path) => f.write_str(&shell::quoted(&operand(path)))?,
            None => f.write_str("PATH")?,
        }
        if let Some(wal_dir) = self.wal_dir {
            let wal_dir = operand(wal_dir);
            write!(f, " {WAL_DIR} {}", shell::quoted(OsStr::new(&wal_dir)))?;
        }
        Ok(())
    }
}

impl<'e> From<&'e Path> for EvidenceOperand<'e> {
    fn from(path: &'e Path) -> Self {
        Self::from(Some(path))
    }
}

impl<'e> From<Option<&'e Path>> for EvidenceOperand<'e> {
    fn from(path: Option<&'e Path>) -> Self {
        Self {
            path,
            wal_dir: None,
        }
    }
}
