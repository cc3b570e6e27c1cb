//! The two meta pages: where a transaction becomes real.
//!
//! ```text
//! 16      20        24          28      32          40         48         56    64     72         80
//! ├ magic ┼ version ┼ page size ┼ flags ┼ root pgid ┼ sequence ┼ freelist ┼ HWM ┼ txid ┼ checksum ┤
//! ```
//!
//! Transaction N writes page `N mod 2`, after its data pages were synced: the newer valid meta is the state of the file,
//! the other one the commit before. The checksum (FNV-1a-64 of bytes 16..72) is the only one in a bbolt file.
//! Source: bbolt `internal/common/meta.go`.

use std::fmt;

use super::page::{PageHeader, Pgid};
use located::Bytes;
use located::Error;

/// `meta.magic`.
pub const MAGIC: u32 = 0xED0C_DAED;
/// `meta.version`; there has been no other.
pub const VERSION: u32 = 2;
/// `meta.freelist` of a db whose free list is not stored: etcd on Linux, always.
pub const NO_FREELIST: Pgid = Pgid(u64::MAX);

const META_AT: usize = 16;
const CHECKSUM_AT: usize = 72;

/// A transaction id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct Txid(pub u64);

impl fmt::Display for Txid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A meta page, as it stands there. [`Meta::validate`] says whether bbolt would believe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Page 0 or 1.
    pub slot: u8,
    /// The page header; bbolt does not look at it when it opens a file.
    pub header: PageHeader,
    /// [`MAGIC`].
    pub magic: u32,
    /// [`VERSION`].
    pub version: u32,
    /// Bytes of a page; 4096 on most machines, 16384 or 65536 on some arm64 and ppc64le kernels.
    pub page_size: u32,
    /// 0.
    pub flags: u32,
    /// Root page of the bucket of buckets.
    pub root: Pgid,
    /// Sequence of the root bucket; etcd leaves it 0.
    pub sequence: u64,
    /// Page of the free list, or [`NO_FREELIST`].
    pub freelist: Pgid,
    /// High-water mark: the first page id never allocated.
    pub high_water_mark: Pgid,
    /// The transaction that wrote this page.
    pub txid: Txid,
    /// The stored checksum.
    pub checksum: u64,
    /// The checksum of the bytes that are there.
    pub computed_checksum: u64,
}

/// Why bbolt would not believe a meta page; the texts are bbolt's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetaInvalid {
    /// Not [`MAGIC`].
    #[error("invalid database")]
    Magic,
    /// Not [`VERSION`].
    #[error("version mismatch")]
    Version,
    /// The checksum differs.
    #[error("checksum error")]
    Checksum,
}

/// Which meta page to follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetaChoice {
    /// The valid one with the higher txid, as bbolt does.
    #[default]
    Newest,
    /// The valid one with the lower txid: the state one commit back.
    Older,
    /// Page 0 or 1, whatever the other says.
    Slot(u8),
}

impl Meta {
    /// Reads the meta page at the start of `page`.
    ///
    /// # Errors
    /// [`Error::Truncated`] where fewer than 80 bytes are there.
    pub fn parse(page: &Bytes<'_>, slot: u8) -> Result<Self, Error> {
        let summed = page.slice(META_AT, CHECKSUM_AT - META_AT, "meta")?;
        Ok(Self {
            slot,
            header: PageHeader::parse(page)?,
            magic: page.u32(META_AT, "meta.magic")?,
            version: page.u32(20, "meta.version")?,
            page_size: page.u32(24, "meta.pageSize")?,
            flags: page.u32(28, "meta.flags")?,
            root: Pgid(page.u64(32, "meta.root.pgid")?),
            sequence: page.u64(40, "meta.root.sequence")?,
            freelist: Pgid(page.u64(48, "meta.freelist")?),
            high_water_mark: Pgid(page.u64(56, "meta.pgid")?),
            txid: Txid(page.u64(64, "meta.txid")?),
            checksum: page.u64(CHECKSUM_AT, "meta.checksum")?,
            computed_checksum: fnv1a_64(summed.as_slice()),
        })
    }

    /// bbolt's own test, in its order: magic, version, checksum.
    ///
    /// # Errors
    /// What bbolt would say.
    pub fn validate(&self) -> Result<(), MetaInvalid> {
        if self.magic != MAGIC {
            Err(MetaInvalid::Magic)
        } else if self.version != VERSION {
            Err(MetaInvalid::Version)
        } else if self.checksum != self.computed_checksum {
            Err(MetaInvalid::Checksum)
        } else {
            Ok(())
        }
    }

    /// Whether the free list is stored in the file.
    pub fn has_freelist(&self) -> bool {
        self.freelist != NO_FREELIST
    }

    /// Whether this is what a new file begins with: an empty root at page 3, four pages in all. After a defragmentation the
    /// older meta is of this kind, and falling back to it means an empty database.
    pub fn is_initial(&self) -> bool {
        self.root == Pgid(3) && self.high_water_mark == Pgid(4) && self.txid.0 <= 1
    }

    /// Bytes of the file that this meta accounts for: etcd's `dbSize`.
    pub fn size_bytes(&self) -> u64 {
        self.high_water_mark
            .0
            .saturating_mul(u64::from(self.page_size))
    }
}

/// FNV-1a with 64 bits, as Go's `hash/fnv` has it.
pub(super) fn fnv1a_64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(fnv1a_64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a_64(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
