//! Pages: 16 bytes of header, an array of elements, then keys and values.
//!
//! ```text
//!  0        8      10      12        16            16+16·count
//! ┌────────┬───────┬───────┬──────────┬─────────────┬──────────────────────────┬──────┐
//! │ id u64 │ flags │ count │ overflow │ elements    │ key₀ value₀ key₁ value₁… │ zero │
//! └────────┴───────┴───────┴──────────┴─────────────┴──────────────────────────┴──────┘
//! ```
//!
//! Only the two meta pages have a checksum, so nothing in a page is trusted. Overflow pages have no header.
//! Source: `page.go`, v1.3.11.

use std::fmt;

use located::Bytes;
use located::Error;

/// A page id; page `p` starts at byte `p × page size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct Pgid(pub u64);

impl fmt::Display for Pgid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Length of a page header.
pub(crate) const HEADER_BYTES: usize = 16;
/// Length of a leaf or branch element.
pub(crate) const ELEMENT_BYTES: usize = 16;
/// `flags` of a leaf element whose value is a bucket.
pub(crate) const BUCKET_FLAG: u32 = 1;

/// The type of a page, by its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PageType {
    /// `0x01`: keys and child page ids.
    Branch,
    /// `0x02`: keys and values.
    Leaf,
    /// `0x04`: a meta.
    Meta,
    /// `0x10`: ids of free pages.
    Freelist,
}

impl PageType {
    /// Returns the name that bbolt prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Branch => "branch",
            Self::Leaf => "leaf",
            Self::Meta => "meta",
            Self::Freelist => "freelist",
        }
    }
}

/// The header of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageHeader {
    /// The id of the page; differs from its position after a misdirected write.
    pub id: Pgid,
    /// Type bits.
    pub flags: u16,
    /// Number of elements.
    pub count: u16,
    /// Number of overflow pages.
    pub overflow: u32,
}

impl PageHeader {
    /// Parses a header.
    ///
    /// # Errors
    /// [`Error::Truncated`] if there are fewer than 16 bytes.
    pub fn parse(page: &Bytes<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: Pgid(page.u64(0, "page.id")?),
            flags: page.u16(8, "page.flags")?,
            count: page.u16(10, "page.count")?,
            overflow: page.u32(12, "page.overflow")?,
        })
    }

    /// Returns the type if exactly one known bit is set.
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

/// A page with its overflow, or the page of an inline bucket.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Its position: byte offset divided by the page size. For an inline page, the position of the page that contains it.
    pub pgid: Pgid,
    /// The header.
    pub header: PageHeader,
    /// The bytes from the header to the end of the overflow; shorter if the file ends before.
    pub bytes: Bytes<'a>,
    /// Number of bytes of the overflow that are beyond the end of the file.
    pub missing_bytes: u64,
}

/// One element of a leaf page.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value, which directly follows the key.
    pub value: &'a [u8],
    /// 1: the value is a bucket.
    pub flags: u32,
    /// Offset of the key in the file.
    pub offset: u64,
    /// The page that contains it.
    pub page: Pgid,
    /// Its position in the page.
    pub index: usize,
}

impl Item<'_> {
    /// Returns whether the value is a bucket header.
    /// `bucketLeafFlag` in `page.go`, v1.3.11.
    pub fn is_bucket(&self) -> bool {
        self.flags & BUCKET_FLAG != 0
    }
}

/// What a leaf page is by its element array, whatever its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafExtent {
    /// Number of elements.
    pub elements: u16,
    /// Bytes from the header to the end of the last value.
    pub bytes: usize,
}

/// One element of a branch page.
#[derive(Clone, Copy, Debug)]
pub struct Child<'a> {
    /// A key that is not greater than the first key of the child.
    pub key: &'a [u8],
    /// The child page.
    pub pgid: Pgid,
    /// Offset of the element in the file.
    pub offset: u64,
}

