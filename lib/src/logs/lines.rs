//! Lines of a log file, plain or packed with gzip.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Maximum length of a line: an audit event with the largest request and response that etcd takes is shorter.
const MAX_LINE: u64 = 32 << 20;

/// The first bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// How the lines of a file were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCounts {
    /// Lines with something in them.
    pub lines: u64,
    /// Lines that are not what they should be, and are skipped.
    pub unreadable: u64,
}

impl LineCounts {
    /// The counts of a file with at least one line of its kind; an empty one is too.
    ///
    /// # Errors
    /// What the file is, if no line is.
    pub(super) fn of_its_kind(self, path: &Path, wanted: &'static str) -> Result<Self, LogError> {
        match self.lines > 0 && self.unreadable == self.lines {
            true => Err(LogError::Foreign {
                lines: self.lines,
                wanted,
                kind: LogKind::of_file(path)?,
            }),
            false => Ok(self),
        }
    }
}

/// Why a log is not read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be opened or read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// No line of the file is of such a log.
    #[error("{lines} of {lines} lines are {wanted}: it is {kind}")]
    Foreign {
        /// Number of lines.
        lines: u64,
        /// What they are not: `no audit events`.
        wanted: &'static str,
        /// What the file is.
        kind: LogKind,
    },
}

/// What a file is that was given as a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogKind {
    /// An audit log of the API server.
    Audit,
    /// A log of etcd.
    Etcd,
    /// JSON with these fields.
    Json(Vec<String>),
    /// Other text.
    Text,
    /// No text.
    Binary,
}

impl fmt::Display for LogKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Audit => f.write_str("an audit log of an API server"),
            Self::Etcd => f.write_str("a log of etcd"),
            Self::Json(fields) if fields.is_empty() => f.write_str("JSON of another kind"),
            Self::Json(fields) => write!(f, "JSON with the fields {}", fields.join(", ")),
            Self::Text => f.write_str("text of another kind"),
            Self::Binary => f.write_str("a binary file"),
        }
    }
}

/// Lines that are looked at to tell what a file is.
const LOOKED_AT: usize = 20;
/// Maximum number of fields that are named.
const MAX_FIELDS: usize = 5;

impl LogKind {
    /// What the first lines of a file say of it.
    fn of_file(path: &Path) -> Result<Self, LogError> {
        let mut found: Option<Self> = None;
        let mut looked = 0usize;
        read_lines(path, &mut |line| {
            looked = looked.saturating_add(1);
            let is_known = matches!(found, Some(Self::Audit | Self::Etcd | Self::Binary));
            if looked <= LOOKED_AT && !is_known {
                found = Some(Self::of_line(line));
            }
            true
        })?;
        Ok(found.unwrap_or(Self::Text))
    }

    fn of_line(line: &[u8]) -> Self {
        let fields = match serde_json::from_slice(line) {
            Ok(serde_json::Value::Object(fields)) => fields,
            Ok(_) => return Self::Json(Vec::new()),
            Err(_) if line.contains(&0) || std::str::from_utf8(line).is_err() => {
                return Self::Binary;
            }
            Err(_) => return Self::Text,
        };
        let has = |name: &str| fields.contains_key(name);
        if has("auditID") && has("stage") {
            Self::Audit
        } else if has("msg") && has("ts") {
            Self::Etcd
        } else {
            Self::Json(fields.keys().take(MAX_FIELDS).cloned().collect())
        }
    }
}

/// Gives each line of a file to `each`, which returns whether it could read it. A file that breaks off is read up to there.
///
/// # Errors
/// If the file cannot be opened or read.
pub fn read_lines(
    path: &Path,
    each: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<LineCounts, LogError> {
    let mut file = crate::evidence::open_beside(path)?;
    let mut magic = [0; GZIP.len()];
    let read = file.read(&mut magic)?;
    let whole = magic.get(..read).unwrap_or_default().chain(file);
    Ok(if magic == GZIP {
        unpacked(whole, each)?
    } else {
        lines(BufReader::new(whole), each)?
    })
}

#[cfg(feature = "archives")]
fn unpacked(packed: impl Read, each: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<LineCounts> {
    lines(
        BufReader::new(flate2::read::MultiGzDecoder::new(packed)),
        each,
    )
}

#[cfg(not(feature = "archives"))]
fn unpacked(_: impl Read, _: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<LineCounts> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "packed with gzip",
    ))
}

fn lines(mut input: impl BufRead, each: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<LineCounts> {
    let mut counts = LineCounts::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        // A packed file that breaks off is a damaged last line, not a file that cannot be read.
        let read = match input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(read) => read,
            Err(_) if counts.lines > 0 => {
                counts.unreadable = counts.unreadable.saturating_add(1);
                return Ok(counts);
            }
            Err(error) => return Err(error),
        };
        if read == 0 {
            return Ok(counts);
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        counts.lines = counts.lines.saturating_add(1);
        if !each(text) {
            counts.unreadable = counts.unreadable.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lines_are_no_lines_and_a_last_one_needs_no_newline() {
        let mut seen = Vec::new();
        let counts = lines(&b"a\n\n  b \nbad"[..], &mut |line| {
            seen.push(line.to_vec());
            line != b"bad"
        });
        let wanted = LineCounts {
            lines: 3,
            unreadable: 1,
        };
        assert_eq!(counts.unwrap(), wanted);
        assert_eq!(seen, [b"a".to_vec(), b"b".to_vec(), b"bad".to_vec()]);
    }
}
