//! The evidence as the operand of a command: its path, and where its WAL is if that is elsewhere.

use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::path::Path;

use super::{ReadingFlag, operand, shell};

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
    flags: &'e [ReadingFlag],
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

    /// The same, with the flags with which it was opened: a command of ours gets those that its verb reads and that it lacks.
    ///
    /// ```
    /// use etcd_inspect_located::{Command, EvidenceOperand, ReadBy, ReadingFlag};
    /// let keys = ReadingFlag { name: "--encryption-config", value: "enc.json".into(), read_by: ReadBy::Values };
    /// let flags = [keys];
    /// let evidence = EvidenceOperand::from("/m1".as_ref()).with_flags(&flags);
    /// let on = |verb| Command::inspect(verb).evidence().on(evidence);
    /// assert_eq!(on("certs"), "etcd-inspect certs /m1 --encryption-config enc.json");
    /// assert_eq!(on("wal"), "etcd-inspect wal /m1");
    /// ```
    #[must_use]
    pub fn with_flags(self, flags: &'e [ReadingFlag]) -> Self {
        Self { flags, ..self }
    }

    /// The flags with which it was opened.
    pub(super) fn flags(self) -> &'e [ReadingFlag] {
        self.flags
    }

    pub(super) fn without_flags(self) -> Self {
        Self {
            wal_dir: None,
            flags: &[],
            ..self
        }
    }

    /// The path and the flags that a command lacks, of which this much is written.
    pub(super) fn text(self, before: &str) -> String {
        let mut text = String::new();
        let _ = self.write(&mut text, before); // writing to a string cannot fail
        text
    }

    /// As [`text`](Self::text).
    fn write(self, f: &mut String, before: &str) -> fmt::Result {
        match self.path {
            Some(path) => f.write_str(&shell::quoted(&operand(path)))?,
            None => f.write_str("PATH")?,
        }
        if let Some(wal_dir) = self.wal_dir {
            let wal_dir = operand(wal_dir);
            write!(f, " {WAL_DIR} {}", shell::quoted(OsStr::new(&wal_dir)))?;
        }
        let clause = before.rsplit("; ").next().unwrap_or(before);
        let (_, clause) = clause.rsplit_once("etcd-inspect ").unwrap_or_default();
        let verb = clause.split(' ').next().unwrap_or_default();
        let has = |name: &str| clause.split(' ').any(|word| word == name);
        for flag in self.flags.iter().filter(|flag| flag.is_lacking(verb, has)) {
            write!(f, " {} {}", flag.name, shell::quoted(flag.value()))?;
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
            ..Self::default()
        }
    }
}
