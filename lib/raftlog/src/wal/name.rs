//! Names of the files in a WAL directory.

use located::RaftIndex;

/// The name of a segment: `SSSSSSSSSSSSSSSS-IIIIIIIIIIIIIIII.wal`, sequence number and the index expected for its first entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentName {
    /// Sequence number, from 0.
    pub seq: u64,
    /// Last written index + 1 when the segment was created; a later leader may overwrite entries with lower indexes in it.
    pub index: RaftIndex,
}

impl SegmentName {
    /// Parses a file name as etcd does (`Sscanf("%016x-%016x.wal")`), which accepts more than etcd writes.
    ///
    /// Source: parseWALName in `server/wal/util.go`, v3.5.30.
    ///
    /// ```
    /// use etcd_inspect_raftlog::wal::SegmentName;
    /// let name = SegmentName::parse("0000000000000001-000000000000003c.wal").expect("a name");
    /// assert_eq!((name.seq, name.index.get()), (1, 60));
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        let (seq, index) = name.strip_suffix(".wal")?.split_once('-')?;
        Some(Self {
            seq: hex(seq)?,
            index: RaftIndex(hex(index)?),
        })
    }

    /// Returns the name as etcd writes it.
    pub fn file_name(&self) -> String {
        format!("{:016x}-{:016x}.wal", self.seq, self.index)
    }
}

fn hex(digits: &str) -> Option<u64> {
    let fits = (1..=16).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

/// The kind of a file in a WAL directory, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalFile {
    /// A segment that etcd reads.
    Segment(SegmentName),
    /// `0.tmp`, `1.tmp`: the preallocated next segment; its content is meaningless.
    Tmp,
    /// `….wal.broken`: the copy that a repair made before it truncated the segment. etcd never reads it.
    Broken(Option<SegmentName>),
    /// Any other file, or `….wal` with a name that etcd cannot parse: ignored with a warning.
    Stray,
}

impl WalFile {
    /// Returns the kind of the file, by the last component of `path`.
    pub fn from_path(path: &str) -> Self {
        let name = base_name(path);
        if let Some(segment) = SegmentName::parse(name) {
            Self::Segment(segment)
        } else if let Some(stem) = name.strip_suffix(".broken") {
            Self::Broken(SegmentName::parse(stem))
        } else if name.ends_with(".tmp") {
            Self::Tmp
        } else {
            Self::Stray
        }
    }
}

/// Returns the last component of a path, also of a path in an archive.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_segments_from_leftovers() {
        let of = WalFile::from_path;
        let first = SegmentName {
            seq: 0,
            index: RaftIndex(0),
        };
        let name = "a/b.tar!/wal/0000000000000000-0000000000000000.wal";
        assert_eq!(of(name), WalFile::Segment(first));
        assert_eq!(of(&format!("{name}.broken")), WalFile::Broken(Some(first)));
        assert_eq!(of("wal/0.tmp"), WalFile::Tmp);
        assert_eq!(of("wal/core.123"), WalFile::Stray);
        assert_eq!(of("wal/00000000000000000-0.wal"), WalFile::Stray);
        assert_eq!(first.file_name(), base_name(name));
    }
}
