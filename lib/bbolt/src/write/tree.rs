//! One bucket's tree, built from the left.
//!
//! ```text
//! entries ─► leaf (filling) ─full─► page 7 ─► branch (filling) ─full─► page 131 ─► branch above it …
//! ```

use std::io::Write;

use super::encode::{self, BRANCH, LEAF};
use super::{Pages, WriteError};
use crate::page::{ELEMENT_BYTES, HEADER_BYTES, Pgid};

/// Maximum number of elements of a page: the free list's mark for "more than fit" is one above.
const MAX_COUNT: usize = 0xfffe;
/// A branch with fewer children is not written: bbolt would have merged it.
const MIN_CHILDREN: usize = 2;

/// A page that is being filled: its elements, and the keys and values after them.
#[derive(Debug, Default)]
struct Filling {
    /// Flags (leaf) or child page (branch), length of the key, length of the value.
    elements: Vec<(u64, u32, u32)>,
    data: Vec<u8>,
    last_key: Vec<u8>,
    first_key: Vec<u8>,
    /// Header and elements of the page before: memory to build the next ones in.
    head: Vec<u8>,
}

/// What became of a bucket's entries.
pub(super) enum Done {
    /// A page image that fits into the value of the bucket's element.
    Inline(Vec<u8>),
    /// The page of its root.
    Root(Pgid),
}

/// A tree that is being built.
#[derive(Debug)]
pub(super) struct Tree {
    page_size: usize,
    leaf: Filling,
    /// Branch pages that are being filled, the lowest level first.
    branches: Vec<Filling>,
    has_buckets: bool,
}

impl Filling {
    fn bytes(&self) -> usize {
        HEADER_BYTES + self.elements.len() * ELEMENT_BYTES + self.data.len()
    }

    /// As `splitIndex` in `node.go`, v1.3.11, but full pages: nothing is inserted later. What fits into the overflow pages
    /// that a large value needs anyway is there too.
    fn takes(&self, key: &[u8], value: &[u8], page_size: usize) -> bool {
        let more = ELEMENT_BYTES + key.len() + value.len();
        let room = self.bytes().next_multiple_of(page_size);
        self.elements.len() < MAX_COUNT && self.bytes().saturating_add(more) <= room
    }

    fn push(&mut self, what: u64, key: &[u8], value: &[u8]) -> Result<(), WriteError> {
        let key_bytes = u32::try_from(key.len()).map_err(|_| WriteError::KeyBytes(key.len()))?;
        let value_bytes =
            u32::try_from(value.len()).map_err(|_| WriteError::ValueBytes(value.len()))?;
        if self.elements.is_empty() {
            self.first_key.clear();
            self.first_key.extend(key);
        }
        self.last_key.clear();
        self.last_key.extend(key);
        self.elements.push((what, key_bytes, value_bytes));
        self.data.extend(key);
        self.data.extend(value);
        Ok(())
    }

    /// Header and elements; the data follows them.
    fn head(&self, flags: u16, id: Pgid, page_size: usize, mut head: Vec<u8>) -> Vec<u8> {
        let overflow = self.bytes().div_ceil(page_size).saturating_sub(1);
        let count = u16::try_from(self.elements.len()).unwrap_or(u16::MAX);
        let overflow = u32::try_from(overflow).unwrap_or(u32::MAX);
        head.clear();
        head.extend(encode::header(id, flags, count, overflow));
        head.reserve(self.elements.len() * ELEMENT_BYTES);
        // Positions count from the element itself.
        let mut pos = self.elements.len() * ELEMENT_BYTES;
        for &(what, key, value) in &self.elements {
            let at = u32::try_from(pos).unwrap_or(u32::MAX);
            if flags == LEAF {
                let kind = u32::try_from(what).unwrap_or(0);
                head.extend(encode::leaf_element(kind, at, key, value));
            } else {
                head.extend(encode::branch_element(at, key, Pgid(what)));
            }
            pos = pos
                .saturating_add(key as usize)
                .saturating_add(value as usize)
                .saturating_sub(ELEMENT_BYTES);
        }
        head
    }

