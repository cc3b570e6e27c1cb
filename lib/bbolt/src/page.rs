//! Pages: 16 bytes of header, an array of elements, then keys and values.
//!
//! ```text
//!  0        8      10      12        16            16+16·count
//! ┌────────┬───────┬───────┬──────────┬─────────────┬──────────────────────────┬──────┐
//! │ id u64 │ flags │ count │ overflow │ elements    │ key₀ value₀ key₁ value₁… │ zero │
//! └────────┴───────┴───────┴──────────┴─────────────┴──────────────────────────┴──────┘
//! ```
//!
//! A page is believed as little as possible: no page but the two metas carries a checksum. The pages that follow an
//! overflow page have no header of their own. Source: bbolt `internal/common/page.go`.

use std::fmt;

use located::Bytes;
use located::Error;

/// A page id; page `p` begins at byte `p × page size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct Pgid(pub u64);

impl fmt::Display for Pgid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Bytes of a page header, and of a leaf or branch element.
pub(crate) const HEADER_BYTES: usize = 16;
/// Bytes of one leaf or branch element.
pub(crate) const ELEMENT_BYTES: usize = 16;
/// `flags` of a leaf element whose value is a bucket.
pub(crate) const BUCKET_FLAG: u32 = 1;

/// What the flags of a page say it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PageType {
    /// `0x01`: keys and child page ids.
    Branch,
    /// `0x02`: keys and values.
    Leaf,
    /// `0x04`: one of the two metas.
    Meta,
    /// `0x10`: ids of free pages.
    Freelist,
}

impl PageType {
    /// The name bbolt prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Branch => "branch",
            Self::Leaf => "leaf",
            Self::Meta => "meta",
            Self::Freelist => "freelist",
        }
    }
}

/// The 16 bytes at the head of a page, as they stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageHeader {
    /// The page's own id; differs from its position where a write went astray.
    pub id: Pgid,
    /// Type bits.
    pub flags: u16,
    /// Number of elements.
    pub count: u16,
    /// Number of pages that follow and belong to this one.
    pub overflow: u32,
}

impl PageHeader {
    /// Reads a header.
    ///
    /// # Errors
    /// [`Error::Truncated`] where fewer than 16 bytes are there.
    pub fn parse(page: &Bytes<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: Pgid(page.u64(0, "page.id")?),
            flags: page.u16(8, "page.flags")?,
            count: page.u16(10, "page.count")?,
            overflow: page.u32(12, "page.overflow")?,
        })
    }

    /// The type, where exactly one known bit is set.
    pub fn page_type(&self) -> Option<PageType> {
        match self.flags {
            0x01 => Some(PageType::Branch),
            0x02 => Some(PageType::Leaf),
            0x04 => Some(PageType::Meta),
            0x10 => Some(PageType::Freelist),
            _ => None,
        }
    }
}

/// A page with the pages of its overflow run, or the page image inside an inline bucket.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The position: byte offset divided by the page size. For an inline page, that of the page it lies in.
    pub pgid: Pgid,
    /// The header as it stands there.
    pub header: PageHeader,
    /// Header to end of the overflow run; shorter where the file ends before.
    pub bytes: Bytes<'a>,
    /// Bytes that the header claims beyond the end of the file.
    pub missing_bytes: u64,
}

/// One element of a leaf page.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value; it follows the key directly.
    pub value: &'a [u8],
    /// 1: the value is a bucket.
    pub flags: u32,
    /// Where the key begins in the file.
    pub offset: u64,
    /// The page.
    pub page: Pgid,
    /// Which element of the page.
    pub index: usize,
}

impl Item<'_> {
    /// Whether the value is a bucket header.
    pub fn is_bucket(&self) -> bool {
        self.flags & BUCKET_FLAG != 0
    }
}

/// One element of a branch page.
#[derive(Clone, Copy, Debug)]
pub struct Child<'a> {
    /// A key that is not greater than the child's first one.
    pub key: &'a [u8],
    /// The child page.
    pub pgid: Pgid,
    /// Where the element begins in the file.
    pub offset: u64,
}

impl<'a> Page<'a> {
    /// The page at the start of some bytes, with as much of its overflow run as there is.
    ///
    /// # Errors
    /// [`Error::Truncated`] where they end before the header does.
    pub(crate) fn of(pgid: Pgid, bytes: Bytes<'a>, page_size: u64) -> Result<Self, Error> {
        let header = PageHeader::parse(&bytes)?;
        let claimed = (u64::from(header.overflow) + 1).saturating_mul(page_size);
        let there = claimed.min(bytes.len() as u64);
        let bytes = bytes.slice(0, usize::try_from(there).unwrap_or(bytes.len()), "page")?;
        Ok(Page {
            pgid,
            header,
            bytes,
            missing_bytes: claimed - there,
        })
    }

    /// How many elements have room in the page, whatever the header claims.
    pub fn capacity(&self) -> usize {
        self.bytes.len().saturating_sub(HEADER_BYTES) / ELEMENT_BYTES
    }

    /// The elements that are there: `header.count`, or fewer where they would not fit.
    pub fn count(&self) -> usize {
        usize::from(self.header.count).min(self.capacity())
    }

    /// The element at `index` of a leaf page.
    ///
    /// # Errors
    /// [`Error::Truncated`] where element, key or value reach beyond the page.
    #[inline]
    pub fn item(&self, index: usize) -> Result<Item<'a>, Error> {
        let at = HEADER_BYTES + index * ELEMENT_BYTES;
        let flags = self.bytes.u32(at, "leafPageElement.flags")?;
        let pos = self.bytes.u32(at + 4, "leafPageElement.pos")?;
        let ksize = self.bytes.u32(at + 8, "leafPageElement.ksize")?;
        let vsize = self.bytes.u32(at + 12, "leafPageElement.vsize")?;
        let start = at + pos as usize;
        let key = self
            .bytes
            .slice(start, ksize as usize, "leafPageElement.key")?;
        let value = self.bytes.slice(
            start + ksize as usize,
            vsize as usize,
            "leafPageElement.value",
        )?;
        Ok(Item {
            key: key.as_slice(),
            value: value.as_slice(),
            flags,
            offset: key.offset(),
            page: self.pgid,
            index,
        })
    }

    /// All elements of a leaf page; one that cannot be read is an error in its place, and the next follows.
    pub fn items(&self) -> impl Iterator<Item = Result<Item<'a>, Error>> + use<'a> {
        let page = *self;
        (0..page.count()).map(move |index| page.item(index))
    }

    /// The element at `index` of a branch page.
    ///
    /// # Errors
    /// [`Error::Truncated`] where element or key reach beyond the page.
    pub fn child(&self, index: usize) -> Result<Child<'a>, Error> {
        let at = HEADER_BYTES + index * ELEMENT_BYTES;
        let pos = self.bytes.u32(at, "branchPageElement.pos")?;
        let ksize = self.bytes.u32(at + 4, "branchPageElement.ksize")?;
        let pgid = Pgid(self.bytes.u64(at + 8, "branchPageElement.pgid")?);
        let key = self
            .bytes
            .slice(at + pos as usize, ksize as usize, "branchPageElement.key")?;
        Ok(Child {
            key: key.as_slice(),
            pgid,
            offset: self.bytes.offset() + at as u64,
        })
    }

    /// All elements of a branch page.
    pub fn children(&self) -> impl Iterator<Item = Result<Child<'a>, Error>> + use<'a> {
        let page = *self;
        (0..page.count()).map(move |index| page.child(index))
    }
}
