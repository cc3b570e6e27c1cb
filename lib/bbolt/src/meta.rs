//! The two meta pages: a transaction is committed when its meta page is written.
//!
//! ```text
//! 16      20        24          28      32          40         48         56    64     72         80
//! ├ magic ┼ version ┼ page size ┼ flags ┼ root pgid ┼ sequence ┼ freelist ┼ HWM ┼ txid ┼ checksum ┤
//! ```
//!
//! Transaction N writes page `N mod 2` after its data pages were synced. The newer valid meta is the state of the file, the
//! other one is the commit before it. The checksum (FNV-1a-64 of bytes 16..72) is the only one in a bbolt file.
//! Source: meta in `db.go`, v1.3.11.

use std::fmt;

use super::page::{PageHeader, Pgid};
use located::Bytes;
use located::Error;

/// `meta.magic`.
pub const MAGIC: u32 = 0xED0C_DAED;
/// `meta.version`, the only one in use.
pub const VERSION: u32 = 2;
/// `meta.freelist` of a db without a stored freelist, which is the case for etcd on Linux.
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

/// A meta page. [`Meta::validate`] tests whether bbolt accepts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Page 0 or 1.
    pub slot: u8,
    /// The page header; bbolt does not check it when it opens a file.
    pub header: PageHeader,
    /// The magic number, [`MAGIC`].
    pub magic: u32,
    /// The version, [`VERSION`].
    pub version: u32,
    /// Page size in bytes: 4096 on most machines, 16384 or 65536 on some arm64 and ppc64le kernels.
    pub page_size: u32,
    /// Flags; always 0.
    pub flags: u32,
    /// Root page of the root bucket.
    pub root: Pgid,
    /// Sequence of the root bucket; etcd leaves it 0.
    pub sequence: u64,
    /// Page of the freelist, or [`NO_FREELIST`].
    pub freelist: Pgid,
    /// High-water mark: the first page id that was never allocated.
    pub high_water_mark: Pgid,
    /// The transaction that wrote this page.
    pub txid: Txid,
    /// The stored checksum.
    pub checksum: u64,
    /// The computed checksum.
    pub computed_checksum: u64,
}

/// Why bbolt rejects a meta page; the messages are those of bbolt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetaInvalid {
    /// The magic number is not [`MAGIC`].
    #[error("invalid database")]
    Magic,
    /// The version is not [`VERSION`].
    #[error("version mismatch")]
    Version,
    /// The checksum differs.
    #[error("checksum error")]
    Checksum,
}

/// Selects the meta page to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetaChoice {
    /// The valid meta with the higher txid, as bbolt does.
    #[default]
    Newest,
    /// The valid meta with the lower txid: the state before the last commit.
    Older,
    /// The meta on page 0 or 1, whatever the other one contains.
    Slot(u8),
}

impl Meta {
    /// Parses the meta page at the start of `page`.
    ///
    /// # Errors
    /// [`Error::Truncated`] if there are fewer than 80 bytes.
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

    /// Tests magic, version and checksum, in the order of bbolt: validate in `db.go`, v1.3.11.
    ///
    /// # Errors
    /// Returns the first test that fails.
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

    /// Returns whether the freelist is stored in the file.
    /// `pgidNoFreelist` in `db.go`, v1.3.11: all bits set.
    pub fn has_freelist(&self) -> bool {
        self.freelist != NO_FREELIST
    }

    /// Returns whether this is the meta of a new file: an empty root on page 3, four pages in all.
    ///
    /// After a defragmentation the older meta is such a meta, and falling back to it means an empty db.
    /// `init` in `db.go`, v1.3.11, writes both meta pages, an empty freelist and an empty leaf.
    pub fn is_initial(&self) -> bool {
        self.root == Pgid(3) && self.high_water_mark == Pgid(4) && self.txid.0 <= 1
    }

    /// Returns the length of the pages below the high-water mark in bytes: `dbSize` of etcd.
    pub fn size_bytes(&self) -> u64 {
        self.high_water_mark
            .0
            .saturating_mul(u64::from(self.page_size))
    }
}

/// Computes FNV-1a with 64 bits, as `hash/fnv` of Go does.
/// `sum64` in `db.go`, v1.3.11: all fields before the checksum.
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
