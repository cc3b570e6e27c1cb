//! Pages and elements through unchecked pointers.

use super::memory::{Pointer, Span};
use super::{Death, Generation, Opened};

pub(super) const BRANCH: u16 = 0x01;
pub(super) const LEAF: u16 = 0x02;
const META: u16 = 0x04;
pub(super) const FREELIST: u16 = 0x10;
const HEADER_BYTES: u64 = 16;
const ELEMENT_BYTES: u64 = 16;

/// A page header, and where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawPage {
    pub from: Pointer,
    pub id: u64,
    pub flags: u16,
    pub count: u16,
    pub overflow: u32,
}

/// An element of a leaf.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeafElement {
    pub flags: u32,
    pub key: Span,
    pub value: Span,
}

impl RawPage {
    pub fn is_leaf(&self, generation: Generation) -> bool {
        match generation {
            Generation::V1_4 => self.flags == LEAF,
            _ => self.flags & LEAF != 0,
        }
    }

    /// bbolt's name of the page's type, in its order; since 1.4 a type has one bit.
    pub fn kind(&self, generation: Generation) -> String {
        let named = [
            (BRANCH, "branch"),
            (LEAF, "leaf"),
            (META, "meta"),
            (FREELIST, "freelist"),
        ];
        let is = |bit: u16| match generation {
            Generation::V1_4 => self.flags == bit,
            _ => self.flags & bit != 0,
        };
        match named.into_iter().find(|(bit, _)| is(*bit)) {
            Some((_, name)) => name.to_owned(),
            None => format!("unknown<{:02x}>", self.flags),
        }
    }

    /// Where the element of that number is: no count is asked.
    pub fn element(&self, index: u64) -> Pointer {
        self.from
            .plus(HEADER_BYTES)
            .plus(index.saturating_mul(ELEMENT_BYTES))
    }
}

impl Opened<'_> {
    /// The header at an address.
    pub(super) fn raw(&self, from: Pointer) -> Result<RawPage, Death> {
        Ok(RawPage {
            from,
            id: self.memory.u64(from)?,
            flags: self.memory.u16(from.plus(8))?,
            count: self.memory.u16(from.plus(10))?,
            // Of an inline page, bbolt does not ask for it.
            overflow: match self.memory.u32(from.plus(12)) {
                Err(Death::Heap { .. }) => 0,
                overflow => overflow?,
            },
        })
    }

    /// `db.page`: unchecked.
    pub(super) fn unchecked(&self, id: u64) -> Result<RawPage, Death> {
        let from = self.memory.index(id.wrapping_mul(self.page_size))?;
        self.raw(from)
    }

    /// `tx.page`: since 1.3.7 the id and the type are asserted (`fastCheck`).
    pub(super) fn page(&self, id: u64) -> Result<RawPage, Death> {
        let page = self.unchecked(id)?;
        if self.generation == Generation::V1_3_6 {
            return Ok(page);
        }
        if page.id != id {
            return Err(Death::Panic(format!(
                "assertion failed: Page expected to be: {id}, but self identifies as {}",
                page.id
            )));
        }
        if !matches!(page.flags, BRANCH | LEAF | META | FREELIST) {
            return Err(Death::Panic(format!(
                "assertion failed: page {id}: has unexpected type/flags: {:x}",
                page.flags
            )));
        }
        Ok(page)
    }

    pub(super) fn leaf_element(&self, page: &RawPage, index: u64) -> Result<LeafElement, Death> {
        let (flags, key) = self.leaf_key(page, index)?;
        let at = page.element(index);
        let pos = u64::from(self.memory.u32(at.plus(4))?);
        let value = at.slice(
            pos.saturating_add(key.len),
            u64::from(self.memory.u32(at.plus(12))?),
        )?;
        Ok(LeafElement { flags, key, value })
    }

    /// Flags and key of a leaf's element; the value's bounds are not asked.
    pub(super) fn leaf_key(&self, page: &RawPage, index: u64) -> Result<(u32, Span), Death> {
        let at = page.element(index);
        let flags = self.memory.u32(at)?;
        let pos = u64::from(self.memory.u32(at.plus(4))?);
        let key = at.slice(pos, u64::from(self.memory.u32(at.plus(8))?))?;
        Ok((flags, key))
    }

    pub(super) fn child(&self, page: &RawPage, index: u64) -> Result<u64, Death> {
        self.memory.u64(page.element(index).plus(8))
    }

    pub(super) fn branch_key(&self, page: &RawPage, index: u64) -> Result<Span, Death> {
        let at = page.element(index);
        let pos = u64::from(self.memory.u32(at)?);
        at.slice(pos, u64::from(self.memory.u32(at.plus(4))?))
    }
}
