//! What a file is, by its first bytes.

use located::wire;

/// Bytes of a file's head that are enough to recognise it: up to the second meta page of a bbolt file with 64 KiB pages.
pub(super) const HEAD: usize = (64 << 10) + 32;

/// What the first bytes of a file show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Magic {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
    Lz4,
    Zip,
    Tar,
    Bolt,
    Wal,
    Snap,
    /// k3s without embedded etcd keeps its data in one (kine).
    Sqlite,
    Unknown,
}

impl Magic {
    /// Recognises a file of `size` bytes by its head.
    pub(super) fn detect(head: &[u8], size: u64) -> Self {
        let starts = |magic: &[u8]| head.starts_with(magic);
        if starts(&[0x1f, 0x8b, 8]) {
            Self::Gzip
        } else if starts(&[0x28, 0xb5, 0x2f, 0xfd]) || is_skippable_frame(head) {
            Self::Zstd
        } else if starts(b"\xfd7zXZ\0") {
            Self::Xz
        } else if is_bzip2(head) {
            Self::Bzip2
        } else if starts(&[0x04, 0x22, 0x4d, 0x18]) {
            Self::Lz4
        } else if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") {
            Self::Zip
        } else if starts(b"SQLite format 3\0") {
            Self::Sqlite
        } else if is_tar(head) {
            // Before bbolt, whose magic may be in the first entry. A bbolt file starts with the page id 0, a tar never.
            Self::Tar
        } else if is_bolt(head) {
            Self::Bolt
        } else if is_wal(head) {
            Self::Wal
        } else if is_snap(head, size) {
            Self::Snap
        } else {
            Self::Unknown
        }
    }

    pub(super) fn is_archive(self) -> bool {
        self.is_compressed() || matches!(self, Self::Zip | Self::Tar)
    }

    /// Whether it is one compressed stream.
    pub(super) fn is_compressed(self) -> bool {
        matches!(
            self,
            Self::Gzip | Self::Zstd | Self::Xz | Self::Bzip2 | Self::Lz4
        )
    }
}

/// Frames that zstd and pzstd put around theirs: `0x184D2A50` to `5F`.
fn is_skippable_frame(head: &[u8]) -> bool {
    matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// `BZh`, the block size, and the mark of a block (the digits of π) or of the end.
fn is_bzip2(head: &[u8]) -> bool {
    let Some((b"BZh", rest)) = head.split_at_checked(3) else {
        return false;
    };
    matches!(
        rest,
        [b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
            | [b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..]
    )
}

/// bbolt's magic in either meta page, whatever the page size.
fn is_bolt(head: &[u8]) -> bool {
    let magic_at = |at: usize| {
        head.get(at..)
            .is_some_and(|rest| rest.starts_with(&[0xed, 0xda, 0x0c, 0xed]))
    };
    magic_at(16) || (9..=16).any(|bits| magic_at((1 << bits) + 16))
}

/// A header whose checksum matches; the magic `ustar` is younger than the format.
fn is_tar(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<512>() else {
        return false;
    };
    if block.first() == Some(&0) {
        return false;
    }
    let stored = block.get(148..156).and_then(octal);
    stored == Some(tar_checksum(block))
}

/// The sum of a tar header's bytes, those of its own checksum taken for blanks.
pub(super) fn tar_checksum(block: &[u8; 512]) -> u32 {
    let bytes = block.iter().enumerate();
    let counted = bytes.map(|(at, byte)| match at {
        148..156 => 32,
        _ => u32::from(*byte),
    });
    counted.sum()
}

/// A number as tar writes it: octal digits, with blanks before and a blank or NUL after them.
fn octal(field: &[u8]) -> Option<u32> {
    let digits = field
        .split(|byte| *byte == 0)
        .next()
        .unwrap_or_default()
        .trim_ascii();
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

/// The frame of a crc record (type 4), with which every segment starts: `Create` and `cut` in `server/wal/wal.go`, v3.5.30.
fn is_wal(head: &[u8]) -> bool {
    matches!(head, [2..=40, 0, 0, 0, 0, 0, 0, _, 0x08, 0x04, ..])
}

/// `snappb.snapshot`: a varint, then bytes up to exactly the end of the file.
fn is_snap(head: &[u8], size: u64) -> bool {
    let Some(([0x08], rest)) = head.split_at_checked(1) else {
        return false;
    };
    let Some((_crc, rest)) = varint(rest) else {
        return false;
    };
    let Some(([0x12], rest)) = rest.split_at_checked(1) else {
        return false;
    };
    varint(rest).is_some_and(|(len, rest)| {
        let before = head.len().saturating_sub(rest.len()) as u64;
        before.checked_add(len) == Some(size)
    })
}

/// Reads a number and returns it with the bytes after it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (value, len) = wire::varint(bytes).ok()?;
    Some((value, bytes.get(len..)?))
}

#[cfg(test)]
mod tests {
    use super::Magic;

    #[test]
    fn a_file_is_told_by_its_first_bytes() {
        let mut bolt = vec![0; 70_000];
        bolt[8192 + 16..][..4].copy_from_slice(&[0xed, 0xda, 0x0c, 0xed]);
        assert_eq!(
            Magic::detect(&bolt, 70_000),
            Magic::Bolt,
            "the first meta page may be damaged"
        );
        assert_eq!(
            Magic::detect(&[4, 0, 0, 0, 0, 0, 0, 0x84, 8, 4, 16, 0], 12),
            Magic::Wal
        );
        assert_eq!(Magic::detect(&[8, 1, 0x12, 1, 0], 5), Magic::Snap);
        assert_eq!(Magic::detect(&[8, 1, 0x12, 1, 0, 0], 6), Magic::Unknown);
        assert_eq!(Magic::detect(b"SQLite format 3\0\x10\0", 18), Magic::Sqlite);
        assert_eq!(Magic::detect(&[0; 512], 512), Magic::Unknown);
        assert_eq!(Magic::detect(&[], 0), Magic::Unknown);
        let mut header = tar::Header::new_gnu();
        header.set_path("data/member").unwrap();
        header.set_cksum();
        assert_eq!(Magic::detect(header.as_bytes(), 512), Magic::Tar);
    }
}
