//! Names of the files in a WAL directory.

/// `SSSSSSSSSSSSSSSS-IIIIIIIIIIIIIIII.wal`: sequence number, and the index the next entry was expected to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentName {
    /// Counts up by one from 0.
    pub seq: u64,
    /// Last written index + 1 when the segment was cut; later a leader may have overwritten lower ones.
    pub index: u64,
}

impl SegmentName {
    /// Reads a file name the way etcd does (`Sscanf("%016x-%016x.wal")`), which is laxer than what it writes.
    ///
    /// ```
    /// use etcd_inspect_raftlog::wal::SegmentName;
    /// let name = SegmentName::parse("0000000000000001-000000000000003c.wal").expect("a name");
    /// assert_eq!((name.seq, name.index), (1, 60));
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        let (seq, index) = name.strip_suffix(".wal")?.split_once('-')?;
        Some(Self {
            seq: hex(seq)?,
            index: hex(index)?,
        })
    }

    /// The name as etcd writes it.
    pub fn file_name(&self) -> String {
        format!("{:016x}-{:016x}.wal", self.seq, self.index)
    }
}

fn hex(digits: &str) -> Option<u64> {
    let fits = (1..=16).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

/// What a file in a WAL directory is, by its name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalFile {
    /// A segment that etcd reads.
    Segment(SegmentName),
    /// `0.tmp`, `1.tmp`: the preallocated next segment; its content means nothing.
    Tmp,
    /// `….wal.broken`: the copy a repair made before it cut the segment. etcd never reads it again.
    Broken(Option<SegmentName>),
    /// `….wal` with a name etcd cannot read, or anything else: ignored with a warning.
    Stray,
}

impl WalFile {
    /// By the last component of `path`.
    pub fn of(path: &str) -> Self {
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

/// The last component of a path, within an archive too.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_segments_from_leftovers() {
        let of = WalFile::of;
        let first = SegmentName { seq: 0, index: 0 };
        let name = "a/b.tar!/wal/0000000000000000-0000000000000000.wal";
        assert_eq!(of(name), WalFile::Segment(first));
        assert_eq!(of(&format!("{name}.broken")), WalFile::Broken(Some(first)));
        assert_eq!(of("wal/0.tmp"), WalFile::Tmp);
        assert_eq!(of("wal/core.123"), WalFile::Stray);
        assert_eq!(of("wal/00000000000000000-0.wal"), WalFile::Stray);
        assert_eq!(first.file_name(), base_name(name));
    }
}
