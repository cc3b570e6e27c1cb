//! Pages: headers, elements and page ids stay; keys and values become those of [`Redactor`]; everything else is wiped.

use std::collections::BTreeMap;

use super::fill::wiped;
use super::record::{BucketKind, Redactor};
use crate::bolt::{MAGIC, PageHeader, PageType};
use located::{Bytes, FileName};

const HEADER_BYTES: usize = 16;
const ELEMENT_BYTES: usize = 16;
/// Root page and sequence of a bucket, before the page of an inline one.
const BUCKET_HEADER_BYTES: usize = 16;
const BUCKET_FLAG: u32 = 1;
/// Magic, version, sizes, roots, transaction and checksum of a meta page, after its header.
const META_BYTES: usize = 80;
/// Bits of the magic number that may be damaged.
const MAX_CHANGED_BITS: u32 = 8;
/// Elements that are asked where the array of elements ends.
const VOTERS: usize = 64;
const LONG_COUNT: u16 = 0xffff;
const ID_BYTES: usize = 8;

/// An element of a page: where its key starts, and the lengths.
struct Element {
    flags: u32,
    start: usize,
    key_bytes: usize,
    value_bytes: usize,
}

/// Bytes of one page that replace those that are there.
struct Patch<'b> {
    input: &'b [u8],
    out: Vec<u8>,
}

impl<'b> Patch<'b> {
    fn new(input: &'b [u8]) -> Self {
        Self {
            input,
            out: wiped(input),
        }
    }

    fn keep(&mut self, from: usize, to: usize) {
        let to = to.min(self.input.len());
        if let (Some(out), Some(input)) = (self.out.get_mut(from..to), self.input.get(from..to)) {
            out.copy_from_slice(input);
        }
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        let end = at.saturating_add(bytes.len());
        if let Some(out) = self.out.get_mut(at..end) {
            out.copy_from_slice(bytes);
        }
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = self.input.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    }

    fn element(&self, index: usize, is_branch: bool) -> Option<Element> {
        let at = HEADER_BYTES.checked_add(index.checked_mul(ELEMENT_BYTES)?)?;
        let field = |number: usize| self.u32(at.checked_add(number.checked_mul(4)?)?);
        let size = |number: usize| usize::try_from(field(number)?).ok();
        let element = match is_branch {
            true => Element {
                flags: 0,
                start: at.checked_add(size(0)?)?,
                key_bytes: size(1)?,
                value_bytes: 0,
            },
            false => Element {
                flags: field(0)?,
                start: at.checked_add(size(1)?)?,
                key_bytes: size(2)?,
                value_bytes: size(3)?,
            },
        };
        let end = element
            .start
            .checked_add(element.key_bytes)?
            .checked_add(element.value_bytes)?;
        (end <= self.input.len()).then_some(element)
    }

    /// Where the array of elements ends: as the header says, or as the places of keys say if the count is damaged.
    fn array_end(&self, count: usize, is_branch: bool) -> usize {
        let by_count = HEADER_BYTES.saturating_add(count.saturating_mul(ELEMENT_BYTES));
        let mut votes: BTreeMap<usize, usize> = BTreeMap::new();
        let mut first_key = self.input.len();
        let mut before = 0usize;
        for index in 0..count.min(VOTERS) {
            if let Some(element) = self.element(index, is_branch) {
                let end = element.start.saturating_sub(before);
                if end > HEADER_BYTES && end.is_multiple_of(ELEMENT_BYTES) {
                    let votes = votes.entry(end).or_default();
                    *votes = votes.saturating_add(1);
                }
                first_key = first_key.min(element.start);
            }
            before = before.saturating_add(self.lengths(index, is_branch));
        }
        let most = votes.into_iter().max_by_key(|(_, votes)| *votes);
        let candidates = [most.map_or(by_count, |(end, _)| end), by_count];
        let sound = candidates
            .into_iter()
            .filter(|end| self.is_array_end(*end, is_branch));
        sound
            .max()
            .unwrap_or(first_key.max(HEADER_BYTES))
            .min(self.input.len())
    }

    /// Whether keys are where an array that ends there lets them be; a few elements may be damaged. What is kept as an array must
    /// not hold anything of a value.
    fn is_array_end(&self, end: usize, is_branch: bool) -> bool {
        let elements = end.saturating_sub(HEADER_BYTES) / ELEMENT_BYTES;
        let readable = (0..elements).filter_map(|index| self.element(index, is_branch));
        let (mut all, mut within) = (0usize, 0usize);
        for element in readable {
            all = all.saturating_add(1);
            within = within.saturating_add(usize::from(element.start < end));
        }
        end <= self.input.len() && within <= all / 4
    }

