//! Pages: headers, elements and page ids stay; keys and values become those of [`Redactor`]; everything else is wiped.

use std::collections::{BTreeMap, BTreeSet};

use super::fill::wiped;
use super::record::{BucketKind, Redactor, is_revision};
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
/// How often each byte of a page is filled at most, on average.
const MAX_FILLINGS: usize = 4;
const LONG_COUNT: u16 = 0xffff;
const ID_BYTES: usize = 8;

/// An element of a page: where its key starts, and the lengths.
struct Element {
    flags: u32,
    start: usize,
    key_bytes: usize,
    value_bytes: usize,
}

impl Element {
    fn end(&self) -> usize {
        let key_end = self.start.saturating_add(self.key_bytes);
        key_end.saturating_add(self.value_bytes)
    }
}

/// The elements of a page.
struct Array {
    is_branch: bool,
    /// Where the first key may be.
    end: usize,
    /// How many elements agree with the end.
    support: usize,
    /// Whether it ends where the header says.
    is_as_counted: bool,
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

    /// The array of elements, and whether its elements are those of a branch.
    ///
    /// Keys and values follow each other without a gap, so each element says where the array ends: where its key is, less the lengths
    /// of the elements before it. The end on which most elements agree is taken; a single element, whose place may be damaged, moves
    /// nothing. Elements decide about the type, too, because flags of a header may be damaged.
    fn array(&self, count: usize, is_branch: bool) -> Array {
        let header = self.votes(count, is_branch);
        let other = self.votes(count, !is_branch);
        match other.support >= 2 && other.support > header.support {
            true => Array {
                is_branch: !is_branch,
                ..other
            },
            false => header,
        }
    }

    fn votes(&self, count: usize, is_branch: bool) -> Array {
        let by_count = HEADER_BYTES.saturating_add(count.saturating_mul(ELEMENT_BYTES));
        let room = self.input.len().saturating_sub(HEADER_BYTES) / ELEMENT_BYTES;
        let mut votes: BTreeMap<usize, usize> = BTreeMap::new();
        // Elements that the header does not count, if it counts too few: they agree with the others.
        let mut uncounted: BTreeSet<usize> = BTreeSet::new();
        let mut before = 0usize;
        for index in 0..room.min(VOTERS) {
            if let Some(end) = self.array_end(index, before, is_branch)
                && index < end.saturating_sub(HEADER_BYTES) / ELEMENT_BYTES
            {
                let votes = votes.entry(end).or_default();
                *votes = votes.saturating_add(1);
                if index >= count {
                    uncounted.insert(end);
                }
            }
            before = before.saturating_add(self.lengths(index, is_branch));
        }
        let support = |end: usize| votes.get(&end).copied().unwrap_or(0);
        let most = votes
            .iter()
            .filter(|(end, _)| **end < by_count || uncounted.contains(end))
            .max_by_key(|(end, votes)| (**votes, std::cmp::Reverse(**end)))
            .filter(|(_, votes)| **votes >= 2 && support(by_count) == 0);
        let end = most.map_or(by_count, |(end, _)| *end);
        Array {
            is_branch,
            end: end.min(self.input.len()),
            support: support(end),
            is_as_counted: end == by_count,
        }
    }

    /// Where the array ends if element `index` is right, and the elements before it have so many bytes.
    fn array_end(&self, index: usize, before: usize, is_branch: bool) -> Option<usize> {
        let element = self.element(index, is_branch)?;
        let end = element.start.checked_sub(before)?;
        (end > HEADER_BYTES && end.is_multiple_of(ELEMENT_BYTES)).then_some(end)
    }