    fn write<W: Write>(&mut self, pages: &mut Pages<W>, flags: u16) -> Result<Pgid, WriteError> {
        let head = std::mem::take(&mut self.head);
        self.head = self.head(flags, pages.next(), pages.page_size(), head);
        let pgid = pages.write(&self.head, &self.data)?;
        self.elements.clear();
        self.data.clear();
        // A value of a gigabyte is not a reason to keep its room for all the small ones after it.
        self.data.shrink_to(pages.page_size());
        Ok(pgid)
    }

    /// Takes the last child out, to give it to the next page.
    fn pop_child(&mut self) -> Option<(Vec<u8>, Pgid)> {
        let (child, key, _) = self.elements.pop()?;
        let at = self.data.len().saturating_sub(key as usize);
        Some((self.data.split_off(at), Pgid(child)))
    }
}

impl Tree {
    pub(super) fn new(page_size: usize) -> Self {
        Self {
            page_size,
            leaf: Filling::default(),
            branches: Vec::new(),
            has_buckets: false,
        }
    }

    /// Adds an element after the ones before.
    pub(super) fn add<W: Write>(
        &mut self,
        pages: &mut Pages<W>,
        flags: u32,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), WriteError> {
        if !self.leaf.last_key.is_empty() && self.leaf.last_key.as_slice() >= key {
            return Err(WriteError::Order(key.escape_ascii().to_string()));
        }
        if !self.leaf.elements.is_empty() && !self.leaf.takes(key, value, self.page_size) {
            self.flush_leaf(pages)?;
        }
        self.has_buckets |= flags == encode::BUCKET;
        self.leaf.push(u64::from(flags), key, value)
    }

    fn flush_leaf<W: Write>(&mut self, pages: &mut Pages<W>) -> Result<(), WriteError> {
        let first = std::mem::take(&mut self.leaf.first_key);
        let pgid = self.leaf.write(pages, LEAF)?;
        self.add_child(pages, 0, &first, pgid)
    }

    /// Adds a finished page to the branch above it. A full branch gives its last child to its successor if that would else
    /// begin with too few: only then is the rest written.
    fn add_child<W: Write>(
        &mut self,
        pages: &mut Pages<W>,
        level: usize,
        key: &[u8],
        child: Pgid,
    ) -> Result<(), WriteError> {
        if self.branches.len() <= level {
            self.branches.resize_with(level + 1, Filling::default);
        }
        let page_size = self.page_size;
        let Some(branch) = self.branches.get_mut(level) else {
            return Ok(());
        };
        let full = branch.elements.len() > MIN_CHILDREN && !branch.takes(key, &[], page_size);
        if !full {
            return branch.push(child.0, key, &[]);
        }
        // The last child opens the next page together with the new one, so that no page is left with a single child.
        let Some((last_key, last)) = branch.pop_child() else {
            return branch.push(child.0, key, &[]);
        };
        let first = std::mem::take(&mut branch.first_key);
        let pgid = branch.write(pages, BRANCH)?;
        branch.push(last.0, &last_key, &[])?;
        branch.push(child.0, key, &[])?;
        self.add_child(pages, level + 1, &first, pgid)
    }

    /// Writes what is left, or keeps it as a page image if bbolt would.
    pub(super) fn finish<W: Write>(mut self, pages: &mut Pages<W>) -> Result<Done, WriteError> {
        let inline = self.branches.is_empty()
            && !self.has_buckets
            && self.leaf.bytes() <= self.page_size / 4;
        if inline {
            let mut page = self.leaf.head(LEAF, Pgid(0), self.page_size, Vec::new());
            page.append(&mut self.leaf.data);
            return Ok(Done::Inline(page));
        }
        self.finish_as_pages(pages).map(Done::Root)
    }

    /// Writes what is left; returns the root.
    pub(super) fn finish_as_pages<W: Write>(
        mut self,
        pages: &mut Pages<W>,
    ) -> Result<Pgid, WriteError> {
        if self.branches.is_empty() {
            return self.leaf.write(pages, LEAF);
        }
        self.flush_leaf(pages)?;
        let mut level = 0;
        loop {
            let top = level + 1 >= self.branches.len();
            let Some(branch) = self.branches.get_mut(level) else {
                return Ok(pages.next());
            };
            let first = std::mem::take(&mut branch.first_key);
            let pgid = branch.write(pages, BRANCH)?;
            if top {
                return Ok(pgid);
            }
            level += 1;
            self.add_child(pages, level, &first, pgid)?;
        }
    }
}
