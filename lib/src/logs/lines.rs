//! Lines of a log file, plain or packed with gzip.

use std::fs::File;
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

/// Gives each line of a file to `each`, which returns whether it could read it. A file that breaks off is read up to there.
///
/// # Errors
/// If the file cannot be opened or read.
pub fn read_lines(path: &Path, each: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<LineCounts> {
    let mut file = File::open(path)?;
    let mut magic = [0; GZIP.len()];
    let read = file.read(&mut magic)?;
    let whole = magic.get(..read).unwrap_or_default().chain(file);
    if magic == GZIP {
        unpacked(whole, each)
    } else {
        lines(BufReader::new(whole), each)
    }
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