    /// Keeps the elements: all bytes if two of them and the header agree on the end, otherwise number by number. A number of which
    /// no byte is 0 is none: pages and values are smaller than 16 MiB. So text that a damaged count counts among the elements is
    /// never kept.
    fn keep_elements(&mut self, array: &Array) {
        if array.is_as_counted && array.support >= 2 {
            self.keep(HEADER_BYTES, array.end);
            return;
        }
        let is_number = |field: &[u8]| match field {
            [_, _, _, 0] => array.support > 0 || field.ends_with(&[0, 0]),
            // One changed bit makes a small number large.
            [_, _, 0, high] => array.support > 0 && high.is_power_of_two(),
            _ => false,
        };
        let mut at = HEADER_BYTES;
        while at < array.end {
            let end = at.saturating_add(4);
            if self.input.get(at..end).is_some_and(is_number) {
                self.keep(at, end);
            }
            at = end;
        }
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

/// The elements that are filled, in their order. Of elements that claim the same bytes again and again only the last are: what no
/// element fills is wiped.
fn affordable(found: Vec<(bool, Element)>, page_bytes: usize) -> Vec<Element> {
    let mut room = page_bytes.saturating_mul(MAX_FILLINGS);
    let mut kept: Vec<Element> = found
        .into_iter()
        .rev()
        .map(|(_, element)| element)
        .take_while(|element| {
            let bytes = element.key_bytes.saturating_add(element.value_bytes);
            let left = room.checked_sub(bytes);
            room = left.unwrap_or(0);
            left.is_some()
        })
        .collect();
    kept.reverse();
    kept
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
        let array = patch.array(count, is_branch);
        patch.keep_elements(&array);
        let elements = array.end.saturating_sub(HEADER_BYTES) / ELEMENT_BYTES;
        let mut before = 0usize;
        let mut found = Vec::with_capacity(elements);
        for index in 0..elements {
            let end = patch.array_end(index, before, array.is_branch);
            before = before.saturating_add(patch.lengths(index, array.is_branch));
            if let Some(element) = patch.element(index, array.is_branch)
                && element.start >= array.end
            {
                let is_there = match kind {
                    BucketKind::Key => input.get(element.start..).is_some_and(is_revision),
                    _ => end == Some(array.end),
                };
                found.push((is_there, element));
            }
        }
        let mut starts: Vec<usize> = found.iter().map(|(_, element)| element.start).collect();
        starts.sort_unstable();
        // What overlaps others, or does not start with a key, is written first: its place or lengths are damaged, and the records
        // that it points into are right.
        found.sort_by_key(|(is_there, element)| {
            let next = starts.partition_point(|start| *start <= element.start);
            let next = starts.get(next).copied().unwrap_or(usize::MAX);
            (*is_there, element.end() <= next)
        });
        for element in affordable(found, input.len()) {
            self.element(kind, &element, &mut patch);
        }
        patch.out
    }

    /// What a page holds that no tree reaches; `None` if its header is none of a leaf or a branch with that id.
    pub(super) fn orphan(pgid: u64, input: &[u8]) -> Option<(BucketKind, u32)> {
        let header = read_header(input).filter(|header| header.id.0 == pgid)?;
        let is_branch = match header.page_type()? {
            PageType::Branch => true,
            PageType::Leaf => false,
            _ => return None,
        };
        let patch = Patch {
            input,
            out: Vec::new(),
        };
        let array = patch.array(usize::from(header.count), is_branch);
        let elements = array.end.saturating_sub(HEADER_BYTES) / ELEMENT_BYTES;
        let kinds = (0..elements).filter_map(|index| {
            let element = patch.element(index, array.is_branch)?;
            let end = element.start.checked_add(element.key_bytes)?;
            let key = input.get(element.start..end)?;
            let is_bucket =
                element.flags == BUCKET_FLAG && element.value_bytes >= BUCKET_HEADER_BYTES;
            Some(BucketKind::of_first_key(key, is_bucket))
        });
        let kind = kinds.take(VOTERS).find(|kind| *kind != BucketKind::Unknown);
        Some((kind.unwrap_or(BucketKind::Unknown), header.overflow))
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