    /// Bytes of key and value of an element, whether its place is damaged or not.
    fn lengths(&self, index: usize, is_branch: bool) -> usize {
        let at = HEADER_BYTES.saturating_add(index.saturating_mul(ELEMENT_BYTES));
        let field = |number: usize| {
            let at = at.saturating_add(number.saturating_mul(4));
            self.u32(at)
                .map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX))
        };
        match is_branch {
            true => field(1),
            false => field(2).saturating_add(field(3)),
        }
    }
}

/// A meta page. A page size that is damaged leads to what is none.
pub(super) fn meta(input: &[u8]) -> Vec<u8> {
    let mut patch = Patch::new(input);
    let magic = patch.u32(HEADER_BYTES).unwrap_or(0);
    if (magic ^ MAGIC).count_ones() <= MAX_CHANGED_BITS {
        patch.keep(0, META_BYTES);
    }
    patch.out
}

/// A page whose header says what a tree cannot follow: the header alone.
pub(super) fn header(input: &[u8]) -> Vec<u8> {
    let mut patch = Patch::new(input);
    patch.keep(0, HEADER_BYTES);
    patch.out
}

/// The page of the free list: ids of pages.
pub(super) fn freelist(input: &[u8], pages: u64) -> Vec<u8> {
    let mut patch = Patch::new(input);
    patch.keep(0, HEADER_BYTES);
    let Some(header) = read_header(input) else {
        return patch.out;
    };
    let ids = input.get(HEADER_BYTES..).unwrap_or_default();
    let id = |at: usize| {
        let bytes = ids.get(at..at.checked_add(ID_BYTES)?)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    let (first, count) = match header.count {
        LONG_COUNT => (
            ID_BYTES,
            id(0)
                .and_then(|count| usize::try_from(count).ok())
                .unwrap_or(0),
        ),
        count => (0, usize::from(count)),
    };
    patch.keep(HEADER_BYTES, HEADER_BYTES.saturating_add(first));
    for number in 0..count.min(ids.len() / ID_BYTES) {
        let at = first.saturating_add(number.saturating_mul(ID_BYTES));
        // One changed bit may make an id large; what is larger than that is no id.
        if id(at).is_some_and(|id| {
            id < pages
                || (id ^ (id & pages.next_power_of_two().saturating_sub(1))).is_power_of_two()
        }) {
            let at = HEADER_BYTES.saturating_add(at);
            patch.keep(at, at.saturating_add(ID_BYTES));
        }
    }
    patch.out
}

fn read_header(input: &[u8]) -> Option<PageHeader> {
    let name = FileName::new("");
    PageHeader::parse(&Bytes::new(&name, 0, input)).ok()
}

impl Redactor {
    /// A page of a tree, with its overflow.
    pub(super) fn page(&self, kind: &BucketKind, input: &[u8]) -> Vec<u8> {
        let mut patch = Patch::new(input);
        patch.keep(0, HEADER_BYTES);
        let Some(header) = read_header(input) else {
            return patch.out;
        };
        let is_branch = match header.page_type() {
            Some(PageType::Branch) => true,
            Some(PageType::Leaf) => false,
            _ => return patch.out,
        };
        let room = input.len().saturating_sub(HEADER_BYTES) / ELEMENT_BYTES;
        let count = usize::from(header.count).min(room);
        let end = patch.array_end(count, is_branch);
        patch.keep(HEADER_BYTES, end);
        let elements = end.saturating_sub(HEADER_BYTES) / ELEMENT_BYTES;
        for index in 0..elements {
            if let Some(element) = patch.element(index, is_branch)
                && element.start >= end
            {
                self.element(kind, &element, &mut patch);
            }
        }
        patch.out
    }

    fn element(&self, kind: &BucketKind, element: &Element, patch: &mut Patch<'_>) {
        let key_end = element.start.saturating_add(element.key_bytes);
        let value_end = key_end.saturating_add(element.value_bytes);
        let (Some(key), Some(value)) = (
            patch.input.get(element.start..key_end),
            patch.input.get(key_end..value_end),
        ) else {
            return;
        };
        let new_key = self.stored_key(kind, key);
        let new_value = match (kind, element.flags & BUCKET_FLAG) {
            (BucketKind::Root, 1) => self.bucket(key, value),
            _ => self.stored_value(kind, key, value),
        };
        patch.put(element.start, &new_key);
        patch.put(key_end, &new_value);
    }

    /// The value of a bucket: its root, and the page of an inline one.
    fn bucket(&self, name: &[u8], value: &[u8]) -> Vec<u8> {
        let (header, page) = value.split_at(BUCKET_HEADER_BYTES.min(value.len()));
        match header.starts_with(&[0; 8]) {
            true => [header, &self.page(&BucketKind::of_name(name), page)].concat(),
            false => [header, &wiped(page)].concat(),
        }
    }
}