impl<'a> Page<'a> {
    /// Parses the page at the start of `bytes`, with as much of its overflow as there is.
    ///
    /// # Errors
    /// [`Error::Truncated`] if the bytes end before the end of the header.
    pub(crate) fn parse(pgid: Pgid, bytes: Bytes<'a>, page_size: u64) -> Result<Self, Error> {
        let header = PageHeader::parse(&bytes)?;
        let claimed = (u64::from(header.overflow) + 1).saturating_mul(page_size);
        let present = claimed.min(bytes.len() as u64);
        let bytes = bytes.slice(0, usize::try_from(present).unwrap_or(bytes.len()), "page")?;
        Ok(Page {
            pgid,
            header,
            bytes,
            missing_bytes: claimed - present,
        })
    }

    /// Returns the number of elements that the page has room for, whatever the header says.
    pub fn capacity(&self) -> usize {
        self.bytes.len().saturating_sub(HEADER_BYTES) / ELEMENT_BYTES
    }

    /// Returns the number of elements: `header.count`, or fewer if the page has no room for them.
    pub fn count(&self) -> usize {
        usize::from(self.header.count).min(self.capacity())
    }

    /// Returns the element at `index` of a leaf page.
    ///
    /// # Errors
    /// [`Error::Truncated`] if the element, its key or its value ends beyond the page.
    #[inline]
    /// The position counts from the element itself, not from the page: `leafPageElement.key` in `page.go`, v1.3.11.
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

    /// Iterates over the elements of a leaf page. An element that cannot be read yields an error; the next one follows.
    pub fn items(&self) -> impl Iterator<Item = Result<Item<'a>, Error>> + use<'a> {
        let page = *self;
        (0..page.count()).map(move |index| page.item(index))
    }

    /// Returns what the element array proves: its keys begin where it ends, and follow each other in ascending order. `None` if
    /// they do not.
    pub fn leaf_by_elements(&self) -> Option<LeafExtent> {
        let first = self
            .bytes
            .u32(HEADER_BYTES + 4, "leafPageElement.pos")
            .ok()? as usize;
        let count = first.checked_div(ELEMENT_BYTES)?;
        if count == 0 || !first.is_multiple_of(ELEMENT_BYTES) || count > self.capacity() {
            return None;
        }
        let start = self.bytes.offset();
        let mut next = start.saturating_add((HEADER_BYTES + first) as u64);
        let mut last: &[u8] = &[];
        for index in 0..count {
            let item = self.item(index).ok()?;
            if item.offset != next || item.key.is_empty() || item.key <= last || item.flags > 1 {
                return None;
            }
            last = item.key;
            next = item
                .offset
                .saturating_add((item.key.len() + item.value.len()) as u64);
        }
        Some(LeafExtent {
            elements: u16::try_from(count).ok()?,
            bytes: usize::try_from(next.checked_sub(start)?).ok()?,
        })
    }

    /// Returns how many elements the array of the page has beyond those that the header counts: bbolt writes the first key right
    /// after the array, so that a gap in which elements fit is made of elements.
    pub fn hidden_elements(&self) -> usize {
        let count = usize::from(self.header.count);
        if count == 0 {
            let leaf = self.leaf_by_elements();
            let leaf = leaf.filter(|_| self.header.page_type() == Some(PageType::Leaf));
            return leaf.map_or(0, |leaf| leaf.elements.into());
        }
        // A branch has the position of its key first, a leaf its flags.
        let at = match self.header.page_type() {
            Some(PageType::Branch) => HEADER_BYTES,
            Some(PageType::Leaf) => HEADER_BYTES + 4,
            _ => return 0,
        };
        let first = self.bytes.u32(at, "element.pos").unwrap_or(0) as usize;
        let room = first.checked_div(ELEMENT_BYTES).unwrap_or(0);
        match first.is_multiple_of(ELEMENT_BYTES) && room <= self.capacity() {
            true => room.saturating_sub(count),
            false => 0,
        }
    }

    /// Returns the element at `index` of a branch page.
    ///
    /// # Errors
    /// [`Error::Truncated`] if the element or its key ends beyond the page.
    /// `branchPageElement.key` in `page.go`, v1.3.11.
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

    /// Iterates over the elements of a branch page.
    pub fn children(&self) -> impl Iterator<Item = Result<Child<'a>, Error>> + use<'a> {
        let page = *self;
        (0..page.count()).map(move |index| page.child(index))
    }
}
